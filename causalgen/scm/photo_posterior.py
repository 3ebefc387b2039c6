r"""Latents of an image given only a picture that known mechanisms have made of it.

.. math:: p(u \mid y, pa) \propto p(y \mid u, pa)\, N(u; 0, I)

A Gaussian with independent coordinates is fitted to this posterior by stochastic gradients of the evidence lower bound
(Hoffman et al., Stochastic variational inference, 2013), starting from the encoder's output for a rough guess of the
image. Each of its draws is then moved by a Metropolis-adjusted Langevin chain (Roberts and Tweedie, 1996), whose steps
have the Gaussian's scales.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..mechanisms.degraded import Degraded
from ..typing import Noise
from .chunks import units_at_once

__all__ = ["PhotoDraws", "draw_photos"]

FITTING, RATE = 200, 0.2
"""Steps of Adam, and its learning rate at the start; it falls to 0."""
DRAWS = 2
"""Number of draws of the latents per step of Adam."""
MOVES = 20
"""Number of steps of each Langevin chain."""
ACCEPTED = 0.57
"""Target acceptance rate to which the step size is adapted."""
NARROW, WIDE = 0.02, 1.0
"""Scales of the first Gaussian, in standard deviations of the prior."""


@dataclass(frozen=True)
class PhotoDraws:
    """Draws of b images k times, particle-major.

    Args:
        noise: Noise of the image's mechanism, `(k * b, ...)`.
        images: The images, `(k * b, C, H, W)`.
        misfit: Mean squared difference between the picture and what the latents explain, in units of its expected
            variance, `(b,)`: about 1 if the model can explain the picture.
    """

    noise: Noise
    images: Tensor
    misfit: Tensor


def draw_photos(mechanism: Degraded, seen: Tensor, parents: Mapping[str, Tensor], particles: int) -> PhotoDraws:
    """Draws of the images behind `seen` `(b, C, H, W)`, given parents `(k * b, ...)` of each draw."""
    units = len(seen)
    size = max(1, units_at_once(mechanism.photo.variable.shape) // particles)
    split = {name: tensor.unflatten(0, (particles, units)) for name, tensor in parents.items()}
    parts = []
    for start in range(0, units, size):
        few = {name: tensor[:, start : start + size] for name, tensor in split.items()}
        parts.append(_Search(mechanism, seen[start : start + size], few, particles).draw())
    return PhotoDraws(
        {name: torch.cat([part.noise[name] for part in parts], dim=1).flatten(0, 1) for name in parts[0].noise},
        torch.cat([part.images for part in parts], dim=1).flatten(0, 1),
        torch.cat([part.misfit for part in parts]),
    )


@dataclass(frozen=True)
class _Search:
    """The search for some units.

    Args:
        mechanism: The mechanism of the picture, given the image's latents.
        seen: `(b, C, H, W)`.
        parents: Parents of every draw, `(k, b, ...)`.
        particles: k.
    """

    mechanism: Degraded
    seen: Tensor
    parents: Mapping[str, Tensor]
    particles: int

    def draw(self) -> PhotoDraws:
        mean, scale = self._fitted(*self._first())
        latents = {
            name: mean[name] + scale[name] * torch.randn(self.particles, *mean[name].shape).to(scale[name])
            for name in mean
        }
        latents = self._moved(latents, scale)
        flat = {name: tensor.flatten(0, 1) for name, tensor in latents.items()}
        seen = self.seen.repeat(self.particles, 1, 1, 1)
        photo, parents = self.mechanism.photo, {name: tensor.flatten(0, 1) for name, tensor in self.parents.items()}
        output = photo.decode(flat, parents)
        images = self.mechanism.draw_image(output, seen)
        if photo.residual > 0:
            flat["pixel"] = photo.residual * photo.likelihood.residual(output, images)
        expected, variance = self.mechanism.moments(output)
        misfit = ((seen - expected).square() / self.mechanism.last.total(variance)).flatten(1).mean(1)
        whole = (self.particles, len(self.seen))
        return PhotoDraws(
            {name: tensor.unflatten(0, whole) for name, tensor in flat.items()},
            images.unflatten(0, whole),
            misfit.unflatten(0, whole).mean(0),
        )

    def _first(self) -> tuple[Noise, Noise]:
        """Mean and scale of the encoder's q for a guess of the image, `(b, ...)` by latent."""
        parents = {name: tensor[0] for name, tensor in self.parents.items()}
        mean = self.mechanism.guess(self.seen, parents, draw=False).noise
        draws = [self.mechanism.guess(self.seen, parents, draw=True).noise for _ in range(4)]
        scale = {
            name: torch.stack([(draw[name] - mean[name]).square() for draw in draws]).mean(0).sqrt().clamp(NARROW, WIDE)
            for name in mean
        }
        return mean, scale

    @torch.enable_grad()
    def _fitted(self, mean: Noise, scale: Noise) -> tuple[Noise, Noise]:
        """The Gaussian with the greatest evidence lower bound, averaged over the parents of the draws."""
        centre = {name: tensor.clone().requires_grad_() for name, tensor in mean.items()}
        spread = {name: tensor.log().requires_grad_() for name, tensor in scale.items()}
        adam = torch.optim.Adam([*centre.values(), *spread.values()], lr=RATE)
        for step in range(FITTING):
            adam.param_groups[0]["lr"] = RATE * (1 - step / FITTING)
            which = torch.randint(self.particles, (DRAWS,))
            latents = {
                name: centre[name] + spread[name].exp() * torch.randn(DRAWS, *centre[name].shape).to(centre[name])
                for name in centre
            }
            likelihood = self._log_likelihood(latents, {name: tensor[which] for name, tensor in self.parents.items()})
            divergence = sum(
                (0.5 * (centre[name].square() + (2 * spread[name]).exp()) - spread[name]).sum() for name in centre
            )
            adam.zero_grad()
            loss = divergence - likelihood.mean(0).sum()
            for parameter, gradient in zip(
                [*centre.values(), *spread.values()],
                torch.autograd.grad(loss, [*centre.values(), *spread.values()]),
            ):
                parameter.grad = gradient
            adam.step()
        return {n: t.detach() for n, t in centre.items()}, {n: t.detach().exp() for n, t in spread.items()}

    def _moved(self, latents: Noise, scale: Noise) -> Noise:
        """The draws `(k, b, ...)` after the Langevin chains."""
        size = self.seen.new_full(
            (self.particles, len(self.seen)), 1.5 * sum(t[0].numel() for t in scale.values()) ** (-1 / 6)
        )
        logs, slopes = self._slope(latents)
        for _ in range(MOVES):
            step = {name: _wide(size, tensor) * scale[name] for name, tensor in latents.items()}
            drift = {name: latents[name] + 0.5 * step[name].square() * slopes[name] for name in latents}
            moved = {name: drift[name] + step[name] * torch.randn_like(drift[name]) for name in latents}
            new_logs, new_slopes = self._slope(moved)
            back = {name: moved[name] + 0.5 * step[name].square() * new_slopes[name] for name in latents}
            odds = new_logs - logs
            for name in latents:
                there = ((moved[name] - drift[name]) / step[name]).square().flatten(2).sum(2)
                again = ((latents[name] - back[name]) / step[name]).square().flatten(2).sum(2)
                odds = odds + 0.5 * (there - again)
            accept = torch.rand_like(odds).log() < odds
            latents = {n: torch.where(_wide(accept, t), moved[n], t) for n, t in latents.items()}
            slopes = {n: torch.where(_wide(accept, t), new_slopes[n], t) for n, t in slopes.items()}
            logs = torch.where(accept, new_logs, logs)
            size = size * torch.exp(0.3 * (odds.exp().clamp_max(1.0).nan_to_num() - ACCEPTED))
        return latents

    @torch.enable_grad()
    def _slope(self, latents: Noise) -> tuple[Tensor, Noise]:
        """log p(y, u | pa) of every draw `(k, b)`, and its gradients."""
        inputs = {name: tensor.detach().requires_grad_() for name, tensor in latents.items()}
        logs = self._log_likelihood(inputs, self.parents)
        logs = logs - 0.5 * torch.stack([tensor.square().flatten(2).sum(2) for tensor in inputs.values()]).sum(0)
        slopes = torch.autograd.grad(logs.sum(), list(inputs.values()))
        return logs.detach(), dict(zip(inputs, slopes))

    def _log_likelihood(self, latents: Noise, parents: Mapping[str, Tensor]) -> Tensor:
        """log p(y | u, pa) of draws `(S, b, ...)`, `(S, b)`."""
        flat = {name: tensor.flatten(0, 1) for name, tensor in latents.items()}
        draws = len(next(iter(latents.values())))
        output = self.mechanism.photo.decode(flat, {name: tensor.flatten(0, 1) for name, tensor in parents.items()})
        found = self.mechanism.log_likelihood(output, self.seen.repeat(draws, 1, 1, 1))
        return found.unflatten(0, (draws, len(self.seen)))


def _wide(rows: Tensor, like: Tensor) -> Tensor:
    """`(k, b)` with the trailing dimensions of `like`."""
    return rows.view(*rows.shape, *[1] * (like.dim() - 2))
