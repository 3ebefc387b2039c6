"""Metrics of images sampled for given attributes: the only ones for a mechanism without abduction."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from torch import Tensor

from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel
from .cohort import Cohort
from .collapse import variety
from .compared_sets import Points
from .predicted import prediction_error, prediction_metric, unit_and_better
from .realism import distances
from .result import MetricResult
from .spaces import Space
from .units import ALL, PerUnit, Units, joined

__all__ = ["SAMPLES", "draw_samples", "sample_quality"]

SAMPLES = "samples"
"""Replaces the label of a query."""
AGAIN = "again"


def draw_samples(scm: StructuralCausalModel, factual: Mapping[str, Tensor], *, image: str, seed: int) -> Tensor:
    """Images of new units with the attributes of the given ones, `(N, C, H, W)`."""
    attributes = {name: column for name, column in factual.items() if name != image}
    return scm.sample(len(factual[image]), do=attributes, seed=seed)[image]


def sample_quality(
    cohort: Cohort,
    *,
    features: Space | None = None,
    predictors: Mapping[str, AttributePredictor] | None = None,
    batch_statistics: bool = False,
) -> list[MetricResult]:
    """Attributes shown, realism and mode collapse of images drawn under the attributes of test units.

    Args:
        cohort: The units and the models.
        features: Feature space in which realism and variety are measured; None leaves both out.
        predictors: By attribute.
        batch_statistics: Whether predictors normalise by the statistics of the current images.
    """
    numbers: list[list[PerUnit]] = []
    points = None if features is None else Points(cohort, features)
    for block in cohort.blocks():
        once = {row: _drawn(block, row, 0) for row in cohort.models}
        numbers.append(_shown(block, once, predictors or {}, batch_statistics=batch_statistics))
        if points is not None:
            twice = {f"{row} {AGAIN}": _drawn(block, row, 1) for row in cohort.models}
            points.add(block, once | twice)
    units = Units(SAMPLES, cohort.groups, np.ones(len(cohort.groups), dtype=bool), cohort.seed)
    results = [result for found in joined(numbers) for result in units.means(found) if result.stratum == ALL]
    return results if points is None else results + _variety(cohort, points)


def _drawn(block: Cohort, row: str, number: int) -> Tensor:
    """Images drawn by a model for the attributes of the units, `(N, C, H, W)` as stored."""
    seed = block.noise_seed(number)
    return block.stored(draw_samples(block.models[row], block.factual, image=block.image, seed=seed))


def _shown(
    block: Cohort, images: Mapping[str, Tensor], predictors: Mapping[str, AttributePredictor], *, batch_statistics: bool
) -> list[PerUnit]:
    """Errors of the predicted attributes of images."""
    found = []
    for predictor in predictors.values():
        unit, better = unit_and_better(predictor)
        error = partial(prediction_error, predictor, attributes=block.factual, batch_statistics=batch_statistics)
        errors = {row: error(shown) for row, shown in images.items()}
        found.append(PerUnit(prediction_metric(predictor), errors, None, error(block.real), unit, better))
    return found


def _variety(cohort: Cohort, points: Points) -> list[MetricResult]:
    """Realism and mode collapse of images that were drawn twice."""
    pairs = {row: (points.of(row), points.of(f"{row} {AGAIN}")) for row in cohort.models}
    real, groups, seed = points.of(None), points.groups, cohort.seed
    first = {row: pair[0][points.first] for row, pair in pairs.items()}
    parents = {name: cohort.attributes[name][points.places] for name in cohort.graph.parents(cohort.image)
               if not cohort.graph[name].is_image}  # fmt: skip
    return [
        *distances(first, real, groups, query=SAMPLES, seed=seed),
        *variety(pairs, real, parents, groups, graph=cohort.graph, seed=seed),
    ]
