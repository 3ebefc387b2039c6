"""Plot of a restored image next to the damaged picture: mean, interval and single draws of every pixel."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ..graph import Variable
from .images import as_array, as_picture, show
from .style import ACCENT, INK, blank_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SHOWN_DRAWS", "interval", "plot_restoration"]

SHOWN_DRAWS = 4
CELL = 1.05


def interval(draws: Any, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the central interval of every pixel, `(C, H, W)`, from draws `(k, C, H, W)`.

    The ends are order statistics at ranks of k + 1, so that a further draw lies between them with probability `level`.
    """
    low, high = np.quantile(as_array(draws), [(1 - level) / 2, (1 + level) / 2], axis=0, method="weibull")
    return low, high


@styled
def plot_restoration(
    picture: Any,
    worlds: dict[str, Any],
    variable: Variable,
    *,
    seen: Variable | None = None,
    hidden: Any = None,
    level: float = 0.9,
    title: str = "",
) -> Figure:
    """Plot one row per world: mean of the draws, both ends of their interval, single draws; the picture comes first.

    Args:
        picture: What was seen, `(C, h, w)`.
        worlds: Draws of the image `(k, C, H, W)` by the title of their row.
        variable: The image variable.
        seen: The variable of the picture; None for `variable`.
        hidden: Which pixels of the picture are hidden, bool `(h, w)`; None for none.
        level: Level of the intervals.
        title: Title of the whole figure.
    """
    ratio = variable.shape[1] / variable.shape[2]
    count = min(SHOWN_DRAWS, *(len(draws) for draws in worlds.values()))
    height = len(worlds) * (CELL * ratio + 0.28) + 0.05 + 0.25 * bool(title)
    figure = blank_figure(CELL * (4 + count), height, tight=True)
    if title:
        figure.suptitle(plain(title), fontsize=9.5, weight="bold", color=INK)
    grid = figure.subplots(len(worlds), 4 + count, squeeze=False)
    _show_picture(grid[0, 0], picture, seen or variable, hidden)
    for axes in grid[1:, 0]:
        axes.axis("off")
    tail = 100 * (1 - level) / 2
    for row, (world, draws) in zip(grid, worlds.items()):
        low, high = interval(draws, level)
        images = {world: as_array(draws).mean(axis=0), f"{tail:.0f} %": low, f"{100 - tail:.0f} %": high}
        images |= {f"draw {number + 1}": draws[number] for number in range(count)}
        for axes, (name, image) in zip(row[1:], images.items()):
            show(axes, as_picture(image, variable))
            axes.set_title(plain(name), fontsize=7.5, color=INK, loc="center")
    return figure


def _show_picture(axes: "Axes", picture: Any, variable: Variable, hidden: Any) -> None:
    shown = as_picture(picture, variable)
    if hidden is not None:
        shown = np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown.copy()
        shown[np.asarray(hidden)] = to_rgb(ACCENT)
    show(axes, shown)
    axes.set_title("picture", fontsize=7.5, color=INK, loc="center")
