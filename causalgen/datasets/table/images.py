"""Columns of images: decoded once into a file on disk, or already in memory."""

import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ...graph import Variable
from ..cache import cache_folder, content_hash
from ..depth import DEPTHS
from ..formats import split_place, stamp
from .declare import Declaration
from .faults import Faults
from .pixels import Rendering, decode_image
from .sizes import most_common
from .window import Outside, count_outside, percentile_window

__all__ = ["USABLE", "ImageColumn", "PixelColumn"]

Progress = Callable[[int, int], None]

USABLE = "one image that can be read; restore the file, or drop its row"
CHUNK = 512
"""Number of images decoded between two progress reports."""


@dataclass(frozen=True)
class ImageColumn:
    """Indexed images.

    Args:
        variable: The image variable, its shape decided.
        title: Column of the table.
        paths: `(N,)` files; None where the cell is empty.
        missing: `(N,)` bool.
        rendering: How files become pixels.
        found: Height and width, and depth of volumes, of every file that could be inspected.
        readable: `(N,)` bool: files whose header was that of a usable image.
        alpha: Whether any file can be transparent.
        outside: Pixels outside a declared or percentile window; None if there is no such window.
        unit: Unit of the files' grey values; empty if it is not declared.
        percentiles: Percentiles of the training split's grey values that will become the window.
        notes: Conversions of the files that a user may not expect, one sentence each.
    """

    variable: Variable
    title: str
    paths: tuple[Path | None, ...] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    rendering: Rendering
    found: tuple[tuple[int, ...], ...] = field(repr=False)
    readable: NDArray[np.bool_] = field(repr=False)
    alpha: bool = False
    outside: Outside | None = None
    unit: str = ""
    percentiles: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def sizes(self) -> str:
        """Sizes found, as text."""
        return most_common(self.found)

    @property
    def window(self) -> tuple[float, float] | None:
        """Grey values that are stored as 0 and 255; None for those of 8-bit images."""
        return self.rendering.window

    @property
    def bits(self) -> int:
        """Bits that are kept of a pixel."""
        return self.rendering.bits

    def trained_on(self, rows: Sequence[int], faults: Faults) -> "ImageColumn":
        """Return the column with a window from percentiles of the grey values of training `rows`."""
        if self.percentiles is None:
            return self
        files = [path for row in rows if (path := self.paths[row]) is not None]
        window = percentile_window(files, self.percentiles)
        if window is None:
            shown = "one grey value between the percentiles {:g} and {:g} of the training images".format(
                *self.percentiles
            )
            faults.column(self.title, shown, "percentiles further apart, or a `window`")
            return self
        usable = [path for path, found in zip(self.paths, self.readable) if path is not None and found]
        return replace(
            self,
            rendering=replace(self.rendering, window=window),
            outside=count_outside(usable, window),
            percentiles=None,
        )

    def load(
        self, rows: Sequence[int], faults: Faults, *, root: str | Path | None = None, progress: Progress | None = None
    ) -> Tensor:
        """Images of `rows`, `(len(rows), C, H, W)` of uint8 or uint16, mapped from a file in the cache folder.

        They are decoded once, by several workers, and read from disk on demand, so they need not fit in memory. Images
        that no longer exist or cannot be decoded are recorded in `faults`.
        """
        files = [self.paths[row] for row in rows]
        try:
            store = cache_folder(root) / "images" / f"{self._key(files)}.npy"
        except FileNotFoundError:  # it existed when its header was read
            gone = [row for row, path in zip(rows, files) if path is not None and not split_place(path)[0].is_file()]
            faults.rows(self.title, gone, lambda row: f"a file that no longer exists ('{self.paths[row]}')", USABLE)
            return torch.empty(0, *self.variable.shape, dtype=torch.uint8)
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
        stamps = (stamp(path) for path in files if path is not None)
        return content_hash([f"{self.variable.shape} {self.rendering}".encode(), *stamps])

    def _decode(self, path: Path | None) -> NDArray[Any] | str:
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
        kind = DEPTHS[self.rendering.bits][0]
        _make_room(store.parent, len(files) * math.prod(self.variable.shape) * np.dtype(kind).itemsize)
        temporary = store.with_name(f"{store.name}.{uuid4().hex}.part")
        shape = (len(files), *self.variable.shape)
        try:
            target = np.lib.format.open_memmap(temporary, mode="w+", dtype=kind, shape=shape)
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
        pixels: `(N, C, H, W)`, or `(N, C, D, H, W)`, of uint8 or uint16.
        missing: `(N,)` bool; none is.
        window: Values that are stored as 0 and 255; None if they had that range already.
        unit: Unit of the values before; empty if it is not declared.
        notes: Conversions of the values that a user may not expect, one sentence each.
    """

    variable: Variable
    pixels: NDArray[Any] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    window: tuple[float, float] | None = None
    unit: str = ""
    notes: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, name: str, pixels: NDArray[Any], declared: Declaration) -> "PixelColumn":
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
        return cls(variable, pixels, np.zeros(len(pixels), bool), declared.window, declared.unit or "")

    @property
    def bits(self) -> int:
        """Bits that are kept of a pixel."""
        return 8 * self.pixels.dtype.itemsize

    def trained_on(self, rows: Sequence[int], faults: Faults) -> "PixelColumn":
        """Return the same column, since its window is known."""
        return self

    @property
    def found(self) -> tuple[tuple[int, ...], ...]:
        """Height and width of every image, or depth, height and width."""
        return (self.pixels.shape[2:],) * len(self.pixels)

    @property
    def sizes(self) -> str:
        """Sizes found, as text."""
        return most_common(self.found)

    def verify(self, faults: Faults) -> None:
        """Nothing can be damaged in memory."""

    def load(self, rows: Sequence[int], faults: Faults, **_: object) -> Tensor:
        """Images of `rows`, `(len(rows), C, H, W)`."""
        return torch.from_numpy(self.pixels[np.asarray(rows)])


def _stored(store: Path) -> NDArray[Any] | None:
    """Decoded images, mapped from their file; None if it is missing or damaged, so that they must be decoded."""
    try:
        return np.load(store, mmap_mode="c")
    except (OSError, ValueError, EOFError):
        return None


def _make_room(folder: Path, size: int) -> None:
    """Create a folder with room for `size` bytes: writing to a mapped file on a full disk would end the process."""
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
