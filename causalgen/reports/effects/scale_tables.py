"""The effect on other scales: the two means, ratios, and the number needed to treat."""

from typing import TYPE_CHECKING

from ..folder import Group, Row, Table
from ..parts import Part
from ..style import in_brackets, parted

if TYPE_CHECKING:
    from ...effects import EffectReport, Estimate
    from ...effects.scales import Scale
    from .sections import SectionMaker

__all__ = ["scale_parts"]


def scale_parts(report: "EffectReport", made: "SectionMaker") -> list[Part]:
    """Return the recommended estimate on every scale, and the others folded; nothing if no estimate gives two means.

    Args:
        report: The estimates.
        made: Writes the table.
    """
    rows = [row for row in (report.estimate, *report.others) if row.scales]
    if not rows:
        return []
    file = made.file(report.scales, "scales")
    own = [row for row in rows if row == report.estimate]
    others = [row for row in rows if row != report.estimate]
    parts = [Part(tables=[_table(report, own, file)])] if own else []
    fold = "The other estimates on these scales" if own else "Estimates on other scales"
    return [*parts, Part(fold=fold, tables=[_table(report, others, file)])] if others else parts


def _table(report: "EffectReport", rows: "list[Estimate]", file: str) -> Table:
    named = len(rows) > 1 or rows[0] != report.estimate
    unit = in_brackets(report.outcome_unit)
    groups = [Group([_row(one) for one in row.scales], row.source if named else "") for row in rows]
    caption = f"The effect on other scales{unit}" if not named else f"Other estimates on the same scales{unit}"
    return Table(caption, ["Scale", "Value", f"{report.level:.0%} interval"], groups, file)


def _row(one: "Scale") -> Row:
    if one.note:  # the interval of a number needed to treat may pass through infinity
        shown, _, ends = one.note.partition(" [")
        return Row([one.name, shown, ends.rstrip("]") or "–"])
    assert one.value is not None
    shown, ends = parted(one.value, one.low, one.high)
    return Row([one.name, shown, ends or "–"])
