"""Reads the header and the pixels of any picture, by its path."""

import io
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from numpy.typing import NDArray
from PIL import Image

from . import arrays, parquet, pillow, tar, tiff
from .encoded import kind_of
from .header import ABSENT, Header
from .place import SHARDS, is_dicom, member_of, short_name, split_place, suffix_of

__all__ = ["Picture", "read_header", "read_picture"]

Picture: TypeAlias = Image.Image | NDArray[Any]
"""An image of bytes, or grey values `(H, W)` in the units of the file."""
VOLUME_KINDS = (".npy", ".nii")
"""Kinds of encoded members that may hold a whole volume."""


def read_header(path: Path) -> Header | str:
    """Header of a picture, or the contents found instead of a usable one."""
    try:
        file, inside = split_place(path)
        if not file.is_file():
            return "a folder" if file.is_dir() else ABSENT
        if not file.stat().st_size:
            return "an empty file"
        found: Header | str = _read(file, inside, "header")
        return found
    except ImportError:
        raise
    except KeyError:  # nothing of that name inside the file
        return ABSENT
    except Exception as error:  # the readers can raise any error on broken bytes
        return f"a damaged image ({_reason(error)})"


def read_picture(path: Path) -> Picture | str:
    """A picture, upright; or the contents found instead of a usable one."""
    try:
        found: Picture = _read(*split_place(path), "picture")
        return found
    except ImportError:
        raise
    except Exception as error:  # as above
        return f"a damaged image ('{short_name(path)}': {_reason(error)})"


def _read(file: Path, inside: str, what: str) -> Any:
    """The result of one of a reader's functions, `header` or `picture`."""
    suffix = suffix_of(file.name)
    if suffix in SHARDS:
        member, rest = member_of(inside)
        content = (tar.read_member if suffix == ".tar" else parquet.read_cell)(file, member)
        kind = kind_of(content)
        rest_of = (rest,) if kind in VOLUME_KINDS else ()
        return getattr(_reader(kind), what)(io.BytesIO(content), *rest_of)
    reader = _reader(".dcm" if is_dicom(file) else suffix)
    return getattr(reader, what)(file, inside) if inside else getattr(reader, what)(file)


def _reader(suffix: str) -> ModuleType:
    """The module that reads files with a suffix; Pillow recognises its formats by their bytes."""
    if suffix == ".dcm":
        from . import dicom  # the extra `dicom`, which its message names

        return dicom
    if suffix == ".nii":
        from . import nifti  # the extra `nifti`, which its message names

        return nifti
    if suffix in (".npy", ".npz"):
        return arrays
    return tiff if suffix in (".tif", ".tiff") else pillow


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
