"""The folder of an augmentation: a table, a description, and an image folder for each split.

metadata.csv          one row per image; Hugging Face's `imagefolder` and `causalgen.load_table` read it
augmentation.json     what was asked, the variables, and how many images there are
train/ validation/    PNG images; below a folder per class where a label was named, as `ImageFolder` of torchvision wants
parts/                the tables of finished pieces, while the folder is being written
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
    """The column with the files of an image node: `file_name`, or one for each of several images.

    >>> from causalgen.graph import Variable
    >>> pair = [Variable(name, "image", shape=(1, 8, 8)) for name in ("left", "right")]
    >>> file_column(CausalGraph("age -> {left, right}", pair), "left")
    'left_file_name'
    """
    return "file_name" if graph.images == (image,) else f"{image}_file_name"
