"""Transport: an effect from one table, averaged over the covariates of another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, NotIdentifiableError, nearest
from ..graph import CausalGraph, GraphLike, TransportFormula, as_graph, transport
from .effective_size import effective_size
from .encode import encode_question
from .missing.ways import Way
from .question import ContrastWords, EffectQuestion
from .report import Estimate
from .settings import check_level
from .table import AS_FRAME, EncodedTable
from .target_table import TargetTable, outside_warnings, read_target
from .transported_effect import TransportedEffect

if TYPE_CHECKING:
    from .estimators.adjustment import Influence
    from .estimators.target_average import TargetAverage

__all__ = ["carried_formula", "transport_effect"]

LEAST_EFFECTIVE_SHARE = 0.1
"""Below this effective size, few rows of the table resemble the target."""
NOTES = {
    False: "Doubly robust scores of the table, regressed on the carriers and averaged over the target, plus their "
    "residuals weighted by the odds of the target; right if either that regression or the odds are. "
    "Influence-function interval.",
    True: "Outcome regression of the table with splines and products, averaged over the target under both treatment values; "
    "right if that regression is. Delta-method interval.",
}


def transport_effect(
    graph: GraphLike,
    table: pd.DataFrame,
    target: pd.DataFrame,
    *,
    level: float = 0.95,
    seed: int = 0,
    **question: Unpack[ContrastWords],
) -> TransportedEffect:
    """Estimate the average effect in another population from its covariates alone.

    In the graph, selection nodes declare what differs between the populations ("[site] -> age"), or what determines who
    is in the table ("pain -> [clinic]"; the target is then a table of the whole population). Covariates that transport
    the effect are found in the graph; treatment and outcome are not needed in the target. A binary or categorical
    treatment has a doubly robust estimate, a continuous one a flexible g-computation.

    Args:
        graph: The assumed causal graph, with selection nodes.
        table: One row per unit, with treatment and outcome.
        target: One row per unit of the target, with the covariates that transport the effect, named exactly as in the
            graph.
        level: Level of the intervals.
        seed: Seed of folds.
        question: As in `estimate_effect`: treatment, outcome, contrast, adjustment (the carriers are then among its members),
            weights and cluster (if the target has these columns too, they are used there; else a warning states it),
            variables.

    Raises:
        NotIdentifiableError: No covariates of both tables transport the effect; the message shows the open path.
        GraphError: The graph has no selection node.
        DataError: A table does not fit, or the target has labels that the table lacks.

    >>> rng = np.random.default_rng(0)
    >>> age, drug = rng.normal(50, 10, 500), rng.integers(0, 2, 500)
    >>> table = pd.DataFrame({"age": age, "drug": drug, "pain": drug * age / 10 + rng.normal(size=500)})
    >>> older = pd.DataFrame({"age": rng.normal(55, 10, 500)})
    >>> graph = CausalGraph("{age, drug} -> pain; [site] -> age")
    >>> found = transport_effect(graph, table, older, treatment="drug", outcome="pain", contrast=(0, 1))
    >>> found.source.value < found.target.value
    True
    """
    graph = as_graph(graph)
    check_level(level)
    asked = EffectQuestion(graph, table, **question)
    formula = carried_formula(
        asked.graph,
        target,
        treatment=asked.treatment,
        outcome=asked.outcome,
        adjustment=asked.adjustment,
        missing=asked.missing,
    )
    encoded = encode_question(replace(asked, adjustment=list(formula.adjustment)), formula.adjustment)
    needed = formula.adjustment if encoded.kind == "continuous" and not formula.is_direct else formula.carriers
    there = read_target(target, encoded, formula, needed, asked)
    own, average = _estimates(encoded, formula, there, seed)
    unit = encoded.outcome_unit
    source = Estimate("in the table", own.effect, *own.interval(level), kind="adjusted")
    ends, note = (average or own).interval(level), NOTES[encoded.kind == "continuous"]
    value = own.effect if average is None else average.effect
    moved = Estimate(
        "in the target", value, *ends, kind="adjusted", note="The effect in the table." if average is None else note
    )
    effective = None if average is None else float(effective_size(encoded.weights * average.odds))
    return TransportedEffect(
        treatment=str(asked.treatment),
        outcome=asked.outcome,
        contrast=encoded.contrast,
        outcome_unit=unit,
        formula=formula,
        source=source,
        target=moved,
        rows_used=len(encoded.data),
        target_rows=there.rows,
        effective=effective,
        level=level,
        warnings=(
            *encoded.warnings,
            *there.warnings,
            *outside_warnings(encoded, there),
            *_far_apart(effective, len(encoded.data)),
        ),
    )


def carried_formula(
    graph: CausalGraph,
    target: pd.DataFrame,
    *,
    treatment: str | Sequence[str],
    outcome: str,
    adjustment: Sequence[str] | None = None,
    missing: Way = "drop",
) -> TransportFormula:
    """Find the formula that transports an effect to a target, with columns in both tables.

    Args:
        graph: The graph of the attributes, with selection nodes.
        target: The target.
        treatment: The treatment.
        outcome: The outcome.
        adjustment: The user's adjustment set; None for all columns of the table.
        missing: What happens to missing values.

    Raises:
        NotIdentifiableError, GraphError: As `transport_effect`.
        DataError: There are several treatments, values would be imputed, or the target is not a table.
    """
    if not isinstance(treatment, str):
        raise DataError(
            f"Expected one treatment to transport the effect of; got {', '.join(treatment)}. Ask for each of them in "
            "turn."
        )
    if missing == "impute":
        raise DataError(
            "Expected missing='drop' or missing='weight' for an effect in a target; got 'impute'. Choose one of them."
        )
    if not isinstance(target, pd.DataFrame):
        raise DataError(f"Expected the target as a pandas DataFrame; got {type(target).__name__}. {AS_FRAME}")
    known = [name for name in graph if name in target.columns]
    observed = None if adjustment is None else [treatment, outcome, *adjustment]
    try:
        return transport(graph, treatment=treatment, outcome=outcome, observed=observed, in_target=known)
    except NotIdentifiableError as error:
        free = [str(name) for name in target.columns if name not in known]
        open_names = [name for name in graph if name not in (*known, treatment, outcome)]
        hints = dict.fromkeys(nearest(name, free) for name in open_names)
        raise NotIdentifiableError(f"{error}{''.join(hints)}") from None


def _estimates(
    encoded: EncodedTable, formula: TransportFormula, there: TargetTable, seed: int
) -> "tuple[Influence, TargetAverage | None]":
    """The effect in the table, and the average over the target; None for the latter if both are the same."""
    from .estimators.doubly_robust import DoublyRobust
    from .estimators.g_computation import GComputation
    from .estimators.outcome_model import OutcomeModel
    from .estimators.target_average import TargetRows, average_curve, average_scores
    from .identification import adjusted_estimand
    from .quiet import quiet_dowhy

    identified = adjusted_estimand(*encoded.names, list(formula.adjustment))
    values = encoded.control, encoded.treated
    with quiet_dowhy():
        if encoded.kind == "continuous":
            curve = GComputation(identified, outcome_model=OutcomeModel(encoded.bounds), seed=seed).fit(encoded.data)
            arrays = curve.arrays(encoded.data)
            own = curve.influence(encoded.data, control=values[0], treated=values[1])
            if formula.is_direct:
                return own, None
            rows = TargetRows(arrays.covariates, there.numbers, there.weights, there.clusters)
            return own, average_curve(arrays, rows, values, OutcomeModel(encoded.bounds), seed)
        robust = DoublyRobust(identified, outcome_model=OutcomeModel(encoded.bounds, penalty=None), seed=seed)
        arrays = robust.fit(encoded.data).arrays(encoded.data)
        arms = robust.scores(arrays, *values)[0]
        own = _mean(arms[1] - arms[0], arrays.weights, arrays.clusters)
        if formula.is_direct:
            return own, None
        rows = TargetRows(there.here, there.numbers, there.weights, there.clusters)
        return own, average_scores(arms[1] - arms[0], arrays, rows, seeds=robust.split_seeds(len(encoded.data)))


def _mean(scores: NDArray[np.float64], weights: NDArray[np.float64], clusters: NDArray[np.int64] | None) -> "Influence":
    from .estimators.adjustment import Influence

    effect = float(np.mean(weights * scores))
    return Influence(effect, weights * (scores - effect), clusters)


def _far_apart(effective: float | None, rows: int) -> tuple[str, ...]:
    """The warning that few rows of the table are like those of the target."""
    if effective is None or effective >= LEAST_EFFECTIVE_SHARE * rows:
        return ()
    return (
        f"Poor overlap of the tables: few of the {rows:,} rows are like those of the target (effective sample size "
        f"{effective:.0f}), so the effect there rests on few rows and on the fitted regression.",
    )
