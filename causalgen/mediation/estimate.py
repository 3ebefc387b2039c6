"""Nested counterfactuals from a table, where the graph identifies them.

For a discrete treatment, multiply robust scores are used; for a continuous one (and for a controlled direct effect),
flexible g-computation with a bootstrap. Probabilities of causation are bounded, since no data determine them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import networkx as nx
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..datasets.declared import KindsLike, with_variables
from ..effects.estimators.nested_scores import (
    Levels,
    NestedMean,
    NestedScores,
    nested_scores,
    treated_influence,
    uneven,
)
from ..effects.missing.impute import IMPUTATIONS, imputation
from ..effects.missing.ways import MissingValues, remedy
from ..effects.question import EffectQuestion
from ..effects.settings import check_level
from ..effects.single import encode_single
from ..errors import DataError, NotIdentifiableError
from ..graph import (
    Bounds,
    CausalGraph,
    GraphLike,
    NestedEstimand,
    NestedQuestion,
    as_graph,
    causation_bounds,
    identify,
    identify_nested,
)
from ..graph.nested_estimand import COMPARED
from ..graph.notation import join, spell_number
from .answer import NestedAnswer, NestedEffect, title
from .asked_of_table import AskedOfTable
from .cross_overlap import crossed_overlap
from .imputed import pooled_answer

__all__ = ["estimate_nested"]

Array = NDArray[np.float64]
FOLDS = 5
DRAWS = 200
BOUND_DRAWS = 1_000
LEAST_ROWS_HELD = 10
"""With fewer rows of a compared value that have the label a mediator is set to, a warning is given."""
ROBUST_NOTE = (
    "Multiply robust scores, regressions and treatment probabilities with splines and products, cross-fitted over "
    f"{FOLDS} folds. Influence-function interval."
)
COMPUTED_NOTE = f"Flexible g-computation, regression on regression. Percentile interval of {DRAWS} bootstrap draws."
BOUNDS_NOTE = (
    "Tian and Pearl's bounds. The interval covers both bounds: its ends are percentiles of "
    f"{BOUND_DRAWS:,} bootstrap draws."
)


def estimate_nested(
    graph: GraphLike,
    table: pd.DataFrame,
    question: NestedQuestion,
    *,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    missing: Literal["drop", "impute"] = "drop",
    level: float = 0.95,
    seed: int = 0,
) -> NestedAnswer:
    """Answer a nested question from a table.

    Args:
        graph: The assumed causal graph.
        table: One row per unit; a column of labels or natural units for every attribute of the graph.
        question: The question. The outcome is binary or continuous. The treatment may be of any kind, except that an effect
            on the treated needs a discrete one and probabilities of causation a binary one.
        cluster: Column that names the cluster of each row, such as the patient of an image.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        missing: Whether incomplete rows are dropped, or missing values imputed and the effects pooled (Rubin's rules), as
            in `estimate_effect`; probabilities of causation are bounds, which are not pooled.
        level: Level of the intervals.
        seed: Seed of folds and bootstrap.

    Raises:
        NotIdentifiableError: The graph does not identify the answer, or only by a formula that no estimator here uses.
        UnknownNameError, GraphError, DataError, SupportError: The question, the table or the contrast does not fit.
    """
    graph = as_graph(graph)
    check_level(level)
    if missing not in ("drop", "impute") or (missing == "impute" and question.estimand == "causation"):
        among = "drop" if question.estimand == "causation" else "drop, impute"
        raise DataError(f"Expected missing among {among} for this question; got {missing!r}.")
    asked = question.treatment, question.outcome, question.contrast
    effect = EffectQuestion(graph, table, *asked, cluster=cluster, variables=variables, missing=missing)
    graph = with_variables(graph, effect.graph.variables.values())  # including its images, through which paths may lead
    settings = question.settings
    estimand = identify_nested(graph, question)
    if estimand.factors and not estimand.stages:
        raise NotIdentifiableError(
            f"Expected a formula of plain conditional distributions; this one needs more: {estimand.formula}. No "
            "estimator here computes it: measure the hidden common causes, or ask a fitted model."
        )
    between = [node for nodes, _ in estimand.stages for node in nodes if node != estimand.outcome]
    used = [*estimand.adjustment, *graph.select([*between, *settings])]
    answer = partial(_answer, graph, question, estimand, used, level=level, seed=seed)
    if missing == "drop":
        return answer(effect)
    found = imputation(effect, [question.treatment, question.outcome, *used])
    if not found.incomplete:
        return answer(replace(effect, missing="drop"))
    answers = [answer(completed) for completed in found.completed(seed, IMPUTATIONS)]
    holes = MissingValues("impute", found.holes, found.incomplete, len(table), tuple(found.columns), len(answers))
    return pooled_answer(answers, holes, None if cluster is None else table[cluster].nunique())


def _answer(
    graph: CausalGraph,
    question: NestedQuestion,
    estimand: NestedEstimand,
    used: Sequence[str],
    effect: EffectQuestion,
    *,
    level: float,
    seed: int,
) -> NestedAnswer:
    """The answer from the complete rows of one table."""
    way = "" if question.estimand == "causation" else remedy("impute")
    encoded = replace(encode_single(effect, used), remedy=way)
    asked = AskedOfTable(with_variables(graph, encoded.variables), question, estimand, encoded, level, seed)
    effects, warnings, note = _ANSWERS.get(question.estimand, _compared)(asked)
    return NestedAnswer(
        question=question,
        title=title(question, encoded.contrast, encoded.outcome_unit),
        source="table",
        effects=tuple(effects),
        outcome_unit=encoded.outcome_unit,
        estimand=estimand,
        identification=f"The graph identifies {'it' if estimand.point else 'bounds'}: {estimand.formula}.",
        rows_used=len(encoded.data),
        rows_dropped=encoded.dropped,
        level=level,
        seed=seed,
        note=note,
        warnings=(*encoded.warnings, *warnings, *_against_graph(graph, estimand, effects)),
        columns=encoded.columns,
    )


Found = tuple[list[NestedEffect], tuple[str, ...], str]
"""The effects, warnings, and how the numbers were computed."""


def _compared(asked: AskedOfTable) -> Found:
    """Differences of nested means: natural, controlled and path-specific effects."""
    stages, design, defined = asked.estimand.stages, asked.design(), asked.definitions

    def levels(direct: str, through: str) -> tuple[str, ...]:
        return tuple(direct if level == "b" else through for _, level in stages)

    compared = {name: (levels(*b), levels(*a)) for name, (b, a) in COMPARED[asked.question.estimand].items()}
    values = dict(zip("ab", design.contrast, strict=True))
    needed = {levels: [values[v] for v in levels] for pair in compared.values() for levels in pair}
    if design.discrete and asked.question.estimand != "controlled":
        found = nested_scores(design, [Levels(levels) for levels in needed.values()], design.folds(FOLDS, asked.seed))
        scores = dict(zip(needed, found, strict=True))
        robust = {name: scores[b].values - scores[a].values for name, (b, a) in compared.items()}
        effects = [
            NestedEffect(name, *asked.interval(part, design.clusters), defined[name]) for name, part in robust.items()
        ]
        return effects, uneven(found), ROBUST_NOTE
    mean = NestedMean(design)

    def means(weights: Array) -> dict[tuple[str, ...], float]:
        return {key: mean(levels, weights) for key, levels in needed.items()}

    whole = means(np.ones(len(design.outcome)))
    drawn = Parallel()(delayed(means)(weights) for weights in asked.draws(DRAWS, design.clusters))
    effects = []
    for name, (b, a) in compared.items():
        spread = np.array([draw[b] - draw[a] for draw in drawn])
        effects.append(NestedEffect(name, whole[b] - whole[a], *asked.quantiles(spread, spread), defined[name]))
    return effects, (*_unseen(asked), *_crossed(asked), *_rigid(asked, mean)), COMPUTED_NOTE


def _treated(asked: AskedOfTable) -> Found:
    """The effect on the rows with treatment b: rows with a third label carry no information about it."""
    asked.require(("binary", "categorical"), "discrete" if asked.encoded.kind == "categorical" else "binary")
    treatment = asked.encoded.data[asked.estimand.treatment].to_numpy(dtype=float)
    arms = np.isin(treatment, (asked.encoded.control, asked.encoded.treated))
    design = asked.design(arms)
    scores = treated_influence(design, folds=FOLDS, seed=asked.seed)
    name, words = next(iter(asked.definitions.items()))
    effect = NestedEffect(name, *asked.interval(scores.values, design.clusters), words)
    return [effect], uneven([scores]), ROBUST_NOTE


def _causation(asked: AskedOfTable) -> Found:
    """Bounds with P(Y | do(X)) by doubly robust scores."""
    x, y = asked.estimand.treatment, asked.estimand.outcome
    method = identify(asked.graph, treatment=x, outcome=y).method
    if method not in ("backdoor", "no effect"):
        raise NotIdentifiableError(
            f"Expected P({y} | do({x})) by adjustment; it is identified by {method} only, and no estimator here uses that. "
            "Measure the common causes and draw them as variables."
        )
    asked.require(("binary",), "binary")
    design = asked.design()
    if not np.isin(design.outcome, (0, 1)).all():
        raise DataError(f"Expected a binary outcome for probabilities of causation; '{y}' is continuous.")
    if method == "no effect":  # P(Y | do(X)) = P(Y): no adjustment set was searched for
        scores = [NestedScores(design.outcome, 1.0)] * 2
    else:
        design = replace(design, bounds=(0.0, 1.0))
        scores = nested_scores(design, [Levels((0.0,)), Levels((1.0,))], design.folds(FOLDS, asked.seed))
    cells = [(design.treatment == i) & (design.outcome == j) for i in (0, 1) for j in (0, 1)]
    rows = np.column_stack([*cells, *(score.values for score in scores)]).astype(float)
    found = _bounds(rows.mean(axis=0))
    for name, words in asked.definitions.items():
        if np.isnan(found[name].low):
            raise DataError(f"Expected units that {name} is about ({words}); got none. Collect rows of such units.")
    drawn = _bounds(np.stack([w @ rows / w.sum() for w in asked.draws(BOUND_DRAWS, design.clusters)]))
    effects = [
        NestedEffect(
            name,
            None,
            *asked.quantiles(drawn[name].low, drawn[name].high),
            words,
            bounds=(float(found[name].low), float(found[name].high)),
            monotone=float(found[name].monotone),
            monotone_interval=asked.quantiles(drawn[name].monotone, drawn[name].monotone),
        )
        for name, words in asked.definitions.items()
    ]
    return effects, (*uneven(scores), *_not_monotone(asked, effects)), BOUNDS_NOTE


_ANSWERS = {"treated": _treated, "causation": _causation}


def _bounds(means: Array) -> dict[str, Bounds]:
    """Bounds from the means `(..., 6)` of the four cells of (X, Y) and of the two scores."""
    p00, p01, p10, p11 = np.moveaxis(means[..., :4], -1, 0)
    # By consistency, the units seen with a value keep their outcome when it is set; the scores need not respect that.
    under_a, under_b = np.clip(means[..., 4], p01, 1 - p00), np.clip(means[..., 5], p11, 1 - p10)
    return causation_bounds(means[..., :4].reshape(*means.shape[:-1], 2, 2), under_a, under_b)


def _unseen(asked: AskedOfTable) -> tuple[str, ...]:
    """A warning for each value that the regressions extrapolate to: of the treatment, or of a mediator that is set."""
    encoded, x = asked.encoded, asked.estimand.treatment
    treatment = encoded.data[x].to_numpy(dtype=float)
    codes = (encoded.control, encoded.treated)
    if encoded.kind == "continuous":
        arms = {"": np.ones(len(treatment), dtype=bool)}
        far = [_outside(x, treatment, value, "") for value in codes]
    else:
        named = zip(encoded.contrast, codes, strict=True)
        arms = {f" with {x} = {value}": treatment == code for value, code in named}
        far = []
    for name, value in asked.question.settings.items():
        column, held = encoded.data[name], float(np.ravel(asked.set_to(name, value))[0])
        for where, rows in arms.items():
            seen = column.to_numpy(dtype=float)[rows]
            if column.dtype != "category":
                far.append(_outside(name, seen, held, where))
            elif (count := int((seen == held).sum())) < LEAST_ROWS_HELD:
                far.append(f"{name} = {value} occurs in {count} rows{where}")
    return tuple(
        f"Extrapolation: {text}, so the answer comes from the fitted model and not from the data."
        for text in far
        if text
    )


def _against_graph(graph: CausalGraph, estimand: NestedEstimand, effects: Iterable[NestedEffect]) -> tuple[str, ...]:
    """A warning if the natural direct effect differs from 0 where the graph has no direct path."""
    x, y, direct = estimand.treatment, estimand.outcome, next((e for e in effects if e.name == "natural direct"), None)
    paths = graph.networkx()
    paths.remove_nodes_from(estimand.mediators)
    if direct is None or direct.covers(0) or nx.has_path(paths, x, y):
        return ()
    return (
        f"Against the graph: every path from '{x}' to '{y}' passes through {join(estimand.mediators)}, so the natural direct "
        "effect is 0 by the graph, but its interval excludes 0. The graph lacks an edge, or the regressions do not fit.",
    )


def _crossed(asked: AskedOfTable) -> tuple[str, ...]:
    """A warning if the mediators under one value of a continuous treatment are not seen with the other value."""
    encoded, estimand = asked.encoded, asked.estimand
    own = next((level for nodes, level in estimand.stages if estimand.outcome in nodes), "b")
    through = [node for nodes, level in estimand.stages if level != own for node in nodes]
    if encoded.kind != "continuous" or not through:
        return ()
    contrast = (encoded.control, encoded.treated)
    return crossed_overlap(encoded.data, estimand.treatment, list(estimand.adjustment), through, contrast)


def _outside(name: str, seen: Array, value: float, where: str) -> str:
    """Describe a value outside the range of a column; empty if it lies inside."""
    low, high = seen.min(), seen.max()
    return (
        ""
        if low <= value <= high
        else f"{name} = {value:g} lies outside the {spell_number(low)} to {spell_number(high)} of the rows{where}"
    )


def _rigid(asked: AskedOfTable, mean: NestedMean) -> tuple[str, ...]:
    """A warning for each assumption made because of few rows: no curve in the treatment, or no products of columns."""
    x, remedy = asked.estimand.treatment, "Collect more rows, or adjust for fewer columns."
    few = f"{len(asked.encoded.data):,} rows are too few for"
    found = []
    if asked.encoded.kind == "continuous" and not mean.bends:
        found.append(
            f"'{x}' acts along a straight line by assumption: {few} a bend. If its effect levels off, the numbers are "
            f"wrong and the intervals do not show this. {remedy}"
        )
    if asked.question.settings and not mean.interacts:
        found.append(
            f"The effect of '{x}' is the same at every value of {', '.join(asked.question.settings)} by assumption: {few} "
            f"products of columns. {remedy}"
        )
    return tuple(found)


def _not_monotone(asked: AskedOfTable, effects: Iterable[NestedEffect]) -> tuple[str, ...]:
    """A warning if the treatment lowers the outcome's probability, so that no point value is a probability."""
    if not any(effect.monotone is not None and effect.monotone < 0 for effect in effects):
        return ()
    a, b = asked.encoded.contrast
    return (
        "The values under monotonicity are below 0 and not probabilities: on average "
        f"{asked.estimand.treatment} = {b} lowers the probability of the outcome. Read the bounds only, or swap the values of "
        f"the contrast to ask how often {asked.estimand.treatment} = {a} causes it.",
    )
