"""Nested counterfactuals from data, where the graph identifies them: parts of an effect, effects on the treated, causes.

Each function first identifies the effect (see `causalgen.graph.identify_natural_effects`) and then estimates the formula:
by multiply robust scores for a binary treatment, by flexible g-computation with a bootstrap for a continuous one.
Probabilities of causation are bounded, since no data determine them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.declared import KindsLike, declare_kinds
from ..errors import DataError, NotIdentifiableError
from ..graph import (
    Bounds,
    CausalGraph,
    causation_bounds,
    identify,
    identify_controlled_direct_effect,
    identify_effect_on_treated,
    identify_natural_effects,
    identify_path_specific_effect,
    identify_probabilities_of_causation,
)
from ..graph.causation import DEFINITIONS
from ..graph.nested_paths import PathsLike
from ..graph.parse import EdgesLike
from .nested_question import FOLDS, ROBUST_NOTE, Question, quantile, uneven
from .nested_report import CausationBounds, CausationReport, NestedReport
from .nested_scores import Scores, nested_scores, treated_influence
from .table import check_names

__all__ = [
    "bound_probabilities_of_causation",
    "estimate_controlled_direct_effect",
    "estimate_effect_on_treated",
    "estimate_natural_effects",
    "estimate_path_specific_effect",
]

Array = NDArray[np.float64]
BOUND_DRAWS = 1_000


def estimate_natural_effects(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    mediators: str | Iterable[str] | None = None,
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """Total effect of do(treatment=b) against do(treatment=a), and its natural direct and indirect parts.

    Args:
        graph: The assumed causal graph.
        table: One row per unit; a column of labels or natural units for every attribute of the graph.
        treatment: X, binary or continuous.
        outcome: Y, binary or continuous.
        contrast: (a, b), labels or natural units.
        mediators: M; by default every attribute on a causal path.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        level: Level of the intervals.
        seed: Seed of folds and bootstrap.

    Returns:
        "total" Y(b) - Y(a); "natural direct" Y(b, M(a)) - Y(a); "natural indirect" Y(a, M(b)) - Y(a); "total indirect"
        Y(b) - Y(b, M(a)). Total = natural direct + total indirect.

    Raises:
        NotIdentifiableError: The graph does not identify them, or only by a formula that no estimator here uses.
        UnknownNameError, GraphError, DataError, SupportError: The question, the table or the contrast does not fit.
    """
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    estimand = identify_natural_effects(graph, treatment=treatment, outcome=outcome, mediators=mediators)
    asked = Question(graph, table, estimand, contrast, level, seed)
    direct = tuple(value for _, value in estimand.stages)
    indirect = tuple("b" if value == "a" else "a" for value in direct)
    base, shifted = ("a",) * len(direct), ("b",) * len(direct)
    m = ", ".join(estimand.mediators)
    return asked.compare(
        {
            "total": (shifted, base, f"{outcome}(b) - {outcome}(a)"),
            "natural direct": (direct, base, f"b acts around {m}, which stay as under a"),
            "natural indirect": (indirect, base, f"b acts through {m} only"),
            "total indirect": (shifted, direct, f"what b through {m} adds to the natural direct effect"),
        }
    )


def estimate_path_specific_effect(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    paths: PathsLike | None = None,
    edges: EdgesLike | None = None,
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """The effect, named "path-specific", when b acts along some paths and a along all others, against a along all.

    Args:
        paths: The active paths, such as ["x -> m -> y"].
        edges: Instead of paths: active edges; a path is active when all its edges are.

    The other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    estimand = identify_path_specific_effect(graph, treatment=treatment, outcome=outcome, paths=paths, edges=edges)
    asked = Question(graph, table, estimand, contrast, level, seed)
    levels = tuple(value for _, value in estimand.stages)
    shown = "; ".join(" -> ".join(path) for path in estimand.paths)
    return asked.compare({"path-specific": (levels, ("a",) * len(levels), f"b acts along {shown} only")})


