"""Joint support: were parents like these seen in training?"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..graph import Variable
from ..nn import Features
from ..typing import Values

__all__ = ["JointSupport"]

REFERENCES = 2048
QUANTILE = 0.99
DISCRETE_SCALE = 0.35
"""Two different labels are half a standard deviation apart."""


class JointSupport(nn.Module):
    """Flags parents that are farther from every training unit than training units are from one another.

    The distance is Euclidean over standardised continuous and scaled one-hot discrete parents; the threshold is the 99 %
    quantile of the distance from a training unit to its nearest neighbour among 2,048 reference units. Image parents do
    not take part.

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
        reference = points[chosen]
        distance = torch.cdist(reference, reference)
        distance.fill_diagonal_(torch.inf)
        self.threshold.copy_(distance.min(dim=1).values.quantile(QUANTILE))
        self.reference.copy_(reference[torch.arange(REFERENCES) % count])

    def forward(self, values: Values, count: int) -> Tensor:
        """Whether each of `count` units is inside, bool `(B,)`."""
        if not self.parents or not self.fitted:
            return torch.ones(count, dtype=torch.bool, device=self.reference.device)
        nearest = [torch.cdist(part, self.reference).min(dim=1).values for part in self._points(values).split(4096)]
        return torch.cat(nearest) <= self.threshold

    def _points(self, values: Values) -> Tensor:
        scale = torch.cat(
            [
                torch.full((Features({n: v}).width,), DISCRETE_SCALE if v.is_discrete else 1.0)
                for n, v in self.parents.items()
            ]
        )
        return self.features(values) * scale.to(self.reference)
