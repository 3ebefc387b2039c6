r"""Mean of vectors given attributes, by least squares over a stream of batches.

.. math:: m(a) = \phi(a)^\top B, \qquad B = \Bigl(\lambda I + \sum_i \phi_i\,\phi_i^\top\Bigr)^{-1} \sum_i \phi_i\, y_i^\top

The features :math:`\phi` are a constant, a column for each label, and for a continuous attribute its standardised value and the
square of it. The residual :math:`y - m(a)` is uncorrelated with every label and every continuous attribute.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..graph import Variable
from ..typing import Values
from .scaling import Standardiser

__all__ = ["ConditionalMean"]

DECAY = 0.995
"""Share of the running sums that remains after a new batch."""
FARTHEST = 3.0
"""Standard deviations at which a continuous attribute is clipped, to limit the square of an outlier."""
RIDGE = 1e-5
"""Relative to the mean of the diagonal: the columns of all labels of an attribute add up to the constant."""


class ConditionalMean(nn.Module):
    """Running least squares of vectors on attributes; nothing in it is trained by gradients.

    Args:
        variables: Attributes by name: continuous or discrete, no images.
        width: Length of the vectors.
    """

    gram: Tensor
    moment: Tensor
    coefficients: Tensor

    def __init__(self, variables: Mapping[str, Variable], width: int) -> None:
        super().__init__()
        self.variables = dict(variables)
        self.scalers = nn.ModuleList(Standardiser() for v in self.variables.values() if not v.is_discrete)
        count = 1 + sum(len(v.labels or ()) if v.is_discrete else 2 for v in self.variables.values())
        self.register_buffer("gram", torch.zeros(count, count))
        self.register_buffer("moment", torch.zeros(count, width))
        self.register_buffer("coefficients", torch.zeros(count, width))

    def fit(self, values: Values) -> None:
        """Fit the scalers to training values."""
        continuous = (name for name, v in self.variables.items() if not v.is_discrete)
        for name, scaler in zip(continuous, self.scalers, strict=True):
            scaler.fit(values[name])  # type: ignore[operator]

    def forward(self, values: Values) -> Tensor:
        """Mean given the attributes, `(B, width)`."""
        with torch.autocast(
            self.gram.device.type, enabled=False
        ):  # half precision is too coarse for a least-squares fit
            return self._features(values) @ self.coefficients

    @torch.no_grad()
    def update(self, values: Values, vectors: Tensor) -> None:
        """Add a training batch: values `(B,)` each, vectors `(B, width)`; earlier batches fade."""
        self._add(values, vectors, DECAY)
        self._solve()

    @torch.no_grad()
    def refit(self, batches: Iterable[tuple[Values, Tensor]]) -> None:
        """Fit to all batches with equal weight; the old fit is used until all of them have been read."""
        for place, (values, vectors) in enumerate(batches):
            self._add(values, vectors, float(place > 0))
        self._solve()

    def _add(self, values: Values, vectors: Tensor, kept: float) -> None:
        with torch.autocast(self.gram.device.type, enabled=False):
            features, vectors = self._features(values), vectors.to(self.gram.dtype)
            self.gram.mul_(kept).add_(features.T @ features)
            self.moment.mul_(kept).add_(features.T @ vectors)

    def _solve(self) -> None:
        ridge = RIDGE * self.gram.diagonal().mean().clamp_min(1e-12)
        damped = self.gram + ridge * torch.eye(len(self.gram), device=self.gram.device, dtype=self.gram.dtype)
        self.coefficients.copy_(torch.linalg.solve(damped, self.moment))

    def _features(self, values: Values) -> Tensor:
        scalers, columns = iter(self.scalers), []
        for name, variable in self.variables.items():
            if variable.is_discrete:
                columns.append(F.one_hot(values[name].long(), len(variable.labels or ())).to(self.gram.dtype))
            else:
                value = next(scalers)(values[name].to(self.gram.dtype)).clamp(-FARTHEST, FARTHEST)
                columns.append(torch.stack([value, value.square()], dim=1))
        return torch.cat([columns[0].new_ones(len(columns[0]), 1), *columns], dim=1)
