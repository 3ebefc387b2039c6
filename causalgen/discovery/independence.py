"""Tests of conditional independence: causal-learn's, and one for mixed columns.

Continuous columns: Fisher's z of the partial correlation (linear relations, Gaussian noise), or the kernel test KCI (any smooth
relation; slow). Discrete columns: G² or Pearson's chi². Mixed columns: the likelihood ratio of the degenerate Gaussian model,
in which a discrete column enters as indicators of its levels: n log(1 - R²) summed over canonical correlations. Cutting the
continuous columns into bins instead would leave dependence within the bins, and so produce false edges.

Reference: Andrews, Ramsey, Cooper, Learning high-dimensional directed acyclic graphs with mixed data-types, CD 2019.
"""

from collections.abc import Iterable

import numpy as np
from causallearn.utils.cit import CIT, CIT_Base
from scipy.stats import chi2

from ..graph import CausalGraph
from ..graph.parse import Pair
from .columns import SearchedColumns, embed
from .equivalence import EquivalenceClass, Separation
from .knowledge import Knowledge

__all__ = ["DegenerateGaussian", "Noted", "Oracle", "independence_test"]


def independence_test(name: str, columns: SearchedColumns, knowledge: Knowledge) -> "Noted":
    """The test of that name over the columns, asked only where knowledge leaves the answer open."""
    if name == "mixed":
        test: CIT_Base = DegenerateGaussian(columns)
    else:
        values = columns.values.astype(np.int64) if name in ("gsq", "chisq") else columns.values
        test = CIT(values, name)
    return Noted(test, columns.names, knowledge)


class DegenerateGaussian(CIT_Base):
    """Likelihood ratio of a Gaussian model in which discrete columns are indicators of their levels."""

    def __init__(self, columns: SearchedColumns) -> None:
        super().__init__(columns.values)
        self.method = "mixed"
        embedded, owner = embed(columns.kinds, columns.values)
        self._correlation = np.atleast_2d(np.corrcoef(embedded.T))
        self._places = [np.flatnonzero(owner == k) for k in range(len(columns.names))]

    def __call__(self, X: int, Y: int, condition_set: Iterable[int] | None = None) -> float:
        """The p-value of independence between columns `X` and `Y` given others."""
        x, y = self._places[X], self._places[Y]
        given = np.concatenate([self._places[k] for k in condition_set or ()] or [np.empty(0, dtype=int)])
        free = len(x) * len(y)
        if free == 0:  # a column that is constant in a resample
            return 1.0
        joint, without_y, without_x = (np.concatenate(parts) for parts in ((x, y, given), (x, given), (y, given)))
        ratio = self._volume(without_y) + self._volume(without_x) - self._volume(joint) - self._volume(given)
        rows = self.sample_size - len(given) - (len(x) + len(y) + 1) / 2  # Bartlett's correction
        return float(chi2.sf(max(rows, 0.0) * max(ratio, 0.0), free))

    def _volume(self, places: np.ndarray) -> float:
        """log determinant; a singular block, as resamples may have, contributes its non-zero part."""
        eigenvalues = np.linalg.eigvalsh(self._correlation[np.ix_(places, places)])
        return float(np.log(np.maximum(eigenvalues, 1e-12)).sum())


class Noted(CIT_Base):
    """A wrapper that stores the separating sets, and applies knowledge to the tests.

    causal-learn itself would drop a required edge, and keeps the union of all separating sets instead of one. It also
    conditions on columns that cause neither of two, such as those of later tiers: no separating set needs them, and given a
    common effect, causes may look independent by chance.

    Reference: Petersen, Osler, Ekstrom, Data-driven model building for life-course epidemiology, Am. J. Epidemiol. 190, 2021.
    """

    def __init__(self, test: CIT_Base, names: tuple[str, ...], knowledge: Knowledge) -> None:
        super().__init__(np.empty((0, 0)))  # the base class would hash a printout of the data
        self.data, self.method = test.data, test.method
        self._test, self._names = test, names
        self._knowledge = knowledge
        self._best: dict[Pair, Separation] = {}

    def __call__(self, X: int, Y: int, condition_set: Iterable[int] | None = None) -> float:
        """The p-value of independence between columns `X` and `Y` given others."""
        first, second = sorted((int(X), int(Y)))
        pair = self._names[first], self._names[second]
        if self._decided(pair, [self._names[k] for k in condition_set or ()]):
            return 0.0
        p = float(self._test(first, second, condition_set))
        if pair not in self._best or p > self._best[pair].p_value:
            self._best[pair] = Separation(*pair, tuple(self._names[k] for k in sorted(condition_set or ())), p)
        return p

    def _decided(self, pair: Pair, given: Iterable[str]) -> bool:
        """Whether an edge is required, or a column is given that can cause neither end."""
        (a, b), forbids = pair, self._knowledge.forbids
        if self._knowledge.requires(a, b) or self._knowledge.requires(b, a):
            return True
        return any(forbids(name, a) and forbids(name, b) for name in given)

    def separations(self, found: EquivalenceClass) -> tuple[Separation, ...]:
        """For each pair that is not adjacent, the conditioning set with the largest p-value."""
        return tuple(best for (a, b), best in sorted(self._best.items()) if not found.mark(a, b))


class Oracle(CIT_Base):
    """The separations of a graph, in place of tests: the result for infinite data."""

    def __init__(self, graph: CausalGraph, names: tuple[str, ...]) -> None:
        super().__init__(np.zeros((len(names) + 1, len(names))))
        self.method = "d_separation"
        self._graph, self._names = graph, names
        self._known: dict[tuple[int, int, frozenset[int]], bool] = {}

    def __call__(self, X: int, Y: int, condition_set: Iterable[int] | None = None) -> float:
        """1 where the graph separates columns `X` and `Y` given others, else 0."""
        key = (min(X, Y), max(X, Y), frozenset(map(int, condition_set or ())))
        if key not in self._known:
            given = [self._names[k] for k in key[2]]
            self._known[key] = self._graph.d_separated(self._names[X], self._names[Y], given)
        return float(self._known[key])
