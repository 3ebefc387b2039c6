"""The evaluated units: their groups, the strata they fall into, and the results from one number per unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import bootstrap
from .result import MetricResult

__all__ = ["ALL", "SUPPORTED", "PerUnit", "Units", "joined"]

ALL = "all units"
SUPPORTED = "within support"


@dataclass(frozen=True, eq=False)
class PerUnit:
    """One number per unit in every row of one metric; see `Units.results`."""

    metric: str
    numbers: Mapping[str, NDArray]
    relative_to: NDArray | None = None
    floor: NDArray | float | None = None
    unit: str = ""
    better: str = "lower"
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Units:
    """Units under one query.

    Args:
        query: Label of the query.
        groups: `(N,)`; intervals are bootstrapped over them.
        supported: Bool `(N,)`: within the model's joint support, the same units for every row of a table.
        seed: Seed of the bootstrap.
        kept: Receives the numbers of a block of units, to be averaged over all blocks later; None for whole cohorts.
    """

    query: str
    groups: NDArray
    supported: NDArray[np.bool_]
    seed: int = 0
    kept: list[PerUnit] | None = None

    def strata(self) -> Mapping[str, NDArray[np.bool_]]:
        """Return which units belong to each stratum, bool `(N,)`."""
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
        """Average one number per unit in every row and stratum; for a block of units, only store the numbers.

        Args:
            metric, unit, better: See `MetricResult`.
            numbers: `(N,)` by row.
            relative_to: `(N,)`; if given, the result is the ratio of the two means.
            floor: `(N,)`, whose mean over the same units becomes the floor; or the floor itself.
            notes: Remarks by row.
        """
        found = PerUnit(metric, numbers, relative_to, floor, unit, better, notes or {})
        if self.kept is None:
            return self.means(found)
        self.kept.append(found)
        return []

    def means(self, found: PerUnit) -> list[MetricResult]:
        """The mean in every row and stratum."""
        results = []
        for row, stratum in product(found.numbers, self.strata()):
            inside = self.strata()[stratum]
            under = None if found.relative_to is None else found.relative_to[inside]
            interval = bootstrap(found.numbers[row][inside], self.groups[inside], denominator=under, seed=self.seed)
            count, lowest, note = int(inside.sum()), _mean(found.floor, inside), found.notes.get(row, "")
            results.append(
                MetricResult(
                    found.metric, self.query, row, stratum, *interval, count, found.unit, found.better, lowest, note
                )
            )
        return results


def joined(blocks: Sequence[Sequence[PerUnit]]) -> list[PerUnit]:
    """Concatenate the numbers of all blocks, for the metrics and rows that every block has."""
    first, *others = [{found.metric: found for found in block} for block in blocks]
    return [_joined([found, *(block[metric] for block in others)]) for metric, found in first.items()
            if all(metric in block for block in others)]  # fmt: skip


def _joined(parts: Sequence[PerUnit]) -> PerUnit:
    first = parts[0]
    rows = [row for row in first.numbers if all(row in part.numbers for part in parts)]
    numbers = {row: np.concatenate([part.numbers[row] for part in parts]) for row in rows}
    notes = {row: note for part in parts for row, note in part.notes.items()}
    return replace(
        first,
        numbers=numbers,
        relative_to=_whole([part.relative_to for part in parts]),
        floor=_whole([part.floor for part in parts]),
        notes=notes,
    )


def _whole(parts: Sequence[Any]) -> Any:
    """Arrays of all blocks one after another; a number, or None, that is the same in all."""
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else parts[0]


def _mean(floor: NDArray | float | None, inside: NDArray[np.bool_]) -> float | None:
    if isinstance(floor, np.ndarray):
        return float(floor[inside].mean()) if inside.any() else None
    return floor
