"""Calibration: do intervals over particles cover the true counterfactual as often as their level states?"""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import SupportWarning
from .case import Case
from .controls import MODEL
from .result import MetricResult
from .spaces import Measure
from .units import Units

__all__ = ["LEVEL", "PARTICLES", "calibration"]

LEVEL = 0.9
PARTICLES = 20
MOST_UNITS = 100


def calibration(case: Case, measure: Mapping[str, Measure], *, particles: int = PARTICLES) -> list[MetricResult]:
    """Share of units whose attribute, measured on the true counterfactual image, lies in the interval over particles.

    The interval contains the central 90 % of the attribute measured on the particles' images, or their whole range if
    there are fewer than 19; the floor is the share that a calibrated model reaches. At most 100 units are used, the
    first ones. There are no results without a known truth, or if abduction of the image leaves no uncertainty.

    Args:
        case: A query with its answers.
        measure: Measurements of images by continuous attribute.
        particles: Draws of each unit's noise.
    """
    cohort = case.cohort
    if case.truth is None or not cohort.mechanism.abduction.is_random or cohort.start:
        return []
    few = slice(0, MOST_UNITS)
    units = Units(case.units.query, cohort.groups[few], case.units.supported[few], cohort.seed)
    factual = {name: column[few] for name, column in cohort.factual.items()}
    do = {name: value[few] for name, value in case.query.do.items()}
    with warnings.catch_warnings(action="ignore", category=SupportWarning):
        world = cohort.models[MODEL].counterfactual(factual, do, particles=particles, seed=cohort.seed)
    images = cohort.stored(world[cohort.image])
    nominal, results = _nominal(particles), []
    notes = {MODEL: f"nominal {nominal:.2f}, {particles} particles"}
    for name, function in measure.items():
        drawn = np.asarray(function(images.flatten(0, 1)), dtype=np.float64).reshape(images.shape[:2])
        true = np.asarray(function(case.truth.images[few]), dtype=np.float64)
        known = np.isfinite(true) & np.isfinite(drawn).all(0)
        low, high = _interval(np.where(np.isfinite(drawn), drawn, 0))
        held, width = {MODEL: ((low <= true) & (true <= high) & known).astype(float)}, {MODEL: high - low}
        results += units.results(f"{name} interval coverage", held, floor=nominal, better="", notes=notes)
        unit = cohort.graph[name].unit or ""
        results += units.results(f"{name} interval width", width, unit=unit, better="", notes=notes)
    return results


def _nominal(particles: int) -> float:
    """Return the probability that one more draw from the same distribution lies in `_interval`."""
    return min(LEVEL, (particles - 1) / (particles + 1))


def _interval(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounds `(2, N)` over particles `(k, N)`: the order statistics between which one more draw lies with chance `_nominal`.

    Source: Hyndman and Fan, Sample quantiles in statistical packages, 1996, definition 6.
    """
    tail = (1 - LEVEL) / 2
    return np.quantile(drawn, [tail, 1 - tail], axis=0, method="weibull")
