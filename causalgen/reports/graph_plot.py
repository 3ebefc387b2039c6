"""Drawing of a causal graph, also under an intervention."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from ..graph import CausalGraph, GraphLike, Variable, as_graph
from .images import as_picture
from .layout import Layout, Point, lay_out
from .style import ACCENT, BLUE, INK, MUTED, PALE, plain, styled

__all__ = ["plot_graph"]

NAME = FontProperties(family="DejaVu Sans", size=9.5, weight="bold")
NOTE = FontProperties(family="DejaVu Sans", size=7)
TILE = 0.62
"""Side of the picture in an image node, in inches."""
FOOT = 0.24
FAINT = "#aab4c0"
LONG = 22
"""Maximum number of characters in a line of a node's name."""


@styled
def plot_graph(
    graph: GraphLike, do: Iterable[str] | Mapping[str, Any] = (), *, images: Mapping[str, Any] | None = None
) -> Figure:
    """Draw a causal graph, with causes above effects.

    Image nodes are framed tiles, and selection nodes filled squares. Bidirected edges (hidden common causes) are dashed.
    Intervened nodes are filled and labelled do(); the arrows into them are cut: pale, without a head.

    Args:
        graph: The graph.
        do: Intervened nodes, or a mapping from them to the values to print.
        images: A picture `(C, H, W)` for each image node, shown in its tile; nodes without one show a pattern.

    Raises:
        UnknownNameError: An intervened node is not in the graph.
    """
    graph = as_graph(graph)
    cut = dict(do) if isinstance(do, Mapping) else dict.fromkeys([do] if isinstance(do, str) else do)
    for name in cut:
        graph.require(name)
    squares, graph = set(graph.selection.squares), _with_squares(graph)
    texts = {name: _texts(variable, name in cut, cut.get(name)) for name, variable in graph.variables.items()}
    sizes = {name: _size(graph[name], *texts[name]) for name in graph}
    layout = lay_out(graph, sizes)
    legend = _legend(graph, cut)
    foot = FOOT if legend else 0.0
    width = max(layout.width, 0.062 * len(legend) + 0.1)
    figure = Figure(figsize=(width, layout.height + foot))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=((layout.width - width) / 2, (layout.width + width) / 2), ylim=(-foot, layout.height))
    axes.axis("off")
    _draw_edges(axes, layout, set(cut))
    for name, variable in graph.variables.items():
        picture = None if images is None or name not in images else as_picture(images[name], variable)
        _draw_node(axes, layout.centre[name], sizes[name], variable, texts[name], name in cut, picture)
        if name in squares:
            _draw_square(axes, layout.centre[name], sizes[name])
    if legend:
        axes.text(layout.width / 2, -foot / 2, legend, fontproperties=NOTE, color=MUTED, ha="center", va="center")
    return figure


def _with_squares(graph: CausalGraph) -> CausalGraph:
    """Return the graph with its selection nodes as variables, to lay them out."""
    squares = graph.selection
    variables = [*graph.variables.values(), *map(Variable, squares.squares)]
    return CausalGraph([*graph.edges, *squares.edges], variables, [*graph.confounded, *squares.confounded])


def _draw_square(axes: Axes, centre: Point, size: tuple[float, float]) -> None:
    """Frame a selection node by a square-cornered box, as the literature does."""
    (x, y), (width, height) = centre, size
    axes.add_patch(
        Rectangle((x - width / 2, y - height / 2), width, height, facecolor=PALE, edgecolor=INK, lw=1.3, zorder=4.5)
    )


def _texts(variable: Variable, cut: bool, value: Any) -> tuple[list[str], str]:
    """Lines of the name, and the note below it."""
    name = variable.name if value is None else f"{variable.name} = {value}"
    shown = f"do({name})" if cut else variable.name
    broken = shown.replace("_", "_ ") if len(shown) > LONG else shown  # a long name may break at underscores
    lines = textwrap.wrap(broken, LONG, max_lines=3, placeholder=" …") or [shown]
    return [line.replace("_ ", "_") for line in lines], _note(variable)


def _note(variable: Variable) -> str:
    if variable.is_image:
        channels, *size = variable.shape
        return f"{'×'.join(map(str, size))} {'voxels' if variable.is_volume else 'pixels'}" + ", colour" * (
            channels == 3
        )
    if variable.labels is not None:
        labels = " | ".join(map(str, variable.labels))
        return labels if len(labels) <= 24 else f"{variable.kind}, {len(variable.labels)} labels"
    return ", ".join(str(part) for part in (variable.kind, variable.unit) if part)


