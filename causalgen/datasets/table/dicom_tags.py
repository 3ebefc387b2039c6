"""Elements of DICOM files as columns of a table, only those that are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError
from ..formats import is_dicom, split_place
from .files import file_of

__all__ = ["with_tags"]

TRIED = 5
"""Cells of a column that are looked at to find DICOM files."""


def with_tags(frame: pd.DataFrame, tags: Sequence[str], folder: Path) -> pd.DataFrame:
    """The table with a column for each keyword, read from the DICOM files of its first column that names some.

    Args:
        frame: The table.
        tags: Keywords such as PatientAge, in years, or Manufacturer.
        folder: Where image paths start.

    Raises:
        DataError: No column names DICOM files, a keyword is unknown, or is a column already.
    """
    if not tags:
        return frame
    from ..formats import dicom  # the extra `dicom`, which its message names

    dicom.check_keywords(tags)
    taken = next((tag for tag in tags if tag in frame), None)
    if taken is not None:
        raise DataError(f"Expected tags that are no columns of the table; got '{taken}'. Leave out one of the two.")
    column = next((frame[title] for title in frame.columns if _names_dicom(frame[title], folder)), None)
    if column is None:
        raise DataError("Expected a column with paths of DICOM files for `tags`; got none. Check where paths start.")
    rows: list[dict[str, Any]] = []
    for cell in column:
        file = None if pd.isna(cell) else split_place(file_of(folder, str(cell).strip()))[0]
        usable = file is not None and file.is_file() and is_dicom(file)  # other files are reported with the images
        rows.append(dicom.read_tags(file, tags) if usable and file is not None else dict.fromkeys(tags))
    return frame.assign(**{tag: [row[tag] for row in rows] for tag in tags})


def _names_dicom(column: pd.Series, folder: Path) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return False
    files = (split_place(file_of(folder, str(cell).strip()))[0] for cell in column.dropna().head(TRIED))
    return any(file.is_file() and is_dicom(file) for file in files)
