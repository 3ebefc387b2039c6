"""How far the findings of an audit hold in other models that fit all data equally well (see `causalgen.scm.Ambiguity`).

Two claims for each intervention and effect: the mean change keeps its verdict, and a unit whose decision flips still flips.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, SupportWarning
from ..metrics import bits_of
from ..scm import Claim, Posterior
from ..scm.ambiguity import FEWEST_DRAWS, OPERATIONS_A_MINUTE, counted_counterfactual, time_text
from ..scm.ambiguity_result import FEWEST_UNITS, describe_tipping
from ..scm.couplings import COUPLINGS
from .responses import Response, pixels
from .rows import BEYOND, CANNOT_TELL, WITHIN, AuditRow
from .scorer import Scorer

__all__ = ["UNITS", "Surviving", "places", "surviving"]

UNITS = 200
"""Number of units on which this is measured."""
MOST_OPERATIONS = 2 * OPERATIONS_A_MINUTE
"""Maximum number of floating-point operations for one effect, about two minutes on one core."""


@dataclass(frozen=True)
class Surviving:
    """How far the findings about one intervention and effect hold if the noises of both worlds are only correlated.

    Args:
        intervention, effect: As in the rows of the report.
        units: Units on which it was measured.
        change_low, change_high: Lowest and highest mean change over the couplings.
        change_rho: Correlation down to which the mean change keeps its verdict, 0 for every coupling; NaN without a verdict.
        flips_low, flips_high: Lowest and highest share of flipped decisions; NaN without a decision.
        flips_rho: Correlation down to which 90 % of the units that flip still do; NaN if none does.
        note: Why it was not measured, or "".
    """

    intervention: str
    effect: str
    units: int
    change_low: float = np.nan
    change_high: float = np.nan
    change_rho: float = np.nan
    flips_low: float = np.nan
    flips_high: float = np.nan
    flips_rho: float = np.nan
    note: str = ""

    def sentence(self) -> str:
        """The findings as text; empty where nothing was found."""
        place = (
            f"{self.intervention}, {self.effect}, in other models that fit all data equally well ({self.units} units)"
        )
        if self.note:
            return f"{place}: {self.note}"
        parts = []
        if np.isfinite(self.change_rho):
            held = describe_tipping(self.change_rho, min(COUPLINGS))
            parts.append(
                f"the mean change, {self.change_low:+.3g} to {self.change_high:+.3g}, keeps its verdict {held}"
            )
        if np.isfinite(self.flips_rho):
            held = describe_tipping(self.flips_rho, min(COUPLINGS))
            parts.append(f"90% of the units whose decision flips still flip {held}")
        return f"{place}: {'; '.join(parts)}." if parts else ""


def places(count: int, most: int = UNITS) -> NDArray[np.int64]:
    """Return positions of at most `most` of `count` units, evenly spread, since the row order may carry information.

    >>> places(10, 4)
    array([0, 3, 6, 9])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def surviving(
    scorer: Scorer, posterior: Posterior, responses: Sequence[Response], headline: Sequence[AuditRow], margin: float
) -> tuple[Surviving, ...]:
    """How far the headline of an audit holds.

    Args:
        scorer: The classifier.
        posterior: Some of the audited units (see `places`).
        responses: The units under each intervention.
        headline: The rows of all units.
        margin: Margin of practical size.
    """
    verdicts = {(row.intervention, row.effect): row for row in headline}
    return tuple(
        _of_effect(scorer, posterior, response, do, verdicts[response.label, effect], margin)
        for response in responses
        for effect, do in response.worlds.items()
    )


def _of_effect(
    scorer: Scorer, posterior: Posterior, response: Response, do: Mapping[str, Any], row: AuditRow, margin: float
) -> Surviving:
    units, support = posterior.units, posterior.scm.graph[response.image].support
    found = Surviving(response.label, row.effect, units)
    if units < FEWEST_UNITS:
        return replace(found, note=f"unknown; this needs at least {FEWEST_UNITS} units.")
    do = {name: _of_places(what, units) for name, what in do.items()}
    with warnings.catch_warnings(action="ignore", category=SupportWarning):
        redrawn, operations = counted_counterfactual(posterior, {name: posterior.factual[name] for name in response.do})
    expected = operations * FEWEST_DRAWS * (len(COUPLINGS) - 1)
    if expected > MOST_OPERATIONS:
        return replace(found, note=f"not measured, since it would take {time_text(expected)}.")
    bits = bits_of(posterior.factual[response.image])
    own = redrawn[response.image]
    null = scorer(pixels(own if posterior.particles is None else own.flatten(0, 1), support, bits))

    def scores(images: Tensor) -> Any:
        return scorer(pixels(images, support, bits)).values

    def flips(images: Tensor) -> Any:
        return (scorer(pixels(images, support, bits)).decisions != null.decisions).astype(np.float64)

    claims = {"change": Claim(scores, node=response.image, **_limits(row, null.values, margin))}
    claims |= {"flips": Claim(flips, node=response.image)} if scorer.decides else {}
    try:
        ambiguity = posterior.ambiguity(do, claims, draws=FEWEST_DRAWS)
    except DataError as error:
        return replace(found, note=f"unknown. {error}")
    means = ambiguity["change"].averages()[:, 0] - null.values.mean()
    rho = np.nan if row.verdict == CANNOT_TELL else ambiguity.tipping_rho("change", average=True)
    shares = ambiguity["flips"].averages()[:, 0] if scorer.decides else np.full(1, np.nan)
    tipping = ambiguity.tipping_rho("flips") if scorer.decides else np.nan
    return replace(
        found,
        change_low=float(means.min()),
        change_high=float(means.max()),
        change_rho=rho,
        flips_low=float(shares.min()),
        flips_high=float(shares.max()),
        flips_rho=tipping,
    )


def _limits(row: AuditRow, null: Any, margin: float) -> dict[str, Any]:
    """Return limits of the score within which the change keeps its verdict."""
    if row.verdict == WITHIN:
        return {"low": null - margin, "high": null + margin}
    shift = margin if row.verdict == BEYOND else 0.0
    return {"low": null + shift} if row.change.value > 0 else {"high": null - shift}


def _of_places(what: Any, units: int) -> Any:
    """The values of the chosen units, of an intervention with one value per unit."""
    each = isinstance(what, Tensor | np.ndarray) and np.ndim(what) and len(what) > 1
    return what[places(len(what), units)] if each else what
