"""One metric over its queries: the model next to its controls."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import UnknownNameError, nearest
from .curves import PANEL
from .style import ACCENT, BLUE, GREEN, INK, MUTED, PURPLE, blank_figure, in_brackets, number, plain, styled

__all__ = ["plot_metrics"]

COLOURS = {
    "model": BLUE, "identity control": ACCENT, "oracle": GREEN, "untrained control": PURPLE, "codec control": INK,
}  # fmt: skip
FAR = "untrained control"
"""Row that may lie far from all others: it is drawn at the end of the axis, so as not to stretch it."""
FIRST, LINE, GAP = 0.9, 0.15, 0.12
"""Heights in inches: legend and axis, each row, gap between queries."""


@styled
def plot_metrics(frame: pd.DataFrame, metric: str, *, stratum: str | None = None) -> Figure:
    """Plot model and controls on one metric, query by query, with intervals.

    Args:
        frame: Tidy metrics, `MetricTable.to_frame()`.
        metric: The metric to draw.
        stratum: The stratum; None for the metric's first.

    Raises:
        UnknownNameError: The table has no such metric.
    """
    known = list(dict.fromkeys(frame["metric"]))
    if metric not in known:
        raise UnknownNameError(f"Expected a metric among {', '.join(known)}; got {metric!r}." + nearest(metric, known))
    part = frame[frame["metric"] == metric]
    part = part[part["stratum"] == (stratum or part["stratum"].iloc[0])]
    queries = list(dict.fromkeys(part["query"]))
    figure = blank_figure(PANEL[0], FIRST + LINE * len(part) + GAP * len(queries))
    axes = figure.subplots()
    near = part[part["row"] != FAR]
    limit = 1.3 * float(near[["value", "high"]].max().max()) if len(near) else float("inf")
    y, ticks = 0.0, []
    for query in queries:
        rows = part[part["query"] == query]
        ticks.append(y - (len(rows) - 1) / 2)
        for _, row in rows.iterrows():
            _draw_row(axes, y, row, limit)
            y -= 1
        y -= GAP / LINE
    axes.set_yticks(ticks, [plain(query or "all") for query in queries])
    unit = in_brackets(part["unit"].iloc[0])
    axes.set(xlabel=plain(f"{metric}{unit}"), ylim=(y + 1.2, 0.8))
    for name in dict.fromkeys(part["row"]):
        axes.plot([], [], _marker(name), color=COLOURS.get(name, MUTED), markersize=5, label=plain(name))
    figure.legend(loc="outside upper left", ncols=2, fontsize=7.5)
    return figure


def _draw_row(axes: Axes, y: float, row: Any, limit: float) -> None:
    colour = COLOURS.get(row["row"], MUTED)
    if row["value"] > limit:
        end: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
        axes.annotate(f"{number(row['value'])} ▸", (1, y), fontsize=7, color=colour, **end)
        return
    axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
    axes.plot(row["value"], y, _marker(row["row"]), color=colour, markersize=6 if row["row"] == "model" else 4)


def _marker(name: str) -> str:
    return "o" if name == "model" else "s"
