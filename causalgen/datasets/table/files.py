"""Which file does a cell of a column of images mean: the one at its path, or the one whose name lacks its suffix?"""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..formats import SUFFIXES, is_dicom, names_picture, split_place

__all__ = ["file_of", "find_folder", "holds_images", "looks_like_paths", "surplus_top"]

LOOKED_AT = 20
"""Cells that tell whether a column holds paths of images."""
TRIED = 3
"""Cells that are looked for as files before a column counts as holding none."""
FOLDERS = 50
"""Folders next to a table in which its images are looked for."""
ENDINGS = (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))


def file_of(folder: Path, cell: str) -> Path:
    """The file that a cell names; of a name without a suffix, such as ISIC_0024306, the image file of that name.

    A file that does not exist is returned as it is named.
    """
    path = folder / cell.replace("\\", "/").replace("\0", "?")  # which no path may hold
    try:
        if not path.name or names_picture(cell) or path.exists():
            return path
        return next((file for ending in ENDINGS if (file := path.parent / (path.name + ending)).is_file()), path)
    except OSError:  # a text that no file can be called
        return path


def surplus_top(cells: Iterable[str], folder: Path) -> str:
    """The first folder of all paths, with a slash, where only the rest of them leads to files in `folder`.

    Public tables often begin paths with the name of the data set.
    """
    paths = [cell.replace("\\", "/") for cell in cells]
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    if len(tops) != 1 or not all("/" in path for path in paths):
        return ""
    top = f"{tops.pop()}/"
    if top in ("/", "./", "../") or (folder / top).exists():
        return ""
    return top if any((folder / path.removeprefix(top)).exists() for path in paths[:TRIED]) else ""


def looks_like_paths(column: pd.Series) -> bool:
    """Whether most of the first words of a column end as image files do."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    words = [str(word).lower() for word in column.dropna().head(LOOKED_AT)]
    return sum(map(names_picture, words)) > len(words) / 2


def holds_images(column: pd.Series, folder: Path) -> bool:
    """Whether a column holds paths of images, or names in `folder` without their suffix."""
    return looks_like_paths(column) or _names_files(column, folder)


def find_folder(frame: pd.DataFrame, folder: Path) -> Path:
    """The folder that image paths in a table start from: `folder`, or the one folder in it that has the files."""
    texts = [frame[title] for title in frame.columns if not pd.api.types.is_numeric_dtype(frame[title])]
    columns = [column for column in texts if looks_like_paths(column) or column.is_unique]
    if any(_found(column, folder) for column in columns):
        return folder
    inside = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())[:FOLDERS] if folder.is_dir() else []
    having = [Path(path) for path in inside if any(_found(column, Path(path)) for column in columns[:FOLDERS])]
    return having[0] if len(having) == 1 else folder


def _names_files(column: pd.Series, folder: Path) -> bool:
    if pd.api.types.is_numeric_dtype(column) or not _found(column, folder):
        return False
    words = [str(word).strip() for word in column.dropna().head(LOOKED_AT)]
    return sum(_is_image(file_of(folder, word)) for word in words) > len(words) / 2


def _found(column: pd.Series, folder: Path) -> bool:
    """Whether one of the first cells is an image file in `folder`."""
    words = (str(word).strip() for word in column.dropna().head(TRIED))
    return any(_is_image(file_of(folder, word)) for word in words if word)


def _is_image(path: Path) -> bool:
    try:
        file = split_place(path)[0]
        return file.is_file() and (names_picture(path.as_posix()) or is_dicom(file))
    except (OSError, ValueError):  # a text that no file can be called
        return False
