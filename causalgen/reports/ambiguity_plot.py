"""Plot of claims about a counterfactual over couplings of the noises of both worlds."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..scm import Ambiguity
from ..scm.ambiguity_result import rho_text
from ..scm.couplings import rho_of
from .style import ACCENT, BLUE, INK, MUTED, blank_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_ambiguity"]

PANEL = (2.9, 2.5)
MOST_COLUMNS = 3


@styled
def plot_ambiguity(ambiguity: Ambiguity) -> Figure:
    """Plot one panel per claim: mean over units, mean band over each coupling and all tighter ones, and tipping rho.

    Args:
        ambiguity: The result of `Posterior.ambiguity`.
    """
    columns = min(len(ambiguity.claims), MOST_COLUMNS)
    rows = -(-len(ambiguity.claims) // columns)
    figure = blank_figure(PANEL[0] * columns, PANEL[1] * rows + 0.35)
    figure.suptitle(plain(ambiguity.title), fontsize=9.5, weight="bold", color=INK)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, name in zip(grid, ambiguity.claims, strict=False):
        _draw(axes, ambiguity, name)
    for axes in list(grid)[len(ambiguity.claims) :]:
        axes.axis("off")
    return figure


def _draw(axes: "Axes", ambiguity: Ambiguity, name: str) -> None:
    draws = ambiguity[name]
    rhos = [rho_of(coupling) for coupling in ambiguity.couplings]
    low, high = (np.array([np.nanmean(band[end]) for band in draws.unit_bands()]) for end in (0, 1))
    axes.fill_between(rhos, low, high, color=BLUE, alpha=0.15, linewidth=0, label="band of a unit")
    axes.plot(rhos, draws.averages()[:, 0], color=BLUE, marker="o", markersize=3.5, label="mean")
    tipping = ambiguity.tipping_rho(name)
    if np.isfinite(tipping):
        axes.axvline(tipping, color=ACCENT, linewidth=1.2, linestyle="--", label=f"holds down to {rho_text(tipping)}")
    axes.invert_xaxis()
    axes.set_title(plain(name), color=INK)
    axes.set_xlabel("correlation of the noises, rho", color=MUTED)
    unit = draws.claim.variable.unit if draws.claim.function is None else None
    axes.set_ylabel(unit or ("grey levels from the model's image" if draws.claim.is_distance else ""))
    axes.legend(loc="best", fontsize=7)
