r"""Conditional rational-quadratic spline flow for one continuous variable.

.. math:: x = g\bigl(\mu(pa) + \sigma(pa)\, S_{\theta(pa)}(u)\bigr), \qquad u \sim N(0, 1)

with :math:`S` an increasing rational-quadratic spline on [-5, 5] (Durkan et al., Neural Spline Flows, 2019,
arXiv:1906.04032), the identity outside, and :math:`g` the fixed map from the standardised scale to natural units.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.distributions.transforms import AffineTransform, ComposeTransform, Transform

from ..graph import Variable
from ..nn import Features, MonotonicRQSTransform, Standardiser, mlp
from ..typing import Values
from .scalar_flow import ScalarFlow

__all__ = ["SplineFlow"]


class SplineFlow(ScalarFlow):
    """Spline flow whose shape, location and scale depend on the parents.

    Args:
        variable: A continuous variable; with two finite support bounds, the flow ends in a logistic map.
        parents: Parents of any kind.
        bins: Number of spline bins.
        hidden: Widths of the conditioner's hidden layers.
    """

    works = ("spline-flow",)
    privacy_obstacle = ""

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, bins: int = 8, hidden: Sequence[int] = (32, 32)
    ) -> None:
        super().__init__(variable, parents)
        self.bins = bins
        self.scaler = Standardiser(variable.support)
        self.features = Features(self.parents)
        self.conditioner = mlp(self.features.width, 3 * bins + 1, hidden if self.parents else ())
        last = self.conditioner[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():  # start at x = g(u): the identity on the standardised scale
            last.weight.mul_(0.1)
            last.bias.zero_()

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.scaler.fit(value)
        self.features.fit(parents)

    def transform(self, parents: Values) -> Transform:
        raw = self.conditioner(self.features(parents))
        widths, heights, derivatives, loc, log_scale = raw.split([self.bins, self.bins, self.bins - 1, 1, 1], dim=-1)
        spline = MonotonicRQSTransform(widths, heights, derivatives)
        affine = AffineTransform(loc[:, 0], log_scale[:, 0].exp())
        return ComposeTransform([spline, affine, self.scaler.transform()])
