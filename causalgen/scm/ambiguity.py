"""What survives every coupling: counterfactuals in worlds that no data can distinguish from the model's.

For each coupling of the noises of the factual and the counterfactual world (see `couplings`), the nodes that the intervention
reaches are computed again from coupled noise. Units for which nothing changes keep their values, and the factual world
is never changed.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..errors import DataError, SupportWarning
from ..nn import seeded
from ..typing import Noise
from .ambiguity_result import Ambiguity, ClaimDraws
from .claims import Numbers, ReadClaim, read_claims
from .couplings import Turn, couple, draw_partners, read_couplings
from .interventions import check_interventions, differs, listens, world_graph
from .label_bounds import bound_label
from .results import Counterfactual

if TYPE_CHECKING:
    from .posterior import Posterior

__all__ = ["FEWEST_DRAWS", "OPERATIONS_A_MINUTE", "counted_counterfactual", "find_ambiguity", "time_text"]

FEWEST_DRAWS, MOST_DRAWS, ENOUGH = 4, 40, 2_000
"""Limits of the default number of draws per coupling, which is chosen for about `ENOUGH` draws in total."""
OPERATIONS_A_MINUTE = 1.2e12
"""Approximate floating-point operations of one core per minute: 14 to 31 billion per second were measured."""


@torch.no_grad()
def counted_counterfactual(
    posterior: "Posterior", do: Mapping[str, Any], *, seed: int | None = None
) -> tuple[Counterfactual, int]:
    """The counterfactual under `do`, and its floating-point operations: a cost that is the same on every machine.

    Only matrix products and convolutions are counted.
    """
    with FlopCounterMode(display=False) as counter:
        answer = posterior.counterfactual(do, seed=seed)
    return answer, counter.get_total_flops()


def time_text(operations: int) -> str:
    """Describe how long this number of floating-point operations takes on one core, equally on every machine.

    >>> time_text(4_800_000_000_000)
    'about 4 minutes on one core'
    """
    minutes = max(round(operations / OPERATIONS_A_MINUTE), 1)
    return f"about {minutes:,} minute{'s' * (minutes > 1)} on one core"


@torch.no_grad()
def find_ambiguity(
    posterior: "Posterior",
    do: Mapping[str, Any],
    of: Any,
    couplings: Sequence[float | Turn],
    *,
    draws: int | None,
    level: float,
    seed: int,
) -> Ambiguity:
    """See `Posterior.ambiguity`."""
    graph = posterior.scm.graph
    do = check_interventions(graph, do)
    reached = _reached(posterior, do)
    claims = read_claims(graph, of, [name for name in reached if name not in do], posterior.units)
    chain, draws = read_couplings(couplings), _count(draws, posterior.units)
    if isinstance(level, bool) or not isinstance(level, float) or not 0.5 <= level < 1:
        raise DataError(f"Expected the share of units for which a claim has to hold in [0.5, 1); got {level!r}.")
    with warnings.catch_warnings(action="ignore", category=SupportWarning):
        answer = posterior.counterfactual(do, seed=seed)
        unchanged = _unchanged(posterior, do, claims, seed)
        found = [[_quantities(claims, answer, answer)], *([] for _ in chain[1:])]
        for draw in range(draws):
            # The same partners for all couplings: bands and tipping points then change smoothly with rho.
            with seeded(seed + draw, posterior.scm.like.device):
                partners = {name: _partners(posterior, name) for name in reached}
            for place, coupling in enumerate(chain[1:], 1):
                noise = {name: _coupled(posterior, name, partners[name], coupling) for name in reached}
                other = posterior.with_coupled(noise).counterfactual(do, seed=seed)
                found[place].append(_quantities(claims, other, answer))
    results = {}
    for position, claim in enumerate(claims):
        worlds = tuple(np.concatenate([quantities[position] for quantities in each]) for each in found)
        bounds = _bounds(claim, posterior, answer) if claim.is_label else None
        results[claim.name] = ClaimDraws(claim, _factual(claim, answer, unchanged), worlds, bounds)
    return Ambiguity(answer.title, tuple(chain), results, level, posterior.labels, unchanged is not None)


def _reached(posterior: "Posterior", do: Mapping[str, Any]) -> list[str]:
    """The nodes whose mechanisms run below the intervention."""
    world = world_graph(posterior.scm.graph, do)
    below = set().union(*(nx.descendants(world, name) for name in do))
    return [name for name in world if name in below and (name not in do or listens(do[name]))]


def _count(draws: int | None, units: int) -> int:
    if draws is None:
        return min(max(FEWEST_DRAWS, ENOUGH // units), MOST_DRAWS)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < FEWEST_DRAWS:
        raise DataError(f"Expected at least {FEWEST_DRAWS} draws of each coupling, for a band; got {draws!r}.")
    return draws


def _prior(posterior: "Posterior", name: str, noise: Noise) -> dict[str, torch.distributions.Distribution]:
    count = len(next(iter(noise.values()), ()))
    return posterior.scm.mechanisms[name].noise((count,))


def _partners(posterior: "Posterior", name: str) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    noise = posterior.noise.get(name, {})  # a node that cannot abduct is refused where it would be computed
    return draw_partners(_prior(posterior, name, noise), noise)


def _coupled(
    posterior: "Posterior", name: str, partners: dict[str, tuple[Tensor, Tensor, Tensor]], coupling: float | Turn
) -> Noise:
    noise = posterior.noise.get(name, {})
    if isinstance(coupling, Turn) and not posterior.scm.graph[name].is_image:
        return noise
    return couple(noise, _prior(posterior, name, noise), partners, coupling, node=name)


def _flat(world: Counterfactual, name: str) -> Tensor:
    """Values of every particle, `(k * B, ...)`."""
    return world[name] if world.particles is None else world[name].flatten(0, 1)


def _quantities(claims: Iterable[ReadClaim], world: Counterfactual, answer: Counterfactual) -> list[Numbers]:
    """The quantity of every claim, `(k, B)`; k is 1 without particles."""
    particles = world.particles or 1
    return [
        claim.quantity(_flat(world, claim.variable.name), _flat(answer, claim.variable.name)).reshape(particles, -1)
        for claim in claims
    ]


def _compares_images(claim: ReadClaim) -> bool:
    return claim.variable.is_image and not claim.has_limits


def _unchanged(
    posterior: "Posterior", do: Mapping[str, Any], claims: Iterable[ReadClaim], seed: int
) -> Counterfactual | None:
    """The world of the null intervention; None where no claim compares images with it, or a node of it was inferred."""
    known = {} if posterior.completed is None else posterior.completed.known
    if not all(known[name].all() for name in do if name in known) or not any(map(_compares_images, claims)):
        return None
    return posterior.counterfactual({name: posterior.factual[name] for name in do}, seed=seed)


def _factual(claim: ReadClaim, answer: Counterfactual, unchanged: Counterfactual | None) -> Numbers:
    """The quantity of the factual values, `(k, B)`, or `(1, B)` where all particles share them."""
    name = claim.variable.name
    if claim.is_label:  # a label counts as a claim where it stays, too
        return np.zeros((1, 1))
    if unchanged is not None and _compares_images(claim):
        # Redrawn like the answer: otherwise an answer that only blurs the image would be far from "no change".
        return claim.quantity(_flat(unchanged, name), _flat(answer, name)).reshape(answer.particles or 1, -1)
    if claim.is_distance or answer.completed is not None:
        values = answer.factual[name] if answer.completed is None else answer.completed[name].flatten(0, 1)
        model = _flat(answer, name)
        values = values.repeat(len(model) // len(values), *[1] * (values.dim() - 1))
        return claim.quantity(values, model).reshape(answer.particles or 1, -1)
    return claim.quantity(answer.factual[name], answer.factual[name])[None]


def _bounds(claim: ReadClaim, posterior: "Posterior", answer: Counterfactual) -> tuple[Numbers, Numbers] | None:
    """Least and greatest probability of the model's label over all couplings, `(k, B)`; None where it is set, not computed."""
    name = claim.variable.name
    parents = posterior.scm.graph.parents(name)
    if name in answer.do or not parents:
        return None
    own = posterior.particle_values()
    before, after = {p: own[p] for p in parents}, {p: _flat(answer, p) for p in parents}
    low, high = bound_label(posterior.scm.mechanisms[name], own[name], before, _flat(answer, name), after)
    moved = torch.stack([differs(after[p], before[p]) for p in parents]).any(0)
    low = torch.where(moved, low, 1.0)  # nothing changes for these units, whatever the coupling
    shape = (answer.particles or 1, -1)
    return low.reshape(shape).cpu().numpy(), high.reshape(shape).cpu().numpy()
