r"""Likelihoods of an image given a decoder's output: parts of an image mechanism.

Pixels are in natural units over [low, high]; the decoder's output is on the scale where that range is [-1, 1].
"""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints
from torch.nn import functional as F

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "DiscretisedGaussian",
    "Gaussian",
    "Likelihood",
    "LikelihoodName",
    "PixelwiseGaussian",
    "discretised",
]

LikelihoodName = Literal["discretised-gaussian", "pixelwise-gaussian", "gaussian", "bernoulli"]
NO_SHAPE = torch.Size()
LEAST_LOG_SCALE = -6.0


class Likelihood(nn.Module, ABC):
    """p(x | decoder output) over whole images.

    Args:
        channels: Channels of the image.
        support: Least and greatest pixel value.
        dimensions: 2 for images, 3 for volumes.
    """

    has_residual = False
    """Whether the difference between an image and its decoded mean can be carried to the counterfactual."""
    outputs = 1
    """Channels of the decoder's output for each channel of the image."""

    def __init__(self, channels: int, support: tuple[float, float], dimensions: int = 2) -> None:
        super().__init__()
        self.channels, self.dimensions = channels, dimensions
        self.low, self.high = support

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """Expected image in natural units, `(B, C, H, W)`."""

    @abstractmethod
    def distribution(self, output: Tensor) -> TorchDistribution:
        """Pyro distribution with event shape (C, H, W), natural units."""

    @abstractmethod
    def pixel_moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of every pixel inside the support, natural units, `(B, C, H, W)` each."""

    @abstractmethod
    def pixel_log_prob(self, output: Tensor, value: Tensor) -> Tensor:
        """Log-likelihood of every pixel, `(B, C, H, W)`, natural units."""

    def log_prob(self, output: Tensor, value: Tensor) -> Tensor:
        """Log-likelihood `(B,)` in nats, natural units."""
        return self.pixel_log_prob(output, value).flatten(1).sum(1)

    def residual(self, output: Tensor, value: Tensor) -> Tensor:
        """Standardised residual of `value`; added back by `add_residual`."""
        raise ValueError(
            f"Expected a likelihood with a pixel residual; {type(self).__name__} has none. Use residual=0."
        )

    def add_residual(self, output: Tensor, residual: Tensor) -> Tensor:
        """Expected image plus a standardised residual, natural units, inside the support."""
        raise ValueError(
            f"Expected a likelihood with a pixel residual; {type(self).__name__} has none. Use residual=0."
        )

    def to_unit(self, value: Tensor) -> Tensor:
        """Natural units to [-1, 1]."""
        return (value - self.low) * (2 / (self.high - self.low)) - 1

    def from_unit(self, value: Tensor) -> Tensor:
        """[-1, 1] to natural units, cut off at the support."""
        return (value.clamp(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low


class Gaussian(Likelihood):
    r"""Independent Gaussian pixels, :math:`x \sim N(m, s_c^2)` with one learned scale per channel."""

    has_residual = True

    def __init__(self, channels: int, support: tuple[float, float], dimensions: int = 2) -> None:
        super().__init__(channels, support, dimensions)
        self.log_scale = nn.Parameter(torch.full((channels, *[1] * dimensions), -1.5))

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of the pixels on the [-1, 1] range; the scale is bounded below so that no density blows up."""
        return output, self.log_scale.clamp_min(LEAST_LOG_SCALE).exp()

    def mean(self, output: Tensor) -> Tensor:
        return self.from_unit(self.moments(output)[0])

    def distribution(self, output: Tensor) -> TorchDistribution:
        half = (self.high - self.low) / 2
        mean, scale = self.moments(output)
        return dist.Normal((mean + 1) * half + self.low, scale * half).to_event(1 + self.dimensions)

    def pixel_moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a normal variable whose tails are moved to the edges of the support."""
        mean, scale = self.moments(output)
        low, high = (-1 - mean) / scale, (1 - mean) / scale
        black, white = torch.special.ndtr(low), torch.special.ndtr(-high)
        inside = 1 - black - white
        left, right = scale * _density(low), scale * _density(high)
        first = white - black + mean * inside + left - right
        second = white + black + (mean.square() + scale**2) * inside + (mean - 1) * left - (mean + 1) * right
        half = (self.high - self.low) / 2
        return (first + 1) * half + self.low, (second - first.square()).clamp_min(0.0) * half**2

    def pixel_log_prob(self, output: Tensor, value: Tensor) -> Tensor:
        half = (self.high - self.low) / 2
        mean, scale = self.moments(output)
        constant = scale.log() + 0.5 * math.log(2 * math.pi) + math.log(half)
        return -(0.5 * ((self.to_unit(value) - mean) / scale).square() + constant)

    def residual(self, output: Tensor, value: Tensor) -> Tensor:
        mean, scale = self.moments(output)
        return (self.to_unit(value) - mean.clamp(-1, 1)) / scale

    def add_residual(self, output: Tensor, residual: Tensor) -> Tensor:
        mean, scale = self.moments(output)
        return self.from_unit(mean.clamp(-1, 1) + scale * residual)


class DiscretisedGaussian(Gaussian):
    r"""Gaussian integrated over each of the 256 grey levels, the edge levels taking the tails.

    .. math:: P(x = v) = \Phi\bigl((v + \tfrac12 - m)/s\bigr) - \Phi\bigl((v - \tfrac12 - m)/s\bigr)
    """

    def distribution(self, output: Tensor) -> TorchDistribution:
        return discretised(self, *self.moments(output))

    def pixel_log_prob(self, output: Tensor, value: Tensor) -> Tensor:
        return self.log_mass(*self.moments(output), value)

    def log_mass(self, mean: Tensor, scale: Tensor, value: Tensor) -> Tensor:
        """Log probability of each pixel's grey level, shape of `value`."""
        centre, half_bin, inverse = self.to_unit(value) - mean, 1 / 255, 1 / scale
        upper = torch.special.ndtr((centre + half_bin) * inverse)
        lower = torch.special.ndtr((centre - half_bin) * inverse)
        black, white = value <= self.low, value >= self.high
        mass = torch.where(white, 1.0, upper) - torch.where(black, 0.0, lower)
        # Where both tails round to the same number the density times the bin width is exact enough.
        density = -0.5 * (centre * inverse).square() - (scale / (2 * half_bin)).log()
        beyond = ((torch.where(white, centre, -centre) - half_bin) * inverse).clamp_min(1.0)
        tail = -0.5 * beyond.square() - (beyond + 1 / beyond).log()  # of the edge levels, by Mills' ratio
        rare = torch.where(black | white, tail, density) - 0.5 * math.log(2 * math.pi)
        return torch.where(mass > 1e-5, mass.clamp_min(1e-5).log(), rare)


