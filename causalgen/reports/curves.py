"""Curves: training losses by node, and responses of attributes to imposed values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import DataError
from .style import ACCENT, BLUE, GREEN, MUTED, blank_figure, in_brackets, plain, styled

__all__ = ["PANEL", "ResponseCurve", "panels", "plot_history", "plot_response"]

PANEL = (3.3, 2.35)
"""Width and height of one panel in inches, legible on a phone when shown alone."""
LONG = 26
"""Number of characters that fit next to a panel."""


@dataclass(frozen=True)
class ResponseCurve:
    """How one quantity responds when an attribute is imposed on the same units.

    Args:
        cause: The imposed attribute: the horizontal axis.
        response: The quantity read, such as "thickness measured on the image [px]": the vertical axis.
        imposed: The K imposed values, numbers or labels.
        mean: Mean response over the units at each value.
        low: Lower end of its interval, K values; empty without one.
        high: Upper end.
        ideal: Response of a perfect model at each value: the imposed value itself, or the truth; empty if unknown.
        supported: Share of units inside the joint support of training at each value; empty if unknown.
        interval: Description of the interval.
        unit: Unit of the imposed values.
    """

    cause: str
    response: str
    imposed: Sequence[Any]
    mean: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    ideal: Sequence[float] = ()
    supported: Sequence[float] = ()
    interval: str = "95 % interval of the mean"
    unit: str = ""

    def __post_init__(self) -> None:
        for name in ("mean", "low", "high", "ideal", "supported"):
            found = len(getattr(self, name))
            if found != len(self.imposed) and (found or name == "mean"):
                raise DataError(
                    f"Expected {len(self.imposed)} values of '{name}', one per imposed {self.cause}; got {found}."
                )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per imposed value; columns that were not given are left out."""
        columns = {name: list(getattr(self, name)) for name in ("imposed", "mean", "low", "high", "ideal", "supported")}
        frame = pd.DataFrame({name: values for name, values in columns.items() if values})
        frame.insert(0, "cause", self.cause)
        frame.insert(1, "response", self.response)
        return frame


def panels(count: int, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Create a figure with `count` equal panels, in rows of at most `columns`."""
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    figure = blank_figure(PANEL[0] * columns, PANEL[1] * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """Plot training curves, one panel per node: its first objective on the training and the validation split.

    Args:
        history: `FitResult.history`: columns node, epoch, split, objective, value.

    Raises:
        DataError: The history is empty.
    """
    nodes = list(dict.fromkeys(history["node"]))
    if not nodes:
        raise DataError("Expected a training history with at least one row; got none.")
    figure, grid = panels(len(nodes))
    for axes, node in zip(grid, nodes, strict=True):
        _draw_history(axes, node, history[history["node"] == node])
    return figure


def _draw_history(axes: Axes, node: str, rows: pd.DataFrame) -> None:
    objective = rows["objective"].iloc[0]
    rows = rows[rows["objective"] == objective]
    looks = {"train": (MUTED, (0, (3, 1.5))), "validation": (BLUE, "solid")}
    for split, part in rows.groupby("split", sort=True):
        colour, line = looks.get(str(split), (GREEN, "solid"))
        axes.plot(part["epoch"] + 1, part["value"], color=colour, linestyle=line, label=str(split))
    held_out = rows[rows["split"] == "validation"].dropna(subset=["value"])
    if len(held_out):
        best = held_out.sort_values("value").iloc[0]
        axes.plot(best["epoch"] + 1, best["value"], "o", color=BLUE, markersize=5, label="best")
    later = rows[rows["epoch"] >= rows["epoch"].max() // 20]["value"]
    low, high = later.min(), later.max()
    if pd.notna(low) and low < high:  # the first epochs would otherwise hide the rest
        axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.set(title=plain(node), xlabel="epoch", ylabel=plain(objective))
    axes.legend()


@styled
def plot_response(curves: Sequence[ResponseCurve]) -> Figure:
    """Plot response curves, one panel each, with the ideal response where it is known.

    Points at which fewer than half of the units are inside the joint support of training are hollow.

    Raises:
        DataError: No curve is given.
    """
    if not curves:
        raise DataError("Expected at least one response curve; got none.")
    figure, grid = panels(len(curves))
    for axes, curve in zip(grid, curves, strict=True):
        _draw_response(axes, curve)
    return figure


def _draw_response(axes: Axes, curve: ResponseCurve) -> None:
    labelled = any(isinstance(value, str) for value in curve.imposed)
    x = list(range(len(curve.imposed))) if labelled else [float(value) for value in curve.imposed]
    line = "none" if labelled else "solid"
    if len(curve.ideal):
        look = {"marker": "_", "markersize": 22, "linestyle": "none"} if labelled else {"linestyle": (0, (4, 2))}
        axes.plot(x, curve.ideal, color=ACCENT, label="ideal", zorder=1, **look)
    if len(curve.low):
        axes.vlines(x, curve.low, curve.high, color=BLUE, linewidth=1.2)
    inside = [True] * len(x) if not len(curve.supported) else [share >= 0.5 for share in curve.supported]
    axes.plot(x, curve.mean, color=BLUE, linestyle=line, linewidth=1.2)
    axes.plot([], [], "o", color=BLUE, linestyle=line, linewidth=1.2, markersize=5, label="counterfactual")
    for place, value, filled in zip(x, curve.mean, inside, strict=True):
        axes.plot(place, value, "o", color=BLUE, markersize=5, markerfacecolor=BLUE if filled else "white")
    if labelled:
        axes.set_xticks(x, [plain(value) for value in curve.imposed])
        axes.set_xlim(-0.5, len(x) - 0.5)
    unit = in_brackets(curve.unit)
    axes.set(xlabel=plain(f"do({curve.cause}){unit}"), ylabel=plain(fill(curve.response, LONG)))
    if len(curve.ideal):
        axes.legend()
