"""Counterfactuals of the units of a data set, piece by piece, with only a few hundred images in memory.

A piece depends only on the plan and its position in the split, so that an interrupted program can continue with any
piece.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError, SupportWarning
from ..mechanisms import Mechanism
from ..metrics import donors
from ..scm import Posterior, StructuralCausalModel
from ..scm.chunks import units_at_once
from ..typing import Values
from .answerable import Answerable
from .augmentation import Augmentation

__all__ = ["AugmentedUnits", "AugmentedDraw", "Piece"]

PIECE = 256
"""Number of units with images of 32 x 32 pixels that are computed at once."""


@dataclass(frozen=True)
class Piece:
    """Units of one split that are computed at once.

    Args:
        split: Their split.
        start, stop: Their positions in it.
    """

    split: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class AugmentedDraw:
    """Units of a piece, as observed or in one counterfactual world.

    Args:
        split: Their split.
        number: 0 for the observed units, 1, 2, ... for the counterfactuals of each.
        places: Positions of the units in their split, int64 `(B,)`.
        rows: Their row labels.
        groups: Their groups, int64 `(B,)`.
        values: Attributes and images `(B, ...)` by node, natural units.
        supported: Whether the parents of every recomputed node are in the joint support of training, bool `(B,)`.
        unanswered: Units of the piece for which an intervention has no value.
        outside: Units of the piece that were left out because they are outside the support.
    """

    split: str
    number: int
    places: Tensor
    rows: pd.Index
    groups: Tensor
    values: Values
    supported: Tensor
    unanswered: int = 0
    outside: int = 0

    def __len__(self) -> int:
        return len(self.places)


class AugmentedUnits:
    """The units of a data set and their counterfactuals under a plan.

    Args:
        scm: A fitted model.
        data: A data set of its graph.
        plan: The counterfactuals to make.

    Raises:
        DataError: The data have another graph, the plan does not fit them, or a split is too small to shuffle.
        UnknownNameError: A node or split does not exist.
    """

    def __init__(self, scm: StructuralCausalModel, data: Dataset, plan: Augmentation) -> None:
        if data.graph != scm.graph:
            raise DataError(
                f"Expected data of the model's graph; '{data.name}' has another. Fit a model to these data."
            )
        plan.check(data)
        self.scm, self.data, self.plan = scm, data, plan
        self.shuffled, self.fixed = plan.shuffled(data.graph), plan.fixed(data.graph)
        self._known: dict[tuple[str, int], NDArray[np.int64]] = {}
        for split in plan.splits if self.shuffled else ():
            self._donors(split, 1)  # fail now rather than after the long work

    @cached_property
    def pieces(self) -> list[Piece]:
        """All pieces, in the order of the splits and of their rows."""
        size = min(units_at_once(self.data.graph[image].shape, PIECE) for image in self.data.graph.images)
        sizes = {split: len(self.data.split[split]) for split in self.plan.splits}
        return [
            Piece(split, start, min(start + size, count))
            for split, count in sizes.items()
            for start in range(0, count, size)
        ]

    def __iter__(self) -> Iterator[AugmentedDraw]:
        return (draw for piece in self.pieces for draw in self.draws(piece))

    def draws(self, piece: Piece) -> Iterator[AugmentedDraw]:
        """The observed units of a piece, if the plan has them, then their counterfactuals, one draw after another.

        Raises:
            AbductionError: The mechanism of a node to recompute cannot abduct.
        """
        rows = self.data.split[piece.split][piece.start : piece.stop]
        factual, places = self.data.rows(rows), torch.arange(piece.start, piece.stop)
        groups = self.data.groups(rows)
        if self.plan.originals:
            everyone = torch.ones(len(places), dtype=torch.bool)
            yield AugmentedDraw(piece.split, 0, places, factual.labels, groups, dict(factual), everyone)
        posterior = self.scm.abduct(factual, seed=self._seed(piece, 0))
        for number in range(1, self.plan.per_unit + 1):
            yield self._counterfactual(posterior, piece, number, groups)

    def _counterfactual(self, posterior: Posterior, piece: Piece, number: int, groups: Tensor) -> AugmentedDraw:
        graph, do = self.data.graph, dict(self.fixed)
        partial = {
            name: Answerable(graph[name], what)
            for name, what in do.items()
            if callable(what) and not isinstance(what, Mechanism)
        }
        if self.shuffled:
            donor = self._donors(piece.split, number)[piece.start : piece.stop]
            values = self.data.rows(self.data.split[piece.split][donor])
            do |= {name: values[name] for name in self.shuffled}
        with warnings.catch_warnings(action="ignore", category=SupportWarning):  # every unit has its flag
            world = posterior.counterfactual(do | partial, seed=self._seed(piece, number))
        answered = torch.ones(len(groups), dtype=torch.bool)
        for tried in partial.values():
            answered &= tried.answered
        supported = world.supported.cpu()
        kept = answered & supported if self.plan.within_support else answered
        index = kept.nonzero()[:, 0]
        assert posterior.labels is not None
        return AugmentedDraw(
            piece.split,
            number,
            index + piece.start,
            posterior.labels[index.numpy()],
            groups[index],
            {name: tensor.cpu()[index] for name, tensor in world.items()},
            supported[index],
            int((~answered).sum()),
            int((answered & ~kept).sum()),
        )

    def _donors(self, split: str, number: int) -> NDArray[np.int64]:
        """Return, for each unit of a split, the position of the unit whose values it gets, `(N,)`."""
        if (split, number) not in self._known:
            groups = self.data.groups(self.data.split[split]).numpy()
            if len(groups) < 2:
                raise DataError(f"Expected at least two units to shuffle in the split '{split}'; got {len(groups)}.")
            if np.unique(groups, return_counts=True)[1].max() * 2 > len(groups):
                groups = np.arange(len(groups))  # other units of a group that contains most of them
            key = [self.plan.seed, self.plan.splits.index(split), number]
            seed = int(np.random.SeedSequence(key).generate_state(1)[0])
            self._known[split, number] = donors(groups, seed=seed)
        return self._known[split, number]

    def _seed(self, piece: Piece, number: int) -> int:
        """Return a seed that no other piece or draw has."""
        key = [self.plan.seed, self.plan.splits.index(piece.split), piece.start, number]
        return int(np.random.SeedSequence(key).generate_state(1)[0])
