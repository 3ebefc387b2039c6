"""Plots of sensitivity to hidden confounding, and of overlap and balance."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from scipy.stats import t as student

from ..style import ACCENT, BLUE, INK, MUTED, PALE, blank_figure, number, plain, shortened, styled

if TYPE_CHECKING:
    from ...effects.diagnostics.balance import Balance, BalanceRow
    from ...effects.diagnostics.robustness import Robustness

__all__ = ["plot_balance", "plot_overlap", "plot_sensitivity"]

Array: TypeAlias = NDArray[np.float64]

SQUARE_ROOT = (lambda share: np.sqrt(np.maximum(share, 0)), np.square)
"""A scale that spreads out small shares, where most covariates lie."""
TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
MOST_NAMED = 6
MOST_COVARIATES = 40
BALANCED = 0.1
LETTERS = 26
"""Maximum length of a name inside a plot, in letters."""
NAME = 44
"""Maximum length of a row name in the love plot, in letters."""


@styled
def plot_sensitivity(sensitivity: "Robustness", *, unit: str = "") -> Figure:
    """Contours of the linear estimate after adjusting for a hidden confounder, over its partial R2.

    Each observed covariate marks a confounder as strong as itself. Beyond the dashed line the interval contains 0, and
    in the shaded region the estimate changes its sign.
    """
    grid = sensitivity.contour()
    side = int(np.sqrt(len(grid)))
    x, y, z, t = (grid[name].to_numpy().reshape(side, side) for name in ("r2_treatment", "r2_outcome", "estimate", "t"))
    figure = blank_figure(5.0, 4.2)
    axes = figure.subplots()
    axes.set_xscale("function", functions=SQUARE_ROOT)
    axes.set_yscale("function", functions=SQUARE_ROOT)
    steps = [level for level in MaxNLocator(7).tick_values(np.nanmin(z), np.nanmax(z)) if level]
    lines = axes.contour(x, y, z, levels=steps, colors=PALE, linewidths=0.9, linestyles="solid")
    axes.clabel(lines, fmt=number, fontsize=7, colors=MUTED)
    sign = np.sign(sensitivity.effect) or 1.0
    critical = float(student.ppf(0.5 + sensitivity.level / 2, sensitivity.df - 1))
    shown = f"{number(sensitivity.effect)} {shortened(unit, LETTERS)}".strip()
    axes.plot(
        0, 0, "o", color=INK, markersize=6, clip_on=False, zorder=5, label=plain(f"no hidden confounder: {shown}")
    )
    axes.plot([], [], "o", color=BLUE, markersize=5, label="as strong as this covariate")
    for height, line, name in (
        (z, "solid", "estimate is 0"),
        (t, (0, (4, 2)), f"{sensitivity.level:.0%} interval reaches 0"),
    ):
        _draw_limit(axes, (x, y, sign * height - (critical if height is t else 0.0)), name, line)
    axes.contourf(x, y, np.nan_to_num(sign * z, nan=np.inf), levels=[-np.inf, 0], colors=[ACCENT], alpha=0.08)
    limit = float(x.max())
    _draw_benchmarks(axes, sensitivity, limit)
    for axis, what in ((axes.xaxis, "treatment"), (axes.yaxis, "outcome")):
        axis.set_ticks([tick for tick in TICKS if tick <= limit])
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axis.set_label_text(f"confounder explains of the {what} [%]")
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2, handletextpad=0.5)
    return figure


def _draw_limit(axes: Axes, grid: tuple[Array, Array, Array], name: str, line: Any) -> None:
    """A line where the third array of the grid is 0, with a row of the legend if it lies within the axes."""
    if np.nanmin(grid[2]) < 0 < np.nanmax(grid[2]):
        width = 1.8 if line == "solid" else 1.1
        axes.contour(*grid, levels=[0.0], colors=ACCENT, linewidths=width, linestyles=[line])
        axes.plot([], [], color=ACCENT, linewidth=width, linestyle=line, label=name)


def _draw_benchmarks(axes: Axes, sensitivity: "Robustness", limit: float) -> None:
    """Draw covariates as points, at the edge if they are stronger than shown, and name those that matter most."""
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
        name = (
            f"as strong as {shortened(row.covariate, LETTERS)}{beyond}"
            if together
            else shortened(row.covariate, LETTERS)
        )
        left, height = labels.place(len(name), np.sqrt(x / limit), np.sqrt(y / limit))
        axes.annotate(
            plain(name),
            (x, y),
            (left, height),
            textcoords="axes fraction",
            va="center",
            fontsize=7.5,
            color=BLUE,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
            arrowprops={"arrowstyle": "-", "color": BLUE, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
            zorder=6,
        )


class _Labels:
    """Finds places at which labels neither overlap nor leave the axes, in fractions of the axes."""

    LETTER, LINE, GAP = 0.0165, 0.052, 0.03

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float]] = []

    def place(self, letters: int, x: float, y: float) -> tuple[float, float]:
        """Return left end and height of a point's label: right of it if there is room, at the nearest free height."""
        width = letters * self.LETTER
        left = x + self.GAP if x + self.GAP + width <= 1 else max(0.0, min(x - self.GAP, 1.0) - width)
        heights = sorted(np.arange(0.03, 1.0, self.LINE / 2), key=lambda height: abs(height - y))
        free = (
            height
            for height in heights
            if not any(left < b and a < left + width and abs(height - at) < self.LINE for a, b, at in self._taken)
        )
        chosen = float(next(free, y))
        self._taken.append((left, left + width, chosen))
        return left, chosen


