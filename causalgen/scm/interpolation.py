r"""Interpolates between two observed units through their noise.

With scores :math:`u_a, u_b` of the noises of two units, step :math:`t \in [0, 1]` has the noise

.. math:: u_t = \cos\left(\tfrac{\pi}{2} t\right) u_a + \sin\left(\tfrac{\pi}{2} t\right) u_b,

which has the distribution p(u) at every step if both units have, unlike points on the straight line, whose variance halves in
the middle. Non-Gaussian noises are interpolated through the normal scores of their distribution; parts that p(u) does
not draw, and those that are always 0 in it, are interpolated linearly.

Source: White, Sampling generative networks, 2016.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..errors import AbductionError, DataError
from ..typing import Noise
from .couplings import from_scores, normal_scores, one_coordinate

if TYPE_CHECKING:
    from .model import StructuralCausalModel
    from .posterior import Posterior

__all__ = ["generate", "interpolate"]


def generate(scm: "StructuralCausalModel", noise: Mapping[str, Noise]) -> dict[str, Tensor]:
    """Generate values `(n, ...)` of every node from this noise `(n, ...)`.

    Raises:
        AbductionError: A node has no noise, since its mechanism cannot abduct.
    """
    values: dict[str, Tensor] = {}
    for name in scm.graph.nodes:
        if name not in noise:
            raise AbductionError(
                f"Expected mechanisms that can abduct; got {type(scm.mechanisms[name]).__name__} for '{name}'. "
                f"Fit '{name}' with another mechanism."
            )
        values[name] = scm.assign(name, noise[name], {parent: values[parent] for parent in scm.graph.parents(name)})
    return values


def interpolate(posterior: "Posterior", start: int, end: int, steps: int) -> dict[str, Tensor]:
    """Values `(steps, ...)` by node; see `Posterior.interpolate`."""
    if posterior.particles is not None:
        raise DataError(
            f"Expected one noise per unit to interpolate; got {posterior.particles} particles. Abduct complete units, "
            "without particles."
        )
    if steps < 2:
        raise DataError(f"Expected at least 2 steps, which are the two units themselves; got {steps}.")
    for unit in (start, end):
        if not 0 <= unit < posterior.units:
            raise DataError(f"Expected positions of units from 0 to {posterior.units - 1}; got {unit}.")
    noise = {}
    for name, own in posterior.noise.items():
        prior = posterior.scm.mechanisms[name].noise((1,))
        noise[name] = {key: _between(u[start], u[end], prior.get(key), steps, name) for key, u in own.items()}
    return generate(posterior.scm, noise)


def _between(first: Tensor, last: Tensor, prior: Distribution | None, steps: int, node: str) -> Tensor:
    """Noise `(steps, ...)` from that of one unit to that of another."""
    share = torch.linspace(0, 1, steps, dtype=torch.float64, device=first.device).reshape(-1, *[1] * first.dim())
    if prior is None or isinstance(one_coordinate(prior), dist.Delta):
        return ((1 - share) * first + share * last).to(first)
    own, other = (normal_scores(u[None], prior, node) for u in (first, last))
    angle = share * math.pi / 2
    between = from_scores(angle.cos() * own + angle.sin() * other, prior).to(first)
    between[0], between[-1] = first, last  # exactly, not through the scores and back
    return between
