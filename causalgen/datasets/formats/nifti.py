"""Slices of NIfTI volumes, and whole ones, by nibabel, the optional extra; the only module that imports it.

A volume is reoriented to its closest canonical orientation (axes to the right, to the front and up), without
resampling. A slice is shown as its plane is usually drawn, the patient's left on the left:

    axial      front at the top      slices count from below
    coronal    top at the top        slices count from the back
    sagittal   top at the top, front on the right      slices count from the left

A whole volume is the stack of its axial slices.
"""

import gzip
import io
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        "Expected nibabel to read NIfTI volumes; it is not installed. Install the extra: pip install 'causalgen[nifti]'."
    ) from error

from ...errors import DataError
from .encoded import GZIP
from .header import Header, too_large
from .place import PLANES, VOLUME, stamp

__all__ = ["header", "picture", "write"]

SECOND = 540
"""Size of a NIfTI-2 header in bytes, with which the header begins."""
SHEARED = 1e-3
"""Cosine between two voxel axes at or above which a volume counts as sheared."""


def header(source: Path | io.BytesIO, inside: str = "") -> Header | str:
    """Header of a slice or a volume, or the contents found instead of a usable one.

    Args:
        source: The file, or its content.
        inside: Plane and position of a slice, "axial/90"; or "volume".
    """
    try:
        volume = _load(source)
    except ImageFileError:
        return "not a NIfTI volume"
    if inside == VOLUME:
        if problem := _unusable(volume):
            return problem
        width, height, depth = _canonical_shape(volume)
        return too_large(depth, height, width) or Header(height, width, colour=False, wide=True, depth=depth)
    found = _located(volume, inside)
    if isinstance(found, str):
        return found
    width, height = (size for axis, size in enumerate(_canonical_shape(volume)) if axis != found[0])
    return too_large(height, width) or Header(height, width, colour=False, wide=True)


def picture(source: Path | io.BytesIO, inside: str = "") -> NDArray[Any]:
    """Grey values `(H, W)` of a slice, or `(D, H, W)` of a volume, with the file's scaling."""
    if inside == VOLUME:
        if problem := _unusable(_load(source)):
            raise ValueError(problem)
        return np.ascontiguousarray(_voxels(source).transpose(2, 1, 0)[:, ::-1])
    found = _located(_load(source), inside)
    if isinstance(found, str):
        raise ValueError(found)
    axis, position = found
    return np.ascontiguousarray(np.rot90(np.take(_voxels(source), position, axis)))


def write(path: Path, values: NDArray[Any], like: Path) -> Path:
    """Write a volume `(D, H, W)` with the voxel size and position of another file of the same shape.

    Raises:
        DataError: `like` is not a volume, or one of another size.
    """
    expected = "x".join(map(str, reversed(values.shape)))
    try:
        model: Any = nibabel.load(like)
    except (ImageFileError, OSError) as error:
        raise DataError(
            f"Expected a NIfTI volume of {expected} voxels in '{like}'; it cannot be read: {error}."
        ) from None
    found = _unusable(model) or "x".join(map(str, _canonical_shape(model)))
    if found != expected:
        raise DataError(
            f"Expected a NIfTI volume of {expected} voxels (right, front, up) in '{like}', like those of the model; got "
            f"{found}. Name a file of that size; volumes that a study resampled are written as NumPy files only."
        )
    turned = nibabel.as_closest_canonical(model)
    image = nibabel.Nifti1Image(values[:, ::-1].transpose(2, 1, 0), turned.affine)
    if isinstance(model.header, nibabel.Nifti1Header):  # micrometres in scans of small animals
        image.header.set_xyzt_units(model.header.get_xyzt_units()[0])
    nibabel.save(image, path)
    return path


def _load(source: Path | io.BytesIO) -> Any:
    """The volume, of which only the header is read."""
    if isinstance(source, Path):
        return nibabel.load(source)
    source.seek(0)
    packed = source.read(2) == GZIP
    source.seek(0)
    stream: Any = gzip.GzipFile(fileobj=source) if packed else source
    size = stream.read(4)
    stream.seek(0)
    second = SECOND in (int.from_bytes(size, "little"), int.from_bytes(size, "big"))
    return (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_stream(stream)


def _voxels(source: Path | io.BytesIO) -> NDArray[Any]:
    """Values in canonical orientation; those of the most recent files are cached."""
    return _canonical(source, stamp(source)) if isinstance(source, Path) else _turned(_load(source))


@lru_cache(maxsize=2)
def _canonical(source: Path, stamped: bytes) -> NDArray[Any]:
    return _turned(_load(source))


def _turned(loaded: Any) -> NDArray[Any]:
    volume: Any = nibabel.as_closest_canonical(loaded)
    return np.asanyarray(volume.dataobj).reshape(volume.shape[:3])


def _canonical_shape(volume: Any) -> tuple[int, ...]:
    axes = nibabel.io_orientation(volume.affine)[:, 0].astype(int)
    return tuple(int(volume.shape[place]) for place in np.argsort(axes))


def _unusable(volume: Any) -> str:
    """The reason why a file is not a volume of grey values; empty if it is one."""
    shape = "x".join(map(str, volume.shape))
    if len(volume.shape) < 3 or math.prod(volume.shape[3:]) != 1:
        return f"an array of {shape} voxels; save one volume"
    if volume.get_data_dtype().kind not in "uif":
        return f"voxels of {volume.get_data_dtype()}; save one grey value for each"
    return _distorted(volume.affine)


def _located(volume: Any, inside: str) -> tuple[int, int] | str:
    """Axis and position of a slice, or the reason why there is none."""
    if problem := _unusable(volume):
        return problem
    shape = "x".join(map(str, volume.shape))
    plane, _, position = inside.partition("/")
    if not inside:
        return f"a volume of {shape} voxels; declare `slice: [axial, 0.5]` or `volume: true`, or name file/axial/90"
    if plane not in PLANES:
        return f"the plane '{plane}'; planes are {', '.join(PLANES)}"
    axis = PLANES.index(plane)
    count = _canonical_shape(volume)[axis]
    place = _place(position, count)
    return (axis, place) if place is not None else f"no {plane} slice {position} in a volume of {count}"


def _place(position: str, count: int) -> int | None:
    """The slice given by a number, or by a share with a decimal point."""
    if position.isdecimal():
        return int(position) if int(position) < count else None
    try:
        share = float(position)
    except ValueError:
        return None
    return round(share * (count - 1)) if 0 <= share <= 1 else None


def _distorted(affine: NDArray[np.float64]) -> str:
    """The reason why a volume has no orientation; empty if there is none."""
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or not (lengths > 0).all():
        return "voxels without a size or an orientation; correct the affine"
    cosines = (axes / lengths).T @ (axes / lengths) - np.eye(3)
    return "sheared voxel axes; resample the volume" if np.abs(cosines).max() > SHEARED else ""
