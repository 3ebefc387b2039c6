"""Nested counterfactuals from data, where the graph identifies them: parts of an effect, effects on the treated, causes.

Each function identifies first (`causalgen.graph.identify_natural_effects` and its kin) and estimates what the formula
says: by multiply robust scores for a binary treatment, by flexible g-computation with a bootstrap for a continuous one.
Probabilities of causation are bounded, since no data determine them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import norm

from ..errors import DataError, NotIdentifiableError
from ..graph import (
    Bounds,
    CausalGraph,
    NestedEstimand,
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
from .nested_report import CausationBounds, CausationReport, NestedReport
from .nested_scores import Design, NestedMean, nested_scores, treated_influence
from .report import Estimate
from .table import check_names, encode_table, numeric

__all__ = [
    "bound_probabilities_of_causation",
    "estimate_controlled_direct_effect",
    "estimate_effect_on_treated",
    "estimate_natural_effects",
    "estimate_path_specific_effect",
]

Array = NDArray[np.float64]
FOLDS = 5
DRAWS = 200
BOUND_DRAWS = 1_000
LEAST_EFFECTIVE = 0.2
"""A warning below this effective sample size, as a share of an arm's rows."""
Levels = tuple[str, ...]
"""The treatment value, "a" or "b", of every stage."""
ROBUST_NOTE = (
    "Multiply robust scores, regressions and treatment probabilities with splines and products, cross-fitted over "
    f"{FOLDS} folds. Influence-function interval."
)
COMPUTED_NOTE = f"Flexible g-computation, regression on regression. Percentile interval of {DRAWS} bootstrap draws."


def estimate_natural_effects(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
    mediators: str | Iterable[str] | None = None,
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
        level: Level of the intervals.
        seed: Seed of folds and bootstrap.

    Returns:
        "total" Y(b) - Y(a); "natural direct" Y(b, M(a)) - Y(a); "natural indirect" Y(a, M(b)) - Y(a); "total indirect"
        Y(b) - Y(b, M(a)). Total = natural direct + total indirect.

    Raises:
        NotIdentifiableError: The graph does not identify them, or only by a formula that no estimator here uses.
        UnknownNameError, GraphError, DataError, SupportError: Question, table or contrast does not fit.
    """
    check_names(graph, table, treatment, outcome)
    estimand = identify_natural_effects(graph, treatment=treatment, outcome=outcome, mediators=mediators)
    asked = _Question(graph, table, estimand, contrast, level, seed)
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
    estimand = identify_path_specific_effect(graph, treatment=treatment, outcome=outcome, paths=paths, edges=edges)
    asked = _Question(graph, table, estimand, contrast, level, seed)
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
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """The effect, named "controlled direct", when the mediators are set to the same values under both.

    Args:
        mediators: Mediator -> the value that it is set to.

    The other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    if not isinstance(mediators, Mapping):
        raise DataError(f"Expected mediators as a mapping such as {{'name': value}}; got {mediators!r}.")
    estimand = identify_controlled_direct_effect(graph, treatment=treatment, outcome=outcome, mediators=mediators)
    asked = _Question(graph, table, estimand, contrast, level, seed, held=mediators)
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
    level: float = 0.95,
    seed: int = 0,
) -> NestedReport:
    """The average effect, named "effect on the treated", among the rows with treatment=b, by doubly robust scores.

    The treatment must be binary; the other arguments and errors are those of `estimate_natural_effects`.
    """
    check_names(graph, table, treatment, outcome)
    estimand = identify_effect_on_treated(graph, treatment=treatment, outcome=outcome)
    asked = _Question(graph, table, estimand, contrast, level, seed)
    asked.require_binary()
    value, influence = treated_influence(asked.design(), folds=FOLDS, seed=seed)
    estimate = asked.estimate("effect on the treated", value + influence, ROBUST_NOTE)
    return asked.report((estimate,))


