"""Inspect the files of a column of image paths by their headers: presence, size, colour and depth."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ...graph import Variable
from ..formats import ABSENT, AS_STORED, UNSPECIFIED, Header, at_slice, at_volume, read_header, split_place
from .choose_window import choose_window
from .declare import Declaration
from .faults import Faults
from .files import ImageFiles, as_name, has_more_zeros, surplus_top
from .images import USABLE, ImageColumn
from .pixels import GROUND, rendering_of
from .sizes import most_common
from .window import count_outside

__all__ = ["index_images"]

OUTSIDE = "a path that leaves the folder of images"
SEVERAL = "a name of several files"
SHOWN = 3
"""Maximum number of files of one name that a message lists."""


def index_images(
    name: str, column: pd.Series, folder: Path, declared: Declaration, faults: Faults
) -> ImageColumn | None:
    """Inspect the header of every image in a column of paths below `folder`; None if the shape cannot be determined."""
    title = str(column.name)
    cells = [None if missing else as_name(cell) or None for cell, missing in zip(column.tolist(), column.isna())]
    top = surplus_top(filter(None, cells), folder)
    number = pd.api.types.is_numeric_dtype(column)
    found = _headers([cell and cell[len(top) :] for cell in cells], folder, declared, number=number)
    wrong = {row: header for row, (_, header) in enumerate(found) if isinstance(header, str)}
    words = {row: _words(header, cells[row]) for row, header in wrong.items()}
    if absent := [row for row, header in wrong.items() if header in (OUTSIDE, ABSENT)]:
        faults.rows(title, absent, words.__getitem__, f"a file in '{folder}'; `images` names another folder")
    if doubtful := [row for row, header in wrong.items() if header.startswith(SEVERAL)]:
        faults.rows(title, doubtful, words.__getitem__, f"a name of one file below '{folder}', or a path from there")
    if unusable := [row for row, header in wrong.items() if row not in {*absent, *doubtful}]:
        faults.rows(title, unusable, words.__getitem__, USABLE)
    headers = [header for _, header in found if isinstance(header, Header)]
    if not headers:
        if not wrong:
            faults.column(title, "missing values only", "paths of images")
        return None
    sizes = [header.size for header in headers]
    if flat := sum(header.depth is None for header in headers) if declared.volume else 0:
        faults.column(title, f"{flat:,} images of two dimensions", "volumes for `volume: true`: NIfTI or NumPy files")
        return None
    size = declared.size or sizes[0]
    if declared.size is None and len(set(sizes)) > 1:
        faults.column(
            title,
            f"images of {len(set(sizes))} sizes: {most_common(sizes)}",
            f"one size; declare `size: [{'depth, ' if len(sizes[0]) == 3 else ''}height, width]`",
        )
    colour = declared.colour if declared.colour is not None else any(header.colour for header in headers)
    variable = Variable(name, "image", shape=(3 if colour else 1, *size))
    usable = [path for path, header in found if isinstance(header, Header) and path is not None]
    window, notes = choose_window(name, title, usable, headers, declared, faults)
    rendering = rendering_of(declared, window)
    notes += _converted(name, headers, declared)
    notes += _spread(name, usable, cells, folder)
    notes += _zeros(name, found, cells)
    notes += (
        [f"Paths of '{name}' begin with '{top}', which '{folder}' does not hold: it is left out of them."]
        if top
        else []
    )
    outside = declared.window and count_outside(usable, declared.window)
    if outside is not None and outside.much:
        notes.append(f"Of '{name}', {outside}. Widen its window where they matter.")
    missing = np.array([cell is None for cell in cells])
    return ImageColumn(
        variable=variable,
        title=title,
        paths=tuple(path for path, _ in found),
        missing=missing,
        rendering=rendering,
        found=tuple(sizes),
        readable=np.array([isinstance(header, Header) for _, header in found]),
        alpha=any(header.alpha for header in headers),
        outside=outside,
        unit=declared.unit or _unit(headers),
        percentiles=declared.percentiles,
        notes=tuple(notes),
    )


def _unit(headers: Sequence[Header]) -> str:
    """The unit that all files state; empty if there is none."""
    units = {header.units for header in headers}
    return units.pop() if len(units) == 1 and not units & {AS_STORED, UNSPECIFIED} else ""


def _converted(name: str, headers: Sequence[Header], declared: Declaration) -> list[str]:
    """Note conversions that were not declared."""
    count, notes = len(headers), []
    alpha = sum(header.alpha for header in headers)
    if alpha and declared.ground is None:
        which = "All" if alpha == count else f"{alpha:,} of {count:,}"
        mixed = "" if alpha == count else ", the others do not (mixed transparency)"
        notes.append(
            f"{which} images of '{name}' may be transparent{mixed}: transparent pixels show the ground, {GROUND}. Confirm or "
            f"correct it: `variables: {{{name}: {{ground: {GROUND}}}}}`."
        )
    colour = sum(header.colour for header in headers)
    if 0 < colour < count and declared.colour is None:
        notes.append(
            f"{colour:,} of {count:,} images of '{name}' have colours, the others are grey: all are read with colours. Confirm "
            f"or correct it: `variables: {{{name}: {{colour: true}}}}`."
        )
    inks = sum(header.inks for header in headers)
    if inks:
        notes.append(f"{inks:,} CMYK images of '{name}' are converted to RGB without a colour profile.")
    cut = sum(header.cut for header in headers)
    if cut:
        notes.append(f"{cut:,} images of '{name}' have channels of 16 bits, of which the upper 8 are kept.")
    return notes


def _spread(name: str, files: Sequence[Path], cells: Sequence[str | None], folder: Path) -> list[str]:
    """Note that images were found in subfolders by their names alone."""
    if any("/" in cell or "\\" in cell for cell in cells if cell):
        return []
    homes = {split_place(file)[0].parent for file in files} - {folder.resolve()}
    if not homes:
        return []
    where = f"{len(homes)} folders" if len(homes) > 1 else f"'{homes.pop().name}'"
    return [f"Images of '{name}' are found by their names in {where} below '{folder}'."]


def _words(found: str, cell: str | None) -> str:
    """Describe what was found for a cell, with the cell and the files that it may refer to."""
    what, colon, files = found.partition(": ") if found.startswith(SEVERAL) else (found, "", "")
    return f"{what} ('{cell}'){colon}{files}"


def _zeros(name: str, found: Sequence[tuple[Path | None, object]], cells: Sequence[str | None]) -> list[str]:
    """Note that files were found by numbers that lack the leading zeros of their names."""
    for (path, _), cell in zip(found, cells):
        if path is not None and cell is not None and has_more_zeros(split_place(path)[0], cell):
            shown = split_place(path)[0].name
            return [
                f"Images of '{name}' are found by their numbers, without leading zeros: {cell} is '{shown}'. To be exact, "
                "write the names into the table as text."
            ]
    return []


def _below(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _place(path: Path, declared: Declaration) -> Path:
    return at_volume(path) if declared.volume else at_slice(path, declared.slice)


def _headers(
    cells: Sequence[str | None], folder: Path, declared: Declaration, *, number: bool
) -> list[tuple[Path | None, Header | str | None]]:
    """File and header of every cell; a file in several rows is inspected once."""
    base = folder.resolve()
    files = ImageFiles(base)
    seen: dict[str, tuple[Path, Header | str]] = {}
    for cell in cells:
        if cell is not None and cell not in seen:
            places = files.find(cell, number=number)
            path = _place(places[0], declared)
            inside = Path(os.path.realpath(path)).is_relative_to(base)
            several = f"{SEVERAL}: {', '.join(_below(place, base) for place in places[:SHOWN])}"
            seen[cell] = (path, several if len(places) > 1 else read_header(path) if inside else OUTSIDE)
    return [(None, None) if cell is None else seen[cell] for cell in cells]
