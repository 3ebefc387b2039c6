"""Whether single or double precision can compute with the numbers of a column."""

import numpy as np
from numpy.typing import NDArray

from .kinds import ReadingFault

__all__ = ["out_of_reach"]

FINEST = 0.01
"""A precision must distinguish numbers that differ by this share of their spread."""
SMALLEST, LARGEST = 1e-100, 1e100
"""Lowest and highest spread of numbers whose squares are well within the range of double precision."""


def out_of_reach(numbers: NDArray[np.float64], precision: type = np.float64) -> ReadingFault | None:
    """The reason why a precision cannot compute with these finite numbers; None if it can.

    Args:
        numbers: `(rows,)`, at least two of them different.
        precision: `numpy.float64`, in which effects are estimated, or `numpy.float32`, in which models are trained.
    """
    low, high = float(numbers.min()), float(numbers.max())
    shown = f"{low:.15g} to {high:.15g}"
    name, limits = ("single", (1e-30, 1e30)) if precision is np.float32 else ("double", (SMALLEST, LARGEST))
    if max(abs(low), abs(high)) > limits[1]:
        return ReadingFault(
            f"{shown}, too large to compute with in {name} precision", f"numbers up to {limits[1]:g}", "rescale them"
        )
    if high - low < limits[0]:
        expected = f"numbers that differ by more than {limits[0]:g}"
        return ReadingFault(
            f"{shown}, which differ by too little to compute with in {name} precision", expected, "rescale them"
        )
    if float(np.spacing(precision(max(abs(low), abs(high))))) > FINEST * numbers.std():
        found = f"{shown}, too large for how little they differ"
        return ReadingFault(
            found,
            f"numbers that {name} precision distinguishes",
            "subtract one number from all of them, or rescale them",
        )
    return None
