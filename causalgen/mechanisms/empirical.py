r"""Empirical root: a variable without parents, resampled from its training values.

.. math:: x = \hat F^{-1}(u), \qquad u \sim U(0, 1)

with :math:`\hat F` the empirical distribution function made continuous by linear interpolation.
"""

from collections.abc import Mapping
from typing import ClassVar

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.transforms import Transform

from ..errors import GraphError
from ..graph import Variable
from ..typing import Values
from .scalar_flow import ScalarFlow

__all__ = ["Empirical"]


class Empirical(ScalarFlow):
    """Quantile function of the training values; nothing is trained.

    Values outside the training range have density zero. Noise: `u`, uniform on (0, 1).

    Args:
        variable: A continuous variable.
        parents: Must be empty.
        knots: Number of quantiles kept.
    """

    parent_kinds = ()
    privacy_obstacle = "it stores quantiles of the training values unchanged"
    limits: ClassVar = {"knots": 1_000_000}
    values: Tensor
    levels: Tensor

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, knots: int = 1024) -> None:
        super().__init__(variable, parents)
        if knots < 2:
            raise ValueError(
                f"Expected at least 2 knots for the empirical mechanism of '{variable.name}'; got {knots}."
            )
        if self.parents:
            raise GraphError(
                f"Expected no parents for the empirical mechanism of '{variable.name}'; got {list(self.parents)}. "
                "Use 'spline-flow' for a variable with parents."
            )
        self.register_buffer("values", torch.linspace(0.0, 1.0, knots))
        self.register_buffer("levels", torch.linspace(0.0, 1.0, knots))

    def initialize(self, value: Tensor, parents: Values) -> None:
        knots = len(self.values)
        unique, counts = value.to(self.values).unique(return_counts=True)
        cumulative = counts.double().cumsum(0)
        middle = cumulative - counts / 2  # ties share the middle of their step
        levels = (middle - middle[0]) / (middle[-1] - middle[0])
        kept = torch.linspace(0, len(unique) - 1, knots, dtype=torch.float64, device=unique.device)
        left = kept.floor().long().clamp_max(len(unique) - 2)
        weight = kept - left
        self.values.copy_(unique[left] + weight * (unique[left + 1] - unique[left]))
        self.values[-1] = unique[-1]  # interpolation can end a rounding error below the greatest value
        self.levels.copy_(levels[left] + weight * (levels[left + 1] - levels[left]))

    def base(self, batch_shape: tuple[int, ...] = ()) -> Distribution:
        zero = torch.zeros_like(self.values[0])
        # Half-open in torch: a bound slightly above one gives the greatest training value its density.
        return dist.Uniform(zero, zero + 1 + 1e-6, validate_args=False).expand(batch_shape)

    def transform(self, parents: Values) -> Transform:
        return _PiecewiseLinear(self.levels, self.values)


class _PiecewiseLinear(Transform):
    """Increasing interpolation from `x_knots` to `y_knots`, clamped at the ends."""

    domain = constraints.real
    codomain = constraints.real
    bijective = True
    sign = 1

    def __init__(self, x_knots: Tensor, y_knots: Tensor) -> None:
        super().__init__()
        self.x_knots, self.y_knots = x_knots, y_knots

    def _call(self, x: Tensor) -> Tensor:
        return _interpolate(x, self.x_knots, self.y_knots)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return _interpolate(y, self.y_knots, self.x_knots)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # The inverse map has its knots at the values, so its slope there is one over the slope of this one.
        log_slope = _interpolate(y, self.y_knots, self.x_knots)[1].log().neg()
        outside = (y < self.y_knots[0]) | (y > self.y_knots[-1])
        return log_slope.masked_fill(outside, torch.inf)


def _interpolate(x: Tensor, xs: Tensor, ys: Tensor) -> tuple[Tensor, Tensor]:
    """Interpolated value and local slope."""
    right = torch.searchsorted(xs, x.contiguous()).clamp(1, len(xs) - 1)
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    slope = (y1 - y0) / (x1 - x0)
    return (y0 + (x - x0) * slope).clamp(ys[0], ys[-1]), slope