class PixelwiseGaussian(DiscretisedGaussian):
    """Discretised Gaussian whose scale the decoder predicts for every pixel: small in flat areas, large at edges."""

    outputs = 2

    def __init__(self, channels: int, support: tuple[float, float], dimensions: int = 2) -> None:
        super().__init__(channels, support, dimensions)
        del self.log_scale  # the decoder predicts it

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = output.chunk(2, dim=1)
        return mean, (log_scale - 1.5).clamp(LEAST_LOG_SCALE, 2.0).exp()


class Bernoulli(Likelihood):
    """Pixels as probabilities; meant for nearly black-and-white images. The output is a logit."""

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output) * (self.high - self.low) + self.low

    def distribution(self, output: Tensor) -> TorchDistribution:
        return _GreyBernoulli(self, output).to_event(1 + self.dimensions)

    def pixel_moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        share, span = torch.sigmoid(output), self.high - self.low
        return share * span + self.low, share * (1 - share) * span**2

    def pixel_log_prob(self, output: Tensor, value: Tensor) -> Tensor:
        target = (self.to_unit(value) + 1) / 2
        return -F.binary_cross_entropy_with_logits(output, target, reduction="none")


class _PixelDistribution(TorchDistribution):
    """Distribution of single pixels whose formulas live in a `Likelihood`; `parameters` have the image's shape."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real

    def __init__(self, likelihood: Any, *parameters: Tensor, validate_args: bool | None = None) -> None:
        self.likelihood, self.parameters = likelihood, torch.broadcast_tensors(*parameters)
        super().__init__(batch_shape=self.parameters[0].shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "_PixelDistribution":
        return type(self)(self.likelihood, *(parameter.expand(batch_shape) for parameter in self.parameters))


class _Discretised(_PixelDistribution):
    def sample(self, sample_shape: Any = NO_SHAPE) -> Tensor:
        part, (mean, scale) = self.likelihood, self.parameters
        value = mean + scale * torch.randn(self._extended_shape(sample_shape), dtype=mean.dtype, device=mean.device)
        level = ((value.clamp(-1, 1) + 1) * 127.5).round()  # the edge levels take the tails, as in `log_mass`
        return (level * ((part.high - part.low) / 255) + part.low).detach()

    def log_prob(self, value: Tensor) -> Tensor:
        return self.likelihood.log_mass(*self.parameters, value)


class _GreyBernoulli(_PixelDistribution):
    def sample(self, sample_shape: Any = NO_SHAPE) -> Tensor:
        part = self.likelihood
        probability = torch.sigmoid(self.parameters[0]).expand(self._extended_shape(sample_shape))
        return (torch.bernoulli(probability) * (part.high - part.low) + part.low).detach()

    def log_prob(self, value: Tensor) -> Tensor:
        target = (self.likelihood.to_unit(value) + 1) / 2
        return -F.binary_cross_entropy_with_logits(
            self.parameters[0], target.expand_as(self.parameters[0]), reduction="none"
        )


def discretised(likelihood: DiscretisedGaussian, mean: Tensor, scale: Tensor) -> TorchDistribution:
    """Pyro distribution over images of whole grey levels, from mean and scale on the [-1, 1] range."""
    return _Discretised(likelihood, mean, scale).to_event(1 + likelihood.dimensions)


def _density(standard: Tensor) -> Tensor:
    """Standard normal density."""
    return torch.exp(-0.5 * standard.square()) / math.sqrt(2 * math.pi)


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "discretised-gaussian": DiscretisedGaussian,
    "pixelwise-gaussian": PixelwiseGaussian,
    "gaussian": Gaussian,
    "bernoulli": Bernoulli,
}
