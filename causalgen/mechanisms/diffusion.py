r"""Diffusion model of one image, run deterministically in both directions, and exactly so.

.. math:: x_t = \cos\phi\, x + \sin\phi\, \epsilon, \qquad \phi = \tfrac\pi2 (1 - t), \qquad
          v = \cos\phi\, \epsilon - \sin\phi\, x

The network predicts v (Salimans and Ho, Progressive distillation, 2022). A step of DDIM (Song, Meng and Ermon, Denoising
diffusion implicit models, 2021) turns the angle by :math:`\delta = \tfrac\pi2 / n`, towards data or towards noise:

.. math:: d(x, t) = \cos\delta\, x - \sin\delta\, v(x, t), \qquad b(x, t) = \cos\delta\, x + \sin\delta\, v(x, t)

Each step evaluates the field at its own start, so b does not undo d: abduction by steps of DDIM (as a structural mechanism:
Sanchez and Tsaftaris, Diffusion causal models for counterfactual estimation, 2022) does not return the image. BDIA (Zhang,
Lewis and Kleijn, Exact diffusion inversion via bi-directional integration approximation, 2024) also remembers the state before:

.. math:: x_{k+1} = d(x_k) + \gamma\, \bigl(x_{k-1} - b(x_k)\bigr), \qquad
          x_{k-1} = b(x_k) + \bigl(x_{k+1} - d(x_k)\bigr) / \gamma

Both lines are one equation, so a null intervention returns the image whatever the network has learned. A second state starts
the recursion: :math:`x_1 = d(z) + e`. Its noise e is the defect. It is 0 in p(u), and the first step of a sample is then one
of DDIM. Abduction starts at the image with a step b of DDIM and keeps the defect that it arrives at: without it, the image
would not come back. That defect is small but not 0, and other starts give other pairs (z, e) for the same image, so the
noise is one fitted point.

:math:`\gamma = 0` is DDIM. :math:`\gamma = 1` is, up to the third order of a step, the two-step BELM on this even grid of
angles (Wang et al., BELM, 2024): a defect is then not damped, and shows as a pattern of single pixels. Here
:math:`\gamma^n` is fixed, so that damping does not depend on the number of steps.

The network may be the frozen one of a text-to-image pipeline. The angle of pure noise is then that of the pipeline's last
training step, a little below :math:`\pi / 2`, and so is :math:`\delta`.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import UnknownNameError, nearest
from ..graph import Variable
from ..nn import FrozenUNet, ParentEmbedding
from ..typing import Noise, Values
from .base import Abduction
from .identification import Identifiability, Identification
from .transport import GUIDED_EDIT, Field, Network, TransportMechanism

__all__ = ["Diffusion"]

Sampler = Literal["bdia", "ddim"]
KEPT = 0.2
"""Share of the first defect that is left after all steps, where the field is 0: 1 never damps it, and with .005 abduction
arrives at defects as large as the noise itself."""
RANK, GREATEST_RANK = 8, 1024
"""Rank of the adapter of a frozen backbone: by default, and at most."""
RETURNED = 4e-4
"""Error of a null intervention as a share of the pixels' range, from rounding in 32 bits alone."""


