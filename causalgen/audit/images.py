"""Counterfactual images for an audit: made once, shown to any number of classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph
from ..metrics import Measure
from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel
from ..typing import UnitValues
from .trust import Trust, check_readers, trust
from .worlds import Question, check_interventions, needs_particles, pixels, pose

__all__ = ["ROWS", "CounterfactualImages", "counterfactual_images", "image_node"]

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
        questions: One entry for each intervention.
        trust: Evidence on how far the images can be trusted.
        particles: Particles of each unit, or None.
        seed: Seed of units and abduction.
        notes: What a reader must know.
        assumptions: Assumptions of the mechanisms that made the images, in sentences.
    """

    graph: CausalGraph
    image: str
    images: Tensor
    factual: Mapping[str, Tensor]
    rows: NDArray[Any]
    groups: NDArray
    questions: tuple[Question, ...]
    trust: tuple[Trust, ...]
    particles: int | None
    seed: int
    notes: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    def __repr__(self) -> str:
        asked = ", ".join(question.label for question in self.questions)
        return f"CounterfactualImages({len(self.images)} units, {self.particles or 'no'} particles; {asked})"


def counterfactual_images(
    scm: StructuralCausalModel,
    data: Dataset | Mapping[str, Any],
    *,
    interventions: Sequence[Mapping[str, Any]],
    image: str | None = None,
    rows: int | None = ROWS,
    groups: Any = None,
    particles: int | None = None,
    measure: Mapping[str, Measure] | None = None,
    classifiers: Mapping[str, AttributePredictor] | None = None,
    seed: int = 0,
) -> CounterfactualImages:
    """Make the images of an audit; see `audit` for the arguments."""
    node = image_node(scm.graph, image)
    asked = check_interventions(scm, interventions, node)
    readers = check_readers(scm.graph, measure or {}, classifiers or {})
    factual, index, group = _units(scm, data, rows, groups, seed)
    wanted, particles = particles, _particles(particles, is_random=needs_particles(scm, asked))
    posterior = scm.abduct(factual, particles=particles, seed=seed)
    questions = tuple(pose(posterior, do, node, seed=seed) for do in asked)
    labels = [question.label for question in questions]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"Expected interventions that differ; got {twice} twice. Leave one out, or name its function.")
    images = pixels(posterior.factual[node], scm.graph[node].support)
    own = {name: tensor.cpu() for name, tensor in posterior.factual.items() if not scm.graph[name].is_image}
    notes = tuple(question.note for question in questions if question.note)
    if wanted is not None and particles is None:
        notes += (
            f"No abduction uncertainty here: all {wanted} draws of a unit's noise would agree, so one was taken.",
        )
    if not readers:
        notes += ("No measurement and no classifier of an attribute was given: whether the images show it is unknown.",)
    trusted = trust(questions, own, images, readers, scm.graph, image=node, groups=group, seed=seed)
    return CounterfactualImages(
        scm.graph, node, images, own, index, group, questions, trusted, particles, seed, notes, _assumptions(scm, asked)
    )  # fmt: skip


def _assumptions(scm: StructuralCausalModel, asked: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Assumptions of the abduction of each mechanism that some intervention reruns, in topological order."""
    below = {name for do in asked for node in do for name in scm.graph.descendants(node)}
    claims = {name: scm.mechanisms[name].identification for name in scm.graph.nodes if name in below}
    return tuple(
        f"The counterfactual {name} is {claim.kind.value}: its mechanism assumes {claim.assumption}."
        for name, claim in claims.items()
    )


def _particles(wanted: int | None, *, is_random: bool) -> int | None:
    """Particles per unit; None where all would agree."""
    if wanted is not None and (isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1):
        raise DataError(f"Expected at least one particle; got {wanted!r}.")
    return (wanted or PARTICLES) if is_random else None


def image_node(graph: CausalGraph, name: str | None) -> str:
    """The image that is audited: `name`, or the only one.

    Raises:
        DataError: There is no image, or there are several and none is named.
        UnknownNameError: `name` is not an image.
    """
    images = [node for node in graph.nodes if graph[node].is_image]
    if name is None and len(images) == 1:
        return images[0]
    if name is None:
        remedy = "Say which." if images else "An audit needs a model of images."
        raise DataError(
            f"Expected a graph with one image, or the name of one; got {', '.join(images) or 'none'}. {remedy}"
        )
    if name not in images:
        raise UnknownNameError(f"Expected an image among {', '.join(images)}; got '{name}'." + nearest(name, images))
    return name


def _units(
    scm: StructuralCausalModel, data: Any, rows: int | None, groups: Any, seed: int
) -> tuple[Mapping[str, Any], NDArray[Any], NDArray]:
    """Factual values, row labels and groups of the audited units."""
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
        index = test[_chosen(len(test), rows, seed).numpy()]
        return data.rows(index), np.asarray(index), data.groups(index).numpy()
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
        return factual, labels, group  # abduction says what is wrong
    index = _chosen(count, rows, seed)
    kept = {name: tensor[index] for name, tensor in factual.items()}
    return kept, labels[index.numpy()], group[index.numpy()]


def _chosen(count: int, rows: int | None, seed: int) -> Tensor:
    """At most `rows` of `count` positions, drawn by the seed, in ascending order."""
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise DataError(f"Expected at least one row to audit; got {rows!r}.")
    if rows is None or rows >= count:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:rows].sort().values
