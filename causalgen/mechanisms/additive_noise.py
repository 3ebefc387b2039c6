r"""Additive noise: x = f(pa) + e, with the noise shaped by an unconditional spline.

.. math:: x = f(pa) + S(u), \qquad u \sim N(0, 1)

The effect of the parents is confined to a shift, which makes the model identifiable in many cases (Hoyer et al.,
Nonlinear causal discovery with additive noise models, 2008) and extrapolates more conservatively than a free flow.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions.transforms import AffineTransform, ComposeTransform, Transform

from ..graph import Variable
from ..nn import Features, MonotonicRQSTransform, Standardiser, mlp
from ..typing import Values
from .identification import Identifiability, Identification
from .scalar_flow import ScalarFlow

__all__ = ["AdditiveNoise"]


class AdditiveNoise(ScalarFlow):
    """Shift by a function of the parents plus noise of a learned, parent-free shape.

    Args:
        variable: A continuous variable. Its support does not change the shift; results outside it are clipped.
        parents: Parents of any kind.
        function: "linear" or "mlp", the form of f.
        bins: Number of spline bins of the noise.
        hidden: Widths of the hidden layers when `function="mlp"`.
    """

    privacy_obstacle = ""
    identification = Identification(
        Identifiability.ASSUMED, "a function of the parents plus one scalar noise, and no hidden confounding"
    )

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        function: Literal["linear", "mlp"] = "mlp",
        bins: int = 8,
        hidden: Sequence[int] = (32, 32),
    ) -> None:
        if function not in ("linear", "mlp"):
            raise ValueError(f"Expected function 'linear' or 'mlp' for '{variable.name}'; got {function!r}.")
        super().__init__(variable, parents)
        self.scaler = Standardiser()
        self.features = Features(self.parents)
        # Without parents the features are a constant, and the shift is a free number.
        self.shift = mlp(self.features.width, 1, hidden if function == "mlp" and self.parents else ())
        self.widths = nn.Parameter(torch.zeros(bins))
        self.heights = nn.Parameter(torch.zeros(bins))
        self.derivatives = nn.Parameter(torch.zeros(bins - 1))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.scaler.fit(value)
        self.features.fit(parents)

    def transform(self, parents: Values) -> Transform:
        shift = self.shift(self.features(parents))[:, 0]
        spline = MonotonicRQSTransform(self.widths, self.heights, self.derivatives)
        # The spline comes first: the parents must not change the shape of the noise.
        return ComposeTransform([spline, AffineTransform(shift, self.log_scale.exp()), self.scaler.transform()])
