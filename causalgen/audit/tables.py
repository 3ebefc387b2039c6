"""Tables of an audit: the changes, and how far the images can be trusted."""

from collections.abc import Sequence

from ..reports.folder import Group, Row, Table
from ..reports.style import number, parted, with_interval
from .report import AuditReport
from .rows import ALL, BEYOND, AuditRow
from .subgroups import EVERYONE
from .trust import Shown, Trust

__all__ = ["change_table", "change_text", "place_text", "trust_table"]


def change_table(report: AuditReport, rows: Sequence[AuditRow], caption: str, file: str = "changes.csv") -> Table:
    """Changes of the rows, by intervention and effect."""
    header = [
        "Units",
        "Number",
        "Change",
        f"Adjusted {report.level:.0%} interval",
        "Verdict",
        "Gap",
        "Flipped",
        "Reconstruction",
    ]
    groups = []
    for intervention, effect in dict.fromkeys((row.intervention, row.effect) for row in rows):
        own = [row for row in rows if (row.intervention, row.effect) == (intervention, effect)]
        groups.append(Group([_row(row) for row in own], f"{intervention}, {effect}"))
    return Table(f"{caption}, in {report.unit}", header, groups, file)


def _row(row: AuditRow) -> Row:
    if not row.units:
        return Row([place_text(row), "0", *["–"] * 6])
    shown, ends = parted(row.change.value, row.adjusted_low, row.adjusted_high)
    flipped = f"{row.flips.value:.1%}" if row.flips else "–"
    cells = [ends or "–", row.verdict, number(row.gap.value), flipped]
    null = number(row.null_change.value)
    return Row([place_text(row), f"{row.units:,}", shown, *cells, null], strong=row.verdict == BEYOND)


def place_text(row: AuditRow) -> str:
    """Name the units: subgroup, stratum, or both.

    Everyone among all units is "all units".
    """
    return (
        row.stratum if row.subgroup == EVERYONE else row.subgroup + (f", {row.stratum}" if row.stratum != ALL else "")
    )


def change_text(row: AuditRow) -> str:
    """A change with its adjusted interval."""
    return with_interval(row.change.value, row.adjusted_low, row.adjusted_high)


def trust_table(report: AuditReport, file: str = "trust.csv") -> Table:
    """List what was read from the counterfactual images, by intervention."""
    header = [
        "Attribute",
        "Changed in",
        "Change shown",
        "Readable on",
        "Error",
        "Error if unchanged",
        "Error of reading alone",
    ]
    groups = [_trust_group(entry, len(header)) for entry in report.trust]
    return Table("How well the counterfactual images show the attributes", header, groups, file)


def _trust_group(entry: Trust, columns: int) -> Group:
    rows = [
        Row(
            [
                f"{shown.attribute} ({shown.how})",
                f"{shown.moved:.0%} of units" if shown.moved else "stays",
                _reached(shown),
                f"{shown.read:.0%}",
                *(_error(value, shown.unit) for value in (shown.error, shown.unchanged, shown.floor)),
            ]
        )
        for shown in entry.shown
    ]
    inside = f"{entry.supported:.0%} of the units have attributes that occur together in training."
    heading = f"{entry.intervention}, {entry.effect}"
    return Group(rows or [Row(["no attribute was read", *["–"] * (columns - 1)])], heading, inside)


def _reached(shown: Shown) -> str:
    """Share of the requested change that the images show; empty for an attribute that does not change."""
    if not shown.moved:
        return "–"
    return with_interval(*(100 * value for value in shown.reached)) + " %" if shown.readable else "unknown"


def _error(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".rstrip()
