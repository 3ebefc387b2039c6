r"""Generative adversarial mechanisms for one image, with or without an encoder for abduction.

.. math:: x = G(z, pa), \qquad z \sim N(0, I)

With an encoder, one critic distinguishes pairs (image, E(image)) from pairs (G(z), z), so that E becomes the inverse of
G (Donahue, Krähenbühl and Darrell, Adversarial feature learning, 2017; Dumoulin et al., Adversarially learned
inference, 2017; as a structural mechanism: Dash, Balasubramanian and Sharma, Evaluating and mitigating bias in image
classifiers, 2022). This inverse alone is inaccurate, so both cycles are added: the encoder learns to reconstruct z,
encoder and generator to reconstruct x
(Li et al., ALICE: Towards understanding adversarial learning for joint distribution matching, 2017). In the last part of
training the generator is frozen and only the encoder is trained on the cycles.

The critic compares a real with a generated image rather than scoring each alone, with a gradient penalty at both, which makes
training converge (Huang et al., The GAN is dead; long live the GAN!, 2024).
"""

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from ..graph import Variable
from ..nn import Critic, Generator, ImageMaps, ParentEmbedding, gradient_penalty, saturation
from ..typing import Noise, Values
from .base import Abduction, Abductive, Mechanism
from .identification import Identifiability, Identification

__all__ = ["DCGAN", "GAN"]

CONTEXT = 64
"""Width of the embedding of the parents."""
SATURATION = 0.1
"""Weight that recovers a generator stuck at one tone, and keeps a uniform background within a grey level."""


