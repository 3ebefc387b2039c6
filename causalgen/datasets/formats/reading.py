"""One way to the header and the pixels of any picture, by its path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from PIL import Image

from . import arrays, pillow, tiff
from .header import ABSENT, Header
from .place import is_dicom, split_place, suffix_of

__all__ = ["Picture", "read_header", "read_picture"]

Picture: TypeAlias = Image.Image | NDArray[Any]
"""An image of bytes, or grey values `(H, W)` in the units of the file."""


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
        return f"a damaged image ('{path.name}': {_reason(error)})"


def _read(file: Path, inside: str, what: str) -> Any:
    suffix = suffix_of(file.name)
    if suffix in (".npy", ".npz"):
        return getattr(arrays, what)(file, inside)
    if is_dicom(file):
        from . import dicom  # the extra `dicom`, which its message names

        return getattr(dicom, what)(file, inside)
    if suffix == ".nii":
        from . import nifti  # the extra `nifti`, which its message names

        return getattr(nifti, what)(file, inside)
    reader: Callable[[Path], Any] = getattr(tiff if suffix in (".tif", ".tiff") else pillow, what)
    return reader(file)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
