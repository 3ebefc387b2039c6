"""Follow-up of a censored outcome: Kaplan-Meier curves, numbers at risk, events and censored rows."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.duration.survfunc import SurvfuncRight

from ..estimators.weighting import balancing_weights
from ..overlap import weighting_propensities
from ..settings import EstimationSettings
from ..table import EncodedTable
from ..through_dowhy import through_dowhy
from .censored import CensoredOutcome

if TYPE_CHECKING:
    from ..question import EffectQuestion
    from ..report import EffectReport, Estimate

__all__ = ["FollowedArm", "SurvivalCurve", "SurvivalSummary", "with_follow_up"]

TICKS = 5
MOST_POINTS = 300
ALL = "all rows"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SurvivalCurve:
    """A Kaplan-Meier curve: the probability of being free of the event, from each time onwards.

    Attributes:
        times: Times, the first 0 and the last the horizon.
        free: Probability from that time onwards; 300 points of a long curve are kept.
        mean: Restricted mean: the area under the whole curve.
    """

    times: tuple[float, ...]
    free: tuple[float, ...]
    mean: float


@dataclass(frozen=True)
class FollowedArm:
    """The rows with one compared value, or all rows of a continuous treatment.

    Attributes:
        value: The value, as text.
        rows: Number of rows.
        events: Events up to the horizon.
        censored: Rows censored before the horizon.
        at_risk: Rows at risk at each of the summary's times.
        curve: Kaplan-Meier curve of the unweighted rows.
        weighted: The curve after weighting to the population of the effect; None if there is nothing to weight by.
    """

    value: str
    rows: int
    events: int
    censored: int
    at_risk: tuple[int, ...]
    curve: SurvivalCurve
    weighted: SurvivalCurve | None


@dataclass(frozen=True)
class SurvivalSummary:
    """The follow-up of a censored outcome, and the effect on survival at the horizon.

    Attributes:
        event: The event as requested: a column, or "column=label".
        column: Its column.
        horizon: Time up to which the outcome is followed.
        unit: Unit of time; empty where it is not known.
        given: The columns on which censoring may depend.
        times: Times at which the rows at risk are counted.
        arms: The compared rows.
        probability: The difference in the probability of being free of the event at the horizon, by the recommended
            method; None if nothing is estimated.
    """

    event: str
    column: str
    horizon: float
    unit: str
    given: tuple[str, ...]
    times: tuple[float, ...]
    arms: tuple[FollowedArm, ...]
    probability: "Estimate | None" = None

    @property
    def until(self) -> str:
        """The horizon with its unit."""
        return f"{self.horizon:g} {self.unit}".rstrip()

    @property
    def lines(self) -> tuple[str, ...]:
        """The follow-up as text, line by line."""
        counted = "; ".join(
            f"{arm.value}: {arm.rows:,} rows, {arm.events:,} events, {arm.censored:,} censored" for arm in self.arms
        )
        row = self.probability
        found = () if row is None else (f"survival at {self.until}, difference in probability by {row}",)
        return (*found, f"up to {self.until}: {counted}", self.assumption)

    def to_dict(self) -> dict[str, Any]:
        """Everything, with the assumption as text."""
        return asdict(self) | {"assumption": self.assumption}

    @property
    def assumption(self) -> str:
        """What is assumed about censoring, as text."""
        censored = sum(arm.censored for arm in self.arms)
        if not censored:
            return f"No row is censored before {self.until}."
        return (
            f"Among rows with the same {', '.join(self.given)}, censoring is independent of the time of the event. "
            "The data cannot show whether this holds: ask why rows left."
        )


def with_follow_up(
    report: "EffectReport", question: "EffectQuestion", table: EncodedTable, settings: EstimationSettings
) -> "EffectReport":
    """Add the follow-up of the censored outcome, and the effect on survival at the horizon, to the report.

    Args:
        report: The effect on the restricted mean.
        question: Its question.
        table: The encoded table.
        settings: How it was estimated.
    """
    outcome = question.survival
    assert outcome is not None
    extra = [name for name in (question.weights, question.cluster) if name is not None]
    present = question.table[extra].notna().all(axis=1).to_numpy() & ~np.isnan(outcome.free)
    summary = _summary(outcome, table, present, settings.population)
    chosen = report.estimate
    if report.estimand.method != "no effect":
        population = "overlap" if chosen.method != chosen.source else settings.population
        once = replace(settings, methods=[chosen.method], population=population, simulations=0)
        again = replace(table, data=table.data.assign(**{table.names[1]: outcome.free[present]}))
        summary = replace(summary, probability=through_dowhy(question.graph, again, report.estimand, once)[0][1])
    return replace(report, survival=summary)


def _summary(
    outcome: CensoredOutcome, table: EncodedTable, present: NDArray[np.bool_], population: str
) -> SurvivalSummary:
    """Describe the follow-up of the compared rows; `present` are the rows of the user's table that `table` holds."""
    time, happened = outcome.time[present], outcome.happened[present]
    ticks = np.linspace(0, outcome.horizon, TICKS)
    treatment = table.data[table.names[0]].to_numpy()
    members, weights = {ALL: np.ones(len(time), dtype=bool)}, None
    if table.kind != "continuous":
        values = zip(table.contrast, (table.control, table.treated), strict=True)
        members = {str(shown): treatment == code for shown, code in values}
        if len(table.covariates.columns) or table.weighted:
            weights = balancing_weights(weighting_propensities(table), population) * table.weights
    arms = []
    for place, (value, rows) in enumerate(members.items()):
        own = time[rows], happened[rows]
        arms.append(
            FollowedArm(
                value=value,
                rows=int(rows.sum()),
                events=int((own[1] & (own[0] <= outcome.horizon)).sum()),
                censored=int((~own[1] & (own[0] < outcome.horizon)).sum()),
                at_risk=tuple(int((own[0] >= tick).sum()) for tick in ticks),
                curve=_curve(*own, outcome.horizon, None),
                weighted=None if weights is None else _curve(*own, outcome.horizon, weights[place][rows]),
            )
        )
    words = {name: getattr(outcome, name) for name in ("event", "column", "horizon", "unit", "given")}
    return SurvivalSummary(**words, times=tuple(ticks.tolist()), arms=tuple(arms))


def _curve(time: Array, happened: NDArray[np.bool_], horizon: float, weights: Array | None) -> SurvivalCurve:
    found = SurvfuncRight(time, happened.astype(float), freq_weights=weights)
    inside = found.surv_times < horizon
    last = found.surv_prob[found.surv_times <= horizon][-1:]
    times = np.concatenate([[0.0], found.surv_times[inside], [horizon]])
    free = np.concatenate([[1.0], found.surv_prob[inside], last if len(last) else [1.0]])
    kept = (
        np.unique(np.linspace(0, len(times) - 1, MOST_POINTS).astype(int)) if len(times) > MOST_POINTS else slice(None)
    )
    return SurvivalCurve(tuple(times[kept].tolist()), tuple(free[kept].tolist()), float(free[:-1] @ np.diff(times)))
