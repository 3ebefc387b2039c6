"""Conditional independence, tested by the generalised covariance measure.

If x is independent of y given z, then f(x) - E[f(x) | z] and g(y) - E[g(y) | z] are uncorrelated for all f and g. The
test regresses every f(x) and g(y) on flexible features of z and asks whether the products of residuals have mean 0,
by Hotelling's statistic. For a continuous variable, f are its rank, from -1 to 1, and the square of that (bounded, so
that small tables suffice); for a discrete one, the indicators of its labels.

Reference:
    Shah and Peters, The hardness of conditional independence testing and the generalised covariance measure (2020).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as fisher
from scipy.stats import norm, rankdata
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import StandardScaler

from ...datasets.kinds import read_values
from ...graph import Variable

__all__ = ["independence_p_value", "is_discrete"]

Array = NDArray[np.float64]

MOST_LABELS = 20
LEAST_ROWS_OF_A_LABEL = 10
MOST_FEATURES = 100
ROWS_PER_FEATURE = 20
WIDTHS = (0.7, 2.0)
PENALTIES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)


def independence_p_value(
    table: pd.DataFrame,
    x: Variable,
    y: Variable,
    given: list[Variable],
    clusters: NDArray[np.int64] | None = None,
) -> float | None:
    """P-value of the hypothesis that x is independent of y given the others.

    Args:
        table: The columns without missing values.
        x: One variable; without a kind, its column decides.
        y: The other.
        given: The variables conditioned on.
        clusters: Number of each row's cluster, within which products are summed before the test; None when rows are
            independent.

    Returns:
        The p-value; None where nothing varies given the conditioning variables.

    >>> random = np.random.default_rng(0)
    >>> z, e = random.normal(size=(2, 500))
    >>> table = pd.DataFrame({"z": z, "x": z**2 + e, "y": z + random.normal(size=500)})
    >>> x, y, z = (Variable(name, "continuous") for name in "xyz")
    >>> independence_p_value(table, x, y, [z]) > 0.05 > independence_p_value(table, x, z, [])
    True
    """
    columns = [_inputs(table[variable.name], variable) for variable in given]
    condition = np.hstack([np.zeros((len(table), 0)), *columns])
    features, tested = _features(condition), [_functions(table[variable.name], variable) for variable in (x, y)]
    if not all(functions.shape[1] for functions in tested):
        return None
    of_x, of_y = (_residuals(features, functions) for functions in tested)
    products = np.einsum("ni,nj->nij", of_x, of_y).reshape(len(table), -1)
    if not products.shape[1]:
        return None
    if clusters is not None:
        products = np.column_stack([np.bincount(clusters, weights=column) for column in products.T])
    covariance = np.cov(products, rowvar=False).reshape(products.shape[1], -1)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if not rank:
        return None
    mean, rows = products.mean(axis=0), len(products)
    if rank >= rows:
        return None
    statistic = rows * mean @ np.linalg.pinv(covariance, hermitian=True) @ mean
    return float(fisher.sf(statistic * (rows - rank) / (rank * (rows - 1)), rank, rows - rank))


def is_discrete(column: pd.Series, variable: Variable) -> bool:
    """Whether the variable holds labels instead of numbers, by the declared kind, else by the typing rule."""
    if variable.kind is not None:
        return variable.is_discrete
    return read_values(column).kind != "continuous"


def _functions(column: pd.Series, variable: Variable) -> Array:
    """Functions of the tested variable, shape `(rows, functions)`."""
    if is_discrete(column, variable):
        return _indicators(column)
    rank = 2 * (rankdata(column) - 0.5) / len(column) - 1
    return np.column_stack([rank, rank**2])


def _inputs(column: pd.Series, variable: Variable) -> Array:
    """The variable as columns to regress on."""
    if is_discrete(column, variable):
        return _indicators(column)
    return norm.ppf((rankdata(column) - 0.5) / len(column))[:, None]


def _indicators(column: pd.Series) -> Array:
    """An indicator for each label but the most frequent; rare labels, and all beyond the 20 most frequent, count as one."""
    codes = pd.factorize(column)[0]
    counts = np.bincount(codes)
    ranks = np.empty(len(counts), dtype=int)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    ranks = np.minimum(ranks, min(MOST_LABELS, int(np.sum(counts >= LEAST_ROWS_OF_A_LABEL))))
    return (ranks[codes][:, None] == np.arange(1, ranks.max() + 1)).astype(float)


def _features(condition: Array) -> Array:
    """The columns and radial features of them, with which ridge regression approximates any smooth function."""
    if not condition.shape[1]:
        return np.zeros((len(condition), 1))
    standard = StandardScaler().fit_transform(condition)
    count = min(MOST_FEATURES, len(condition) // ROWS_PER_FEATURE)
    radial = [
        RBFSampler(
            gamma=1 / (2 * width**2 * standard.shape[1] ** 0.5), n_components=count, random_state=0
        ).fit_transform(standard)
        for width in WIDTHS
    ]
    return np.hstack([standard, *radial])


def _residuals(features: Array, targets: Array) -> Array:
    """Residuals of a ridge regression of the targets on the features, without columns whose residual is 0.

    Each target gets the penalty that minimises the generalised cross-validation error, from the features' second
    moments. sklearn's RidgeCV decomposes all rows instead, which takes ten times as long.
    """
    features, centred = features - features.mean(axis=0), targets - targets.mean(axis=0)
    eigenvalues, directions = np.linalg.eigh(features.T @ features)
    eigenvalues = np.maximum(eigenvalues, 0)
    rotated = directions.T @ (features.T @ centred)
    shrunk = eigenvalues[:, None] + np.asarray(PENALTIES)  # (features, penalties)
    errors = np.array([_cross_validation_error(eigenvalues, shrunk, column, len(targets)) for column in rotated.T])
    errors += (centred**2).sum(axis=0)[:, None] / _freedom(eigenvalues, shrunk, len(targets))
    best = shrunk[:, errors.argmin(axis=1)]
    left = centred - features @ (directions @ (rotated / best))
    return left[:, left.std(axis=0) > 1e-6 * np.maximum(1.0, targets.std(axis=0))]


def _cross_validation_error(eigenvalues: Array, shrunk: Array, rotated: Array, rows: int) -> Array:
    """The explained part of each penalty's generalised cross-validation error, at most 0."""
    explained = (rotated[:, None] ** 2 * (eigenvalues[:, None] / shrunk**2 - 2 / shrunk)).sum(axis=0)
    return explained / _freedom(eigenvalues, shrunk, rows)


def _freedom(eigenvalues: Array, shrunk: Array, rows: int) -> Array:
    return (1 - (1 + (eigenvalues[:, None] / shrunk).sum(axis=0)) / rows) ** 2
