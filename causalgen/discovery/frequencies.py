"""How often each edge, and each of its orientations, is found again in resampled rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed

from ..errors import DataError
from ..graph.parse import Pair
from .catalog import Search
from .columns import SearchedColumns
from .equivalence import reverse

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Frequencies", "bootstrap", "draw_rows"]

MARKS = ("->", "<-", "---", "<->", "o->", "<-o", "o-o")


@dataclass(frozen=True, repr=False)
class Frequencies:
    """Shares of bootstrap resamples, between 0 and 1.

    A resample repeats rows, which makes a test of independence twice as variable as the rows do: at level 0.01 about 7 % of
    the resamples join two independent columns. A share is a measure of stability, not a probability that the edge exists.

    Args:
        resamples: Number of resamples searched.
        shares: By pair (a, b), in the order of the columns: the share of each mark that occurred, as read from a to b.
    """

    resamples: int
    shares: Mapping[Pair, Mapping[str, float]]

    def adjacent(self, a: str, b: str) -> float:
        """Share of the resamples in which the two are adjacent, with any mark."""
        return min(sum(self._of(a, b).values()), 1.0)

    def share(self, a: str, mark: str, b: str) -> float:
        """Share of the resamples with this edge."""
        return self._of(a, b).get(mark, 0.0)

    def _of(self, a: str, b: str) -> Mapping[str, float]:
        if (a, b) in self.shares:
            return self.shares[a, b]
        return {reverse(mark): share for mark, share in self.shares.get((b, a), {}).items()}

    def __repr__(self) -> str:
        return f"Frequencies({len(self.shares)} pairs in {self.resamples} resamples)"

    def to_frame(self) -> "pd.DataFrame":
        """One row for each pair that was ever adjacent: a, b, adjacent, and the share of each mark."""
        import pandas as pd

        rows = [
            {"a": a, "b": b, "adjacent": self.adjacent(a, b)} | {mark: self.share(a, mark, b) for mark in MARKS}
            for (a, b), shares in self.shares.items()
            if shares
        ]
        return pd.DataFrame(rows, columns=["a", "b", "adjacent", *MARKS])


def bootstrap(search: Search, *, resamples: int, seed: int, jobs: int = 1) -> Frequencies:
    """Search `resamples` tables drawn with replacement, whole groups at a time where there are groups.

    Raises:
        DataError: All rows are of one group, or every resample made a column constant or a function of others.
    """
    groups = search.columns.groups
    if groups is not None and np.ptp(groups) == 0:
        raise DataError("Expected at least two groups to resample; got one. Leave out the group or the resamples.")
    seeds = np.random.SeedSequence(seed).generate_state(resamples)
    found = Parallel(n_jobs=jobs)(delayed(_marks)(search, int(one)) for one in seeds)
    searched = [marks for marks in found if marks is not None]
    if not searched:
        raise DataError(
            "Expected columns that vary, and are not determined by others, in resamples of the rows; got none. "
            "Leave out the nearly constant ones and those that nearly repeat others."
        )
    counts = {pair: Counter(marks[pair] for marks in searched) for pair in searched[0]}
    shares = {
        pair: {mark: count[mark] / len(searched) for mark in MARKS if count[mark]} for pair, count in counts.items()
    }
    return Frequencies(len(searched), shares)


def _marks(search: Search, seed: int) -> dict[Pair, str] | None:
    """The mark of every pair in one resample, or None where a column is constant in it or a function of others."""
    columns = search.columns
    values = columns.values[draw_rows(columns, np.random.default_rng(seed))]
    if (np.ptp(values, axis=0) == 0).any() or (search.test == "fisherz" and _singular(values)):
        return None
    found = replace(search, columns=replace(columns, values=values)).run(seed)
    return {(a, b): found.mark(a, b) for a, b in combinations(columns.names, 2)}


def _singular(values: np.ndarray) -> bool:
    """Whether a column is a linear function of others; Fisher's z cannot be computed then."""
    return bool(np.linalg.matrix_rank(np.corrcoef(values.T), hermitian=True) < values.shape[1])


def draw_rows(columns: SearchedColumns, rng: np.random.Generator) -> np.ndarray:
    """Positions of the rows of one resample; if there are groups, whole groups are drawn, as many as there are."""
    if columns.groups is None:
        return rng.integers(len(columns), size=len(columns))
    order = np.argsort(columns.groups, kind="stable")
    clusters = np.split(order, np.flatnonzero(np.diff(columns.groups[order])) + 1)
    return np.concatenate([clusters[k] for k in rng.integers(len(clusters), size=len(clusters))])
