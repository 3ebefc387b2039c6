"""Calibration: do intervals over particles cover the true counterfactual as often as their level states?"""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import SupportWarning
from ..scm import StructuralCausalModel
from .case import Case
from .controls import MODEL
from .effectiveness import Measure
from .images import to_bytes
from .result import MetricResult
from .units import Units

__all__ = ["LEVEL", "PARTICLES", "calibration", "uncertain"]

LEVEL = 0.9
PARTICLES = 20
MOST_UNITS = 100


def uncertain(scm: StructuralCausalModel, image: str) -> bool:
    """Whether repeated abduction of the image draws different noise."""
    return scm.mechanisms[image].abduction.is_random


def calibration(
    case: Case, scm: StructuralCausalModel, measure: Mapping[str, Measure], *, particles: int = PARTICLES, seed: int = 0
) -> list[MetricResult]:
    """Share of units whose attribute, measured on the true counterfactual image, lies in the interval over particles.

    The interval holds the central 90 % of the attribute measured on the particles' images, or with fewer than 19 of them their
    whole range; the floor is the share that a calibrated model reaches. At most 100 units are used.

    Args:
        case: A query with its answers; its truth must be known.
        scm: A model whose image is abducted at random.
        measure: Measurements of images by continuous attribute.
        particles: Draws of each unit's noise.
        seed: Seed of the draws.
    """
    if case.truth is None or not uncertain(scm, case.image):
        return []
    few = slice(0, MOST_UNITS)
    units = Units(case.units.query, case.units.groups[few], case.units.supported[few], case.units.seed)
    factual = {name: column[few] for name, column in case.factual.items()}
    do = {name: value[few] for name, value in case.query.do.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        images = to_bytes(scm.counterfactual(factual, do, particles=particles, seed=seed)[case.image])
    nominal, results = _nominal(particles), []
    for name, function in measure.items():
        drawn = np.asarray(function(images.flatten(0, 1)), dtype=np.float64).reshape(images.shape[:2])
        true = np.asarray(function(case.truth.images[few]), dtype=np.float64)
        known = np.isfinite(true) & np.isfinite(drawn).all(0)
        low, high = _interval(np.where(np.isfinite(drawn), drawn, 0))
        held = (low <= true) & (true <= high) & known
        note = f"nominal {nominal:.2f}, {particles} particles"
        results += units.results(
            f"{name} interval coverage", MODEL, held.astype(float), floor=nominal, better="", note=note
        )
        unit = case.graph[name].unit or ""
        results += units.results(f"{name} interval width", MODEL, high - low, unit=unit, better="", note=note)
    return results


def _nominal(particles: int) -> float:
    """Chance that one more draw of the same distribution lies in `_interval`."""
    return min(LEVEL, (particles - 1) / (particles + 1))


def _interval(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounds `(2, N)` over particles `(k, N)`: the order statistics between which one more draw lies with chance `_nominal`.

    Source: Hyndman and Fan, Sample quantiles in statistical packages, 1996, definition 6.
    """
    tail = (1 - LEVEL) / 2
    return np.quantile(drawn, [tail, 1 - tail], axis=0, method="weibull")