def _size(variable: Variable, lines: Sequence[str], note: str) -> tuple[float, float]:
    width = max([_width(line, NAME) for line in lines] + [_width(note, NOTE)]) + 0.28
    height = 0.17 * len(lines) + (0.14 if note else 0.0) + 0.17
    if variable.is_image:
        return max(width, TILE + 0.3), height + TILE + 0.08
    return max(width, 0.6), height


def _width(text: str, font: FontProperties) -> float:
    path = TextPath((0, 0), plain(text), prop=font, usetex=False) if text.strip() else None
    return path.get_extents().x1 / 72 if path is not None else 0.0


def _legend(graph: CausalGraph, cut: Mapping[str, Any]) -> str:
    parts = ["dashed: hidden common cause"] if graph.confounded else []
    return "; ".join(parts + (["pale: cut by the intervention"] if cut else []))


def _draw_edges(axes: Axes, layout: Layout, cut: set[str]) -> None:
    for (_, effect), points in sorted(layout.arrows.items(), key=lambda item: item[0][1] not in cut):
        if effect in cut:
            _draw_cut(axes, points)
        else:
            _draw_arrow(axes, points, "-|>", "solid", INK)
    for pair, points in layout.arcs.items():
        if cut.intersection(pair):
            _draw_cut(axes, points)
        else:
            _draw_arrow(axes, points, "<|-|>", (0, (3.5, 2.5)), MUTED)


def _draw_arrow(axes: Axes, points: Sequence[Point], heads: str, line: Any, colour: str) -> None:
    arrow = FancyArrowPatch(
        path=smooth(points), arrowstyle=heads, mutation_scale=9, linewidth=1.1, color=colour, linestyle=line, zorder=2
    )
    axes.add_patch(arrow)


def _draw_cut(axes: Axes, points: Sequence[Point]) -> None:
    axes.add_patch(
        FancyArrowPatch(
            path=smooth(points), arrowstyle="-", linewidth=1.0, color=FAINT, linestyle=(0, (1.5, 1.5)), zorder=1
        )
    )
    x, y = points[-1]
    axes.plot([x - 0.05, x + 0.05], [y + 0.1, y + 0.1], color=ACCENT, linewidth=1.4, zorder=1)


def smooth(points: Sequence[Point]) -> Path:
    """Return a curve through the way points: straight along a lane, bent between layers, never outside their band."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(x0 - x1) < 1e-9:
            vertices.append((x1, y1))
            codes.append(Path.LINETO)
            continue
        middle = (y0 + y1) / 2 if abs(y0 - y1) > 1e-6 else y0 + 0.3
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    return Path(vertices, codes)


def _draw_node(
    axes: Axes,
    centre: Point,
    size: tuple[float, float],
    variable: Variable,
    texts: tuple[list[str], str],
    cut: bool,
    picture: np.ndarray | None,
) -> None:
    (x, y), (width, height), (lines, note) = centre, size, texts
    left, bottom, top = x - width / 2, y - height / 2, y + height / 2
    fill, edge, ink = (ACCENT, ACCENT, "white") if cut else ("white", BLUE, INK)
    style = "square,pad=0" if variable.is_image else "round,pad=0,rounding_size=0.14"
    if variable.is_image:  # a stack of pictures
        for shift in (0.08, 0.04):
            axes.add_patch(
                Rectangle(
                    (left + shift, bottom - shift), width, height, facecolor="white", edgecolor=edge, lw=0.8, zorder=3
                )
            )
    box = FancyBboxPatch(
        (left, bottom), width, height, boxstyle=style, facecolor=fill, edgecolor=edge, lw=1.3, zorder=4
    )
    axes.add_patch(box)
    if variable.is_image:
        _draw_tile(axes, x, top - 0.08 - TILE / 2, picture)
        top -= TILE + 0.08
    line = top - 0.17
    for text in lines:
        axes.text(x, line, plain(text), fontproperties=NAME, color=ink, ha="center", va="center", zorder=5)
        line -= 0.17
    if note:
        colour = "white" if cut else MUTED
        axes.text(
            x,
            line + 0.01,
            plain(note),
            fontproperties=NOTE,
            color=colour,
            ha="center",
            va="center",
            zorder=5,
        )


def _draw_tile(axes: Axes, x: float, y: float, picture: np.ndarray | None) -> None:
    """The picture in its own proportions, or a pattern of grey pixels."""
    shown = np.random.default_rng(3).uniform(0.25, 0.95, (6, 6)) if picture is None else picture
    height, width = shown.shape[:2]
    half_width, half_height = TILE / 2 * min(1.0, width / height), TILE / 2 * min(1.0, height / width)
    extent = (x - half_width, x + half_width, y - half_height, y + half_height)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(shown, extent=extent, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto", zorder=5)
    axes.set(xlim=limits[0], ylim=limits[1])
