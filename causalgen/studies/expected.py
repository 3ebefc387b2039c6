"""Estimates how long the steps of a run take."""

import math

import torch

from ..graph import CausalGraph
from ..predictors import PUBLISHED, reader_seconds
from ..training import TuningConfig, step_seconds
from ..training.image_evidence import FEWEST, UNITS
from .data_section import OwnData
from .evaluation import ReadAttributes
from .modelling import FIT
from .run_plan import RunPlan
from .study_sections import TrainingPlan
from .surviving import MOST_ASKED

__all__ = [
    "AUDITS",
    "CURVES",
    "DATA",
    "EFFECTS",
    "GRIDS",
    "METRICS",
    "REPORT",
    "STEPS",
    "expected_seconds",
    "step_durations",
    "training_seconds",
]

DATA, GRIDS, CURVES = "load the data", "ask for counterfactuals", "draw response curves"
METRICS, EFFECTS = "measure counterfactuals", "estimate effects"
AUDITS, REPORT = "audit classifiers", "write the report"
STEPS = (DATA, FIT, GRIDS, CURVES, METRICS, EFFECTS, REPORT)
COMPLETION = 55
"""How many epochs take about as long as drawing the missing attributes of the same rows once, given an image."""
ATTRIBUTE_SECONDS = 2e-5
"""Seconds per row, epoch and attribute, on one core."""


def expected_seconds(plan: RunPlan, *, fitted: bool = False) -> dict[str, float]:
    """Rough seconds of each step on two cores, for the first estimate of the time left; bars correct it as they run.

    A few steps of training are timed on a user's own data, as `check` does.

    Args:
        plan: The run.
        fitted: Whether an earlier attempt fitted the model.
    """
    study = plan.study
    timed = isinstance(study.data, OwnData) and study.training.tuning is None and not fitted
    training = 0.0 if fitted else sum(training_seconds(plan).values()) if timed else None
    return step_durations(plan, training)


def step_durations(plan: RunPlan, training: float | None = None) -> dict[str, float]:
    """Rough seconds of each step.

    Args:
        plan: The run.
        training: Seconds of the fit, if known.
    """
    study, rows, pixels = plan.study, sum(plan.rows.values()) + plan.lacking, _pixels(plan.graph)
    queries = study.evaluation.queries
    read = plan.rows | {"train": plan.rows["train"] + plan.lacking}
    reading = _reading_seconds(plan.read, plan.graph, read) if queries and not plan.smoke else 0.0
    asked = min(study.evaluation.rows, plan.rows["test"]) * len(queries)
    audited = sum(min(audit.rows, plan.rows["test"]) * len(audit.do) for audit in study.audit)
    return {
        DATA: 3.0,
        FIT: (_fit_seconds(study.training, rows, pixels) if training is None else training)
        + _calibration_seconds(plan, training),
        GRIDS: 0.3 * len(study.gallery),
        CURVES: 2.0 * len(study.curves),
        METRICS: 3.0
        + (2e-6 + 3e-6 * study.evaluation.memorisation) * pixels * rows
        + 0.008 * asked
        + reading
        + 4.0 * min(len(study.gallery), MOST_ASKED),
        EFFECTS: sum(2.0 + 0.4 * e.simulations + (2.0 + 0.5 * e.replicates) * e.doubt for e in study.effects)
        + 5.0 * len(study.mediation),
        **({AUDITS: 3.0 * len(study.audit) + 0.008 * audited} if study.audit else {}),
        REPORT: 6.0 + 3.0 * len(study.effects),
    }


def training_seconds(plan: RunPlan) -> dict[str, float]:
    """Approximate upper bound in seconds for training the attributes and each image, from a few steps on noise."""
    graph, config, train = plan.graph, plan.config, plan.rows["train"] + plan.lacking
    seconds = {"attributes": ATTRIBUTE_SECONDS * train * config.attributes.epochs * len(graph.attributes)}
    for name in graph.images:
        size = config.images.units(train)
        steps = max(1, train // size) * config.images.epochs
        units = math.ceil(size / config.processes)  # per slice that each process computes
        batch = {node: _noise(graph, node, units) for node in (name, *graph.parents(name))}
        steps += math.ceil(COMPLETION * config.images.completions * plan.lacking / size)
        seconds[name] = steps * step_seconds(plan.build_model(), name, batch, config)
    return seconds


def _fit_seconds(training: TrainingPlan, rows: int, pixels: int) -> float:
    images, attributes = training.images.epochs or 1, training.attributes.epochs or 1
    if training.tuning is not None:
        # A step of tuning computes a counterfactual and takes as long as about four steps; the predictors together take
        # one.
        images += 4 * (training.tuning.epochs or TuningConfig().epochs) + PUBLISHED.passes(rows)
    return 0.7 * rows * (6e-7 * pixels * images + 0.00002 * attributes)


def _calibration_seconds(plan: RunPlan, training: float | None) -> float:
    """Seconds to calibrate the evidence of images; none if an earlier attempt has fitted the model."""
    tempered = plan.study.training.evidence == "tempered" and training != 0.0
    units = min(UNITS, plan.rows["validation"])
    return 5e-4 * units * _pixels(plan.graph) if tempered and units >= FEWEST else 0.0


def _reading_seconds(read: ReadAttributes, graph: CausalGraph, rows: dict[str, int]) -> float:
    """Seconds to train the classifiers and regressors of the metrics step."""
    return sum(
        reader_seconds(graph[name], graph[graph.images[0]].shape, rows["train"], rows["validation"])
        for name in (*read.regressed, *read.classified)
    )


def _pixels(graph: CausalGraph) -> int:
    """Number of pixels in the images of one row."""
    return sum(math.prod(graph[name].shape) for name in graph.images)


def _noise(graph: CausalGraph, name: str, count: int) -> torch.Tensor:
    """Return random values that take as long to train on as real ones."""
    variable = graph[name]
    if variable.labels is not None:
        return torch.randint(len(variable.labels), (count,))
    return torch.rand(count, *variable.shape) * (255.0 if variable.is_image else 1.0)
