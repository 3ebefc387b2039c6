"""The folder of an augmentation: a description, and for each split an image folder with a table.

augmentation.json         the plan, the variables, and the number of images
train/metadata.csv        one row per image; its files are relative to it, as Hugging Face's `imagefolder` expects
train/row-17-0.png        the images; in one folder per class if a label was named, for torchvision's `ImageFolder`
train/left/row-17-0.png   with several images in the graph, one folder each
parts/                    the tables of finished pieces, while the folder is being written
"""

from pathlib import Path

from ..graph import CausalGraph

__all__ = [
    "COLUMNS",
    "DESCRIPTION",
    "DRAW",
    "GROUP",
    "PARTS",
    "ROW",
    "SET",
    "SPLIT",
    "SUPPORTED",
    "TABLE",
    "file_column",
]

TABLE, DESCRIPTION, PARTS = Path("metadata.csv"), Path("augmentation.json"), Path("parts")
SPLIT, ROW, GROUP, DRAW, SET, SUPPORTED = COLUMNS = (
    "split",
    "origin_row",
    "origin_group",
    "draw",
    "was_set",
    "within_support",
)
"""Columns of the table next to the files and the attributes."""


def file_column(graph: CausalGraph, image: str) -> str:
    """Return the column with the files of an image node: `file_name`, or a separate column for each of several images.

    >>> from causalgen.graph import Variable
    >>> pair = [Variable(name, "image", shape=(1, 8, 8)) for name in ("left", "right")]
    >>> file_column(CausalGraph("left -> right", pair), "left")
    'left_file_name'
    """
    return "file_name" if graph.images == (image,) else f"{image}_file_name"
