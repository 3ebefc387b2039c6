"""The regression line of measured on assigned values, which corrects a measurement."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import linregress

from ..errors import DataError

__all__ = ["LEAST_UNITS", "Calibration", "calibrate"]

LEAST_UNITS = 10


class Calibration(NamedTuple):
    """Straight line `measured = offset + slope * assigned`, with the standard error of the slope."""

    offset: float
    slope: float
    slope_error: float


def calibrate(measured: NDArray[np.float64], assigned: NDArray[np.float64]) -> Calibration:
    """Least-squares line of measured on assigned outcomes, with the standard error of its slope.

    Raises:
        DataError: Fewer than 10 rows, or the slope is not clearly positive (within 5 standard errors of 0).

    >>> assigned = np.linspace(0, 10, 50)
    >>> line = calibrate(2 + 0.5 * assigned, assigned)
    >>> round(line.offset, 6), round(line.slope, 6)
    (2.0, 0.5)
    """
    if len(measured) != len(assigned) or len(measured) < LEAST_UNITS:
        raise DataError(
            f"Expected one measurement for each of at least {LEAST_UNITS} factual images; got {len(measured)} measurements and "
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
