"""The factors of a formula, such as P(y | x, z), as arrays: shares of cells, or regressions."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from ...graph import Estimand, Expression, Probability
from ...graph.expression import sums, terms
from ...graph.notation import join
from .adjustment import Array, Arrays
from .outcome_model import OutcomeModel

__all__ = ["ROWS", "Axes", "Factors", "Labels", "why_not_estimable"]

ROWS = "(rows)"
"""Axis of the rows, over which sums over continuous variables run."""
LEAST_IN_CELL = 5
"""Minimum number of rows per cell for a factor to consist of cell shares; otherwise it is a regression."""
MOST_NUMBERS = 3e7
POINTS = 5
"""Number of quantiles that represent a continuous variable on whose value the formula does not depend."""
Labels = Mapping[str, Mapping[float, Any]]
Basis = Callable[[Array, str], Callable[[Array], Array]]


@dataclass(frozen=True)
class Axes:
    """The axes of the arrays in which a formula is evaluated.

    Attributes:
        points: Axis -> the values along it; labels are numbers.
        columns: Variable -> its value in every row, `(rows,)`.
        labels: Discrete variable -> the label of each value.
        outcome: The outcome.
        treatment: The treatment.
        by_mean: Whether the outcome enters by its mean, and so has no axis.
        strata: Variables outside the formula that every factor is conditional on.
    """

    points: Mapping[str, Array]
    columns: Mapping[str, Array]
    labels: Labels
    treatment: str
    outcome: str
    by_mean: bool
    strata: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, estimand: Estimand, table: pd.DataFrame, labels: Labels, compared: tuple[float, float], more: Array
    ) -> "Axes":
        """The axes for a formula.

        Args:
            estimand: The formula, with the names of treatment and outcome.
            table: The columns.
            labels: Labels of the discrete variables.
            compared: The two values of the treatment.
            more: Covariates outside the formula, `(rows, columns)`: the halves below and above their medians are strata.
        """
        x, y, formula = str(estimand.treatment), str(estimand.outcome), estimand.expression
        assert formula is not None
        names = [name for name in formula.names if name in table]
        columns = {name: table[name].to_numpy(dtype=float) for name in dict.fromkeys((*names, x, y))}
        strata = {f"(covariate {place})": column > np.median(column) for place, column in enumerate(more.T)}
        by_mean = not any(y in term.given for term, _ in terms(formula))
        points = {x: np.unique(columns[x]) if x in labels else np.array(compared)}
        for name in names:
            if name in labels and not (name == y and by_mean):
                points[name] = np.unique(columns[name])
            elif name in estimand.arbitrary:
                points[name] = np.quantile(columns[name], (np.arange(POINTS) + 0.5) / POINTS)
        points |= dict.fromkeys(strata, np.array([0.0, 1.0]))
        if any(name not in labels and name not in (y, *estimand.arbitrary) for name in names):
            points[ROWS] = np.arange(len(table))
        columns |= {name: half.astype(float) for name, half in strata.items()}
        return cls(points, columns, labels, x, y, by_mean, tuple(strata))

    @property
    def names(self) -> tuple[str, ...]:
        """The axes, in order."""
        return tuple(self.points)

    def shape(self, *names: str) -> tuple[int, ...]:
        """The shape of an array that varies along some axes."""
        return tuple(len(points) if name in names else 1 for name, points in self.points.items())

    def is_row_variable(self, name: str) -> bool:
        """Whether a sum over the variable runs over the rows."""
        return name not in self.labels and name != self.outcome

    def position(self, value: float) -> int:
        """The place of a value of the treatment."""
        return int(np.flatnonzero(self.points[self.treatment] == value)[0])

    def averaged(self, values: Array, names: Sequence[str], weights: Array) -> Array:
        """The average over the axes of some variables, by how often their values occur."""
        for name in names:
            axis = self.names.index(name)
            if values.shape[axis] > 1:
                values = np.average(values, axis=axis, weights=self._shares(name, weights), keepdims=True)
        return values

    def means(self, values: Array, weights: Array) -> Array:
        """Mean of the outcome at every value of the treatment."""
        values = self.averaged(values, self.strata, weights)
        if not self.by_mean:
            y = self.points[self.outcome].reshape(self.shape(self.outcome))
            values = (values * y).sum(axis=self.names.index(self.outcome), keepdims=True)
        return np.broadcast_to(values, self.shape(self.treatment)).ravel()

    def _shares(self, name: str, weights: Array) -> Array:
        if name not in self.labels and name not in self.strata:
            return np.ones(len(self.points[name]))
        return np.array([weights[self.columns[name] == value].sum() for value in self.points[name]])


@dataclass
class _Factor:
    """One conditional distribution P(name | given), or mean of the outcome.

    Attributes:
        name: The variable.
        given: The variables that it is conditional on.
        fit: The values on the axes, from the weights of the rows.
        sparse: How many of how many cells have few rows; empty if the factor consists of shares, or has no cells.
    """

    name: str
    given: tuple[str, ...]
    fit: Callable[[Array], Array]
    sparse: str = ""

    def __str__(self) -> str:
        return Probability((self.name,), self.given).text


@dataclass
class Factors:
    """All factors of one formula; each is prepared once, and fitted once for each set of weights."""

    axes: Axes
    arrays: Arrays
    bounds: tuple[float, float] | None
    basis: Basis
    _known: dict[Any, _Factor] = field(default_factory=dict)
    _fitted: dict[Any, Array] = field(default_factory=dict)
    _weights: Array = field(default_factory=lambda: np.ones(0))

    def prepare(self, expression: Expression) -> None:
        """Prepare the factors of an expression.

        Raises:
            DataError: Two labels that a factor needs never occur together, or its arrays are too large.
        """
        for term, bound in terms(expression):
            for name, given in self._chain(term, bound):
                key = (name, given, self._rows(given, bound))
                if key not in self._known:
                    self._known[key] = self._factor(*key)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warnings about factors that are regressions because cells have few rows."""
        found = [f"{factor} ({factor.sparse})" for factor in self._known.values() if factor.sparse]
        if not found:
            return ()
        return (
            f"Few rows in cells: in {', '.join(found)} some combinations of values have fewer than {LEAST_IN_CELL} rows, so "
            "a penalised regression fills them in. Merge rare labels, or collect rows of these combinations.",
        )

    def weigh(self, weights: Array) -> None:
        """Set new row weights, `(rows,)`."""
        self._weights, self._fitted = weights, {}

    def value(self, term: Probability, bound: frozenset[str]) -> Array:
        """The values of a term, inside sums over the variables `bound`."""
        axes = self.axes
        value = np.ones([1] * len(axes.names))
        if any(axes.is_row_variable(name) for name in term.of):
            first = min(name for name in bound if axes.is_row_variable(name))
            return (self._weights / self._weights.sum()).reshape(axes.shape(ROWS)) if first in term.of else value
        for name, given in self._chain(term, bound):
            key = (name, given, self._rows(given, bound))
            if key not in self._fitted:
                self._fitted[key] = self._known[key].fit(self._weights)
            value = value * self._fitted[key]
        return value

    def _chain(self, term: Probability, bound: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The variables of a term, each with those that it is conditional on; the outcome comes last."""
        axes = self.axes
        if any(axes.is_row_variable(name) for name in term.of):
            return
        given = (*term.given, *axes.strata)
        for name in sorted(term.of, key=lambda name: name == axes.outcome):
            if not (axes.by_mean and name == axes.outcome and name in bound):  # its probabilities sum to one
                yield name, given
            given = (*given, name)

    def _rows(self, given: tuple[str, ...], bound: frozenset[str]) -> tuple[str, ...]:
        """The conditions that take the value of each row."""
        return tuple(name for name in given if name in bound and self.axes.is_row_variable(name))

    def _factor(self, name: str, given: tuple[str, ...], rows: tuple[str, ...]) -> _Factor:
        axes = self.axes
        discrete = [other for other in given if other in axes.labels or other in axes.strata]
        cells = _Cells.of(axes, discrete)
        if len(discrete) == len(given) and cells.counts.min() >= LEAST_IN_CELL:
            return _Factor(name, given, self._shares(name, cells))
        self._check_pairs(name, given, discrete)
        sparse = f"{(cells.counts < LEAST_IN_CELL).sum()} of {len(cells.counts)} cells" * (len(discrete) == len(given))
        return _Factor(name, given, self._regression(name, given, rows), sparse)

    def _shares(self, name: str, cells: "_Cells") -> Callable[[Array], Array]:
        """Shares or means of the rows of each cell; of all rows if none of the cell is drawn."""
        axes, code, size = self.axes, cells.code, len(cells.counts)
        if self._is_mean(name):
            outcome = axes.columns[name]

            def means(weights: Array) -> Array:
                total = np.bincount(code, weights, size)
                sums = np.bincount(code, weights * outcome, size)
                return _ratio(sums, total, float(np.average(outcome, weights=weights))).reshape(cells.shape)

            return means
        place = np.searchsorted(axes.points[name], axes.columns[name])
        width = len(axes.points[name])

        def shares(weights: Array) -> Array:
            sums = np.bincount(code * width + place, weights, size * width).reshape(size, width)
            whole = np.bincount(place, weights, width) / weights.sum()
            found = _ratio(sums, sums.sum(axis=1, keepdims=True), whole)
            return _along(found.reshape(*cells.shape, width), axes.names.index(name))

        return shares

    def _regression(self, name: str, given: tuple[str, ...], rows: tuple[str, ...]) -> Callable[[Array], Array]:
        """Regressions on a flexible basis, predicted for every combination of points (and every row)."""
        axes = self.axes
        along = [other for other in axes.names if other in given and other not in rows] + [ROWS] * bool(rows)
        shape = axes.shape(*along)
        seen = np.column_stack([self._columns(other, axes.columns[other]) for other in given])
        grid = dict(zip(along, np.meshgrid(*(axes.points[other] for other in along), indexing="ij"), strict=True))
        every = grid[ROWS].astype(int).ravel() if rows else None
        parts = [
            self._columns(other, axes.columns[other][every] if other in rows else grid[other].ravel())
            for other in given
        ]
        if np.prod(shape) * seen.shape[1] > MOST_NUMBERS:
            raise DataError(
                f"Expected a factor {Probability((name,), given).text} of at most {MOST_NUMBERS:.0e} numbers; got "
                f"{np.prod(shape):,} combinations of values. Merge labels, or leave variables out of the graph."
            )
        basis = self.basis(seen, f"{name} | {', '.join(given)}")
        features, at = basis(seen), basis(np.column_stack(parts))
        if self._is_mean(name):
            return lambda weights: (
                OutcomeModel(self.bounds).fit(features, axes.columns[name], weights).predict(at).reshape(shape)
            )
        values = axes.points[name]
        members = [(axes.columns[name] == value).astype(float) for value in values[len(values) == 2 :]]

        def shares(weights: Array) -> Array:
            found = [OutcomeModel((0.0, 1.0)).fit(features, member, weights).predict(at) for member in members]
            found = found if len(found) > 1 else [1 - found[0], found[0]]
            stacked = np.stack(found, axis=-1)
            return _along((stacked / stacked.sum(axis=-1, keepdims=True)).reshape(*shape, -1), axes.names.index(name))

        return shares

    def _columns(self, name: str, values: Array) -> Array:
        """A variable as columns: a number, or an indicator of each label but the first where there are more than two."""
        points = self.axes.points.get(name, np.zeros(0))
        if name not in self.axes.labels or len(points) < 3:
            return values[:, None]
        return (values[:, None] == points[1:]).astype(float)

    def _is_mean(self, name: str) -> bool:
        return self.axes.by_mean and name == self.axes.outcome

    def _check_pairs(self, name: str, given: tuple[str, ...], discrete: Sequence[str]) -> None:
        """Refuse two labels that a factor is conditional on and that no row has together."""
        axes = self.axes
        for pair in combinations([other for other in discrete if other not in axes.strata], 2):
            cells = _Cells.of(axes, pair)
            if cells.counts.all():
                continue
            empty = np.unravel_index(int(np.argmin(cells.counts)), [len(axes.points[other]) for other in pair])
            told = " and ".join(
                f"{other} = {axes.labels[other][axes.points[other][place]]!r}"
                for other, place in zip(pair, empty, strict=True)
            )
            raise DataError(
                f"Expected rows with every combination of values that the formula conditions on; none has {told}, and the "
                f"factor {Probability((name,), given).text} needs it. Merge labels, collect such rows, or ask for a contrast "
                "of other values."
            )


@dataclass(frozen=True)
class _Cells:
    """The combinations of values of some discrete variables.

    Attributes:
        code: Number of the cell of each row.
        counts: Number of rows in each cell.
        shape: Shape of an array with one value for each cell, on the axes.
    """

    code: NDArray[np.int64]
    counts: NDArray[np.int64]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, axes: Axes, names: Sequence[str]) -> "_Cells":
        ordered = [name for name in axes.names if name in names]
        sizes = [len(axes.points[name]) for name in ordered]
        places = [np.searchsorted(axes.points[name], axes.columns[name]) for name in ordered]
        code = (
            np.ravel_multi_index(places, sizes) if ordered else np.zeros(len(axes.columns[axes.treatment]), dtype=int)
        )
        return cls(code, np.bincount(code, minlength=int(np.prod(sizes))), axes.shape(*ordered))


def _ratio(above: NDArray, below: NDArray, otherwise: NDArray | float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, otherwise)


def _along(values: Array, axis: int) -> Array:
    """Move the last axis of the values to the place of one of length 1."""
    return np.moveaxis(values, -1, axis).squeeze(axis + 1)


def why_not_estimable(estimand: Estimand, labels: Collection[str]) -> str:
    """Why the factors of a formula cannot be estimated; empty where they can.

    A continuous variable may be the outcome, may be conditioned on, or may be summed over with its own distribution, which
    the rows give. A factor that is the probability of one of its values would need a density.

    Args:
        estimand: The formula.
        labels: The discrete variables.
    """
    formula, y = estimand.expression, str(estimand.outcome)
    assert formula is not None
    continuous = {name for name in formula.names if name not in labels and name != y}
    for term, bound in terms(formula):
        if y not in labels and y in term.given:
            return f"the factor {term} is conditional on '{y}', which is continuous"
        for name in continuous.intersection(term.of):
            if name not in bound or not set(term.given) <= continuous & bound:
                return f"the factor {term} needs the density of '{name}', which is continuous"
    for whole in sums(formula):
        rows = continuous.intersection(whole.over)
        within = [name for term, _ in terms(whole.body) for name in term.of if name in rows]
        if sorted(within) != sorted(rows) or any(
            rows and continuous.intersection(inner.over) for inner in sums(whole.body)
        ):
            return f"the formula sums over {join(sorted(rows))} more than once, and they are continuous"
    return ""
