r"""Frozen codec from a local folder, an `AutoencoderKL` of diffusers.

.. math:: m = \operatorname{clip}\bigl((E(x) - a) / 3 b,\, -1,\, 1\bigr), \qquad x \approx D(a + 3 b\, m)

with location a and scale b of each channel over training images. Behind a frozen backbone, a and b are instead those with which
the pipeline was trained, and the map reaches further: :math:`m = \operatorname{clip}((E(x) - a) / 6 b, -1, 1)`.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..graph import Variable
from ..nn import Grid
from ..nn.local_diffusers import CODEC, build_network, read_network
from ..typing import Noise, Values
from .base import Mechanism
from .likelihoods import Gaussian

__all__ = ["PretrainedAutoencoder"]

REACH = 3.0
"""Standard deviations of a channel that the map covers; what lies beyond is cut off."""
PIPELINE_REACH = 6.0
"""The same in the units of a pipeline, where the images at hand need not have a mean of 0 and a deviation of 1."""
SEEN = 256
"""Training images that the scales are fitted to."""
PIECE = 16
"""Images that are encoded at a time."""
MOST_CELLS = 16_384
"""Maximum number of cells of the map: every cell is compared with every other one, so memory grows with their square."""


class PretrainedAutoencoder(Mechanism):
    """A codec that was trained elsewhere, and is never changed.

    Args:
        variable: An image variable with as many channels as the codec; padded to a multiple of its factor and cropped.
        parents: None.
        folder: Folder with `config.json` and weights as safetensors, as `save_pretrained` of diffusers writes it. Nothing is
            downloaded.
        config: In place of the folder, the content of `config.json`, with weights that are loaded later: a saved model has it.

    Raises:
        ImportError: diffusers is not installed.
        DataError: No such codec in the folder.
        ValueError: Another number of channels, or an image that is larger than the codec can take.
    """

    parts: ClassVar = ("config",)
    location: Tensor
    scale: Tensor

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        folder: str = "",
        config: Mapping[str, Any] | str = "",
    ) -> None:
        super().__init__(variable, {})
        network = build_network(config, CODEC) if isinstance(config, Mapping) else read_network(folder, CODEC)
        self.network = network.requires_grad_(False)
        self.config = {key: value for key, value in network.config.items() if key != "_name_or_path"}
        stages = len(self.config["block_out_channels"]) - 1
        channels = self.config["in_channels"]
        if (channels, self.config["out_channels"]) != (variable.shape[0],) * 2:
            raise ValueError(
                f"Expected a frozen codec for the {variable.shape[0]} channels of '{variable.name}'; got one for {channels}. "
                "Load the images with that number of channels, or let fit train a codec."
            )
        self.grid = Grid(variable.shape, stages)
        self.map_shape = (self.config["latent_channels"], *self.grid.coarse)
        if math.prod(self.grid.coarse) > MOST_CELLS:
            raise ValueError(
                f"Expected '{variable.name}' with at most {MOST_CELLS * 4**stages:,} pixels for this frozen codec; got "
                f"{variable.shape[1]} x {variable.shape[2]}. Load smaller images."
            )
        self.likelihood = Gaussian(variable.shape[0], variable.support or (0.0, 255.0)).requires_grad_(False)
        self.register_buffer("location", torch.zeros(self.map_shape[0], 1, 1))
        self.register_buffer("scale", torch.ones(self.map_shape[0], 1, 1))
        self.reach, self.fits_scale = REACH, True

    def keep_pipeline_units(self) -> None:
        """Scale the map as the backbone of the same pipeline expects it, not to the training images."""
        self.reach, self.fits_scale = PIPELINE_REACH, False

    @torch.no_grad()
    def initialize(self, value: Tensor, parents: Values) -> None:
        """Fit the scales of the map, and that of the residual, to some training images."""
        chosen = value[torch.linspace(0, len(value) - 1, min(SEEN, len(value))).long().to(value.device)]
        pieces = [piece.to(self.location) for piece in chosen.split(PIECE)]
        if self.fits_scale:
            latents = torch.cat([self._latents(piece) for piece in pieces])
            self.location.copy_(latents.mean(dim=(0, 2, 3))[:, None, None])
            self.scale.copy_(latents.std(dim=(0, 2, 3)).clamp_min(1e-6)[:, None, None])
        else:
            location, scale = self._pipeline_units()
            self.location.copy_(location)
            self.scale.copy_(scale)
        left = [self.likelihood.to_unit(piece) - self.draw(self.encode(piece)).clamp(-1, 1) for piece in pieces]
        spread = torch.cat(left).square().mean(dim=(0, 2, 3)).sqrt().clamp_min(1e-3)
        self.likelihood.log_scale.copy_(spread.log()[:, None, None])

    def encode(self, value: Tensor) -> Tensor:
        """Images `(B, C, H, W)`, natural units, to maps `(B, *map_shape)` on [-1, 1]."""
        return ((self._latents(value) - self.location) / (self.reach * self.scale)).clamp(-1, 1)

    def draw(self, maps: Tensor) -> Tensor:
        """Maps to images on the likelihood's scale, `(B, C, H, W)`."""
        return self.grid.crop(self.network.decode(self.location + self.reach * self.scale * maps).sample)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {"map": dist.Normal(zero, zero + 1).expand((*batch_shape, *self.map_shape)).to_event(3)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        return self.likelihood.mean(self.draw(torch.tanh(noise["map"])))

    def _latents(self, value: Tensor) -> Tensor:
        return self.network.encode(self.grid.pad(self.likelihood.to_unit(value))).latent_dist.mode()

    def _pipeline_units(self) -> tuple[Tensor, Tensor]:
        """Location and scale of the latents as the pipeline declares them, `(channels, 1, 1)`."""
        one = torch.ones_like(self.location)
        means, spreads = (self.config.get(f"latents_{word}") for word in ("mean", "std"))
        location = (
            one * (self.config.get("shift_factor") or 0.0) if means is None else one.new_tensor(means).view_as(one)
        )
        spread = one if spreads is None else one.new_tensor(spreads).view_as(one)
        return location, spread / self.config["scaling_factor"]
