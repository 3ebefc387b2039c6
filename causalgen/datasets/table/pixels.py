"""Converts any image to stored pixels: grey values of 16 or more bits through a window, transparency over a ground.

A window [low, high] is the same for a whole column: a grey value v becomes

    p = 255 (v - low) / (high - low)      cut to 0..255

so that v = low + (high - low) p / 255 gives the original unit of a pixel p. A pixel is stored as a byte, which keeps v to
within half of (high - low) / 255, or with 16 bits, which keep it to within half of (high - low) / 65535.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from ..depth import to_stored
from ..formats import WIDE, Picture, read_picture, short_name
from .declare import Fit
from .resample import resample

__all__ = [
    "GROUND",
    "Rendering",
    "decode_image",
    "grey_range",
    "on_ground",
    "read_grey",
    "rendering_of",
    "through_window",
]

GROUND = "white"
"""Default colour behind transparent pixels."""


@dataclass(frozen=True)
class Rendering:
    """The conversion of image files to pixels.

    Args:
        fit: How an image of another shape is resized.
        window: Grey values that become 0 and 255; None for unchanged 8-bit images.
        bits: 8 or 16 bits that are kept of a pixel.
        slice: Plane and position of the slice that is taken of volumes.
        ground: Colour behind transparent pixels.
    """

    fit: Fit = "crop"
    window: tuple[float, float] | None = None
    bits: int = 8
    slice: tuple[str, float] | None = None
    ground: str = GROUND


def rendering_of(declared: Any, window: tuple[float, float] | None) -> Rendering:
    """The conversion that a declaration, or a study's section with the same fields, specifies."""
    return Rendering(
        fit=declared.fit or "crop",
        window=window,
        bits=declared.bits or 8,
        slice=declared.slice,
        ground=declared.ground or GROUND,
    )


def decode_image(path: Path, shape: tuple[int, ...], rendering: Rendering | None = None) -> NDArray[Any] | str:
    """Pixels `shape`, (C, H, W) or (C, D, H, W), of one image, upright, uint8 or uint16; or the contents found instead."""
    rendering = rendering or Rendering()
    picture = read_picture(path)
    if isinstance(picture, str):
        return picture
    if len(shape) == 4:
        return _volume(picture, path, shape, rendering)
    channels, height, width = shape
    if not isinstance(picture, Image.Image) or picture.mode in WIDE or rendering.window is not None:
        if rendering.window is None:
            return f"grey values of 16 bits or more, and no window for them ('{short_name(path)}')"
        values = _grey_values(picture)
        if not np.isfinite(values).all():
            return f"grey values that are not finite ('{short_name(path)}')"
        image = Image.fromarray(through_window(values, rendering.window).astype(np.float32))
    else:
        image = on_ground(picture, rendering.ground).convert("L" if channels == 1 else "RGB")
    if (image.height, image.width) != (height, width):
        image = _fitted(image, (width, height), rendering.fit)
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        pixels = np.repeat(to_stored(pixels, rendering.bits)[..., None], channels, axis=2)
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)


def _volume(picture: Picture, path: Path, shape: tuple[int, ...], rendering: Rendering) -> NDArray[Any] | str:
    name = short_name(path)
    values = np.asarray(picture)
    if isinstance(picture, Image.Image) or values.ndim != 3:
        return f"an image of two dimensions ('{name}')"
    if rendering.window is None and values.dtype != np.uint8:
        return f"grey values of 16 bits or more, and no window for them ('{name}')"
    if not np.isfinite(values).all():
        return f"grey values that are not finite ('{name}')"
    levels = values.astype(np.float64) if rendering.window is None else through_window(values, rendering.window)
    if values.shape != shape[1:]:
        levels = resample(levels, shape[1:], rendering.fit)
    return to_stored(levels, rendering.bits)[None]


def grey_range(path: Path) -> tuple[float, float] | None:
    """Lowest and highest grey value of a file; None if no value is finite."""
    values = read_grey(path)
    if values is None:
        return None
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def read_grey(path: Path) -> NDArray[np.float64] | None:
    """Grey values `(H, W)` of a file, or `(D, H, W)` of a volume, in its units; None if it is damaged."""
    picture = read_picture(path)
    return None if isinstance(picture, str) else _grey_values(picture)


def _grey_values(picture: Picture) -> NDArray[np.float64]:
    if isinstance(picture, Image.Image) and picture.mode not in WIDE:
        picture = picture.convert("L")
    return np.asarray(picture).astype(np.float64)


def through_window(values: NDArray[Any], window: tuple[float, float]) -> NDArray[np.float64]:
    """Values from 0 to 255, not yet rounded."""
    low, high = window
    return np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255


def on_ground(image: Image.Image, ground: str) -> Image.Image:
    """The image composed over the ground if it is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode in ("CMYK", "YCbCr") else image
    layer = image.convert("RGBA")
    behind = Image.new("RGBA", layer.size, (*ImageColor.getrgb(ground)[:3], 255))
    return Image.alpha_composite(behind, layer).convert("RGB")


def _fitted(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    if fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS)
    return image.resize(size, Image.Resampling.LANCZOS)
