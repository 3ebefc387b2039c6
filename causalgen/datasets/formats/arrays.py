"""Pictures in NumPy files: one in a .npy file, or one of a stack `(N, ...)` in a .npy or .npz file.

The place inside a file is a row, `scans.npy/7`, after the name of the array in an archive, `digits.npz/images/7`. Arrays of an
archive are unpacked into the cache folder, so that a picture can be read without the others.
"""

import zipfile
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import DataError
from ..cache import cache_folder, content_hash
from .header import ABSENT, Header, too_large
from .place import VOLUME, stamp, suffix_of

__all__ = ["header", "open_array", "picture"]

COLOURS = (1, 3)
PIECE = 1 << 24
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""Errors of damaged, encrypted and unknown archives."""
MOST_UNPACKED, MOST_PACKED = 100_000_000, 300
"""Bytes that an array in an archive may always have, and additional bytes per byte in the archive."""


def header(source: Any, inside: str = "") -> Header | str:
    """Header of a picture or a volume in a NumPy file, or the contents found instead of a usable one."""
    found = _one(source, inside)
    return found if isinstance(found, str) else _judge(found, volume=_is_volume(inside))


def picture(source: Any, inside: str = "") -> Any:
    """Bytes as an image; other grey values as an array `(H, W)`; a volume as an array `(D, H, W)`."""
    found, volume = _one(source, inside), _is_volume(inside)
    problem = found if isinstance(found, str) else _judge(found, volume=volume)
    if isinstance(found, str) or isinstance(problem, str):
        raise ValueError(problem)
    values = np.asarray(found) if volume else _channels_last(np.asarray(found))
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    return values if problem.wide or volume else Image.fromarray(np.ascontiguousarray(values))


def open_array(file: Path, name: str = "") -> NDArray[Any]:
    """The array of a .npy file, or one of a .npz file, mapped from disk.

    Raises:
        KeyError: The archive has no such array.
        ValueError: The array holds Python objects, or the file is no NumPy file.
    """
    if suffix_of(file.name) == ".npz":
        file = _unpacked(file, name, stamp(file))
    return np.load(file, mmap_mode="r", allow_pickle=False)


@lru_cache(maxsize=64)
def _unpacked(file: Path, name: str, stamped: bytes) -> Path:
    """The file in the cache folder that holds an array of an archive."""
    store = cache_folder() / "arrays" / f"{content_hash([stamped, name.encode()])}.npy"
    if store.is_file():
        return store
    store.parent.mkdir(parents=True, exist_ok=True)
    temporary = store.with_name(f"{store.name}.{uuid4().hex}.part")
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as packed, temporary.open("wb") as out:
            _refuse_bomb(file, archive.getinfo(f"{name}.npy"))
            while piece := packed.read(PIECE):
                out.write(piece)
        temporary.replace(store)
    except BROKEN as error:
        raise DataError(
            f"Expected a NumPy archive in '{file}'; '{name}.npy' cannot be unpacked: {error}. Write it again."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return store


def _refuse_bomb(file: Path, packed: zipfile.ZipInfo) -> None:
    """Refuse an array that is much larger than its file, such as an array of equal numbers."""
    if packed.file_size > MOST_UNPACKED and packed.file_size > MOST_PACKED * packed.compress_size:
        raise DataError(
            f"Expected an archive of pictures in '{file}'; got {packed.compress_size:,} bytes that unpack to "
            f"{packed.file_size:,} in '{packed.filename}': a decompression bomb, or an array of equal numbers. Save it as .npy."
        )


def _is_volume(inside: str) -> bool:
    return inside == VOLUME or inside.endswith(f"/{VOLUME}")


def _one(source: Any, inside: str) -> NDArray[Any] | str:
    if not isinstance(source, Path):
        return np.load(source, allow_pickle=False)
    if _is_volume(inside):
        inside = inside.removesuffix(VOLUME).rstrip("/")
    name, _, row = inside.rpartition("/")
    if suffix_of(source.name) == ".npz" and not name:
        return "an archive of arrays; name one of its pictures, such as digits.npz/images/0"
    with suppress(KeyError):
        array = open_array(source, name)
        if not inside:
            return array
        if not row.isdecimal():
            return f"no row number at the end of the path ('{row}')"
        return array[int(row)] if array.ndim > 2 and int(row) < len(array) else ABSENT
    return ABSENT


def _judge(values: NDArray[Any], *, volume: bool = False) -> Header | str:
    if volume:
        return _judge_volume(values)
    shape = _channels_last(values).shape
    shown = f"an array of {'x'.join(map(str, values.shape))} {values.dtype} numbers"
    if values.dtype.kind not in "uifb" or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
        whole = "declare `volume: true`, or " if len(shape) == 3 and values.dtype.kind in "uifb" else ""
        return f"{shown}; {whole}save grey values (height, width), or bytes of three colours (height, width, 3)"
    wide, colour = values.dtype not in (np.uint8, bool), len(shape) == 3
    if wide and colour:
        return f"{shown}; save colours as bytes"
    return too_large(*shape[:2]) or Header(shape[0], shape[1], colour, wide=wide)


def _judge_volume(values: NDArray[Any]) -> Header | str:
    if values.dtype.kind not in "uifb" or values.ndim != 3:
        shown = f"an array of {'x'.join(map(str, values.shape))} {values.dtype} numbers"
        return f"{shown}; save (depth, height, width)"
    depth, height, width = values.shape
    wide = values.dtype not in (np.uint8, bool)
    return too_large(*values.shape) or Header(height, width, colour=False, wide=wide, depth=depth)


def _channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """`(H, W)` or `(H, W, 3)`; channels may come first if the last dimension cannot be channels."""
    if values.ndim == 3 and values.shape[0] in COLOURS and values.shape[2] not in COLOURS:
        values = values.transpose(1, 2, 0)
    return values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
