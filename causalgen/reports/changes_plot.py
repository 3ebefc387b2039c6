"""Plot of an audit: how far a score changes under each intervention, against the margin of practical size."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import ACCENT, BLUE, INK, MUTED, PALE, blank_figure, plain, shortened, styled, with_interval

__all__ = ["plot_changes"]

ROW = 0.42
LONGEST = 48
"""Maximum number of letters in a row's name."""
COLOURS = {"beyond the margin": ACCENT, "within the margin": BLUE}


@styled
def plot_changes(rows: pd.DataFrame, *, margin: float, score: str) -> Figure:
    """Plot mean changes with their adjusted intervals; the band is the margin on both sides of no change.

    Args:
        rows: One row per change: label, change, adjusted_low, adjusted_high, verdict; NaN where the units leave it open.
        margin: Margin of practical size.
        score: Name and unit of the score.
    """
    figure = blank_figure(4.6, ROW * len(rows) + 0.75)
    axes = figure.subplots()
    axes.axvspan(-margin, margin, color=PALE, alpha=0.6, linewidth=0, zorder=0)
    axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    for place, (_, row) in enumerate(rows.iterrows()):
        _draw(axes, -place, row)
    axes.set(ylim=(-len(rows) + 0.55, 0.8), yticks=[], xlabel=plain(f"change of {shortened(score, LONGEST)}"))
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    return figure


def _draw(axes: Axes, y: float, row: Any) -> None:
    colour = COLOURS.get(row["verdict"], MUTED)
    text = f"{shortened(row['label'], LONGEST)}   {with_interval(row['change'], row['adjusted_low'], row['adjusted_high'])}"
    if pd.notna(row["adjusted_low"]):
        axes.plot(
            [row["adjusted_low"], row["adjusted_high"]], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt"
        )
    axes.plot(row["change"], y, "o", color=colour, markersize=6.5)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "xytext": (0, 8), "textcoords": "offset points"}
    axes.annotate(plain(text), (0, y), fontsize=8, color=INK, zorder=3, **place)
