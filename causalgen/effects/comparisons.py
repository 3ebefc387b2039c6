"""The same effect from other sources: the fitted model under do, and counterfactual images of real units."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import linregress, norm

from ..errors import DataError
from ..grammar import compared_worlds
from .report import Estimate

__all__ = [
    "Calibration",
    "MeasuredUnits",
    "calibrate",
    "implied_effect",
    "measure_units",
    "measured_effect",
    "scored_effect",
]

LEAST_UNITS = 10

Array = NDArray[np.float64]
Measure = Callable[[NDArray], Any]


class Samples(Protocol):
    """The part of a structural causal model used here: samples under an intervention, by name."""

    def sample(self, n: int, *, do: Mapping[str, Any], seed: int) -> Mapping[str, Any]: ...


class Counterfactuals(Protocol):
    """The part of a structural causal model used here: `abduct`, whose posterior has `counterfactual(do, seed=...)`."""

    def abduct(self, factual: Any, *, seed: int) -> Any: ...


class Calibration(NamedTuple):
    """Straight line `measured = offset + slope * assigned`, with the standard error of the slope."""

    offset: float
    slope: float
    slope_error: float


@dataclass(frozen=True, eq=False)
class MeasuredUnits:
    """Real units, measured on their factual image and on their counterfactual images under both values.

    Attributes:
        kept: `(units,)`, whether a unit could be measured in all three worlds; the arrays below hold those only.
        factual: Measured on the factual image.
        control: Measured under do(a).
        treated: Measured under do(b).
        assigned: The outcome as assigned, factual.
        control_assigned: The outcome as the model assigns it under do(a).
        treated_assigned: The outcome as the model assigns it under do(b).
    """

    kept: NDArray[np.bool_]
    factual: Array
    control: Array
    treated: Array
    assigned: Array
    control_assigned: Array
    treated_assigned: Array

    @property
    def line(self) -> "Calibration":
        """Line of measured on assigned outcomes, on factual images."""
        return calibrate(self.factual, self.assigned)

    def of(self, groups: Any) -> NDArray:
        """Groups `(units,)` of the kept units; when None, every unit is one.

        Raises:
            DataError: The number of groups differs from the number of units.
        """
        if groups is None:
            return np.flatnonzero(self.kept)
        groups = _numpy(groups)
        if groups.shape != self.kept.shape:
            raise DataError(f"Expected one group for each of {len(self.kept)} units; got shape {groups.shape}.")
        return groups[self.kept]


def implied_effect(
    scm: Samples,
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
        outcome: Name of a continuous or binary outcome; of a binary one, the second label's probability.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)).
        n: Samples under each value. The interval holds their Monte Carlo error only, not that of the fit.
        level: Level of the interval.
        seed: Seed of the samples.
    """
    a, b = (_floats(scm.sample(n, do=do, seed=seed)[outcome]) for do in compared_worlds(treatment, contrast))
    effect, error = _mean(b - a, np.arange(n))
    note = (
        f"Mean of {n} samples of the fitted model under each value; the interval holds Monte Carlo error, not the "
        "uncertainty of the fit."
    )
    return _with_interval("fitted model under do", effect, error, level, note)


