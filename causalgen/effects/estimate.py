"""From graph, table and question to an effect report: validate, identify, estimate, refute."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..errors import DataError, NotIdentifiableError
from ..graph import CausalGraph, Estimand, identify
from .overlap import overlap_warnings
from .quiet import quiet_dowhy
from .report import EffectReport, Estimate, Refutation
from .table import EncodedTable, check_names, encode_table

if TYPE_CHECKING:
    from dowhy.causal_estimator import CausalEstimate, CausalEstimator

__all__ = ["estimate_effect"]

LEAST_SIMULATIONS = 10
NAIVE = "naive"
NAIVE_NOTES = {
    "binary": "Difference of the two groups' means, adjusted for nothing: an association. Robust interval (HC1).",
    "continuous": "Slope of the outcome on the treatment alone, times the contrast: an association. Robust interval "
    "(HC1).",
}


def estimate_effect(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    methods: Sequence[str] | None = None,
    refute: bool = True,
    simulations: int = 30,
    level: float = 0.95,
    seed: int = 0,
) -> EffectReport:
    """Estimate the average effect of do(treatment=b) against do(treatment=a) and put it in doubt.

    Image nodes are projected out of the graph, the effect is identified twice (by causalgen and by DoWhy), estimated
    naively and by adjustment through DoWhy's estimator interface, and every estimate runs through DoWhy's refuters.

    Args:
        graph: The assumed causal graph. Attributes without a kind are read off their columns.
        table: One row per unit; a column of labels or natural units for every attribute of the graph.
        treatment: A binary or continuous variable.
        outcome: A binary or continuous variable.
        contrast: (a, b), labels or natural units.
        methods: Keys of `causalgen.effects.estimators.methods.METHODS`; None for all that suit the treatment.
        refute: Whether to run the refuters.
        simulations: Simulated tables per refuter.
        level: Level of the intervals.
        seed: Seed of folds and refuters; same seed, same report.

    Raises:
        UnknownNameError: A node or method does not exist.
        DataError: The table, the contrast, `level` or `simulations` does not fit; the message names place and remedy.
        SupportError: A value lies outside the support that its variable declares.
        NotIdentifiableError: The graph does not identify the effect by adjustment.
    """
    if not 0 < level < 1:
        raise DataError(f"Expected level between 0 and 1, such as 0.95; got {level!r}.")
    if refute and simulations < LEAST_SIMULATIONS:
        raise DataError(f"Expected at least {LEAST_SIMULATIONS} simulations for a refuter; got {simulations}.")
    check_names(graph, table, treatment, outcome)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    estimand = identify(attributes, treatment=treatment, outcome=outcome)
    if estimand.method not in ("backdoor", "no effect"):
        raise NotIdentifiableError(
            f"Expected an effect that adjustment identifies; that of '{treatment}' on '{outcome}' is identified by "
            f"{estimand.method} through {list(estimand.mediators)} only, and no estimator here uses that. Measure "
            "the common causes and draw them as variables."
        )
    encoded = encode_table(attributes, table, treatment, outcome, estimand.adjustment, contrast)
    estimates, refutations = _through_dowhy(
        attributes,
        encoded,
        estimand,
        methods=methods,
        simulations=simulations if refute else 0,
        level=level,
        seed=seed,
    )
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
        warnings=_warnings(encoded, estimand, seed),
        versions={name: version(name) for name in ("dowhy", "scikit-learn")},
    )


def _through_dowhy(
    graph: CausalGraph,
    table: EncodedTable,
    estimand: Estimand,
    *,
    methods: Sequence[str] | None,
    simulations: int,
    level: float,
    seed: int,
) -> tuple[tuple[Estimate, ...], tuple[Refutation, ...]]:
    """Identification, estimates and refuters of DoWhy; nothing above this line loads it."""
    from .identification import dowhy_estimand, unadjusted_estimand
    from .estimators.linear import LinearAdjustment
    from .estimators.methods import choose_methods
    from .doubt.refuters import refute

    chosen = {} if estimand.method == "no effect" else choose_methods(methods, table.kind, estimand.treatment)
    with quiet_dowhy():
        identified = dowhy_estimand(graph, estimand)
        naive = _fit(LinearAdjustment(unadjusted_estimand(estimand.treatment, estimand.outcome)), table)
        adjusted = {name: _fit(method.build(identified, table, seed), table) for name, method in chosen.items()}
        estimates = [_estimate(NAIVE, naive, level, "naive", NAIVE_NOTES[table.kind])]
        estimates += [_estimate(name, adjusted[name], level, "adjusted", chosen[name].note) for name in adjusted]
        refutations = refute(adjusted, naive, simulations=simulations, seed=seed) if simulations and adjusted else ()
    return tuple(estimates), refutations


def _fit(estimator: "CausalEstimator", table: EncodedTable) -> "CausalEstimate":
    contrast = {"treatment_value": table.treated, "control_value": table.control}
    return estimator.fit(table.data).estimate_effect(table.data, **contrast, target_units="ate")


def _estimate(
    source: str, estimate: "CausalEstimate", level: float, kind: Literal["naive", "adjusted"], note: str
) -> Estimate:
    low, high = estimate.get_confidence_intervals(confidence_level=level)
    return Estimate(source, float(estimate.value), float(low), float(high), kind, note)


def _warnings(table: EncodedTable, estimand: Estimand, seed: int) -> tuple[str, ...]:
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
    return (*messages, *overlap_warnings(table, estimand.treatment, estimand.outcome, seed))
