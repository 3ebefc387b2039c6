"""Image folders in the layouts that people have: metadata file, CelebA's lists, a folder per class."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ...errors import DataError
from .headers import SUFFIXES

__all__ = ["IMAGE", "LABEL", "SPLIT", "read_folder"]

IMAGE, LABEL, SPLIT = "image", "label", "split"
"""Columns of what is read from a folder: the path of the image, the name of its class folder, the name of its split."""
METADATA = ("metadata.csv", "metadata.parquet")
FILE_NAME = "file_name"
CELEBA, CELEBA_SPLITS = "list_attr_celeba.txt", "list_eval_partition.txt"
CELEBA_FOLDERS = ("img_align_celeba", "img_celeba")
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def read_folder(folder: Path) -> pd.DataFrame:
    """The table that a folder of images amounts to; paths are relative to the folder.

    - `metadata.csv` or `metadata.parquet` with a column `file_name`: its columns, the path as column `image`.
    - `list_attr_celeba.txt` (CelebA; Liu et al., 2015): its attributes as labels no and yes, the split from
      `list_eval_partition.txt` where that is there.
    - Else a folder per class: columns `image` and `label`; and `split`, where folders called train, validation and test
      hold the class folders.

    Raises:
        DataError: The folder is none of these.
    """
    for name in METADATA:
        if (folder / name).is_file():
            return _with_metadata(folder / name)
    if (folder / CELEBA).is_file():
        return _celeba(folder)
    return _classes(folder)


def _with_metadata(path: Path) -> pd.DataFrame:
    from .reading import read_table  # which reads folders through this file

    table = read_table(path)
    if FILE_NAME not in table:
        raise DataError(
            f"Expected a column '{FILE_NAME}' with image paths in '{path}'; got {', '.join(map(str, table.columns))}."
        )
    return table.rename(columns={FILE_NAME: IMAGE}) if IMAGE not in table else table


def _celeba(folder: Path) -> pd.DataFrame:
    path = folder / CELEBA
    try:
        with path.open(encoding="utf-8") as lines:
            next(lines)
            names = next(lines).split()
        table = pd.read_csv(path, sep=r"\s+", skiprows=2, header=None, names=[IMAGE, *names], index_col=False)
    except (StopIteration, ValueError) as error:
        raise DataError(f"Expected CelebA's list of attributes in '{path}'; it cannot be read: {error}.") from None
    if not names or not table[names].isin([-1, 1]).all(axis=None):
        raise DataError(f"Expected -1 and 1 for every attribute in '{path}'; got other values. Restore the file.")
    table[names] = table[names].replace({-1: "no", 1: "yes"})
    if (folder / CELEBA_SPLITS).is_file():
        parts = pd.read_csv(folder / CELEBA_SPLITS, sep=r"\s+", header=None, names=[IMAGE, SPLIT])
        parts[SPLIT] = parts[SPLIT].map({0: "train", 1: "validation", 2: "test"})
        table = table.merge(parts, on=IMAGE, how="left")
    below = next((name for name in CELEBA_FOLDERS if (folder / name).is_dir()), None)
    if below is not None:
        table[IMAGE] = below + "/" + table[IMAGE]
    return table


def _classes(folder: Path) -> pd.DataFrame:
    found = sorted(_images(folder))
    depths = {len(path.parts) for path in found}
    if not found or len(depths) > 1 or depths == {1} or max(depths) > 3:
        shown = "no images" if not found else f"images {' and '.join(str(d - 1) for d in sorted(depths))} folders down"
        raise DataError(
            f"Expected {METADATA[0]}, {CELEBA}, or a folder per class in '{folder}'; got {shown}. "
            "Name a table of attributes with a column of image paths instead."
        )
    columns = {IMAGE: [path.as_posix() for path in found], LABEL: [path.parts[-2] for path in found]}
    if depths == {3}:
        columns[SPLIT] = [_split_of(folder, path.parts[0]) for path in found]
    return pd.DataFrame(columns)


def _images(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked = next((name for name in folders if (Path(place) / name).is_symlink()), None)
        if linked is not None:  # its images would be left out without a word
            raise DataError(
                f"Expected folders in '{place}'; '{linked}' is a symbolic link. Put the folder itself there."
            )
        for name in files:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield (Path(place) / name).relative_to(folder)


def _split_of(folder: Path, name: str) -> str:
    if name.lower() not in SPLIT_FOLDERS:
        known = ", ".join(SPLIT_FOLDERS)
        raise DataError(
            f"Expected split folders among {known} in '{folder}'; got '{name}'. Rename it, or move it away."
        )
    return SPLIT_FOLDERS[name.lower()]
