r"""The common base of diffusion and flow matching: an image is carried to Gaussian noise and back by a learned field.

A network :math:`f(x_t, t, pa)` gives the direction of an image between noise (t = 0) and data (t = 1). Following it from
noise to data is the structural assignment; following it back is abduction.

Guidance makes changed parents count more than they do in the distribution (Ho and Salimans, Classifier-free diffusion guidance,
2022; several conditions: Brooks et al., InstructPix2Pix, 2023):

.. math:: f = f(\varnothing) + w_{\text{unchanged}} \bigl(f(pa_{\text{unchanged}}) - f(\varnothing)\bigr)
          + w_{\text{changed}} \bigl(f(pa) - f(pa_{\text{unchanged}})\bigr)

Changed parents with several weights are added in groups, lowest weight first, each multiplied by its own weight. With
all weights 1 that is f(pa). Any other weights define a different mechanism from the one that abduction inverts:
the result is a guided edit, not a counterfactual of the model, and is labelled as such.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import UnknownNameError, nearest
from ..graph import Variable
from ..nn import ImageMaps, ParentEmbedding, Transformer, UNet
from ..typing import Noise, Values
from .base import Abductive
from .identification import Identifiability, Identification

__all__ = ["GUIDED_EDIT", "Field", "Network", "TransportMechanism"]

Field: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""State `(B, C, H, W)` and time `()` to the network's output."""
Network = Literal["u-net", "transformer"]
CONTEXT = 128
"""Width of the embedding of parents and time."""
STRONGEST = 10.0
"""Maximum guidance weight."""
GUIDED_EDIT = Identification(Identifiability.CONVENTION, "a guided edit, which is not a counterfactual of the model")


