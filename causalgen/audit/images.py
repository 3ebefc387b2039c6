"""Counterfactual images for an audit: made once, shown to any number of classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError
from ..graph import CausalGraph
from ..graph.volumes import require_flat_images
from ..metrics import Readers, bits_of
from ..metrics.cohort import choose, image_node
from ..moved import with_old_options
from ..scm import Posterior, StructuralCausalModel
from ..typing import UnitValues
from .other_models import places
from .responses import Response, check_interventions, needs_particles, pixels, respond
from .trust import Trust, check_readers, trust

__all__ = ["ROWS", "CounterfactualImages", "counterfactual_images"]

PARTICLES = 4
"""Default number of particles where a recomputed node's noise is uncertain."""
ROWS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class CounterfactualImages:
    """Input of an audited classifier.

    Args:
        graph: The graph.
        image: Name of the image node.
        images: Factual images `(N, C, H, W)`.
        factual: Factual attributes `(N,)` by node.
        rows: Row label of each unit, `(N,)`.
        groups: Group of each unit, `(N,)`.
        responses: The units under each intervention.
        particles: Particles of each unit, or None.
        seed: Seed of units and abduction.
        notes: Notes for the reader.
        assumptions: Assumptions of the mechanisms that made the images, in sentences.
        trust: Evidence on how far the images can be trusted.
        few: Some of the units with one noise value each, for other couplings of the noise; None for none.
    """

    graph: CausalGraph
    image: str
    images: Tensor
    factual: Mapping[str, Tensor]
    rows: NDArray[Any]
    groups: NDArray
    responses: tuple[Response, ...]
    particles: int | None
    seed: int
    notes: tuple[str, ...]
    assumptions: tuple[str, ...] = ()
    trust: tuple[Trust, ...] = ()
    few: Posterior | None = None

    def __repr__(self) -> str:
        asked = ", ".join(response.label for response in self.responses)
        return f"CounterfactualImages({len(self.images)} units, {self.particles or 'no'} particles; {asked})"


def counterfactual_images(
    scm: StructuralCausalModel,
    data: Dataset | Mapping[str, Any],
    *,
    interventions: Sequence[Mapping[str, Any]],
    readers: Readers | None = None,
    rows: int | None = ROWS,
    groups: Any = None,
    particles: int | None = None,
    seed: int = 0,
    **earlier: Any,
) -> CounterfactualImages:
    """Make the images of an audit; see `audit` for the arguments.

    `readers` holds what reads the images, and which image is audited; its fields are also accepted as options, as
    before.
    """
    (readers,) = with_old_options("counterfactual_images", earlier, readers=readers or Readers())
    graph, node = scm.graph, image_node(scm.graph, readers.image)
    require_flat_images(graph, "an audit")
    asked = check_interventions(scm, interventions, node)
    reading = check_readers(graph, readers)
    units = _units(scm, data, rows, groups, seed)
    wanted, particles = particles, _particles(particles, is_random=needs_particles(scm, asked))
    posterior = scm.abduct(units.factual, particles=particles, seed=seed)
    responses = tuple(respond(posterior, do, node, seed=seed) for do in asked)
    labels = [response.label for response in responses]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"Expected interventions that differ; got {twice} twice. Leave one out, or name its function.")
    images = pixels(posterior.factual[node], graph[node].support, bits_of(posterior.factual[node]))
    own = {name: tensor.cpu() for name, tensor in posterior.factual.items() if not graph[name].is_image}
    notes = tuple(response.note for response in responses)
    if wanted is not None and particles is None:
        notes += (
            f"No abduction uncertainty here: all {wanted} draws of a unit's noise would agree, so one was taken.",
        )
    if not reading:
        notes += ("No measurement and no classifier of an attribute was given: whether the images show it is unknown.",)
    made = CounterfactualImages(
        graph,
        node,
        images,
        own,
        units.labels,
        units.groups,
        responses,
        particles,
        seed,
        notes,
        _assumptions(scm, asked),
    )
    chosen = places(len(images))
    some = {name: tensor.cpu()[chosen] for name, tensor in posterior.factual.items()}
    few = scm.abduct(some, particles=None if particles is None else 1, seed=seed)
    return replace(made, trust=trust(made, reading), few=few)


def _assumptions(scm: StructuralCausalModel, asked: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Assumptions of the abduction of each mechanism that some intervention reruns, in topological order."""
    below = {name for do in asked for node in do for name in scm.graph.descendants(node)}
    claims = {name: scm.mechanisms[name].identification for name in scm.graph.nodes if name in below}
    return tuple(
        f"The counterfactual {name} is {claim.kind.value}: its mechanism assumes {claim.assumption}."
        for name, claim in claims.items()
    )


def _particles(wanted: int | None, *, is_random: bool) -> int | None:
    """Return the number of particles per unit; None if all would agree."""
    if wanted is not None and (isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1):
        raise DataError(f"Expected at least one particle; got {wanted!r}.")
    return (wanted or PARTICLES) if is_random else None


class _Units(NamedTuple):
    """Factual values of the audited units, their row labels `(N,)` and groups `(N,)`."""

    factual: Mapping[str, Any]
    labels: NDArray[Any]
    groups: NDArray


def _units(scm: StructuralCausalModel, data: Any, rows: int | None, groups: Any, seed: int) -> _Units:
    if isinstance(data, Dataset):
        if groups is not None:
            raise DataError("Expected no groups with a data set, which has its own; got some. Leave them out.")
        if data.graph != scm.graph:
            raise DataError(
                f"Expected data of the model's graph; '{data.name}' has another. Fit a model to these data."
            )
        test = data.split["test"]
        if not len(test):
            raise DataError(f"Expected units in the test split of '{data.name}'; it is empty. Split the data again.")
        index = choose(test, rows, seed)
        return _Units(data.rows(index), np.asarray(index), data.groups(index).numpy())
    factual = {name: scm.tensor(name, data[name]).cpu() for name in data} if isinstance(data, Mapping) else data
    if not isinstance(factual, Mapping) or not factual:
        raise DataError(
            f"Expected a data set, or a mapping with a value of every node; got {type(data).__name__}. Pass the data "
            "set, or data.rows(...)."
        )
    count = len(next(iter(factual.values())))
    labels = np.asarray(data.labels) if isinstance(data, UnitValues) else np.arange(count)
    group = np.arange(count) if groups is None else np.asarray(groups)
    if group.shape == (count,) and pd.isna(group).any():
        raise DataError(
            f"Expected a group for every unit; got none for {int(pd.isna(group).sum())} of {count}. Give each of them a group."
        )
    if group.shape != (count,):
        raise DataError(f"Expected one group for each of {count} units; got shape {group.shape}.")
    if len({len(tensor) for tensor in factual.values()}) > 1:
        return _Units(factual, labels, group)  # abduction reports what is wrong
    index = choose(np.arange(count), rows, seed)
    return _Units({name: tensor[index] for name, tensor in factual.items()}, labels[index], group[index])
