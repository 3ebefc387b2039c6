"""Metrics of images sampled for given attributes: the only ones for a mechanism without abduction."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel
from .collapse import mode_collapse
from .images import to_bytes
from .predicted import prediction_error, prediction_metric, unit_and_better
from .realism import realism
from .result import MetricResult
from .spaces import Space
from .units import Units

__all__ = ["SAMPLES", "draw_samples", "sample_quality"]

SAMPLES = "samples"
"""Replaces the label of a query."""


def draw_samples(scm: StructuralCausalModel, factual: Mapping[str, Tensor], *, image: str, seed: int) -> Tensor:
    """Images of new units with the attributes of the given ones, uint8 `(N, C, H, W)`."""
    attributes = {name: column for name, column in factual.items() if name != image}
    return to_bytes(scm.sample(len(factual[image]), do=attributes, seed=seed)[image])


def sample_quality(
    models: Mapping[str, StructuralCausalModel],
    factual: Mapping[str, Tensor],
    groups: NDArray,
    *,
    image: str,
    features: Space | None = None,
    predictors: Mapping[str, AttributePredictor] | None = None,
    batch_statistics: bool = False,
    seed: int = 0,
) -> list[MetricResult]:
    """Attributes shown, realism and mode collapse of images drawn under the attributes of test units.

    Args:
        models: Models by row.
        factual: Observed values of the units.
        groups: `(N,)`.
        image: Name of the image node.
        features: Where realism and variety are measured; None leaves both out.
        predictors: By attribute.
        batch_statistics: Whether predictors normalise by the images at hand.
        seed: Seed of draws and bootstrap.
    """
    graph = next(iter(models.values())).graph
    draws = {
        row: (
            draw_samples(scm, factual, image=image, seed=seed),
            draw_samples(scm, factual, image=image, seed=seed + 1),
        )
        for row, scm in models.items()
    }
    units = Units(SAMPLES, groups, np.ones(len(groups), dtype=bool), seed)
    results: list[MetricResult] = []
    for predictor in (predictors or {}).values():
        unit, better = unit_and_better(predictor)
        floor = prediction_error(predictor, factual[image], factual, batch_statistics=batch_statistics)
        for row, (images, _) in draws.items():
            error = prediction_error(predictor, images, factual, batch_statistics=batch_statistics)
            metric = prediction_metric(predictor)
            results += units.results(metric, row, error, floor=floor, unit=unit, better=better)[:1]
    if features is not None:
        once = {row: pair[0] for row, pair in draws.items()}
        results += realism(once, factual[image], groups, features, query=SAMPLES, seed=seed)
        results += mode_collapse(draws, factual, groups, features, graph=graph, image=image, seed=seed)
    return results
