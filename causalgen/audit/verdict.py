"""The verdict on a change, from all evidence about it, in one place.

The interval of a change is compared with the margin: *beyond* it, *within* it, or reaching across it. Other findings of the
audit may then withdraw the verdict. A concern about the change itself, such as images that do not show the intervention,
gives "cannot tell" for any interval. A concern about equivalence keeps a verdict "beyond the margin" and is reported
next to it: an image that does not show the intervention, or noisy reconstruction, can hide a change, so "within the margin"
needs evidence that nothing was hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .rows import ALL, BEYOND, CANNOT_TELL, FEWEST_GROUPS, SUPPORTED, WITHIN, AuditRow
from .subgroups import EVERYONE
from .trust import Shown, Trust

__all__ = ["Concern", "judged", "sentence"]

SAME = 1e-3
"""Spread of factual scores below which a classifier counts as giving all images the same score."""
READ = 0.9
"""Share of the images on which an attribute must be readable."""
DRIFT = 0.1
"""Allowed excess error of an attribute that should not change, in standard deviations or as a share of units."""
REACHED = 0.5
"""Share of the requested change that the images must show."""
INSIDE = 0.5
"""Share of the units that must be within joint support of training."""


class Concern(NamedTuple):
    """A reason not to believe a verdict.

    Args:
        text: The reason, as text.
        decisive: Whether it withdraws any verdict; otherwise only "within the margin".
    """

    text: str
    decisive: bool = True


def _may_hide(text: str) -> Concern:
    """A reason why a change could be hidden, which withdraws only "within the margin"."""
    return Concern(text, decisive=False)


def judged(
    rows: Sequence[AuditRow], trust: Sequence[Trust], factual: NDArray[np.float64], margin: float
) -> tuple[AuditRow, ...]:
    """The rows with their final verdicts and reasons.

    Args:
        rows: Rows with the verdict of their interval alone.
        trust: What the images of each intervention and effect show.
        factual: Scores of the factual images `(N,)`.
        margin: Margin of practical size.
    """
    blind = list(_blind(factual))
    images = {(entry.intervention, entry.effect): entry for entry in trust}
    found = []
    for row in rows:
        entry = images[row.intervention, row.effect]
        concerns = [*blind, *_images(entry), *_support(row, entry, rows), *_row(row, margin), *_others(row, rows)]
        found.append(_settled(row, concerns))
    return tuple(found)


def sentence(row: AuditRow, outcome: str, margin: float) -> str:
    """The verdict of a row with its numbers and reasons, such as "the score changes by +0.2 [+0.1, +0.3], ..."."""
    outcome = f"the score “{outcome}”"
    where = " ".join(f"among {place}" for place in _places(row))
    reasons = "; ".join(row.reasons)
    if row.verdict == CANNOT_TELL:
        question = f"cannot tell whether {outcome} changes by more than the margin of {margin:g}"
        return " ".join(filter(None, (question, where))) + f": {reasons}."
    change = f"{row.change.value:+.3g} [{row.adjusted_low:+.3g}, {row.adjusted_high:+.3g}]"
    told = " ".join(filter(None, (f"{outcome} changes by {change}", where))) + f", {row.verdict} of {margin:g}"
    return f"{told}; but {reasons}." if reasons else f"{told}."


def _places(row: AuditRow) -> list[str]:
    return [place for place, whole in ((row.subgroup, EVERYONE), (row.stratum, ALL)) if place != whole]


def _settled(row: AuditRow, concerns: Sequence[Concern]) -> AuditRow:
    decisive = any(concern.decisive or row.verdict == WITHIN for concern in concerns)
    ordered = sorted(concerns, key=lambda concern: not concern.decisive)
    return replace(
        row, verdict=CANNOT_TELL if decisive else row.verdict, reasons=tuple(concern.text for concern in ordered)
    )


def _blind(factual: NDArray[np.float64]) -> Iterator[Concern]:
    if len(factual) >= 2 and float(np.ptp(factual)) < SAME * max(1.0, float(np.abs(factual).max())):
        yield Concern(
            f"the classifier gives all factual images nearly the same score, {factual.mean():.3g}: check the scale of the "
            "pixels (scale=...) and the class of interest"
        )


def _images(entry: Trust) -> Iterator[Concern]:
    """Return concerns: do the images show the intervention, and keep the rest?"""
    if not entry.moved:
        yield Concern("the intervention sets every unit to the value that it already has, so nothing changes")
        return
    for shown in entry.shown:
        if shown.drawn:
            yield from _effectiveness(shown)
            yield from _kept(shown)
    if entry.unread:
        names = ", ".join(entry.unread)
        yield _may_hide(f"nothing reads {names} from the images, so it is unknown whether they show it")


def _effectiveness(shown: Shown) -> Iterator[Concern]:
    name = shown.attribute
    if shown.moved and not shown.readable:
        yield _may_hide(
            f"the {name} {shown.how} on real images has too large an error to tell whether the counterfactual images "
            f"show the change in {name}"
        )
    elif shown.moved and not shown.reached.value >= REACHED:
        yield Concern(
            f"the images do not show the intervention: of the requested change in {name} they show "
            f"{_share(shown)}, and images left unchanged show 0%"
        )
    elif shown.moved and not shown.reached.low >= REACHED:
        yield _may_hide(
            f"it is unclear whether the images show the intervention: of the requested change in {name} they "
            f"show {_share(shown)}"
        )
    if shown.read < READ:
        yield _may_hide(
            f"the {name} can be {shown.how} on only {shown.read:.0%} of the images; what the others show is unknown"
        )


def _share(shown: Shown) -> str:
    value, low, high = shown.reached
    return f"{value:.0%} [{low:.0%}, {high:.0%}]" if np.isfinite(low) else f"{value:.0%}"


def _kept(shown: Shown) -> Iterator[Concern]:
    if shown.drift > DRIFT:
        excess = f"on {shown.drift:.0%} of them" if shown.discrete else f"by {shown.drift:.2g} standard deviations"
        yield Concern(
            f"the {shown.attribute} should stay, but the images change it ({excess} more than reconstruction does), "
            "so the change of the score may be due to it"
        )


def _support(row: AuditRow, entry: Trust, rows: Sequence[AuditRow]) -> Iterator[Concern]:
    """Are most units within support, or do the supported ones at least lead to the same verdict?"""
    if row.stratum != SUPPORTED and entry.supported < INSIDE:
        inside = next(
            other for other in _alike(row, rows) if (other.subgroup, other.stratum) == (row.subgroup, SUPPORTED)
        )
        yield Concern(
            f"only {entry.supported:.0%} of the units have attributes that training saw together, so the other images are "
            "extrapolated",
            decisive=inside.verdict != BEYOND,
        )


def _row(row: AuditRow, margin: float) -> Iterator[Concern]:
    """Does the row itself hold enough evidence?"""
    if not row.units:
        yield Concern("there is no unit")
        return
    if row.groups < FEWEST_GROUPS:
        plural = "s" * (row.groups != 1)
        yield Concern(f"only {row.groups} group{plural} of units, whereas a verdict needs {FEWEST_GROUPS}")
    elif row.verdict == CANNOT_TELL:
        yield Concern(
            f"the interval of the change, {row.adjusted_low:+.3g} to {row.adjusted_high:+.3g}, reaches across the margin; "
            "more units may decide it"
        )
    yield from _reconstruction(row, margin)
    if row.verdict == WITHIN and row.gap.value > margin:
        yield _may_hide(
            f"changes of opposite signs cancel in the mean: a unit changes by {row.gap.value:.3g} on average"
        )


def _reconstruction(row: AuditRow, margin: float) -> Iterator[Concern]:
    """How far reconstruction alone changes the score: on average, and for each unit."""
    mean, unit = abs(row.null_change.value), row.null_gap
    if mean > margin:
        beyond = min(abs(row.adjusted_low), abs(row.adjusted_high))
        yield Concern(
            f"rebuilding the images alone changes the score by {row.null_change.value:+.3g}, more than the margin: the "
            "classifier scores generated images differently from real ones",
            decisive=not (row.verdict == BEYOND and beyond > margin + mean),
        )
    elif unit > margin:
        yield _may_hide(f"rebuilding an image alone changes its score by {unit:.3g} on average, more than the margin")


def _others(row: AuditRow, rows: Sequence[AuditRow]) -> Iterator[Concern]:
    """Do the rows below this one (its supported units and the subgroups) contradict it?"""
    for other in _alike(row, rows):
        change = f"{other.change.value:+.3g}, {other.verdict}"
        below = row.stratum == ALL and (other.subgroup, other.stratum) == (row.subgroup, SUPPORTED)
        if below and {row.verdict, other.verdict} == {BEYOND, WITHIN}:
            yield Concern(
                f"within support the change is {change}, so the verdict depends on units outside it, whose images are "
                "extrapolated"
            )
        part = row.subgroup == EVERYONE and other.subgroup != EVERYONE and other.stratum == row.stratum
        if part and other.verdict == BEYOND:
            yield _may_hide(f"the mean hides a change of {change}, among {other.subgroup}")


def _alike(row: AuditRow, rows: Sequence[AuditRow]) -> list[AuditRow]:
    """Rows of the same intervention and effect."""
    return [other for other in rows if (other.intervention, other.effect) == (row.intervention, row.effect)]
