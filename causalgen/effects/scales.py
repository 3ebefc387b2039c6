"""An effect on common scales: the two means, difference, risk ratio, odds ratio, number needed to treat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..graph.notation import spell_estimate, spell_number, spell_value

if TYPE_CHECKING:
    from .estimators.adjustment import Influence, Stated
    from .table import EncodedTable

__all__ = ["NUMBER", "MeansInterval", "Scale", "constant_arm", "number_needed_to_treat", "scales_of"]

Array = NDArray[np.float64]
NUMBER = "number needed to treat"
NO_CASE = 1e-6
"""Minimum distance of a risk from 0 and from 1: a model of an arm without cases predicts risks nearer to 0."""
RULE_OF_THREE = 0.05
"""The upper limit of a risk without cases is the risk that would show none in as many rows with this probability."""


@dataclass(frozen=True)
class Scale:
    """The effect, or one of the two means that it compares, on one scale.

    Attributes:
        name: "risk under do(drug=1)" or "mean under do(drug=1)", "risk difference" or "difference", "risk ratio",
            "odds ratio", "number needed to treat".
        value: The number; None if it does not exist. A negative number needed to treat counts units for one case
            fewer.
        low: Lower end; None if there is none. The interval of a number needed to treat whose `low` exceeds its
            `high` goes from `low` through infinity to `high`.
        high: Upper end of the interval; None if there is none, or if it is infinite.
        note: What the number means, or why it does not exist.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.note:
            return f"{self.name}: {self.note}"
        if self.value is None:
            return self.name
        return f"{self.name}: {spell_estimate(self.value, self.low, self.high)}"


class MeansInterval(NamedTuple):
    """How intervals of functions of the two means are computed.

    Attributes:
        found: The estimate, with its two means and the influence of every row on them.
        level: Level of the intervals.
        draws: The two means of every bootstrap resample, `(resamples, 2)`; None for intervals from influences.
    """

    found: "Influence | Stated"
    level: float
    draws: Array | None = None

    def of(self, scale: Callable[[Array, Array], Array], slopes: tuple[float, float]) -> tuple[float, float]:
        """Interval of a function of the two means; NaN if there is none.

        Args:
            scale: The function of the control's mean and the treated's mean.
            slopes: Its derivatives by both at the estimate (delta method).
        """
        if self.draws is not None:
            with np.errstate(all="ignore"):
                values = scale(*self.draws.T)
            if np.isnan(values).any():
                return np.nan, np.nan
            low, high = np.quantile(values, [(1 - self.level) / 2, (1 + self.level) / 2], method="nearest")
            return float(low), float(high)
        pulls = getattr(self.found, "pulls", None)
        if pulls is None:
            return np.nan, np.nan
        assert self.found.means is not None
        value = float(scale(*self.found.means))
        changed = self.found._replace(effect=value, influence=slopes[0] * pulls[0] + slopes[1] * pulls[1])  # type: ignore[call-arg]
        return changed.interval(self.level)


def scales_of(
    table: "EncodedTable", interval: MeansInterval, difference: tuple[float, float | None, float | None]
) -> tuple[Scale, ...]:
    """The two means of an estimate and its difference; for a binary outcome also ratios and number needed to treat.

    Ratios have intervals on the log scale, and risks inside (0, 1) on the logit scale. They and the difference come
    from the same influences (delta method) or the same resamples.

    Args:
        table: The table; its outcome is a risk where its variable is binary.
        interval: The estimate, and how intervals are made.
        difference: The effect with its interval.

    Returns:
        Empty if the method estimates a difference only.

    References:
        Altman (1998), Confidence intervals for the number needed to treat.
    """
    if interval.found.means is None:
        return ()
    means = interval.found.means
    binary = next((one.kind == "binary" for one in table.variables if one.name == table.names[1]), False)
    kind, inside = "risk" if binary else "mean", binary and not _edge(means).any()
    sides = [_imposed(table, side) for side in (0, 1)]
    rows = [
        _mean(f"{kind} under do({side})", place, interval, risk=binary, bounded=inside)
        for place, side in enumerate(sides)
    ]
    rows.append(Scale("risk difference" if binary else "difference", *difference))
    if not binary:
        return tuple(rows)
    label = f"{table.names[1]}={table.outcome_unit.removeprefix('probability of ')}"
    return (
        *rows,
        *(_ratios(interval) if inside else [_no_ratio(means, sides)]),
        number_needed_to_treat(*difference, label),
    )


def _mean(name: str, place: int, interval: MeansInterval, *, risk: bool, bounded: bool) -> Scale:
    """The mean of the outcome under one of the values."""
    assert interval.found.means is not None
    value, slopes = float(interval.found.means[place]), np.eye(2)[place]
    if not bounded or interval.draws is not None:
        low, high = interval.of(lambda *means: means[place], (slopes[0], slopes[1]))
        return _scale(name, *(_at_edge(np.array([value, low, high])) if risk else (value, low, high)))
    slopes = slopes / (value * (1 - value))
    low, high = expit(interval.of(lambda *means: logit(means[place]), (slopes[0], slopes[1])))
    return _scale(name, value, low, high)


