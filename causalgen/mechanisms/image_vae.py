r"""The common base of the variational autoencoders for images: bound, residual, Pyro sites; a subclass adds networks.

.. math:: u_k \sim N(0, I), \qquad x = m_\theta(u, pa) + r\, s\, \epsilon, \qquad
          q(u \mid x, pa) = \prod_k q(u_k \mid u_{<k}, x, pa)

trained on the evidence lower bound (Kingma and Welling, Auto-encoding variational Bayes, 2013; as a structural mechanism:
Pawlowski, Castro and Glocker, Deep structural causal models for tractable counterfactual inference, 2020). `r` is the share of
the pixel residual that is carried into counterfactuals.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..graph import Variable
from ..nn import ConditionalMean, ImageMaps, ParentEmbedding
from ..typing import Noise, Values
from .base import Abduction, Abductive, Batches, Observable
from .identification import Identifiability, Identification
from .likelihoods import LIKELIHOODS

__all__ = ["CONTEXT", "ImageVAE", "Inference", "infer_gaussian"]

CONTEXT = 64
"""Width of the embedding of the parents."""
TRACKED = 4
"""One in this many units of a step is encoded again to track the mean of the latents given the parents."""


class Inference(NamedTuple):
    """One pass of encoder and decoder.

    Attributes:
        noise: Latents `(B, ...)` by name, draws from q or its means.
        rates: Divergence of each latent's q from N(0, I), `(B,)` by name.
        odds: log p(u) - log q(u) of all latents at the noise, `(B,)`.
        output: Decoder output `(B, C, H, W)` on the likelihood's own scale.
        means: Means of q before their mean given the parents is removed, `(B, ...)` by name, without a gradient; empty
            if nothing is removed.
    """

    noise: Noise
    rates: dict[str, Tensor]
    odds: Tensor
    output: Tensor
    means: Mapping[str, Tensor] = MappingProxyType({})


class ImageVAE(Abductive, Observable):
    """A VAE whose encoder and decoder both see the parents.

    Args:
        variable: An image variable, grey or colour, of any size.
        parents: Parents of any kind.
        likelihood: Key of `likelihoods.LIKELIHOODS`.
        residual: Share in [0, 1] of the pixel residual that abduction keeps and counterfactuals carry.
        beta: Weight of the Kullback-Leibler term; 1 is the evidence lower bound.
        free: Nats of divergence that are not penalised, by latent (Kingma et al., 2016, arXiv:1606.04934).
        warmup: Fraction of training over which that weight grows from 0.
        independence: Share in [0, 1] of the latents' mean given the parents that is removed from q.
    """

    kinds = ("image",)
    limits: ClassVar = {"blocks": 256}
    abduction = Abduction.VARIATIONAL

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        likelihood: str,
        residual: float,
        beta: float,
        free: Mapping[str, float],
        warmup: float,
        independence: float = 0.0,
    ) -> None:
        super().__init__(variable, parents)
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"Expected a likelihood among {sorted(LIKELIHOODS)}; got {likelihood!r}.")
        if not 0.0 <= residual <= 1.0:
            raise ValueError(f"Expected residual in [0, 1]; got {residual}.")
        self.residual, self.beta, self.free, self.warmup = residual, beta, dict(free), warmup
        self.likelihood = LIKELIHOODS[likelihood](
            variable.shape[0], variable.support or (0.0, 255.0), len(variable.shape) - 1
        )
        if residual > 0 and not self.likelihood.has_residual:
            raise ValueError(f"Expected residual=0 for the {likelihood} likelihood, which has none; got {residual}.")
        self.independence = independence
        self._require_attributes()
        self.embed = ParentEmbedding(self.parents, CONTEXT)
        self.maps = ImageMaps(self.parents, variable.shape)
        self.expected: ConditionalMean | None = None

    @property
    @abstractmethod
    def latents(self) -> dict[str, tuple[int, ...]]:
        """Shape of one unit's latent by name, in the order in which they are inferred."""

    @abstractmethod
    def infer(self, value: Tensor, parents: Values, *, draw: bool) -> Inference:
        """Latents of images `(B, C, H, W)` in natural units, and the decoder's output for them."""

    @abstractmethod
    def decode(self, noise: Noise, parents: Values) -> Tensor:
        """Decoder output, `(B, C, H, W)`, on the likelihood's own scale."""

    @property
    def privacy_obstacle(self) -> str:  # type: ignore[override]
        return "independence estimates the mean of its latents from the training units" if self.independence else ""

    @property
    def attributes(self) -> dict[str, Variable]:
        """Parents whose mean effect on the latents can be removed: all but images."""
        return {name: parent for name, parent in self.parents.items() if not parent.is_image}

    def centre_latents(self) -> None:
        """Prepare what `independence` needs; a subclass calls it when the shapes of its latents are known."""
        if self.independence > 0:
            width = sum(math.prod(shape) for shape in self.latents.values())
            self.expected = ConditionalMean(self.attributes, width)

    def centring(self, parents: Values) -> "_Centring":
        """Return the object that removes the mean given the parents from the latents in one pass of the encoder."""
        if self.expected is None:
            return _Centring({})
        taken = self.independence * self.expected(parents)
        parts = taken.split([math.prod(shape) for shape in self.latents.values()], dim=1)
        return _Centring({name: part.unflatten(1, shape) for (name, shape), part in zip(self.latents.items(), parts)})

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.embed.fit(parents)
        if self.expected is not None:
            self.expected.fit(parents)

    def track(self, value: Tensor, parents: Values) -> None:
        """Track the mean of the latents given the parents, on a part of the units."""
        if self.expected is None:
            return
        few = max(1, len(value) // TRACKED)
        self.expected.update(*self._means(value[:few], {name: parents[name][:few] for name in self.parents}))

    def settle(self, batches: Batches) -> None:
        """Fit the mean of the latents given the parents to the trained encoder."""
        if self.expected is None:
            return
        for _ in self.latents:  # each latent is inferred from those before it, which the last pass has changed
            self.expected.refit(self._means(value, parents) for value, parents in batches())

    @torch.no_grad()
    def _means(self, value: Tensor, parents: Values) -> tuple[Values, Tensor]:
        return parents, _flat(self.infer(value, parents, draw=False).means)

    def _require_attributes(self) -> None:
        if not 0.0 <= self.independence <= 1.0:
            raise ValueError(f"Expected independence in [0, 1], a share; got {self.independence}.")
        if self.independence > 0 and not self.attributes:
            having = "images alone" if self.parents else "no parents"
            raise ValueError(
                f"Expected parents other than images for '{self.variable.name}', of which its noise is to be independent; it "
                f"has {having}, and independence={self.independence:g} would do nothing. Leave the option out."
            )

    @property
    def identification(self) -> Identification:
        carried = f"; {self.residual:.0%} of the pixel residual is carried over" if self.residual else ""
        return Identification(
            Identifiability.CONVENTION,
            "an approximate posterior of Gaussian latents, one of many parametrisations with the same distribution"
            + carried
            + self._taken_out(),
        )

    def _taken_out(self) -> str:
        """Describe what `independence` removes from the latents, and the parents that it ignores."""
        if not self.independence:
            return ""
        images = [name for name in self.parents if name not in self.attributes]
        skipped = f", but not given the image {' or '.join(images)}" if images else ""
        return f"; {self.independence:.0%} of their mean given {', '.join(self.attributes)} is removed{skipped}"

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        standard = dist.Normal(zero, zero + 1)
        noise = {name: standard.expand((*batch_shape, *s)).to_event(len(s)) for name, s in self.latents.items()}
        if self.residual > 0:
            pixel = dist.Normal(zero, zero + self.residual)
            noise["pixel"] = pixel.expand((*batch_shape, *self.variable.shape)).to_event(len(self.variable.shape))
        return noise

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        output = self.decode(noise, parents)
        if "pixel" in noise:
            return self.likelihood.add_residual(output, noise["pixel"])
        return self.likelihood.mean(output)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        noise, _, _, output, _ = self.infer(value, parents, draw=draw)
        if self.residual == 0:
            return noise
        # p(u) of the pixel noise has this share as its scale, see `noise`.
        return {**noise, "pixel": self.residual * self.likelihood.residual(output, value)}

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        _, rates, _, output, _ = self.infer(value, parents, draw=True)
        distortion = -self.likelihood.log_prob(output, value)
        weight = self.beta * (min(1.0, progress / self.warmup) if self.warmup > 0 else 1.0)
        cost = sum(rate.clamp_min(self.free.get(name, 0.0)) for name, rate in rates.items())
        return {
            "loss": distortion + weight * cost,
            "elbo": -distortion - sum(rates.values()),
            **{f"rate {name}": rate for name, rate in rates.items()},
        }

    def estimate_log_prob(self, value: Tensor, parents: Values) -> Tensor:
        """Log of an unbiased estimate of p(value | pa): one draw of the latents from q, weighted by p(u) / q(u)."""
        _, _, odds, output, _ = self.infer(value, parents, draw=True)
        return self.likelihood.log_prob(output, value) + odds

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        prior = self.noise()
        noise = {
            key: pyro.sample(f"{name}.{key}", prior[key])  # type: ignore[arg-type]
            for key in self.latents
        }
        return pyro.sample(name, self.likelihood.distribution(self.decode(noise, parents)), obs=value)


class _Centring:
    """Removes the mean given the parents from the parameters of each latent's q, and keeps q's mean from before.

    Args:
        taken: Means to remove, `(B, ...)` by latent; empty to change nothing.
    """

    def __init__(self, taken: Mapping[str, Tensor]) -> None:
        self.taken = taken
        self.means: dict[str, Tensor] = {}

    def __call__(self, name: str, output: Tensor) -> Tensor:
        """Parameters of q as `infer_gaussian` takes them, `(B, 2 C, ...)`."""
        if name not in self.taken:
            return output
        mean, log_scale = output.chunk(2, dim=1)
        self.means[name] = mean.detach()
        return torch.cat([mean - self.taken[name], log_scale], dim=1)


def _flat(latents: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([latent.flatten(1) for latent in latents.values()], dim=1)


def infer_gaussian(output: Tensor, draw: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Draw or mean of the Gaussian q whose parameters `output` holds in its channels, its divergence from N(0, I), and
    log p - log q at the draw."""
    full = torch.promote_types(output.dtype, torch.float32)  # bfloat16 represents a sum of 20 nats to an eighth only
    mean, log_scale = output.to(full).chunk(2, dim=1)
    log_scale = log_scale.clamp(-7.0, 3.0)
    rate = 0.5 * (mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).flatten(1).sum(1)
    noise = torch.randn_like(mean) if draw else torch.zeros_like(mean)
    value = mean + log_scale.exp() * noise
    odds = (0.5 * (noise.square() - value.square()) + log_scale).flatten(1).sum(1)
    return value, rate, odds