def bound_probabilities_of_causation(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    contrast: tuple[Any, Any],
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
    estimand = identify_probabilities_of_causation(graph, treatment=treatment, outcome=outcome)
    effect = identify(graph, treatment=treatment, outcome=outcome)
    if effect.method not in ("backdoor", "no effect"):
        raise NotIdentifiableError(
            f"Expected P({outcome} | do({treatment})) by adjustment; it is identified by {effect.method} only, and no "
            "estimator here uses that. Measure the common causes and draw them as variables."
        )
    asked = _Question(graph, table, estimand, contrast, level, seed)
    asked.require_binary()
    design = asked.design()
    if not np.isin(design.outcome, (0, 1)).all():
        raise DataError(f"Expected a binary outcome for probabilities of causation; '{outcome}' is continuous.")
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
            interval=(_quantile(drawn[name].low, tail), _quantile(drawn[name].high, 1 - tail)),
            monotone_interval=(_quantile(drawn[name].monotone, tail), _quantile(drawn[name].monotone, 1 - tail)),
            definition=words,
        )
        for name, words in DEFINITIONS.items()
    )
    used, dropped = len(asked.encoded.data), asked.encoded.dropped
    warnings = (*asked.warnings, *_uneven(min(score.effective for score in scores)))
    return CausationReport(asked.question, estimand, bounds, used, dropped, level, seed, warnings)


