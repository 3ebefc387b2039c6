"""About how long the steps of a run take."""

import math

import torch

from ..graph import CausalGraph
from ..predictors import enough_epochs, reader_seconds
from ..training import FitConfig, TuningConfig, step_seconds
from .evaluation import classified, regressed
from .modelling import FIT, TUTOR_EPOCHS, build_model
from .queries import image_node
from .schema import OwnData, Study
from .sources import own_index

__all__ = ["CURVES", "DATA", "EFFECTS", "GRIDS", "METRICS", "REPORT", "STEPS", "expected_seconds", "training_seconds"]

DATA, GRIDS, CURVES = "load the data", "ask for counterfactuals", "draw response curves"
METRICS, EFFECTS, REPORT = "measure counterfactuals", "estimate effects", "write the report"
STEPS = (DATA, FIT, GRIDS, CURVES, METRICS, EFFECTS, REPORT)
ROWS = 10_000
"""Default number of rows of a data set of the catalog."""
ATTRIBUTE_SECONDS = 2e-5
"""Seconds for a row, an epoch and an attribute, on one core."""


def expected_seconds(
    study: Study, graph: CausalGraph, *, training: float | None = None, smoke: bool = False
) -> dict[str, float]:
    """Rough seconds of each step on two cores, for the first estimate of the time left; bars correct it as they run.

    Args:
        study: The study, defaults filled in.
        graph: The graph of its data.
        training: Seconds of the fit where they are known.
        smoke: Whether the run is a smoke run.
    """
    rows, pixels = sum(_rows(study).values()), _pixels(graph)
    asked = min(study.evaluation.rows, _rows(study)["test"]) * len(study.evaluation.queries)
    return {
        DATA: 3.0,
        FIT: _fit_seconds(study, rows, pixels) if training is None else training,
        GRIDS: 0.3 * len(study.gallery),
        CURVES: 2.0 * len(study.curves),
        METRICS: 3.0 + 2e-6 * pixels * rows + 0.008 * asked + (0.0 if smoke else _readers_seconds(study, graph)),
        EFFECTS: sum(2.0 + 0.4 * e.simulations + (2.0 + 0.5 * e.replicates) * e.doubt for e in study.effects),
        REPORT: 6.0 + 3.0 * len(study.effects),
    }


def training_seconds(study: Study, graph: CausalGraph, config: FitConfig) -> dict[str, float]:
    """Approximate upper bound in seconds for training the attributes and each image, from a few steps on noise.

    Args:
        study: The study, defaults filled in.
        graph: The graph of its data.
        config: Settings of training.
    """
    train = _rows(study)["train"]
    attributes = [name for name, variable in graph.variables.items() if not variable.is_image]
    seconds = {"attributes": ATTRIBUTE_SECONDS * train * config.attributes.epochs * len(attributes)}
    for name in (name for name in graph.nodes if name not in attributes):
        size = config.images.units(train)
        steps = max(1, train // size) * config.images.epochs
        batch = {node: _noise(graph, node, size) for node in (name, *graph.parents(name))}
        seconds[name] = steps * step_seconds(build_model(study, graph), name, batch, config)
    return seconds


def _fit_seconds(study: Study, rows: int, pixels: int) -> float:
    images, attributes = study.training.images.epochs or 1, study.training.attributes.epochs or 1
    if study.training.tuning is not None:
        # A step of tuning asks for a counterfactual, and is worth about four; the predictors together are worth one.
        images += 4 * (study.training.tuning.epochs or TuningConfig().epochs) + enough_epochs(rows, TUTOR_EPOCHS)
    return 0.7 * rows * (6e-7 * pixels * images + 0.00002 * attributes)


def _readers_seconds(study: Study, graph: CausalGraph) -> float:
    """Seconds to train the classifiers and regressors of the metrics step."""
    names = (*regressed(study, graph), *classified(study, graph)) if study.evaluation.queries else ()
    if not names:
        return 0.0
    rows, shape = _rows(study), graph[image_node(graph)].shape
    return sum(reader_seconds(graph[name], shape, rows["train"], rows["validation"]) for name in names)


def _rows(study: Study) -> dict[str, int]:
    """Rows of each split, those of a data set of the catalog by the usual shares."""
    if isinstance(study.data, OwnData):
        return {name: len(part) for name, part in own_index(study).split.items()}
    rows = study.data.rows or ROWS
    return {"train": round(0.7 * rows), "validation": round(0.15 * rows), "test": round(0.15 * rows)}


def _pixels(graph: CausalGraph) -> int:
    """Pixels of one row's images."""
    return sum(math.prod(variable.shape) for variable in graph.variables.values() if variable.is_image)


def _noise(graph: CausalGraph, name: str, count: int) -> torch.Tensor:
    """Values that take as long to learn from as real ones."""
    variable = graph[name]
    if variable.labels is not None:
        return torch.randint(len(variable.labels), (count,))
    return torch.rand(count, *variable.shape) * (255.0 if variable.is_image else 1.0)
