"""The section about an effect transported to a target."""

from typing import TYPE_CHECKING

from ..folder import Group, Row, Table
from ..forest_plot import forest_figure
from ..parts import Formula, Part, Section
from ..style import in_brackets, with_interval

if TYPE_CHECKING:
    from ...effects import EffectReport, TransportedEffect
    from .sections import SectionMaker

__all__ = ["TARGET", "target_section"]

TARGET = "target.csv"
"""File of the target in the folder of a report, for its notebook."""


def target_section(found: "TransportedEffect", report: "EffectReport", made: "SectionMaker") -> Section:
    """Return the section: effects in table and target, what transports the effect, and the assumptions.

    Args:
        found: The effect in both populations.
        report: The average effect, whose warnings are not repeated.
        made: Writes figures and tables.
    """
    frame = found.to_frame()
    unit = in_brackets(found.outcome_unit)
    figure = forest_figure(frame.assign(kind="adjusted", covers_truth=None), f"effect on {found.outcome}{unit}")
    alt = f"Forest plot. {found.target}; {found.source}."
    caption = f"The effect in the table and in the target, with {found.level:.0%} intervals."
    drawn = made.picture(figure, "target", alt, caption)
    rows = [
        Row([row.source, with_interval(row.value, row.low, row.high)], note=row.note)
        for row in (found.target, found.source)
    ]
    table = Table(
        "The effect in both populations", ["Population", f"Effect{unit}"], [Group(rows)], made.file(frame, "target")
    )
    points = [(text, "") for text in found.warnings if text not in report.warnings]
    parts = [
        Part(text=f"{found.formula.text} {found.overlap}", points=points, pictures=[drawn], beside="after"),
        Part(tables=[table]),
        Part(text="It is the effect in the target only if:", points=[(text, "") for text in found.formula.assumptions]),
        Part(
            text="The formula, with P for the table and P* for the target:",
            formulas=[Formula(found.formula.formula, found.formula.latex)],
        ),
    ]
    return Section("target", "The effect in the target", parts)
