"""The evaluated units: their groups, the strata they fall into, and the results from one number per unit."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        row: str,
        numbers: NDArray,
        *,
        relative_to: NDArray | None = None,
        floor: NDArray | float | None = None,
        unit: str = "",
        better: str = "lower",
        note: str = "",
    ) -> list[MetricResult]:
        """The mean of one number per unit in every stratum.

        Args:
            metric, row, unit, better, note: See `MetricResult`.
            numbers: `(N,)`.
            relative_to: `(N,)`; if given, the result is the ratio of the two means.
            floor: `(N,)`, whose mean over the same units becomes the floor; or the floor itself.
        """
        results = []
        for stratum, inside in self.strata().items():
            interval = bootstrap(
                numbers[inside],
                self.groups[inside],
                denominator=None if relative_to is None else relative_to[inside],
                seed=self.seed,
            )
            results.append(
                MetricResult(
                    metric,
                    self.query,
                    row,
                    stratum,
                    *interval,
                    int(inside.sum()),
                    unit,
                    better,
                    floor=_mean(floor, inside),
                    note=note,
                )
            )
        return results


def _mean(floor: NDArray | float | None, inside: NDArray[np.bool_]) -> float | None:
    if isinstance(floor, np.ndarray):
        return float(floor[inside].mean()) if inside.any() else None
    return floor
