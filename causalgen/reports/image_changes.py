"""Changes on the image under interventions: a sentence for the first screen, and the table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .folder import Group, Row, Table
from .style import number, with_interval

if TYPE_CHECKING:
    from ..metrics import ImageChange

__all__ = ["change_answer", "change_sentence", "change_table", "lead_changes"]

MOST = 3
"""Maximum number of changes on the first screen."""


def change_sentence(change: "ImageChange") -> str:
    """Describe the change: its size, both means, the units, and the floor of redrawing alone."""
    left = change.asked - change.units
    others = f"; the other {left:,} have this value already or could not be read" if left else ""
    return (
        f"{change.query} changes {change.name} on the image by {_change(change)}, from {number(change.redrawn)} to "
        f"{number(change.counterfactual)}; floor: redrawing without a change moves it by {_floor(change)}; "
        f"{change.units:,} test images of {change.groups:,} groups{others}; {100 * change.supported:.0f} % within joint "
        "support; 95 % intervals, bootstrapped over groups."
    )


def change_answer(changes: Sequence["ImageChange"]) -> str:
    """State the leading changes in one sentence, each with its interval, its units and its floor."""
    clauses = [
        f"{change.query} changes {change.name} on the image by {_change(change)} over {change.units:,} test images (95 % "
        f"interval; redrawing alone: {_floor(change)})"
        for change in lead_changes(changes)
    ]
    return f"{'; '.join(clauses)}."


def lead_changes(changes: Sequence["ImageChange"]) -> list["ImageChange"]:
    """Select the changes to show first: for each intervention those that the study expects, else the greatest.

    Expected changes precede others; changes are compared in standard deviations of the factual images.
    """
    leads: list[ImageChange] = []
    for query in dict.fromkeys(change.query for change in changes):
        same = [change for change in changes if change.query == query]
        expected = [change for change in same if change.expected]
        leads += expected or [max(same, key=lambda change: change.strength)]
    return sorted(leads, key=lambda change: not change.expected)[:MOST]


def change_table(changes: Sequence["ImageChange"], file: str = "") -> Table:
    """Build a table with one row for each number under each intervention."""
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


def _change(change: "ImageChange") -> str:
    return _signed(change.change, with_interval(change.change, change.low, change.high))


def _floor(change: "ImageChange") -> str:
    return _signed(change.floor, with_interval(change.floor, change.floor_low, change.floor_high))


def _signed(value: float, text: str) -> str:
    return ("+" if value > 0 else "") + text
