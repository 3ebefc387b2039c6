"""Plots of further questions: groups, doses and units."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..style import ACCENT, BLUE, INK, MUTED, PALE, blank_figure, in_brackets, plain, shortened, styled

if TYPE_CHECKING:
    import pandas as pd

    from ...effects import EffectReport

__all__ = ["plot_doses", "plot_groups", "plot_units"]

LETTERS = 30
"""Maximum length of the name of a group or a variable on an axis, in letters."""


@styled
def plot_groups(frame: "pd.DataFrame", report: "EffectReport") -> Figure:
    """Forest plot of the effects by group: pointwise and simultaneous intervals, and the average effect."""
    figure = blank_figure(4.4, 0.32 * len(frame) + 0.95)
    axes, places = figure.subplots(), -np.arange(len(frame), dtype=float)
    axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    axes.axvline(report.estimate.value, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    axes.hlines(places, frame["low_all"], frame["high_all"], color=BLUE, linewidth=0.9)
    axes.hlines(places, frame["low"], frame["high"], color=BLUE, linewidth=2.6)
    axes.plot(frame["effect"], places, "o", color=BLUE, markersize=5.5)
    axes.set_yticks(places, [plain(shortened(group, LETTERS)) for group in frame["group"]])
    axes.set(ylim=(-len(frame) + 0.4, 0.6), xlabel=_label("effect on", report))
    axes.tick_params(axis="y", length=0)
    return figure


@styled
def plot_doses(curve: "pd.DataFrame", report: "EffectReport") -> Figure:
    """Dose-response curve with its bands, above the share of rows with support at each dose."""
    figure = blank_figure(4.0, 3.3)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    value = curve["value"]
    axes.fill_between(value, curve["low_all"], curve["high_all"], color=BLUE, alpha=0.18, linewidth=0)
    axes.fill_between(value, curve["low"], curve["high"], color=BLUE, alpha=0.3, linewidth=0)
    axes.plot(value, curve["mean"], color=BLUE)
    axes.set_ylabel(_label("mean", report))
    below.fill_between(value, 0, 100 * curve["support"], color=PALE, linewidth=0)
    below.plot(value, 100 * curve["support"], color=MUTED, linewidth=1.0)
    below.set(ylim=(0, 105), ylabel="support [%]", xlabel=plain(f"do({shortened(report.treatment_name, LETTERS)})"))
    return figure


@styled
def plot_units(units: "pd.DataFrame", report: "EffectReport") -> Figure:
    """Plot the effects of all rows in increasing order, with pointwise intervals; those without 0 are highlighted."""
    rows = units.sort_values("effect")
    figure = blank_figure(4.0, 2.6)
    axes, place = figure.subplots(), np.linspace(0, 100, len(rows))
    apart = ((rows["low"] > 0) | (rows["high"] < 0)).to_numpy()
    for chosen, colour in ((~apart, PALE), (apart, ACCENT)):
        axes.vlines(place[chosen], rows["low"][chosen], rows["high"][chosen], color=colour, linewidth=0.6, alpha=0.5)
    axes.plot(place, rows["effect"], color=BLUE)
    axes.axhline(0, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.set(xlabel="rows, by effect [%]", ylabel=_label("effect on", report))
    return figure


def _label(what: str, report: "EffectReport") -> str:
    unit = in_brackets(report.outcome_unit)
    return plain(f"{what} {shortened(report.outcome + unit, LETTERS)}")
