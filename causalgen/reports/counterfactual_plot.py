"""Counterfactual images beside their factuals, with the truth where it is known."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import DataError
from ..graph import CausalGraph, Variable
from .images import as_array, as_picture, bare, show
from .style import ACCENT, INK, blank_figure, number, plain, styled

if TYPE_CHECKING:
    from ..scm import Counterfactual

__all__ = ["plot_counterfactual"]

CELL = 0.98
LINE = 0.115
SHOWN_ATTRIBUTES = 4
DIVERGING = "RdBu_r"


@styled
def plot_counterfactual(
    counterfactual: "Counterfactual",
    units: int | Sequence[int] = 6,
    truth: Mapping[str, Any] | None = None,
    *,
    image: str | None = None,
) -> Figure:
    """Grid with one row per unit: factual, counterfactual, truth when given, and what the intervention changed.

    Differences share one diverging scale, in the image's own units; for colour they are means over the channels.
    Of several particles the first is shown. Below the images stand the attributes that the intervention sets or moves.
    Units outside the joint support of training are marked.

    Args:
        counterfactual: The counterfactual.
        units: The first so many units, or positions of units.
        truth: True counterfactual values by node for the same units; adds the truth and the error.
        image: The image node; None for the first one.

    Raises:
        DataError: The graph has no image node, or a unit does not exist.
    """
    graph = counterfactual.graph
    node = _image_node(graph, image)
    variable = graph[node]
    rows = _positions(units, len(as_array(counterfactual.factual[node])))
    worlds = _worlds(counterfactual, truth, rows)
    names = _attributes(graph, counterfactual.do)
    maps = _differences(worlds, node)
    scale = max([1e-9] + [float(np.abs(array).max()) for array in maps.values()])
    supported = as_array(counterfactual.supported)
    supported = (supported[0] if counterfactual.particles else supported)[rows]

    columns = len(worlds) + len(maps)
    ratio = variable.shape[1] / variable.shape[2]
    height = len(rows) * (CELL * 0.92 * ratio + LINE * (len(names) + 0.8)) + 0.95
    figure = blank_figure(CELL * columns + 0.1, height, tight=True)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for column, (title, values) in enumerate(worlds.items()):
        for row in range(len(rows)):
            show(grid[row, column], as_picture(values[node][row], variable))
            _caption(grid[row, column], graph, names, values, row)
        grid[0, column].set_title(title, fontsize=8, loc="center")
    drawn = None
    for column, (title, array) in enumerate(maps.items(), start=len(worlds)):
        for row in range(len(rows)):
            drawn = grid[row, column].imshow(
                array[row], cmap=DIVERGING, vmin=-scale, vmax=scale, interpolation="nearest"
            )
            bare(grid[row, column])
        grid[0, column].set_title(title, fontsize=8, loc="center")
    for row in np.flatnonzero(~supported).tolist():
        grid[row, len(worlds)].set_xlabel("outside joint\nsupport", fontsize=6.5, color=ACCENT, labelpad=2)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=list(grid.ravel()), orientation="horizontal", shrink=0.6, aspect=40, pad=0.01)
        bar.set_label(_scale_label(variable, maps), fontsize=7)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_linewidth(0.5)
    figure.suptitle(plain(counterfactual.title), fontsize=10.5, weight="bold", color=INK)
    return figure


def _image_node(graph: CausalGraph, image: str | None) -> str:
    nodes = [name for name, variable in graph.variables.items() if variable.is_image]
    if image is not None:
        graph.require(image)
    if (image or (nodes or [""])[0]) not in nodes:
        found = f"'{image}' of kind {graph[image].kind}" if image else "none"
        raise DataError(f"Expected an image node to plot; got {found}. Read attributes with to_frame().")
    return image or nodes[0]


def _positions(units: int | Sequence[int], count: int) -> list[int]:
    rows = list(range(min(units, count))) if isinstance(units, int) else [int(unit) for unit in units]
    wrong = [row for row in rows if not 0 <= row < count]
    if wrong or not rows:
        raise DataError(f"Expected units among 0..{count - 1}; got {wrong[0] if wrong else 'none'}.")
    return rows


def _worlds(
    counterfactual: "Counterfactual", truth: Mapping[str, Any] | None, rows: list[int]
) -> dict[str, dict[str, np.ndarray]]:
    """Values by column title and node, first particle."""
    first = (lambda array: array[0]) if counterfactual.particles else (lambda array: array)
    worlds = {
        "factual": {name: as_array(value)[rows] for name, value in counterfactual.factual.items()},
        "counterfactual": {name: first(as_array(value))[rows] for name, value in counterfactual.items()},
    }
    if truth is not None:
        worlds["truth"] = {name: as_array(value)[rows] for name, value in truth.items()}
    return worlds


def _differences(worlds: dict[str, dict[str, np.ndarray]], node: str) -> dict[str, np.ndarray]:
    """Difference maps `(rows, H, W)` by column title."""

    def flat(title: str) -> np.ndarray:
        return worlds[title][node].astype(float).mean(axis=1)

    maps = {"change": flat("counterfactual") - flat("factual")}
    if "truth" in worlds:
        maps["error"] = flat("counterfactual") - flat("truth")
    return maps


def _attributes(graph: CausalGraph, do: Mapping[str, Any]) -> list[str]:
    """Attributes that the intervention sets or moves; without one, the first attributes."""
    touched = set(do).union(*(graph.descendants(name) for name in do)) if do else set(graph.nodes)
    return [name for name in graph.nodes if name in touched and not graph[name].is_image][:SHOWN_ATTRIBUTES]


def _caption(axes: Axes, graph: CausalGraph, names: Sequence[str], values: Mapping[str, np.ndarray], row: int) -> None:
    lines = [_value(graph[name], values[name][row]) for name in names if name in values]
    axes.set_xlabel(plain("\n".join(lines)), fontsize=6.6, color=INK, labelpad=2, linespacing=1.2)


def _value(variable: Variable, value: Any) -> str:
    if variable.is_discrete:
        return f"{variable.name} {variable.decode(int(value))}"
    return f"{variable.name} {number(value)}" + (f" {variable.unit}" if variable.unit else "")


def _scale_label(variable: Variable, maps: Mapping[str, np.ndarray]) -> str:
    meaning = {"change": "change: counterfactual − factual", "error": "error: counterfactual − truth"}
    shown = "; ".join(meaning[name] for name in maps)
    unit = f" [{variable.unit}]" if variable.unit else ""
    mean = ", mean over channels" if variable.shape[0] > 1 else ""
    return f"{shown}{unit}{mean}"
