"""Multiple imputation by chained equations: a table completed several times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...datasets.declared import TypedColumn, type_column, with_variables
from ...errors import DataError
from ..table import numeric
from .conditional import Target, draw

if TYPE_CHECKING:
    from ..question import EffectQuestion

__all__ = ["IMPUTATIONS", "Imputation", "imputation"]

Array = NDArray[np.float64]

IMPUTATIONS = 20
SWEEPS = 5
LEAST_SEEN = 30
"""Minimum number of observed cells of an imputed column."""
MOST_HOLES = 0.5
"""Above this share of missing cells, a column that the estimate does not use is left out of the imputation."""
ROWS_PER_COLUMN = 20
"""Number of observed rows per other column at or above which an arm is imputed separately."""


@dataclass(frozen=True)
class Imputation:
    """The imputation of a question's table.

    Attributes:
        question: The question.
        columns: The columns of the chained equations: those that the estimate uses, then other attributes of the graph.
        used: How many of them the estimate uses.
    """

    question: "EffectQuestion"
    columns: Mapping[str, TypedColumn]
    used: tuple[str, ...]

    @property
    def holes(self) -> dict[str, int]:
        """Missing cells by used column."""
        return {name: int(self.columns[name].reading.missing.sum()) for name in self.used}

    @property
    def incomplete(self) -> int:
        """Rows that lack a used value."""
        return int(np.any([self.columns[name].reading.missing for name in self.used], axis=0).sum())

    def completed(self, seed: int, count: int) -> "Iterator[EffectQuestion]":
        """The question on tables without missing values, one after another; same seed, same tables.

        The kinds of all columns are declared in each, as the typing rule decided them on the table with holes.
        """
        graph = with_variables(self.question.graph, [column.variable for column in self.columns.values()])
        for one in np.random.SeedSequence(seed).spawn(count):
            values = self._chain(np.random.default_rng(one))
            table = self.question.table.assign(**{str(name): column for name, column in values.items()})
            yield replace(self.question, graph=graph, table=table, missing="drop")

    def _chain(self, rng: np.random.Generator) -> dict[str, NDArray]:
        """One draw of all incomplete columns, as labels or numbers."""
        targets = {name: _target(column) for name, column in self.columns.items()}
        current = {name: target.values.copy() for name, target in targets.items()}
        holes = sorted(
            (name for name, one in targets.items() if one.missing.any()), key=lambda name: targets[name].missing.sum()
        )
        for name in holes:
            one = targets[name]
            current[name][one.missing] = rng.choice(one.values[~one.missing], int(one.missing.sum()))
        for _ in range(SWEEPS if len(holes) > 1 else 1):
            for name in holes:
                self._draw(name, replace(targets[name], values=current[name]), current, rng)
        return {name: _written(self.columns[name], current[name]) for name in holes}

    def _draw(self, name: str, target: Target, current: dict[str, Array], rng: np.random.Generator) -> None:
        """Draw the missing values of one column again, in every arm of a discrete treatment that has enough rows."""
        question, weights = self.question, self._random_weights(rng)
        others = self._numbers([other for other in self.columns if other != name], current)
        every = np.ones(len(weights), dtype=bool)
        treatment = question.treatment
        clusters = None if question.cluster is None else pd.factorize(question.table[question.cluster])[0]
        target = replace(target, leading=self._leading(name), clusters=clusters)
        arms = [every]
        if isinstance(treatment, str) and treatment != name and self.columns[treatment].variable.is_discrete:
            arms = [current[treatment] == code for code in np.unique(current[treatment])]
        found = current[name].copy()
        for arm in arms:
            wanted = arm & target.missing
            if wanted.any():
                enough = (arm & ~target.missing).sum() >= ROWS_PER_COLUMN * others.shape[1]
                found[wanted] = draw(target, others, arm if enough else every, wanted, weights, rng)
        current[name] = found

    def _leading(self, name: str) -> int:
        """Number of leading other columns that are treatments or the outcome, with at most two labels if discrete."""
        asked = {*self.question.treatments, self.question.outcome} - {name}
        return sum(len(self.columns[one].variable.labels or ()) <= 2 for one in asked)

    def _numbers(self, names: Sequence[str], current: Mapping[str, Array]) -> Array:
        """Columns as numbers; sampling weights are one of them."""
        columns = {}
        for name in names:
            column = pd.Series(current[name])
            several = len(self.columns[name].variable.labels or ()) > 2
            columns[name] = column.astype(int).astype("category") if several else column
        found = numeric(pd.DataFrame(columns))
        if self.question.weights is None:
            return found
        return np.column_stack([found, np.log(self.question.table[self.question.weights].to_numpy(dtype=float))])

    def _random_weights(self, rng: np.random.Generator) -> Array:
        """Exponential weights of mean 1, shape `(rows,)`; rows of a cluster share theirs."""
        table = self.question.table
        if self.question.cluster is None:
            weights = rng.exponential(size=len(table))
        else:
            codes = pd.factorize(table[self.question.cluster])[0]
            weights = rng.exponential(size=codes.max() + 1)[codes]
        return weights / weights.mean()


def imputation(question: "EffectQuestion", used: Sequence[str]) -> Imputation:
    """Read the columns from which missing values are imputed.

    Args:
        question: The question, with table and graph.
        used: The columns that the estimate uses.

    Raises:
        DataError: A used column cannot be read, or has too few values to learn from.
    """
    _ = question.extra_columns  # refuses holes in them
    for name in used:
        if (count := int(question.table[name].notna().sum())) < LEAST_SEEN:
            raise DataError(
                f"Expected at least {LEAST_SEEN} values in column '{name}' to impute the others from; got {count}. Leave "
                "the column out of the graph with graph.project([...]), or collect its values."
            )
    columns = {}
    for name in dict.fromkeys([*used, *question.graph.nodes]):
        try:
            column = type_column(question.graph[name], question.table[name])
        except DataError:
            if name in used:
                raise
            continue  # such as a column of row names, which says nothing about other rows
        seen = ~column.reading.missing
        if name in used or (seen.mean() >= 1 - MOST_HOLES and not column.reading.constant):
            columns[name] = column
    return Imputation(question, columns, tuple(used))


def _target(column: TypedColumn) -> Target:
    variable, reading = column.variable, column.reading
    return Target(reading.values, reading.missing, len(variable.labels or ()), variable.support)


def _written(column: TypedColumn, values: Array) -> NDArray:
    """Numbers, or labels for codes."""
    labels = column.variable.labels
    if labels is None:
        return values
    return np.array([*labels, None], dtype=object)[values.astype(int)]
