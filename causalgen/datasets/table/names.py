"""Columns of a table read from a folder of images."""

__all__ = ["FILE_NAME", "IMAGE", "LABEL", "SPLIT"]

IMAGE, LABEL, SPLIT = "image", "label", "split"
"""The path of the image, the name of its class folder, the name of its split."""
FILE_NAME = "file_name"
"""The path of the image in a metadata file; it becomes `IMAGE`."""
