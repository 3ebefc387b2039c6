r"""The frozen U-Net of a text-to-image pipeline as the network of a diffusion mechanism, with a trained adapter.

The pipeline's noise levels :math:`\bar\alpha_k` are angles: :math:`x_k = \cos\phi_k\, x + \sin\phi_k\, \epsilon` with
:math:`\cos^2 \phi_k = \bar\alpha_k`. Between its steps, k is interpolated. A network that predicts the noise gives

.. math:: v = \cos\phi\, \epsilon - \sin\phi\, x = (\epsilon - \sin\phi\, x_k) / \cos\phi

(Rombach et al., High-resolution image synthesis with latent diffusion models, 2022.) Its text is replaced by learned tokens.
What is trained is a map of low rank at each projection of its attention.

The weights of the pipeline are not part of the state of this module: saved models refer to their folder, and hold a checksum.
"""

import copy
import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DataError
from .local_diffusers import BACKBONE, digest_of, read_config, read_network, read_schedule
from .low_rank import adapt

__all__ = ["FrozenUNet"]

PROJECTIONS = (".to_q", ".to_k", ".to_v", ".to_out.0")
"""Endings of the names of diffusers' attention layers."""
FURTHER_INPUTS = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "num_class_embeds")
"""Entries of a config that make the network need more than image, time and tokens."""
LEAST_SIGNAL = 1e-3
"""Least cosine of the last angle for a network that predicts noise: at 0, noise shows nothing of the image."""


class FrozenUNet(nn.Module):
    """`UNet2DConditionModel` of diffusers from a local folder.

    Args:
        folder: Folder `unet` of a pipeline, as `save_pretrained` writes it, next to its folder `scheduler`.
        rank: Rank of the adapter.

    Raises:
        ImportError: diffusers is not installed.
        DataError: No such network or schedule in the folder, or one that needs further inputs.
    """

    angles: Tensor
    digest: Tensor

    def __init__(self, folder: str, *, rank: int) -> None:
        super().__init__()
        config = read_config(folder, BACKBONE)
        self.folder, self.rank = os.path.abspath(folder), rank
        self.channels, self.width = _sizes(config, folder)
        signal, prediction = read_schedule(folder)
        self.predicts_noise = prediction == "epsilon"
        self.span = math.acos(math.sqrt(float(signal[-1])))
        if self.predicts_noise and math.cos(self.span) < LEAST_SIGNAL:
            raise DataError(
                f"Expected a backbone in '{folder}' that predicts v, since its noise schedule ends in pure noise; got epsilon."
            )
        self.network = read_network(folder, BACKBONE)
        self.network.requires_grad_(False)
        # As training lays convolutions out: a loaded model then adds up in the same order as the trained one.
        self.network.to(memory_format=torch.channels_last)
        if not adapt(self.network, PROJECTIONS, rank):
            raise DataError(f"Expected a backbone with attention in '{folder}'; got one without.")
        self.adapter = frozenset(name for name, parameter in self.network.named_parameters() if parameter.requires_grad)
        self.register_buffer("angles", signal.sqrt().acos().float(), persistent=False)
        self.sha256 = digest_of(folder)
        self.register_buffer("digest", torch.tensor([*bytes.fromhex(self.sha256)], dtype=torch.uint8))
        self.register_state_dict_post_hook(_without_frozen)
        self.register_load_state_dict_pre_hook(_with_frozen)

    def forward(self, image: Tensor, time: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """The v of `image` `(B, C, H, W)` at `time` `(B,)` in [0, 1], given tokens `context` `(B, tokens, width)`."""
        angle = self.span * (1 - time)
        output = self.network(image, self._step(angle), encoder_hidden_states=context).sample.to(image.dtype)
        if not self.predicts_noise:
            return output
        angle = angle[:, None, None, None]
        return (output - angle.sin() * image) / angle.cos()

    def weight(self, time: Tensor) -> Tensor:
        """Factor from the squared error of v to that of what the network predicts, `(B,)`."""
        return (self.span * (1 - time)).cos().square() if self.predicts_noise else torch.ones_like(time)

    def train(self, mode: bool = True) -> "FrozenUNet":
        """Keeps dropout off, since the frozen weights are not trained with it again."""
        return super().train(False)

    @property
    def checkpointed(self) -> bool:
        """Whether training computes activations again instead of keeping them."""
        return bool(self.network.is_gradient_checkpointing)

    @checkpointed.setter
    def checkpointed(self, on: bool) -> None:
        (self.network.enable_gradient_checkpointing if on else self.network.disable_gradient_checkpointing)()

    def __deepcopy__(self, memo: dict[int, Any]) -> "FrozenUNet":
        """A copy that shares the memory of the frozen weights, since training keeps averages of the others."""
        for name, parameter in self.network.named_parameters():
            if name not in self.adapter:
                memo[id(parameter)] = nn.Parameter(parameter.data, requires_grad=parameter.requires_grad)
        memo[id(self)] = twin = type(self).__new__(type(self))
        twin.__dict__ = copy.deepcopy(self.__dict__, memo)
        return twin

    def _step(self, angle: Tensor) -> Tensor:
        """Training steps of the pipeline at angles, with fractions, `(B,)`."""
        after = torch.searchsorted(self.angles, angle.to(self.angles.dtype)).clamp(1, len(self.angles) - 1)
        low, high = self.angles[after - 1], self.angles[after]
        return (after - 1 + (angle - low) / (high - low)).clamp(0, len(self.angles) - 1)


def _sizes(config: Mapping[str, Any], folder: str) -> tuple[int, int]:
    """Channels of the image, and the width of a token."""
    if needed := [entry for entry in FURTHER_INPUTS if config.get(entry) is not None]:
        raise DataError(
            f"Expected a backbone in '{folder}' that needs only an image, a time and tokens; got one with {needed[0]}, such as "
            "those of SDXL. Choose one like that of Stable Diffusion 1.5 or 2.1."
        )
    width = config.get("cross_attention_dim")
    if not isinstance(width, int) or isinstance(width, bool):
        raise DataError(
            f"Expected one whole number as cross_attention_dim of the backbone in '{folder}'; got {width!r}."
        )
    channels = config.get("in_channels", 4), config.get("out_channels", 4)
    if channels[0] != channels[1]:
        raise DataError(
            f"Expected a backbone in '{folder}' with as many channels out as in; got {channels[0]} in and {channels[1]} out, "
            "such as one for inpainting."
        )
    return channels[0], width


def _without_frozen(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Leave the frozen weights out of a state."""
    for name in _frozen(module):
        del state[prefix + name]


def _with_frozen(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Complete a state with the frozen weights, which have to be those that the others were trained with."""
    assert isinstance(module, FrozenUNet)
    if (digest := state.get(f"{prefix}digest")) is not None and not torch.equal(digest.cpu(), module.digest.cpu()):
        raise DataError(
            f"Expected the frozen backbone with the SHA-256 {bytes(digest.tolist()).hex()} in '{module.folder}', which the "
            f"adapter was trained with; got other files, with {module.sha256}. Restore them, or train again."
        )
    state.update({prefix + name: tensor for name, tensor in _frozen(module).items()})


def _frozen(module: nn.Module) -> dict[str, Tensor]:
    assert isinstance(module, FrozenUNet)
    tensors = {**dict(module.network.named_parameters()), **dict(module.network.named_buffers())}
    return {f"network.{name}": tensor for name, tensor in tensors.items() if name not in module.adapter}
