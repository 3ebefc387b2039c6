"""From graph, table and question to an effect report: validate, identify, estimate, refute."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal

import pandas as pd

from ..datasets.declared import KindsLike
from ..grammar.populations import PopulationWord
from ..graph import Estimand, GraphLike, as_graph
from .encode import encode_question
from .find_estimand import find_estimand
from .missing.estimates import imputed_report, weighted_report, weighted_values
from .missing.ways import Way
from .question import EffectQuestion
from .report import EffectReport
from .scales import constant_arm
from .selected_rows import selection_warnings
from .settings import EstimationSettings, check_level
from .table import EncodedTable

__all__ = ["check_level", "estimate_effect", "find_estimand"]

MANY_CLUSTERS = 20


def estimate_effect(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    treatment: str | Sequence[str],
    outcome: str,
    contrast: tuple[Any, Any] | None = None,
    methods: Sequence[str] | None = None,
    population: PopulationWord = "whole",
    adjustment: Sequence[str] | None = None,
    instrument: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    event: str | None = None,
    horizon: float | None = None,
    missing: Way = "drop",
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
        contrast: (a, b), labels or natural units; for several treatments ((a1, a2), (b1, b2)). None compares the two
            labels of a binary treatment, in their order.
        methods: Keys of `causalgen.effects.estimators.methods.METHODS`, such as "doubly robust",
            "dowhy:propensity_score_weighting" or "econml:dml.LinearDML"; None for the defaults.
        population: Population that the effect averages over: "whole" or "ATE" (all rows), "overlap" or "ATO" (rows weighted
            by the product of both propensities), "treated" or "ATT" (rows with value b), "control" or "ATC" (rows with
            value a). Only "whole" for a continuous treatment, an instrument, a front door or another formula.
        adjustment: Your adjustment set, checked against the graph; None to have one found.
        instrument: An instrument of the graph, used instead of adjustment; its conditioning set is found.
        weights: Column of sampling weights (positive; scaled to mean 1).
        cluster: Column that names the cluster of each row, such as the patient of an image.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        event: Of an outcome that is a time until an event or until censoring: the column that says whether the event
            happened (1, true or yes), or "column=label". The effect is then on the restricted mean, the mean time until the
            event within the horizon; `report.survival` holds the effect on the probability of being free of it at the
            horizon.
        horizon: Time up to which such an outcome is followed, in the outcome's unit.
        missing: What happens to missing values. "drop" leaves incomplete rows out; "weight" weights complete rows by the
            inverse of the probability that they are complete; "impute" completes the table several times by chained
            equations and pools the estimates. The last two assume values missing at random, which the report states.
        interval: "analytic" (influence function) or "bootstrap" (percentiles of refits; clusters are drawn whole, and
            the models of `doubly robust` then use neither boosted trees nor recalibration). The
            methods "front-door" and "identified formula" always have a bootstrap interval, an instrument Anderson and Rubin's.
        resamples: Resampled tables of the bootstrap, at least 100 and 4 / (1 - level).
        refute: Whether to run the refuters.
        simulations: Simulated tables per refuter.
        level: Level of the intervals.
        seed: Seed of folds, resamples and refuters; same seed, same report.

    Raises:
        UnknownNameError: A node or method does not exist.
        DataError: The table or an argument does not fit, or the covariates separate the treatment; the message names
            place and remedy. Where weights explode (a group's effective size is below 5 % of its rows, and not because
            of a few rows), methods that weight rows estimate the effect in the overlap population, with a warning.
        SupportError: A value lies outside the support that its variable declares.
        NotIdentifiableError: The graph does not identify the effect, or the given adjustment set or instrument is not valid;
            the message shows the open path.
    """
    graph = as_graph(graph)
    settings = EstimationSettings(methods, population, interval, resamples, simulations if refute else 0, level, seed)
    question = EffectQuestion(
        graph,
        table,
        treatment,  # type: ignore[arg-type]  # a list becomes a tuple
        outcome,
        contrast,
        adjustment,
        instrument,
        weights,
        cluster,
        missing,
        variables,
        event,
        horizon,
        imputable=True,
    )
    return estimate_question(question, settings)


def estimate_question(question: EffectQuestion, settings: EstimationSettings) -> EffectReport:
    """The report of a question; missing values are handled as the question specifies."""
    if question.missing == "impute":
        return imputed_report(question, settings, _report)
    return weighted_report(question, settings, _report) if question.missing == "weight" else _report(question, settings)


def _report(question: EffectQuestion, settings: EstimationSettings) -> EffectReport:
    """The report of a question on rows that need no imputation."""
    from .through_dowhy import through_dowhy

    estimand, encoded = question.estimand, encode_question(question)
    estimates, refutations, warnings = through_dowhy(question.graph, encoded, estimand, settings)
    report = EffectReport(
        treatment=question.treatment,
        outcome=question.outcome,
        contrast=encoded.contrast if isinstance(question.treatment, str) else (encoded.sides[0], encoded.sides[1]),
        outcome_unit=encoded.outcome_unit,
        estimand=estimand,
        estimates=estimates,
        refutations=refutations,
        rows_used=len(encoded.data),
        rows_dropped=encoded.dropped,
        level=settings.level,
        seed=settings.seed,
        warnings=(*selection_warnings(question.graph, estimand), *_warnings(encoded, estimand), *warnings),
        versions={name: version(name) for name in ("dowhy", "scikit-learn")},
        population=settings.population,
        weights=question.weights,
        cluster=question.cluster,
        variables=encoded.variables,
        missing=weighted_values(encoded),
    )
    if question.survival is None:
        return report
    from .survival.follow_up import with_follow_up

    return with_follow_up(report, question, encoded, settings)


def _warnings(table: EncodedTable, estimand: Estimand) -> tuple[str, ...]:
    messages = [*table.warnings, *constant_arm(table)]
    if table.clustered and (count := table.units) < MANY_CLUSTERS:
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
