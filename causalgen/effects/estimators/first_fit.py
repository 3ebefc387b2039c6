"""What a refit keeps of the first fit, so that the two differ by their data alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["FirstFit", "Penalties", "with_penalty"]

Array = NDArray[np.float64]
Penalties = dict[str, float]


@dataclass
class FirstFit:
    """Covariates, basis, folds and penalties of an estimator's first fit.

    Without it, a column that is added may cost the basis its products (see `FlexibleBasis`), a model may choose another
    penalty, and a row may come into another fold: the estimate would then move for no reason that lies in the data.

    Attributes:
        covariates: Names of the first fit's covariates; None before it.
        bases: Bases of the first fit's columns, by what they are for; empty before it.
        folds: Number of the fold of each row, by the table's index; None before it, or where refits draw their own.
        penalties: For each fold, the penalty of each model that chose one, as a share of the rows that it was fitted on.
        propensities: For each fold, the propensities of its rows, as long as rows, treatment and covariates stay the
            same; None where a refit may change them.
        keeps_folds: Whether refits keep the folds, which hold equal shares of every arm: those of another treatment do not.
    """

    covariates: list[str] | None = None
    bases: dict[str, FlexibleBasis] = field(default_factory=dict)
    folds: pd.Series | None = None
    penalties: dict[int, Penalties] = field(default_factory=dict)
    propensities: dict[int, Array] | None = None
    keeps_folds: bool = True

    def features(self, columns: Array, units: int, role: str, **options: Any) -> Callable[[Array], Array]:
        """The basis of the first fit in this role; columns beyond its own enter as straight lines."""
        if role not in self.bases:
            self.bases[role] = FlexibleBasis(columns, units=units, **options)
        own, width = self.bases[role], self.bases[role].width
        if columns.shape[1] == width:
            return own
        more = columns[:, width:]
        centre, spread = more.mean(axis=0), np.maximum(more.std(axis=0), 1e-12)
        return lambda seen: np.hstack([own(seen[:, :width]), (seen[:, width:] - centre) / spread])


def with_penalty(model: BaseEstimator, share: float | None, rows: int) -> BaseEstimator:
    """An unfitted copy of a model; one that would choose its penalty takes this share of the rows, if any is given."""
    copy = clone(model)
    if share is not None and isinstance(copy, OutcomeModel) and copy.penalty is None:
        copy.penalty = share * rows
    return copy
