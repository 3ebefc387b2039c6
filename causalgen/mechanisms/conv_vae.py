r"""Convolutional conditional variational autoencoder for one image, with global and local latents.

.. math:: z \sim N(0, I), \quad l \sim N(0, I), \qquad x = m_\theta(z, l, pa) + r\, s\, \epsilon, \qquad
          q(z, l \mid x, pa) = q(z \mid x, pa)\, q(l \mid x, z, pa)

trained on the evidence lower bound (Kingma and Welling, Auto-encoding variational Bayes, 2013; as a structural mechanism:
Pawlowski, Castro and Glocker, Deep structural causal models for tractable counterfactual inference, 2020). The vector `z`
holds what the whole image shares, the coarse map `l` what is local, so that unseen images are told apart by parts that were
seen. `r` is the share of the pixel residual that is carried into counterfactuals.
"""

import math
from collections.abc import Mapping
from typing import Literal

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from ..graph import Variable
from ..nn import ConvDecoder, ConvEncoder, Features, mlp
from ..typing import Noise, Values
from .base import Abduction, Abductive, Observable
from .likelihoods import LIKELIHOODS

__all__ = ["ConvVAE"]

CONTEXT = 64
"""Width of the embedding of the parents."""
SKETCH = 32
"""Channels of the coarse map that the global latent and the parents draw."""


