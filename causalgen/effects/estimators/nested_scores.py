r"""Means of nested counterfactuals by regression on regression, and their multiply robust scores.

The variables come in stages, outcome last; stage j responds to the treatment value :math:`v_j`. With :math:`H_j` the
covariates and the first j stages, :math:`m_{K+1} = Y` and

.. math:: m_j(H_{j-1}) = E[m_{j+1}(H_j) \mid X = v_j, H_{j-1}]

the mean is :math:`E[m_1]`. Its efficient score, for a discrete treatment, is

.. math:: m_1 + \sum_j \frac{1(X = v_j)}{p(v_j \mid H_0)} \prod_{i<j} \frac{f(i \mid v_i)}{f(i \mid v_j)}
    (m_{j+1} - m_j), \qquad \frac{f(i \mid v_i)}{f(i \mid v_j)}
    = \frac{p(v_i \mid H_i)\, p(v_j \mid H_{i-1})}{p(v_j \mid H_i)\, p(v_i \mid H_{i-1})}

so that densities of mediators are never fitted, only probabilities of the treatment. With the two stages of a natural
effect it is the score of Tchetgen Tchetgen and Shpitser. The estimate is consistent if all regressions are right, or if
all probabilities are.

Among the rows that have a value g of the treatment, :math:`E[1(X = g)\, m_1]` has the score with :math:`1(X = g)\, m_1` for
the first term and :math:`p(g \mid H_0)` as a factor of every other one. Summed over g, with :math:`v_j = g` in the
treatment's district, that is the effect of a primal fixable treatment (see `causalgen.graph.primal`).

References:
    Tchetgen Tchetgen and Shpitser, Semiparametric theory for causal mediation analysis (2012).
    Zheng and van der Laan, Targeted maximum likelihood estimation of natural direct effects (2012).
    Bhattacharya, Nabi and Shpitser, Semiparametric inference for causal effects in graphical models with hidden variables
    (2022).
    Miles, Shpitser, Kanki, Meloni and Tchetgen Tchetgen, On semiparametric estimation of a path-specific effect (2020).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..effective_size import effective_size
from .basis import FlexibleBasis
from .first_fit import Penalties, with_penalty
from .folds import Rows, cross_folds
from .outcome_model import OutcomeModel
from .passed_on import NestedFit, passed_through

__all__ = ["Design", "Levels", "NestedMean", "NestedScores", "nested_scores", "treated_influence", "uneven"]

Array = NDArray[np.float64]
LEAST_EFFECTIVE = 0.2
"""Below this effective sample size, as a share of an arm's rows, a warning is given."""
MOST_DETERMINED = 0.1
"""Above this share of rows with a fitted treatment probability within 0.01 of 0 or 1, a warning is given."""
CLIP = 0.01
"""Minimum distance of a fitted probability of the treatment from 0 and 1."""


