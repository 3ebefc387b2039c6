"""What a refit keeps of the first fit, so that the two differ only in their data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["FirstFit", "Penalties", "Starts", "with_penalty"]

Array = NDArray[np.float64]
Penalties = dict[str, float]
Starts = dict[str, Array]


@dataclass
class FirstFit:
    """Covariates, basis, folds and penalties of an estimator's first fit.

    Without it, an added column may make the basis drop its products (see `FlexibleBasis`), a model may choose another
    penalty, and a row may fall into another fold: the estimate would then move for reasons unrelated to the data.

    Attributes:
        covariates: Names of the first fit's covariates; None before it.
        bases: Bases of the first fit's columns, by their role; empty before it.
        folds: Number of the fold of each row, by the table's index; None before it, or if refits draw their own.
        penalties: For each fold, the penalty of each model that chose one, as a share of the rows that it was fitted on.
        starts: For each fold, intercept and coefficients of each model of the first fit, from which refits start.
        made: Cached arrays computed from the covariates of the first fit's rows, with their index, by name.
        propensities: For each fold, the propensities of its rows, as long as rows, treatment and covariates stay the
            same; None if a refit may change them.
        grams: Second moments of the features by fold and arm, under the same condition; None before the first fit.
        keeps_folds: Whether refits keep the folds, which hold equal shares of every arm: folds for another treatment do
            not.
    """

    covariates: list[str] | None = None
    bases: dict[str, FlexibleBasis] = field(default_factory=dict)
    folds: pd.Series | None = None
    penalties: dict[int, Penalties] = field(default_factory=dict)
    starts: dict[int, Starts] = field(default_factory=dict)
    made: dict[str, tuple[pd.Index, Array]] = field(default_factory=dict)
    propensities: dict[int, Array] | None = None
    grams: Array | None = None
    keeps_folds: bool = True

    def of_rows(self, what: str, index: pd.Index, make: Callable[[], Array]) -> Array:
        """An array of the covariates of some rows, computed once, for the rows of the first fit."""
        if what not in self.made:
            self.made[what] = (index, make())
        rows, made = self.made[what]
        return made if index.equals(rows) else made[rows.get_indexer(index)]

    def features(self, columns: Array, units: int, role: str, **options: Any) -> Callable[[Array], Array]:
        """The basis of the first fit in this role; columns beyond its own enter as straight lines."""
        if role not in self.bases:
            self.bases[role] = FlexibleBasis(columns, units=units, **options)
        own, width = self.bases[role], self.bases[role].width
        if columns.shape[1] == width:
            return own
        more = columns[:, width:]
        return lambda seen: np.hstack([own(seen[:, :width]), _lines(more, seen[:, width:])])

    def features_of(self, columns: Array, index: pd.Index, units: int, **options: Any) -> Array:
        """The features of the covariates of some rows; those of the first fit's covariates are computed only once."""
        self.features(columns, units, "", **options)
        own, width = self.bases[""], self.bases[""].width
        made = self.of_rows("features", index, lambda: own(columns[:, :width]))
        return made if columns.shape[1] == width else np.hstack([made, _lines(columns[:, width:], columns[:, width:])])


def _lines(columns: Array, seen: Array) -> Array:
    """Columns as straight lines, on the scale of those seen first."""
    return (seen - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-12)


def with_penalty(model: BaseEstimator, share: float | None, rows: int) -> BaseEstimator:
    """An unfitted copy of a model; if a share of the rows is given, it replaces the choice of a penalty."""
    copy = clone(model)
    if share is not None and isinstance(copy, OutcomeModel) and copy.penalty is None:
        copy.penalty = share * rows
    return copy
