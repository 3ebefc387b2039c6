"""Images in the folders of a table's images that no row names."""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ..formats import names_picture
from .files import looks_like_paths
from .images import ImageColumn, PixelColumn

__all__ = ["unlisted_images"]

SHOWN = 3


def unlisted_images(frame: pd.DataFrame, images: Mapping[str, ImageColumn | PixelColumn], folder: Path) -> list[str]:
    """A sentence about the images without a row, or none.

    Args:
        frame: The table; images of its other columns count as named, such as masks next to the scans.
        images: Images of the graph, by node.
        folder: Folder to which image paths are relative.
    """
    named = {
        os.path.normpath(path)
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
    found = sorted(
        os.path.relpath(path, base)
        for place in {os.path.dirname(path) for path in named}
        for path in _images_in(place)
        if path not in known
    )
    if not found:
        return []
    shown = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    return [f"{len(found):,} image{'s' * (len(found) > 1)} in '{folder}' without a row in the table: {shown}."]


def _images_in(place: str) -> list[str]:
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return []
    return [os.path.join(place, name) for name in names if names_picture(name) and name[0] != "."]
