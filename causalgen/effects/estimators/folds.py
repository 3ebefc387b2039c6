"""Which rows are scored by models fitted on the others."""

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

    Rows of a cluster stay together, so that no model sees a relative of the row it scores. Without clusters the folds
    hold equal shares of every `arm`.

    >>> clusters = np.repeat(np.arange(6), 2)
    >>> [set(clusters[fit]) & set(clusters[score]) for fit, score in cross_folds(12, 3, 0, clusters=clusters)]
    [set(), set(), set()]
    """
    if clusters is not None:
        members = clusters.max() + 1
        for _, scored in KFold(min(folds, members), shuffle=True, random_state=seed).split(np.zeros(members)):
            score = np.isin(clusters, scored)
            yield np.flatnonzero(~score), np.flatnonzero(score)
    elif arm is not None:
        yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(np.zeros(rows), arm)
    else:
        yield from KFold(folds, shuffle=True, random_state=seed).split(np.zeros(rows))
