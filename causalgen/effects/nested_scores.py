r"""Means of nested counterfactuals by regression on regression, and their multiply robust scores.

The variables come in stages, outcome last; stage j responds to the treatment value :math:`v_j`. With :math:`H_j` the
covariates and the first j stages, :math:`m_{K+1} = Y` and

.. math:: m_j(H_{j-1}) = E[m_{j+1}(H_j) \mid X = v_j, H_{j-1}]

the mean is :math:`E[m_1]`. Its efficient score, for a treatment of two values, is

.. math:: m_1 + \sum_j \frac{1(X = v_j)}{p(v_j \mid H_0)} \prod_{i<j} \frac{f(i \mid v_i)}{f(i \mid v_j)}
    (m_{j+1} - m_j), \qquad \frac{f(i \mid v_i)}{f(i \mid v_j)}
    = \frac{p(v_i \mid H_i)\, p(v_j \mid H_{i-1})}{p(v_j \mid H_i)\, p(v_i \mid H_{i-1})}

so that densities of mediators are never fitted, only probabilities of the treatment. With the two stages of a natural
effect it is the score of Tchetgen Tchetgen and Shpitser. Consistent where all regressions are right, or where all
probabilities are.

References:
    Tchetgen Tchetgen and Shpitser, Semiparametric theory for causal mediation analysis (2012).
    Zheng and van der Laan, Targeted maximum likelihood estimation of natural direct effects (2012).
    Miles, Shpitser, Kanki, Meloni and Tchetgen Tchetgen, On semiparametric estimation of a path-specific effect (2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .estimators.basis import FlexibleBasis
from .estimators.folds import cross_folds
from .estimators.outcome_model import OutcomeModel

__all__ = ["Design", "NestedMean", "Scores", "nested_scores", "treated_influence"]

Array = NDArray[np.float64]
CLIP = 0.01
"""Least distance of a fitted probability of the treatment from 0 and 1."""


@dataclass(frozen=True)
class Design:
    """Input of the regressions.

    Args:
        treatment: `(rows,)`; 0 or 1 for a binary one.
        outcome: `(rows,)`.
        histories: For every stage, the columns that precede it: covariates and earlier stages, `(rows, columns)`.
        settings: The same, with fixed variables set to their values; equal to `histories` where none is fixed.
        bounds: Range of the outcome; None when it has none.
    """

    treatment: Array
    outcome: Array
    histories: tuple[Array, ...]
    settings: tuple[Array, ...]
    bounds: tuple[float, float] | None


class NestedMean:
    """The mean by flexible regressions on treatment and history (g-computation).

    Args:
        design: The columns.
        values: Treatment values that a stage may respond to.
    """

    def __init__(self, design: Design, values: Sequence[float]) -> None:
        self.design = design
        self._seen: list[Array] = []
        self._set: list[dict[float, Array]] = []
        for history, setting in zip(design.histories, design.settings, strict=True):
            columns = np.column_stack([design.treatment, history])
            basis = FlexibleBasis(columns)
            self._seen.append(basis(columns))
            fixed = {value: np.column_stack([np.full(len(columns), value), setting]) for value in values}
            self._set.append({value: basis(columns) for value, columns in fixed.items()})

    def __call__(self, levels: Sequence[float], weights: Array) -> float:
        """The mean when each stage responds to its level.

        Args:
            levels: Treatment value of every stage.
            weights: How often each row counts, `(rows,)`: ones, or the counts of a bootstrap draw.
        """
        target = self.design.outcome
        for seen, fixed, level in reversed(list(zip(self._seen, self._set, levels, strict=True))):
            model = OutcomeModel(self.design.bounds).fit(seen, target, sample_weight=weights)
            target = model.predict(fixed[level])
        return float(np.average(target, weights=weights))


class Scores(NamedTuple):
    """Score of every row `(rows,)`, whose mean is the estimate, and how evenly the rows contribute to it.

    `effective` is the effective sample size of the least even stage's weights, as a share of the rows with weight;
    `determined` the share of rows whose treatment is all but determined by covariates or mediators: after clipping, the
    weights do not show these.
    """

    values: Array
    effective: float
    determined: float = 0.0


def nested_scores(design: Design, questions: Sequence[Sequence[float]], *, folds: int, seed: int) -> list[Scores]:
    """Scores for a treatment of 0 and 1, with cross-fitted models; weights are scaled to a mean of one (Hajek).

    Args:
        design: The columns.
        questions: For each requested mean, the treatment value of every stage.
        folds: Number of folds.
        seed: Seed of the folds.
    """
    treatment = design.treatment
    features = [FlexibleBasis(history)(history) for history in design.histories]
    values = np.zeros((len(questions), len(treatment)))
    weights = np.zeros((len(questions), len(features), len(treatment)))
    determined = np.zeros(len(treatment), dtype=bool)
    for fit, score in cross_folds(len(treatment), folds, seed, arm=treatment):
        shares = [_probability(part, treatment, fit, score) for part in features]
        determined[score] = np.any([_clipped(share) for share in shares], axis=0)
        for q, levels in enumerate(questions):
            later, later_fit = design.outcome[score], design.outcome[fit]
            for j in reversed(range(len(levels))):
                arm = treatment[fit] == levels[j]
                model = OutcomeModel(design.bounds, penalty=None).fit(features[j][fit][arm], later_fit[arm])
                mean = model.predict(features[j][score])
                weight = _weight(treatment[score], levels[: j + 1], shares)
                weights[q, j, score] = weight / weight.mean()
                values[q, score] += weights[q, j, score] * (later - mean)
                later, later_fit = mean, model.predict(features[j][fit])
            values[q, score] += later
    effective = weights.sum(axis=2) ** 2 / (weights**2).sum(axis=2) / (weights > 0).sum(axis=2)
    lost = float(determined.mean())
    return [Scores(found, float(share), lost) for found, share in zip(values, effective.min(axis=1), strict=True)]


def treated_influence(design: Design, *, folds: int, seed: int) -> Scores:
    """Effect on the rows with treatment 1 by doubly robust scores: the effect plus every row's influence on it.

    Robins, Rotnitzky and Zhao's scores for the treated: only the untreated outcome is modelled.
    """
    treatment, (history,) = design.treatment, design.histories
    features = FlexibleBasis(history)(history)
    pull, weights = np.zeros(len(treatment)), np.zeros(len(treatment))
    determined = np.zeros(len(treatment), dtype=bool)
    for fit, score in cross_folds(len(treatment), folds, seed, arm=treatment):
        share = _probability(features, treatment, fit, score)
        rest = fit[treatment[fit] == 0]
        model = OutcomeModel(design.bounds, penalty=None).fit(features[rest], design.outcome[rest])
        weights[score] = np.where(treatment[score] == 1, 1, -share / (1 - share))
        determined[score] = _clipped(share) & (treatment[score] == 1)
        pull[score] = weights[score] * (design.outcome[score] - model.predict(features[score]))
    effect = float(pull.mean() / treatment.mean())
    untreated = weights[treatment == 0]
    effective = float(untreated.sum() ** 2 / (untreated**2).sum() / len(untreated))
    influence = (pull - effect * treatment) / treatment.mean()
    return Scores(effect + influence, effective, float(determined[treatment == 1].mean()))


def _probability(features: Array, treatment: Array, fit: NDArray, score: NDArray) -> Array:
    """P(X = 1 | features) of the scored rows."""
    model = OutcomeModel((0.0, 1.0), penalty=None).fit(features[fit], treatment[fit])
    return np.clip(model.predict(features[score]), CLIP, 1 - CLIP)


def _clipped(share: Array) -> NDArray[np.bool_]:
    return (share <= CLIP) | (share >= 1 - CLIP)


def _weight(treatment: Array, levels: Sequence[float], shares: Sequence[Array]) -> Array:
    """Weight of the last stage's residual: the formula's factors before it."""

    def odds(i: int, level: float) -> Array:
        """p(level | H_i) / p(last level | H_i)."""
        one, other = (shares[i] if value else 1 - shares[i] for value in (level, levels[-1]))
        return one / other

    own = shares[0] if levels[-1] else 1 - shares[0]
    weight = (treatment == levels[-1]) / own
    for i, level in enumerate(levels[:-1]):
        weight = weight * odds(i + 1, level) / odds(i, level)
    return weight
