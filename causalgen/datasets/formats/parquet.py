"""Encoded images in a column of a Parquet file, as bytes or as Hugging Face's structure of bytes and path."""

import bisect
from functools import lru_cache
from pathlib import Path
from threading import Lock

import pyarrow as pa
from pyarrow import parquet

from .encoded import kind_of
from .place import stamp

__all__ = ["image_columns", "missing_bytes", "read_cell"]

STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
"""First bytes of the encoded images that Pillow reads by them; `kind_of` knows the others."""
ONE_GROUP = Lock()
"""Several workers may request images of one row group, which is read once."""


def image_columns(file: parquet.ParquetFile) -> list[str]:
    """Names of the columns that hold encoded images."""
    return [field.name for field in file.schema_arrow if _is_structure(field.type) or _holds_images(file, field)]


def missing_bytes(file: parquet.ParquetFile, name: str) -> dict[int, str]:
    """For each row without bytes, the path stored with it, or ""."""
    found: dict[int, str] = {}
    row = 0
    for batch in file.iter_batches(batch_size=256, columns=[name]):
        for cell in batch.column(0):
            content = cell["bytes"] if pa.types.is_struct(cell.type) and cell.is_valid else cell
            if not content.is_valid:
                found[row] = (cell["path"].as_py() if content is not cell else None) or ""
            row += 1
    return found


def read_cell(file: Path, inside: str) -> bytes:
    """The bytes of a cell, by the name of its column and its row, "image/7".

    Raises:
        KeyError: There is no such cell.
    """
    name, _, row = inside.rpartition("/")
    with ONE_GROUP:
        bounds = _bounds(file, stamp(file))
        if not row.isdecimal() or int(row) >= bounds[-1]:
            raise KeyError(inside)
        group = bisect.bisect_right(bounds, int(row)) - 1
        cells = _group(file, stamp(file), name, group)
    cell = cells[int(row) - bounds[group]].as_py()
    content = cell["bytes"] if isinstance(cell, dict) else cell
    if not content:
        raise KeyError(inside)
    return bytes(content)


@lru_cache(maxsize=1024)
def _bounds(file: Path, stamped: bytes) -> list[int]:
    """The first row of each row group, and the number of rows."""
    found, rows = parquet.read_metadata(file), [0]
    for group in range(found.num_row_groups):
        rows.append(rows[-1] + found.row_group(group).num_rows)
    return rows


@lru_cache(maxsize=2)
def _group(file: Path, stamped: bytes, name: str, group: int) -> pa.ChunkedArray:
    with parquet.ParquetFile(file) as opened:
        if name not in opened.schema_arrow.names:
            raise KeyError(name)
        return opened.read_row_group(group, columns=[name]).column(name)


def _is_structure(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"bytes", "path"} <= {
        kind.field(place).name for place in range(kind.num_fields)
    }


def _holds_images(file: parquet.ParquetFile, field: pa.Field) -> bool:
    """Whether the first cells of a column of bytes begin like images."""
    if not (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)):
        return False
    first = next(file.iter_batches(batch_size=8, columns=[field.name]), None)
    cells = [cell for cell in first.column(0).to_pylist() if cell] if first is not None else []
    return bool(cells) and all(cell.startswith(STARTS) or kind_of(cell) for cell in cells)
