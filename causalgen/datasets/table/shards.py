"""Folders of shards: Parquet or tar files that hold rows with their images, named after splits or in folders of splits."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from ...errors import DataError
from ..formats import SHARDS, names_picture
from .names import SPLIT
from .splits import split_name

__all__ = ["read_shards", "shard_files"]

WORD = re.compile(r"[A-Za-z]+")
BELOW = "data"
"""Folder in which Hugging Face keeps the shards of a data set."""


def shard_files(folder: Path) -> list[tuple[Path, str | None]]:
    """The shards of a folder and the split that each belongs to, in the order of their names and numbers."""
    for place in (folder, folder / BELOW):
        found = list(_shards_in(place, None))
        if place.is_dir():
            parts = sorted(path for path in place.iterdir() if path.is_dir() and split_name(path.name))
            found += [shard for part in parts for shard in _shards_in(part, split_name(part.name))]
        if found:
            return found
    return []


def read_shards(
    folder: Path, shards: list[tuple[Path, str | None]], read: Callable[[Path], pd.DataFrame]
) -> pd.DataFrame | None:
    """One table of all shards, with the column `split` if their names contain it; None if they hold no images.

    Raises:
        DataError: The shards differ in their columns, or only some name a split.
    """
    tables = []
    for path, split in shards:
        table, place = read(path), path.parent.relative_to(folder).as_posix()
        for title in table.columns:
            cells = table[title].dropna()
            if place != "." and len(cells) and names_picture(str(cells.iloc[0])):
                table[title] = f"{place}/" + table[title].astype("string")
        tables.append(table if split is None else table.assign(**{SPLIT: split}))
        others = set(tables[0].columns) ^ set(table.columns) - {SPLIT}
        if others - {SPLIT}:
            raise DataError(
                f"Expected the same columns in all shards of '{folder}'; got {', '.join(sorted(others))} in only some, such as "
                f"'{path.name}'. Name one kind of shards."
            )
    named = [split for _, split in shards]
    if None in named and len(set(named)) > 1:
        raise DataError(f"Expected all shards of '{folder}' to name a split, as train-0000 does, or none; got both.")
    whole = pd.concat(tables, ignore_index=True)
    first = (whole[title].dropna().head(1) for title in whole.columns)
    return whole if any(len(cell) and names_picture(str(cell.iloc[0])) for cell in first) else None


def _shards_in(folder: Path, split: str | None) -> Iterator[tuple[Path, str | None]]:
    if not folder.is_dir():
        return
    files = [
        path for path in folder.iterdir() if path.suffix.lower() in SHARDS and path.name[0] != "." and path.is_file()
    ]
    for path in sorted(files, key=lambda path: [int(w) if w.isdecimal() else w for w in re.split(r"(\d+)", path.name)]):
        word = WORD.match(path.name)
        yield path, split or (split_name(word.group()) if word else None)