def measured_effect(
    scm: Counterfactuals,
    *,
    image: str,
    measure: Measure,
    factual: Mapping[str, Any],
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple[Any, Any],
    groups: Any = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Effect measured on counterfactual images of real units under do(b) and do(a), corrected by the measurement's bias.

    The bias is estimated on the factual images: a straight line of measured on assigned outcomes. Differences between the
    two counterfactual images of a unit are divided by its slope. Counterfactuals keep the sharpness of a real
    image; images sampled from the prior are softer, so a measurement on them has more bias than the line corrects.

    Args:
        scm: Model with `abduct(factual, seed=...)`.
        image: Name of the image variable.
        measure: Images `(n, C, H, W)` -> the outcome measured on each, `(n,)`.
        factual: Real units: a value of every node. Where they are a sample of the population, so is the effect.
        treatment: Name of the treatment, or a tuple of several.
        outcome: Name of the continuous outcome that `measure` measures.
        contrast: (a, b), labels or natural units; of several treatments ((a1, a2), (b1, b2)).
        groups: `(n,)`, units that share a source, such as one patient; None for independent units.
        level: Level of the interval, which is over units (or groups) and the calibration.
        seed: Seed of the abduction.

    Raises:
        DataError: The measurement does not follow the assigned outcome on factual images, is not a number on too many
            images, or `groups` has another length.
    """
    units = measure_units(
        scm,
        image=image,
        measure=measure,
        factual=factual,
        treatment=treatment,
        outcome=outcome,
        contrast=contrast,
        seed=seed,
    )
    line = units.line
    raw, raw_error = _mean(units.treated - units.control, units.of(groups))
    effect = raw / line.slope
    error = float(np.hypot(raw_error, effect * line.slope_error)) / abs(line.slope)
    lost = f" ({len(units.kept) - len(units.control)} more could not be measured)" * (not units.kept.all())
    note = (
        f"Measured on the counterfactual images of {len(units.control)} real units under each value{lost}: raw "
        f"difference {raw:.4g}, corrected by measured = {line.offset:.4g} + {line.slope:.4g} assigned on their factual "
        "images. The interval holds the units and the correction, not the uncertainty of the fit."
    )
    return _with_interval("measured on generated images", effect, error, level, note)


def scored_effect(
    scm: Counterfactuals,
    *,
    image: str,
    score: Measure,
    factual: Mapping[str, Any],
    treatment: str | tuple[str, ...],
    contrast: tuple[Any, Any],
    groups: Any = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Effect on a score of the image: its mean difference between the counterfactual images of real units.

    The outcome is the score itself, so there is nothing to correct for. The generator's metrics tell how far its images
    can be trusted.

    Args:
        scm: Model with `abduct(factual, seed=...)`.
        image: Name of the image variable.
        score: Images `(n, C, H, W)` -> one number each, `(n,)`; NaN if there is none.
        factual, treatment, contrast, groups, level, seed: As in `measured_effect`.

    Raises:
        DataError: Fewer than 10 units have a score under both values, or `groups` has another length.
    """
    posterior = scm.abduct(factual, seed=seed)
    worlds = [posterior.counterfactual(do, seed=seed) for do in compared_worlds(treatment, contrast)]
    control, treated = (_floats(score(_numpy(world[image]))).reshape(-1) for world in worlds)
    kept = np.isfinite(control) & np.isfinite(treated)
    if kept.sum() < LEAST_UNITS:
        raise DataError(
            f"Expected at least {LEAST_UNITS} units with a score under both values; got {kept.sum()} of {len(kept)}. "
            "Pass more units, or look at the images."
        )
    rows = np.arange(len(kept)) if groups is None else _numpy(groups)
    effect, error = _mean((treated - control)[kept], rows[kept])
    note = (
        f"Read from the counterfactual images of {kept.sum()} real units under each value. The interval holds the units, "
        "not the uncertainty of the fit."
    )
    return _with_interval("read from generated images", effect, error, level, note)


def measure_units(
    scm: Counterfactuals,
    *,
    image: str,
    measure: Measure,
    factual: Mapping[str, Any],
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple[Any, Any],
    seed: int = 0,
) -> MeasuredUnits:
    """Measure factual images and the counterfactual ones under both values; arguments as in `measured_effect`.

    Raises:
        DataError: A node is missing, or fewer than 10 units can be measured in all three worlds.
    """
    for name in (image, outcome):
        if name not in factual:
            raise DataError(f"Expected factual values of '{name}'; got {', '.join(map(str, factual))}. Add them.")
    posterior = scm.abduct(factual, seed=seed)
    worlds = [posterior.counterfactual(do, seed=seed) for do in compared_worlds(treatment, contrast)]
    images = [_numpy(factual[image]), *(_numpy(world[image]) for world in worlds)]
    readings = [_floats(measure(pixels)).reshape(-1) for pixels in images]
    if {len(reading) for reading in readings} != {len(images[0])}:
        raise DataError(
            f"Expected one measurement for each of {len(images[0])} images; got {[len(r) for r in readings]}. "
            "Let `measure` return an array `(n,)`."
        )
    kept = np.asarray(np.isfinite(readings).all(axis=0))
    if kept.sum() < LEAST_UNITS:
        raise DataError(
            f"Expected at least {LEAST_UNITS} units whose factual and counterfactual images can be measured; got "
            f"{kept.sum()} of {len(kept)}. Pass more units, or look at the images."
        )
    values = [*readings, _floats(factual[outcome]), *(_floats(world[outcome]) for world in worlds)]
    return MeasuredUnits(kept, *(value[kept] for value in values))


def calibrate(measured: Array, assigned: Array) -> Calibration:
    """Least-squares line of measured on assigned outcomes, with the standard error of its slope.

    Raises:
        DataError: Fewer than 10 rows, or the slope is not clearly positive (within 5 standard errors of 0).

    >>> assigned = np.linspace(0, 10, 50)
    >>> line = calibrate(2 + 0.5 * assigned, assigned)
    >>> round(line.offset, 6), round(line.slope, 6)
    (2.0, 0.5)
    """
    if len(measured) != len(assigned) or len(measured) < 10:
        raise DataError(
            f"Expected one measurement for each of at least 10 factual images; got {len(measured)} measurements and "
            f"{len(assigned)} assigned values."
        )
    line = linregress(assigned, measured) if np.ptp(assigned) else None
    if line is None or not line.slope > 5 * line.stderr:
        found = "assigned outcomes that do not vary" if line is None else f"slope {line.slope:.3g} +- {line.stderr:.3g}"
        raise DataError(
            f"Expected the measurement to follow the assigned outcome on factual images; got {found}. "
            "Check that the images and the measured attribute belong together."
        )
    return Calibration(float(line.intercept), float(line.slope), float(line.stderr))


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


def _numpy(values: Any) -> NDArray:
    """A numpy array from an array or a tensor on any device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _floats(values: Any) -> Array:
    return _numpy(values).astype(float)
