"""Plot of images drawn from several worlds of one model."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from ..errors import DataError
from ..graph import Variable
from .images import LETTERS, TITLED, as_picture, show
from .style import INK, blank_figure, plain, styled

__all__ = ["plot_worlds"]

CELL = 0.8


@styled
def plot_worlds(images: Mapping[str, Any], *, variable: Variable | None = None) -> Figure:
    """Plot a row of images for each world, under its title.

    Args:
        images: Images `(N, C, H, W)` by title, in the variable's support.
        variable: The image variable; None for support (0, 255).

    Raises:
        DataError: There is no world, or a world has no images.
    """
    if not images or not all(len(world) for world in images.values()):
        raise DataError("Expected at least one image of each world to plot; got none.")
    pictures = {title: [as_picture(image, variable) for image in world] for title, world in images.items()}
    columns = max(map(len, pictures.values()))
    first = next(iter(pictures.values()))[0]
    width = max(CELL * columns, TITLED)
    titles = [fill(title, int(LETTERS * width), break_long_words=False) for title in pictures]
    heights = [CELL * first.shape[0] / first.shape[1] + 0.17 * len(title.splitlines()) + 0.09 for title in titles]
    figure = blank_figure(width, sum(heights), tight=True)
    rows = figure.subfigures(len(pictures), 1, squeeze=False, height_ratios=heights)[:, 0]
    for row, title, world in zip(rows, titles, pictures.values(), strict=True):
        row.suptitle(plain(title), fontsize=9.5, weight="bold", color=INK, x=0.01, ha="left")
        axes = row.subplots(1, columns, squeeze=False)[0]
        for place, picture in zip(axes, world, strict=False):
            show(place, picture)
        for place in axes[len(world) :]:
            place.set_visible(False)
    return figure