class Diffusion(TransportMechanism):
    """Conditional diffusion with exact inversion by BDIA, or DDIM, and classifier-free guidance.

    Noise: `z`, `(B, C, H, W)`, standard normal; with BDIA also `defect`, `(B, C, H, W)`: by how much the second state differs
    from a step of DDIM, 0 in p(u).

    Args:
        variable: An image variable, grey or colour, of any size, or a volume.
        parents: Parents of any kind.
        network: "u-net", or "transformer" over patches of an image, not of a volume, whose blocks all have attention; or a
            mapping of `folder` and `rank`, for the frozen U-Net of a text-to-image pipeline with an adapter of that rank, which
            sees one token for each parent (see `causalgen.nn.FrozenUNet`). `width`, `blocks` and `attention` are then its own.
        width: Channels of the U-Net at the coarse resolution, or of a patch of the transformer, then a multiple of 16.
        blocks: Residual blocks of the U-Net at each resolution, down and up; or blocks of the transformer.
        attention: Heads of self-attention of the U-Net at the coarse resolution, a divisor of the width; 0 for none.
        steps: Steps from noise to data; abduction takes as many back, and one evaluation of the network more.
        sampler: "bdia", whose null intervention returns the image, or "ddim", whose noise is `z` alone.
        guidance: Weight of changed parents, in [0, 10], or a mapping of some parents to theirs; other than 1 the result is a
            guided edit.
        guidance_unchanged: Weight of the other parents, in [0, 10].
        dropout: Probability with which training hides each parent; guidance needs it above 0.

    Raises:
        ValueError: An option out of range, or guidance without dropout; a frozen backbone that does not suit the image.
        UnknownNameError: Guidance of a name that is not a parent.
        ImportError: A frozen backbone without diffusers, which is an optional extra.
        DataError: No frozen backbone in the folder.
    """

    parts: ClassVar = ("network",)
    earlier_options: ClassVar = {"sampler": "ddim"}
    privacy_obstacle = ""
    works: tuple[str, ...] = ("diffusion", "bdia")
    abduction = Abduction.POINT

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
        sampler: Sampler = "bdia",
        guidance: float | Mapping[str, float] = 1.0,
        guidance_unchanged: float = 1.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(
            variable, parents, network=network, width=width, blocks=blocks, attention=attention, steps=steps, guidance=guidance,
            guidance_unchanged=guidance_unchanged, dropout=dropout,
        )  # fmt: skip
        if sampler not in get_args(Sampler):
            raise ValueError(f"Expected a sampler among {', '.join(get_args(Sampler))}; got {sampler!r}.")
        backbone = self.backbone
        # Angle of pure noise: the last one that a frozen backbone was trained with.
        self.span = 0.5 * math.pi if backbone is None else backbone.span
        self.exact = sampler == "bdia"
        self.damping = KEPT ** (1 / steps)
        self.tolerance = RETURNED * (self.high - self.low)
        if not self.exact:
            self.works = ("diffusion",)
        if backbone is not None:
            self.options["network"] = {"folder": backbone.folder, "rank": backbone.rank}
            self.privacy_obstacle = "its backbone has learned from images without privacy"
            self.works = (*self.works, "low-rank")

    @property
    def backbone(self) -> FrozenUNet | None:
        """The frozen U-Net with its adapter, where the network is one."""
        return self.network if isinstance(self.network, FrozenUNet) else None

    @property
    def outside(self) -> tuple[str, ...]:  # type: ignore[override]
        found = self.backbone
        return () if found is None else (f"the frozen backbone in {found.folder}, SHA-256 {found.sha256}",)

    def _built(self, network: Network | Mapping[str, Any], *, width: int, blocks: int, attention: int) -> nn.Module:
        if not isinstance(network, Mapping):
            return super()._built(network, width=width, blocks=blocks, attention=attention)
        given = {"width": width, "blocks": blocks, "attention": attention}
        known = type(self).__init__.__kwdefaults__ or {}
        if changed := [option for option, value in given.items() if value != known[option]]:
            raise ValueError(
                f"Expected no {changed[0]} with a frozen backbone, which has its own; got {given[changed[0]]}. Leave it out."
            )
        backbone = _backbone(self.variable, self.parents, network)
        self.embed = ParentEmbedding(self.parents, backbone.width, droppable=self.dropout > 0, tokens=True)
        return backbone

    @property
    def composes(self) -> bool:
        return self.exact and not self.guided

    @property
    def identification(self) -> Identification:
        if self.guided:
            return GUIDED_EDIT
        path = "the deterministic path of BDIA" if self.exact else "the deterministic path of DDIM"
        return Identification(Identifiability.CONVENTION, f"{path}, one of many maps with the same distribution")

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        noise = super().noise(batch_shape)
        if self.exact:
            noise["defect"] = dist.Delta(
                self._zero.expand(*batch_shape, *self.variable.shape), event_dim=len(self.variable.shape)
            )
        return noise

    def objectives(self, value: Tensor, parents: Values, progress: float) -> dict[str, Tensor]:
        data = self.to_unit(value)
        noise, time = torch.randn_like(data), torch.rand(len(data), device=data.device, dtype=data.dtype)
        angle = self.span * (1 - time)[(..., *[None] * (data.dim() - 1))]
        state = angle.cos() * data + angle.sin() * noise
        wanted = angle.cos() * noise - angle.sin() * data
        loss = (self.predict(state, time, parents) - wanted).square().flatten(1).mean(1)
        # A frozen backbone keeps the loss that it was trained with.
        return {"loss": loss if self.backbone is None else self.backbone.weight(time) * loss}

    def to_data(self, noise: Noise, field: Field) -> Tensor:
        before, state = noise["z"], self._steps(noise["z"], field, 0)[0]
        if self.exact:
            state = state + noise["defect"]
        for step in range(1, self.steps):
            ahead, behind = self._steps(state, field, step)
            if self.exact:
                ahead = ahead + self.damping * (before - behind)
            before, state = state, ahead
        return state

    def to_noise(self, state: Tensor, field: Field) -> Noise:
        after, state = state, self._steps(state, field, self.steps)[1]
        for step in range(self.steps - 1, 0, -1):
            ahead, behind = self._steps(state, field, step)
            if self.exact:
                behind = behind + (after - ahead) / self.damping
            after, state = state, behind
        return {"z": state, "defect": after - self._steps(state, field, 0)[0]} if self.exact else {"z": state}

    def _steps(self, state: Tensor, field: Field, step: int) -> tuple[Tensor, Tensor]:
        """A step of DDIM from a state towards data, and one towards noise."""
        turn = self.span / self.steps
        moved = math.sin(turn) * field(state, state.new_tensor(step / self.steps))
        kept = math.cos(turn) * state
        return kept - moved, kept + moved


