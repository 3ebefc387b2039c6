"""The follow-up of a censored outcome: Kaplan-Meier curves, numbers at risk."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..folder import Group, Row, Table
from ..parts import Part, Section
from ..style import ACCENT, BLUE, blank_figure, in_brackets, number, plain, shortened, styled
from .sentences import survival_sentence

if TYPE_CHECKING:
    from ...effects import EffectReport
    from ...effects.survival.follow_up import SurvivalSummary
    from .sections import SectionMaker

__all__ = ["follow_up_section", "plot_survival"]

LETTERS = 30
"""Maximum length of an arm's name in the plot, in letters."""


def follow_up_section(report: "EffectReport", made: "SectionMaker") -> Section:
    """Return events and censored rows by arm, the curves, and what is assumed about censoring.

    Args:
        report: The effect, on a censored outcome.
        made: Writes figures and tables.
    """
    survival = report.survival
    assert survival is not None
    weighted = any(arm.weighted is not None for arm in survival.arms)
    caption = "Kaplan-Meier curves" + (
        ". Solid: after weighting to the population of the effect; dashed: the rows as they are." * weighted or "."
    )
    ends = "; ".join(f"{arm.value} {arm.curve.free[-1]:.3g}" for arm in survival.arms)
    drawn = made.picture(plot_survival(report), "survival", f"{caption} At {survival.until}: {ends}.", caption)
    text = f"{survival_sentence(report)} {survival.assumption}".strip()
    parts = [Part(text=text, pictures=[drawn], beside="after")]
    parts.append(Part(tables=[_arm_table(survival, made), _risk_table(survival)]))
    return Section("survival", "Follow-up and censoring", parts)


def _arm_table(survival: "SurvivalSummary", made: "SectionMaker") -> Table:
    unit = in_brackets(survival.unit)
    header = ["Rows with", "Rows", "Events", "Censored", f"Restricted mean{unit}", f"Free at {survival.until}"]
    rows, points = [], []
    for arm in survival.arms:
        counts = [f"{count:,}" for count in (arm.rows, arm.events, arm.censored)]
        rows.append(Row([arm.value, *counts, number(arm.curve.mean), number(arm.curve.free[-1])]))
        for name, curve in {"as they are": arm.curve, "weighted": arm.weighted}.items():
            if curve is not None:
                frame = pd.DataFrame({"time": curve.times, "free": curve.free})
                points.append(frame.assign(arm=arm.value, rows=name))
                if name == "weighted":
                    rows.append(Row([f"{arm.value}, weighted", "", "", "", number(curve.mean), number(curve.free[-1])]))
    caption = f"Events up to {survival.until}, and the Kaplan-Meier curves in numbers"
    return Table(caption, header, [Group(rows)], made.file(pd.concat(points), "survival"))


def _risk_table(survival: "SurvivalSummary") -> Table:
    unit = in_brackets(survival.unit)
    rows = [Row([arm.value, *(f"{count:,}" for count in arm.at_risk)]) for arm in survival.arms]
    return Table("Rows at risk", [f"At risk at{unit}", *map(number, survival.times)], [Group(rows)])


@styled
def plot_survival(report: "EffectReport") -> Figure:
    """Plot Kaplan-Meier curves of the compared rows, before and after weighting."""
    survival = report.survival
    assert survival is not None
    figure = blank_figure(4.0, 3.0)
    axes = figure.subplots()
    for arm, colour in zip(survival.arms, (ACCENT, BLUE), strict=False):
        value = arm.value if len(survival.arms) == 1 else f"{report.treatment_name} = {arm.value}"
        label, main = plain(shortened(value, LETTERS)), arm.weighted or arm.curve
        axes.step(main.times, 100 * np.array(main.free), where="post", color=colour, label=label)
        if arm.weighted is not None:
            steps = arm.curve.times, 100 * np.array(arm.curve.free)
            axes.step(*steps, where="post", color=colour, linewidth=0.9, linestyle=(0, (4, 3)))
    unit = in_brackets(survival.unit)
    axes.set(
        xlim=(0, survival.horizon), ylim=(0, 103), ylabel=plain(f"free of {shortened(survival.event, LETTERS)} [%]")
    )
    axes.set_xlabel(plain(f"{shortened(report.outcome, LETTERS)}{unit}"))
    axes.legend(loc="lower left")
    return figure
