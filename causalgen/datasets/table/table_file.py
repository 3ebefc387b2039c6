"""Read a table from one file: CSV as written by spreadsheets, Parquet, or JSON Lines."""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, csv, json, parquet

from ...errors import DataError, DataNote, DataWarning, warn
from ...spreadsheets import MARKED
from ..formats.parquet import image_columns, missing_bytes
from ..kinds import BEYOND_INT64
from .array_archive import read_archive
from .tar_shard import read_shard
from .text import TextForm, text_form

__all__ = ["numbers_rows", "read_file", "read_part", "require_rows"]

CSV = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson")
FRAMES = {".npz": read_archive, ".tar": read_shard}
"""Readers of other files that are tables."""
BLOCK, LONG = 1 << 20, 8
"""Minimum size of a parsed block, in bytes and in longest lines."""
MOST_CELLS = 300_000_000
"""Maximum number of cells of a Parquet file: 2.4 GB of numbers."""
MOST_SHOWN = 300
"""Maximum number of characters shown of a library's message."""
MOST_DENSE, DENSE = 100, 10_000_000
"""Maximum number of cells per byte of a Parquet file with more cells than the second number: others repeat few values."""
MOST_TEXT, REPEATED = 500_000_000, 20
"""Bytes of text that are always allowed in a Parquet column, and additional bytes per byte of the file."""
UNREADABLE = (
    pa.ArrowException, zipfile.BadZipFile, NotImplementedError, ValueError, MemoryError, OverflowError, RecursionError
)  # fmt: skip
"""Errors of damaged files; archives of unknown versions are not implemented."""
WHOLE = r"^[-+]?[0-9]+$"
NUMBER = r"^\s*[-+]?[0-9]+(,[0-9]+)?([eE][-+]?[0-9]+)?\s*$"
DECIMAL_COMMA = r"^(\s*[-+]?[0-9]+),([0-9]+([eE][-+]?[0-9]+)?\s*)$"
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


def read_file(path: Path, *, arrow: bool = False) -> pd.DataFrame:
    """The table in a file; see `causalgen.datasets.table.read_table`."""
    return require_rows(read_part(path, arrow=arrow), path)


def read_part(path: Path, *, arrow: bool = False) -> pd.DataFrame:
    """The same, which may have any number of rows."""
    with _refusing(path):
        table = _parsed(path)
        _check_columns(table, path)
        return _as_frame(table, path, arrow=arrow)


def require_rows(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table of a file or folder, which must have at least two rows."""
    if len(table) < 2:
        count = "one row" if len(table) else "none"
        raise DataError(f"Expected rows to learn from in '{path}'; got {count}. Check that it is the right file.")
    return table


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """One message for any fault of a file."""
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise DataError(
                f"Expected a table at '{path}'; it cannot be read: {error.strerror or error}. Note that a study's "
                "path starts at the study file."
            ) from None
        raise _unreadable(path, error) from None
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: BaseException) -> DataError:
    suffix = path.suffix.lower()
    kinds = (
        dict.fromkeys(PARQUET, "Parquet") | dict.fromkeys(JSON_LINES, "JSON Lines") | {".npz": "NumPy", ".tar": "tar"}
    )
    kind = kinds.get(suffix, "CSV")
    shown = str(error) if len(str(error)) < MOST_SHOWN else str(error)[:MOST_SHOWN] + "..."
    remedy = "Line 1 has to hold the column names, and every row as many cells." if kind == "CSV" else "Write it again."
    return DataError(f"Expected a {kind} table at '{path}'; it cannot be read: {shown.rstrip('.')}. {remedy}")


def _parsed(path: Path) -> pa.Table:
    suffix = path.suffix.lower()
    if suffix in PARQUET:
        return _parquet(path)
    if suffix in FRAMES:
        return pa.Table.from_pandas(FRAMES[suffix](path), preserve_index=False)
    if suffix in JSON_LINES:
        return json.read_json(path)
    if suffix not in CSV:
        path.stat()  # a path that does not exist is not a table in a wrong format
        raise DataError(
            f"Expected a .csv or .parquet file, or a folder of images; got '{path}'. Save the table as CSV."
        )
    form = text_form(path)
    table = _without_marks(_csv(path, form))
    return _with_points(table) if form.decimal == "," else table


def _check_columns(table: pa.Table, path: Path) -> None:
    """Refuse what Arrow reads from JSON and Parquet without a check, such as text that is not UTF-8."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            raise DataError(
                f"Expected UTF-8 text in the column '{name}' of '{path}'; got other bytes. Save the table as UTF-8."
            ) from None


