"""Draw slices of a head, and volumes, with 16 bits, anti-aliased.

Middle, tilt and proportions of a head and the folds of its white matter are noise of the image, and so is the noise of every
pixel. The share of a pixel that an ellipse covers is exact along each of four lines through it; folded edges go by the distance
from the pixel's centre. Apart from the cube root, which is rounded, only operations that IEEE 754 rounds correctly are used, in
a fixed order, so that every machine draws the same values.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import anatomy
from .anatomy import AIR, FIELD, FLAT, FLUID, GREY, NARROW, RIM, RIM_WIDTH, SCANNERS, SIDEWAYS, TILT, WHITE, WHITE_EDGE

__all__ = ["SIZES", "VOLUME_SIZE", "Progress", "draw_shapes", "draw_tissue", "render"]

Floats = NDArray[np.floating[Any]]
Progress = Callable[[int, int], None]

SIZES = (64, 96, 128)
VOLUME_SIZE = 32
"""Voxels of a volume along each axis."""
LINES = 4
"""Number of lines through a pixel along which edges are exact."""
FOLDS = range(4, 9)
"""Numbers of folds around the white matter."""
FOLD_DEPTH = 0.02
WHITE_LEVEL = 65_535
ROUNDING = 2.0**-30
CHUNK = 16
"""Number of images drawn at a time, which fit into a processor's cache."""
MEAN_OF_BYTES, SPREAD_OF_BYTES = 8 * 127.5, (8 * (256**2 - 1) / 12) ** 0.5


def draw_shapes(person: NDArray[np.int64], rng: np.random.Generator) -> dict[str, NDArray]:
    """Draw image noise: folds and proportions of a person, position and pixel noise of a scan.

    Args:
        person: Number of each scan's person, `(N,)`, in ascending order from 0.
        rng: Random numbers.

    Returns:
        proportion `(N,)`, width over length; folds `(N, 2, K)`; x and y of the middle, mm, and tilt, the tangent of the
        angle, `(N,)` each; pixels `(N,)`, the seed of the noise of the pixels.
    """
    persons, count = int(person.max()) + 1, len(person)
    proportion = rng.uniform(0.74, 0.86, persons)
    folds = rng.uniform(-FOLD_DEPTH, FOLD_DEPTH, (persons, 2, len(FOLDS)))
    return {
        "proportion": proportion[person],
        "folds": folds[person],
        "x": rng.uniform(-6, 6, count),
        "y": rng.uniform(-6, 6, count),
        "tilt": rng.uniform(-0.12, 0.12, count),
        "pixels": rng.integers(0, 2**63, count),
    }


def render(
    attributes: Mapping[str, NDArray],
    shapes: Mapping[str, NDArray],
    *,
    size: int = 64,
    volume: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.uint16]:
    """Images `(N, 1, size, size)`, 0 to 65535.

    Args:
        attributes: head_size, the diameter in mm of a circle with the head's area; ventricle_volume, ml; scanner, code.
        shapes: As from `draw_shapes`.
        size: Height and width in pixels, and depth of volumes.
        volume: Draw volumes `(N, 1, size, size, size)`, slices from below, in place of images.
        progress: Called with (images drawn, images in all) now and then.
    """
    count = len(shapes["pixels"])
    shape = (size,) * (3 if volume else 2)
    images = np.empty((count, 1, *shape), np.uint16)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        part = {name: column[rows] for name, column in shapes.items()}
        found = {name: attributes[name][rows] for name in ("head_size", "ventricle_volume", "scanner")}
        sizes = found["head_size"].astype(float), found["ventricle_volume"].astype(float)
        tissue = _stack(*sizes, part, size) if volume else draw_tissue(*sizes, part, size)
        offset, gain, deviation = np.array(SCANNERS)[found["scanner"].astype(int)].T[(..., *[None] * len(shape))]
        seen = offset + gain * tissue + deviation * _pixel_noise(part["pixels"], shape)
        images[rows, 0] = np.rint(np.clip(seen, 0, 1) * WHITE_LEVEL)
        if progress is not None:
            progress(min(start + CHUNK, count), count)
    return images


def _stack(head: Floats, volume: Floats, shapes: Mapping[str, NDArray], size: int) -> Floats:
    """Brightness `(n, size, size, size)` of volumes: each layer is the mean of `LINES` slices, evenly spaced in it."""
    voxel = FIELD / size
    layers = np.empty((len(head), size, size, size))
    for layer in range(size):
        heights = [(layer + (line + 0.5) / LINES) * voxel - FIELD / 2 for line in range(LINES)]
        cut = [draw_tissue(head, volume, shapes, size, height) for height in heights]
        layers[:, layer] = (cut[0] + cut[1] + cut[2] + cut[3]) / LINES
    return layers


