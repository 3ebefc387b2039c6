"""Turns scores of the same units in two worlds into rows: change, gap, flips, intervals and a verdict.

The change of a unit is score(counterfactual) - score(null counterfactual), averaged over its particles. Each unit has separate
particles, so the bootstrap over groups of units covers both sources of uncertainty.

The first verdict compares the Bonferroni-adjusted interval of the mean change with the margin (`causalgen.audit.verdict` then
weighs it against all other evidence): each of m rows has an interval of
level 1 - (1 - level) / m, so that all of them hold at once with probability `level`. Far in the tails, percentile
intervals of few groups are too narrow, so their percentiles are moved outwards by the ratio of t to normal quantiles;
percentiles too far out for the number of samples are extrapolated from the last resolved ones by normal quantiles.

Source: Hesterberg, What teachers should know about the bootstrap, The American Statistician, 2015 (expanded percentiles).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from ..metrics import Interval, bootstrap
from ..metrics.units import ALL, SUPPORTED
from .responses import Response
from .scorer import Scores

__all__ = [
    "ALL",
    "BEYOND",
    "CANNOT_TELL",
    "FEWEST_GROUPS",
    "SUPPORTED",
    "WITHIN",
    "AuditRow",
    "Standard",
    "UnitScores",
    "Verdict",
    "verdict",
]

Verdict = Literal["beyond the margin", "within the margin", "cannot tell"]
BEYOND: Verdict = "beyond the margin"
WITHIN: Verdict = "within the margin"
CANNOT_TELL: Verdict = "cannot tell"
FEWEST_GROUPS = 20
"""Bootstrap percentiles over fewer groups do not support a verdict."""
TAIL_DRAWS = 20
"""Mean number of bootstrap samples that lie beyond a bound of the adjusted interval."""
MOST_DRAWS = 20_000


@dataclass(frozen=True)
class AuditRow:
    """How the score of the same units changes under one intervention.

    Args:
        intervention: The intervention as text, such as "do(thickness = 3 px)".
        effect: "total" or "direct".
        subgroup: "everyone", or units by factual attribute, such as "pen = felt-tip".
        stratum: "all units", or "within support" of training.
        units, groups: Numbers of units and of groups.
        change: Mean of score(counterfactual) - score(null), with the interval of this row alone.
        adjusted_low, adjusted_high: Interval of the change, adjusted for the number of rows.
        verdict: "beyond the margin", "within the margin" or "cannot tell".
        null_change: Mean of score(null) - score(factual): the change from reconstruction alone.
        null_gap: Mean of its absolute value.
        gap: Counterfactual-fairness gap: mean absolute change.
        flips: Share of units whose decision differs between null and counterfactual; None without a decision.
        null_flips: Share of units whose decision flips through reconstruction alone.
        particle_spread: Standard deviation of a unit's change over its particles; None without particles.
        reasons: Why there is no verdict, or the concerns about it (see `causalgen.audit.verdict`).
    """

    intervention: str
    effect: str
    subgroup: str
    stratum: str
    units: int
    groups: int
    change: Interval
    adjusted_low: float
    adjusted_high: float
    verdict: Verdict
    null_change: Interval
    null_gap: float
    gap: Interval
    flips: Interval | None
    null_flips: float | None
    particle_spread: float | None
    reasons: tuple[str, ...] = ()


class Standard(NamedTuple):
    """The standard by which a change is judged.

    Args:
        margin: Margin of practical size.
        level: Level of the intervals.
        tests: Number of rows of the whole report, for which the intervals are adjusted.
        seed: Seed of the bootstrap.
        largest: Greatest possible change: 1 for a probability.
    """

    margin: float
    level: float
    tests: int
    seed: int
    largest: float = np.inf


@dataclass(frozen=True)
class UnitScores:
    """Scores of every unit under one intervention and effect.

    Args:
        response: The units under the intervention.
        effect: "total" or "direct".
        factual: Scores of the factual images `(N,)`.
        null, counterfactual: Scores `(k, N)`.
        decides: Whether there are decisions as well as scores.
    """

    response: Response
    effect: str
    factual: Scores
    null: Scores
    counterfactual: Scores
    decides: bool

    @property
    def changes(self) -> NDArray[np.float64]:
        """Change of each unit and particle, net of reconstruction, `(k, N)`."""
        return self.counterfactual.values - self.null.values

    def rows(self, members: Mapping[str, NDArray[np.bool_]], groups: NDArray, standard: Standard) -> list[AuditRow]:
        """One row for each subgroup and stratum.

        Args:
            members: Which units belong to each subgroup, bool `(N,)`.
            groups: Group of each unit, `(N,)`.
            standard: What the changes are judged by.
        """
        strata = {ALL: np.ones(len(groups), dtype=bool), SUPPORTED: self.response.effects[self.effect].supported}
        return [
            self._row((subgroup, stratum), inside & part, groups, standard)
            for subgroup, inside in members.items()
            for stratum, part in strata.items()
        ]

    def _row(self, place: tuple[str, str], inside: NDArray[np.bool_], groups: NDArray, standard: Standard) -> AuditRow:
        chosen, count = groups[inside], len(np.unique(groups[inside]))
        mean = partial(bootstrap, groups=chosen, level=standard.level, seed=standard.seed)
        changes, rebuilt = self.changes[:, inside], (self.null.values.mean(0) - self.factual.values)[inside]
        reach = _expanded((1 - standard.level) / standard.tests, count)
        adjusted = _adjusted(changes.mean(0), chosen, reach, standard.seed)
        flips, null_flips = self._flipped(inside)
        return AuditRow(
            self.response.label,
            self.effect,
            *place,
            units=int(inside.sum()),
            groups=count,
            change=mean(changes.mean(0)),
            adjusted_low=max(adjusted.low, -standard.largest),
            adjusted_high=min(adjusted.high, standard.largest),
            verdict=verdict(adjusted, standard.margin, count),
            null_change=mean(rebuilt),
            null_gap=_mean(np.abs(rebuilt)),
            gap=mean(np.abs(changes).mean(0)),
            flips=mean(flips) if self.decides else None,
            null_flips=_mean(null_flips) if self.decides else None,
            particle_spread=float(np.sqrt(changes.var(0, ddof=1).mean())) if len(changes) > 1 and count else None,
        )

    def _flipped(self, inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of a unit's particles whose decision flips under the intervention, and through reconstruction alone."""
        null = self.null.decisions
        flips, null_flips = self.counterfactual.decisions != null, null != self.factual.decisions
        return flips.mean(0)[inside], null_flips.mean(0)[inside]


