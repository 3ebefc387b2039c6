"""Forest plot: an effect by each source, and the truth."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import (
    ACCENT,
    BLUE,
    GREEN,
    INK,
    MUTED,
    blank_figure,
    in_brackets,
    number,
    plain,
    shortened,
    styled,
    with_interval,
)

if TYPE_CHECKING:
    from ..effects import EffectReport

__all__ = ["forest_figure", "plot_forest"]

COLOURS = {"naive": ACCENT, "adjusted": BLUE, "comparison": GREEN}
ROW = 0.42
LETTERS = 62
"""Maximum length of the axis label, in letters."""


def plot_forest(report: "EffectReport") -> Figure:
    """Draw a forest plot of an effect: naive and adjusted estimates and other sources, with their intervals.

    A vertical line marks the truth where the generator is known, a dotted one no effect. Estimates whose interval
    misses the truth are hollow.
    """
    unit = in_brackets(report.outcome_unit)
    return forest_figure(report.to_frame(), f"effect on {report.outcome}{unit}", report.truth)


@styled
def forest_figure(frame: pd.DataFrame, label: str, truth: float | None = None) -> Figure:
    """Draw a forest plot of the rows of a table.

    Args:
        frame: Columns source, estimate, low, high, kind and covers_truth; rows of the kind "truth" set limits only.
        label: Label of the axis.
        truth: The true value of all rows.
    """
    rows = frame[frame["kind"] != "truth"].reset_index(drop=True)
    figure = blank_figure(4.4, ROW * len(rows) + 0.75)
    axes = figure.subplots()
    _draw_reference_lines(axes, truth)
    for place, row in rows.iterrows():
        _draw_estimate(axes, -float(place), row)  # type: ignore[arg-type]
    axes.set(ylim=(-len(rows) + 0.55, 0.8), yticks=[], xlabel=plain(shortened(label, LETTERS)))
    axes.spines["left"].set_visible(False)
    axes.set_xlim(_limits(frame))
    return figure


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """Return limits that contain all intervals, and 0 unless that would squeeze them."""
    ends = frame[["estimate", "low", "high"]].to_numpy(dtype=float)
    if not np.isfinite(ends).any():
        return -1.0, 1.0
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    spread = (high - low) or abs(high) or 1.0
    if min(abs(low), abs(high)) < 1.5 * spread:
        low, high = min(low, 0.0), max(high, 0.0)
    return low - 0.1 * (high - low or 1.0), high + 0.1 * (high - low or 1.0)


def _draw_reference_lines(axes: Axes, truth: float | None) -> None:
    axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    if truth is None:
        return
    axes.axvline(truth, color=INK, linewidth=1.2, zorder=0)
    place: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "xytext": (0, 2),
        "textcoords": "offset points",
        "ha": "center",
    }
    axes.annotate(f"truth {number(truth)}", (truth, 1), va="bottom", fontsize=8, weight="bold", **place)


def _draw_estimate(axes: Axes, y: float, row: Any) -> None:
    colour = COLOURS.get(row["kind"], GREEN)
    if pd.notna(row["low"]) and pd.notna(row["high"]):
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
    fill = "white" if row["covers_truth"] is False else colour
    axes.plot(row["estimate"], y, "o", color=colour, markerfacecolor=fill, markersize=6.5, markeredgewidth=1.5)
    text = f"{row['source']}   {with_interval(row['estimate'], row['low'], row['high'])}"
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "xytext": (0, 8), "textcoords": "offset points"}
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}  # the lines must not run through the text
    axes.annotate(plain(text), (0, y), fontsize=8, color=INK, bbox=ground, zorder=1, **place)