def _backbone(variable: Variable, parents: Mapping[str, Variable], given: Mapping[str, Any]) -> FrozenUNet:
    """The frozen U-Net that a mapping describes, where it suits the image and its parents."""
    options = {"folder": "", "rank": RANK, **given}
    if unknown := [option for option in given if option not in ("folder", "rank")]:
        raise UnknownNameError(
            f"Expected an option of the frozen backbone of '{variable.name}' among folder, rank; got {unknown[0]!r}."
            + nearest(str(unknown[0]), ("folder", "rank"))
        )
    folder, rank = options["folder"], options["rank"]
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= GREATEST_RANK:
        raise ValueError(
            f"Expected a whole number of at least 1 and at most {GREATEST_RANK} for the rank of the frozen backbone of "
            f"'{variable.name}'; got {rank!r}."
        )
    if not isinstance(folder, str):
        raise ValueError(f"Expected a folder for the frozen backbone of '{variable.name}'; got {folder!r}.")
    if variable.is_volume:
        raise ValueError(f"Expected an image for a frozen backbone; got the volume '{variable.name}'.")
    if images := [name for name, parent in parents.items() if parent.is_image]:
        raise ValueError(
            f"Expected no image among the parents of '{variable.name}', whose frozen backbone sees tokens; got '{images[0]}'. "
            "Choose network: u-net."
        )
    backbone = FrozenUNet(folder, rank=rank)
    if backbone.channels != variable.shape[0]:
        raise ValueError(
            f"Expected a frozen backbone for the {variable.shape[0]} channels of '{variable.name}'; got one for "
            f"{backbone.channels}. Behind a codec, take the codec of the same pipeline."
        )
    return backbone