@styled
def plot_balance(balance: "Balance") -> Figure:
    """Love plot: imbalance of each covariate before and after adjustment, and the limit that chance alone may reach.

    The region up to 0.1 is shaded; a tick marks a higher limit. Names of unbalanced covariates are highlighted.
    """
    rows = shown_rows(balance)
    names = [shortened(row.covariate, NAME) for row in rows]
    figure = blank_figure(3.4 + 0.065 * max(map(len, names), default=0), 0.21 * len(rows) + 1.15)
    axes = figure.subplots()
    places = -np.arange(len(rows), dtype=float)
    before, after = (np.abs([getattr(row, name) for row in rows]) for name in ("before", "after"))
    axes.axvspan(0, BALANCED, color=PALE, alpha=0.45, linewidth=0, zorder=0)
    axes.hlines(places, np.minimum(before, after), np.maximum(before, after), color=MUTED, linewidth=0.8, zorder=1)
    axes.plot(before, places, "o", color=ACCENT, markerfacecolor="white", markersize=5.5, label="before")
    axes.plot(after, places, "o", color=BLUE, markersize=5.5, label="after adjustment")
    higher = [(row.limit, place) for row, place in zip(rows, places, strict=True) if row.limit > BALANCED]
    if higher:
        axes.plot(*zip(*higher, strict=True), "|", color=INK, markersize=9, label="limit by chance")
    axes.set_yticks(places, [plain(name) for name in names])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(color=ACCENT if row.unbalanced else INK, weight="bold" if row.unbalanced else "normal")
    axes.set(xlim=(-0.01, None), ylim=(-len(rows) + 0.4, 0.6))
    axes.set_xlabel(f"absolute {balance.kind}", loc="right")  # long names leave the axes narrower than this label
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handletextpad=0.3)
    return figure


def shown_rows(balance: "Balance") -> "list[BalanceRow]":
    """Return the covariates of the love plot: all, or the least balanced ones."""
    ordered = sorted(balance.rows, key=lambda row: max(abs(row.before), abs(row.after)), reverse=True)
    return ordered[:MOST_COVARIATES]


@styled
def plot_overlap(balance: "Balance") -> Figure:
    """Plot propensities of the two compared groups, one histogram upwards and one downwards."""
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
