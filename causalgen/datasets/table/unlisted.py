"""Images next to or below a table's images that no row names."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from ..formats import names_picture, split_place
from .files import looks_like_paths
from .images import ImageColumn, PixelColumn

__all__ = ["unlisted_images"]

SHOWN = 3


def unlisted_images(frame: pd.DataFrame, images: Mapping[str, ImageColumn | PixelColumn], folder: Path) -> list[str]:
    """A sentence about images without a row; empty if there are none.

    Args:
        frame: The table; images of its other columns count as named, such as masks next to the scans.
        images: Images of the graph, by node.
        folder: Folder to which image paths are relative.
    """
    named = {
        os.path.normpath(split_place(path)[0])
        for column in images.values()
        if isinstance(column, ImageColumn)
        for path in column.paths
        if path is not None
    }
    if not named:
        return []
    base = str(folder.resolve())
    others = [frame[title] for title in frame.columns if looks_like_paths(frame[title])]
    known = named | {
        os.path.normpath(os.path.join(base, str(cell).strip().replace("\\", "/")))
        for cells in others
        for cell in cells.dropna()
    }
    found = sorted(os.path.relpath(path, base) for path in _images_below(base, named) if path not in known)
    if not found:
        return []
    shown = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    return [f"{len(found):,} image{'s' * (len(found) > 1)} in '{folder}' without a row in the table: {shown}."]


def _images_below(base: str, named: Iterable[str]) -> Iterator[str]:
    """Images in the folders of `base` that have named ones somewhere below them; of `base` itself, those next to named ones."""
    rest = [os.path.relpath(path, base) for path in named]
    if any(os.path.dirname(path) == "" for path in rest):
        yield from _images_in(base, next(os.walk(base), ("", [], []))[2])
    for top in {path.partition(os.sep)[0] for path in rest if os.path.dirname(path)}:
        for place, folders, files in os.walk(os.path.join(base, top)):
            folders[:] = [name for name in folders if name[0] != "."]
            yield from _images_in(place, files)


def _images_in(place: str, files: Iterable[str]) -> list[str]:
    return [os.path.join(place, name) for name in files if names_picture(name) and name[0] != "."]