class _Adversarial(Mechanism):
    """Common base: generator, critic, noise and assignment. Noise: `z`, `(B, latent)`, standard normal."""

    kinds = ("image",)
    pace = 0.2
    momentum = 0.0
    privacy_obstacle = "its generator and critic train each other"
    # No loss shows which epoch was best: adversarial ones are relative, and images of poor generators are the easiest to
    # reconstruct.
    selection = ()
    critic: Critic

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, latent: int, width: int, penalty: float
    ) -> None:
        super().__init__(variable, parents)
        self.latent, self.penalty = latent, penalty
        self.low, self.high = variable.support or (0.0, 255.0)
        self.embed = ParentEmbedding(self.parents, CONTEXT)
        self.critic_embed = ParentEmbedding(self.parents, CONTEXT)
        self.maps = ImageMaps(self.parents, variable.shape)
        self.generator = Generator(variable.shape, self.latent + CONTEXT, width=width, maps=self.maps.channels)

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.embed.fit(parents)
        self.critic_embed.fit(parents)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {
            "generator": [*self.generator.parameters(), *self.embed.parameters()],
            "critic": [*self.critic.parameters(), *self.critic_embed.parameters()],
        }

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {"z": dist.Normal(zero, zero + 1).expand((*batch_shape, self.latent)).to_event(1)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        image = self._draw(noise["z"], parents).clamp(-1, 1)
        return (image + 1) * ((self.high - self.low) / 2) + self.low

    def _draw(self, z: Tensor, parents: Values) -> Tensor:
        return torch.tanh(self._logits(z, parents))

    def _logits(self, z: Tensor, parents: Values) -> Tensor:
        return self.generator(torch.cat([z, self.embed(parents, z.shape[0])], dim=1), self.maps(parents))

    def _to_unit(self, value: Tensor) -> Tensor:
        return (value - self.low) * (2 / (self.high - self.low)) - 1


class GAN(_Adversarial, Abductive):
    """GAN with an encoder, trained by one critic on pairs of image and latent.

    Noise: `z`, `(B, latent)`, standard normal.

    Args:
        variable: An image variable, grey or colour, of any size.
        parents: Parents of any kind.
        latent: Dimensions of z.
        width: Channels at the coarse resolution.
        penalty: Weight of the critic's gradient penalty.
        cycle: Weight of the reconstruction of the image; the reconstruction of the latent has weight 1.
        tuning: Last fraction of training, in which the encoder alone learns from cycles.
    """

    works = ("gan",)
    abduction = Abduction.POINT
    identification = Identification(
        Identifiability.CONVENTION,
        "the noise that an encoder finds, for one of many generators with the same distribution",
    )

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        latent: int = 32,
        width: int = 64,
        penalty: float = 1.0,
        cycle: float = 10.0,
        tuning: float = 0.3,
    ) -> None:
        super().__init__(variable, parents, latent=latent, width=width, penalty=penalty)
        if not cycle >= 0:
            raise ValueError(f"Expected cycle at least 0, a weight; got {cycle}.")
        if not 0 <= tuning < 1:
            raise ValueError(f"Expected tuning in [0, 1), a fraction of training; got {tuning}.")
        self.cycle, self.tuning = cycle, tuning
        self.encoder_embed = ParentEmbedding(self.parents, CONTEXT)
        maps = self.maps.channels
        self.encoder = Critic(variable.shape, CONTEXT, latent, width=width, maps=maps)
        self.critic = Critic(variable.shape, CONTEXT, 1, width=width, code=latent, offset=False, maps=maps)

    def initialize(self, value: Tensor, parents: Values) -> None:
        super().initialize(value, parents)
        self.encoder_embed.fit(parents)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        """Return the encoder's point estimate; nothing is drawn."""
        return {"z": self._encode(self._to_unit(value), parents)}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        encoder = [*self.encoder.parameters(), *self.encoder_embed.parameters()]
        generator, critic = super().parameter_groups().items()
        return dict([generator, ("encoder", encoder), critic])  # the order in which they are trained

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        """Adversarial losses and cycles; in the last part of training only the encoder's cycles have a gradient."""
        image, z = self._to_unit(value), torch.randn(len(value), self.latent, device=value.device, dtype=value.dtype)
        code, logits = self._encode(image, parents), self._logits(z, parents)
        drawn = torch.tanh(logits)
        cycle = (self._draw(code, parents) - image).abs().flatten(1).mean(1)
        cycles = self.cycle * cycle + (self._encode(drawn.detach(), parents) - z).square().mean(1)
        if progress >= 1 - self.tuning:
            rest = torch.zeros_like(cycle)  # without a gradient, so that generator and critic do not change
            return {"generator": rest, "encoder": cycles, "critic": rest, "cycle": cycle}
        game = self._game(image, code, drawn, z, parents)
        return {
            "generator": game["generator"] + self.cycle * cycle + SATURATION * saturation(logits),
            "encoder": game["encoder"] + cycles,
            "critic": game["critic"],
            "cycle": cycle.detach(),
        }

    def _game(self, image: Tensor, code: Tensor, drawn: Tensor, z: Tensor, parents: Values) -> dict[str, Tensor]:
        """Adversarial losses: real images with their codes against generated images with their latents."""
        # Detached copies: the penalty needs gradients at the inputs, but the critic must not train generator or encoder.
        real, fake = image.detach().requires_grad_(), drawn.detach().requires_grad_()
        found, given = code.detach().requires_grad_(), z.clone().requires_grad_()
        context, maps = self.critic_embed(parents, len(image)), self.maps(parents)
        features = self.critic.features(real, context, maps)
        real_score = self._score(features, found)
        fake_score = self._score(self.critic.features(fake, context, maps), given)
        steepness = gradient_penalty(real_score, real, found) + gradient_penalty(fake_score, fake, given)
        drawn_score = self._score(self.critic.features(drawn, context, maps), z)
        code_score = self._score(features.detach(), code)
        return {
            "generator": F.softplus(real_score.detach() - drawn_score),
            "encoder": F.softplus(code_score - fake_score.detach()),
            "critic": F.softplus(fake_score - real_score) + 0.5 * self.penalty * steepness,
        }

    def _score(self, features: Tensor, code: Tensor) -> Tensor:
        return self.critic.head(torch.cat([features, code], dim=1)).squeeze(1)

    def _encode(self, image: Tensor, parents: Values) -> Tensor:
        return self.encoder(image, self.encoder_embed(parents, len(image)), self.maps(parents))


class DCGAN(_Adversarial):
    """GAN without an encoder: it samples and intervenes, but has no counterfactuals of observed images.

    Noise: `z`, `(B, latent)`, standard normal.

    Args:
        variable: An image variable, grey or colour, of any size.
        parents: Parents of any kind.
        latent: Dimensions of z.
        width: Channels at the coarse resolution.
        penalty: Weight of the critic's gradient penalty.
    """

    works = ("dcgan",)
    abduction = Abduction.NONE

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        latent: int = 32,
        width: int = 64,
        penalty: float = 1.0,
    ) -> None:
        super().__init__(variable, parents, latent=latent, width=width, penalty=penalty)
        self.critic = Critic(variable.shape, CONTEXT, 1, width=width, offset=False, maps=self.maps.channels)

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        drawn = self._draw(torch.randn(len(value), self.latent, device=value.device, dtype=value.dtype), parents)
        real, fake = self._to_unit(value).detach().requires_grad_(), drawn.detach().requires_grad_()
        real_score, fake_score = self._score(real, parents), self._score(fake, parents)
        steepness = gradient_penalty(real_score, real) + gradient_penalty(fake_score, fake)
        return {
            "generator": F.softplus(real_score.detach() - self._score(drawn, parents)),
            "critic": F.softplus(fake_score - real_score) + 0.5 * self.penalty * steepness,
        }

    def _score(self, image: Tensor, parents: Values) -> Tensor:
        return self.critic(image, self.critic_embed(parents, len(image)), self.maps(parents)).squeeze(1)