class ConvVAE(Abductive, Observable):
    """VAE whose encoder and decoder both see the parents.

    Noise: `z`, `(B, latent)`; `local`, `(B, local, h, w)` on the coarse grid; with a residual also `pixel`, `(B, C, H, W)`.

    Args:
        variable: An image variable, grey or colour, of any size.
        parents: Parents of any kind.
        latent: Dimensions of z.
        local: Channels of the local latent.
        width: Channels at the coarse resolution.
        blocks: Residual blocks of the decoder at the coarse resolution.
        likelihood: "discretised-gaussian", "gaussian" or "bernoulli".
        residual: Share in [0, 1] of the pixel residual that abduction keeps and counterfactuals carry.
        beta: Weight of the Kullback-Leibler term; 1 is the evidence lower bound.
        free: Nats of the global latent's divergence that cost nothing (Kingma et al., 2016, arXiv:1606.04934); without
            them the local latent takes over and sampled images fall apart.
        warmup: Fraction of training over which that weight grows from 0.
    """

    abduction = Abduction.VARIATIONAL

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        latent: int = 16,
        local: int = 4,
        width: int = 64,
        blocks: int = 2,
        likelihood: Literal["discretised-gaussian", "gaussian", "bernoulli"] = "discretised-gaussian",
        residual: float = 0.0,
        beta: float = 1.0,
        free: float = 20.0,
        warmup: float = 0.1,
    ) -> None:
        super().__init__(
            variable, parents, latent=latent, local=local, width=width, blocks=blocks,
            likelihood=likelihood, residual=residual, beta=beta, free=free, warmup=warmup,
        )  # fmt: skip
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"Expected a likelihood among {sorted(LIKELIHOODS)}; got {likelihood!r}.")
        if not 0.0 <= residual <= 1.0:
            raise ValueError(f"Expected residual in [0, 1]; got {residual}.")
        self.latent, self.local, self.residual = latent, local, residual
        self.beta, self.free, self.warmup = beta, free, warmup
        self.likelihood = LIKELIHOODS[likelihood](variable.shape[0], variable.support or (0.0, 255.0))
        if residual > 0 and not self.likelihood.has_residual:
            raise ValueError(f"Expected residual=0 for the {likelihood} likelihood, which has none; got {residual}.")
        self.features = Features(self.parents)
        self.embed = mlp(self.features.width, CONTEXT, (CONTEXT,))
        self.encoder = ConvEncoder(variable.shape, CONTEXT, width=width)
        self.coarse = self.encoder.grid.coarse
        cells = math.prod(self.coarse)
        self.squeeze = nn.Conv2d(width, width // 4, 1)
        self.global_head = mlp(width // 4 * cells + CONTEXT, 2 * latent, (4 * CONTEXT,))
        self.local_head = nn.Sequential(
            nn.Conv2d(width + SKETCH, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 2 * local, 1)
        )
        self.sketch = mlp(latent + CONTEXT, SKETCH * cells, (2 * CONTEXT,))
        self.decoder = ConvDecoder(variable.shape, local + SKETCH, latent + CONTEXT, width=width, blocks=blocks)

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.features.fit(parents)

    def encode(self, value: Tensor, parents: Values, *, draw: bool) -> tuple[Noise, dict[str, Tensor]]:
        """Latents `z` and `local` from q(z, local | x, pa), draws or means, and each one's divergence `(B,)`."""
        context = self._context(parents, len(value))
        features = self.encoder(self.likelihood.to_unit(value), context)
        squeezed = F.silu(self.squeeze(features)).flatten(1)
        z, global_rate = _infer(self.global_head(torch.cat([squeezed, context], dim=1)), draw)
        sketch = self._sketch(z, context)
        local, local_rate = _infer(self.local_head(torch.cat([features, sketch], dim=1)), draw)
        return {"z": z, "local": local}, {"z": global_rate, "local": local_rate}

    def decode(self, noise: Noise, parents: Values) -> Tensor:
        """Decoder output, `(B, C, H, W)`, on the likelihood's own scale."""
        context = self._context(parents, len(noise["z"]))
        coarse = torch.cat([noise["local"], self._sketch(noise["z"], context)], dim=1)
        return self.decoder(coarse, torch.cat([noise["z"], context], dim=1))

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        device, dtype = self.device_and_dtype()
        zero = torch.zeros((), device=device, dtype=dtype)
        standard = dist.Normal(zero, zero + 1)
        noise = {
            "z": standard.expand((*batch_shape, self.latent)).to_event(1),
            "local": standard.expand((*batch_shape, self.local, *self.coarse)).to_event(3),
        }
        if self.residual > 0:
            pixel = dist.Normal(zero, zero + self.residual)
            noise["pixel"] = pixel.expand((*batch_shape, *self.variable.shape)).to_event(3)
        return noise

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        output = self.decode(noise, parents)
        if "pixel" in noise:
            return self.likelihood.add_residual(output, noise["pixel"])
        return self.likelihood.mean(output)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        noise, _ = self.encode(value, parents, draw=draw)
        if self.residual == 0:
            return noise
        residual = self.likelihood.residual(self.decode(noise, parents), value)
        return {**noise, "pixel": self.residual * residual}

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        noise, rates = self.encode(value, parents, draw=True)
        distortion = -self.likelihood.log_prob(self.decode(noise, parents), value)
        weight = self.beta * (min(1.0, progress / self.warmup) if self.warmup > 0 else 1.0)
        cost = rates["z"].clamp_min(self.free) + rates["local"]
        return {
            "loss": distortion + weight * cost,
            "elbo": -distortion - rates["z"] - rates["local"],
            "rate z": rates["z"],
            "rate local": rates["local"],
        }

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        prior = self.noise()
        noise = {
            key: pyro.sample(f"{name}.{key}", prior[key])  # type: ignore[arg-type]
            for key in ("z", "local")
        }
        return pyro.sample(name, self.likelihood.distribution(self.decode(noise, parents)), obs=value)

    def _context(self, parents: Values, batch: int) -> Tensor:
        return self.embed(self.features(parents)).expand(batch, -1)

    def _sketch(self, z: Tensor, context: Tensor) -> Tensor:
        return F.silu(self.sketch(torch.cat([z, context], dim=1))).unflatten(1, (SKETCH, *self.coarse))


def _infer(output: Tensor, draw: bool) -> tuple[Tensor, Tensor]:
    """Draw or mean of the Gaussian whose parameters `output` holds in its channels, and its divergence from N(0, I)."""
    mean, log_scale = output.chunk(2, dim=1)
    log_scale = log_scale.clamp(-7.0, 3.0)
    rate = 0.5 * (mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).flatten(1).sum(1)
    return (mean + log_scale.exp() * torch.randn_like(mean) if draw else mean), rate
