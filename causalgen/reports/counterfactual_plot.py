"""Counterfactual images next to the factual ones, with the truth where it is known."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import DataError
from ..graph import CausalGraph, Variable
from .images import as_array, as_picture, bare, caption_size, show
from .planes import middle_planes
from .style import ACCENT, INK, blank_figure, in_brackets, number, plain, styled

if TYPE_CHECKING:
    from ..scm import Counterfactual

__all__ = ["plot_counterfactual"]

CELL, WIDE_CELL = 0.98, 2.2
"""Widths of a picture and of the three planes of a volume, in inches."""
CAPTION = 18
"""Number of letters of a caption that fit below a picture."""
LINE = 0.115
SHOWN_ATTRIBUTES = 4
DIVERGING = "RdBu_r"
SEQUENTIAL = "Purples"
LETTERS = 11.5
"""Number of letters of the title per inch."""


@styled
def plot_counterfactual(
    counterfactual: "Counterfactual",
    units: int | Sequence[int] = 6,
    truth: Mapping[str, Any] | None = None,
    *,
    image: str | None = None,
    names: Sequence[Any] | None = None,
) -> Figure:
    """Plot a grid with one row per unit: factual, counterfactual, truth if given, and what the intervention changed.

    Differences share one diverging scale, in the image's own units; for colour they are means over the channels.
    Several particles are shown by their mean, with their standard deviation at every pixel in a separate column.
    Captions give the attributes that the intervention sets or changes; for particles, mean ± standard deviation or the
    most frequent label. Units outside the joint support of training are marked.

    Args:
        counterfactual: The counterfactual.
        units: Number of units from the start, or positions of units.
        truth: True counterfactual values by node for the same units; adds the truth and the error.
        image: The image node; None for the first one.
        names: Name of each shown unit, printed next to its row.

    Raises:
        DataError: The graph has no image node, or a unit does not exist.
    """
    graph = counterfactual.graph
    node = _image_node(graph, image)
    variable = graph[node]
    rows = _positions(units, len(as_array(counterfactual.factual[node])))
    worlds = _worlds(counterfactual, truth, rows)
    deviations = _deviations(counterfactual, rows)
    shown = _attributes(graph, counterfactual.do)
    maps = _differences(worlds, node)
    spread = _spread(counterfactual, node, rows)
    inside = np.asarray(as_array(counterfactual.supported).reshape(counterfactual.particles or 1, -1).all(axis=0))[rows]

    columns = len(worlds) + len(spread) + len(maps)
    cell = WIDE_CELL if variable.is_volume else CELL
    title = fill(counterfactual.title, int(LETTERS * (cell * columns + 0.1)), break_long_words=False)
    height_of, width_of = as_picture(worlds["factual"][node][0], variable).shape[:2]
    ratio = height_of / width_of
    height = len(rows) * (cell * 0.92 * ratio + LINE * (len(shown) + 0.8)) + 0.5 + 0.17 * title.count("\n")
    figure = blank_figure(cell * columns + 0.1, height + 0.45 * (1 + len(spread)), tight=True)
    # Put space between the title and the column names, and above the bar, instead of between the rows.
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.045, wspace=0.02, hspace=0)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for column, (world, values) in enumerate(worlds.items()):
        for row in range(len(rows)):
            show(grid[row, column], as_picture(values[node][row], variable))
            _caption(grid[row, column], graph, shown, values, deviations if column == 1 else {}, row)
        grid[0, column].set_title(world, fontsize=8, loc="center")
    _draw_maps(grid[:, len(worlds) :], spread, SEQUENTIAL, (0, _greatest(spread)))
    _draw_maps(grid[:, len(worlds) + len(spread) :], maps, DIVERGING, (-_greatest(maps), _greatest(maps)))
    for row in np.flatnonzero(~inside).tolist():
        grid[row, len(worlds)].set_xlabel("outside joint\nsupport", fontsize=6.5, color=ACCENT, labelpad=2)
    for row, name in enumerate(names or ()):
        grid[row, 0].set_ylabel(plain(_short(str(name))), fontsize=7, color=INK, labelpad=3)
    _add_bar(figure, grid, grid[0, -1], _scale_label(variable, maps, counterfactual.particles))
    if spread:
        label = f"spread: standard deviation over {counterfactual.particles} particles"
        _add_bar(figure, grid, grid[0, len(worlds)], _with_unit(label, variable))
    figure.suptitle(plain(title), fontsize=10.5, weight="bold", color=INK)
    return figure


def _draw_maps(grid: np.ndarray, maps: Mapping[str, np.ndarray], colours: str, limits: tuple[float, float]) -> None:
    for column, (title, array) in enumerate(maps.items()):
        for row, axes in enumerate(grid[:, column]):
            axes.imshow(array[row], cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
            bare(axes)
        grid[0, column].set_title(title, fontsize=8, loc="center")


def _add_bar(figure: Figure, grid: np.ndarray, drawn: Axes, label: str) -> None:
    bar = figure.colorbar(
        drawn.images[0], ax=list(grid.ravel()), orientation="horizontal", shrink=0.6, aspect=40, pad=0.01
    )
    bar.set_label(label, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_linewidth(0.5)


def _short(name: str) -> str:
    return name if len(name) <= 16 else name[:15] + "…"


def _greatest(maps: Mapping[str, np.ndarray]) -> float:
    return max([1e-9] + [float(np.abs(array).max()) for array in maps.values()])


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
    """Values by column title and node; for particles their mean, or the most frequent code."""
    graph, particles = counterfactual.graph, counterfactual.particles
    after = {name: as_array(value) for name, value in counterfactual.items()}
    worlds = {"factual": {name: as_array(value)[rows] for name, value in counterfactual.factual.items()}}
    if particles:
        worlds[f"mean of {particles}"] = {name: _centre(graph[name], value)[rows] for name, value in after.items()}
    else:
        worlds["counterfactual"] = {name: value[rows] for name, value in after.items()}
    if truth is not None:
        worlds["truth"] = {name: as_array(value)[rows] for name, value in truth.items()}
    return worlds


def _centre(variable: Variable, values: np.ndarray) -> np.ndarray:
    """Mean over particles `(k, B, ...)`, or the most frequent code."""
    if not variable.is_discrete:
        return values.mean(axis=0)
    return np.array([np.bincount(column).argmax() for column in values.T])


def _spread(counterfactual: "Counterfactual", node: str, rows: list[int]) -> dict[str, np.ndarray]:
    """Standard deviation of every pixel over the particles `(rows, H, W)`, by column title; none without particles."""
    if not counterfactual.particles:
        return {}
    return {"spread": _flat(as_array(counterfactual[node])[:, rows].astype(float).mean(axis=2).std(axis=0))}


def _differences(worlds: dict[str, dict[str, np.ndarray]], node: str) -> dict[str, np.ndarray]:
    """Difference maps `(rows, H, W)` by column title."""
    factual, after, *truth = (_flat(world[node].astype(float).mean(axis=1)) for world in worlds.values())
    return {"change": after - factual} | ({"error": after - truth[0]} if truth else {})


def _flat(maps: np.ndarray) -> np.ndarray:
    """Return maps `(rows, H, W)`; for volumes `(rows, D, H, W)`, their middle planes."""
    return maps if maps.ndim == 3 else middle_planes(maps)


def _attributes(graph: CausalGraph, do: Mapping[str, Any]) -> list[str]:
    """Attributes that the intervention sets or changes; without an intervention, the first attributes."""
    touched = set(do).union(*(graph.descendants(name) for name in do)) if do else set(graph.nodes)
    return [name for name in graph.nodes if name in touched and not graph[name].is_image][:SHOWN_ATTRIBUTES]


def _deviations(counterfactual: "Counterfactual", rows: list[int]) -> dict[str, np.ndarray]:
    """Standard deviation of every continuous attribute over the particles `(rows,)`; none without particles."""
    if not counterfactual.particles:
        return {}
    continuous = [name for name, variable in counterfactual.graph.variables.items() if variable.kind == "continuous"]
    return {name: as_array(counterfactual[name])[:, rows].std(axis=0) for name in continuous}


def _caption(
    axes: Axes,
    graph: CausalGraph,
    names: Sequence[str],
    values: Mapping[str, np.ndarray],
    deviations: Mapping[str, np.ndarray],
    row: int,
) -> None:
    lines = []
    for name in (name for name in names if name in values):
        deviation = deviations[name][row] if name in deviations else 0.0
        lines.append(_value(graph[name], values[name][row], deviation))
    size = caption_size(lines, 6.6, CAPTION)
    axes.set_xlabel(plain("\n".join(lines)), fontsize=size, color=INK, labelpad=2, linespacing=1.2)


def _value(variable: Variable, value: Any, deviation: float) -> str:
    if variable.is_discrete:
        return f"{variable.name} {variable.decode(int(value))}"
    spread = f" ± {number(deviation, 2)}" if deviation > 1e-4 * abs(value) else ""
    return f"{variable.name} {number(value)}{spread}" + (f" {variable.unit}" if variable.unit else "")


def _scale_label(variable: Variable, maps: Mapping[str, Any], particles: int | None) -> str:
    after = "mean" if particles else "counterfactual"
    meaning = {"change": f"change: {after} − factual", "error": f"error: {after} − truth"}
    return _with_unit("; ".join(meaning[name] for name in maps), variable)


def _with_unit(label: str, variable: Variable) -> str:
    unit = in_brackets(variable.unit)
    return f"{label}{unit}" + (", mean over channels" if variable.shape[0] > 1 else "")
