"""Reads requested elements of DICOM files as columns of a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError
from ..formats import is_dicom, split_place
from .files import ImageFiles, surplus_top

__all__ = ["with_tags"]

TRIED = 5
"""Number of cells of a column that are examined to find DICOM files."""


def with_tags(frame: pd.DataFrame, tags: Sequence[str], folder: Path) -> pd.DataFrame:
    """The table with a column for each keyword, read from the DICOM files of its first column that names some.

    Args:
        frame: The table.
        tags: Keywords such as PatientAge, in years, or Manufacturer.
        folder: Folder that image paths start from.

    Raises:
        DataError: No column names DICOM files, a keyword is unknown, or is a column already.
    """
    if not tags:
        return frame
    from ..formats import dicom  # the extra `dicom`, which its message names

    dicom.check_keywords(tags)
    taken = next((tag for tag in tags if tag in frame), None)
    if taken is not None:
        raise DataError(f"Expected tags that are not columns of the table; got '{taken}'. Leave out one of the two.")
    texts = (frame[title] for title in frame.columns if not pd.api.types.is_numeric_dtype(frame[title]))
    files = next((found for column in texts if (found := _scans(column, folder))), None)
    if files is None:
        raise DataError("Expected a column with paths of DICOM files for `tags`; got none. Check where paths start.")
    # Other files are reported with the images.
    rows: list[dict[str, Any]] = [
        dict.fromkeys(tags) if file is None else dicom.read_tags(file, tags) for file in files
    ]
    return frame.assign(**{tag: [row[tag] for row in rows] for tag in tags})


def _scans(column: pd.Series, folder: Path) -> list[Path | None]:
    """The DICOM files of a column, None for other cells; nothing if its first cells name none."""
    cells = [None if missing else str(cell).strip() for cell, missing in zip(column, column.isna())]
    top = surplus_top(filter(None, cells), folder)
    first, files = [cell for cell in cells if cell][:TRIED], ImageFiles(folder)
    if not any(_scan(cell[len(top) :], files) for cell in first):
        return []
    return [_scan(cell[len(top) :], files) if cell else None for cell in cells]


def _scan(cell: str, files: ImageFiles) -> Path | None:
    file = split_place(files.find(cell)[0])[0]
    return file if file.is_file() and is_dicom(file) else None
