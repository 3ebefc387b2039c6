"""Writes images of a model as files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..datasets.depth import to_stored
from ..errors import DataError
from ..files import write_whole
from ..graph import Variable
from .images import as_array, as_picture

__all__ = ["file_content", "png_bytes", "write_grey_values", "write_images", "write_nifti"]

GREY = "-grey.npy"
"""End of the file name of a volume in the grey values of the study's files."""


def write_images(
    folder: Path,
    names: Sequence[str],
    images: Any,
    variable: Variable,
    bits: int = 8,
    *,
    window: tuple[float, float] | None = None,
) -> list[Path]:
    """Write one PNG per image, one NumPy file `(D, H, W)` of float32 per volume, and with a window the grey values.

    Args:
        folder: Folder of the files.
        names: Names of the files, without suffix.
        images: `(N, C, H, W)`, or `(N, C, D, H, W)`, N names, in the support of `variable`.
        variable: The image variable.
        bits: 8, or 16 for grey images with 65,536 values.
        window: Grey values of the pixels 0 and 255; each image is then also written with them (see `write_grey_values`).

    Returns:
        The files, without those of the grey values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, image in zip(names, images, strict=True):
        content, suffix = file_content(image, variable, bits)
        if variable.is_volume:  # left from an earlier answer of that name; `write_nifti` would read it
            (folder / f"{name}{GREY}").unlink(missing_ok=True)
        paths.append(write_whole(folder / f"{name}{suffix}", content))
    if window is not None:
        write_grey_values(folder, names, images, window)
    return paths


def file_content(image: Any, variable: Variable, bits: int = 8) -> tuple[bytes, str]:
    """Return file content and suffix: a PNG, or for a volume `(C, D, H, W)` a NumPy file without the channel."""
    if not variable.is_volume:
        return png_bytes(image, variable, bits), ".png"
    values = as_array(image).astype(np.float32)
    return _npy_bytes(values[0] if len(values) == 1 else values), ".npy"


def _npy_bytes(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def png_bytes(image: Any, variable: Variable, bits: int = 8) -> bytes:
    """Encode an image `(C, H, W)`, or the middle planes of a volume, as PNG: 8 bits, or 16 for grey images.

    Args:
        image: The image, in the support of `variable`.
        variable: Its variable.
        bits: 8 or 16.
    """
    buffer, picture = io.BytesIO(), as_picture(image, variable)
    Image.fromarray(to_stored(picture * 255, bits if picture.ndim == 2 else 8)).save(buffer, format="png")
    return buffer.getvalue()


def write_grey_values(folder: Path, names: Sequence[str], images: Any, window: tuple[float, float]) -> list[Path]:
    """Write the grey values of each image as a float32 TIFF, `name.tif`; of a volume as `name-grey.npy`.

    Args:
        folder: Folder of the files.
        names: Names of the files, without suffix.
        images: `(N, C, H, W)`, or `(N, 1, D, H, W)`, N names, pixels on 0 to 255.
        window: Grey values of the pixels 0 and 255.
    """
    low, high = window
    values = low + as_array(images).astype(np.float64) / 255 * (high - low)
    volumes = values.ndim == 5
    paths = [folder / f"{name}{GREY if volumes else '.tif'}" for name in names]
    for path, value in zip(paths, values.astype(np.float32), strict=True):
        plain = value[0] if len(value) == 1 else np.moveaxis(value, 0, -1)
        write_whole(path, _npy_bytes(plain) if volumes else _tiff_bytes(plain))
    return paths


def _tiff_bytes(values: np.ndarray) -> bytes:
    from tifffile import imwrite  # Pillow writes no 32-bit colours

    buffer = io.BytesIO()
    imwrite(buffer, values, photometric="minisblack" if values.ndim == 2 else "rgb")
    return buffer.getvalue()


def write_nifti(files: Sequence[Path], like: str | Path) -> list[Path]:
    """Write NIfTI files next to volumes that were written as NumPy files; other files are skipped.

    They hold the grey values of the study's files where these are known, else values from 0 to 255.

    Args:
        files: Files of volumes and images, as `write_images` returned them.
        like: NIfTI file with the same number of voxels, whose voxel size and position in space they get.

    Raises:
        DataError: No file is a volume, or `like` is not a NIfTI volume of the same size.
        ImportError: nibabel is not installed (the extra `nifti`).
    """
    from ..datasets.formats.nifti import write

    volumes = [Path(file) for file in files if Path(file).suffix == ".npy"]
    if not volumes:
        raise DataError("Expected volumes to write as NIfTI; got images, or none. Leave the option out.")
    written = []
    for path in volumes:
        grey = path.with_name(f"{path.stem}{GREY}")
        written.append(write(path.with_suffix(".nii.gz"), np.load(grey if grey.exists() else path), Path(like)))
    return written