def _csv(path: Path, form: TextForm) -> pa.Table:
    def read(types: Mapping[str, pa.DataType]) -> pa.Table:
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(
                encoding=form.encoding, skip_rows=form.skipped, block_size=max(BLOCK, LONG * form.longest)
            ),
            parse_options=csv.ParseOptions(delimiter=form.separator, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=form.decimal,
            ),
        )

    table = read({})
    names = [name for name, column in zip(table.column_names, table.columns) if _may_be_rounded(column)]
    if not names:
        return table
    texts = read(dict.fromkeys(names, pa.string()))
    for name in names:
        place = table.column_names.index(name)
        if compute.all(compute.match_substring_regex(texts.column(place), WHOLE)).as_py():
            table = table.set_column(place, name, _exact(texts.column(place)))
    return table


def _may_be_rounded(column: pa.ChunkedArray) -> bool:
    """Whether Arrow may have rounded whole numbers, which it reads as floats from 2^63 on."""
    return pa.types.is_float64(column.type) and (compute.max(compute.abs(column)).as_py() or 0.0) >= BEYOND_INT64


def _exact(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers up to 2^64; text where one is greater or missing, since pandas would round all of them."""
    if texts.null_count:
        return texts
    with suppress(pa.ArrowInvalid):
        return texts.cast(pa.uint64())
    return texts


def _without_marks(table: pa.Table) -> pa.Table:
    """The texts without the apostrophe that keeps a spreadsheet from running them."""
    for place, column in enumerate(table.columns):
        if pa.types.is_string(column.type) and compute.any(compute.match_substring_regex(column, MARKED)).as_py():
            table = table.set_column(
                place, table.column_names[place], compute.replace_substring_regex(column, MARKED, r"\1")
            )
    return table.rename_columns([re.sub(MARKED, r"\1", name) for name in table.column_names])


def _with_points(table: pa.Table) -> pa.Table:
    """The table with decimal points in columns of numbers that Arrow left as text because some cells are words."""
    for place, column in enumerate(table.columns):
        if not pa.types.is_string(column.type):
            continue
        numbers = compute.sum(compute.match_substring_regex(column, NUMBER)).as_py() or 0
        if 2 * numbers > len(column) - column.null_count:
            pointed = compute.replace_substring_regex(column, DECIMAL_COMMA, r"\1.\2")
            table = table.set_column(place, table.column_names[place], pointed)
    return table


def _parquet(path: Path) -> pa.Table:
    """The table of a Parquet file, after a check of its size in the header: few kilobytes can hold a billion equal rows."""
    texts = _texts(path)
    with parquet.ParquetFile(path, read_dictionary=texts) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
        size = path.stat().st_size
        if rows * columns > max(DENSE, MOST_DENSE * size):
            raise DataError(
                f"Expected a Parquet table of values in '{path}'; got {rows:,} rows of {columns:,} columns in {size:,} bytes: "
                "nearly all cells are alike. Keep the rows and columns that the study needs."
            )
        if rows * columns > MOST_CELLS:
            raise DataError(
                f"Expected at most {MOST_CELLS:,} cells in '{path}'; got {rows:,} rows of {columns:,} columns. Keep the "
                "rows and columns that the study needs."
            )
        images = image_columns(file)
        if not images:
            return _plain_texts(path, file.read(), texts)
        rest = file.read(columns=[name for name in file.schema_arrow.names if name not in images])
        table = _plain_texts(path, rest, texts)
        return _with_images(path, file, table, images)


def _texts(path: Path) -> list[str]:
    """Columns of text, which are read as codes first: a few kilobytes can hold a long text a million times."""
    schema = parquet.read_schema(path)
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def _plain_texts(path: Path, table: pa.Table, texts: Sequence[str]) -> pa.Table:
    """The table with plain texts in place of codes, after a check of their size."""
    most = max(MOST_TEXT, REPEATED * path.stat().st_size)
    for place, column in enumerate(table.columns):
        if table.column_names[place] not in texts or not pa.types.is_dictionary(column.type):
            continue
        sizes = [
            compute.sum(compute.binary_length(part.dictionary).take(part.indices)).as_py() for part in column.chunks
        ]
        if (size := sum(filter(None, sizes))) > most:
            raise DataError(
                f"Expected at most {most:,} bytes of text in a column of '{path}'; got {size:,} in "
                f"'{table.column_names[place]}'. Leave the column out."
            )
        table = table.set_column(place, table.column_names[place], column.cast(column.type.value_type))
    return table


def _with_images(path: Path, file: parquet.ParquetFile, table: pa.Table, images: Sequence[str]) -> pa.Table:
    """The table with the paths of its images, which stay in the file; labels of Hugging Face's features by name."""
    count = file.metadata.num_rows
    columns: dict[str, Any] = {}
    for name in file.schema_arrow.names:
        if name in images:
            absent = missing_bytes(file, name)
            cells = [absent.get(row, f"{path.name}/{name}/{row}") or None for row in range(count)]
            columns[name] = pa.array(cells, pa.string())
        else:
            columns[name] = table.column(name)
    for name, labels in _class_labels(file).items():
        if name in columns:
            codes = columns[name].to_pylist()
            known = [labels[code] if code is not None and 0 <= code < len(labels) else None for code in codes]
            columns[name] = pa.array(known, pa.string())
    return pa.table(columns)


def _class_labels(file: parquet.ParquetFile) -> dict[str, list[str]]:
    """Names of codes by column, as Hugging Face's data sets keep them."""
    said = (file.schema_arrow.metadata or {}).get(b"huggingface")
    try:
        features = {} if said is None else loads(said)["info"]["features"]
        return {name: feature["names"] for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _as_frame(table: pa.Table, path: Path, *, arrow: bool) -> pd.DataFrame:
    names = [
        " ".join(name.strip().strip('"').split()) for name in table.column_names
    ]  # Arrow rebuilds this list at every access
    columns = table.columns
    kept = [place for place, name in enumerate(names) if name or columns[place].null_count < len(columns[place])]
    labels = None
    if kept and kept[0] == 0 and not names[0]:  # pandas and R write the labels of the rows there
        labels, kept = _row_labels(columns[0].to_pandas(), path), kept[1:]
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
    frame = table.to_pandas(types_mapper=pd.ArrowDtype if arrow else None, ignore_metadata=True)
    return frame if labels is None else frame.set_axis(labels)


def _row_labels(column: pd.Series, path: Path) -> pd.Index | None:
    """Row labels in a first column without a name; None if it only numbers the rows, or does not identify them."""
    if numbers_rows(column):
        return None
    start = f"The first column of '{path.name}' has no name and is"
    if column.isna().any() or not column.is_unique:
        fault = (
            "a label is missing" if column.isna().any() else f"{str(column[column.duplicated()].iloc[0])!r} is repeated"
        )
        warn(f"{start} left out: it does not identify the rows ({fault}). Name it to use it.", DataWarning)
        return None
    warn(f"{start} read as the labels of the rows. Name it to use it as a variable.", DataNote)
    return pd.Index(column)


def numbers_rows(column: pd.Series) -> bool:
    """Whether a column counts the rows from 0 or from 1."""
    if column.isna().any() or not pd.api.types.is_numeric_dtype(column):
        return False
    steps = column.to_numpy(dtype=float) - np.arange(len(column))
    return bool(len(steps)) and bool(np.isin(steps[0], (0, 1))) and bool((steps == steps[0]).all())
