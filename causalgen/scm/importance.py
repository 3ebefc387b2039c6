r"""Missing values by importance sampling that adapts to each unit, or by enumeration if all of them are discrete.

Discrete missing nodes are enumerated if they have few combinations; continuous ones are proposed on the scale of their
noise, :math:`z \sim N(0, I)`, first from this prior and then from Gaussians with the moments that the weights give. All
draws are weighted against the mixture of the rounds (adaptive multiple importance sampling: Cornuet, Marin, Mira and
Robert, 2012),

.. math:: w = p(z) \prod_v p(v \mid pa(v)) \Big/ \tfrac1R \sum_r q_r(z), \qquad q_1 = p,

so that no weight exceeds R times that of the prior. Where an image is known, each draw runs a network: from the second
round on, labels are then drawn by their weights so far, a fifth of them evenly, and enter q. The evidence of images may be
tempered (see `tempering`). Particles are resampled from the weighted draws.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ..errors import NotObservableError, SupportError
from ..mechanisms import MECHANISMS, Density, Observable, ScalarFlow
from ..nn import seeded
from .chunks import SMALL
from .tempering import NOT_TEMPERED, Heat, tempered_images
from .weighted_draws import Proposal, WeightedDraws

if TYPE_CHECKING:
    from .completion import HiddenGroup
    from .model import StructuralCausalModel

__all__ = ["DrawPlan", "check_observable", "draw_weighted", "every_round"]

MOST_COMBINATIONS = 4096
DRAWS, DRAWS_WITH_LATENTS = 512, 64
"""Maximum number of draws per round and unit; fewer if a known node's likelihood runs an image network."""
DRAWS_PER_PARTICLE, LEAST_DRAWS = 2, 64
"""Draws per round for each requested particle, and their minimum number."""
ROUNDS = 6
ENOUGH = 0.4
"""Effective sample size, as a share of the draws of one round, at which sampling stops."""
MOST_AT_ONCE = 2**18


