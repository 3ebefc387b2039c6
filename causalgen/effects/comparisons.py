"""The same effect from other sources: the fitted model under do, and counterfactual images of real units."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ..errors import DataError
from ..grammar import compared_worlds
from ..graph.notation import spell_number
from .measured_images import LEAST_UNITS, Counterfactuals, Images, floats, measure_units
from .report import Estimate

__all__ = ["implied_effect", "measured_effect", "scored_effect"]

Array = NDArray[np.float64]


class Sampler(Protocol):
    """The part of a structural causal model used here: samples under an intervention, by name."""

    def sample(self, n: int, *, do: Mapping[str, Any], seed: int) -> Mapping[str, Any]: ...


def implied_effect(
    scm: Sampler,
    *,
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple[Any, Any],
    n: int = 20_000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Effect that a fitted structural causal model implies: mean outcome under do(b) minus that under do(a).

    Args:
        scm: Model with `sample(n, do=..., seed=...)`.
        treatment: Name of the treatment, or a tuple of several.
        outcome: Name of a continuous or binary outcome; for a binary one, the second label's probability.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)).
        n: Samples under each value. The interval covers their Monte Carlo error only, not that of the fit.
        level: Level of the interval.
        seed: Seed of the samples.

    Raises:
        DataError: Fewer than 10 samples have an outcome under both values.
    """
    a, b = (floats(scm.sample(n, do=do, seed=seed)[outcome]) for do in compared_worlds(treatment, contrast))
    differences = (b - a)[np.isfinite(b - a)]  # an image may have no reading
    if len(differences) < LEAST_UNITS:
        raise DataError(
            f"Expected an outcome that is known in at least {LEAST_UNITS} of {n} samples under both values; it is in "
            f"{len(differences)}. Look at the images under both values."
        )
    effect, error = _mean(differences, np.arange(len(differences)))
    lost = f" ({n - len(differences)} more have no value)" * (len(differences) < n)
    note = (
        f"Mean of {len(differences)} samples{lost} of the fitted model under each value; the interval covers Monte "
        "Carlo error, but not the uncertainty of the fit."
    )
    return _with_interval("fitted model under do", effect, error, level, note)


def measured_effect(
    scm: Counterfactuals,
    images: Images,
    *,
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple[Any, Any],
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Effect measured on counterfactual images of real units under do(b) and do(a), corrected by the measurement's bias.

    The bias is estimated on the factual images: a straight line of measured on assigned outcomes. Differences between the
    two counterfactual images of a unit are divided by its slope. Counterfactuals keep the sharpness of a real
    image; images sampled from the prior are softer, so a measurement on them has more bias than the line corrects.

    Args:
        scm: Model with `abduct(factual, seed=...)`.
        images: The units, and how the outcome is measured on an image.
        treatment: Name of the treatment, or a tuple of several.
        outcome: Name of the continuous outcome that `images.measure` measures.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)).
        level: Level of the interval, which is over units (or groups) and the calibration.
        seed: Seed of the abduction.

    Raises:
        DataError: The measurement does not follow the assigned outcome on factual images, is not a number on too many
            images, or the groups have another length.
    """
    units = measure_units(scm, images, treatment=treatment, outcome=outcome, contrast=contrast, seed=seed)
    line = units.line
    raw, raw_error = _mean(units.treated - units.control, images.groups_of(units.kept))
    effect = raw / line.slope
    error = float(np.hypot(raw_error, effect * line.slope_error)) / abs(line.slope)
    lost = f" ({len(units.kept) - len(units.control)} more could not be measured)" * (not units.kept.all())
    note = (
        f"Measured on the counterfactual images of {len(units.control)} real units under each value{lost}: raw "
        f"difference {spell_number(raw)}, corrected by measured = {spell_number(line.offset)} + {spell_number(line.slope)} "
        "assigned on their factual images. The interval covers the units and the correction, but not the uncertainty "
        "of the fit."
    )
    return _with_interval("measured on generated images", effect, error, level, note)


def scored_effect(
    scm: Counterfactuals,
    images: Images,
    *,
    treatment: str | tuple[str, ...],
    contrast: tuple[Any, Any],
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Effect on a score of the image: its mean difference between the counterfactual images of real units.

    The outcome is the score itself, so there is nothing to correct for. The generator's metrics show how far its images
    can be trusted.

    Args:
        scm: Model with `abduct(factual, seed=...)`.
        images: The units; `images.measure` is the score.
        treatment, contrast, level, seed: As in `measured_effect`.

    Raises:
        DataError: Fewer than 10 units have a score under both values, or the groups have another length.
    """
    control, treated = (images.read(w[images.name]) for w in images.counterfactuals(scm, treatment, contrast, seed))
    kept = np.isfinite(control) & np.isfinite(treated)
    if kept.sum() < LEAST_UNITS:
        raise DataError(
            f"Expected at least {LEAST_UNITS} units with a score under both values; got {kept.sum()} of {len(kept)}. "
            "Pass more units, or look at the images."
        )
    effect, error = _mean((treated - control)[kept], images.groups_of(kept))
    note = (
        f"Read from the counterfactual images of {kept.sum()} real units under each value. The interval covers the "
        "units, but not the uncertainty of the fit."
    )
    return _with_interval("read from generated images", effect, error, level, note)


def _mean(differences: Array, groups: NDArray) -> tuple[float, float]:
    """Mean difference and its standard error over groups."""
    mean = float(differences.mean())
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, differences - mean)
    if len(sums) < 2:
        raise DataError("Expected units of at least 2 groups; got 1. Pass units of other groups, or no groups.")
    return mean, float(np.sqrt(np.sum(sums**2) * len(sums) / (len(sums) - 1)) / len(differences))


def _with_interval(source: str, effect: float, error: float, level: float, note: str) -> Estimate:
    reach = float(norm.ppf(0.5 + level / 2)) * error
    return Estimate(source, effect, effect - reach, effect + reach, note=note)
