"""What interventions change on the image: a sentence for the answer box, and the table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .content import Highlight
from .folder import Group, Row, Table
from .style import number, with_interval

if TYPE_CHECKING:
    from ..metrics import ImageChange

__all__ = ["change_highlight", "change_sentence", "change_table"]


def change_sentence(change: "ImageChange") -> str:
    """The change as text: from which value to which, over which units, and next to the change from redrawing alone."""
    left = change.asked - change.units
    others = f"; the other {left:,} have these values already or could not be read" if left else ""
    return (
        f"On the image, {change.query} changes {change.name} by {_signed(change.change)} on average "
        f"[{number(change.low)}, {number(change.high)}], from {number(change.redrawn)} to {number(change.counterfactual)}. "
        f"Floor: redrawing the same images without a change moves it by {_signed(change.floor)} "
        f"[{number(change.floor_low)}, {number(change.floor_high)}], from {number(change.factual)}. "
        f"{change.units:,} test images of {change.groups:,} groups{others}; {change.supported:.0%} within joint support; "
        "95 % intervals are bootstrapped over groups."
    )


def change_highlight(change: "ImageChange") -> Highlight:
    """The line of the answer box."""
    value = with_interval(change.change, change.low, change.high)
    sign = "+" if change.change > 0 else ""
    return Highlight(f"{change.query} → {change.name} on the image", sign + value, change_sentence(change))


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


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)
