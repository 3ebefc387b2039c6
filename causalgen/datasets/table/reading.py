"""Read the user's table: CSV in the forms that spreadsheets write, or Parquet; or an image folder in a usual layout."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

from ...errors import DataError
from .layouts import read_folder

__all__ = ["numbers_rows", "read_table"]

SEPARATORS = ",;\t|"
PARQUET = (".parquet", ".pq")
LOOKED_AT = 1000
"""Lines at the top of a file from which its form is told."""
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
DECIMAL_POINT = re.compile(r"-?\d+\.\d+")
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


def read_table(path: str | Path, *, arrow: bool = False) -> pd.DataFrame:
    """The table at `path`: a .csv (or .tsv, .txt) or .parquet file, or an image folder.

    CSV is UTF-8, with or without byte order mark; columns are separated by commas, semicolons, tabs or bars, as the
    header says. Where it is not commas, numbers may have a decimal comma. Empty cells, NA, NaN, null and None are missing,
    unless in quotes: a label may be called so. Spaces around column names are cut. A first column without a name that
    numbers the rows is left out, and so are empty columns without a name.

    Args:
        path: File or folder.
        arrow: Keep columns as Arrow holds them: missing whole numbers stay whole, and a million words take little memory.

    Raises:
        DataError: It cannot be read; it is empty or has a single row; or a column name is empty or stands twice.
    """
    path = Path(path)
    if path.is_dir():
        table = read_folder(path)
    else:
        with _refusing(path):
            parsed = parquet.read_table(path) if path.suffix.lower() in PARQUET else _csv(path)
            table = _as_frame(parsed, path, arrow=arrow)
    if len(table) < 2:
        count = "one row" if len(table) else "none"
        raise DataError(f"Expected rows to learn from in '{path}'; got {count}. Check that it is the right file.")
    return table


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """One message for whatever is wrong with a file."""
    try:
        yield
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(
            f"Expected UTF-8 text in '{path}'; got the byte 0x{byte:02x} at position {error.start}, as in Latin-1 or "
            "Windows files. Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        ) from None
    except OSError as error:
        raise DataError(
            f"Expected a table at '{path}'; it cannot be read: {error.strerror or error}. Mind that a study's "
            "path starts at the study file."
        ) from None
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        kind = "Parquet" if path.suffix.lower() in PARQUET else "CSV"
        raise DataError(f"Expected a {kind} table at '{path}'; it cannot be read: {error}") from None


def _csv(path: Path) -> pa.Table:
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise DataError(f"Expected a .csv or .parquet file, or a folder of images; got '{path}'.")
    head = _head(path)
    if not head or not head[0].strip():
        raise DataError(f"Expected a header line in '{path}'; got an empty file. Write the column names into line 1.")
    if len(head) == 1:
        raise DataError(f"Expected rows below the header of '{path}'; got none. Check that it is the right file.")
    separator = max(SEPARATORS, key=head[0].count)
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            null_values=MISSING,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            decimal_point=_decimal_point(path, head[1:], separator),
        ),
    )


def _head(path: Path) -> list[str]:
    """The first lines. The whole file is decoded, so that a wrong encoding is found wherever it stands."""
    head: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for number, line in enumerate(lines):
            if number < LOOKED_AT:
                head.append(line)
            if "\0" in line:
                raise DataError(f"Expected text in '{path}'; got binary data in line {number + 1}. Save it as CSV.")
    return head


def _decimal_point(path: Path, lines: list[str], separator: str) -> str:
    if separator == ",":
        return "."
    cells = [cell.strip().strip('"') for line in lines for cell in line.split(separator)]
    commas = any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    if commas and any(DECIMAL_POINT.fullmatch(cell) for cell in cells):
        raise DataError(
            f"Expected one decimal mark in '{path}'; got numbers with a comma and numbers with a point. "
            "Write all of them with a point."
        )
    return "," if commas else "."


def _as_frame(table: pa.Table, path: Path, *, arrow: bool) -> pd.DataFrame:
    names = [" ".join(name.split()) for name in table.column_names]  # Arrow makes this list anew at every look
    columns = table.columns
    kept = [place for place, name in enumerate(names) if name or columns[place].null_count < len(columns[place])]
    if kept and kept[0] == 0 and not names[0] and numbers_rows(columns[0].to_pandas()):
        kept = kept[1:]  # what pandas and R write unless told otherwise
    empty = [str(place + 1) for place in kept if not names[place]]
    if empty:
        which = f"column {empty[0]} has" if len(empty) == 1 else f"columns {', '.join(empty[:10])} have"
        raise DataError(f"Expected a name for every column of '{path}'; {which} none. Name it.")
    titles = [names[place] for place in kept]
    twice = [(name, count) for name, count in Counter(titles).items() if count > 1]
    if twice:
        shown = ", ".join(f"'{name}' {count} times" for name, count in twice[:10])
        raise DataError(f"Expected every column name once in '{path}'; got {shown}. Rename them.")
    table = pa.Table.from_arrays([columns[place] for place in kept], names=titles)
    return table.to_pandas(types_mapper=pd.ArrowDtype if arrow else None, ignore_metadata=True)


def numbers_rows(column: pd.Series) -> bool:
    """Whether a column counts the rows from 0 or from 1."""
    if column.isna().any() or not pd.api.types.is_numeric_dtype(column):
        return False
    steps = column.to_numpy(dtype=float) - np.arange(len(column))
    return bool(len(steps)) and bool(np.isin(steps[0], (0, 1))) and bool((steps == steps[0]).all())
