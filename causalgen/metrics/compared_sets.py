"""Features of images, and noise, that are compared over all units of a cohort at once; gathered block by block.

These numbers stay in memory, unlike the images: at most 10,000 units, drawn by the seed, are compared, or fewer if each has
more than 2,000 numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .cohort import Cohort, choose
from .leak import flat_noise, leak_of
from .realism import distances, halves
from .result import MetricResult
from .spaces import Space

__all__ = ["GatheredNoise", "Points"]

MOST = 10_000
NUMBERS, FEWEST = 20_000_000, 1000
"""Maximum number of values in each row of the table, and minimum number of units, which takes precedence."""


@dataclass(eq=False)
class Points:
    """Features of factual and of generated images.

    Args:
        cohort: All units.
        features: Where images are compared.
    """

    cohort: Cohort
    features: Space
    found: dict[str | None, list[NDArray]] = field(default_factory=dict)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Return the positions of the compared units in the cohort."""
        one = self.cohort.stored(self.cohort.data.rows(self.cohort.rows[:1])[self.cohort.image])
        return _drawn(self.cohort, self.features(one).shape[1])

    @property
    def note(self) -> str:
        """Say in a sentence how many units are compared; empty if all are."""
        return _note("Realism and variety compare the features", len(self.places), self.cohort)

    @property
    def groups(self) -> NDArray:
        """Their groups."""
        return np.asarray(self.cohort.groups[self.places])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Positions of the first half among these units; its generated images are compared with real ones."""
        return halves(self.groups, seed=self.cohort.seed)[0]

    def add(self, block: Cohort, images: Mapping[str, Tensor], *, half: bool = False) -> None:
        """Add the features of a block's factual images, and of generated ones by row, `half` of those of the first half."""
        self._add(None, block, block.real, self.places)
        for row, shown in images.items():
            self._add(row, block, shown, self.places[self.first] if half else self.places)

    def _add(self, row: str | None, block: Cohort, images: Tensor, places: NDArray[np.int64]) -> None:
        inside = np.isin(np.arange(block.start, block.start + len(images)), places)
        if inside.any():
            chosen = images if inside.all() else images[torch.from_numpy(inside)]
            self.found.setdefault(row, []).append(self.features(chosen))

    def of(self, row: str | None) -> NDArray[np.float64]:
        """Features of the images of a row; None for the factual ones."""
        return np.concatenate(self.found[row])

    def realism(self, query: str) -> list[MetricResult]:
        """Distances of images whose features were added by `half`."""
        points = {row: self.of(row) for row in self.found if row is not None}
        return distances(points, self.of(None), self.groups, query=query, seed=self.cohort.seed)


@dataclass(eq=False)
class GatheredNoise:
    """Abducted noise of the image.

    Args:
        cohort: All units.
    """

    cohort: Cohort
    found: dict[str, list[NDArray]] = field(default_factory=dict)
    places: NDArray[np.int64] | None = None

    def add(self, block: Cohort) -> None:
        """Add the noise of a block by row."""
        for row, posterior in block.posteriors.items():
            noise = flat_noise(posterior, block.image)
            if self.places is None:
                self.places = _drawn(self.cohort, noise.shape[1])
            inside = np.isin(np.arange(block.start, block.start + len(noise)), self.places)
            self.found.setdefault(row, []).append(noise[inside])

    @property
    def note(self) -> str:
        """How many units are compared, in a sentence; empty where all are."""
        return "" if self.places is None else _note("The noise leak is that", len(self.places), self.cohort)

    def leak(self) -> list[MetricResult]:
        """How well the noise predicts each parent."""
        cohort, graph = self.cohort, self.cohort.graph
        values = {n: cohort.attributes[n][self.places] for n in graph.parents(cohort.image) if not graph[n].is_image}
        noises = {row: np.concatenate(parts) for row, parts in self.found.items()}
        parents = {graph[name]: value for name, value in values.items()}
        return leak_of(noises, parents, cohort.groups[self.places], seed=cohort.seed)


def _drawn(cohort: Cohort, numbers: int) -> NDArray[np.int64]:
    """Places of the compared units in the cohort, each of which has this many numbers."""
    most = max(FEWEST, min(MOST, NUMBERS // max(1, numbers)))
    return np.asarray(choose(np.arange(len(cohort.rows)), most, cohort.seed))


def _note(what: str, compared: int, cohort: Cohort) -> str:
    units = len(cohort.rows)
    return "" if compared == units else f"{what} of {compared:,} of the {units:,} units, drawn by the seed."
