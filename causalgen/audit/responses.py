"""The images that an audit shows to a classifier: the same units under null, total and direct interventions.

- null: do(a = its own value), which runs the mechanisms below a: the change from reconstruction alone
- total: do(a = value); all descendants of a respond
- direct: do(a = value, m = own value) for every parent m of the image that descends from a: only the image responds

All three start from the same abducted noise.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, SupportWarning
from ..grammar import read_texts
from ..metrics import as_stored, bits_of
from ..scm import Counterfactual, Posterior, StructuralCausalModel

__all__ = ["DIRECT", "TOTAL", "Redrawn", "Response", "check_interventions", "needs_particles", "pixels", "respond"]

TOTAL, DIRECT = "total", "direct"


@dataclass(frozen=True)
class Redrawn:
    """The units in one counterfactual world.

    Args:
        images: `(k, N, C, H, W)`, k = 1 without particles; rounded as files hold them where pixels go from 0 to 255.
        values: Attributes `(N,)` by node, of the first particle.
        supported: Bool `(N,)`: every particle has parents inside the joint range of training.
    """

    images: Tensor
    values: Mapping[str, Tensor]
    supported: NDArray[np.bool_]


@dataclass(frozen=True)
class Response:
    """The same units under one intervention, as null, total and direct effect.

    Args:
        label: The intervention as text, such as "do(thickness = 3 px)".
        do: The intervened nodes.
        null: The units under the null intervention.
        effects: The units by effect: "total", and "direct" where it differs.
        note: What "direct" holds fixed, or why there is no separate direct effect.
        image: Name of the image.
        worlds: The interventions of each effect.
    """

    label: str
    do: tuple[str, ...]
    null: Redrawn
    effects: Mapping[str, Redrawn]
    note: str = ""
    image: str = ""
    worlds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_interventions(
    scm: StructuralCausalModel, interventions: Sequence[Mapping[str, Any]], image: str
) -> list[dict[str, Any]]:
    """The interventions as dicts.

    Raises:
        DataError: Not a list of non-empty mappings, an image among the nodes, or a node that does not reach the image.
        UnknownNameError: A name is not a node.
    """
    if isinstance(interventions, Mapping | str) or not len(interventions):
        raise DataError(f"Expected a list of interventions such as [{{'node': value}}]; got {interventions!r}.")
    for do in interventions:
        if not isinstance(do, Mapping) or not do:
            raise DataError(f"Expected every intervention as a mapping such as {{'node': value}}; got {do!r}.")
        for name in do:
            scm.graph.require(name)
            if scm.graph[name].is_image:
                raise DataError(
                    f"Expected attributes to intervene on; got the image '{name}'. Intervene on its parents."
                )
            if name not in scm.graph.ancestors(image):
                raise DataError(
                    f"Expected attributes that reach '{image}'; got '{name}', which is not an ancestor of it, so no "
                    "classifier of the image can respond. Leave it out."
                )
    return [read_texts(scm.graph, do) for do in interventions]


def needs_particles(scm: StructuralCausalModel, interventions: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a recomputed node has noise that its observed value does not determine."""
    below = {name for do in interventions for node in do for name in scm.graph.descendants(node)}
    return any(scm.mechanisms[name].abduction.is_random for name in below)


def respond(posterior: Posterior, do: Mapping[str, Any], image: str, *, seed: int) -> Response:
    """Apply one intervention to abducted units."""
    graph, own = posterior.scm.graph, posterior.factual
    below = {name for node in do for name in graph.descendants(node)}
    parents = graph.parents(image)
    mediators = [name for name in parents if name in below and name not in do]
    with warnings.catch_warnings(action="ignore", category=SupportWarning):  # the report has a stratum for it
        bits = bits_of(own[image])
        null = posterior.counterfactual({name: own[name] for name in do}, seed=seed)
        total = posterior.counterfactual(do, seed=seed)
        effects, worlds = {TOTAL: _redrawn(total, image, bits)}, {TOTAL: dict(do)}
        if not mediators:
            note = f"{total.title}: no mediator is a parent of '{image}', so the total effect is the direct one."
        elif not any(name in parents for name in do):
            note = f"{total.title} reaches '{image}' only through {', '.join(mediators)}: there is no direct effect."
        else:
            worlds[DIRECT] = {**do, **{name: own[name] for name in mediators}}
            effects[DIRECT] = _redrawn(posterior.counterfactual(worlds[DIRECT], seed=seed), image, bits)
            note = f"{total.title}, direct: {', '.join(mediators)} held at each unit's own value."
    return Response(total.title, tuple(do), _redrawn(null, image, bits), effects, note, image, worlds)


def pixels(images: Tensor, support: tuple[float, float] | None, bits: int) -> Tensor:
    """Images on the CPU; rounded, as files of 8 or 16 bits hold them, where the pixels go from 0 to 255."""
    return as_stored(images, bits) if support == (0.0, 255.0) else images.detach().cpu()


def _redrawn(world: Counterfactual, image: str, bits: int) -> Redrawn:
    graph, images, supported = world.graph, world[image], world.supported
    values = {name: t.cpu() for name, t in world.items() if not graph[name].is_image}
    if world.particles is None:
        images = images[None]
    else:
        values, supported = {name: tensor[0] for name, tensor in values.items()}, supported.all(0)
    return Redrawn(pixels(images, graph[image].support, bits), values, supported.cpu().numpy().astype(bool))
