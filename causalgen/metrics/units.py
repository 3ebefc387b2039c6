"""The evaluated units: their groups, the strata they fall into, and the results from one number per unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .bootstrap import bootstrap
from .result import MetricResult

__all__ = ["ALL", "SUPPORTED", "Units"]

ALL = "all units"
SUPPORTED = "within support"


@dataclass(frozen=True)
class Units:
    """Units under one query.

    Args:
        query: Label of the query.
        groups: `(N,)`; intervals are bootstrapped over them.
        supported: Bool `(N,)`: within the model's joint support, the same units for every row of a table.
        seed: Seed of the bootstrap.
    """

    query: str
    groups: NDArray
    supported: NDArray[np.bool_]
    seed: int = 0

    def strata(self) -> Mapping[str, NDArray[np.bool_]]:
        """Which units belong to each stratum, bool `(N,)`."""
        return {ALL: np.ones(len(self.groups), dtype=bool), SUPPORTED: self.supported}

    def results(
        self,
        metric: str,
        numbers: Mapping[str, NDArray],
        *,
        relative_to: NDArray | None = None,
        floor: NDArray | float | None = None,
        unit: str = "",
        better: str = "lower",
        notes: Mapping[str, str] | None = None,
    ) -> list[MetricResult]:
        """The mean of one number per unit in every row and stratum.

        Args:
            metric, unit, better: See `MetricResult`.
            numbers: `(N,)` by row.
            relative_to: `(N,)`; if given, the result is the ratio of the two means.
            floor: `(N,)`, whose mean over the same units becomes the floor; or the floor itself.
            notes: Remarks by row.
        """
        results = []
        for row, stratum in product(numbers, self.strata()):
            inside = self.strata()[stratum]
            under = None if relative_to is None else relative_to[inside]
            interval = bootstrap(numbers[row][inside], self.groups[inside], denominator=under, seed=self.seed)
            count, lowest, note = int(inside.sum()), _mean(floor, inside), (notes or {}).get(row, "")
            results.append(MetricResult(metric, self.query, row, stratum, *interval, count, unit, better, lowest, note))
        return results


def _mean(floor: NDArray | float | None, inside: NDArray[np.bool_]) -> float | None:
    if isinstance(floor, np.ndarray):
        return float(floor[inside].mean()) if inside.any() else None
    return floor
