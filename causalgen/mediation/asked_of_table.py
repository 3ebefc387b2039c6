"""A nested question with the columns of a table that answer it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from ..effects.contrast import as_declared
from ..effects.estimators.nested_scores import Design
from ..effects.table import EncodedTable, numeric
from ..errors import DataError
from ..graph import CausalGraph, NestedEstimand, NestedQuestion
from ..graph.nested_estimand import ESTIMANDS, definitions

__all__ = ["AskedOfTable"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AskedOfTable:
    """A question with the columns that answer it."""

    graph: CausalGraph
    question: NestedQuestion
    estimand: NestedEstimand
    encoded: EncodedTable
    level: float
    seed: int

    def design(self, rows: NDArray[np.bool_] | slice = slice(None)) -> Design:
        """The columns of every stage; a single stage of covariates if the estimand has none."""
        data = self.encoded.data[rows]
        held = self.question.settings
        fixed = data.assign(**{name: self.set_to(name, value) for name, value in held.items()})
        known = list(self.estimand.adjustment)
        before = []
        for nodes, _ in self.estimand.stages or (((self.estimand.outcome,), "b"),):
            earlier = [name for name in held if self.graph.nodes.index(name) < self.graph.nodes.index(nodes[-1])]
            before.append([*known, *earlier])
            known += nodes
        clusters = self.encoded.clusters
        return Design(
            treatment=data[self.estimand.treatment].to_numpy(dtype=float),
            outcome=data[self.estimand.outcome].to_numpy(dtype=float),
            histories=tuple(numeric(data[names]) for names in before),
            settings=tuple(numeric(fixed[names]) for names in before),
            bounds=self.encoded.bounds,
            contrast=(self.encoded.control, self.encoded.treated),
            discrete=self.encoded.kind != "continuous",
            clusters=None if clusters is None else np.unique(clusters[rows], return_inverse=True)[1],
        )

    @property
    def definitions(self) -> dict[str, str]:
        """The effects by name, and the counterfactuals that each compares."""
        found = self.estimand
        settings = self.question.settings
        return definitions(found.name, found.treatment, found.outcome, found.mediators, found.paths, settings)

    def set_to(self, name: str, value: Any) -> Any:
        """A column in which every row has the value."""
        column, variable = self.encoded.data[name], self.graph[name]
        try:
            shown = as_declared(variable, value)
        except DataError as error:
            if variable.is_discrete:  # the message lists the labels
                raise
            raise DataError(f"Expected a number to set '{name}' to; got {value!r}.") from error
        code = variable.encode(shown) if variable.is_discrete else shown
        if column.dtype == "category":
            return pd.Categorical([int(code)] * len(column), categories=column.cat.categories)
        return float(code)

    def draws(self, count: int, clusters: NDArray[np.int64] | None) -> Iterator[Array]:
        """How often every row counts in each bootstrap draw; clusters are drawn whole."""
        rng = np.random.default_rng(self.seed)
        units = len(self.encoded.data) if clusters is None else clusters.max() + 1
        for _ in range(count):
            counts = np.bincount(rng.integers(units, size=units), minlength=units).astype(float)
            yield counts if clusters is None else counts[clusters]

    def interval(self, scores: Array, clusters: NDArray[np.int64] | None) -> tuple[float, float, float]:
        """The mean of the scores with its interval; scores are summed within clusters before squaring."""
        value, rows = float(scores.mean()), len(scores)
        sums = scores if clusters is None else np.bincount(clusters, weights=scores - value)
        error = float(sums.std(ddof=1)) * len(sums) ** 0.5 / rows
        freedom = np.inf if clusters is None else len(sums) - 1
        reach = float(student.ppf(0.5 + self.level / 2, freedom)) * error
        return value, value - reach, value + reach

    def quantiles(self, low: Array, high: Array) -> tuple[float, float]:
        """Ends of a percentile interval; draws that lack the group are skipped."""
        tail = (1 - self.level) / 2
        return float(np.nanquantile(low, tail)), float(np.nanquantile(high, 1 - tail))

    def require(self, kinds: Sequence[str], words: str) -> None:
        """Refuse a treatment of another kind."""
        if self.encoded.kind not in kinds:
            raise DataError(
                f"Expected a {words} treatment for the {ESTIMANDS[self.question.estimand]}; '{self.estimand.treatment}' is "
                f"{self.encoded.kind}. Recode it into two labels."
            )
