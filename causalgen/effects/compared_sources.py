"""Sources compared with one another, within a margin, from their joint draws."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from .agreement_result import SOURCES, AgreementPair, Verdict
from .report import Estimate

__all__ = ["ComparedSources"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ComparedSources:
    """Effects of the sources with their joint draws.

    Attributes:
        points: The effect from each source, in the order of `SOURCES`.
        draws: Joint bootstrap draws, shape `(replicates, sources)`.
        sampling: Monte Carlo error of the model's effect.
        level: Level of the intervals.
    """

    points: Array
    draws: Array
    sampling: float
    level: float

    def sources(self, method: str) -> tuple[Estimate, ...]:
        notes = (
            f"{method} on the rows of the table.",
            "Mean over samples of the fitted model; the interval covers the fit of the attribute mechanisms.",
            "Counterfactual images of real units, corrected by the line of measured on assigned outcomes; the "
            "interval covers the fit of the attribute mechanisms, the units and the correction, but not the fit of "
            "the image.",
        )
        rows = []
        for j, (point, note) in enumerate(zip(self.points, notes, strict=False)):
            reach = self._error(self.draws[:, j], model=j == 1) * self._quantile(0.5 + self.level / 2)
            rows.append(Estimate(SOURCES[j], float(point), float(point - reach), float(point + reach), note=note))
        return tuple(rows)

    def pairs(self, margin: float) -> tuple[AgreementPair, ...]:
        rows = []
        for i, j in combinations(range(len(self.points)), 2):
            difference = float(self.points[j] - self.points[i])
            error = self._error(self.draws[:, j] - self.draws[:, i], model=1 in (i, j))
            reach, tested = (self._quantile(q) * error for q in (0.5 + self.level / 2, self.level))
            verdict: Verdict = "undecided"
            if abs(difference) + tested < margin:
                verdict = "agree within the margin"
            elif abs(difference) - reach > margin:
                verdict = "differ"
            rows.append(
                AgreementPair(SOURCES[i], SOURCES[j], difference, difference - reach, difference + reach, verdict)
            )
        return tuple(rows)

    def _quantile(self, probability: float) -> float:
        """Student's t interval, since the standard deviation comes from few replicates."""
        return float(student.ppf(probability, len(self.draws) - 1))

    def _error(self, draws: Array, *, model: bool) -> float:
        """Standard deviation of the draws, including the Monte Carlo error of the model's samples where they are used."""
        return float(np.hypot(draws.std(ddof=1), self.sampling if model else 0.0))