class TransportMechanism(Abductive):
    """An image mechanism whose noise has the shape of the image.

    Noise: `z`, `(B, C, H, W)`, standard normal.

    Args:
        variable: An image variable, grey or colour, of any size, or a volume.
        parents: Parents of any kind.
        network: "u-net", or "transformer" over patches of an image, not of a volume, whose blocks all have attention.
        width: Channels of the U-Net at the coarse resolution, or of a patch of the transformer, then a multiple of 16.
        blocks: Residual blocks of the U-Net at each resolution, down and up; or blocks of the transformer.
        attention: Heads of self-attention of the U-Net at the coarse resolution, a divisor of the width; 0 for none.
        steps: Steps from noise to data; abduction takes as many back.
        guidance: Weight of changed parents, in [0, 10], or a mapping of some parents to theirs; other than 1 the result is a
            guided edit.
        guidance_unchanged: Weight of the other parents, in [0, 10].
        dropout: Probability with which training hides each parent; guidance needs it above 0.

    Raises:
        ValueError: An option out of range, or guidance without dropout.
        UnknownNameError: Guidance of a name that is not a parent.
    """

    kinds = ("image",)
    volumes = True
    limits: ClassVar = {"blocks": 256, "steps": 10_000}
    by_parent: ClassVar = ("guidance",)
    reach: float = 1.0
    """Greatest value of the scale on which the network sees images; that of a codec behind a frozen backbone is wider."""

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        network: Network | Mapping[str, Any] = "u-net",
        width: int = 64,
        blocks: int = 1,
        attention: int = 0,
        steps: int = 30,
        guidance: float | Mapping[str, float] = 1.0,
        guidance_unchanged: float = 1.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(variable, parents)
        self.guidance = _by_parent(guidance, self.parents)
        self.guidance_unchanged = _weight(guidance_unchanged, "guidance_unchanged")
        if not 0 <= dropout < 1:
            raise ValueError(f"Expected dropout in [0, 1); got {dropout}.")
        self.guided = guidance_unchanged != 1 or any(weight != 1 for weight in self.guidance.values())
        if self.guided and not dropout:
            raise ValueError("Expected dropout above 0 with guidance, which needs a model of hidden parents; got 0.")
        self.steps, self.dropout = steps, dropout
        self.low, self.high = variable.support or (0.0, 255.0)
        self.embed = ParentEmbedding(self.parents, CONTEXT, droppable=dropout > 0)
        self.maps = ImageMaps(self.parents, variable.shape)
        self.network = self._built(network, width=width, blocks=blocks, attention=attention)

    def _built(self, network: Network | Mapping[str, Any], *, width: int, blocks: int, attention: int) -> nn.Module:
        variable, size = self.variable, {"width": width, "blocks": blocks, "maps": self.maps.channels}
        if network not in get_args(Network):
            raise ValueError(f"Expected a network among {', '.join(get_args(Network))}; got {network!r}.")
        if network == "u-net":
            return UNet(variable.shape, CONTEXT, attention=attention, **size)
        if attention:
            raise ValueError(
                "Expected attention=0 for a transformer, whose blocks all have attention; got another number."
            )
        if variable.is_volume:
            raise ValueError(
                f"Expected network='u-net' for the volume '{variable.name}'; got 'transformer', for images only."
            )
        return Transformer(variable.shape, CONTEXT, **size)

    @abstractmethod
    def to_data(self, noise: Noise, field: Field) -> Tensor:
        """Carry noise along `field` from time 0 to time 1: images `(B, C, H, W)` on the network's scale, not clipped."""

    @abstractmethod
    def to_noise(self, state: Tensor, field: Field) -> Noise:
        """Carry images on the network's scale along `field` from time 1 to time 0."""

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.embed.fit(parents)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {
            "z": dist.Normal(zero, zero + 1)
            .expand((*batch_shape, *self.variable.shape))
            .to_event(len(self.variable.shape))
        }

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        if not self.guided:
            state = self.unclipped(noise, parents)
        else:
            state = self.to_data(noise, self._guided(parents, noise["z"].shape[0], changed))
        return ((state / self.reach).clamp(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low

    def unclipped(self, noise: Noise, parents: Values) -> Tensor:
        """The image of unguided noise on the network's scale, before clipping, `(B, C, H, W)`."""
        return self.to_data(noise, self._field(parents, noise["z"]))

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        """Follow the unguided field back; nothing is drawn."""
        return self.to_noise(self.to_unit(value), self._field(parents, value))

    def to_unit(self, value: Tensor) -> Tensor:
        """Natural units to the network's scale, [-1, 1] by default."""
        return self.reach * ((value - self.low) * (2 / (self.high - self.low)) - 1)

    def predict(self, state: Tensor, time: Tensor, parents: Values) -> Tensor:
        """Output of the network at times `(B,)`; in training each parent is hidden at random."""
        keep = None
        if self.training and self.embed.absent is not None:
            keep = torch.rand(len(state), len(self.parents), device=state.device) >= self.dropout
        return self.network(state, time, self.embed(parents, len(state), keep=keep), self.maps(parents, keep=keep))

    def _field(self, parents: Values, like: Tensor) -> Field:
        context, maps = self.embed(parents, len(like)), self.maps(parents)
        return lambda state, time: self.network(state, time.expand(len(state)), context, maps)

    def _guided(self, parents: Values, batch: int, changed: frozenset[str]) -> Field:
        """The guided field: the network seen without parents, with the unchanged ones, and with more up to all."""
        # All embeddings pass through the network as one batch.
        weights = sorted({self.guidance[name] for name in self.parents if name in changed})
        shown = [[False] * len(self.parents), [name not in changed for name in self.parents]]
        shown += [[name not in changed or self.guidance[name] <= weight for name in self.parents] for weight in weights]
        keeps = [torch.tensor([each], device=next(self.parameters()).device) for each in shown]
        context = torch.cat([self.embed(parents, batch, keep=keep) for keep in keeps])
        seen = [part for part in (self.maps(parents, keep=keep) for keep in keeps) if part is not None]
        maps = torch.cat(seen) if seen else None

        def field(state: Tensor, time: Tensor) -> Tensor:
            count = len(keeps)
            outputs = self.network(torch.cat([state] * count), time.expand(count * len(state)), context, maps)
            nothing, *more = outputs.chunk(count)
            steps = zip((self.guidance_unchanged, *weights), pairwise((nothing, *more)), strict=True)
            return nothing + torch.stack([weight * (after - before) for weight, (before, after) in steps]).sum(0)

        return field


def _by_parent(guidance: float | Mapping[str, float], parents: Mapping[str, Variable]) -> dict[str, float]:
    """Return the weight of each parent; 1 for those that a mapping does not name."""
    if not isinstance(guidance, Mapping):
        return dict.fromkeys(parents, _weight(guidance, "guidance"))
    for name in guidance:
        if name not in parents:
            raise UnknownNameError(
                f"Expected guidance of parents among {', '.join(parents) or '(none)'}; got {name!r}."
                + nearest(str(name), parents)
            )
    return {name: _weight(guidance.get(name, 1.0), f"guidance of '{name}'") for name in parents}


def _weight(weight: float, what: str) -> float:
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not 0 <= weight <= STRONGEST:
        raise ValueError(f"Expected {what} in [0, {STRONGEST:g}]; got {weight!r}. 1 is no guidance.")
    return weight
