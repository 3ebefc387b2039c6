r"""Continuous mechanisms that are one increasing map of one scalar noise.

.. math:: x = T_{pa}(u), \qquad u \sim p(u), \qquad T_{pa} \text{ increasing and invertible}

so that abduction is exact, :math:`u = T_{pa}^{-1}(x)`, and so is the density. Counterfactuals of a continuous variable
are identified under exactly this assumption, monotone scalar noise, and no hidden confounding.
"""

from abc import abstractmethod

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.transforms import ComposeTransform, Transform

from ..typing import Noise, Values
from .base import Abduction, Abductive, Density
from .identification import Identifiability, Identification

__all__ = ["ScalarFlow"]


class ScalarFlow(Abductive, Density):
    """Base of the scalar flows; a subclass defines `transform`.

    Noise: `u`, `(B,)`, standard normal unless a subclass overrides `base`.
    """

    kinds = ("continuous",)
    abduction = Abduction.BIJECTIVE
    identification = Identification(
        Identifiability.ASSUMED, "an increasing function of one scalar noise, and no hidden confounding"
    )

    @abstractmethod
    def transform(self, parents: Values) -> Transform:
        """The map u -> x given parents, in natural units; fresh at each call, since transforms cache inverses."""

    def base(self, batch_shape: tuple[int, ...] = ()) -> Distribution:
        """Distribution of the noise `u`."""
        zero = self._zero
        return dist.Normal(zero, zero + 1).expand(batch_shape)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        return {"u": self.base(batch_shape)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        value = self.transform(parents)(noise["u"])
        # The scaler's margin lies outside the support, and a value there could not be given as a factual again.
        return value if self.variable.support is None else value.clamp(*self.variable.support)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        return {"u": self.transform(parents).inv(value)}

    def distribution(self, parents: Values, batch_shape: tuple[int, ...] = ()) -> dist.TransformedDistribution:
        """p(x | pa) as a Pyro distribution."""
        return dist.TransformedDistribution(self.base(batch_shape), [self.transform(parents)])

    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        # That of `distribution`, whose checks of shapes and second pass forward take twice as long as the arithmetic.
        noise, log_det = value, torch.zeros_like(value)
        for part in reversed(_parts(self.transform(parents))):
            value, noise = noise, part.inv(noise)
            log_det = log_det + part.log_abs_det_jacobian(noise, value)
        return self.base(noise.shape).log_prob(noise) - log_det

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        return pyro.sample(name, self.distribution(parents), obs=value)


def _parts(transform: Transform) -> list[Transform]:
    """The single maps of a chain, in the order in which they are applied."""
    if isinstance(transform, ComposeTransform):
        return [single for part in transform.parts for single in _parts(part)]
    return [transform]