def _mean(numbers: NDArray[np.float64]) -> float:
    return float(numbers.mean()) if len(numbers) else float("nan")


def _adjusted(change: NDArray[np.float64], groups: NDArray, reach: float, seed: int) -> Interval:
    """Return the interval of the mean change that corresponds to `reach` normal standard deviations on either side."""
    # Over few groups `reach` is so large that its tail probability is 0 in floating point.
    tail = max(float(2 * norm.sf(reach)), 2 * TAIL_DRAWS / MOST_DRAWS)
    draws = max(1000, int(2 * TAIL_DRAWS / tail))
    resolved = max(tail, 2 * TAIL_DRAWS / draws)
    value, low, high = bootstrap(change, groups, level=1 - resolved, draws=draws, seed=seed)
    stretch = reach / float(norm.isf(resolved / 2))
    return Interval(value, value + stretch * (low - value), value + stretch * (high - value))


def _expanded(tails: float, groups: int) -> float:
    """Return the normal quantile at which to take bootstrap percentiles so that both tails sum to `tails`."""
    if groups < 2:
        return float(norm.isf(tails / 2))
    return float(np.sqrt(groups / (groups - 1)) * t.isf(tails / 2, groups - 1))


def verdict(adjusted: Interval, margin: float, groups: int) -> Verdict:
    """Verdict of an adjusted interval alone on a change against [-margin, margin].

    >>> verdict(Interval(0.09, 0.06, 0.12), margin=0.05, groups=100)
    'beyond the margin'
    >>> verdict(Interval(0.09, 0.04, 0.12), margin=0.05, groups=100)
    'cannot tell'
    """
    if groups < FEWEST_GROUPS:
        return CANNOT_TELL
    if adjusted.low > margin or adjusted.high < -margin:
        return BEYOND
    return WITHIN if -margin <= adjusted.low and adjusted.high <= margin else CANNOT_TELL
