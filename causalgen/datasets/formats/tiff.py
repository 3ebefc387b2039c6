"""Grey TIFF files with values other than 8 bits, by tifffile.

Pillow, which reads the other TIFF files, returns wrong numbers for some of these: compressed big-endian ones, signed bytes,
and 32-bit numbers without a sign.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from . import pillow
from .header import Header, too_large

__all__ = ["header", "picture"]

WHITE, BLACK = tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK
ORIENTATION = 274
TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(values, 2).T,
    8: np.rot90,
}
"""Operations that turn the pixels of each orientation upright."""
FOR_PILLOW = ("<u2", "<i2", "<i4", "<f4")
"""Numbers that Pillow reads correctly from compressed files whose decoder tifffile lacks."""


def header(source: Path | io.BytesIO) -> Header | str:
    """Header of a TIFF file, or the contents found instead of a usable image."""
    with _opened(source) as file:
        if file is not None and not _for_pillow(file.pages[0]):
            return _judge(file)
    return pillow.header(source)


def picture(source: Path | io.BytesIO) -> Any:
    """Grey values `(H, W)` as the file has them, upright; or Pillow's image."""
    with _opened(source) as file:
        page: Any = None if file is None else file.pages[0]
        if page is not None and not _for_pillow(page):
            values = _upright(source, page)
            return np.iinfo(values.dtype).max - values if page.photometric == WHITE else values
    return pillow.picture(source)


class _opened:
    """The file by tifffile; None if it cannot read it."""

    def __init__(self, source: Path | io.BytesIO) -> None:
        self.file: tifffile.TiffFile | None = None
        try:
            self.file = tifffile.TiffFile(source)
        except (tifffile.TiffFileError, ValueError, OSError):
            if isinstance(source, io.BytesIO):
                source.seek(0)

    def __enter__(self) -> tifffile.TiffFile | None:
        return self.file

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()


def _for_pillow(page: Any) -> bool:
    """Whether a page has bytes, or 16-bit colours, of which Pillow keeps the upper 8 bits."""
    if page.dtype is None:
        return True
    bits = page.dtype.itemsize == 1 and page.dtype.kind != "i"
    return bits or (page.photometric == tifffile.PHOTOMETRIC.RGB and page.dtype == np.uint16)


def _judge(file: tifffile.TiffFile) -> Header | str:
    page: Any = file.pages[0]
    if len(file.pages) > 1:
        return f"{len(file.pages)} images in one file; save each as a file with a row of the table"
    if page.dtype.kind not in "uif" or len(page.shape) != 2 or page.photometric not in (WHITE, BLACK):
        shown = "x".join(map(str, page.shape))
        return f"an array of {shown} {page.dtype} numbers; save grey values (height, width), or bytes of three colours"
    if page.photometric == WHITE and page.dtype.kind != "u":
        return f"{page.dtype} numbers whose lowest value is white; save them with black as the lowest"
    height, width = page.shape[::-1] if _orientation(page) in pillow.ROTATED else page.shape
    return too_large(height, width) or Header(height, width, colour=False, wide=True)


def _orientation(page: Any) -> int:
    return int(page.tags[ORIENTATION].value) if ORIENTATION in page.tags else 1


def _upright(source: Path | io.BytesIO, page: Any) -> NDArray[Any]:
    """Values of the upright image, in the byte order of the machine."""
    try:
        values = np.asarray(page.asarray())
    except (ValueError, KeyError) as error:
        stored = page.parent.byteorder + page.dtype.str[1:]
        if "imagecodecs" not in str(error) or stored not in FOR_PILLOW or page.photometric == WHITE:
            compression = getattr(page.compression, "name", page.compression)
            raise ValueError(f"compressed as {compression}; save it without compression") from None
        return np.asarray(pillow.picture(source)).astype(page.dtype)
    turned = TURNS.get(_orientation(page), np.asarray)(values)
    return turned.astype(turned.dtype.newbyteorder("="), copy=False)