class _Question:
    """A contrast put to a table."""

    def __init__(
        self,
        graph: CausalGraph,
        table: pd.DataFrame,
        estimand: NestedEstimand,
        contrast: tuple[Any, Any],
        level: float,
        seed: int,
        held: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0 < level < 1:
            raise DataError(f"Expected level between 0 and 1, such as 0.95; got {level!r}.")
        if estimand.factors and not estimand.stages:
            raise NotIdentifiableError(
                f"Expected a formula of plain conditional distributions; this one needs more: {estimand.formula}. No "
                "estimator here computes it: measure the hidden common causes, or ask a fitted model."
            )
        self.graph, self.estimand, self.level, self.seed, self.held = graph, estimand, level, seed, dict(held or {})
        between = [node for nodes, _ in estimand.stages for node in nodes if node != estimand.outcome]
        used = [*estimand.adjustment, *graph.select([*between, *self.held])]
        self.encoded = encode_table(graph, table, estimand.treatment, estimand.outcome, used, contrast)
        if self.encoded.kind not in ("binary", "continuous"):
            raise DataError(
                f"Expected a binary or continuous treatment; '{estimand.treatment}' is {self.encoded.kind}. Recode it "
                "into two labels."
            )

    @property
    def binary(self) -> bool:
        """Whether the scores for a treatment of two values apply: nothing is set besides it."""
        return self.encoded.kind == "binary" and not self.held

    def require_binary(self) -> None:
        if self.encoded.kind != "binary":
            raise DataError(
                f"Expected a binary treatment for the {self.estimand.query}; '{self.estimand.treatment}' is "
                f"{self.encoded.kind}. Recode it into two labels."
            )

    @property
    def question(self) -> str:
        a, b = (f"{value:g}" if isinstance(value, float) else value for value in self.encoded.contrast)
        x, y, unit = self.estimand.treatment, self.estimand.outcome, self.encoded.outcome_unit
        return f"{self.estimand.query.capitalize()} of {x} on {y}{f' [{unit}]' if unit else ''}, b: {b} against a: {a}"

    @property
    def warnings(self) -> tuple[str, ...]:
        dropped = self.encoded.dropped
        incomplete = (
            f"{dropped} rows were dropped because a used column is missing; unless they are missing at random, the "
            "answer is that of the complete rows."
        )
        return (incomplete,) if dropped else ()

    def design(self) -> Design:
        """The columns of every stage; a single stage of covariates where the query has none."""
        data = self.encoded.data
        fixed = data.assign(**{name: self._set(name, value) for name, value in self.held.items()})
        known = list(self.estimand.adjustment)
        before = []
        for nodes, _ in self.estimand.stages or (((self.estimand.outcome,), "b"),):
            earlier = [name for name in self.held if self.graph.nodes.index(name) < self.graph.nodes.index(nodes[-1])]
            before.append([*known, *earlier])
            known += nodes
        return Design(
            treatment=data[self.estimand.treatment].to_numpy(dtype=float),
            outcome=data[self.estimand.outcome].to_numpy(dtype=float),
            histories=tuple(numeric(data[names]) for names in before),
            settings=tuple(numeric(fixed[names]) for names in before),
            bounds=self.encoded.bounds,
        )

    def _set(self, name: str, value: Any) -> Any:
        """A column in which every row has the value."""
        column, variable = self.encoded.data[name], self.graph[name]
        try:
            code = variable.encode(value) if variable.is_discrete else float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"Expected a number or declared label for '{name}'; got {value!r}. Declare its labels in the graph."
            ) from None
        if column.dtype == "category":
            return pd.Categorical([int(code)] * len(column), categories=column.cat.categories)
        return float(code)

    def draws(self, count: int) -> Iterable[Array]:
        """How often every row counts in each bootstrap draw."""
        rng = np.random.default_rng(self.seed)
        rows = len(self.encoded.data)
        return (np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(float) for _ in range(count))

    def compare(self, compared: Mapping[str, tuple[Levels, Levels, str]]) -> NestedReport:
        """One estimate for each pair of nested means, the second subtracted from the first."""
        design = self.design()
        values = {"a": self.encoded.control, "b": self.encoded.treated}
        needed = {
            levels: [values[v] for v in levels] for first, second, _ in compared.values() for levels in (first, second)
        }
        if self.binary:
            found = nested_scores(design, list(needed.values()), folds=FOLDS, seed=self.seed)
            scores = dict(zip(needed, found, strict=True))
            estimates = [
                self.estimate(name, scores[b].values - scores[a].values, f"{words}. {ROBUST_NOTE}")
                for name, (b, a, words) in compared.items()
            ]
            return self.report(estimates, _uneven(min(score.effective for score in found)))
        mean = NestedMean(design, list(values.values()))

        def means(weights: Array) -> dict[Levels, float]:
            return {key: mean(levels, weights) for key, levels in needed.items()}

        whole = means(np.ones(len(design.outcome)))
        drawn = Parallel()(delayed(means)(weights) for weights in self.draws(DRAWS))
        tail = (1 - self.level) / 2
        estimates = []
        for name, (b, a, words) in compared.items():
            spread = np.array([draw[b] - draw[a] for draw in drawn])
            low, high = _quantile(spread, tail), _quantile(spread, 1 - tail)
            estimates.append(Estimate(name, whole[b] - whole[a], low, high, "adjusted", f"{words}. {COMPUTED_NOTE}"))
        return self.report(estimates)

    def estimate(self, name: str, scores: Array, note: str) -> Estimate:
        """The mean of the scores, with its interval."""
        value = float(scores.mean())
        reach = float(norm.ppf(0.5 + self.level / 2) * scores.std(ddof=1) / np.sqrt(len(scores)))
        return Estimate(name, value, value - reach, value + reach, "adjusted", note)

    def report(self, estimates: Sequence[Estimate], warnings: tuple[str, ...] = ()) -> NestedReport:
        return NestedReport(
            question=self.question,
            estimand=self.estimand,
            estimates=tuple(estimates),
            outcome_unit=self.encoded.outcome_unit,
            rows_used=len(self.encoded.data),
            rows_dropped=self.encoded.dropped,
            level=self.level,
            seed=self.seed,
            warnings=(*self.warnings, *warnings),
        )


def _uneven(effective: float) -> tuple[str, ...]:
    if effective >= LEAST_EFFECTIVE:
        return ()
    return (
        "Poor overlap: covariates and mediators under one treatment value rarely look as under the other, so that few "
        f"rows carry the estimate (the rows of one arm are worth {effective:.0%} of their number). The intervals are "
        "then too narrow.",
    )


def _causation(means: Array) -> dict[str, Bounds]:
    """Bounds from the means `(..., 6)` of the four cells of (X, Y) and of the two scores."""
    under_a, under_b = np.clip(means[..., 4], 0, 1), np.clip(means[..., 5], 0, 1)
    return causation_bounds(means[..., :4].reshape(*means.shape[:-1], 2, 2), under_a, under_b)


def _quantile(values: Array, share: float) -> float:
    return float(np.nanquantile(values, share))
