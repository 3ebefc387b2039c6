r"""An image that is observed only after known mechanisms have changed it: the image itself is integrated out.

.. math:: y = A(x) + \sigma \epsilon, \qquad x \sim p_\theta(x \mid u, pa)

The pixels of a VAE are independent given its latents u, so that mean and variance of the pixels of y follow from those of x.
Masks only select pixels: the VAE's own likelihood is then used over the visible pixels. Given u and y, the
image is drawn by correcting a draw given u alone (Matheron's rule), exactly where every pixel of y depends on separate ones
of x, as with masks, noise, grey and smaller images.
"""

from collections.abc import Mapping, Sequence

import pyro
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..graph import Variable
from ..typing import Noise, Values
from .base import Observable
from .degradations import Mask
from .image_vae import ImageVAE, Inference
from .known_image import KnownImage

__all__ = ["Degraded"]

GUESSES = 3
"""How often the guess of the image is replaced by its reconstruction by the VAE."""


class Degraded(Observable):
    """`y := A(f(u, pa)) + noise`, the last of some known mechanisms that follow one another.

    Args:
        variable: The observed image.
        parents: Parents of the underlying image.
        photo: The mechanism of the underlying image.
        steps: The known mechanisms, in their order; only the last one may have noise.
    """

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, photo: ImageVAE, steps: Sequence[KnownImage]
    ) -> None:
        super().__init__(variable, parents)
        self.photo, self.last = photo, steps[-1]
        # Not as submodules: they belong to the model that this one is derived from.
        self.steps = tuple(steps)
        self.declare_fitted()

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        own = {f"seen.{name}": prior for name, prior in self.last.noise(batch_shape).items()}
        return {**self.photo.noise(batch_shape), **own}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        image = self.photo(noise, parents)
        for step in self.steps:
            own = {name.removeprefix("seen."): tensor for name, tensor in noise.items() if name.startswith("seen.")}
            image = step(own, {next(iter(step.parents)): image})
        return image

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        prior = self.photo.noise()
        noise = {
            key: pyro.sample(f"{name}.{key}", prior[key])  # type: ignore[arg-type]
            for key in self.photo.latents
        }
        return pyro.sample(name, self.last.distribution(*self.moments(self.photo.decode(noise, parents))), obs=value)

    def estimate_log_prob(self, value: Tensor, parents: Values) -> Tensor:
        """Log of an unbiased estimate of p(y | pa): one draw of the latents given a guess of the image, weighted."""
        found = self.guess(value, parents, draw=True)
        return self.log_likelihood(found.output, value) + found.odds

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the pixels of y without noise, given the decoder's output, natural units."""
        mean, variance = self.photo.likelihood.pixel_moments(output)
        for step in self.steps:
            mean, variance = step.image(mean), step.variance(variance)
        return mean, variance

    def log_likelihood(self, output: Tensor, value: Tensor) -> Tensor:
        """log p(y | u, pa), `(B,)`, given the decoder's output."""
        hidden = self.hidden
        if hidden is not None:
            return self.photo.likelihood.pixel_log_prob(output, value).masked_fill(hidden, 0.0).flatten(1).sum(1)
        return self.last.distribution(*self.moments(output)).log_prob(value)

    @property
    def hidden(self) -> Tensor | None:
        """Hidden pixels `(H, W)`, if the image is only masked; else None."""
        hidden = [step.hidden for step in self.steps if isinstance(step, Mask)]
        return torch.stack(hidden).any(dim=0) if len(hidden) == len(self.steps) else None

    def guess(self, value: Tensor, parents: Values, *, draw: bool) -> Inference:
        """Latents of a rough guess of the image underlying `value`: draws from the encoder's q, or its means."""
        image = value
        for step in reversed(self.steps):
            image = step.undo(image)
        for _ in range(GUESSES):
            output = self.photo.infer(image, parents, draw=False).output
            image = self.correct(self.photo.likelihood.mean(output), output, value, noise=False)
        return self.photo.infer(image, parents, draw=draw)

    def draw_image(self, output: Tensor, value: Tensor) -> Tensor:
        """A draw of the image x given its latents, by the decoder's output, and y."""
        drawn = self.photo.likelihood.distribution(output).sample().clamp(self.last.low, self.last.high)
        return self.correct(drawn, output, value, noise=True)

    @torch.enable_grad()
    def correct(self, image: Tensor, output: Tensor, value: Tensor, *, noise: bool) -> Tensor:
        """Correct an image drawn given the latents alone, so that it is a draw given `value` too."""
        if not all(step.linear for step in self.steps):
            return image
        if self.hidden is not None:
            return torch.where(self.hidden, image, value)
        image = image.detach().requires_grad_()
        seen = image
        for step in self.steps:
            seen = step.image(seen)
        _, variance = self.moments(output)
        total = self.last.total(variance).detach()
        copy = seen.detach() + (self.last.scale * torch.randn_like(seen) if noise else 0.0)
        apart = (value - copy.clamp(self.last.low, self.last.high)) / total
        (pull,) = torch.autograd.grad(seen, image, apart)
        changed = image + self.photo.likelihood.pixel_moments(output)[1] * pull
        return changed.detach().clamp(self.last.low, self.last.high)
