r"""The common base of known image mechanisms: a picture is made from another one by a function that is not learned.

.. math:: x = \operatorname{clip}\bigl(A(pa) + \sigma u\bigr), \qquad u \sim N(0, I)

over the support of the pixels, where A is differentiable. With :math:`\sigma = 0` the mechanism is deterministic. Pixels
are whole grey levels, so that a value counts as possible within the error of rounding.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Distribution

from ..errors import DataError, SupportError
from ..graph import Variable
from ..typing import Noise, Values
from .base import Abduction, Abductive, Density
from .identification import Identifiability, Identification
from .likelihoods import PixelwiseGaussian, discretised

__all__ = ["ImageFunction", "KnownImage"]

ROUNDING = 1 / 12
"""Variance of the error of rounding to whole grey levels."""
FAR = 3.0
"""Root mean square error, in grey levels, above which a picture contradicts a mechanism without noise."""


class KnownImage(Abductive, Density):
    """An image that is a known function of its only parent, another image.

    Noise: `pixel`, `(B, C, H, W)`, standard normal; none where the mechanism is deterministic.

    Args:
        variable: The image that is made.
        parents: One image.
        sigma: Standard deviation of the noise, grey levels of 255.

    Raises:
        ValueError: Another number of parents, another support, or a shape that the mechanism does not make.
    """

    kinds = ("image",)
    parent_kinds = ("image",)
    known = True
    abduction = Abduction.BIJECTIVE
    identification = Identification(Identifiability.ASSUMED, "the mechanism is the declared one")
    scale: Tensor
    rounding: Tensor
    linear = True
    """Whether A is linear up to a constant, so that a picture corrects its parent pixel by pixel."""

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, sigma: float = 0.0) -> None:
        super().__init__(variable, parents)
        if len(self.parents) != 1:
            raise ValueError(f"Expected one parent of '{variable.name}', an image; got {', '.join(parents) or 'none'}.")
        parent = next(iter(self.parents.values()))
        self.low, self.high = parent.support or (0.0, 255.0)
        if (variable.support or (0.0, 255.0)) != (self.low, self.high):
            raise ValueError(f"Expected '{variable.name}' to have the support of '{parent.name}'; got another one.")
        level = (self.high - self.low) / 255
        self.pixels = PixelwiseGaussian(variable.shape[0], (self.low, self.high))
        self.noisy = sigma > 0
        if self.noisy:
            self.abduction = Abduction.POSTERIOR
        self.register_buffer("scale", torch.tensor(sigma * level))
        self.register_buffer("rounding", torch.tensor(ROUNDING * level**2))

    @abstractmethod
    def image(self, parent: Tensor) -> Tensor:
        """A(pa): images of the parent, natural units, to images of this variable without noise."""

    def variance(self, variance: Tensor) -> Tensor:
        """Variance of the pixels of A(pa), from that of the parent's pixels."""
        return self.image(variance)

    def undo(self, image: Tensor) -> Tensor:
        """Return a rough guess of the parent, from which a search may start."""
        return image

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        if not self.noisy:
            return {}
        zero = torch.zeros_like(self.scale)
        return {"pixel": dist.Normal(zero, zero + 1).expand((*batch_shape, *self.variable.shape)).to_event(3)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        clean = self._clean(parents)
        return (clean + self.scale * noise["pixel"] if self.noisy else clean).clamp(self.low, self.high)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        clean = self._clean(parents)
        if not self.noisy:
            self._check(value, clean)
            return {}
        exact = (value - clean) / self.scale
        # A pixel at the edge of the support may have been clipped: its noise is anything beyond.
        share = torch.rand_like(exact) if draw else torch.full_like(exact, 0.5)
        below = torch.special.ndtri(share * torch.special.ndtr(exact))
        above = -torch.special.ndtri(share * torch.special.ndtr(-exact))
        found = torch.where(value <= self.low, below, torch.where(value >= self.high, above, exact))
        return {"pixel": torch.where(found.isfinite(), found, exact)}

    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        clean = self._clean(parents)
        return self.distribution(clean, torch.zeros_like(clean)).log_prob(value)

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        clean = self._clean(parents)
        return pyro.sample(name, self.distribution(clean, torch.zeros_like(clean)), obs=value)

    def distribution(self, mean: Tensor, variance: Tensor) -> TorchDistribution:
        """Pyro distribution of images whose pixels without noise have this mean and variance, natural units."""
        scale = self.total(variance).sqrt() * (2 / (self.high - self.low))
        return discretised(self.pixels, self.pixels.to_unit(mean), scale)

    def total(self, variance: Tensor) -> Tensor:
        """Variance of the pixels with noise and rounding, from that without."""
        return variance + self.scale.square() + self.rounding

    def _clean(self, parents: Values) -> Tensor:
        return self.image(parents[next(iter(self.parents))])

    def _check(self, value: Tensor, clean: Tensor) -> None:
        far = (value - clean).square().flatten(1).mean(1).sqrt() > FAR * (self.high - self.low) / 255
        if far.any():
            raise SupportError(
                f"Expected pictures of '{self.variable.name}' that follow from '{next(iter(self.parents))}'; the one "
                f"of unit {int(far.nonzero()[0])} does not. Check both, or add noise to the mechanism."
            )

    def _expect_shape(self, shape: tuple[int, ...]) -> None:
        if self.variable.shape != shape:
            raise ValueError(
                f"Expected '{self.variable.name}' with shape {shape}, as its mechanism makes it; "
                f"got {self.variable.shape}. Declare that size."
            )


class ImageFunction(KnownImage):
    """An image by a user's function of another image, with known noise.

    Args:
        variable: The image that is made.
        parents: One image.
        function: Images `(B, C, H, W)`, natural units, to images; differentiable, made of torch operations.
        sigma: Standard deviation of the noise, grey levels of 255.

    Raises:
        DataError: The function fails, or does not return one image for each.
    """

    linear = False

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        function: Callable[[Tensor], Tensor],
        sigma: float = 0.0,
    ) -> None:
        super().__init__(variable, parents, sigma=sigma)
        self.function = function

    def image(self, parent: Tensor) -> Tensor:
        try:
            made = self.function(parent)
        except Exception as error:
            raise DataError(
                f"Expected the function of '{self.variable.name}' to make images; it failed with "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(made, Tensor) or tuple(made.shape) != (len(parent), *self.variable.shape):
            got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise DataError(
                f"Expected the function of '{self.variable.name}' to return images of shape "
                f"{(len(parent), *self.variable.shape)}; got {got}."
            )
        return made

    def variance(self, variance: Tensor) -> Tensor:
        """Treat every pixel as having the variance of an average pixel of the parent."""
        return variance.mean(dim=(1, 2, 3), keepdim=True).expand(-1, *self.variable.shape)
