"""Bootstrap intervals: the estimator refitted on resampled rows or resampled clusters."""

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..errors import DataError
from .estimators.by_weights import ByWeights
from .quiet import quiet_dowhy
from .table import CLUSTER, DRAW, EncodedTable

__all__ = ["bootstrap_interval"]

MOST_LOST = 0.1


def bootstrap_interval(
    estimate: CausalEstimate, table: EncodedTable, *, level: float = 0.95, resamples: int = 400, seed: int = 0
) -> tuple[tuple[float, float], int, NDArray[np.float64] | None]:
    """Percentile interval of an estimate refitted on resampled rows, the number of failed resamples, and the means.

    The means are those under both compared values in every resample, `(resamples, 2)`; None where the method has none.

    With clusters, whole clusters are drawn. A `ByWeights` estimator keeps its design, and weights a row by how often it
    is drawn. Copies of a row or cluster count as one cluster when folds are split, so that no model is scored on a copy
    of a row that it has seen. A resample in which a compared value of a discrete treatment is in fewer than two rows
    (clusters) cannot be cross-fitted and is left out. The loop runs through joblib: its backend is the user's choice
    (`joblib.parallel_config`), and without one it starts no process.

    Args:
        estimate: DoWhy's estimate, with its estimator attached.
        table: The table that it was made from.
        level: Level of the interval.
        resamples: Number of resampled tables.
        seed: Seed of the draws.

    Raises:
        DataError: More than a tenth of the resamples had to be left out.

    References:
        Efron and Tibshirani, An introduction to the bootstrap (1993).
    """
    data = table.data if CLUSTER in table.data else table.data.assign(**{CLUSTER: np.arange(len(table.data))})
    order = np.argsort(data[CLUSTER].to_numpy(), kind="stable")
    starts = np.unique(data[CLUSTER].to_numpy()[order], return_index=True)[1]
    groups = np.split(order, starts[1:])
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    needed = () if table.kind == "continuous" else (table.control, table.treated)
    drawn = np.array(Parallel()(delayed(_again)(estimate, data, groups, needed, seed) for seed in seeds))
    found = drawn[np.isfinite(drawn[:, 0])]
    if resamples - len(found) > MOST_LOST * resamples:
        raise DataError(
            f"Expected resamples that can be estimated; {resamples - len(found)} of {resamples} cannot, most of them "
            f"because a compared value of '{table.names[0]}' is in too few rows or clusters. Use interval='analytic'."
        )
    low, high = np.quantile(found[:, 0], [(1 - level) / 2, (1 + level) / 2])
    means = None if np.isnan(found[:, 1:]).all() else found[:, 1:]
    return (float(low), float(high)), resamples - len(found), means


def _again(
    estimate: CausalEstimate,
    data: pd.DataFrame,
    groups: list[np.ndarray],
    needed: tuple[float, ...],
    seed: np.random.SeedSequence,
) -> tuple[float, float, float]:
    """The estimate on one resample with its two means; NaN if too few clusters have a compared treatment value."""
    drawn = np.random.default_rng(seed).integers(0, len(groups), len(groups))
    if isinstance(estimate.estimator, ByWeights):
        return _weighed_again(estimate, data, groups, needed, drawn)
    rows = data.iloc[np.concatenate([groups[group] for group in drawn])]
    rows = rows.assign(**{DRAW: np.repeat(np.arange(len(drawn)), [len(groups[group]) for group in drawn])})
    treatment = estimate.target_estimand.treatment_variable[0]
    if any(rows[CLUSTER][rows[treatment] == value].nunique() < 2 for value in needed):
        return np.nan, np.nan, np.nan
    with quiet_dowhy():
        estimator = estimate.estimator.get_new_estimator_object(estimate.target_estimand).fit(rows)
        again = estimator.estimate_effect(
            rows,
            control_value=estimate.control_value,
            treatment_value=estimate.treatment_value,
            target_units=estimate.estimator._target_units,
        )
    means = estimator.found.means
    return (float(again.value), *((np.nan, np.nan) if means is None else map(float, means)))


def _weighed_again(
    estimate: CausalEstimate,
    data: pd.DataFrame,
    groups: list[np.ndarray],
    needed: tuple[float, ...],
    drawn: np.ndarray,
) -> tuple[float, float, float]:
    """The same for an estimator that keeps its design: rows are weighted by how often their group was drawn."""
    counts, order = np.zeros(len(data)), np.concatenate(groups)
    counts[order] = np.repeat(np.bincount(drawn, minlength=len(groups)), [len(group) for group in groups])
    treatment, clusters = data[estimate.target_estimand.treatment_variable[0]].to_numpy(), data[CLUSTER].to_numpy()
    if any(len(np.unique(clusters[(treatment == value) & (counts > 0)])) < 2 for value in needed):
        return np.nan, np.nan, np.nan
    control, treated = map(float, estimate.estimator.reweighted(counts))
    return treated - control, control, treated
