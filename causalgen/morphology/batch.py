"""Measurement and redrawing of many images in several processes."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UnknownNameError, nearest
from .measure import thickness_of
from .raster import Grey, as_grey, ink_level
from .redraw import redraw, set_intensity
from .shape import area_of, height_of, length_of, slant_of, width_of

__all__ = ["ATTRIBUTES", "map_chunks", "measure", "set_all"]

ATTRIBUTES: dict[str, Callable[[Grey], float]] = {
    "thickness": thickness_of,
    "intensity": ink_level,
    "area": area_of,
    "length": length_of,
    "slant": slant_of,
    "width": width_of,
    "height": height_of,
}
"""The attributes that can be measured, in px, grey levels, px^2, px, radians, px and px."""

REDRAWN, MEASURED = 200, 1_200
"""Images that one process takes at a time, about half a second of work either way."""
SERIAL = 4
"""Number of chunks up to which starting processes costs more than it saves."""


def measure(
    images: NDArray, attributes: Sequence[str] = ("thickness", "intensity"), *, jobs: int | None = None
) -> dict[str, NDArray[np.float32]]:
    """Attributes of `(N, H, W)` images, each `(N,)` float32.

    Args:
        images: Images, bright ink on a dark ground.
        attributes: Keys of `ATTRIBUTES`: thickness, length, width and height in px, area in px^2, slant in radians,
            intensity in grey levels.
        jobs: Processes; None uses every core when the batch is large enough to repay starting them.

    Raises:
        UnknownNameError: An attribute is not among them.
        DataError: The array is not a batch of images, or one of them holds no ink (its position is named).
    """
    for name in attributes:
        if name not in ATTRIBUTES:
            known = ", ".join(ATTRIBUTES)
            raise UnknownNameError(f"Expected attributes among {known}; got {name!r}." + nearest(name, ATTRIBUTES))
    images = _as_batch(images)
    parts = list(map_chunks(partial(_measure_chunk, tuple(attributes)), MEASURED, jobs, images))
    table = np.concatenate(parts) if parts else np.zeros((0, len(attributes)), np.float32)
    return dict(zip(attributes, table.T))


def set_all(
    images: NDArray,
    thickness: ArrayLike | None = None,
    intensity: ArrayLike | None = None,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.uint8]:
    """Set thickness (px), intensity, or both, of `(N, H, W)` images; returns `(N, H, W)` uint8.

    Args:
        images: Images, bright ink on a dark ground.
        thickness: One value or `(N,)`; None keeps the present one.
        intensity: One value or `(N,)`, in (0, 255]; None keeps the present one.
        jobs: Processes; None uses every core when the batch is large enough to repay starting them.
        progress: Called with (images done, total images) from time to time.

    Raises:
        DataError: The array is not a batch of images, one of them holds no ink, or a value is out of range.
    """
    images = _as_batch(images)
    wanted = [_column(value, len(images), name) for name, value in (("thickness", thickness), ("intensity", intensity))]
    parts: list[NDArray] = []
    for part in map_chunks(_set_chunk, REDRAWN, jobs, images, *wanted):
        parts.append(part)
        if progress is not None:
            progress(sum(map(len, parts)), len(images))
    return np.concatenate(parts) if parts else np.zeros(images.shape, np.uint8)


def _measure_chunk(attributes: tuple[str, ...], start: int, images: NDArray) -> NDArray[np.float32]:
    def measures(image: NDArray) -> list[float]:
        grey = as_grey(image)
        return [ATTRIBUTES[name](grey) for name in attributes]

    return np.array([_named(start + k, measures, image) for k, image in enumerate(images)], np.float32)


def _set_chunk(start: int, images: NDArray, thickness: NDArray, intensity: NDArray) -> NDArray[np.uint8]:
    rows = enumerate(zip(images, thickness, intensity))
    return np.stack([_named(start + k, _set_one, *row) for k, row in rows])


def _set_one(image: NDArray, thickness: float, intensity: float) -> NDArray[np.uint8]:
    grey = as_grey(image)
    value = ink_level(grey) if np.isnan(intensity) else float(intensity)
    if not np.isnan(thickness):
        return redraw(grey, float(thickness), value)
    return image.astype(np.uint8) if np.isnan(intensity) else set_intensity(image, value)


def _named(index: int, function: Callable, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except DataError as error:
        raise DataError(f"Image {index}: {error}") from None


def map_chunks(function: Callable, chunk: int, jobs: int | None, *columns: NDArray) -> Iterable[NDArray]:
    """`function(start, *rows)` on chunks of `chunk` rows, in order.

    Args:
        function: Takes the position of the chunk's first row and the rows of every column.
        chunk: Rows that one process takes at a time.
        jobs: Processes; None uses every core when there are enough chunks to repay starting them.
        columns: Arrays of one length.
    """
    starts = range(0, len(columns[0]), chunk)
    tasks = [(start, *(column[start : start + chunk] for column in columns)) for start in starts]
    workers = cpu_count() if jobs is None and len(tasks) > SERIAL else (jobs or 1)
    if workers == 1:
        return (function(*task) for task in tasks)
    return Parallel(n_jobs=workers, return_as="generator")(delayed(function)(*task) for task in tasks)


def _as_batch(images: NDArray) -> NDArray:
    images = np.asarray(images)
    if images.ndim != 3:
        raise DataError(f"Expected images of shape (N, H, W); got an array of shape {images.shape}.")
    return images


def _column(value: ArrayLike | None, length: int, name: str) -> NDArray[np.float64]:
    """`value` as `(length,)`, with NaN standing for "keep"."""
    if value is None:
        return np.full(length, np.nan)
    array = np.asarray(value, np.float64)
    if array.shape not in ((), (length,)):
        raise DataError(f"Expected one {name} or {length} of them; got an array of shape {array.shape}.")
    if np.isnan(array).any():
        raise DataError(f"Expected numbers for {name}; got NaN.")
    return np.broadcast_to(array, (length,))
