r"""Couplings of the noises of two worlds, all of which preserve every observational and interventional distribution.

A counterfactual keeps the noise u of the factual world. Data and experiments show one world at a time, so they cannot
distinguish this coupling from others with the same marginal distribution:

.. math:: u' = \rho\, u + \sqrt{1 - \rho^2}\; e, \qquad e \sim N(0, I), \qquad \text{or} \qquad
          u' = \rho\, u + \sqrt{1 - \rho^2}\; R u

with R a random orthogonal map that takes every coordinate to another one (R u is orthogonal to u). The first gives each
unit fresh noise; the second turns the noise of all units in the same way, so that the mechanism stays invertible.
Non-Gaussian noises are coupled through the normal scores of their distribution; a noise that is always 0 in p(u), such
as the defect of a diffusion model, is multiplied by :math:`\rho`. :math:`\rho = 1` is the coupling that the model
assumes.

Source: Pan and Bareinboim, Counterfactual image editing, 2024 (why data cannot distinguish couplings); Melnychuk,
Frauen and Feuerriegel, Partial counterfactual identification of continuous outcomes with a curvature sensitivity model,
2023.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..errors import DataError
from ..typing import Noise

__all__ = [
    "COUPLINGS",
    "Turn",
    "couple",
    "draw_partners",
    "from_scores",
    "normal_scores",
    "one_coordinate",
    "read_couplings",
    "rho_of",
]

COUPLINGS = (1.0, 0.95, 0.8, 0.5, 0.0)
"""Correlations of the noise in both worlds, from the coupling of the model to independent worlds."""
EDGE = 1e-12
"""Probabilities closer than this to 0 or 1 have no finite normal score."""


@dataclass(frozen=True)
class Turn:
    """A coupling that turns the noise of images in the same way for all units, and leaves all other noises unchanged.

    Args:
        rho: Cosine of the angle, in [0, 1]: the correlation of each coordinate with itself.
    """

    rho: float

    def __str__(self) -> str:
        return f"turn {self.rho:g}"


def read_couplings(couplings: Sequence[float | Turn]) -> list[float | Turn]:
    """The couplings from the tightest to the loosest; 1 is added if it is missing.

    Raises:
        DataError: Not a sequence of correlations in [0, 1] and turns, or none looser than 1.
    """
    if isinstance(couplings, str | int | float | Turn) or not isinstance(couplings, Sequence):
        raise DataError(f"Expected a list of couplings such as (1, 0.9, 0.5); got {couplings!r}.")
    for each in couplings:
        rho = each.rho if isinstance(each, Turn) else each
        if isinstance(rho, bool) or not isinstance(rho, int | float) or not 0 <= rho <= 1:  # NaN is refused too
            raise DataError(
                f"Expected the correlation of the noise in both worlds in [0, 1]; got {rho!r}. 1 is the model's own "
                "coupling, and 0 makes the worlds independent."
            )
    looser = {each if isinstance(each, Turn) else float(each) for each in couplings}
    looser = {each for each in looser if rho_of(each) < 1}
    if not looser:
        raise DataError(
            "Expected at least one coupling looser than 1; got none. Leave `couplings` out for the default."
        )
    return [1.0, *sorted(looser, key=lambda each: (-rho_of(each), isinstance(each, Turn)))]


def rho_of(coupling: float | Turn) -> float:
    """The correlation of each coordinate with itself."""
    return coupling.rho if isinstance(coupling, Turn) else coupling


def draw_partners(prior: dict[str, Distribution], like: Noise) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Draw what each part of a noise is coupled with: fresh normal scores `(B, ...)`, and a random turn.

    A turn is a permutation of the coordinates of one unit without cycles of odd length, with signs.
    """
    return {
        name: (torch.randn_like(tensor), *_random_turn(tensor[0])) for name, tensor in like.items() if name in prior
    }


def couple(
    noise: Noise,
    prior: dict[str, Distribution],
    partners: dict[str, tuple[Tensor, Tensor, Tensor]],
    coupling: float | Turn,
    *,
    node: str,
) -> Noise:
    """The noise `(B, ...)` of units in the other world.

    Args:
        noise: Their abducted noise.
        prior: p(u) of each part of it.
        partners: What it is coupled with (see `draw_partners`).
        coupling: A correlation, or a turn.
        node: The node, for messages.

    Raises:
        DataError: A noise whose distribution has no distribution function.
    """
    rho, coupled = rho_of(coupling), dict(noise)
    for name, (fresh, partner, signs) in partners.items():
        if isinstance(one_coordinate(prior[name]), dist.Delta):
            coupled[name] = rho * noise[name]
            continue
        scores = normal_scores(noise[name], prior[name], node)
        if isinstance(coupling, Turn):
            flat = scores.flatten(1)
            other = (flat[:, partner] * signs).reshape(scores.shape)
            # If their number is odd, the remaining coordinate keeps its value.
            own = torch.where(signs == 0, 1.0, rho).reshape(scores.shape[1:]).to(scores)
            mixed = own * scores + math.sqrt(1 - rho**2) * other
        else:
            mixed = rho * scores + math.sqrt(1 - rho**2) * fresh.to(scores)
        coupled[name] = from_scores(mixed, prior[name]).to(noise[name])
    return coupled


def _random_turn(unit: Tensor) -> tuple[Tensor, Tensor]:
    """Random pairs of coordinates (a, b) with a -> b and b -> -a: an orthogonal map whose image of u is orthogonal to u."""
    count = unit.numel()
    order = torch.randperm(count, device=unit.device)
    half = count // 2
    first, second = order[:half], order[half : 2 * half]
    partner = torch.arange(count, device=unit.device)
    partner[first], partner[second] = second, first
    signs = torch.zeros(count, device=unit.device, dtype=unit.dtype)
    signs[first], signs[second] = 1.0, -1.0
    return partner, signs


def one_coordinate(prior: Distribution) -> Any:
    """The distribution of one coordinate, without declared event dimensions."""
    while hasattr(prior, "reinterpreted_batch_ndims"):
        prior = prior.base_dist  # type: ignore[attr-defined]
    return prior


def normal_scores(noise: Tensor, prior: Distribution, node: str) -> Tensor:
    """The standard normal quantiles at the noise's probabilities under its distribution.

    Raises:
        DataError: The distribution of the noise of `node` has no distribution function.
    """
    plain = one_coordinate(prior)
    if isinstance(plain, torch.distributions.Normal):
        return (noise - plain.loc) / plain.scale
    try:
        return torch.special.ndtri(plain.cdf(noise.double()).clamp(EDGE, 1 - EDGE))
    except NotImplementedError:
        raise DataError(
            f"Expected a noise of '{node}' that has a distribution function, to couple it in two worlds; got "
            f"{type(plain).__name__}. Ask about nodes that do not descend through '{node}', or use another mechanism."
        ) from None


def from_scores(scores: Tensor, prior: Distribution) -> Tensor:
    """The inverse of `normal_scores`."""
    plain = one_coordinate(prior)
    if isinstance(plain, torch.distributions.Normal):
        return plain.loc + plain.scale * scores
    return plain.icdf(torch.special.ndtr(scores).clamp(EDGE, 1 - EDGE))