def draw_weighted(
    scm: "StructuralCausalModel",
    group: "HiddenGroup",
    known: Mapping[str, Tensor],
    particles: int,
    units: Sequence[int],
    heat: Heat = NOT_TEMPERED,
) -> tuple[dict[str, Tensor], Tensor]:
    """Draws `(k * b, ...)` of the missing nodes, particle-major, and effective sample sizes `(b,)`, at most k.

    Args:
        scm: The model.
        group: The missing nodes.
        known: The known values, `(b, ...)` by node.
        particles: Number of draws k.
        units: Numbers of the b units, for messages.
        heat: Temperatures of the evidence of images without an exact density.

    Raises:
        NotObservableError: A known node's mechanism has no likelihood.
        SupportError: No draw makes the known values of a unit possible.
    """
    check_observable(scm, group)
    plan = DrawPlan.of(scm, group, particles)
    size = max(1, MOST_AT_ONCE // (plan.count * (ROUNDS if plan.smooth else 1) * _images_per_draw(scm, group)))
    parts, places = [], []
    sizes = scm.like.new_full((len(units),), float(particles))
    for start in range(0, len(units), size):
        part = {name: tensor[start : start + size] for name, tensor in known.items()}
        for chosen, draws in _adapted(plan, part, heat):
            place, logs = start + chosen, draws.weights(heat)
            _check_possible(group, draws, logs, [units[one] for one in place.tolist()])
            weight = torch.softmax(logs, dim=0)
            drawn = _resample(weight, particles)
            parts.append({name: _take(tensor, drawn) for name, tensor in draws.values.items()})
            places.append(place)
            if not plan.exact:
                sizes[place] = (1 / weight.square().sum(dim=0)).clamp_max(particles).to(sizes)
    order = torch.cat(places).argsort()
    values = {name: torch.cat([p[name] for p in parts], dim=1)[:, order].flatten(0, 1) for name in group.hidden}
    return values, sizes


@dataclass(frozen=True)
class DrawPlan:
    """How a group is drawn.

    Args:
        scm, group: The model and the missing nodes.
        coded: Discrete nodes that are enumerated.
        smooth: Continuous nodes that are proposed on the scale of their noise; the others are drawn from their prior.
        combinations: Combinations of the enumerated labels, `(C, len(coded))`.
        draws: Draws of each combination in the first round.
        tempered: Known images whose evidence is tempered. Their likelihood runs a network, so that every draw counts.
        exact: Whether all missing nodes are enumerated.
        seed: Seed of the estimates of likelihoods: all draws of all rounds share their noise, which then cancels.
    """

    scm: "StructuralCausalModel"
    group: "HiddenGroup"
    coded: tuple[str, ...]
    smooth: tuple[str, ...]
    combinations: Tensor
    draws: int
    tempered: frozenset[str]
    exact: bool
    seed: int

    @classmethod
    def of(cls, scm: "StructuralCausalModel", group: "HiddenGroup", particles: int) -> "DrawPlan":
        coded = [n for n in group.hidden if scm.graph[n].is_discrete and isinstance(scm.mechanisms[n], Density)]
        smooth = [n for n in group.hidden if isinstance(scm.mechanisms[n], ScalarFlow)]
        labels = [len(scm.graph[name].labels or ()) for name in coded]
        if math.prod(labels) > MOST_COMBINATIONS:
            coded, labels = [], []
        exact = len(coded) == len(group.hidden)
        latent = not all(isinstance(scm.mechanisms[name], Density) for name in group.witnesses)
        most = DRAWS_WITH_LATENTS if latent else DRAWS
        total = min(most, max(LEAST_DRAWS, DRAWS_PER_PARTICLE * particles))
        wanted = 1 if exact else math.ceil(total / math.prod(labels))
        draws = 2 ** math.ceil(math.log2(wanted))
        ranges = [torch.arange(count, device=scm.like.device) for count in labels]
        grid = torch.cartesian_prod(*ranges).reshape(math.prod(labels), len(labels)) if ranges else None
        empty = torch.zeros(1, 0, dtype=torch.int64, device=scm.like.device)
        return cls(
            scm,
            group,
            tuple(coded),
            tuple(smooth),
            empty if grid is None else grid,
            draws,
            frozenset(tempered_images(scm)).intersection(group.witnesses),
            exact,
            int(torch.randint(2**31, ())),
        )

    @property
    def count(self) -> int:
        """Draws of a round, S."""
        return len(self.combinations) * self.draws

    @property
    def latents(self) -> int:
        """Draws of the latents per likelihood estimate, such that enumeration costs as much as a round."""
        return max(1, DRAWS_WITH_LATENTS // self.count) if self.exact else 1

    @property
    def precise(self) -> torch.dtype:
        """Double precision for sums of log densities, if the device supports it."""
        return torch.float32 if self.scm.like.device.type == "mps" else torch.float64


def every_round(plan: DrawPlan, known: Mapping[str, Tensor], heats: Sequence[Heat]) -> WeightedDraws:
    """Draws of a first round from the prior and of one more round for each of the temperatures, in this order."""
    draws = _round(plan, known, Proposal())
    for heat in heats if plan.smooth else ():
        draws = draws.add(_round(plan, known, draws.proposal(heat, labels=bool(plan.tempered))))
    return draws


def _adapted(plan: DrawPlan, known: Mapping[str, Tensor], heat: Heat) -> Iterator[tuple[Tensor, WeightedDraws]]:
    """Yield units `(b,)` with their draws; those that need fewer rounds come first."""
    draws = _round(plan, known, Proposal())
    units = torch.arange(draws.logs.shape[1], device=draws.logs.device)
    while True:
        logs = draws.weights(heat)
        done = 1 / torch.softmax(logs, dim=0).square().sum(dim=0) >= ENOUGH * plan.count
        if not plan.smooth or len(draws.proposals) == ROUNDS:
            done = torch.ones_like(done)
        if done.any():
            yield units[done], draws.of(done)
        if done.all():
            return
        units, draws = units[~done], draws.of(~done)
        rest = {name: tensor[units] for name, tensor in known.items()}
        draws = draws.add(_round(plan, rest, draws.proposal(heat, labels=bool(plan.tempered))))


def _round(plan: DrawPlan, known: Mapping[str, Tensor], proposal: Proposal) -> WeightedDraws:
    units = len(next(iter(known.values())))
    scales = _standard(plan.count, units, len(plan.smooth), plan.scm.like).to(plan.precise)
    if proposal.noise is not None:
        scales = proposal.noise.loc + torch.einsum("bij,tbj->tbi", proposal.noise.scale_tril, scales)
    codes = _codes(plan, units, proposal)
    values: dict[str, Tensor] = {}
    logs = torch.zeros(plan.count, units, dtype=plan.precise, device=plan.scm.like.device)
    images = torch.zeros_like(logs)

    def parents(name: str) -> dict[str, Tensor]:
        return {
            p: values[p].flatten(0, 1) if p in values else _each(known[p], plan.count)
            for p in plan.scm.graph.parents(name)
        }

    for name in plan.group.hidden:
        mechanism = plan.scm.mechanisms[name]
        if name in plan.coded:
            value = plan.combinations[:, plan.coded.index(name)][codes]
            logs += plan.scm.log_likelihood(name, value.flatten(), parents(name)).view_as(logs)
            values[name] = value
            continue
        if name in plan.smooth:
            noise = {"u": _from_standard(mechanism, scales[..., plan.smooth.index(name)].flatten().to(plan.scm.like))}
        else:
            noise = {key: prior.sample() for key, prior in mechanism.noise((plan.count * units,)).items()}
        values[name] = plan.scm.assign(name, noise, parents(name)).unflatten(0, (plan.count, units))
    possible = {}
    for name in plan.group.witnesses:
        found = _witness(plan, name, known, parents(name)).to(plan.precise)
        possible[name] = found.isfinite().any(dim=0)
        if name in plan.tempered:
            images += found
        else:
            logs += found
    return WeightedDraws(scales, codes, len(plan.combinations), values, logs, images, [proposal], possible)


def _codes(plan: DrawPlan, units: int, proposal: Proposal) -> Tensor:
    """Positions of the draws' labels among the combinations, in increasing order, `(S, b)`."""
    device = plan.scm.like.device
    if proposal.labels is None:
        # Each takes a contiguous part of the Sobol sequence, of a power of two: only such parts are evenly spread.
        every = torch.arange(len(plan.combinations), device=device).repeat_interleave(plan.draws)
        return every[:, None].expand(plan.count, units)
    start = torch.rand(units).to(proposal.labels)[:, None]
    level = (torch.arange(plan.count).to(proposal.labels) + start) / plan.count
    return torch.searchsorted(proposal.labels.exp().cumsum(1), level).clamp_max(len(plan.combinations) - 1).T


def _witness(plan: DrawPlan, name: str, known: Mapping[str, Tensor], parents: Mapping[str, Tensor]) -> Tensor:
    """log p(known value | parents of each draw), `(S, b)`."""
    mechanism, units = plan.scm.mechanisms[name], len(known[name])
    if isinstance(mechanism, Density):
        found = plan.scm.log_likelihood(name, _each(known[name], plan.count), parents)
        return found.unflatten(0, (plan.count, units))
    # One draw after the other: images are not copied.
    rows = []
    for draw in range(plan.count):
        mine = {p: tensor.unflatten(0, (plan.count, units))[draw] for p, tensor in parents.items()}
        estimates = []
        for number in range(plan.latents):
            with seeded(plan.seed + number, plan.scm.like.device):
                estimates.append(plan.scm.log_likelihood(name, known[name], mine))
        rows.append(torch.stack(estimates).logsumexp(dim=0))  # their mean, up to a constant
    return torch.stack(rows)


def _images_per_draw(scm: "StructuralCausalModel", group: "HiddenGroup") -> int:
    """Size of the largest image that is drawn, or copied for every draw, as a number of small images."""
    copied = {
        *group.hidden,
        *(name for name in group.witnesses if isinstance(scm.mechanisms[name], Density)),
        *(parent for name in (*group.hidden, *group.witnesses) for parent in scm.graph.parents(name)),
    }
    return max([1, *(math.prod(scm.graph[name].shape) // SMALL for name in copied if scm.graph[name].is_image)])


def _standard(count: int, units: int, width: int, like: Tensor) -> Tensor:
    """Standard normal draws `(S, b, d)`, evenly spread: a scrambled Sobol sequence, shifted for each unit."""
    if not width:
        return like.new_zeros(count, units, 0)
    seed = int(torch.randint(2**31, ()))
    points = SobolEngine(width, scramble=True, seed=seed).draw(count).to(like)
    level = (points[:, None] + torch.rand(units, width).to(like)).remainder(1.0)
    return torch.special.ndtri(level.clamp(1e-6, 1 - 1e-6))


def _from_standard(mechanism: object, scale: Tensor) -> Tensor:
    """The noise of a scalar flow from a standard normal one."""
    assert isinstance(mechanism, ScalarFlow)
    base = mechanism.base()
    if isinstance(base, torch.distributions.Normal):
        return base.loc + base.scale * scale
    return base.icdf(torch.special.ndtr(scale))


def _each(tensor: Tensor, count: int) -> Tensor:
    """The units once for every draw, draw-major."""
    return tensor.repeat(count, *[1] * (tensor.dim() - 1))


def _resample(weight: Tensor, particles: int) -> Tensor:
    """Indices of draws `(k, b)` by systematic resampling, in random order, so that groups stay independent."""
    level = (torch.arange(particles).to(weight)[:, None] + torch.rand(weight.shape[1]).to(weight)) / particles
    cumulative = weight.cumsum(dim=0).T.contiguous()
    chosen = torch.searchsorted(cumulative, level.T.contiguous()).clamp_max(len(weight) - 1)
    order = torch.rand(chosen.shape, device=chosen.device).argsort(dim=1)
    return chosen.gather(1, order).T


def _take(tensor: Tensor, chosen: Tensor) -> Tensor:
    """Draws `(k, b, ...)` of each unit."""
    return tensor[chosen, torch.arange(chosen.shape[1], device=chosen.device)]


def check_observable(scm: "StructuralCausalModel", group: "HiddenGroup") -> None:
    """Refuse a group if what is known about it has no likelihood.

    Raises:
        NotObservableError: A known node's mechanism has no likelihood.
    """
    for name in group.witnesses:
        mechanism = scm.mechanisms[name]
        if not isinstance(mechanism, Observable):
            kind = scm.graph[name].kind
            able = [word for word, known in MECHANISMS.items() if issubclass(known, Observable) and kind in known.kinds]
            raise NotObservableError(
                f"Expected a mechanism with a likelihood for '{name}', which is known while {', '.join(group.hidden)} "
                f"is not; got {type(mechanism).__name__}, which has none. Give what is missing, or fit '{name}' with "
                f"{' or '.join(able)}."
            )


def _check_possible(group: "HiddenGroup", draws: WeightedDraws, logs: Tensor, units: Sequence[int]) -> None:
    impossible = ~logs.isfinite().any(dim=0)
    if impossible.any():
        place = int(impossible.nonzero()[0])
        clash: Sequence[str] = [name for name, flag in draws.possible.items() if not flag[place]] or group.witnesses
        raise SupportError(
            f"Expected known values that the model can produce; in unit {units[place]}, no value of "
            f"{', '.join(group.hidden)} makes {', '.join(clash)} possible. Check these values."
        )
