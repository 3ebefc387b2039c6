"""A simulated unobserved confounder: drawn with given strengths, and adjusted for by every estimator.

Given the linear residuals e_d of the treatment (on the covariates) and e_y of the outcome (on treatment and
covariates), both with variance 1, the variable

    u = sqrt(r2_d) e_d + s sqrt(r2_y (1 - r2_d)) e_y + sqrt((1 - r2_d) (1 - r2_y)) noise

has partial R2 r2_d with the treatment and r2_y with the outcome; the sign s makes it explain the effect instead of
masking it. For a linear estimator the result is the closed form of `robustness` up to the noise; every other estimator
sees the same variable. DoWhy's simulation changes treatment and outcome instead: flipping a binary treatment pulls
every estimate towards 0, confounded or not, so u is drawn here and the estimators are refitted through DoWhy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from ...graph.notation import spell_number
from ..estimators.first_fit import FirstFit
from ..table import EncodedTable
from .columns import compared, covariate_columns, other_labels
from .refit import NAIVE, refit, with_covariate
from .robustness import ALL, Robustness
from .words import percent

__all__ = ["ConfounderRow", "SimulatedConfounder", "check_simulations", "draw_confounder", "simulate_confounder"]

Array = NDArray[np.float64]

NAME = "(simulated confounder)"
STRENGTHS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
MOST_ROWS = 5_000
SALT = 20  # the noise must not repeat a table that was drawn under the same seed
LEAST_SIMULATIONS = 2

Benchmarked = Literal["sign lost", "sign kept", "no benchmark"]


@dataclass(frozen=True)
class ConfounderRow:
    """One estimate after adjusting for a simulated confounder of one strength.

    Attributes:
        estimate: Source of the estimate.
        like: Covariate whose strength the confounder has; "" if both strengths are set equal.
        r2_treatment: Its partial R2 with the treatment.
        r2_outcome: Its partial R2 with the outcome.
        value: Mean of the estimates over the simulations.
        spread: Their standard deviation.
    """

    estimate: str
    like: str
    r2_treatment: float
    r2_outcome: float
    value: float
    spread: float


@dataclass(frozen=True)
class SimulatedConfounder:
    """Estimates as a function of the strength of a simulated confounder.

    Attributes:
        original: Estimates without it, by source; the naive one among them.
        rows: Estimates with it.
        strongest: Greatest partial R2 of a single observed covariate with treatment or outcome; None if there is none.
        simulations: Draws for each strength.
    """

    original: dict[str, float]
    rows: tuple[ConfounderRow, ...]
    strongest: float | None
    simulations: int

    def tipping(self, source: str, share: float = 1.0) -> float | None:
        """The common strength that removes `share` of an estimate, interpolated; None if no tried strength does.

        `share` 1 is the strength at which the effect becomes 0; beyond it the sign changes.
        """
        start = self.original[source]
        curve = [(0.0, start)] + [(row.r2_outcome, row.value) for row in self._of(source) if not row.like]
        left = [(strength, value / start - (1 - share)) for strength, value in curve] if start else [(0.0, 0.0)]
        if left[0][1] <= 0:
            return 0.0
        for (before, above), (after, below) in pairwise(left):
            if below <= 0:
                return before + (after - before) * above / (above - below)
        return None

    def verdict(self, source: str) -> Benchmarked:
        """Whether a confounder as strong as observed covariates would change the sign: a benchmark, not a rejection."""
        compared = [row.value for row in self._of(source) if row.like]
        if not compared:
            return "no benchmark"
        return "sign lost" if min(value * self.original[source] for value in compared) <= 0 else "sign kept"

    def reading(self, source: str) -> str:
        """What a cause as strong as observed covariates would do, the tipping strengths, and what they cannot show."""
        like = [
            f"as strong as {row.like} would move it to {spell_number(row.value)}"
            for row in self._of(source)
            if row.like
        ]
        words = (
            f"A hidden cause {', and one '.join(like)}" if like else "No observed covariate has a comparable strength"
        )
        half, gone = self._strength(self.tipping(source, 0.5)), self._strength(self.tipping(source))
        return (
            f"The estimate is {spell_number(self.original[source])}. {words}. A simulated one halves it if it "
            f"explains {half}, and changes its sign if it explains {gone}. It cannot show whether such a cause exists."
        )

    def _strength(self, tipping: float | None) -> str:
        if tipping is None:
            return f"more than {percent(max(STRENGTHS))} of the unexplained variance, the most tried"
        words = f"{percent(tipping)} of the unexplained variance of treatment and outcome"
        if not self.strongest:
            return words
        return f"{words} ({tipping / self.strongest:.2g} times the most that one observed covariate explains)"

    def _of(self, source: str) -> list[ConfounderRow]:
        return [row for row in self.rows if row.estimate == source]

    def to_frame(self) -> pd.DataFrame:
        """One row for each estimate and strength, with a sentence that reads it."""
        columns = ["estimate", "like", "r2_treatment", "r2_outcome", "value", "spread", "reading"]
        return pd.DataFrame([(*vars(row).values(), self._row_reading(row)) for row in self.rows], columns=columns)

    def _row_reading(self, row: ConfounderRow) -> str:
        like = f", as strong as {row.like}," if row.like else ""
        return (
            f"A simulated hidden cause{like} that explains {percent(row.r2_treatment)} of the treatment and "
            f"{percent(row.r2_outcome)} of the outcome turns {spell_number(self.original[row.estimate])} into "
            f"{spell_number(row.value)}; this cannot show whether one exists."
        )


def draw_confounder(table: EncodedTable, r2_treatment: float, r2_outcome: float, random: np.random.Generator) -> Array:
    """Draw u, shape `(rows,)`, with partial R2 `r2_treatment` and `r2_outcome`, both in [0, 1)."""
    return _combine(*_residuals(table), r2_treatment, r2_outcome, random)


def simulate_confounder(
    table: EncodedTable,
    sources: Sequence[str],
    robust: Robustness,
    *,
    population: str = "whole",
    simulations: int = 3,
    seed: int = 0,
) -> SimulatedConfounder:
    """Adjust every estimate, and the naive one, for simulated confounders of growing strength.

    Tables of more than 5,000 rows are sampled down to 5,000, since there are many refits; the spread is reported.

    Args:
        table: Treatment, outcome and covariates.
        sources: Methods of the adjusted estimates.
        robust: Partial R2 of the observed covariates; the confounder is also given their strengths.
        population: Population that the adjusted estimates average over.
        simulations: Draws for each strength.
        seed: Seed of the draws.

    Raises:
        DataError: Fewer than 2 simulations.
    """
    check_simulations(simulations)
    random = np.random.default_rng([seed, SALT])
    if len(table.data) > MOST_ROWS:
        rows_drawn = random.choice(len(table.data), MOST_ROWS, replace=False)
        table = replace(table, data=table.data.iloc[rows_drawn].reset_index(drop=True))
    residuals = _residuals(table)
    names = [NAIVE, *sources]
    kept: dict[str, FirstFit] = {}  # an added column must not change the models that are used to judge it
    original = {name: row.value for name, row in refit(table, names, population=population, seed=seed).items()}
    start = refit(table, names, population=population, seed=seed, kept=kept)
    rows = []
    for like, r2_treatment, r2_outcome in [*(("", s, s) for s in STRENGTHS), *_compared(robust)]:
        draws = []
        for _ in range(simulations):
            u = _combine(*residuals, r2_treatment, r2_outcome, random)
            drawn = with_covariate(table, NAME, u)
            draws.append(refit(drawn, names, adjust_naive=[NAME], population=population, seed=seed, kept=kept))
        for name in names:
            values = original[name] + np.array([draw[name].value - start[name].value for draw in draws])
            rows.append(ConfounderRow(name, like, r2_treatment, r2_outcome, values.mean(), values.std(ddof=1)))
    return SimulatedConfounder(original, tuple(rows), _most_explained(robust), simulations)


def check_simulations(simulations: int) -> None:
    """Refuse fewer than 2 draws, because they have no spread."""
    if not isinstance(simulations, int) or simulations < LEAST_SIMULATIONS:
        raise DataError(
            f"Expected at least {LEAST_SIMULATIONS} simulations of the hidden confounder; got {simulations!r}."
        )


def _residuals(table: EncodedTable) -> tuple[Array, Array, float]:
    """Standardised residuals of treatment and outcome, and the sign of the coefficient between them."""
    treatment, outcome = (column.to_numpy(dtype=float) for column in (compared(table)[0], table.data[table.names[1]]))
    columns, weights = covariate_columns(table).join(other_labels(table)), table.weights
    design = np.column_stack([np.ones(len(treatment)), columns.to_numpy(dtype=float)])
    of_treatment = _left(design, treatment, weights)
    of_outcome = _left(np.column_stack([design, treatment]), outcome, weights)
    sign = np.sign(weights * of_treatment @ outcome) or 1.0
    return of_treatment, of_outcome, float(sign)


def _left(design: Array, target: Array, weights: Array) -> Array:
    """Residual of a linear regression of the target, scaled to variance 1."""
    root = np.sqrt(weights)
    left = target - design @ np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
    return left / np.sqrt(np.average(left**2, weights=weights))


def _combine(
    of_treatment: Array,
    of_outcome: Array,
    sign: float,
    r2_treatment: float,
    r2_outcome: float,
    random: np.random.Generator,
) -> Array:
    noise = random.normal(size=len(of_treatment))
    rest = 1 - r2_treatment
    return (
        np.sqrt(r2_treatment) * of_treatment
        + sign * np.sqrt(r2_outcome * rest) * of_outcome
        + np.sqrt(rest * (1 - r2_outcome)) * noise
    )


def _compared(robust: Robustness) -> list[tuple[str, float, float]]:
    rows = dict.fromkeys(row for row in (robust.strongest, robust.together) if row is not None)
    most = max(STRENGTHS)
    return [(row.covariate, row.r2_treatment, row.r2_outcome) for row in rows if row.r2_treatment <= most]


def _most_explained(robust: Robustness) -> float | None:
    """The greatest partial R2 of a single covariate with treatment or outcome."""
    singles = [row for row in robust.benchmarks if row.times == 1 and row.covariate != ALL]
    return max((max(row.r2_treatment, row.r2_outcome) for row in singles), default=None)
