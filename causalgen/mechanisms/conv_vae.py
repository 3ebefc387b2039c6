r"""Convolutional conditional variational autoencoder for one image.

.. math:: z \sim N(0, I), \qquad x = m_\theta(z, pa) + r\, s\, \epsilon, \qquad q_\phi(z \mid x, pa) = N(\mu, \sigma^2)

trained on the evidence lower bound (Kingma and Welling, Auto-encoding variational Bayes, 2013; as a structural mechanism:
Pawlowski, Castro and Glocker, Deep structural causal models for tractable counterfactual inference, 2020). `r` is the
share of the pixel residual that is carried into counterfactuals.
"""

from collections.abc import Mapping
from typing import Literal

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..graph import Variable
from ..nn import ConvDecoder, ConvEncoder, Features, mlp
from ..typing import Noise, Values
from .base import Abduction, Abductive, Observable
from .likelihoods import LIKELIHOODS

__all__ = ["ConvVAE"]


class ConvVAE(Abductive, Observable):
    """VAE whose encoder and decoder both see the parents.

    Noise: `z`, `(B, latent)`; with a residual also `pixel`, `(B, C, H, W)`.

    Args:
        variable: An image variable, grey or colour, of any size.
        parents: Parents of any kind.
        latent: Dimensions of z.
        width: Channels at the coarsest resolution.
        hidden: Width of the dense layers.
        blocks: Residual blocks at each resolution of the decoder.
        likelihood: "discretised-gaussian", "gaussian" or "bernoulli".
        residual: Share in [0, 1] of the pixel residual that abduction keeps and counterfactuals carry.
        beta: Weight of the Kullback-Leibler term; 1 is the evidence lower bound.
        warmup: Fraction of training over which that weight grows from 0.
    """

    abduction = Abduction.VARIATIONAL

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        latent: int = 16,
        width: int = 64,
        hidden: int = 256,
        blocks: int = 1,
        likelihood: Literal["discretised-gaussian", "gaussian", "bernoulli"] = "discretised-gaussian",
        residual: float = 0.0,
        beta: float = 1.0,
        warmup: float = 0.1,
    ) -> None:
        super().__init__(
            variable, parents, latent=latent, width=width, hidden=hidden, blocks=blocks,
            likelihood=likelihood, residual=residual, beta=beta, warmup=warmup,
        )  # fmt: skip
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"Expected a likelihood among {sorted(LIKELIHOODS)}; got {likelihood!r}.")
        if not 0.0 <= residual <= 1.0:
            raise ValueError(f"Expected residual in [0, 1]; got {residual}.")
        self.latent, self.residual, self.beta, self.warmup = latent, residual, beta, warmup
        self.likelihood = LIKELIHOODS[likelihood](variable.shape[0], variable.support or (0.0, 255.0))
        if residual > 0 and not self.likelihood.has_residual:
            raise ValueError(f"Expected residual=0 for the {likelihood} likelihood, which has none; got {residual}.")
        self.features = Features(self.parents)
        context = 64
        self.embed = mlp(self.features.width, context, (context,))
        self.encoder = ConvEncoder(variable.shape, context, 2 * latent, width=width, hidden=hidden)
        self.decoder = ConvDecoder(variable.shape, latent + context, width=width, hidden=hidden, blocks=blocks)

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.features.fit(parents)

    def encode(self, value: Tensor, parents: Values) -> tuple[Tensor, Tensor]:
        """Mean and scale of q(z | x, pa), `(B, latent)` each."""
        output = self.encoder(self.likelihood.to_unit(value), self._context(parents, len(value)))
        mean, raw = output.chunk(2, dim=1)
        return mean, torch.exp(raw.clamp(-7.0, 3.0))

    def decode(self, z: Tensor, parents: Values) -> Tensor:
        """Decoder output, `(B, C, H, W)`, on the likelihood's own scale."""
        return self.decoder(torch.cat([z, self._context(parents, len(z))], dim=1))

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        device, dtype = self.device_and_dtype()
        zero = torch.zeros((), device=device, dtype=dtype)
        noise = {"z": dist.Normal(zero, zero + 1).expand((*batch_shape, self.latent)).to_event(1)}
        if self.residual > 0:
            shape = (*batch_shape, *self.variable.shape)
            noise["pixel"] = dist.Normal(zero, zero + self.residual).expand(shape).to_event(3)
        return noise

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        output = self.decode(noise["z"], parents)
        if "pixel" in noise:
            return self.likelihood.add_residual(output, noise["pixel"])
        return self.likelihood.mean(output)

    def abduct(self, value: Tensor, parents: Values) -> Noise:
        mean, scale = self.encode(value, parents)
        z = mean + scale * torch.randn_like(mean)
        if self.residual == 0:
            return {"z": z}
        residual = self.likelihood.residual(self.decode(z, parents), value)
        return {"z": z, "pixel": self.residual * residual}

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        mean, scale = self.encode(value, parents)
        output = self.decode(mean + scale * torch.randn_like(mean), parents)
        distortion = -self.likelihood.log_prob(output, value)
        rate = 0.5 * (mean.square() + scale.square() - 1 - 2 * scale.log()).sum(1)
        weight = self.beta * (min(1.0, progress / self.warmup) if self.warmup > 0 else 1.0)
        return {"loss": distortion + weight * rate, "elbo": -distortion - rate, "rate": rate}

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        z = pyro.sample(f"{name}.z", self.noise()["z"])
        return pyro.sample(name, self.likelihood.distribution(self.decode(z, parents)), obs=value)

    def _context(self, parents: Values, batch: int) -> Tensor:
        return self.embed(self.features(parents)).expand(batch, -1)
