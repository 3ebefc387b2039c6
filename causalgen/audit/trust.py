"""How far the counterfactual images can be trusted: do they show what was asked, and was it seen in training?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..graph import CausalGraph, Variable
from ..metrics import Measure
from ..predictors import Classifier
from .worlds import Question

__all__ = ["Shown", "Trust", "check_readers", "trust"]

Reader = Callable[[Tensor], NDArray]


@dataclass(frozen=True)
class Shown:
    """One attribute, read off the counterfactual images.

    Args:
        attribute: Its name.
        how: "measured", or "predicted" by a classifier of the attribute.
        error: Mean absolute difference to the counterfactual attribute; for a discrete one the share of wrong labels.
        unchanged: The same error of the factual images: what a generator that does nothing would reach.
        floor: The same error of the factual images against their own attributes: what reading alone errs.
        drift: Where the intervention leaves the attribute alone: how much more the counterfactual images err than those of
            the null intervention, in standard deviations of the attribute, for a discrete one as a share. NaN elsewhere.
        read: Share of the counterfactual images on which the attribute can be measured; errors are over these.
        unit: Unit of the errors, "" for shares.
    """

    attribute: str
    how: str
    error: float
    unchanged: float
    floor: float
    drift: float
    read: float
    unit: str = ""


@dataclass(frozen=True)
class Trust:
    """Trust in the images of one intervention.

    Args:
        intervention, effect: As in the rows of the report.
        supported: Share of the units within joint support of training.
        shown: Effectiveness, one entry for each attribute that can be read.
    """

    intervention: str
    effect: str
    supported: float
    shown: tuple[Shown, ...]


def check_readers(
    graph: CausalGraph, measure: Mapping[str, Measure], classifiers: Mapping[str, Classifier]
) -> dict[str, tuple[str, Reader]]:
    """How each attribute is read off images: "measured" or "predicted", and the function.

    Raises:
        UnknownNameError: A name that is no node.
        DataError: A measurement of a discrete attribute, or a classifier of another one.
    """
    for name in (*measure, *classifiers):
        graph.require(name)
    for name in measure:
        if graph[name].kind != "continuous":
            raise DataError(f"Expected measurements of continuous attributes; got '{name}'. Pass a classifier of it.")
    for name, classifier in classifiers.items():
        if classifier.variable.labels != graph[name].labels:
            raise DataError(
                f"Expected a classifier with the labels of '{name}'; got one of {classifier.variable.labels}."
            )
    measured = {name: ("measured", function) for name, function in measure.items()}
    return measured | {name: ("predicted", _predictor(classifier)) for name, classifier in classifiers.items()}


def trust(
    questions: Sequence[Question],
    factual: Mapping[str, Tensor],
    images: Tensor,
    readers: Mapping[str, tuple[str, Reader]],
    graph: CausalGraph,
) -> tuple[Trust, ...]:
    """Read the attributes off the first particle of every counterfactual image.

    Args:
        questions: The posed interventions.
        factual: Factual attributes `(N,)`.
        images: Factual images `(N, C, H, W)`.
        readers: See `check_readers`.
        graph: The graph, for units and kinds.
    """
    before = {name: _read(name, function, images) for name, (_, function) in readers.items()}
    trusted = []
    for question in questions:
        null = {name: _read(name, function, question.null.images[0]) for name, (_, function) in readers.items()}
        for effect, world in question.worlds.items():
            shown = []
            for name, (how, function) in readers.items():
                after, variable = _read(name, function, world.images[0]), graph[name]
                wanted, own = world.values[name].numpy(), factual[name].cpu().numpy()
                error, unchanged = (_error(variable, found, wanted) for found in (after, before[name]))
                floor, read = _error(variable, before[name], own), float(np.isfinite(after).mean())
                excess = error - _error(variable, null[name], own)
                drift = excess / (1.0 if variable.is_discrete else own.std()) if np.array_equal(wanted, own) else np.nan
                unit = "" if variable.is_discrete else variable.unit or ""
                shown.append(Shown(name, how, error, unchanged, floor, float(drift), read, unit))
            trusted.append(Trust(question.label, effect, float(world.supported.mean()), tuple(shown)))
    return tuple(trusted)


def _predictor(classifier: Classifier) -> Reader:
    return lambda images: classifier.predict(images).numpy()


def _read(name: str, function: Reader, images: Tensor) -> NDArray[np.float64]:
    numbers = np.asarray(torch.as_tensor(function(images)), dtype=np.float64)
    if numbers.shape != (len(images),):
        raise DataError(
            f"Expected the measurement of '{name}' to give one number per image, ({len(images)},); got {numbers.shape}."
        )
    return numbers


def _error(variable: Variable, found: NDArray, wanted: NDArray) -> float:
    valid = np.isfinite(found)
    if not valid.any():
        return float("nan")
    difference = found[valid] != wanted[valid] if variable.is_discrete else np.abs(found[valid] - wanted[valid])
    return float(difference.mean())
