"""Bootstrap intervals: the estimator fitted again on resampled rows, or on resampled clusters."""

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from joblib import Parallel, delayed

from .quiet import quiet_dowhy
from .table import CLUSTER

__all__ = ["bootstrap_interval"]


def bootstrap_interval(
    estimate: CausalEstimate, *, level: float = 0.95, resamples: int = 400, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of an estimate, refitted on resampled rows.

    With clusters, whole clusters are drawn. Copies of a row or cluster count as one cluster when folds are split, so
    that no model is scored on a copy of a row it has seen. The loop runs through joblib: its backend is the user's
    choice (`joblib.parallel_config`), and without one it starts no process.

    Args:
        estimate: DoWhy's estimate, with its estimator and table attached.
        level: Level of the interval.
        resamples: Number of resampled tables.
        seed: Seed of the draws.

    References:
        Efron and Tibshirani, An introduction to the bootstrap (1993).
    """
    data: pd.DataFrame = estimate._data
    if CLUSTER not in data:
        data = data.assign(**{CLUSTER: np.arange(len(data))})
    order = np.argsort(data[CLUSTER].to_numpy(), kind="stable")
    starts = np.unique(data[CLUSTER].to_numpy()[order], return_index=True)[1]
    groups = np.split(order, starts[1:])
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    found = Parallel()(delayed(_again)(estimate, data, groups, seed) for seed in seeds)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _again(
    estimate: CausalEstimate, data: pd.DataFrame, groups: list[np.ndarray], seed: np.random.SeedSequence
) -> float:
    drawn = np.random.default_rng(seed).integers(0, len(groups), len(groups))
    rows = data.iloc[np.concatenate([groups[group] for group in drawn])]
    with quiet_dowhy():
        estimator = estimate.estimator.get_new_estimator_object(estimate.target_estimand).fit(rows)
        again = estimator.estimate_effect(
            rows,
            control_value=estimate.control_value,
            treatment_value=estimate.treatment_value,
            target_units=estimate.estimator._target_units,
        )
    return float(again.value)
