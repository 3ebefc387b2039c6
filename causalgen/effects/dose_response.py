"""The mean outcome as a function of a continuous treatment."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from ..datasets.declared import type_columns
from ..datasets.hints import declare_remedy
from ..datasets.kinds import describe
from ..errors import DataError, DataWarning, SupportError, warn
from ..graph import GraphLike, as_graph
from ..graph.notation import spell_number
from .adjusted import adjusted
from .bounded_means import from_logits, logit_errors, to_logits
from .encode import encode_question
from .missing.pooled_frame import pooled_frame
from .question import EffectQuestion, QuestionWords
from .settings import check_level
from .simultaneous import joint_covariance, simultaneous_reach

__all__ = ["dose_response"]

POINTS = 20
FEW = 0.5
"""If fewer than this share of rows support a value, it counts as extrapolated."""


def dose_response(
    graph: GraphLike,
    table: pd.DataFrame,
    *,
    values: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    **question: Unpack[QuestionWords],
) -> pd.DataFrame:
    """Estimate the mean outcome under do(treatment=value) over a grid, by flexible g-computation.

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        values: Treatment values; None for 20 between its 5 % and 95 % quantiles.
        level: Level of the bands.
        seed: Seed of folds and draws.
        question: As in `estimate_effect`: treatment (continuous), outcome, adjustment, weights, cluster, missing,
            variables.

    Returns:
        One row per value: value, mean, low, high (pointwise), low_all, high_all (the whole curve at once: the largest
        of the correlated errors, from 20,000 normal draws with the influence functions' covariance; with clusters
        Student's t; both on the logit scale where the outcome has bounds), and support, the share of rows for which the
        value lies within 99 % of the treatment's spread around its mean given the covariates. Its `attrs` hold level,
        unit, bounds (of the outcome), columns (the kind each column was read as), warnings, and missing, a text on
        imputed values.

    Raises:
        DataError: The treatment is not continuous, or the table does not fit.
        SupportError: A value lies outside the treatment's support.
        NotIdentifiableError: Adjustment does not identify the effect.
    """
    graph = as_graph(graph)
    check_level(level)
    asked = EffectQuestion(graph, table, contrast=None, imputable=True, **question)
    _ = adjusted(asked.estimand)
    grid = _grid(asked, values)
    asked = replace(asked, contrast=(float(grid[0]), float(grid[-1])))
    if asked.missing == "impute":
        return pooled_frame(asked, "mean", seed, lambda one: _curve(one, grid, level, seed))
    return _curve(asked, grid, level, seed)


def _curve(asked: EffectQuestion, grid: NDArray[np.float64], level: float, seed: int) -> pd.DataFrame:
    """The mean outcome at every value of the grid."""
    from .estimators.basis import FlexibleBasis
    from .estimators.g_computation import GComputation
    from .estimators.outcome_model import OutcomeModel
    from .identification import dowhy_estimand
    from .overlap import unseen_rows
    from .quiet import quiet_dowhy

    encoded = encode_question(asked)
    with quiet_dowhy():
        model = OutcomeModel(encoded.bounds)
        estimator = GComputation(dowhy_estimand(asked.graph, asked.estimand), outcome_model=model, seed=seed)
        arrays = estimator.fit(encoded.data).arrays(encoded.data)
        mean, influence = estimator.means(arrays, grid.tolist())
    error, reach, reach_all = _reaches(influence, arrays.clusters, level, seed)
    middle, error = to_logits(mean, encoded.bounds), logit_errors(mean, error, encoded.bounds)
    factors = {"low": -reach, "high": reach, "low_all": -reach_all, "high_all": reach_all}
    ends = {name: from_logits(middle + factor * error, encoded.bounds) for name, factor in factors.items()}
    curve = pd.DataFrame({"value": grid, "mean": mean, **ends})
    curve["support"] = 1 - unseen_rows(encoded, grid).mean(axis=1)
    warnings = (*encoded.warnings, *_extrapolated(str(asked.treatment), curve))
    if 0 not in FlexibleBasis(np.column_stack([arrays.treatment, arrays.covariates]), units=arrays.units).curved:
        warnings += (
            f"The curve is a straight line by assumption: {arrays.units:,} independent rows are too few to fit a "
            "curve. Collect more rows, or adjust for fewer columns.",
        )
    for text in warnings:
        warn(text, DataWarning)
    curve.attrs = {"columns": encoded.columns, "level": level, "unit": encoded.outcome_unit, "warnings": warnings}
    curve.attrs["bounds"] = encoded.bounds
    return curve


def _reaches(
    influence: NDArray[np.float64], clusters: NDArray[np.int64] | None, level: float, seed: int
) -> tuple[NDArray[np.float64], float, float]:
    """Standard error of every mean, and the half-widths of both bands in standard errors."""
    freedom = np.inf if clusters is None else float(clusters.max())
    covariance = joint_covariance(influence, clusters)
    reach = float(student.ppf(0.5 + level / 2, freedom))
    return np.sqrt(np.diag(covariance)), reach, simultaneous_reach(covariance, freedom, level, seed)


def _extrapolated(treatment: str, curve: pd.DataFrame) -> tuple[str, ...]:
    far = curve["value"][curve["support"] < FEW]
    if not len(far):
        return ()
    shown = ", ".join(f"{spell_number(value)}" for value in far[:3]) + (
        f" and {len(far) - 3} more values" if len(far) > 3 else ""
    )
    return (
        f"The curve extrapolates at {treatment} = {shown}: for more than half of the rows no similar row has such a value.",
    )


def _grid(question: EffectQuestion, values: Sequence[float] | None) -> NDArray[np.float64]:
    column = type_columns(question.graph, question.table, [str(question.treatment)])[1][str(question.treatment)]
    treatment = column.variable
    if treatment.is_discrete:
        raise DataError(
            f"Expected a continuous treatment; '{treatment.name}' is {describe(treatment)}. Use estimate_effect, or "
            f"declare it continuous if its numbers are quantities ({declare_remedy(treatment.name, 'continuous')})."
        )
    if values is None:
        low, high = np.nanquantile(column.reading.values, [0.05, 0.95])
        return np.linspace(low, high, POINTS)
    try:
        grid = np.unique(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        grid = np.zeros(0)
    if len(grid) < 2 or not np.isfinite(grid).all():
        raise DataError(f"Expected at least two different finite treatment values; got {values!r}.")
    low, high = treatment.support or (-np.inf, np.inf)
    if grid[0] < low or grid[-1] > high:
        raise SupportError(
            f"Expected treatment values inside the support [{low:g}, {high:g}] of '{treatment.name}'; got {grid[0]:g} to "
            f"{grid[-1]:g}."
        )
    return grid
