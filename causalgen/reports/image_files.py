"""Images of a model as files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..datasets.depth import to_stored
from ..files import write_whole
from ..graph import Variable
from .images import as_array, as_picture

__all__ = ["png_bytes", "write_grey_values", "write_images"]


def write_images(folder: Path, names: Sequence[str], images: Any, variable: Variable, bits: int = 8) -> list[Path]:
    """One PNG per image.

    Args:
        folder: Folder of the files.
        names: Names of the files, without suffix.
        images: `(N, C, H, W)`, N names, in the support of `variable`.
        variable: The image variable.
        bits: 8, or 16 for grey images in 65,536 values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, image in zip(names, images, strict=True):
        paths.append(write_whole(folder / f"{name}.png", png_bytes(image, variable, bits)))
    return paths


def png_bytes(image: Any, variable: Variable, bits: int = 8) -> bytes:
    """One image `(C, H, W)`, in the support of `variable`, as a PNG file of 8 bits, or of 16 where it is grey."""
    buffer, picture = io.BytesIO(), as_picture(image, variable)
    Image.fromarray(to_stored(picture * 255, bits if picture.ndim == 2 else 8)).save(buffer, format="png")
    return buffer.getvalue()


def write_grey_values(folder: Path, names: Sequence[str], images: Any, window: tuple[float, float]) -> list[Path]:
    """One float32 TIFF per image, with the grey values that its pixels stand for.

    Args:
        folder: Folder of the files.
        names: Names of the files, without suffix.
        images: `(N, 1, H, W)`, N names, pixels on 0 to 255.
        window: Grey values of the pixels 0 and 255.
    """
    low, high = window
    values = low + as_array(images).astype(np.float64) / 255 * (high - low)
    paths = [folder / f"{name}.tif" for name in names]
    for path, (value,) in zip(paths, values, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(value.astype(np.float32)).save(buffer, format="tiff")
        write_whole(path, buffer.getvalue())
    return paths
