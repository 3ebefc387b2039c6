r"""Abduction from partial evidence: missing values are drawn from their posterior given what is known.

For a unit with known values x and missing values h, each particle is one draw of

.. math:: h \sim p(h \mid x) \propto \prod_v p(v \mid pa(v))

over the missing nodes that have known descendants and the known nodes that have missing parents. A missing node without
known descendants is drawn from its parents and fresh noise. Missing nodes that no factor connects are drawn separately.
Each group is drawn exactly if its mechanisms allow: linear-Gaussian in closed form, discrete by enumeration, and
everything else by adaptive importance sampling (see `importance`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import torch
from torch import Tensor

from ..errors import EvidenceWarning, warn
from ..graph import CausalGraph
from ..mechanisms.degraded import Degraded
from ..typing import Noise
from .damaged_images import DamagedImage, find_damaged
from .evidence import Evidence
from .importance import draw_weighted
from .linear_evidence import draw_gaussian, is_linear_gaussian
from .photo_posterior import draw_photos
from .tempering import NOT_TEMPERED, Heat, tempered_images

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["Completed", "HiddenGroup", "complete", "groups", "heat_of", "hidden_groups", "informed_by_images"]

FEW = 20
"""An effective sample size below this causes a warning."""
POOR_FIT = 4.0
"""Mean squared standardised difference between a picture and its reconstruction that causes a warning."""


@dataclass(frozen=True)
class HiddenGroup:
    """Missing nodes that have to be inferred together.

    Args:
        hidden: The missing nodes, in topological order.
        witnesses: Known nodes with a parent among the missing nodes.
    """

    hidden: tuple[str, ...]
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class Completed:
    """Units whose missing values have been drawn k times.

    Args:
        values: By node `(k * B, ...)`, particle-major; known values are repeated.
        known: By node, bool `(B,)`: whether the unit's value was given.
        fresh: Noise of missing nodes without known descendants, drawn from its prior, `(k * B, ...)`.
        drawn: By node of `fresh`, bool `(B,)`: the units that it holds for.
        effective: Effective sample size of each unit's draws, at most k, `(B,)`.
    """

    values: dict[str, Tensor]
    known: dict[str, Tensor]
    fresh: dict[str, Noise]
    drawn: dict[str, Tensor]
    effective: Tensor

    @property
    def particles(self) -> int:
        """Number of draws k."""
        return len(next(iter(self.values.values()))) // len(self.effective)

    def by_particle(self) -> dict[str, Tensor]:
        """The values as `(k, B, ...)`."""
        return {name: tensor.unflatten(0, (self.particles, -1)) for name, tensor in self.values.items()}

    def typical(self, graph: CausalGraph) -> dict[str, Tensor]:
        """One value per unit, `(B, ...)`: the given value, else the mean of the draws, or their most frequent label."""
        return {
            name: draws.mode(dim=0).values
            if graph[name].is_discrete
            else torch.where(_wide(self.known[name], draws[0]), draws[0], draws.mean(dim=0))
            for name, draws in self.by_particle().items()
        }

    def has_noise(self, name: str) -> bool:
        """Whether the noise of a node was drawn together with its value, for every unit."""
        return name in self.fresh and bool(self.drawn[name].all())

    def with_fresh(self, noise: Mapping[str, Noise]) -> dict[str, Noise]:
        """Abducted noise `(k * B, ...)` by node, replaced by the fresh noise where a node was drawn from its prior."""
        merged = dict(noise)
        for name, named in self.fresh.items():
            rows = self.drawn[name].repeat(self.particles)
            if name in noise:
                merged[name] = {
                    key: torch.where(_wide(rows, named[key]), named[key], t) for key, t in noise[name].items()
                }
            elif rows.all():  # a mechanism without abduction has noise only for units that it drew itself
                merged[name] = named
        return merged


def complete(
    scm: "StructuralCausalModel", evidence: Evidence, particles: int, *, ignored: frozenset[str] = frozenset()
) -> Completed:
    """Draw the missing values of every unit `particles` times.

    Args:
        scm: The model.
        evidence: What is known.
        particles: Number of draws k.
        ignored: Known nodes that do not inform their parents, since their mechanisms are not fitted yet.

    Raises:
        NotObservableError: A known node with a missing parent has a mechanism without likelihood.
        SupportError: The model cannot produce the known values of a unit.
    """
    units = evidence.units
    values = {n: t.repeat(particles, *[1] * (t.dim() - 1)).unflatten(0, (particles, units)).clone()
              for n, t in evidence.values.items()}  # fmt: skip
    fresh: dict[str, Noise] = {}
    drawn_here = {name: torch.zeros_like(known) for name, known in evidence.known.items()}
    effective = scm.like.new_full((units,), float(particles))
    for chosen, missing in evidence.patterns():
        if not missing:
            continue
        known = {name: tensor[chosen] for name, tensor in evidence.values.items() if name not in missing}
        drawn, noise, effective[chosen] = _draw(scm, known, missing, particles, chosen.tolist(), ignored)
        for name, tensor in drawn.items():
            values[name][:, chosen] = tensor.unflatten(0, (particles, len(chosen)))
        for name, named in noise.items():
            drawn_here[name][chosen] = True
            fresh.setdefault(name, {})  # a mechanism without noise has none to keep
            for key, tensor in named.items():
                whole = fresh[name].setdefault(key, tensor.new_zeros((particles, units, *tensor.shape[1:])))
                whole[:, chosen] = tensor.unflatten(0, (particles, len(chosen)))
    if (rare := effective < min(FEW, particles)).any():
        where = "" if units == 1 else f"in {int(rare.sum())} of {units} units, "
        warn(
            f"{where}the known values".capitalize()
            + " are rare under the model: the draws of the missing values have effective sample sizes down to "
            f"{float(effective.min()):.1f}. Their intervals are rough.",
            EvidenceWarning,
        )
    return Completed(
        {name: tensor.flatten(0, 1) for name, tensor in values.items()},
        evidence.known,
        {name: {key: tensor.flatten(0, 1) for key, tensor in named.items()} for name, named in fresh.items()},
        drawn_here,
        effective,
    )


def _wide(rows: Tensor, like: Tensor) -> Tensor:
    """Flags of units `(N,)` with the trailing dimensions of `like`."""
    return rows.view(-1, *[1] * (like.dim() - 1))


def _draw(
    scm: "StructuralCausalModel",
    known: dict[str, Tensor],
    missing: frozenset[str],
    particles: int,
    numbers: Sequence[int],
    ignored: frozenset[str] = frozenset(),
) -> tuple[dict[str, Tensor], dict[str, Noise], Tensor]:
    """Draws `(k * b, ...)` of the missing nodes, noise of those without known descendants, and effective sizes `(b,)`."""
    units = len(numbers)  # of which nothing may be known: an image that is not fitted yet is left out
    effective = scm.like.new_full((units,), float(particles))
    world = {name: tensor.repeat(particles, *[1] * (tensor.dim() - 1)) for name, tensor in known.items()}
    drawn: dict[str, Tensor] = {}
    fresh: dict[str, Noise] = {}
    damaged = find_damaged(scm, missing)
    if damaged is not None:
        drawn, fresh, effective = _draw_behind(scm, damaged, known, missing, particles, numbers)
    for group in [] if damaged else hidden_groups(scm.graph, missing, ignored):
        if is_linear_gaussian(scm, group):
            found = draw_gaussian(scm, group, known, particles)
        else:
            found, sizes = draw_weighted(scm, group, known, particles, numbers, heat_of(scm, group))
            effective = torch.minimum(effective, sizes)
        drawn |= found
    for name in scm.graph.nodes:
        if name in missing and name not in drawn:
            prior = scm.mechanisms[name].noise((particles * units,))
            fresh[name] = {key: distribution.sample() for key, distribution in prior.items()}
            parents = {p: (world | drawn)[p] for p in scm.graph.parents(name)}
            drawn[name] = scm.assign(name, fresh[name], parents)
    return drawn, fresh, effective


def _draw_behind(
    scm: "StructuralCausalModel",
    damaged: DamagedImage,
    known: dict[str, Tensor],
    missing: frozenset[str],
    particles: int,
    numbers: Sequence[int],
) -> tuple[dict[str, Tensor], dict[str, Noise], Tensor]:
    """As `_draw`, for a damaged image and the nodes that it depends on: first these nodes, then the image."""
    model = damaged.model(scm)
    seen = {name: tensor for name, tensor in known.items() if name in model.graph}
    drawn, fresh, effective = _draw(model, seen, missing.intersection(model.graph.nodes), particles, numbers)
    world = {name: tensor.repeat(particles, *[1] * (tensor.dim() - 1)) for name, tensor in seen.items()} | drawn
    mechanism = model.mechanisms[damaged.seen]
    assert isinstance(mechanism, Degraded)
    photos = draw_photos(mechanism, known[damaged.seen], {p: world[p] for p in mechanism.parents}, particles)
    drawn[damaged.photo], fresh[damaged.photo] = photos.images, photos.noise
    if not mechanism.last.noisy:  # it is determined by the image, up to the model's residual
        fresh[damaged.seen] = {}
    _check_explained(damaged, photos.misfit, numbers)
    return drawn, fresh, effective


def _check_explained(damaged: DamagedImage, misfit: Tensor, numbers: Sequence[int]) -> None:
    """Warn if the model cannot generate an image that fits the observed picture."""
    odd = (misfit > POOR_FIT).nonzero()[:, 0].tolist()
    if odd:
        warn(
            f"The model explains the pictures of {len(odd)} of {len(misfit)} units poorly: they differ from its "
            f"reconstructions by up to {float(misfit.max().sqrt()):.1f} standard deviations, root mean square (unit "
            f"{numbers[int(misfit.argmax())]}). Check that they show what the model has learned of '{damaged.photo}', and that "
            "the damage is described rightly.",
            EvidenceWarning,
        )


def hidden_groups(
    graph: CausalGraph, missing: frozenset[str], ignored: frozenset[str] = frozenset()
) -> list[HiddenGroup]:
    """The missing nodes with known descendants other than the ignored ones, grouped by the factors that connect them."""
    nodes = tuple(name for name in graph.nodes if name not in ignored)
    return groups(graph.networkx().subgraph(nodes), nodes, missing)


def groups(graph: nx.DiGraph, order: tuple[str, ...], missing: frozenset[str]) -> list[HiddenGroup]:
    """The missing nodes with known descendants, grouped by the factors that connect them."""
    hidden = {name for name in missing if nx.descendants(graph, name) - missing}
    ties = nx.Graph()
    ties.add_nodes_from(hidden)
    for name in order:
        if name in hidden or name not in missing:
            members = [*({name} & hidden), *(p for p in graph.predecessors(name) if p in hidden)]
            nx.add_path(ties, members)
    return [
        HiddenGroup(
            tuple(name for name in order if name in part),
            tuple(name for name in order if name not in missing and part.intersection(graph.predecessors(name))),
        )
        for part in nx.connected_components(ties)
    ]


def heat_of(scm: "StructuralCausalModel", group: HiddenGroup) -> Heat:
    """The temperatures of the evidence of images about a group."""
    if scm.tempering is None or not set(group.witnesses).intersection(tempered_images(scm)):
        return NOT_TEMPERED
    alone = hidden_groups(scm.graph, frozenset(scm.graph.attributes))  # if images alone were known
    most = max((len(other.hidden) for other in alone if set(group.hidden) & set(other.hidden)), default=1)
    share = min(1.0, (len(group.hidden) - 1) / (most - 1)) if most > 1 else 0.0
    discrete = scm.tempering.temperature("discrete", share)
    if all(scm.graph[name].is_discrete for name in group.hidden):
        return Heat(discrete, discrete)
    return Heat(scm.tempering.temperature("continuous", share), discrete)


def informed_by_images(scm: "StructuralCausalModel", missing: frozenset[str]) -> list[HiddenGroup]:
    """Groups of missing attributes that known images inform by a likelihood that is not exact (see `tempering`).

    Args:
        scm: The model.
        missing: The missing nodes.
    """
    images = set(tempered_images(scm))
    return [group for group in hidden_groups(scm.graph, missing) if images.intersection(group.witnesses)]
