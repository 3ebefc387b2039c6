"""Power, interval width and coverage by the number of units."""

import math

from matplotlib.figure import Figure

from ..effects.power_result import PowerCurve
from .curves import panels
from .style import ACCENT, BLUE, MUTED, plain, styled

__all__ = ["plot_power"]


@styled
def plot_power(curve: PowerCurve) -> Figure:
    """Plot power with the target and the number of units that reaches it, mean interval width, and coverage."""
    figure, (power, width, coverage) = panels(3)
    frame = curve.frame
    for axes, name in ((power, "power"), (width, "width"), (coverage, "coverage")):
        axes.vlines(frame["n"], frame[f"{name}_low"], frame[f"{name}_high"], color=BLUE, linewidth=1.2)
        axes.plot(frame["n"], frame[name], "o-", color=BLUE, linewidth=1.2, markersize=4)
        axes.set_xscale("log")
        axes.set_xticks(frame["n"], [f"{n:,}" for n in frame["n"]])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(plain(curve.unit))
    power.set(title="power", ylim=(-0.02, 1.04))
    power.axhline(curve.target, color=ACCENT, linestyle=(0, (4, 2)), label=f"{100 * curve.target:.4g}%")
    if math.isfinite(curve.needed.n):
        power.axvline(curve.needed.n, color=MUTED, linestyle=(0, (1, 1)), label=f"n = {curve.needed.n:,.0f}")
    power.legend()
    width.set(title="mean width of the interval")
    width.set_ylim(bottom=0)
    coverage.set(title="coverage", ylim=(-0.02, 1.04))
    coverage.axhline(curve.level, color=ACCENT, linestyle=(0, (4, 2)), label=f"{100 * curve.level:.4g}%")
    coverage.legend()
    return figure
