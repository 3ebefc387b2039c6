r"""Frozen codec from a local folder, an `AutoencoderKL` of diffusers: the optional extra; the only module that imports it.

.. math:: m = \operatorname{clip}\bigl((E(x) - a) / 3 b,\, -1,\, 1\bigr), \qquad x \approx D(a + 3 b\, m)

with location a and scale b of each channel over training images.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import DataError
from ..graph import Variable
from ..nn import Grid
from ..typing import Noise, Values
from .base import Mechanism
from .likelihoods import Gaussian

__all__ = ["PretrainedAutoencoder"]

CLASS = "AutoencoderKL"
REACH = 3.0
"""Standard deviations of a channel that the map covers; what lies beyond is cut off."""
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
        network: Any = _build(dict(config)) if isinstance(config, Mapping) else _read(folder)
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

    @torch.no_grad()
    def initialize(self, value: Tensor, parents: Values) -> None:
        """Fit the scales of the map, and that of the residual, to some training images."""
        chosen = value[torch.linspace(0, len(value) - 1, min(SEEN, len(value))).long().to(value.device)]
        pieces = [piece.to(self.location) for piece in chosen.split(PIECE)]
        latents = torch.cat([self._latents(piece) for piece in pieces])
        self.location.copy_(latents.mean(dim=(0, 2, 3))[:, None, None])
        self.scale.copy_(latents.std(dim=(0, 2, 3)).clamp_min(1e-6)[:, None, None])
        left = [self.likelihood.to_unit(piece) - self.draw(self.encode(piece)).clamp(-1, 1) for piece in pieces]
        spread = torch.cat(left).square().mean(dim=(0, 2, 3)).sqrt().clamp_min(1e-3)
        self.likelihood.log_scale.copy_(spread.log()[:, None, None])

    def encode(self, value: Tensor) -> Tensor:
        """Images `(B, C, H, W)`, natural units, to maps `(B, *map_shape)` on [-1, 1]."""
        return ((self._latents(value) - self.location) / (REACH * self.scale)).clamp(-1, 1)

    def draw(self, maps: Tensor) -> Tensor:
        """Maps to images on the likelihood's scale, `(B, C, H, W)`."""
        return self.grid.crop(self.network.decode(self.location + REACH * self.scale * maps).sample)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {"map": dist.Normal(zero, zero + 1).expand((*batch_shape, *self.map_shape)).to_event(3)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        return self.likelihood.mean(self.draw(torch.tanh(noise["map"])))

    def _latents(self, value: Tensor) -> Tensor:
        return self.network.encode(self.grid.pad(self.likelihood.to_unit(value))).latent_dist.mode()


def _read(folder: str) -> nn.Module:
    """The network in a folder, in 32 bits."""
    path = Path(folder)
    if not folder or not (path / "config.json").is_file():
        inside = " It looks like a pipeline: name its subfolder vae." if (path / "model_index.json").is_file() else ""
        raise DataError(
            f"Expected the folder of a frozen codec, with config.json and weights as safetensors; got '{folder}'.{inside}"
        )
    autoencoder = _diffusers_class()
    try:
        found = json.loads((path / "config.json").read_text(encoding="utf-8")).get("_class_name")
        if found != CLASS:
            raise DataError(f"Expected an {CLASS} of diffusers in '{folder}'; got {found!r}.")
        network, report = autoencoder.from_pretrained(
            path, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False, torch_dtype=torch.float32,
            output_loading_info=True,
        )  # fmt: skip
    except DataError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"Expected a frozen codec in '{folder}'; it cannot be read: {reason}") from None
    if missing := report["missing_keys"]:
        raise DataError(
            f"Expected all weights of the codec in '{folder}'; '{sorted(missing)[0]}' is missing. Restore it."
        )
    return network


def _build(config: dict[str, Any]) -> nn.Module:
    """The network that a saved model describes, without its weights."""
    autoencoder = _diffusers_class()
    try:
        return autoencoder.from_config(config)
    except Exception as error:
        raise DataError(f"Expected the description of an {CLASS}; got one that fails with: {error}") from None


def _diffusers_class() -> Any:
    try:
        from diffusers import AutoencoderKL
    except ImportError:
        raise ImportError(
            "Expected diffusers to read a frozen codec; it is not installed. Run: pip install 'causalgen[diffusers]'"
        ) from None
    return AutoencoderKL
