"""What interventions change on the image: a sentence for the answer box, and the table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .folder import Group, Row, Table
from .parts import Highlight
from .style import number, with_interval

if TYPE_CHECKING:
    from ..metrics import ImageChange

__all__ = ["change_highlights", "change_sentence", "change_table", "lead_changes"]

MOST = 3
"""Changes on the first screen."""


def change_sentence(change: "ImageChange") -> str:
    """The change as text: its size, both means, the units, and the floor of redrawing alone."""
    line = _highlight(change)
    return f"{line.label} {line.value}, {line.note}."


def lead_changes(changes: Sequence["ImageChange"]) -> list["ImageChange"]:
    """The changes to show first: for every intervention those that the study expects, else the greatest one.

    Expected changes precede others; changes are compared in standard deviations of the factual images.
    """
    leads: list[ImageChange] = []
    for query in dict.fromkeys(change.query for change in changes):
        same = [change for change in changes if change.query == query]
        expected = [change for change in same if change.expected]
        leads += expected or [max(same, key=lambda change: change.strength)]
    return sorted(leads, key=lambda change: not change.expected)[:MOST]


def change_highlights(changes: Sequence["ImageChange"]) -> list[Highlight]:
    """The lines of the answer box; the last one gives the number of other changes in the table."""
    leads = lead_changes(changes)
    lines = [_highlight(change) for change in leads]
    if len(changes) > len(leads):
        more = f"The table below has all {len(changes)} changes."
        lines[-1] = replace(lines[-1], link=(more, "#changes"))
    return lines


def _highlight(change: "ImageChange") -> Highlight:
    value = _signed(change.change, with_interval(change.change, change.low, change.high))
    return Highlight(f"{change.query} changes {change.name} on the image by", value, _basis(change))


def _basis(change: "ImageChange") -> str:
    """Both means, the units, and the floor of redrawing alone."""
    left = change.asked - change.units
    others = f"; the other {left:,} have this value already or could not be read" if left else ""
    floor = _signed(change.floor, with_interval(change.floor, change.floor_low, change.floor_high))
    return (
        f"from {number(change.redrawn)} to {number(change.counterfactual)}; floor: redrawing without a change moves it by "
        f"{floor}; {change.units:,} test images of {change.groups:,} groups{others}; "
        f"{100 * change.supported:.0f} % within joint support; 95 % intervals, bootstrapped over groups"
    )


def change_table(changes: Sequence["ImageChange"], file: str = "") -> Table:
    """One row for each number under each intervention."""
    header = [
        "Read from the image",
        "Factual",
        "Redrawn",
        "Counterfactual",
        "Change",
        "Floor: redrawing alone",
        "Images",
    ]
    groups = []
    for query in dict.fromkeys(change.query for change in changes):
        rows = [
            Row(
                [
                    c.name,
                    number(c.factual),
                    number(c.redrawn),
                    number(c.counterfactual),
                    with_interval(c.change, c.low, c.high),
                    with_interval(c.floor, c.floor_low, c.floor_high),
                    f"{c.units:,}",
                ]
            )
            for c in changes
            if c.query == query
        ]
        groups.append(Group(rows, query))
    return Table("Numbers read from the images of test units, means with 95 % intervals", header, groups, file)


def _signed(value: float, text: str) -> str:
    return ("+" if value > 0 else "") + text
