r"""Estimates that correct for a measurement whose error is independent of treatment and outcome.

A measured **outcome**: on rows with assigned values, :math:`\text{measured} = \alpha + \beta\,\text{assigned} + e`, so an
effect on the measured outcome is :math:`\beta` times the effect. A measured **treatment or confounder** attenuates:
regression calibration substitutes :math:`E[\text{assigned} \mid \text{measured}, \text{the rest}]` where the
assigned value is unknown, which is right for a linear outcome model.

References:
    Carroll, Ruppert, Stefanski and Crainiceanu (2006), Measurement error in nonlinear models, chapters 2 and 4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..correction import Calibration, calibrate
from ..estimators.adjustment import Influence, Stated
from .debias import grouped_error

__all__ = ["Regression", "calibrated_outcome", "regression_calibration", "shift_of_line"]

Array = NDArray[np.float64]


class Regression(NamedTuple):
    """Columns of a linear outcome model over all rows.

    Attributes:
        outcome: `(rows,)`, assigned or measured.
        design: `(rows, columns)`; the treatment comes first.
        measured: Positions in `design` of measured columns.
        assigned: `(labelled, measured)` assigned values of these columns.
        assigned_outcome: `(labelled,)` assigned outcomes when the outcome is measured, else None.
        labelled: `(rows,)`, which rows have assigned values.
        groups: `(rows,)`, rows that share a source, numbered from 0.
    """

    outcome: Array
    design: Array
    measured: tuple[int, ...]
    assigned: Array
    assigned_outcome: Array | None
    labelled: NDArray[np.bool_]
    groups: NDArray


def calibrated_outcome(
    raw: Influence, measured: Array, assigned: Array, labelled: NDArray[np.bool_], groups: NDArray
) -> tuple[Stated, Calibration]:
    """Divide the effect on the measured outcome by the slope of the line; both are uncertain and share rows.

    Args:
        raw: Effect on the measured outcome, all rows.
        measured: `(labelled,)` measured outcomes of the labelled rows.
        assigned: `(labelled,)` their assigned outcomes.
        labelled: `(rows,)`, which rows have assigned values.
        groups: `(rows,)`, rows that share a source, numbered from 0.

    Raises:
        DataError: The measurement does not follow the assigned values.
    """
    line = calibrate(measured, assigned)
    centred = assigned - assigned.mean()
    slope = np.zeros(len(labelled))
    slope[labelled] = centred * (measured - line.offset - line.slope * assigned) / (centred @ centred)
    effect = raw.effect / line.slope
    error = grouped_error((raw.influence / len(labelled) - effect * slope) / line.slope, groups)
    return Stated(effect, error), line


def shift_of_line(measured: Array, assigned: Array, treatment: Array, groups: NDArray) -> tuple[float, float]:
    """Change of the measurement with the treatment at a fixed assigned value, and its standard error: 0 is assumed."""
    from statsmodels.api import OLS

    design = np.column_stack([np.ones(len(measured)), assigned, treatment])
    robust = {"groups": groups, "use_correction": False}
    fitted = OLS(measured, design).fit(cov_type="cluster", cov_kwds=robust)
    return float(fitted.params[2]), float(fitted.bse[2])


def regression_calibration(table: Regression, change: float, *, resamples: int, seed: int) -> Stated:
    """Linear adjustment with measured columns calibrated; the error is a bootstrap's over groups, calibration refitted.

    Args:
        table: The columns.
        change: Difference of the treatment between the two values of the contrast.
        resamples: Bootstrap resamples.
        seed: Seed of the resamples.
    """
    rng = np.random.default_rng(seed)
    count = int(table.groups.max()) + 1
    drawn = (rng.multinomial(count, np.full(count, 1 / count))[table.groups] for _ in range(resamples))
    draws = [change * _slope(table, times.astype(float)) for times in drawn]
    return Stated(change * _slope(table, np.ones(len(table.groups))), float(np.std(draws, ddof=1)))


def _slope(table: Regression, weights: Array) -> float:
    """Coefficient of the treatment, rows counted `weights` times."""
    design = np.column_stack([np.ones(len(weights)), table.design])
    known, unknown = np.flatnonzero(table.labelled), np.flatnonzero(~table.labelled)
    columns = 1 + np.array(table.measured, dtype=int)
    if len(columns):
        design[np.ix_(known, columns)] = table.assigned
        readings = np.column_stack([np.ones(len(weights)), table.design])
        line = _fit(readings[known], table.assigned, weights[known])
        design[np.ix_(unknown, columns)] = readings[unknown] @ line
    slope = float(_fit(design, table.outcome, weights)[1])
    if table.assigned_outcome is None:
        return slope
    line = np.column_stack([np.ones(len(known)), table.assigned_outcome])
    return slope / float(_fit(line, table.outcome[known], weights[known])[1])


def _fit(design: Array, values: Array, weights: Array) -> Array:
    weighted = design * weights[:, None]
    return np.asarray(np.linalg.lstsq(weighted.T @ design, weighted.T @ values, rcond=None)[0])
