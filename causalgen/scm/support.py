"""Joint support: are parents similar to those seen in training?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..graph import Variable
from ..nn import Features
from ..typing import Values

__all__ = ["JointSupport"]

REFERENCES = 2048
QUANTILE = 0.99
NEIGHBOUR, WIDEST = 5, 1.25
"""A reference unit reaches as far as its fifth neighbour, but at most a quarter farther than the threshold."""
SAME = 0.01
"""Rounding tolerance within which two combinations of labels are equal."""
DISCRETE_SCALE = 0.35
"""Two different labels are half a standard deviation apart."""


class JointSupport(nn.Module):
    """Flags parents that are farther from every training unit than training units are from one another.

    The distance is Euclidean over standardised continuous and scaled one-hot discrete parents. The threshold is the 99 %
    quantile of the distance from a training unit to the nearest one with other values, among 2,048 reference units. Each
    of these reaches as far as the threshold, and in sparse regions as far as its fifth neighbour (at most 1.25 times the
    threshold). Units are inside if the nearest reference unit reaches them, so that about one in a hundred units like
    those of training is flagged, or fewer. Combinations of labels alone are inside if they occur in training. A label that
    no training unit has is outside, whatever the other parents are. Image parents are ignored.

    Args:
        parents: Parents of one node.
    """

    may_be_infinite = ("threshold",)
    reference: Tensor
    threshold: Tensor

    def __init__(self, parents: Mapping[str, Variable]) -> None:
        super().__init__()
        self.parents = {name: v for name, v in parents.items() if not v.is_image}
        self.features = Features(self.parents)
        self.register_buffer("reference", torch.zeros(REFERENCES, self.features.width))
        self.register_buffer("threshold", torch.tensor(torch.inf))
        self._reached: tuple[tuple[Any, ...], Tensor, Tensor] | None = None

    @property
    def fitted(self) -> bool:
        """Whether `fit` has seen training values."""
        return not bool(torch.isinf(self.threshold))

    def fit(self, values: Values) -> None:
        """Fit to the training values of the parents, `(N,)` each; deterministic."""
        if not self.parents:
            self.threshold.zero_()
            return
        self.features.fit(values)
        points = self._points(values)
        count = min(len(points), REFERENCES)
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(points), generator=generator)[:count].to(points.device)
        reference = self._with_every_label(points, points[chosen])
        # Distances between different units: with repeated values the nearest neighbour would be at distance 0.
        different, counts = reference.unique(dim=0, return_counts=True)
        if all(variable.is_discrete for variable in self.parents.values()):
            self.threshold.fill_(SAME)  # a combination of labels is inside only if it occurs
        else:
            nearest = _neighbours(different, 1).repeat_interleave(counts)
            self.threshold.copy_(nearest.quantile(QUANTILE))
        # Fewer units fill the buffer repeatedly: its size must not depend on the data, or `load` could not fit it.
        self.reference.copy_(reference[torch.arange(REFERENCES) % count])

    def forward(self, values: Values, count: int) -> Tensor:
        """Whether each of `count` units is inside, bool `(B,)`."""
        if not self.parents or not self.fitted:
            return torch.ones(count, dtype=torch.bool, device=self.reference.device)
        (reference, reach), (low, high) = self.reach(), self.limits()
        inside = []
        for part in self._points(values).split(4096):
            distance, nearest = torch.cdist(part, reference).min(dim=1)
            inside.append((distance <= reach[nearest]) & ((part >= low) & (part <= high)).all(dim=1))
        return torch.cat(inside)

    def reach(self) -> tuple[Tensor, Tensor]:
        """Distinct reference units `(R, width)` and the reach of each `(R,)`; recomputed if buffers have changed."""
        buffers = (self.reference, self.threshold)
        # In-place changes and moves to another device both change this state.
        state = tuple((tensor.data_ptr(), tensor._version, tensor.dtype, tensor.device) for tensor in buffers)
        if self._reached is None or self._reached[0] != state:
            reference = self.reference.unique(dim=0)
            reach = _neighbours(reference, NEIGHBOUR).clamp(self.threshold, WIDEST * self.threshold)
            self._reached = state, reference, reach
        return self._reached[1:]

    def limits(self) -> tuple[Tensor, Tensor]:
        """Least and greatest feature of the reference units `(width,)`, infinite for continuous parents.

        A label that they lack lies outside: its feature is greater, or the feature of the only label is less.
        """
        low, high = self.reference.amin(dim=0) - SAME, self.reference.amax(dim=0) + SAME
        free = ~self._are_labels()
        return low.masked_fill(free, -torch.inf), high.masked_fill(free, torch.inf)

    def _with_every_label(self, points: Tensor, reference: Tensor) -> Tensor:
        """The reference units, the last of which give way to units with labels that the others lack."""
        low, high = reference.amin(dim=0), reference.amax(dim=0)
        columns = self._are_labels()
        lacking = torch.cat(
            [
                points.argmin(dim=0)[(points.amin(dim=0) < low) & columns],
                points.argmax(dim=0)[(points.amax(dim=0) > high) & columns],
            ]
        ).unique()[: len(reference)]
        return torch.cat([reference[: len(reference) - len(lacking)], points[lacking]])

    def _are_labels(self) -> Tensor:
        """Which features are codes of labels, `(width,)` bool."""
        parts = [torch.full((Features({n: v}).width,), v.is_discrete) for n, v in self.parents.items()]
        return torch.cat(parts).to(self.reference.device)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reached": None}  # data pointers mean nothing in another process

    def scale(self) -> Tensor:
        """Weight of each feature in the distance, `(width,)`."""
        scale = [
            torch.full((Features({n: v}).width,), DISCRETE_SCALE if v.is_discrete else 1.0)
            for n, v in self.parents.items()
        ]
        return torch.cat(scale).to(self.reference)

    def _points(self, values: Values) -> Tensor:
        return self.features(values) * self.scale()


def _neighbours(points: Tensor, position: int) -> Tensor:
    """Distance `(N,)` from each of different points to its nearest neighbour, or to the one at `position`."""
    if len(points) == 1:
        return points.new_zeros(1)
    distance = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return distance.kthvalue(min(position, len(points) - 1), dim=1).values
