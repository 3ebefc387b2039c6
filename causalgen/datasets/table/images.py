"""Columns of image paths: index the files by their headers, then decode them once into a file on disk."""

import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ...graph import Variable
from ..cache import cache_folder, content_hash
from .declare import Declaration
from .faults import Faults
from .files import file_of
from .headers import ABSENT, Header, most_common, read_header
from .pixels import GROUND, Rendering, decode_image
from .window import Outside, count_outside, find_window

__all__ = ["ImageColumn", "PixelColumn", "index_images", "window_note"]

Progress = Callable[[int, int], None]

OUTSIDE = "a path that leaves the folder of images"
USABLE = "one image that can be read; restore the file, or drop its row"
CHUNK = 512
"""Images decoded between two reports of progress."""


@dataclass(frozen=True)
class ImageColumn:
    """Indexed images.

    Args:
        variable: The image variable, its shape decided.
        title: Column of the table.
        paths: `(N,)` files; None where the cell is empty.
        missing: `(N,)` bool.
        rendering: How files become pixels.
        found: Height and width of every file that could be inspected.
        readable: `(N,)` bool: files whose header was that of a usable image.
        alpha: Whether any file can be transparent.
        outside: Pixels outside the declared window; None without one.
        notes: Conversions of the files that a user may not expect, one sentence each.
    """

    variable: Variable
    title: str
    paths: tuple[Path | None, ...] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    rendering: Rendering
    found: tuple[tuple[int, int], ...] = field(repr=False)
    readable: NDArray[np.bool_] = field(repr=False)
    alpha: bool = False
    outside: Outside | None = None
    notes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def sizes(self) -> str:
        """Sizes found, as text."""
        return most_common(self.found)

    @property
    def window(self) -> tuple[float, float] | None:
        """Grey values that are stored as 0 and 255; None for those of 8-bit images."""
        return self.rendering.window

    def load(
        self, rows: Sequence[int], faults: Faults, *, root: str | Path | None = None, progress: Progress | None = None
    ) -> Tensor:
        """Images of `rows`, uint8 `(len(rows), C, H, W)`, mapped from a file in the cache folder.

        They are decoded once, by several workers, and read from disk on demand, so they need not fit in memory. Images
        that cannot be decoded are recorded in `faults`.
        """
        files = [self.paths[row] for row in rows]
        store = cache_folder(root) / "images" / f"{self._key(files)}.npy"
        images = _stored(store)
        if images is None:
            self._decode_all(files, rows, store, faults, progress)
            images = _stored(store)
        return torch.empty(0, *self.variable.shape, dtype=torch.uint8) if images is None else torch.from_numpy(images)

    def verify(self, faults: Faults) -> None:
        """Decode every file without storing it; record damaged ones."""
        rows = np.flatnonzero(self.readable).tolist()
        decoded = Parallel(n_jobs=-1, prefer="threads")(delayed(self._fault_of)(self.paths[row]) for row in rows)
        damaged = {row: found for row, found in zip(rows, decoded) if found is not None}
        faults.rows(self.title, sorted(damaged), damaged.__getitem__, USABLE)

    def _fault_of(self, path: Path | None) -> str | None:
        found = self._decode(path)
        return found if isinstance(found, str) else None

    def _key(self, files: Sequence[Path | None]) -> str:
        def stamp(path: Path | None) -> bytes:
            assert path is not None
            stat = path.stat()
            return f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}".encode()

        return content_hash([f"{self.variable.shape} {self.rendering}".encode(), *map(stamp, files)])

    def _decode(self, path: Path | None) -> NDArray[np.uint8] | str:
        assert path is not None
        return decode_image(path, self.variable.shape, self.rendering)

    def _decode_all(
        self,
        files: Sequence[Path | None],
        rows: Sequence[int],
        store: Path,
        faults: Faults,
        progress: Progress | None,
    ) -> None:
        _make_room(store.parent, len(files) * math.prod(self.variable.shape))
        temporary = store.with_name(f"{store.name}.{uuid4().hex}.part")
        shape = (len(files), *self.variable.shape)
        try:
            target = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            workers = Parallel(n_jobs=-1, prefer="threads")  # Pillow releases the GIL while decoding
            damaged: dict[int, str] = {}
            for start in range(0, len(files), CHUNK):
                part = range(start, min(start + CHUNK, len(files)))
                for place, found in zip(part, workers(delayed(self._decode)(files[place]) for place in part)):
                    if isinstance(found, str):
                        damaged[int(rows[place])] = found
                    else:
                        target[place] = found
                if progress is not None:
                    progress(part.stop, len(files))
            target.flush()
            if damaged:
                faults.rows(self.title, sorted(damaged), damaged.__getitem__, USABLE)
            else:
                temporary.replace(store)
        finally:
            temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class PixelColumn:
    """Images in memory.

    Args:
        variable: The image variable.
        pixels: uint8 `(N, C, H, W)`.
        missing: `(N,)` bool; none is.
        window: Values that are stored as 0 and 255; None if they had that range already.
        notes: Conversions of the values that a user may not expect, one sentence each.
    """

    variable: Variable
    pixels: NDArray[np.uint8] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    window: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, name: str, pixels: NDArray[np.uint8], declared: Declaration) -> "PixelColumn":
        """Images `(N, C, H, W)` of the node `name`.

        Raises:
            DataError: The declaration differs from the arrays: images in memory are used as they are.
        """
        channels, *size = pixels.shape[1:]
        found = {"kind": "image", "size": tuple(size), "colour": channels == 3}
        for what, value in found.items():
            said = getattr(declared, what)
            if said not in (None, value):
                raise DataError(f"Expected '{name}' with {what} {said}; its arrays have {value}. Convert them first.")
        variable = Variable(name, "image", shape=pixels.shape[1:])
        return cls(variable, pixels, np.zeros(len(pixels), bool), declared.window)

    @property
    def found(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every image."""
        height, width = self.pixels.shape[2:]
        return ((height, width),) * len(self.pixels)

    @property
    def sizes(self) -> str:
        """Sizes found, as text."""
        return most_common(self.found)

    def verify(self, faults: Faults) -> None:
        """Nothing can be damaged in memory."""

    def load(self, rows: Sequence[int], faults: Faults, **_: object) -> Tensor:
        """Images of `rows`, uint8 `(len(rows), C, H, W)`."""
        return torch.from_numpy(self.pixels[np.asarray(rows)])


def index_images(
    name: str, column: pd.Series, folder: Path, declared: Declaration, faults: Faults
) -> ImageColumn | None:
    """Inspect the header of every image in a column of paths below `folder`; None if the shape cannot be determined."""
    title = str(column.name)
    cells = [None if missing else str(cell).strip() or None for cell, missing in zip(column.tolist(), column.isna())]
    found = _headers(cells, folder)
    wrong = {row: header for row, (_, header) in enumerate(found) if isinstance(header, str)}
    words = {row: f"{header} ('{cells[row]}')" for row, header in wrong.items()}
    if absent := [row for row, header in wrong.items() if header in (OUTSIDE, ABSENT)]:
        faults.rows(title, absent, words.__getitem__, f"a file in '{folder}'; `images` names another folder")
    if unusable := [row for row, header in wrong.items() if header not in (OUTSIDE, ABSENT)]:
        faults.rows(title, unusable, words.__getitem__, USABLE)
    headers = [header for _, header in found if isinstance(header, Header)]
    if not headers:
        if not wrong:
            faults.column(title, "missing values only", "paths of images")
        return None
    sizes = [(header.height, header.width) for header in headers]
    size = declared.size or sizes[0]
    if declared.size is None and len(set(sizes)) > 1:
        faults.column(
            title,
            f"images of {len(set(sizes))} sizes: {most_common(sizes)}",
            "one size; declare `size: [height, width]`",
        )
    colour = declared.colour if declared.colour is not None else any(header.colour for header in headers)
    variable = Variable(name, "image", shape=(3 if colour else 1, *size))
    window, notes = _window(name, title, [path for path, _ in found], headers, declared, faults)
    rendering = Rendering(declared.fit or "crop", window, declared.ground or GROUND)
    notes += _converted(name, headers, declared)
    outside = _outside(declared, [path for path, header in found if isinstance(header, Header)])
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
        notes=tuple(notes),
    )


def _window(
    name: str,
    title: str,
    paths: Sequence[Path | None],
    headers: Sequence[Header],
    declared: Declaration,
    faults: Faults,
) -> tuple[tuple[float, float] | None, list[str]]:
    """The window of a column of grey images, and a note if it was not declared."""
    wide = sum(header.wide for header in headers)
    narrow = len(headers) - wide
    if wide and narrow:
        found = f"{wide:,} images with 16 bits or more and {narrow:,} with 8 bits"
        faults.column(title, found, "one depth: their grey values have different units; convert the files of one")
    if declared.window is not None and any(header.colour for header in headers):
        faults.column(title, "colour images", "grey images for `window`; remove it, or convert the files")
    if declared.window is not None and not wide and not 0 <= declared.window[0] < declared.window[1] <= 255:
        low, high = declared.window
        faults.column(title, f"grey values of 8 bits for the window {low:g} to {high:g}", "a window within 0 to 255")
    if declared.window is not None or not wide or narrow:
        return declared.window, []
    window = find_window([path for path in paths if path is not None])
    if window is None:
        faults.column(title, "one grey value in all images", "grey values that vary; check the files")
        return None, []
    return window, [window_note(name, window)]


def _outside(declared: Declaration, paths: Sequence[Path | None]) -> Outside | None:
    """Pixels that a declared window cuts; None without a window that can be applied."""
    if declared.window is None or not declared.window[0] < declared.window[1]:
        return None
    return count_outside([path for path in paths if path is not None], declared.window)


def window_note(name: str, window: tuple[float, float]) -> str:
    """The note about an undeclared window."""
    low, high = window
    return (
        f"'{name}' has grey values from {low:g} to {high:g}, which are stored as 0 to 255: one level is "
        f"{(high - low) / 255:.3g}, and finer differences are lost. Confirm or correct it: "
        f"`variables: {{{name}: {{window: [{low:g}, {high:g}]}}}}`."
    )


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


def _headers(cells: Sequence[str | None], folder: Path) -> list[tuple[Path | None, Header | str | None]]:
    """File and header of every cell; a file in several rows is inspected once."""
    base = folder.resolve()
    seen: dict[str, tuple[Path, Header | str]] = {}
    for cell in cells:
        if cell is not None and cell not in seen:
            path = file_of(base, cell)
            inside = Path(os.path.realpath(path)).is_relative_to(base)
            seen[cell] = (path, read_header(path) if inside else OUTSIDE)
    return [(None, None) if cell is None else seen[cell] for cell in cells]


def _stored(store: Path) -> NDArray[np.uint8] | None:
    """Decoded images, mapped from their file; None if it is missing or damaged, so that they must be decoded."""
    try:
        return np.load(store, mmap_mode="c")
    except (OSError, ValueError, EOFError):
        return None


def _make_room(folder: Path, size: int) -> None:
    """Make a folder for `size` bytes: writing to a mapped file on a full disk would end the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = "" if os.access(folder, os.W_OK) else "it cannot be written"
        free = shutil.disk_usage(folder).free
        found = found or (f"{free / 1e6:.1f} MB are free" if free < size else "")
    except OSError as error:
        found = error.strerror or str(error)
    if found:
        raise DataError(
            f"Expected {size / 1e6:.1f} MB for decoded images in '{folder}'; {found}. "
            "Set CAUSALGEN_CACHE to another folder."
        )
