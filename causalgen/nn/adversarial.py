"""Generator, critic and losses of adversarial training."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .conv import ConvDecoder, ConvEncoder
from .mlp import mlp

__all__ = ["Critic", "Generator", "gradient_penalty", "saturation"]

SKETCH = 32
"""Channels of the coarse map that the generator starts from."""
AWAKE = 3.0
"""Where tanh, at .995, still has a slope of 0.01."""


class Generator(nn.Module):
    """Maps a vector to an image, intended for [-1, 1] but not confined to it (Radford, Metz and Chintala, DCGAN, 2016).

    Args:
        shape: (C, H, W) of the image.
        inputs: Width of the vector.
        width: Channels at the coarse resolution.
        maps: Channels of maps that the image is drawn after.
    """

    def __init__(self, shape: Sequence[int], inputs: int, *, width: int = 64, maps: int = 0) -> None:
        super().__init__()
        self.decoder = ConvDecoder(shape, SKETCH, inputs, width=width, maps=maps)
        self.coarse = self.decoder.grid.coarse
        self.sketch = mlp(inputs, SKETCH * math.prod(self.coarse), (128,))

    def forward(self, vector: Tensor, maps: Tensor | None = None) -> Tensor:
        """`(B, inputs)` and `(B, maps, H, W)` to `(B, C, H, W)`."""
        sketch = F.silu(self.sketch(vector)).unflatten(1, (SKETCH, *self.coarse))
        return self.decoder(sketch, vector, maps)


class Critic(nn.Module):
    """Maps an image on [-1, 1] and a context vector to a few numbers: a score, or a code.

    Args:
        shape: (C, H, W) of the image.
        context: Width of the context vector.
        outputs: Number of outputs.
        width: Channels at the coarse resolution.
        code: Width of a vector that only the head takes.
        offset: Whether each number has a bias; scores that are only compared need none.
        maps: Channels of maps that are seen with the image.
    """

    def __init__(
        self,
        shape: Sequence[int],
        context: int,
        outputs: int,
        *,
        width: int = 64,
        code: int = 0,
        offset: bool = True,
        maps: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = ConvEncoder(shape, context, width=width, maps=maps)
        self.squeeze = nn.Conv2d(width, width // 2, 1)
        self.head = mlp(width // 2 * math.prod(self.encoder.grid.coarse) + context + code, outputs, (128,))
        if not offset:
            self.head[-1].register_parameter("bias", None)  # it would cancel, and never get a gradient

    def forward(self, image: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """`(B, C, H, W)`, `(B, context)` and `(B, maps, H, W)` to `(B, outputs)`."""
        return self.head(self.features(image, context, maps))

    def features(self, image: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """The input of the head, without the code: `(B, features + context)`."""
        features = F.silu(self.squeeze(F.silu(self.encoder(image, context, maps)))).flatten(1)
        return torch.cat([features, context], dim=1)


def gradient_penalty(score: Tensor, *inputs: Tensor) -> Tensor:
    """Squared gradient of scores with respect to their inputs, `(B,)`; 0 if gradients are off.

    Keeps the critic from becoming ever steeper (R1: Mescheder, Geiger and Nowozin, Which training methods for GANs do actually
    converge?, 2018). `inputs`, `(B, ...)` each, must require a gradient.

    >>> image, code = torch.ones(2, 3, requires_grad=True), torch.ones(2, 1, requires_grad=True)
    >>> gradient_penalty(2 * image.sum(1) + code[:, 0], image, code).tolist()
    [13.0, 13.0]
    """
    if not torch.is_grad_enabled():
        return score.new_zeros(len(score))
    # The graph is kept: the penalty itself is differentiated with respect to the weights.
    slopes = torch.autograd.grad(score.sum(), inputs, create_graph=True)
    return torch.stack([slope.square().flatten(1).sum(1) for slope in slopes]).sum(0)


def saturation(logits: Tensor) -> Tensor:
    """Mean squared excess of logits over the range in which tanh has a slope, `(B,)`.

    Most pixels of a drawing on an empty background have the same colour. A generator that learns this overshoots, and
    where tanh is flat, the critic has no gradient to correct it.

    >>> saturation(torch.tensor([[0.0, -3.0], [2.0, 5.0]])).tolist()
    [0.0, 2.0]
    """
    return (logits.abs() - AWAKE).clamp_min(0).square().flatten(1).mean(1)
