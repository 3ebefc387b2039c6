r"""Autoencoder that maps an image to a small map and back; the codec that `LatentImage` trains.

.. math:: q(u \mid x) = N(\mu(x), \sigma(x)), \qquad m = \tanh u, \qquad x \sim N(D(m), s)

trained on

.. math:: -\log N(x; D(m), s) + \beta\, KL\bigl(q(u \mid x)\, \Vert\, N(0, I)\bigr) + w\, \lVert \phi(D(m)) - \phi(x) \rVert^2

with a light weight beta, which keeps the map near a known scale (Rombach et al., High-resolution image synthesis with latent
diffusion models, 2022). The features phi are those of the encoder itself, normalised at every cell as in Zhang et al., The
unreasonable effectiveness of deep features as a perceptual metric, 2018, with fixed weights; the mean grey values alone would
leave edges soft. The map lies within [-1, 1], so that any image mechanism can treat it as a small image.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..graph import Variable
from ..nn import CONVOLUTIONS, ConvDecoder, ConvEncoder, Grid
from ..typing import Noise, Values
from .image_vae import CONTEXT, ImageVAE, Inference, infer_gaussian

__all__ = ["Autoencoder"]

SHORTEST = 4
"""Minimum length of the map's shorter side."""


class Autoencoder(ImageVAE):
    """VAE without parents whose only latent is a map.

    Noise: `map`, `(B, channels, h, w)`, standard normal; its tanh is the map.

    Args:
        variable: An image variable, grey or colour, of any size; padded to a multiple of `factor` and cropped.
        parents: None.
        factor: Pixels of the image along each side of a cell of the map: 2, 4, 8 or 16.
        channels: Channels of the map.
        width: Channels of encoder and decoder at the resolution of the map.
        blocks: Residual blocks of the decoder at the resolution of the map.
        fine: Channels of the decoder at the resolution of the image, which sharpen it at some cost; 0 for none.
        beta: Weight of the Kullback-Leibler term.
        features: Weight of the loss in features of the encoder; with 1, a unit of distance counts as one nat per pixel.

    Raises:
        ValueError: Another factor, or an image that is too small for it.
    """

    volumes = True
    limits: ClassVar = {"blocks": 256, "factor": 16}

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        factor: int = 4,
        channels: int = 4,
        width: int = 32,
        blocks: int = 2,
        fine: int = 0,
        beta: float = 0.1,
        features: float = 1.0,
    ) -> None:
        super().__init__(variable, {}, likelihood="gaussian", residual=0.0, beta=beta, free={}, warmup=0.1)
        if factor not in (2, 4, 8, 16):
            raise ValueError(f"Expected a codec with the factor 2, 4, 8 or 16; got {factor} for '{variable.name}'.")
        if min(variable.shape[1:]) < SHORTEST * factor:
            raise ValueError(
                f"Expected '{variable.name}' with sides of at least {SHORTEST * factor} px for a codec with the factor "
                f"{factor}; got {' x '.join(map(str, variable.shape[1:]))}. Choose a smaller factor, or its inner mechanism "
                "without a codec."
            )
        grid = Grid(variable.shape, int(math.log2(factor)))
        self.features = features
        self.encoder = ConvEncoder(grid, CONTEXT, width=width)
        self.head = CONVOLUTIONS[grid.dimensions](width, 2 * channels, 1)
        self.decoder = ConvDecoder(grid, channels, CONTEXT, width=width, blocks=blocks, fine=fine)
        self.map_shape = (channels, *grid.coarse)

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"map": self.map_shape}

    def encode(self, value: Tensor) -> Tensor:
        """Images `(B, C, H, W)`, natural units, to maps `(B, *map_shape)` on [-1, 1]."""
        return torch.tanh(self.head(self._see(value)).chunk(2, dim=1)[0].to(value.dtype))

    def draw(self, maps: Tensor) -> Tensor:
        """Maps to images on the likelihood's scale, `(B, C, H, W)`."""
        return self.decoder(maps, self.embed({}, len(maps)))

    def infer(self, value: Tensor, parents: Values, *, draw: bool) -> Inference:
        found, rate, odds = infer_gaussian(self.head(self._see(value)), draw)
        return Inference({"map": found}, {"map": rate}, odds, self.draw(torch.tanh(found)))

    def decode(self, noise: Noise, parents: Values) -> Tensor:
        return self.draw(torch.tanh(noise["map"]))

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        seen = self._see(value)
        found, rate, _ = infer_gaussian(self.head(seen), draw=True)
        output = self.draw(torch.tanh(found))
        distortion = -self.likelihood.log_prob(output, value)
        weight = self.beta * min(1.0, progress / self.warmup)
        far = self._feature_distance(output, seen.detach())
        return {
            "loss": distortion + weight * rate + self.features * far,
            "distortion": distortion,
            "rate": rate,
            "feature distance": far,
        }

    def _see(self, value: Tensor) -> Tensor:
        """Features `(B, width, h, w)` of images in natural units."""
        return F.silu(self.encoder(self.likelihood.to_unit(value), self.embed({}, len(value))))

    def _feature_distance(self, output: Tensor, seen: Tensor) -> Tensor:
        """Distance of drawn images from features of the real ones, times the number of pixels, `(B,)`."""
        # Fixed weights: the encoder must not shrink the distance by discarding the features that differ.
        fixed = {name: parameter.detach() for name, parameter in self.encoder.named_parameters()}
        context = self.embed({}, len(output)).detach()
        drawn = F.silu(torch.func.functional_call(self.encoder, fixed, (output, context)))
        difference = F.normalize(drawn, dim=1) - F.normalize(seen, dim=1)
        return difference.square().sum(1).flatten(1).mean(dim=1) * math.prod(self.variable.shape)
