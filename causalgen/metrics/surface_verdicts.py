"""The verdicts on memorisation, in sentences: one each for weights, samples and counterfactuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .copying import Copying
from .membership import Advantage

__all__ = [
    "COPIES_FOUND",
    "COUNTERFACTUALS",
    "NOT_FOUND",
    "NOT_MEASURED",
    "OVERFITTED",
    "WEIGHTS",
    "SurfaceVerdict",
    "judge_images",
    "judge_weights",
    "not_measured",
]

Finding: TypeAlias = Literal["copies found", "over-fitted", "not found", "not measured"]
COPIES_FOUND: Finding = "copies found"
OVERFITTED: Finding = "over-fitted"
NOT_FOUND: Finding = "not found"
NOT_MEASURED: Finding = "not measured"
WEIGHTS, COUNTERFACTUALS = "weights", "counterfactuals"
MOST_NAMED, MOST_ROWS = 5, 3
"""Maximum number of units, and of rows of a unit, that a sentence names."""


@dataclass(frozen=True)
class SurfaceVerdict:
    """Whether training units are revealed in one way.

    Args:
        surface: "weights", "samples" or "counterfactuals".
        finding: "copies found" for individual units; "over-fitted" if training units as a whole are recognised, or
            approached by images, more often than by chance; "not found"; or "not measured".
        text: The underlying numbers and the remedy, in sentences; no row is named.
        units: For each training unit that is revealed, the labels of its rows.
    """

    surface: str
    finding: Finding
    text: str
    units: tuple[tuple[Any, ...], ...] = ()

    @property
    def named(self) -> str:
        """Return the text with the rows of the units that are revealed."""
        if not self.units:
            return self.text
        rows = "; ".join(map(_rows, self.units[:MOST_NAMED]))
        more = f"; and {len(self.units) - MOST_NAMED:,} more units" if len(self.units) > MOST_NAMED else ""
        return f"{self.text} Training rows: {rows}{more}."

    def __str__(self) -> str:
        return f"{self.surface.capitalize()}: {self.finding}. {self.named}"


def not_measured(surface: str, reason: str) -> SurfaceVerdict:
    """The verdict where a test is impossible."""
    return SurfaceVerdict(surface, NOT_MEASURED, reason)


def judge_images(surface: str, count: int, found: Copying, units: tuple[tuple[Any, ...], ...]) -> SurfaceVerdict:
    """The verdict on generated images.

    Args:
        surface: "samples" or "counterfactuals".
        count: Number of images.
        found: How much they reveal.
        units: Labels of the rows of the units that are given away.
    """
    value, low, high = (100 * number for number in found.rate)
    interval = f" ({low:.1f} to {high:.1f} %)" if low < high else ""  # NaN where all images are near one unit
    rate = (
        f"Copy rate {value:.1f} %{interval} of {count:,} images; a model that copies none has about "
        f"{100 * found.chance:.1f} %."
    )
    if units:
        text = f"The images are nearer to {_counted(units)} than chance explains. {rate} {REMEDY}"
        return SurfaceVerdict(surface, COPIES_FOUND, text, units)
    if found.established:
        text = (
            f"More images are near to a training unit than chance explains, but no single unit stands out. {rate} "
            f"{REMEDY}"
        )
        return SurfaceVerdict(surface, OVERFITTED, text)
    return SurfaceVerdict(surface, NOT_FOUND, f"{rate} Rarer, shifted, mirrored or recoloured copies would be missed.")


def judge_weights(
    advantages: Mapping[str, Advantage],
    missing: Mapping[str, str],
    split: Advantage,
    units: tuple[tuple[Any, ...], ...],
    *,
    stored: int,
    all_memorised: bool = False,
) -> SurfaceVerdict:
    """The verdict on the weights.

    Args:
        advantages: Membership advantage by score.
        missing: Scores that could not be computed, with the reason.
        split: The advantage without the model.
        units: Labels of the rows of the units that are given away.
        stored: Training rows whose attributes the weights store unchanged.
        all_memorised: Whether these are most training units, rather than outliers among them.
    """
    kept = (
        f"The weights also hold the attributes of up to {stored:,} training rows for the check of support."
        if stored
        else ""
    )
    if not advantages:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        return not_measured(WEIGHTS, f"No membership score is available ({reasons}). {kept}".strip())
    if split.established and (all_memorised or not units):
        text = (
            f"Training and held-out images differ without the model too (advantage {_shown(split)} from their distances "
            f"alone), so that an advantage does not prove memorisation. Split at random, by group. {kept}"
        )
        return not_measured(WEIGHTS, text.strip())
    shown = " and ".join(f"{_shown(advantage)} by {name}" for name, advantage in advantages.items())
    chance = max(advantage.chance for advantage in advantages.values())
    left_out = "".join(f" There is none by {name}: {reason}." for name, reason in missing.items())
    text = f"Membership advantage {shown}; up to {chance:.2f} may be chance.{left_out}"
    if units:
        text = f"The model reconstructs {_counted(units)} better than chance explains. {text} {REMEDY}"
        return SurfaceVerdict(WEIGHTS, COPIES_FOUND, f"{text} {kept}".strip(), units)
    if any(advantage.established for advantage in advantages.values()):
        text += " Anyone who has the weights can guess better than by chance which units were in training. " + REMEDY
        return SurfaceVerdict(WEIGHTS, OVERFITTED, f"{text} {kept}".strip())
    return SurfaceVerdict(WEIGHTS, NOT_FOUND, f"{text} Stronger attacks may find more. {kept}".strip())


REMEDY = "Drop repeated images, train for fewer epochs or on more units, and share only what you may share."


def _rows(unit: Sequence[Any]) -> str:
    more = f" and {len(unit) - MOST_ROWS:,} more" if len(unit) > MOST_ROWS else ""
    return ", ".join(map(str, unit[:MOST_ROWS])) + more


def _shown(advantage: Advantage) -> str:
    value, low, high = advantage.interval
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _counted(units: Sequence[Any]) -> str:
    return f"{len(units):,} training unit{'s' if len(units) > 1 else ''}"
