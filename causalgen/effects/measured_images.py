"""Real units whose outcome is read from their images, factual and counterfactual."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..grammar import compared_worlds
from .correction import LEAST_UNITS, Calibration, calibrate

__all__ = ["Images", "MeasuredUnits", "measure_units"]

Array = NDArray[np.float64]
Measure = Callable[[NDArray], Any]


class Counterfactuals(Protocol):
    """The part of a structural causal model used here: `abduct`, whose posterior has `counterfactual(do, seed=...)`."""

    def abduct(self, factual: Any, *, seed: int) -> Any: ...


@dataclass(frozen=True, eq=False)
class Images:
    """Real units, and what is read from their images.

    Args:
        name: Name of the image variable.
        measure: Images `(n, C, H, W)` -> the outcome read on each, `(n,)`; NaN if there is none.
        factual: A value of every node for each unit. The effect refers to the population that they are a sample of.
        rows: Index labels of the units in the table, so that `agreement` resamples both together; None resamples them
            separately.
        groups: `(n,)`, units that share a source, such as one patient; None for independent units.
    """

    name: str
    measure: Measure
    factual: Mapping[str, Any]
    rows: Sequence[Hashable] | None = None
    groups: Any = None

    def counterfactuals(self, scm: Counterfactuals, treatment: Any, contrast: Any, seed: int) -> list[Any]:
        """The units' worlds under both values of the contrast."""
        posterior = scm.abduct(self.factual, seed=seed)
        return [posterior.counterfactual(do, seed=seed) for do in compared_worlds(treatment, contrast)]

    def read(self, pixels: Any) -> Array:
        """The reading of each image, `(n,)`."""
        return floats(self.measure(_numpy(pixels))).reshape(-1)

    def groups_of(self, kept: NDArray[np.bool_]) -> NDArray:
        """Groups of the kept units; without groups, every unit is one.

        Raises:
            DataError: The number of groups differs from the number of units.
        """
        if self.groups is None:
            return np.flatnonzero(kept)
        groups = _numpy(self.groups)
        if groups.shape != kept.shape:
            raise DataError(f"Expected one group for each of {len(kept)} units; got shape {groups.shape}.")
        return groups[kept]


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
    def line(self) -> Calibration:
        """Line of measured on assigned outcomes, on factual images."""
        return calibrate(self.factual, self.assigned)


def measure_units(
    scm: Counterfactuals,
    images: Images,
    *,
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple[Any, Any],
    seed: int = 0,
) -> MeasuredUnits:
    """Measure factual images and the counterfactual ones under both values; arguments as in `measured_effect`.

    Raises:
        DataError: A node is missing, or fewer than 10 units can be measured in all three worlds.
    """
    for name in (images.name, outcome):
        if name not in images.factual:
            raise DataError(
                f"Expected factual values of '{name}'; got {', '.join(map(str, images.factual))}. Add them."
            )
    worlds = images.counterfactuals(scm, treatment, contrast, seed)
    pixels = [images.factual[images.name], *(world[images.name] for world in worlds)]
    readings, units = [images.read(each) for each in pixels], len(_numpy(pixels[0]))
    if {len(reading) for reading in readings} != {units}:
        raise DataError(
            f"Expected one measurement for each of {units} images; got {[len(r) for r in readings]}. "
            "Let `measure` return an array `(n,)`."
        )
    kept = np.asarray(np.isfinite(readings).all(axis=0))
    if kept.sum() < LEAST_UNITS:
        raise DataError(
            f"Expected at least {LEAST_UNITS} units whose factual and counterfactual images can be measured; got "
            f"{kept.sum()} of {len(kept)}. Pass more units, or look at the images."
        )
    values = [*readings, floats(images.factual[outcome]), *(floats(world[outcome]) for world in worlds)]
    return MeasuredUnits(kept, *(value[kept] for value in values))


def _numpy(values: Any) -> NDArray:
    """A numpy array from an array or a tensor on any device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def floats(values: Any) -> Array:
    """Floats from an array or a tensor on any device."""
    return _numpy(values).astype(float)
