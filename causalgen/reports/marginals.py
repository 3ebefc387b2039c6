"""Marginal distributions of the attributes, by kind."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import DataError
from ..graph import CausalGraph, Variable
from .curves import panels
from .style import BLUE, INK, MUTED, plain, styled

__all__ = ["plot_data"]

BARS = 20
"""Maximum number of labels with a bar; rarer labels are left out."""


@styled
def plot_data(frame: pd.DataFrame, graph: CausalGraph) -> Figure:
    """Plot marginals of the attributes, one panel each: bars of shares for labels, histograms for numbers.

    Args:
        frame: One row per unit, labels decoded; columns that are not in the graph are left out.
        graph: Declares kinds, labels and units.

    Raises:
        DataError: No column is an attribute of the graph.
    """
    names = [name for name in graph.nodes if name in frame and not graph[name].is_image]
    if not names:
        raise DataError(f"Expected columns among {', '.join(graph.nodes)}; got {', '.join(map(str, frame.columns))}.")
    figure, grid = panels(len(names))
    for axes, name in zip(grid, names, strict=True):
        variable = graph[name]
        if variable.is_discrete or not pd.api.types.is_numeric_dtype(frame[name]):
            _draw_shares(axes, variable, frame[name])
        else:
            _draw_histogram(axes, variable, frame[name])
        axes.set_title(plain(variable.name))
    return figure


def _draw_shares(axes: Axes, variable: Variable, column: pd.Series) -> None:
    shares = column.value_counts(normalize=True)
    labels = [label for label in (variable.labels or shares.index) if label in shares.index or variable.labels]
    if len(labels) > BARS:
        labels = list(shares.index[:BARS])
    heights = [100 * float(shares.get(label, 0.0)) for label in labels]
    axes.bar(range(len(labels)), heights, color=BLUE, width=0.7)
    axes.set_xticks(range(len(labels)), [plain(label) for label in labels])
    if sum(len(str(label)) for label in labels) > 34:
        axes.tick_params(axis="x", rotation=60)
    if len(labels) > 12:
        axes.tick_params(axis="x", rotation=90, labelsize=5.5)
    axes.set(ylabel="share of rows [%]")


def _draw_histogram(axes: Axes, variable: Variable, column: pd.Series) -> None:
    values = column.dropna()
    axes.hist(values, bins=min(40, max(5, int(len(values) ** 0.5))), color=BLUE)
    axes.axvline(values.mean(), color=INK, linewidth=1.0, linestyle=(0, (3, 2)))
    axes.margins(y=0.14)  # room for the text above the bars
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "xytext": (3, 0), "textcoords": "offset points"}
    axes.annotate("mean", (values.mean(), 1), fontsize=7.5, color=MUTED, va="top", **place)
    axes.set(xlabel=plain(variable.axis_label), ylabel="rows")
