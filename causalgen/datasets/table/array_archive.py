"""The table of a .npz file: one row per picture, as MedMNIST and many synthetic data sets are published."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError, DataWarning, warn
from ..formats.arrays import open_array
from .names import IMAGE, LABEL, SPLIT

__all__ = ["read_archive"]

OF_SPLIT = re.compile(r"(?P<split>train|val|test)_(?P<name>.+)")
SINGULAR = {"images": IMAGE, "labels": LABEL}


def read_archive(path: Path) -> pd.DataFrame:
    """A column for each array `(N,)` or `(N, 1)`, several for `(N, k)`, and paths `file.npz/name/row` for arrays of pictures.

    Names that begin with train_, val_ and test_ give the column `split`, and `images` and `labels` become `image` and
    `label`, as in MedMNIST (Yang et al., 2023).

    Raises:
        DataError: The arrays differ in length, or none has rows.
    """
    arrays = dict(_arrays(path))
    parts = {name: OF_SPLIT.fullmatch(name) for name in arrays}
    if not arrays or not all(parts.values()):
        return _table(path, {name: (name, array) for name, array in arrays.items()})
    tables = []
    for split in dict.fromkeys(part["split"] for part in parts.values() if part):
        own = {part["name"]: name for name, part in parts.items() if part and part["split"] == split}
        table = _table(path, {SINGULAR.get(word, word): (name, arrays[name]) for word, name in own.items()})
        tables.append(table.assign(**{SPLIT: split}))
    if len({frozenset(table.columns) for table in tables}) > 1:
        raise DataError(
            f"Expected the same arrays for each split in '{path}'; got {', '.join(arrays)}. Write the file with all of them."
        )
    return pd.concat(tables, ignore_index=True)


def _arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of an archive that have rows; others are named in a warning."""
    left = []
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    for name in names:
        try:
            array = open_array(path, name)
        except DataError:
            raise
        except ValueError:  # Python objects, which could run code when they are read
            left.append(f"{name} (Python objects)")
            continue
        if array.ndim:
            yield name, array
        else:
            left.append(f"{name} (a single value)")
    if left:
        warn(f"Arrays of {path.name} without rows are left out: {', '.join(left)}.", DataWarning)


def _table(path: Path, arrays: dict[str, tuple[str, NDArray[Any]]]) -> pd.DataFrame:
    """Build the table from columns by name, each given with the name of its array in the file."""
    lengths = {name: len(array) for name, array in arrays.values()}
    if len(set(lengths.values())) != 1:
        shown = ", ".join(f"{name} {count:,}" for name, count in lengths.items()) or "none"
        raise DataError(f"Expected arrays with one row per picture in '{path}'; got {shown}. Leave out the others.")
    columns: dict[str, Any] = {}
    for word, (name, array) in arrays.items():
        if array.ndim > 2:
            columns[word] = [f"{path.name}/{name}/{row}" for row in range(len(array))]
        elif array.ndim == 2 and array.shape[1] > 1:
            columns |= {f"{word}_{place}": np.asarray(array[:, place]) for place in range(array.shape[1])}
        else:
            columns[word] = np.asarray(array).reshape(-1)
    return pd.DataFrame(columns)
