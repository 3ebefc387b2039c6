"""Metrics of images sampled for given attributes: the only ones for a mechanism without abduction."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from torch import Tensor

from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel
from .cohort import Cohort
from .collapse import mode_collapse
from .predicted import prediction_error, prediction_metric, unit_and_better
from .realism import realism
from .result import MetricResult
from .spaces import Space
from .units import ALL, Units

__all__ = ["SAMPLES", "draw_samples", "sample_quality"]

SAMPLES = "samples"
"""Replaces the label of a query."""


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
        features: Where realism and variety are measured; None leaves both out.
        predictors: By attribute.
        batch_statistics: Whether predictors normalise by the images at hand.
    """
    factual, groups, image, seed = cohort.factual, cohort.groups, cohort.image, cohort.seed
    draws = {
        row: (
            cohort.stored(draw_samples(scm, factual, image=image, seed=seed)),
            cohort.stored(draw_samples(scm, factual, image=image, seed=seed + 1)),
        )
        for row, scm in cohort.models.items()
    }
    once = {row: pair[0] for row, pair in draws.items()}
    units = Units(SAMPLES, groups, np.ones(len(groups), dtype=bool), seed)
    results: list[MetricResult] = []
    for predictor in (predictors or {}).values():
        unit, better = unit_and_better(predictor)
        error = partial(prediction_error, predictor, attributes=factual, batch_statistics=batch_statistics)
        errors = {row: error(images) for row, images in once.items()}
        shown = units.results(prediction_metric(predictor), errors, floor=error(cohort.real), unit=unit, better=better)
        results += [result for result in shown if result.stratum == ALL]
    if features is not None:
        results += realism(once, cohort.real, groups, features, query=SAMPLES, seed=seed)
        results += mode_collapse(draws, factual, groups, features, graph=cohort.graph, image=image, seed=seed)
    return results
