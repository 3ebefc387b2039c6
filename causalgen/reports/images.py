"""Shows image tensors as pictures, and in grids."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import DataError
from ..graph import Variable
from .planes import middle_planes
from .style import INK, PALE, blank_figure, plain, styled

__all__ = ["as_array", "as_picture", "bare", "caption_size", "plot_samples", "show"]

LETTERS = 11.5
"""Number of letters of a title per inch."""
CAPTION = 17
"""Number of letters of a caption that fit below a picture; a longer caption has smaller letters."""
TITLED = 3.0
"""Minimum width of a figure with a title, in inches."""


def as_array(values: Any) -> np.ndarray:
    """Convert a tensor on any device, or anything array-like, to a numpy array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values)


def as_picture(image: Any, variable: Variable | None = None) -> np.ndarray:
    """Convert an image `(C, H, W)` or `(H, W)` to a picture in [0, 1]: `(H, W)` if grey, else `(H, W, 3)`.

    The picture of a volume `(C, D, H, W)` shows the three middle planes (see `planes.middle_planes`).

    Args:
        image: The image, in its variable's support.
        variable: Its variable; None for support (0, 255).

    Raises:
        DataError: The array has a different number of dimensions.
    """
    array = as_array(image).astype(float)
    if array.ndim == 2:
        array = array[None]
    if array.ndim not in (3, 4):
        raise DataError(
            f"Expected an image of shape (C, H, W) or (H, W), or a volume of shape (C, D, H, W); got shape {array.shape}."
        )
    low, high = (variable.support if variable is not None else None) or (0.0, 255.0)
    if array.ndim == 4:
        array = middle_planes(array, high)
    array = np.clip((array - low) / (high - low), 0, 1)
    return array.transpose(1, 2, 0) if len(array) == 3 else array.mean(axis=0)


def bare(axes: Axes) -> None:
    """Remove ticks and labels, keep a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=PALE, linewidth=0.6)


def show(axes: Axes, picture: np.ndarray) -> None:
    """Show a picture with sharp pixels and a thin frame."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    bare(axes)


@styled
def caption_size(captions: Sequence[str], largest: float, room: int) -> float:
    """Return the font size, at most `largest` points, at which captions fit if `room` letters fit at `largest`.

    >>> caption_size(["age 41"], 6.0, 17), caption_size(["age 41\\n" + 34 * "x"], 6.0, 17)
    (6.0, 3.0)
    """
    longest = max((len(line) for caption in captions for line in caption.splitlines()), default=0)
    return min(largest, largest * room / max(longest, 1))


def plot_samples(
    images: Any,
    captions: Sequence[str] | None = None,
    *,
    variable: Variable | None = None,
    columns: int = 6,
    title: str = "",
) -> Figure:
    """Plot a grid of images, with a small caption below each.

    Args:
        images: `(N, C, H, W)` or `(N, H, W)`, in the variable's support.
        captions: One text per image.
        variable: The image variable; None for support (0, 255).
        columns: Images in a row.
        title: Title of the whole figure.

    Raises:
        DataError: There is no image, or the number of captions differs from the number of images.
    """
    if len(images) == 0:
        raise DataError("Expected at least one image to plot; got none.")
    if captions is not None and len(captions) != len(images):
        raise DataError(f"Expected one caption per image; got {len(captions)} captions for {len(images)} images.")
    pictures = [as_picture(image, variable) for image in images]
    wide = np.ndim(images[0]) == 4  # the planes of a volume take the place of three pictures
    columns = min(math.ceil(columns / 3) if wide else columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    lines = max((caption.count("\n") + 1 for caption in captions), default=0) if captions else 0
    ratio = pictures[0].shape[0] / pictures[0].shape[1]
    cell = 2.4 if wide else 0.8
    width = max(cell * columns, TITLED if title else 0)
    heading = fill(title, int(LETTERS * width), break_long_words=False)
    height = rows * (0.975 * cell * ratio + 0.11 * lines + 0.06) + (
        0.15 + 0.17 * len(heading.splitlines()) if heading else 0
    )
    figure = blank_figure(width, height, tight=True)
    if heading:
        figure.suptitle(plain(heading), fontsize=9.5, weight="bold", color=INK)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, picture in zip(grid, pictures, strict=False):
        show(axes, picture)
    for axes in grid[len(pictures) :]:
        axes.set_visible(False)
    size = caption_size(captions or (), 6.0, CAPTION)
    for axes, caption in zip(grid, captions or (), strict=False):
        axes.set_xlabel(plain(caption), fontsize=size, color=INK, labelpad=2, linespacing=1.15)
    return figure