@dataclass(frozen=True)
class Design:
    """Input of the regressions.

    Args:
        treatment: `(rows,)`; codes of a discrete one.
        outcome: `(rows,)`.
        histories: For every stage, the columns that precede it: covariates and earlier stages, `(rows, columns)`.
        settings: The same, with fixed variables set to their values; equal to `histories` where none is fixed.
        bounds: Range of the outcome; None when it has none.
        contrast: The two treatment values (a, b) that are compared.
        discrete: Whether the treatment is discrete.
        clusters: Number of each row's cluster, `(rows,)`; None when rows are independent.
        weights: Sampling weights of mean 1, `(rows,)`; None where each row counts once.
        penalties: Where refits keep the penalties of the first fit: role of a model -> its penalty, as a share of its rows.
    """

    treatment: Array
    outcome: Array
    histories: tuple[Array, ...]
    settings: tuple[Array, ...]
    bounds: tuple[float, float] | None
    contrast: tuple[float, float]
    discrete: bool = False
    clusters: NDArray[np.int64] | None = None
    weights: Array | None = None
    penalties: Penalties | None = None

    def folds(self, folds: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows to fit on and rows to score; clusters stay together."""
        return cross_folds(len(self.treatment), folds, seed, arm=self.treatment, clusters=self.clusters)

    def fit(
        self, bounds: tuple[float, float] | None, features: Array, target: Array, rows: Rows, role: str = ""
    ) -> OutcomeModel:
        """A regression of the target, `(len(rows),)`, on the features of some rows."""
        clusters = None if self.clusters is None else self.clusters[rows]
        weights = None if self.weights is None else self.weights[rows]
        share = None if self.penalties is None else self.penalties.get(role)
        model = with_penalty(OutcomeModel(bounds, penalty=None), share, len(rows))
        model.fit(features[rows], target, weights, clusters)
        if self.penalties is not None:
            self.penalties[role] = model.penalty_ / len(rows)
        return model


class NestedMean:
    """The mean by flexible regressions on treatment and history (g-computation).

    Args:
        design: The columns.

    Attributes:
        bends: Whether a continuous treatment bends in every regression; too few rows leave straight lines.
        interacts: Whether every regression has the products of columns.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.bends = self.interacts = True
        self._seen: list[Array] = []
        self._set: list[dict[float, Array]] = []
        units = None if design.clusters is None else len(np.unique(design.clusters))
        for history, setting in zip(design.histories, design.settings, strict=True):
            columns = np.column_stack([self._indicators(design.treatment), history])
            basis = FlexibleBasis(columns, units=units, treated=not design.discrete)
            self.bends = self.bends and 0 in basis.curved
            self.interacts = self.interacts and basis.interacts
            self._seen.append(basis(columns))
            rows = len(columns)
            fixed = {v: np.column_stack([self._indicators(np.full(rows, v)), setting]) for v in design.contrast}
            self._set.append({value: basis(columns) for value, columns in fixed.items()})

    def _indicators(self, treatment: Array) -> Array:
        """The treatment as columns: one for each label but the first, if it has more than two."""
        labels = np.unique(self.design.treatment) if self.design.discrete else ()
        if len(labels) < 3:
            return treatment[:, None]
        return np.column_stack([treatment == label for label in labels[1:]]).astype(float)

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


class NestedScores(NamedTuple):
    """Score of every row `(rows,)`, whose mean is the estimate, and how evenly the rows contribute to it.

    A score includes what its residuals add through the regressions of the other folds (see `passed_through`), less the mean.
    `effective` is the effective sample size of the least even stage's weights, as a share of the rows with weight;
    `determined` the share of rows whose treatment covariates or mediators nearly determine, which clipped weights do
    not show.
    """

    values: Array
    effective: float
    determined: float = 0.0


class Levels(NamedTuple):
    """A requested mean: the treatment value of every stage, and the value that its rows have; None for all rows."""

    of_stages: Sequence[float]
    group: float | None = None


def nested_scores(
    design: Design, questions: Sequence[Levels], splits: Iterable[tuple[Rows, Rows]], features: Sequence[Array] = ()
) -> list[NestedScores]:
    """Scores for a discrete treatment, with cross-fitted models; weights are scaled to a mean of one (Hajek).

    Args:
        design: The columns.
        questions: The requested means.
        splits: Rows to fit on and rows to score; every row is scored once.
        features: Features of every history; computed here if left out.
    """
    treatment, known = design.treatment, features or [FlexibleBasis(history)(history) for history in design.histories]
    values = sorted(
        {value for question in questions for value in (*question.of_stages, question.group) if value is not None}
    )
    scores = np.zeros((len(questions), len(treatment)))
    weights, residuals, passed = np.zeros((3, len(questions), len(known), len(treatment)))
    determined = np.zeros(len(treatment), dtype=bool)
    counts = np.ones(len(treatment)) if design.weights is None else design.weights
    for number, (fit, score) in enumerate(splits):
        shares = [
            _probabilities(design, part, fit, score, values, f"fold {number}, history {place}")
            for place, part in enumerate(known)
        ]
        determined[score] = np.any([_clipped(share) for part in shares for share in part.values()], axis=0)
        for q, (levels, group) in enumerate(questions):
            share = np.ones(len(score)) if group is None else (treatment[score] == group).astype(float)
            for j in range(len(levels)):
                weights[q, j, score] = _scaled(
                    _weight(treatment[score], levels[: j + 1], shares, group), design, score, group
                )
            slack = -np.diff([share, *weights[q][:, score]], axis=0) * counts[score]
            later, later_fit = design.outcome[score], design.outcome[fit]
            stages: list[NestedFit] = []
            for j in reversed(range(len(levels))):
                arm = treatment[fit] == levels[j]
                role = f"fold {number}, question {q}, stage {j}"
                model = design.fit(design.bounds, known[j], later_fit[arm], fit[arm], role)
                stages.insert(0, NestedFit(model, known[j][score], known[j][fit], arm, slack[j]))
                mean = model.predict(stages[0].scored)
                residuals[q, j, score] = later - mean
                later, later_fit = mean, model.predict(stages[0].fitted)
            scores[q, score] = later * share + (weights[q][:, score] * residuals[q][:, score]).sum(axis=0)
            passed[q][:, fit] += passed_through(stages, counts[fit])
    added = (passed * residuals).sum(axis=1)
    scores += added - np.average(added, axis=1, weights=counts)[:, None]
    effective = effective_size(weights) / (weights > 0).sum(axis=2)
    lost = float(determined.mean())
    return [NestedScores(found, float(share), lost) for found, share in zip(scores, effective.min(axis=1), strict=True)]


def _scaled(weight: Array, design: Design, rows: Rows, group: float | None) -> Array:
    """The weights, scaled so that their mean is the share of the rows that they stand for."""
    counts = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    share = 1.0 if group is None else float(np.average(design.treatment[rows] == group, weights=counts))
    return weight * (share / np.average(weight, weights=counts))


def treated_influence(design: Design, *, folds: int, seed: int) -> NestedScores:
    """Effect on the rows with treatment b by doubly robust scores: the effect plus every row's influence on it.

    Only the untreated outcome is modelled. The design holds the rows of the two compared values only.
    """
    control, value = design.contrast
    treated = design.treatment == value
    (untreated,) = nested_scores(design, [Levels((control,), value)], design.folds(folds, seed))
    pull = treated * design.outcome - untreated.values
    effect = pull.mean() / treated.mean()
    return untreated._replace(values=effect + (pull - effect * treated) / treated.mean())


def _probabilities(
    design: Design, features: Array, fit: Rows, score: Rows, values: Sequence[float], role: str = ""
) -> dict[float, Array]:
    """P(X = v | features) of the scored rows, for some values v."""

    def share(value: float) -> Array:
        model = design.fit(
            (0.0, 1.0), features, (design.treatment[fit] == value).astype(float), fit, f"{role}: {value}"
        )
        return np.clip(model.predict(features[score]), CLIP, 1 - CLIP)

    labels = np.unique(design.treatment)
    if len(labels) > 2:
        return {value: share(value) for value in values}
    second = share(labels[1])
    return {labels[0]: 1 - second, labels[1]: second}


def _clipped(share: Array) -> NDArray[np.bool_]:
    return (share <= CLIP) | (share >= 1 - CLIP)


def _weight(
    treatment: Array, levels: Sequence[float], shares: Sequence[Mapping[float, Array]], group: float | None
) -> Array:
    """Weight of the last stage's residual: the formula's factors before it."""
    last = levels[-1]
    weight = (treatment == last) / shares[0][last]
    for i, level in enumerate(levels[:-1]):
        weight = weight * (shares[i + 1][level] / shares[i + 1][last]) / (shares[i][level] / shares[i][last])
    return weight if group is None else weight * shares[0][group]


def uneven(scores: Iterable[NestedScores]) -> tuple[str, ...]:
    """Return a warning if the effective sample size is small, or if the treatment of many rows is determined."""
    found = list(scores)
    effective, determined = min(score.effective for score in found), max(score.determined for score in found)
    if determined > MOST_DETERMINED:
        return (
            f"Poor overlap: for {determined:.0%} of the rows covariates or mediators nearly determine the treatment, "
            "so their outcome under another treatment is extrapolated. The intervals do not include that uncertainty.",
        )
    if effective >= LEAST_EFFECTIVE:
        return ()
    return (
        "Poor overlap: covariates and mediators under one treatment value rarely resemble those under the other, so few "
        f"rows carry the estimate (the effective sample size of one arm is {effective:.0%} of its rows). The intervals "
        "are then too narrow.",
    )
