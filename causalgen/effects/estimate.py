"""From graph, table and question to an effect report: validate, identify, estimate, refute."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..errors import DataError, NotIdentifiableError, nearest
from ..graph import CausalGraph, Estimand, check_adjustment_set, check_instrument, identify, instruments
from .quiet import quiet_dowhy
from .report import EffectReport, Estimate, Refutation
from .table import EncodedTable, check_names, encode_table

if TYPE_CHECKING:
    from dowhy.causal_estimator import CausalEstimate, CausalEstimator
    from dowhy.causal_identifier import IdentifiedEstimand

    from .estimators.methods import Method
    from .overlap import Overlap

__all__ = ["POPULATIONS", "Question", "estimate_effect", "find_estimand"]

LEAST_SIMULATIONS = 10
LEAST_RESAMPLES = 100
STRONG_INSTRUMENT = 10
POPULATIONS = ("whole", "overlap", "treated", "control")
INTERVALS = ("analytic", "bootstrap")
NAIVE = "naive"
NAIVE_NOTES = {
    "binary": "Difference of the two groups' means, adjusted for nothing: an association. Robust interval (HC1).",
    "categorical": "Difference of the two groups' means, adjusted for nothing: an association. Robust interval (HC1).",
    "continuous": "Slope of the outcome on the treatment alone, times the contrast: an association. Robust interval "
    "(HC1).",
}


@dataclass(frozen=True)
class Question:
    """What is estimated, how, and with which uncertainty; the arguments of `estimate_effect` after the contrast."""

    methods: Sequence[str] | None
    population: str
    interval: str
    resamples: int
    simulations: int
    level: float
    seed: int


def estimate_effect(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any] | None = None,
    methods: Sequence[str] | None = None,
    population: Literal["whole", "overlap", "treated", "control"] = "whole",
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    interval: Literal["analytic", "bootstrap"] = "analytic",
    resamples: int = 400,
    refute: bool = True,
    simulations: int = 30,
    level: float = 0.95,
    seed: int = 0,
) -> EffectReport:
    """Estimate the average effect of do(treatment=b) against do(treatment=a) in a population, and put it in doubt.

    Image nodes are projected out of the graph, the effect is identified (by causalgen, and adjustment by DoWhy as
    well), estimated naively and by DoWhy estimators, and every estimate runs through DoWhy's refuters. Where overlap is
    poor in the whole population, the effect in the overlap population stands beside it, and a warning says where.

    Args:
        graph: The assumed causal graph. Attributes without a kind are read off their columns.
        table: One row per unit; a column of labels or natural units for every attribute of the graph.
        treatment: A binary, categorical, ordinal or continuous variable.
        outcome: A binary or continuous variable.
        contrast: (a, b), labels or natural units.
        methods: Keys of `causalgen.effects.estimators.methods.METHODS`; None for those that run by default.
        population: Whom the effect is averaged over: "whole" (all rows, ATE), "overlap" (rows weighted by how much
            they could have had either value, ATO), "treated" or "control" (rows with value b or a, ATT and ATC).
        adjustment: Adjustment set of your own; checked against the graph.
        instrument: An instrument of the graph, to use it instead of adjustment.
        weights: Column of sampling weights (positive; brought to mean 1).
        cluster: Column that tells which rows belong together, such as the images of one patient.
        interval: "analytic" (influence function) or "bootstrap" (percentiles of refits; clusters are drawn whole).
        resamples: Resampled tables of the bootstrap.
        refute: Whether to run the refuters.
        simulations: Simulated tables per refuter.
        level: Level of the intervals.
        seed: Seed of folds, resamples and refuters; same seed, same report.

    Raises:
        UnknownNameError: A node or method does not exist.
        DataError: The table or an argument does not fit, the covariates separate the treatment, or weights explode (a
            group's effective size is below 5 % of its rows); the message names place and remedy.
        SupportError: A value lies outside the support that its variable declares.
        NotIdentifiableError: The graph does not identify the effect in a way that an estimator here uses, or the given
            adjustment set or instrument is none; the message shows the open path.
    """
    question = Question(methods, population, interval, resamples, simulations if refute else 0, level, seed)
    _check(question)
    check_names(graph, table, treatment, outcome)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    estimand = find_estimand(attributes, treatment, outcome, adjustment=adjustment, instrument=instrument)
    beside = [estimand.instrument] if estimand.instrument else []
    used = [*estimand.adjustment, *beside, *estimand.mediators]
    encoded = encode_table(attributes, table, treatment, outcome, used, contrast, weights=weights, cluster=cluster)
    estimates, refutations, warnings = _through_dowhy(attributes, encoded, estimand, question)
    return EffectReport(
        treatment=treatment,
        outcome=outcome,
        contrast=encoded.contrast,
        outcome_unit=encoded.outcome_unit,
        estimand=estimand,
        estimates=estimates,
        refutations=refutations,
        rows_used=len(encoded.data),
        rows_dropped=encoded.dropped,
        level=level,
        seed=seed,
        warnings=(*_warnings(encoded, estimand), *warnings),
        versions={name: version(name) for name in ("dowhy", "scikit-learn")},
        population=population,
        weights=weights,
        cluster=cluster,
    )


def _check(question: Question) -> None:
    if not 0 < question.level < 1:
        raise DataError(f"Expected level between 0 and 1, such as 0.95; got {question.level!r}.")
    if question.simulations and question.simulations < LEAST_SIMULATIONS:
        raise DataError(f"Expected at least {LEAST_SIMULATIONS} simulations for a refuter; got {question.simulations}.")
    for word, known, name in (
        (question.population, POPULATIONS, "population"),
        (question.interval, INTERVALS, "interval"),
    ):
        if word not in known:
            raise DataError(f"Expected {name} among {', '.join(known)}; got {word!r}." + nearest(str(word), known))
    if question.interval == "bootstrap" and question.resamples < LEAST_RESAMPLES:
        raise DataError(f"Expected at least {LEAST_RESAMPLES} resamples for a bootstrap; got {question.resamples}.")


def find_estimand(
    graph: CausalGraph,
    treatment: str,
    outcome: str,
    *,
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
) -> Estimand:
    """What identifies the effect: the given adjustment set or instrument where valid, else what `identify` finds.

    Raises:
        DataError: Adjustment set and instrument are both given.
        NotIdentifiableError: Nothing does that an estimator here uses; the message shows the open path.
        UnknownNameError: A name is no node of the graph.
    """
    if adjustment is not None and instrument is not None:
        raise DataError(
            "Expected an adjustment set or an instrument; got both. The set to hold equal is found for you."
        )
    if instrument is not None:
        for found in instruments(graph, treatment, outcome):
            if found.instrument == instrument:
                return found
        raise NotIdentifiableError(
            f"Expected an instrument for the effect of '{treatment}' on '{outcome}'; "
            f"{check_instrument(graph, treatment, outcome, instrument)} Leave instrument= out to identify without one."
        )
    if adjustment is not None:
        check = check_adjustment_set(graph, treatment, outcome, adjustment)
        if not check:
            raise NotIdentifiableError(
                f"Expected a set that is valid to adjust for; {check} Leave adjustment= out to have one found."
            )
        return Estimand("backdoor", treatment, outcome, adjustment=check.adjustment)
    estimand = identify(graph, treatment=treatment, outcome=outcome)
    if estimand.method == "general":
        raise NotIdentifiableError(
            f"Expected an effect that adjustment, a front door or an instrument identifies; that of '{treatment}' on "
            f"'{outcome}' has another formula, {estimand.formula}, and no estimator here uses that. Measure the common "
            "causes and draw them as variables, or evaluate the formula on a discrete distribution."
        )
    return estimand


def _through_dowhy(
    graph: CausalGraph, table: EncodedTable, estimand: Estimand, question: Question
) -> tuple[tuple[Estimate, ...], tuple[Refutation, ...], tuple[str, ...]]:
    """Identification, estimates, refuters and warnings; nothing above this line loads DoWhy."""
    from .doubt.refuters import refute
    from .estimators.linear import LinearAdjustment
    from .estimators.methods import choose_methods
    from .identification import unadjusted_estimand

    chosen: dict[str, Method] = {}
    if estimand.method != "no effect":
        chosen = choose_methods(
            question.methods,
            table.kind,
            estimand.treatment,
            identified=estimand.method,
            population=question.population,
        )
    _check_methods(chosen, table, question)
    overlap = _overlap(table, estimand, chosen, question)
    with quiet_dowhy():
        identified = _identified(graph, estimand)
        discrete = table.kind == "categorical"
        naive = _fit(LinearAdjustment(unadjusted_estimand(*table.names), discrete=discrete), table, "whole")
        adjusted = {
            name: _fit(method.build(identified, table, question.seed), table, question.population)
            for name, method in chosen.items()
        }
        fitted = {name: (adjusted[name], chosen[name], question.population) for name in adjusted}
        fitted |= _in_overlap(identified, table, chosen, overlap, question)
        estimates = [_estimate(NAIVE, naive, "naive", NAIVE_NOTES[table.kind], "whole", question, INTERVALS)]
        estimates += [
            _estimate(name, found, "adjusted", method.note, population, question, method.intervals)
            for name, (found, method, population) in fitted.items()
        ]
        refutations: tuple[Refutation, ...] = ()
        if question.simulations and adjusted:
            refutations = refute(adjusted, naive, simulations=question.simulations, seed=question.seed)
    return tuple(estimates), refutations, _doubts(table, estimand, overlap, adjusted)


def _check_methods(chosen: dict[str, "Method"], table: EncodedTable, question: Question) -> None:
    for name, method in chosen.items():
        if method.bounded and table.bounds is None:
            raise DataError(
                f"Expected a binary outcome, or one whose variable declares a finite support, for {name!r}; "
                f"'{table.names[1]}' is neither. Use 'linear adjustment', or declare the support in the graph."
            )
        if method.sampling and table.weighted:
            raise DataError(f"Expected a method that takes sampling weights; {name!r} does not: {method.sampling}.")
        if question.interval == "bootstrap" and "bootstrap" not in method.intervals:
            raise DataError(
                f"Expected a method whose interval may be a bootstrap; the bootstrap is not valid or not offered for "
                f"{name!r}. Use interval='analytic'."
            )


def _overlap(
    table: EncodedTable, estimand: Estimand, chosen: dict[str, "Method"], question: Question
) -> "Overlap | None":
    from .overlap import require_overlap, treatment_overlap

    if estimand.method != "backdoor" or table.kind == "continuous":
        return None
    overlap = treatment_overlap(table, seed=question.seed)
    if overlap is not None:
        weighs = any(method.weighs for method in chosen.values())
        require_overlap(overlap, table.names[0], population=question.population, weighs=weighs)
    return overlap


def _identified(graph: CausalGraph, estimand: Estimand) -> "IdentifiedEstimand":
    from .identification import dowhy_estimand, front_door_estimand, instrument_estimand

    if estimand.method == "instrument":
        return instrument_estimand(estimand)
    if estimand.method == "frontdoor":
        return front_door_estimand(estimand)
    return dowhy_estimand(graph, estimand)


def _in_overlap(
    identified: "IdentifiedEstimand",
    table: EncodedTable,
    chosen: dict[str, "Method"],
    overlap: "Overlap | None",
    question: Question,
) -> dict[str, tuple["CausalEstimate", "Method", str]]:
    """Where overlap is poor in the whole population: the weighing methods again, in the overlap population."""
    from .overlap import SHARE_WORTH_A_WARNING

    if overlap is None or overlap.poor < SHARE_WORTH_A_WARNING or question.population != "whole":
        return {}
    able = {name: method for name, method in chosen.items() if method.weighs}
    return {
        f"{name}, overlap population": (
            _fit(method.build(identified, table, question.seed), table, "overlap"),
            method,
            "overlap",
        )
        for name, method in able.items()
    }


def _fit(estimator: "CausalEstimator", table: EncodedTable, population: str) -> "CausalEstimate":
    from .estimators.adjustment import TARGET_UNITS

    contrast = {"treatment_value": table.treated, "control_value": table.control}
    return estimator.fit(table.data).estimate_effect(table.data, **contrast, target_units=TARGET_UNITS[population])


def _estimate(
    source: str,
    estimate: "CausalEstimate",
    kind: Literal["naive", "adjusted"],
    note: str,
    population: str,
    question: Question,
    intervals: tuple[str, ...],
) -> Estimate:
    from .bootstrap import bootstrap_interval

    if "analytic" not in intervals or question.interval == "bootstrap":
        ends = bootstrap_interval(estimate, level=question.level, resamples=question.resamples, seed=question.seed)
        note += f" Here: bootstrap of {question.resamples} resamples."
    else:
        ends = estimate.get_confidence_intervals(confidence_level=question.level)
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    named = "compliers" if source == "instrumental variables" else population
    return Estimate(source, float(estimate.value), low, high, kind, note, named)


def _warnings(table: EncodedTable, estimand: Estimand) -> tuple[str, ...]:
    messages: list[str] = []
    if table.dropped:
        messages.append(
            f"{table.dropped} rows were dropped because a used column is missing; unless they are missing at random, "
            "the effect is that of the complete rows."
        )
    if estimand.method == "no effect":
        messages.append(
            f"The graph has no directed path from {estimand.treatment} to {estimand.outcome}: by assumption the "
            "effect is 0, and nothing is estimated. The naive estimate shows association."
        )
    return tuple(messages)


def _doubts(
    table: EncodedTable, estimand: Estimand, overlap: "Overlap | None", adjusted: dict[str, "CausalEstimate"]
) -> tuple[str, ...]:
    """Where overlap is poor, and whether the instrument is weak."""
    from .overlap import overlap_warnings

    if estimand.method == "backdoor":
        return overlap_warnings(table, overlap)
    return tuple(
        f"Weak instrument: the first stage of '{estimand.instrument}' has F = {estimate.estimator.first_stage:.1f}, "
        f"below {STRONG_INSTRUMENT}; the estimate is biased towards the association, and only Anderson and Rubin's "
        "interval, which is the one given, keeps its level (none is given where it is unbounded)."
        for name, estimate in adjusted.items()
        if name == "instrumental variables" and estimate.estimator.first_stage < STRONG_INSTRUMENT
    )
