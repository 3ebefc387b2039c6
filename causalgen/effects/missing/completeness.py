"""Weights of complete rows: the inverse of the probability that a row is complete, given what every row has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...datasets.declared import type_column
from ...errors import DataError
from ..effective_size import effective_size
from ..table import numeric

if TYPE_CHECKING:
    from ..question import EffectQuestion

__all__ = ["Completeness", "complete_weights", "observed_columns"]

Array = NDArray[np.float64]

LARGEST = 20.0
"""Maximum weight, as a multiple of the mean; larger ones are truncated."""


@dataclass(frozen=True)
class Completeness:
    """How complete rows represent all rows.

    Attributes:
        given: The columns without a hole, by which the probability that a row is complete is fitted.
        weights: Stabilised inverse probabilities of the complete rows, of mean 1, shape `(rows,)`.
        truncated: Number of rows whose weight was lowered to the largest allowed one.
    """

    given: tuple[str, ...]
    weights: Array
    truncated: int

    @property
    def effective(self) -> float:
        """Effective sample size of the complete rows."""
        return float(effective_size(self.weights))


def complete_weights(
    question: "EffectQuestion", used: Sequence[str], complete: NDArray[np.bool_], sampling: Array
) -> Completeness:
    r"""Fit the probability that a row is complete, and weight the complete rows by its inverse.

    .. math:: w_i = P(R = 1) / P(R = 1 \mid V_i)

    where R indicates that no used value is missing and V are the columns that every row has: used ones, and other
    attributes of the graph. The model is logistic with splines and products. It is right if R is independent of the
    missing values given V.

    References:
        Seaman and White (2013), Review of inverse probability weighting for dealing with missing data.

    Args:
        question: The question, with table and graph.
        used: The columns that the estimate uses.
        complete: Which rows are complete, shape `(rows,)`.
        sampling: Sampling weights of all rows, shape `(rows,)`.

    Raises:
        DataError: Every column has missing values.
    """
    from ..estimators.basis import FlexibleBasis
    from ..estimators.outcome_model import OutcomeModel

    given = observed_columns(question, used)
    if not len(given.columns):
        imputed = f", or have them imputed: {question.remedy}" if question.remedy else ""
        raise DataError(
            f"Expected a column without missing values, by which to fit the probability that a row is complete; each of "
            f"{', '.join(used)} has holes. Fill them in{imputed}."
        )
    columns = numeric(given)
    basis = FlexibleBasis(columns)(columns)
    model = OutcomeModel((0.0, 1.0), penalty=None).fit(basis, complete.astype(float), sampling)
    inverse = 1 / np.maximum(model.predict(basis[complete]), 1e-9)
    inverse /= np.average(inverse, weights=sampling[complete])
    large = inverse > LARGEST
    weights = np.minimum(inverse, LARGEST)
    return Completeness(tuple(given.columns), weights / weights.mean(), int(large.sum()))


def observed_columns(question: "EffectQuestion", used: Sequence[str]) -> pd.DataFrame:
    """The attributes of the graph that every row has, as numbers and categories; the used ones first."""
    found: dict[str, pd.Series] = {}
    for name in dict.fromkeys([*used, *question.graph.nodes]):
        try:
            reading = type_column(question.graph[name], question.table[name]).reading
        except DataError:
            if name in used:
                raise
            continue  # such as a column of row names, which carries no information about other rows
        if reading.missing.any() or reading.constant:
            continue
        column = pd.Series(reading.values)
        found[name] = column.astype(int).astype("category") if len(reading.labels or ()) > 2 else column
    return pd.DataFrame(found)