def estimate_controlled_direct_effect(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    mediators: Mapping[str, Any],
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """The effect, named "controlled direct", when the mediators are set to the same values under both.

    Args:
        mediators: Mediator -> the value that it is set to.

    The other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    if not isinstance(mediators, Mapping):
        raise DataError(f"Expected mediators as a mapping such as {{'name': value}}; got {mediators!r}.")
    estimand = identify_controlled_direct_effect(graph, treatment=treatment, outcome=outcome, mediators=mediators)
    asked = Question(graph, table, estimand, contrast, level, seed, held=mediators)
    count = len(estimand.stages)
    shown = ", ".join(f"{name} = {value}" for name, value in mediators.items())
    return asked.compare({"controlled direct": (("b",) * count, ("a",) * count, f"{shown} in every unit")})


def estimate_effect_on_treated(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """The average effect, named "effect on the treated", among the rows with treatment=b, by doubly robust scores.

    The treatment must be binary; the other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    estimand = identify_effect_on_treated(graph, treatment=treatment, outcome=outcome)
    asked = Question(graph, table, estimand, contrast, level, seed)
    asked.require_binary()
    scores = treated_influence(asked.design(), folds=FOLDS, seed=seed)
    estimate = asked.estimate("effect on the treated", scores.values, ROBUST_NOTE)
    return asked.report((estimate,), uneven([scores]))


def bound_probabilities_of_causation(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> CausationReport:
    """Bounds of the probabilities of necessity (PN), sufficiency (PS) and both (PNS), and points under monotonicity.

    Tian and Pearl's bounds, with P(Y | do(X)) by doubly robust scores. The interval covers both bounds: its ends are
    quantiles of the bootstrapped lower and upper bound.

    Args:
        treatment: X, binary.
        outcome: Y, binary; its second label is the outcome that may be caused.
        contrast: (a, b): b is the cause, a what it is compared with.

    The other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    estimand = identify_probabilities_of_causation(graph, treatment=treatment, outcome=outcome)
    effect = identify(graph, treatment=treatment, outcome=outcome)
    if effect.method not in ("backdoor", "no effect"):
        raise NotIdentifiableError(
            f"Expected P({outcome} | do({treatment})) by adjustment; it is identified by {effect.method} only, and no "
            "estimator here uses that. Measure the common causes and draw them as variables."
        )
    asked = Question(graph, table, estimand, contrast, level, seed)
    asked.require_binary()
    design = asked.design()
    if not np.isin(design.outcome, (0, 1)).all():
        raise DataError(f"Expected a binary outcome for probabilities of causation; '{outcome}' is continuous.")
    if effect.method == "no effect":  # P(Y | do(X)) = P(Y): no adjustment set was searched for
        scores = [Scores(design.outcome, 1.0)] * 2
    else:
        design = replace(design, bounds=(0.0, 1.0))
        scores = nested_scores(design, [(0.0,), (1.0,)], folds=FOLDS, seed=seed)
    cells = [(design.treatment == x) & (design.outcome == y) for x in (0, 1) for y in (0, 1)]
    rows = np.column_stack([*cells, *(score.values for score in scores)]).astype(float)
    found = _causation(rows.mean(axis=0))
    drawn = _causation(np.stack([weights @ rows / len(rows) for weights in asked.draws(BOUND_DRAWS)]))
    tail = (1 - level) / 2
    bounds = tuple(
        CausationBounds(
            name,
            float(found[name].low),
            float(found[name].high),
            float(found[name].monotone),
            interval=(quantile(drawn[name].low, tail), quantile(drawn[name].high, 1 - tail)),
            monotone_interval=(quantile(drawn[name].monotone, tail), quantile(drawn[name].monotone, 1 - tail)),
            definition=words,
        )
        for name, words in DEFINITIONS.items()
    )
    used, dropped = len(asked.encoded.data), asked.encoded.dropped
    warnings = (*asked.warnings, *uneven(scores))
    read = asked.encoded.variables
    return CausationReport(asked.question, estimand, bounds, used, dropped, level, seed, warnings, read)


def _causation(means: Array) -> dict[str, Bounds]:
    """Bounds from the means `(..., 6)` of the four cells of (X, Y) and of the two scores."""
    under_a, under_b = np.clip(means[..., 4], 0, 1), np.clip(means[..., 5], 0, 1)
    return causation_bounds(means[..., :4].reshape(*means.shape[:-1], 2, 2), under_a, under_b)
