r"""Hierarchical variational autoencoder for one image: latents at every resolution, drawn from coarse to fine.

.. math:: p(u) = \prod_k N(u_k; 0, I), \qquad q(u \mid x, pa) = \prod_k q(u_k \mid h_{k-1}, x, pa), \qquad
          h_k = g_k\bigl(h_{k-1},\; \mu_k(h_{k-1}, pa) + \sigma_k(h_{k-1}, pa)\, u_k,\; pa\bigr)

The first latent is a vector for the whole image, the others are maps, one per resolution. A prior that depends on the
parents is a reparametrisation: the noise itself does not. (Sønderby et al., Ladder variational autoencoders, 2016;
Child, Very deep VAEs, 2021; as a structural mechanism: De Sousa Ribeiro et al., High fidelity image counterfactuals
with probabilistic causal models, 2023.)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..graph import Variable
from ..nn import CONVOLUTIONS, TRANSPOSED, ConvBlock, Grid, Modulation, Pyramid, in_full_precision, mlp, with_maps
from ..nn.conv import halved
from ..typing import Noise, Values
from .image_vae import CONTEXT, ImageVAE, Inference, infer_gaussian
from .likelihoods import LikelihoodName

__all__ = ["HierarchicalVAE"]


class HierarchicalVAE(ImageVAE):
    """VAE with a vector and one map of latents at each of the coarsest resolutions.

    Noise: `z`, `(B, latent)`; `map0` on the coarse grid, `map1` at twice its resolution and so on, `(B, maps[k], h, w)` each;
    with a residual also `pixel`, `(B, C, H, W)`.

    Args:
        variable: An image variable, grey or colour, of any size, or a volume.
        parents: Parents of any kind.
        latent: Dimensions of z.
        maps: Channels of the latent maps, from coarse to fine; at most one for each resolution of the image.
        width: Channels at the coarse resolution; halved with each doubling, but not below a quarter.
        blocks: Residual blocks at each resolution.
        prior: "standard", or "conditional" for latents shifted and scaled by parents and coarser latents.
        likelihood: "discretised-gaussian", "pixelwise-gaussian", "gaussian" or "bernoulli".
        residual: Share in [0, 1] of the pixel residual that abduction keeps and counterfactuals carry.
        beta: Weight of the Kullback-Leibler term; 1 is the evidence lower bound.
        free: Nats of z's divergence that are not penalised; without them the maps take over and sampled images are
            incoherent.
        warmup: Fraction of training over which that weight grows from 0.
        independence: Share in [0, 1] of the latents' mean given the parents that is removed from the abducted latents,
            which with 1 are uncorrelated with the parents; image parents are ignored, and the pixel residual does not
            change.

    Raises:
        ValueError: More maps than resolutions, or an option out of range.
    """

    volumes = True
    published_residual = 1.0
    works = ("conv-vae",)

    def __init__(
        self,
        variable: Variable,
        parents: Mapping[str, Variable],
        *,
        latent: int = 16,
        maps: Sequence[int] = (4, 2),
        width: int = 64,
        blocks: int = 1,
        prior: Literal["standard", "conditional"] = "standard",
        likelihood: LikelihoodName = "discretised-gaussian",
        residual: float = 0.0,
        beta: float = 1.0,
        free: float = 20.0,
        warmup: float = 0.1,
        independence: float = 0.0,
    ) -> None:
        super().__init__(
            variable, parents, likelihood=likelihood, residual=residual, beta=beta, free={"z": free}, warmup=warmup,
            independence=independence,
        )  # fmt: skip
        if prior not in ("standard", "conditional"):
            raise ValueError(f"Expected prior 'standard' or 'conditional'; got {prior!r}.")
        self.grid = Grid(variable.shape)
        dimensions = self.grid.dimensions
        conv, transposed = CONVOLUTIONS[dimensions], TRANSPOSED[dimensions]
        sizes = [tuple(length * 2**k for length in self.grid.coarse) for k in range(self.grid.stages + 1)]
        if len(maps) > len(sizes):
            raise ValueError(
                f"Expected at most {len(sizes)} latent maps for images of {'x'.join(map(str, variable.shape[1:]))}, "
                f"one per resolution; got {len(maps)}. Leave out the finest."
            )
        self.latent = latent
        self.latent_maps = {f"map{k}": (channels, *sizes[k]) for k, channels in enumerate(maps)}
        widths = halved(width, len(sizes))
        self.bottom_up = Pyramid(variable.shape[0] + self.maps.channels, widths, blocks, dimensions=dimensions)
        self.parents_up = (
            Pyramid(self.maps.channels, widths, blocks, dimensions=dimensions) if self.maps.channels else None
        )
        cells = math.prod(self.grid.coarse)
        self.squeeze = conv(width, width // 4, 1)
        self.head = mlp(width // 4 * cells + CONTEXT, 2 * latent, (4 * CONTEXT,))
        self.sketch = mlp(latent + CONTEXT, width // 2 * cells, (2 * CONTEXT,))
        self.first = conv(width // 2, width, 3, padding=1)
        self.levels = nn.ModuleList(
            _Level(
                widths[k],
                maps[k] if k < len(maps) else 0,
                latent + CONTEXT,
                blocks,
                dimensions,
                learned=prior == "conditional",
            )
            for k in range(len(sizes))
        )
        self.up = nn.ModuleList(transposed(b, a, 4, stride=2, padding=1) for b, a in pairwise(widths))
        self.modulation = Modulation(latent + CONTEXT, widths[-1])
        self.last = conv(widths[-1], variable.shape[0] * self.likelihood.outputs, 3, padding=1)
        self.centre_latents()

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"z": (self.latent,), **self.latent_maps}

    def infer(self, value: Tensor, parents: Values, *, draw: bool) -> Inference:
        context, centred = self.embed(parents, value.shape[0]), self.centring(parents)
        maps = self.maps(parents)
        seen = self.bottom_up(self.grid.pad(with_maps(self.likelihood.to_unit(value), maps)))
        squeezed = F.silu(self.squeeze(seen[0])).flatten(1)
        z, rate, odds = infer_gaussian(centred("z", self.head(torch.cat([squeezed, context], dim=1))), draw)
        noise, rates, parts = {"z": z}, {"z": rate}, [odds]

        def find(name: str, level: _Level, state: Tensor, features: Tensor) -> Tensor:
            found = centred(name, level.posterior(torch.cat([state, features], dim=1)))
            noise[name], rates[name], odds = infer_gaussian(found, draw)
            parts.append(odds)
            return noise[name]

        # The posterior of each map is computed on the way down, when the coarser maps have been drawn already.
        output = self._top_down(z, context, maps, lambda k, level, h: find(f"map{k}", level, h, seen[k]))
        return Inference(noise, rates, torch.stack(parts).sum(dim=0), output, centred.means)

    def decode(self, noise: Noise, parents: Values) -> Tensor:
        context = self.embed(parents, noise["z"].shape[0])
        return self._top_down(noise["z"], context, self.maps(parents), lambda k, level, h: noise[f"map{k}"])

    def _top_down(
        self, z: Tensor, context: Tensor, maps: Tensor | None, latent: "Callable[[int, _Level, Tensor], Tensor]"
    ) -> Tensor:
        """Decoder output; `latent(k, level, state)` gives the noise of map k."""
        shared = torch.cat([z, context], dim=1)
        drawn_after = [] if self.parents_up is None or maps is None else self.parents_up(self.grid.pad(maps))
        state = self.first(F.silu(self.sketch(shared)).unflatten(1, (-1, *self.grid.coarse)))
        for k, level in enumerate(self.levels):
            assert isinstance(level, _Level)
            if k:
                state = self.up[k - 1](F.silu(state))
            if drawn_after:
                state = state + drawn_after[k]
            if level.channels:
                state = state + level.inject(level.scaled(latent(k, level, state), state))
            state = level.modulation(state, shared)
            for block in level.blocks:
                state = block(state, shared)
        return self.grid.crop(in_full_precision(self.last, F.silu(self.modulation(state, shared))))


class _Level(nn.Module):
    """One resolution of the decoder, with the posterior of its latent map when it has one."""

    def __init__(self, width: int, channels: int, shared: int, blocks: int, dimensions: int, *, learned: bool) -> None:
        super().__init__()
        conv = CONVOLUTIONS[dimensions]
        self.channels = channels
        self.modulation = Modulation(shared, width)  # the parents scale the contribution of the latent, too
        self.blocks = nn.ModuleList(ConvBlock(width, shared, dimensions=dimensions) for _ in range(blocks))
        self.prior: nn.Module | None = None
        if channels:
            self.posterior = nn.Sequential(
                conv(2 * width, width, 3, padding=1), nn.SiLU(), conv(width, 2 * channels, 1)
            )
            self.inject = conv(channels, width, 3, padding=1)
            if learned:
                self.prior = conv(width, 2 * channels, 3, padding=1)

    def scaled(self, noise: Tensor, state: Tensor) -> Tensor:
        """The latent: the noise itself, or shifted and scaled by the conditional prior."""
        if self.prior is None:
            return noise
        mean, log_scale = self.prior(F.silu(state)).chunk(2, dim=1)
        # Bounded as in `infer_gaussian`, so that neither side of the divergence can overflow.
        return mean + log_scale.clamp(-7.0, 3.0).exp() * noise
