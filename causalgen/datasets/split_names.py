"""The splits of a data set."""

__all__ = ["SPLITS"]

SPLITS = ("train", "validation", "test")
