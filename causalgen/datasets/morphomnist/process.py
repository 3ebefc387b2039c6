"""The image mechanism of the released MorphoMNIST: SetIntensity(SetThickness(digit, thickness), intensity).

SetThickness enlarges the digit 16 times (Catmull-Rom, then a Gaussian), takes pixels of at least half the range as ink, and
measures its thickness m on the medial axis; a footprint of radius int(16 |thickness - m| / 2) dilates or erodes the ink,
which is reduced 16 times again. SetIntensity multiplies by intensity / median(pixels that reach half the range).
Both truncate to whole grey levels.

The release (Pawlowski, Castro and Glocker, 2020) was made with the scikit-image of 2020. Its differences
from today's version are implemented here: cubic convolution instead of splines, the ties of the medial axis broken by numpy's
old generator, and a footprint that is a disk smoothed and reduced of which every entry above 0 counts. That footprint is
closer to a square than to a disk, so thick digits overshoot.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.morphology import disk, medial_axis

from ...errors import DataError
from ...morphology.batch import map_chunks

__all__ = ["draw"]

Fine = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[int, int], None]

SCALE = 16
"""Number of fine pixels per pixel, along each axis."""
SIGMA = 2 * SCALE / 6
"""Blur before reducing and after enlarging, in fine pixels."""
REACH = 24
"""Reach of the blur and the interpolation in fine pixels."""
CHUNK = 25
"""Number of images that one process handles at a time, about a second of work."""


def draw(
    digits: NDArray[np.uint8],
    thickness: NDArray | None,
    intensity: NDArray | None,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """Digits `(N, H, W)` redrawn with thickness (px) and intensity, each `(N,)`; uint8 `(N, H, W)`.

    Args:
        digits: Bright ink on a dark ground.
        thickness: Target thickness; None keeps the strokes.
        intensity: Target median brightness of the ink, grey levels; None keeps that of each digit.
        jobs: Processes; None uses every core when the batch is large enough to repay starting them.
        progress: Called with (images done, images in all) now and then.

    Raises:
        DataError: An image holds no ink; its position is named.
    """
    empty = np.flatnonzero(~digits.any((1, 2)))
    if len(empty):
        raise DataError(f"Image {empty[0]}: Expected an image with ink; got one with no pixel above 0.")
    if intensity is None:
        intensity = np.array([_level(digit) for digit in digits])
    if thickness is None:
        return np.array([_brighten(*row) for row in zip(digits, intensity)], np.uint8).reshape(digits.shape)
    parts: list[NDArray[np.uint8]] = []
    for part in map_chunks(_draw_chunk, CHUNK, jobs, digits, thickness, intensity):
        parts.append(part)
        if progress is not None:
            progress(sum(map(len, parts)), len(digits))
    return np.concatenate(parts) if parts else np.zeros_like(digits)


def _draw_chunk(start: int, digits: NDArray, thickness: NDArray, intensity: NDArray) -> NDArray[np.uint8]:
    inks = [_ink(digit) for digit in digits]
    rows = zip(inks, _thicknesses(inks), thickness, intensity)
    return np.stack([_brighten(_reduce(_thicken(ink, t - m)), i) for ink, m, t, i in rows])


def _ink(digit: NDArray[np.uint8]) -> Mask:
    """Fine pixels of `(H, W)` that reach half the range; `(16 H, 16 W)`."""
    pixels = digit / 255
    columns = np.flatnonzero(pixels.any(0))
    part = slice(max(columns[0] - 4, 0), columns[-1] + 5)
    fine = _interpolate(pixels[:, part], SCALE * len(pixels), SCALE * pixels[:, part].shape[1])
    levels = np.zeros((SCALE * digit.shape[0], SCALE * digit.shape[1]), np.uint8)
    levels[:, SCALE * part.start : SCALE * part.start + fine.shape[1]] = 255 * gaussian_filter(fine, SIGMA)
    return _upper_half(levels)


def _upper_half(levels: NDArray[np.uint8]) -> Mask:
    low, high = float(levels.min()), float(levels.max())
    return levels >= low + (high - low) * 0.5


def _thicknesses(inks: list[Mask]) -> NDArray[np.float64]:
    """Twice the mean distance to the edge along each medial axis, in pixels.

    `medial_axis` rebuilds its tables at every call, so all digits go into one picture; but ink that touches the border has
    no edge there, and is processed separately.
    """
    crops = [ink[_box(ink, 1)] for ink in inks]
    alone = [bool(ink[[0, -1]].any() or ink[:, [0, -1]].any()) for ink in inks]
    groups = [[k] for k in range(len(inks)) if alone[k]]
    groups.append([k for k in range(len(inks)) if not alone[k]])
    result = np.empty(len(inks))
    for group in groups:
        if group:
            result[group] = _stacked_thicknesses([crops[k] for k in group])
    return result


def _stacked_thicknesses(crops: list[Mask]) -> list[float]:
    ends = np.cumsum([len(crop) for crop in crops])
    picture = np.zeros((ends[-1], max(crop.shape[1] for crop in crops)), bool)
    for crop, end in zip(crops, ends):
        picture[end - len(crop) : end, : crop.shape[1]] = crop
    axis, distance = medial_axis(picture, return_distance=True, rng=_OldTies([int(crop.sum()) for crop in crops]))
    parts = zip(np.split(axis, ends[:-1]), np.split(distance, ends[:-1]))
    return [2 * float(depths[line].mean()) / SCALE for line, depths in parts]


class _OldTies(np.random.Generator):
    """Breaks ties of the medial axis as in scikit-image up to 0.18: by RandomState(0)."""

    def __init__(self, counts: list[int]):
        super().__init__(np.random.PCG64(0))
        self.counts = counts

    def permutation(self, x: Any, axis: int = 0) -> Any:
        return np.concatenate([np.random.RandomState(0).permutation(count) for count in self.counts])


def _thicken(ink: Mask, change: float) -> Mask:
    """Dilate or erode by half of `change` pixels."""
    radius = int(SCALE * abs(change) / 2)
    if radius == 0:
        return ink
    box = _box(ink, radius)
    result = np.zeros_like(ink)
    part = ink[box]
    result[box] = _dilate(part, radius) if change >= 0 else ~_dilate(~part, radius)
    return result


def _dilate(mask: Mask, radius: int) -> Mask:
    """Union of the footprint put on every pixel of `mask`, one row of the footprint at a time."""
    height, width = mask.shape
    counts = np.pad(np.cumsum(mask, 1, dtype=np.int32), ((0, 0), (radius + 1, radius)), mode="edge")
    counts[:, : radius + 1] = 0
    result = np.zeros_like(mask)
    for down, first, last in _footprint_rows(radius):
        right, left = radius + 1 - first, radius - last  # pixel x is reached from x - last to x - first
        reached = counts[:, right : right + width] > counts[:, left : left + width]
        result[max(down, 0) : height + min(down, 0)] |= reached[max(-down, 0) : height - max(down, 0)]
    return result


@lru_cache(maxsize=64)
def _footprint_rows(radius: int) -> list[tuple[int, int, int]]:
    """Rows of the footprint: (offset down, first offset across, last offset across)."""
    smooth = gaussian_filter(disk(SCALE * radius, dtype=np.float64), SIGMA)
    size = 2 * radius + 1
    footprint = _linear(smooth, size, ROUNDING) @ smooth @ _linear(smooth, size, -ROUNDING).T > 0
    columns = [np.flatnonzero(row) for row in footprint]
    return [(k - radius, found[0] - radius, found[-1] - radius) for k, found in enumerate(columns)]


ROUNDING = 1e-13
"""Rows were sampled a rounding error lower and columns a rounding error further left than meant. It shows where a sample
falls on the last entry above 0, as with radius 19."""


def _linear(smooth: Fine, size: int, shift: float) -> Fine:
    """Weights `(size, length)` of linear interpolation."""
    length = len(smooth)
    place = (np.arange(size) + 0.5) * length / size - 0.5 + shift
    before = np.floor(place).astype(int)
    weights = np.zeros((size, length))
    for index, weight in ((before, before + 1 - place), (before + 1, place - before)):
        weights[np.arange(size), index] = weight
    return weights


def _reduce(ink: Mask) -> NDArray[np.uint8]:
    """Coverage of each pixel, blurred, in grey levels; `(H, W)`."""
    box = _box(ink, REACH) if ink.any() else (slice(0), slice(0))
    smooth = np.zeros(ink.shape)
    smooth[box] = gaussian_filter(ink[box].astype(np.float64), SIGMA)
    return (255 * _interpolate(smooth, ink.shape[0] // SCALE, ink.shape[1] // SCALE)).astype(np.uint8)


def _brighten(image: NDArray[np.uint8], intensity: float) -> NDArray[np.uint8]:
    level = _level(image)  # 0 where erosion left no ink
    return np.clip(image * (float(intensity) / level), 0, 255).astype(np.uint8) if level else image


def _level(image: NDArray[np.uint8]) -> float:
    """Brightness of the ink: the median of the pixels that reach half the range."""
    return float(np.median(image[_upper_half(image)]))


def _box(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The bounding box of `mask`, `margin` larger on every side, within the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _interpolate(image: Fine, height: int, width: int) -> Fine:
    """Cubic convolution (Catmull-Rom) to `(height, width)`, clipped to the range of `image`."""
    across = _cubic(*_neighbours(image.shape[1], width), image.T).T
    return np.clip(_cubic(*_neighbours(image.shape[0], height), across), image.min(), image.max())


def _cubic(place: Fine, neighbours: list[NDArray[np.intp]], image: Fine) -> Fine:
    """Horner's form gives exactly 1 where all neighbours are 1, so full ink truncates as in the release."""
    a, b, c, d = (image[index] for index in neighbours)
    x = place[:, None]
    return b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))


def _neighbours(length: int, size: int) -> tuple[Fine, list[NDArray[np.intp]]]:
    """Position of each of `size` samples between its inner neighbours, and the four neighbours, mirrored at the ends."""
    place = (np.arange(size) + 0.5) * (length / size) - 0.5
    before = np.floor(place).astype(np.intp)
    last = length - 1
    return place - before, [last - np.abs(last - np.abs(before + step)) for step in (-1, 0, 1, 2)]
