"""A contrast evaluated on a table: its columns in stages, and estimates with their intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import norm

from ..datasets.declared import with_variables
from ..errors import DataError, NotIdentifiableError
from ..graph import CausalGraph, NestedEstimand
from .encode import encode_table
from .nested_report import NestedReport
from .nested_scores import Design, NestedMean, Scores, nested_scores
from .report import Estimate
from .table import numeric

__all__ = ["FOLDS", "ROBUST_NOTE", "Question", "quantile", "uneven"]

Array = NDArray[np.float64]
FOLDS = 5
DRAWS = 200
LEAST_EFFECTIVE = 0.2
"""A warning below this effective sample size, as a share of an arm's rows."""
MOST_DETERMINED = 0.1
"""A warning above this share of rows whose fitted treatment probability is 0 or 1 to within 0.01."""
Levels = tuple[str, ...]
"""The treatment value, "a" or "b", of every stage."""
ROBUST_NOTE = (
    "Multiply robust scores, regressions and treatment probabilities with splines and products, cross-fitted over "
    f"{FOLDS} folds. Influence-function interval."
)
COMPUTED_NOTE = f"Flexible g-computation, regression on regression. Percentile interval of {DRAWS} bootstrap draws."


class Question:
    """A contrast evaluated on a table."""

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
        self.graph = with_variables(graph, self.encoded.variables)
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
        return self.encoded.warnings

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
            return self.report(estimates, uneven(found))
        mean = NestedMean(design, list(values.values()))

        def means(weights: Array) -> dict[Levels, float]:
            return {key: mean(levels, weights) for key, levels in needed.items()}

        whole = means(np.ones(len(design.outcome)))
        drawn = Parallel()(delayed(means)(weights) for weights in self.draws(DRAWS))
        tail = (1 - self.level) / 2
        estimates = []
        for name, (b, a, words) in compared.items():
            spread = np.array([draw[b] - draw[a] for draw in drawn])
            low, high = quantile(spread, tail), quantile(spread, 1 - tail)
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
            variables=self.encoded.variables,
        )


def uneven(scores: Iterable[Scores]) -> tuple[str, ...]:
    """A warning where the effective sample size is small, or where the treatment of many rows is determined."""
    found = list(scores)
    effective, determined = min(score.effective for score in found), max(score.determined for score in found)
    if determined > MOST_DETERMINED:
        return (
            f"Poor overlap: for {determined:.0%} of the rows covariates or mediators all but determine the treatment, so "
            "their outcome under another treatment is extrapolated. The intervals do not include that uncertainty.",
        )
    if effective >= LEAST_EFFECTIVE:
        return ()
    return (
        "Poor overlap: covariates and mediators under one treatment value rarely resemble those under the other, so few "
        f"rows carry the estimate (the effective sample size of one arm is {effective:.0%} of its rows). The intervals "
        "are then too narrow.",
    )


def quantile(values: Array, share: float) -> float:
    """A quantile; draws that lack the group are skipped."""
    return float(np.nanquantile(values, share))
