"""Whether mediators as under one value of a continuous treatment are seen with the other value."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..effects.estimators.outcome_model import OutcomeModel
from ..effects.table import numeric
from ..graph.notation import join, spell_number

__all__ = ["crossed_overlap"]

NEAR = 0.1
"""Share of the rows, those with the nearest treatment, whose mediators stand for those under a value."""
MANY = 0.1
"""Share of such rows from which on a warning is given."""


def crossed_overlap(
    data: pd.DataFrame, treatment: str, given: list[str], mediators: list[str], contrast: tuple[float, float]
) -> tuple[str, ...]:
    """A warning if Y(b, M(a)) or Y(a, M(b)) needs mediators that similar rows have with another treatment only.

    A value is rare for a row if it lies outside 99 % of the treatment's spread around its mean given the covariates and
    mediators; the rows that count are those with a treatment near the other value.

    Args:
        data: The columns.
        treatment: A continuous treatment.
        given: Covariates.
        mediators: Mediators that keep their values as under the other treatment.
        contrast: (a, b).
    """
    values = data[treatment].to_numpy(dtype=float)
    model, features = OutcomeModel(), numeric(data[[*given, *mediators]])
    expected = model.fit(features, values).predict(features)
    low, high = np.quantile(values - expected, [0.005, 0.995])
    found = []
    for kept, level in (contrast, contrast[::-1]):
        near = _nearest(values, kept)
        unseen = float(((level - expected[near] < low) | (level - expected[near] > high)).mean())
        if unseen >= MANY:
            found.append(
                f"{unseen:.0%} of the rows with {treatment} near {spell_number(kept)} have {join(mediators)} that rows with "
                f"{treatment} = {spell_number(level)} rarely have"
            )
    if not found:
        return ()
    return (
        f"Poor overlap: {'; '.join(found)}. The direct and indirect parts are an extrapolation of the fitted model there; the "
        "total is not.",
    )


def _nearest(values: NDArray[np.float64], kept: float) -> NDArray[np.int64]:
    count = max(round(NEAR * len(values)), 1)
    return np.argsort(np.abs(values - kept), kind="stable")[:count]
