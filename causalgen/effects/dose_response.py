"""The mean outcome as a function of a continuous treatment."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from ..datasets.declared import KindsLike, declare_kinds, type_columns
from ..datasets.hints import declare_remedy
from ..datasets.kinds import describe
from ..errors import DataError, NotIdentifiableError, SupportError
from ..graph import CausalGraph, Variable
from .estimate import check_level, find_estimand
from .table import check_names, encode_table, say

__all__ = ["dose_response"]

POINTS = 20
DRAWS = 2_000


def dose_response(
    graph: CausalGraph,
    table: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    values: Sequence[float] | None = None,
    adjustment: Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    variables: KindsLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean outcome under do(treatment=value) over a grid, by flexible g-computation.

    Args:
        graph: The assumed causal graph.
        table: One row per unit.
        treatment: A continuous variable.
        outcome: A binary or continuous variable.
        values: Treatment values; None for 20 between its 5 % and 95 % quantiles.
        adjustment: Your adjustment set; None to have one found.
        weights: Column of sampling weights.
        cluster: Column that names the cluster of each row.
        variables: Kinds of columns, which override the graph and the typing rule: {"clinic": "categorical"}.
        level: Level of the bands.
        seed: Seed of folds and draws.

    Returns:
        One row per value: value, mean, low, high (pointwise), low_all, high_all (the whole curve at once: the largest
        of the correlated errors, from 2,000 normal draws with the influence functions' covariance; with clusters
        Student's t). Its `attrs["columns"]` states the kind each column was read as.

    Raises:
        DataError: The treatment is not continuous, or the table does not fit.
        SupportError: A value lies outside the treatment's support.
        NotIdentifiableError: Adjustment does not identify the effect.
    """
    from .estimators.g_computation import GComputation
    from .estimators.outcome_model import OutcomeModel
    from .identification import dowhy_estimand
    from .quiet import quiet_dowhy

    check_level(level)
    check_names(graph, table, treatment, outcome)
    graph = declare_kinds(graph, table, variables)
    attributes = graph.project([name for name in graph.nodes if not graph[name].is_image])
    estimand = find_estimand(attributes, treatment, outcome, adjustment=adjustment)
    if estimand.method != "backdoor":
        raise NotIdentifiableError(
            f"Expected an effect that adjustment identifies; that of '{treatment}' on '{outcome}' is identified by "
            f"{estimand.method}."
        )
    typed, columns = type_columns(graph, table, [treatment])
    grid = _grid(typed[treatment], columns[treatment].reading.values, values)
    ends = (float(grid.min()), float(grid.max()))
    encoded = encode_table(
        attributes, table, treatment, outcome, estimand.adjustment, ends, weights=weights, cluster=cluster
    )
    say(encoded)
    with quiet_dowhy():
        model = OutcomeModel(encoded.bounds)
        estimator = GComputation(dowhy_estimand(attributes, estimand), outcome_model=model, seed=seed).fit(encoded.data)
        arrays = estimator.arrays(encoded.data)
        mean, influence = estimator.means(arrays, grid.tolist())
    if arrays.clusters is not None:
        influence = np.column_stack([np.bincount(arrays.clusters, weights=column) for column in influence.T])
    count = len(influence)
    freedom = np.inf if arrays.clusters is None else count - 1
    covariance = np.cov(influence, rowvar=False) * count / len(arrays.outcome) ** 2
    error = np.sqrt(np.diag(covariance))
    rng = np.random.default_rng(seed)
    draws = np.abs(rng.multivariate_normal(np.zeros(len(grid)), covariance, DRAWS, method="eigh") / error).max(axis=1)
    if arrays.clusters is not None:
        draws /= np.sqrt(rng.chisquare(freedom, DRAWS) / freedom)
    reach, reach_all = student.ppf(0.5 + level / 2, freedom), np.quantile(draws, level)
    curve = pd.DataFrame(
        {
            "value": grid,
            "mean": mean,
            "low": mean - reach * error,
            "high": mean + reach * error,
            "low_all": mean - reach_all * error,
            "high_all": mean + reach_all * error,
        }
    )
    curve.attrs["columns"] = encoded.columns
    return curve


def _grid(treatment: Variable, column: np.ndarray, values: Sequence[float] | None) -> np.ndarray:
    if treatment.is_discrete:
        raise DataError(
            f"Expected a continuous treatment; '{treatment.name}' is {describe(treatment)}. Use estimate_effect, or "
            f"declare it continuous if its numbers are quantities ({declare_remedy(treatment.name, 'continuous')})."
        )
    if values is None:
        low, high = np.nanquantile(column, [0.05, 0.95])
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
