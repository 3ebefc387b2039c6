"""From graph, table and question to an effect report: validate, identify, estimate, refute."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..datasets.declared import KindsLike, declare_kinds
from ..errors import DataError, NotIdentifiableError, nearest
from ..graph import CausalGraph, Estimand, check_adjustment_set, check_instrument, identify, instruments
from .joint import as_question, encode_question, joint_estimand
from .report import EffectReport
from .table import EncodedTable, check_names

__all__ = ["INTERVALS", "POPULATIONS", "Plan", "check_level", "estimate_effect", "find_estimand"]

LEAST_SIMULATIONS = 10
MANY_CLUSTERS = 20
POPULATIONS = ("whole", "overlap", "treated", "control")
INTERVALS = ("analytic", "bootstrap")


@dataclass(frozen=True)
class Plan:
    """How an effect is estimated and checked; arguments of `estimate_effect`."""

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
    treatment: str | Sequence[str],
    outcome: str,
    contrast: tuple[Any, Any] | None = None,
    methods: Sequence[str] | None = None,
    population: Literal["whole", "overlap", "treated", "control"] = "whole",
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    interval: Literal["analytic", "bootstrap"] = "analytic",
    resamples: int = 400,
    refute: bool = True,
    simulations: int = 30,
    level: float = 0.95,
    seed: int = 0,
) -> EffectReport:
    """Estimate the average effect of do(treatment=b) against do(treatment=a) in a population, and check it.

    Image nodes are projected out of the graph. The effect is identified by causalgen (and by DoWhy too, for adjustment
    of one treatment), then estimated naively and by this package's estimators, or by those of DoWhy or EconML that
    `methods` names; all have DoWhy's estimator interface. Refuters test every estimate: DoWhy's placebo treatment, random
    common cause and data subset, and this package's dummy outcome. Where overlap is poor in the whole population, the
    effect in the overlap population is added, and a warning says where.

    Args:
        graph: The assumed causal graph. The typing rule of `causalgen.datasets.kinds` gives attributes without a kind
            the kind of their columns; the report states it.
        table: One row per unit; a column of labels or natural units for every attribute of the graph.
        treatment: A binary, categorical, ordinal or continuous variable; or several, such as ("drug", "dose"), whose
            joint effect one adjustment set must identify.
        outcome: A binary or continuous variable.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)).
        methods: Keys of `causalgen.effects.estimators.methods.METHODS`, such as "doubly robust",
            "dowhy:propensity_score_weighting" or "econml:dml.LinearDML"; None for the defaults.
        population: Population that the effect averages over: "whole" (all rows, ATE), "overlap" (rows weighted by the
            product of both propensities, ATO), "treated" or "control" (rows with value b or a, ATT and ATC). Only
            "whole" for a continuous treatment, an instrument or a front door.
        adjustment: Your adjustment set, checked against the graph; None to have one found.
        instrument: An instrument of the graph, used instead of adjustment; its conditioning set is found.
        weights: Column of sampling weights (positive; scaled to mean 1).
        cluster: Column that names the cluster of each row, such as the patient of an image.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        interval: "analytic" (influence function) or "bootstrap" (percentiles of refits; clusters are drawn whole). A
            front door always has a bootstrap interval, an instrument always Anderson and Rubin's.
        resamples: Resampled tables of the bootstrap, at least 100 and 4 / (1 - level).
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
            adjustment set or instrument is not valid; the message shows the open path.
    """
    from .through_dowhy import through_dowhy

    plan = Plan(methods, population, interval, resamples, simulations if refute else 0, level, seed)
    _check(plan)
    treatment, contrast = as_question(treatment, contrast)
    for name in (treatment,) if isinstance(treatment, str) else treatment:
        check_names(graph, table, name, outcome)
    graph = declare_kinds(graph, table, variables)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    estimand = find_estimand(attributes, treatment, outcome, adjustment=adjustment, instrument=instrument)
    beside = [estimand.instrument] if estimand.instrument else []
    used = [*estimand.adjustment, *beside, *estimand.mediators]
    encoded = encode_question(attributes, table, treatment, outcome, used, contrast, weights=weights, cluster=cluster)
    estimates, refutations, warnings = through_dowhy(attributes, encoded, estimand, plan)
    return EffectReport(
        treatment=treatment,
        outcome=outcome,
        contrast=encoded.contrast if isinstance(treatment, str) else (encoded.sides[0], encoded.sides[1]),
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
        variables=encoded.variables,
    )


def check_level(level: float) -> None:
    """Refuse an invalid level of an interval.

    Raises:
        DataError: Not a number between 0 and 1.
    """
    if not isinstance(level, int | float | np.number) or not 0 < level < 1:
        raise DataError(f"Expected level between 0 and 1, such as 0.95; got {level!r}.")


def _check(plan: Plan) -> None:
    check_level(plan.level)
    whole = {"simulations": plan.simulations, "resamples": plan.resamples, "seed": plan.seed}
    for name, number in whole.items():
        if not isinstance(number, int | np.integer) or number < 0:
            raise DataError(f"Expected {name} as a whole number of at least 0; got {number!r}.")
    if plan.seed >= 2**32:
        raise DataError(f"Expected a seed below 2**32; got {plan.seed}.")
    if plan.simulations and plan.simulations < LEAST_SIMULATIONS:
        raise DataError(f"Expected at least {LEAST_SIMULATIONS} simulations for a refuter; got {plan.simulations}.")
    for word, known, name in (
        (plan.population, POPULATIONS, "population"),
        (plan.interval, INTERVALS, "interval"),
    ):
        if word not in known:
            raise DataError(f"Expected {name} among {', '.join(known)}; got {word!r}." + nearest(str(word), known))


def find_estimand(
    graph: CausalGraph,
    treatment: str | tuple[str, ...],
    outcome: str,
    *,
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
) -> Estimand:
    """The estimand: by the given adjustment set or instrument where valid, else by what `identify` finds.

    Raises:
        DataError: Adjustment set and instrument are both given.
        NotIdentifiableError: No estimator here can use what identifies the effect; the message shows the open path.
        UnknownNameError: A name is no node of the graph.
    """
    if adjustment is not None and instrument is not None:
        raise DataError(
            "Expected an adjustment set or an instrument; got both. The set to hold equal is found for you."
        )
    if not isinstance(treatment, str):
        if instrument is not None:
            raise DataError("Expected one treatment with an instrument; got several. Leave instrument= out.")
        return joint_estimand(graph, treatment, outcome, adjustment)
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
        causes = outcome in graph.descendants(treatment)
        return Estimand("backdoor" if causes else "no effect", treatment, outcome, adjustment=check.adjustment)
    try:
        estimand = identify(graph, treatment=treatment, outcome=outcome)
    except NotIdentifiableError as error:
        ways = ", ".join(f"'{found.instrument}'" for found in instruments(graph, treatment, outcome))
        if not ways:
            raise
        remedy = f"Or, if the effect is linear, use an instrument of the graph: {ways} as instrument=."
        raise NotIdentifiableError(f"{error} {remedy}", hedge=error.hedge) from None
    if estimand.method == "general":
        raise NotIdentifiableError(
            f"Expected an effect that adjustment, a front door or an instrument identifies; that of '{treatment}' on "
            f"'{outcome}' has another formula, {estimand.formula}, and no estimator here uses that. Measure the common "
            "causes and draw them as variables, or evaluate the formula on a discrete distribution."
        )
    return estimand


def _warnings(table: EncodedTable, estimand: Estimand) -> tuple[str, ...]:
    messages = list(table.warnings)
    if table.clusters is not None and (count := int(table.clusters.max()) + 1) < MANY_CLUSTERS:
        messages.append(
            f"Only {count} clusters: below some {MANY_CLUSTERS} of them a cluster-robust interval may be too narrow, "
            "most of all where the treatment is the same in a whole cluster."
        )
    if estimand.method == "no effect":
        messages.append(
            f"The graph has no directed path from {table.names[0]} to {estimand.outcome}: by assumption the "
            "effect is 0, and nothing is estimated. The naive estimate shows association."
        )
    return tuple(messages)
