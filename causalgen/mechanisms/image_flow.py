r"""Normalising flow for one image: an invertible network from Gaussian noise to pixels, with an exact density.

.. math:: x = T_{pa}(z), \qquad
          \log p(x \mid pa) = \log N(T_{pa}^{-1}(x); 0, I) + \log \lvert \det \partial T_{pa}^{-1} / \partial x \rvert

Abduction is exact. Grey levels are spread evenly over their width in training (Theis, van den Oord and Bethge, A note on the
evaluation of generative models, 2016). As a structural mechanism for images: Pawlowski, Castro and Glocker, Deep structural
causal models for tractable counterfactual inference, 2020.
"""

from collections.abc import Mapping
from typing import ClassVar

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.transforms import Transform

from ..graph import Variable
from ..nn import CouplingStack, ImageMaps, ParentEmbedding
from ..typing import Noise, Values
from .base import Abduction, Abductive, Density
from .identification import Identifiability, Identification

__all__ = ["ImageFlow"]

CONTEXT = 64
"""Width of the embedding of the parents."""
MARGIN = 0.01
"""Margin at both ends of the unit interval, as a share of it, so that black and white keep finite logits."""


class ImageFlow(Abductive, Density):
    """Conditional multi-scale coupling flow.

    Noise: `z`, `(B, C, H, W)`, standard normal.

    Args:
        variable: An image variable, grey or colour, of any size; sides that are multiples of 4 give more than one level.
        parents: Parents of any kind.
        levels: Maximum number of resolutions.
        couplings: Affine couplings at each resolution.
        width: Channels of the couplings' networks.
    """

    kinds = ("image",)
    privacy_obstacle = ""
    works = ("image-flow",)
    limits: ClassVar = {"couplings": 64, "levels": 16}
    abduction = Abduction.BIJECTIVE
    identification = Identification(
        Identifiability.CONVENTION, "a stack of couplings, one of many invertible maps with the same distribution"
    )

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        levels: int = 3,
        couplings: int = 8,
        width: int = 48,
    ) -> None:
        super().__init__(variable, parents)
        low, high = variable.support or (0.0, 255.0)
        half_level = (high - low) / 510  # dequantised levels reach half a level beyond the support
        self.low, self.width = low - half_level, high - low + 2 * half_level
        self.tolerance = half_level
        self.embed = ParentEmbedding(self.parents, CONTEXT)
        self.maps = ImageMaps(self.parents, variable.shape)
        self.stack = CouplingStack(
            variable.shape, CONTEXT, levels=levels, couplings=couplings, width=width, maps=self.maps.channels
        )

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.embed.fit(parents)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {"z": dist.Normal(zero, zero + 1).expand((*batch_shape, *self.variable.shape)).to_event(3)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        context = self.embed(parents, noise["z"].shape[0])
        value = self._to_pixels(self.stack.decode(noise["z"], context, self.maps(parents)))
        return value if self.variable.support is None else value.clamp(*self.variable.support)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        return {"z": self._encode(value, parents)[0]}

    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        """Log density `(B,)` at pixel values, natural units; a grey level has the density times its width."""
        z, log_determinant = self._encode(value, parents)
        zero = z.new_zeros(())
        return dist.Normal(zero, zero + 1).log_prob(z).flatten(1).sum(1) + log_determinant

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        low, high = self.variable.support or (0.0, 255.0)
        level = (high - low) / 255
        # Uniform dequantisation: on discrete grey levels the density would grow without bound.
        return {"loss": -self.log_prob(value + level * (torch.rand_like(value) - 0.5), parents)}

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        base = self.noise((len(next(iter(parents.values()))),) if parents else ())["z"]
        return pyro.sample(name, dist.TransformedDistribution(base, [_Assignment(self, parents)]), obs=value)

    def _encode(self, value: Tensor, parents: Values) -> tuple[Tensor, Tensor]:
        share = MARGIN + (1 - 2 * MARGIN) * (value - self.low) / self.width
        logit = torch.logit(share)
        # The derivative of the logit by the pixel value, for the change of density.
        slope = (1 - 2 * MARGIN) / self.width / (share * (1 - share))
        z, log_determinant = self.stack.encode(logit, self.embed(parents, value.shape[0]), self.maps(parents))
        return z, log_determinant + slope.log().flatten(1).sum(1)

    def _to_pixels(self, logit: Tensor) -> Tensor:
        return (torch.sigmoid(logit) - MARGIN) / (1 - 2 * MARGIN) * self.width + self.low


class _Assignment(Transform):
    """The flow as a torch transform from noise to pixels, for Pyro."""

    bijective = True
    domain = constraints.independent(constraints.real, 3)
    codomain = constraints.independent(constraints.real, 3)

    def __init__(self, mechanism: ImageFlow, parents: Values) -> None:
        super().__init__()
        self.mechanism, self.parents = mechanism, parents

    def _call(self, x: Tensor) -> Tensor:
        return self.mechanism({"z": x}, self.parents)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.mechanism.abduct(y, self.parents)["z"]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self.mechanism._encode(y, self.parents)[1]
