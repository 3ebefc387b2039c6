"""Plots of sensitivity to hidden confounding, and of overlap and balance."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..style import ACCENT, BLUE, INK, MUTED, blank_figure, number, plain, shortened, styled

if TYPE_CHECKING:
    from ...effects.diagnostics.balance import Balance, BalanceRow
    from ...effects.diagnostics.robustness import Robustness

__all__ = ["plot_balance", "plot_overlap", "plot_sensitivity"]

MOST_NAMED = 4
MOST_COVARIATES = 24
BALANCED = 0.1
LETTERS = 26
"""Longest name inside a plot, in letters."""


@styled
def plot_sensitivity(sensitivity: "Robustness", *, unit: str = "") -> Figure:
    """Contours of the linear estimate after adjusting for a hidden confounder, over its partial R2.

    Each observed covariate marks the place of a confounder as strong as it; beyond the contour 0 the estimate has lost
    its sign.
    """
    grid = sensitivity.contour()
    side = int(np.sqrt(len(grid)))
    x, y, z = (grid[name].to_numpy().reshape(side, side) for name in ("r2_treatment", "r2_outcome", "estimate"))
    figure = blank_figure(3.7, 3.4)
    axes = figure.subplots()
    steps = [level for level in MaxNLocator(8).tick_values(np.nanmin(z), np.nanmax(z)) if level]
    lines = axes.contour(x, y, z, levels=steps, colors=MUTED, linewidths=0.8)
    axes.clabel(lines, fmt=number, fontsize=7)
    if np.nanmin(z) < 0 < np.nanmax(z):
        zero = axes.contour(x, y, z, levels=[0.0], colors=ACCENT, linewidths=1.8)
        axes.clabel(zero, fmt=lambda _: "no effect left", fontsize=7)
    axes.plot(0, 0, "o", color=INK, markersize=6, clip_on=False)
    shown = f"{number(sensitivity.effect)} {shortened(unit, LETTERS)}".strip()
    axes.annotate(plain(f"estimate {shown}"), (0, 0), (7, 5), textcoords="offset points", fontsize=7.5, weight="bold")
    _draw_benchmarks(axes, sensitivity, limit=float(x.max()))
    for axis, what in ((axes.xaxis, "treatment"), (axes.yaxis, "outcome")):
        axis.set_major_formatter(PercentFormatter(1, symbol=""))
        axis.set_label_text(f"confounder explains of the {what} [%]")
    return figure


def _draw_benchmarks(axes: Axes, sensitivity: "Robustness", limit: float) -> None:
    """Covariates as points, at the edge where they are stronger than shown; names of those that matter most."""
    rows = [row for row in sensitivity.benchmarks if row.times == 1]
    rows.sort(key=lambda row: row.r2_treatment * row.r2_outcome, reverse=True)
    labels = _Labels()
    for place, row in enumerate(rows):
        together = row is sensitivity.together and len(rows) > 1
        x, y = min(row.r2_treatment, limit), min(row.r2_outcome, limit)
        axes.plot(x, y, "D" if together else "o", color=BLUE, markersize=5, clip_on=False, zorder=4)
        if place >= MOST_NAMED and not together:
            continue
        beyond = " (beyond)" if max(row.r2_treatment, row.r2_outcome) > limit else ""
        name = plain(f"as strong as {shortened(row.covariate, LETTERS)}{beyond}")
        right = x > 0.6 * limit
        axes.annotate(
            name,
            (x, y),
            (x / limit + (-0.02 if right else 0.02), labels.height(len(name), x / limit, y / limit, right=right)),
            textcoords="axes fraction",
            va="center",
            fontsize=7.5,
            color=BLUE,
            ha="right" if right else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )


class _Labels:
    """Finds heights at which labels do not overlap, in fractions of the axes."""

    LETTER, LINE = 0.021, 0.055

    def __init__(self) -> None:
        self._taken = [(0.0, 0.4, 0.03)]  # the estimate's own label

    def height(self, letters: int, x: float, y: float, *, right: bool) -> float:
        """The free height nearest to `y`."""
        width = letters * self.LETTER
        left, end = (x - width, x) if right else (x, x + width)
        heights = sorted(np.arange(0.03, 1.0, self.LINE / 2), key=lambda height: abs(height - y))
        free = (
            height
            for height in heights
            if not any(left < b and a < end and abs(height - at) < self.LINE for a, b, at in self._taken)
        )
        chosen = float(next(free, y))
        self._taken.append((left, end, chosen))
        return chosen


@styled
def plot_balance(balance: "Balance") -> Figure:
    """Love plot: imbalance of each covariate before and after adjustment."""
    rows = shown_rows(balance)
    figure = blank_figure(3.7, 0.21 * len(rows) + 1.15)
    axes = figure.subplots()
    places = -np.arange(len(rows), dtype=float)
    before, after = (np.abs([getattr(row, name) for row in rows]) for name in ("before", "after"))
    axes.axvline(BALANCED, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.hlines(places, np.minimum(before, after), np.maximum(before, after), color=MUTED, linewidth=0.8, zorder=1)
    axes.plot(before, places, "o", color=ACCENT, markerfacecolor="white", markersize=5.5, label="before")
    axes.plot(after, places, "o", color=BLUE, markersize=5.5, label="after adjustment")
    axes.set_yticks(places, [plain(shortened(row.covariate, LETTERS)) for row in rows])
    axes.set(xlim=(-0.01, None), ylim=(-len(rows) + 0.4, 0.6))
    axes.set_xlabel(f"absolute {balance.kind}", loc="right")  # long names leave the axes narrower than this label
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def shown_rows(balance: "Balance") -> "list[BalanceRow]":
    """The covariates of the love plot: all, or the least balanced ones."""
    ordered = sorted(balance.rows, key=lambda row: max(abs(row.before), abs(row.after)), reverse=True)
    return ordered[:MOST_COVARIATES]


@styled
def plot_overlap(balance: "Balance") -> Figure:
    """Propensities of the two compared groups, one histogram up and one down."""
    frame, name = balance.histogram_frame(), shortened(balance.treatment, LETTERS)
    figure = blank_figure(3.7, 2.6)
    axes = figure.subplots()
    for arm, colour, sign in zip(balance.arms, (ACCENT, BLUE), (-1, 1), strict=True):
        own = frame[frame["value"] == arm.value]
        share = sign * own["rows"] / max(arm.rows, 1)
        axes.bar(own["low"], share, width=own["high"] - own["low"], align="edge", color=colour, alpha=0.85)
        upper = sign > 0
        axes.annotate(
            plain(f"{name} = {shortened(arm.value, LETTERS)} ({arm.rows:,} rows)"),
            (0.5, 0.98 if upper else 0.02),
            xycoords="axes fraction",
            ha="center",
            va="top" if upper else "bottom",
            fontsize=7.5,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    limit = 1.3 * max(abs(end) for end in axes.get_ylim())
    axes.set(xlim=(0, 1), ylim=(-limit, limit), ylabel="share of the group's rows [%]")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}".removesuffix("%"))
    axes.set_xlabel(plain(f"propensity of {name} = {shortened(balance.arms[1].value, LETTERS)}"))
    return figure