def draw_tissue(head: Floats, volume: Floats, shapes: Mapping[str, NDArray], size: int, height: float = 0.0) -> Floats:
    """Brightness `(n, size, size)` before the scanner: parts inside one another, by the share of a pixel that each covers.

    At other heights, a plane cuts the solid's ellipsoids in smaller ellipses of the same proportions; half the height
    of the head is half its size, so the head has the volume of a sphere of its size.

    Args:
        head: Sizes of heads, mm, `(n,)`.
        volume: Volumes of ventricles, ml, `(n,)`.
        shapes: As from `draw_shapes`.
        size: Height and width in pixels.
        height: Height of the slice above the middle of the head, mm.
    """
    root = np.sqrt(shapes["proportion"])
    long, wide = head / (2 * root), head * root / 2
    tilt, middle = shapes["tilt"], (shapes["x"], shapes["y"])
    r = np.rint(anatomy.half_length(volume) / ROUNDING) * ROUNDING
    outer, inner, white, fluid = (
        _cut(h, height) for h in (head / 2, head / 2 - RIM_WIDTH, WHITE_EDGE * head / 2, FLAT * r)
    )
    tissue = AIR + (RIM - AIR) * _ellipse(middle, (wide * outer, long * outer), tilt, size)
    within = (wide - RIM_WIDTH) * inner, (long - RIM_WIDTH) * inner
    tissue += (GREY - RIM) * _ellipse(middle, within, tilt, size)
    tissue += (WHITE - GREY) * _folded(middle, (wide * white, long * white), tilt, shapes["folds"], size)
    cosine = 1 / np.sqrt(1 + tilt * tilt)
    for side in (-1, 1):
        centre = middle[0] + side * SIDEWAYS * cosine, middle[1] + side * SIDEWAYS * cosine * tilt
        turned = (tilt + side * TILT) / (1 - side * tilt * TILT)
        tissue += (FLUID - WHITE) * _ellipse(centre, (NARROW * r * fluid, r * fluid), turned, size)
    return tissue


def _cut(half: Floats, height: float) -> Floats:
    """Size of the ellipse in which a plane cuts an ellipsoid of half height `half`, as a share of the largest one, `(n,)`."""
    way = height / half
    return np.sqrt(np.maximum(1 - way * way, ROUNDING))


def _ellipse(centre: tuple[Floats, Floats], half: tuple[Floats, Floats], tilt: Floats, size: int) -> Floats:
    """Share of each pixel that an ellipse covers, `(n, size, size)`; half its width and height before it is tilted.

    With the tilt's cosine c and sine s, and half axes a and b, a point (x, y) from the centre is inside if

        A x^2 + 2 B x y + C y^2 <= 1      A = c^2/a^2 + s^2/b^2,  B = c s (1/a^2 - 1/b^2),  A C - B^2 = 1 / (a b)^2
    """
    pixel = FIELD / size
    a, b, slope = (column[:, None] for column in (*half, tilt))
    square = 1 / (1 + slope * slope)
    along = square / (a * a) + slope * slope * square / (b * b)
    mixed = slope * square * (1 / (a * a) - 1 / (b * b))
    y = FIELD / 2 - (np.arange(size * LINES) + 0.5) * (pixel / LINES) - centre[1][:, None]
    inside = along - y * y / (a * a * b * b)
    reach = np.where(inside > 0, np.sqrt(np.maximum(inside, 0)) / along, -1.0)
    middle = centre[0][:, None] - mixed * y / along
    edge = (np.arange(size) * pixel - FIELD / 2)[None, None, :]
    overlap = np.minimum(edge + pixel, (middle + reach)[..., None]) - np.maximum(edge, (middle - reach)[..., None])
    covered = np.clip(overlap / pixel, 0, 1).reshape(len(centre[0]), size, LINES, size)
    return (covered[:, :, 0] + covered[:, :, 1] + covered[:, :, 2] + covered[:, :, 3]) / LINES


def _folded(
    centre: tuple[Floats, Floats], half: tuple[Floats, Floats], tilt: Floats, folds: NDArray, size: int
) -> Floats:
    """Share of each pixel inside the folded edge of the white matter.

    The edge is at the share WHITE_EDGE + sum over k of (a_k cos(k t) + b_k sin(k t)) of the way to that of the head, t the
    angle; the powers of cos t + i sin t need no sine.
    """
    pixel = FIELD / size
    a, b, slope = (column[:, None, None] for column in (*half, tilt))
    grid = (np.arange(size) + 0.5) * pixel - FIELD / 2
    x, y = grid[None, None, :] - centre[0][:, None, None], -grid[None, :, None] - centre[1][:, None, None]
    cosine = 1 / np.sqrt(1 + slope * slope)
    across, ahead = (x + slope * y) * cosine / a, (y - slope * x) * cosine / b
    way = np.maximum(np.sqrt(across * across + ahead * ahead), ROUNDING)
    steepness = np.sqrt(across * across / (a * a) + ahead * ahead / (b * b)) / way
    c, s = across / way, ahead / way
    edge, real, imaginary = np.full_like(way, WHITE_EDGE), np.ones_like(way), np.zeros_like(way)
    for k in range(1, FOLDS.stop):
        real, imaginary = real * c - imaginary * s, real * s + imaginary * c
        if k in FOLDS:
            place = k - FOLDS.start
            edge = edge + folds[:, 0, place, None, None] * real + folds[:, 1, place, None, None] * imaginary
    return np.clip(0.5 + (edge - way) / (np.maximum(steepness, ROUNDING) * pixel), 0, 1)


def _pixel_noise(seeds: NDArray[np.int64], shape: tuple[int, ...]) -> Floats:
    """Noise of mean 0 and deviation 1, `(n, *shape)`: sums of eight random bytes, which every machine draws alike."""
    raw = np.stack([np.random.Philox(key=int(seed)).random_raw(math.prod(shape)) for seed in seeds])
    total = raw.view(np.uint8).reshape(len(seeds), *shape, 8).sum(-1, dtype=np.int64)
    return (total - MEAN_OF_BYTES) / SPREAD_OF_BYTES
