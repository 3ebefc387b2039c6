"""Folds for cross-fitting: models fitted on the other rows score each row."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

__all__ = ["Rows", "cross_folds"]

Rows = NDArray[np.int64]


def cross_folds(
    rows: int,
    folds: int,
    seed: int,
    *,
    arm: NDArray | None = None,
    clusters: Rows | None = None,
) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows to fit on and rows to score, `folds` times; every row is scored once.

    Rows of a cluster stay together, so that no model sees the cluster of a row it scores. The folds hold equal shares
    of every `arm`; with clusters, equal numbers of the clusters whose rows are in the same arms.

    >>> clusters = np.repeat(np.arange(6), 2)
    >>> [set(clusters[fit]) & set(clusters[score]) for fit, score in cross_folds(12, 3, 0, clusters=clusters)]
    [set(), set(), set()]
    """
    if clusters is not None:
        members = clusters.max() + 1
        for _, scored in _split(members, min(folds, members), seed, None if arm is None else _arms_in(arm, clusters)):
            score = np.isin(clusters, scored)
            yield np.flatnonzero(~score), np.flatnonzero(score)
    else:
        yield from _split(rows, folds, seed, arm)


def _split(count: int, folds: int, seed: int, stratum: NDArray | None) -> Iterator[tuple[Rows, Rows]]:
    if stratum is not None and np.unique(stratum, return_counts=True)[1].max() < folds:
        stratum = None  # no stratum fills every fold
    kind = KFold if stratum is None else StratifiedKFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # a small stratum is spread over fewer folds
        yield from kind(folds, shuffle=True, random_state=seed).split(np.zeros(count), stratum)


def _arms_in(arm: NDArray, clusters: Rows) -> NDArray[np.int64]:
    """For every cluster, a code of the arms that its rows are in."""
    codes = np.unique(arm, return_inverse=True)[1]
    found = np.zeros((clusters.max() + 1, codes.max() + 1), dtype=bool)
    found[clusters, codes] = True
    return np.unique(found, axis=0, return_inverse=True)[1].ravel()