def _ratios(interval: MeansInterval) -> list[Scale]:
    """Risk ratio and odds ratio of risks inside (0, 1)."""
    assert interval.found.means is not None
    control, treated = interval.found.means

    def ratio(name: str, log: Callable[[Array], Array], slopes: tuple[float, float]) -> Scale:
        low, high = interval.of(lambda first, second: log(second) - log(first), slopes)
        return _scale(name, *np.exp(np.array([log(treated) - log(control), low, high], dtype=float)))

    odds = (-1 / (control * (1 - control)), 1 / (treated * (1 - treated)))
    return [ratio("risk ratio", np.log, (-1 / control, 1 / treated)), ratio("odds ratio", logit, odds)]


def _edge(means: Array) -> NDArray[np.bool_]:
    """Return which means are not risks strictly between 0 and 1."""
    return (means < NO_CASE) | (means > 1 - NO_CASE)


def _at_edge(risks: Array) -> Array:
    """The risks, exactly 0 for an arm without cases and exactly 1 for an arm with cases only."""
    whole = np.round(risks)
    return np.where(np.isin(whole, (0, 1)) & (abs(risks - whole) < NO_CASE), abs(whole), risks)


def _no_ratio(means: Array, sides: list[str]) -> Scale:
    """Why there is no ratio."""
    place = int(np.flatnonzero(_edge(means))[0])
    risk = _at_edge(means)[place]
    found = f"the estimated risk under do({sides[place]}) is {spell_number(risk, 3)}"
    note = f"none, since {found}, and a ratio needs risks between 0 and 1."
    if risk not in (0, 1):
        note += " 'generalized linear adjustment' keeps them there."
    return Scale("risk ratio and odds ratio", None, note=note)


def number_needed_to_treat(effect: float, low: float | None, high: float | None, label: str = "case") -> Scale:
    """How many units must be treated for one more case, or for one fewer: 1 / risk difference, with its interval.

    An interval of the difference that includes 0 includes infinitely many units: the interval goes from one end through
    infinity to the other.

    Args:
        effect: The risk difference.
        low: Lower end of its interval; None if there is none.
        high: Upper end.
        label: What a case is.

    >>> print(number_needed_to_treat(0.05, -0.02, 0.1))
    number needed to treat: 20 for one more case [10 for one more, through infinity, to 50 for one fewer]
    >>> print(number_needed_to_treat(-0.05, -0.1, -0.02))
    number needed to treat: 20 for one fewer case [10 to 50]
    """
    value, first, last = (None if not end else 1 / end for end in (effect, high, low))
    if value is None:
        shown = f"no number of units changes the expected count of '{label}', since the difference is 0"
    else:
        shown = f"{spell_number(abs(value), 3)} {_more(value)} {label}"
    if low is None or high is None:
        pass
    elif low < 0 < high:
        assert first is not None
        assert last is not None
        shown += (
            f" [{spell_number(first, 3)} for one more, through infinity, to {spell_number(-last, 3)} for one fewer]"
        )
    elif first is None or last is None:
        shown += f" [{spell_number(abs(first or last or np.inf), 3)} to infinity]"
    else:
        shown += f" [{spell_number(min(abs(first), abs(last)), 3)} to {spell_number(max(abs(first), abs(last)), 3)}]"
    return Scale(NUMBER, value, first, last, shown)


def _more(value: float) -> str:
    return "for one more" if value > 0 else "for one fewer"


def _scale(name: str, value: float, low: float, high: float) -> Scale:
    first, last = (float(end) if np.isfinite(end) else None for end in (low, high))
    return Scale(name, float(value), first, last)


def _imposed(table: "EncodedTable", side: int) -> str:
    """One side of the contrast, as inside do()."""
    values = table.sides[side] if table.sides else (table.contrast[side],)
    names = [one.name for one in table.variables[: len(values)]] if table.sides else [table.names[0]]
    return ", ".join(f"{name}={spell_value(value)}" for name, value in zip(names, values, strict=True))


def constant_arm(table: "EncodedTable") -> tuple[str, ...]:
    """Warn if all rows with a compared value have the same outcome: intervals ignore the uncertainty of that risk."""
    treatment, outcome = (table.data[name].to_numpy() for name in table.names)
    labels = next((one.labels for one in table.variables if one.name == table.names[1]), None)
    found = []
    for value, side in ((table.control, 0), (table.treated, 1)):
        own = outcome[treatment == value]
        if table.kind == "continuous" or not len(own) or np.ptp(own) > 0:
            continue
        most = 1 - RULE_OF_THREE ** (1 / len(own))
        shown = spell_value(labels[int(own[0])] if labels else float(own[0]))
        risk = f", although a risk of {most:.1%} of the other outcome could show none in so few rows"
        found.append(
            f"The outcome never varies where {_imposed(table, side)}: all {len(own):,} rows have {table.names[1]} = "
            f"{shown}. The intervals treat that value as certain{risk if table.bounds == (0, 1) else ''}."
        )
    return tuple(found)
