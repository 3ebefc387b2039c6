"""Cross-fitted doubly robust estimation of the effect of a binary or categorical treatment."""

from typing import Any, NamedTuple

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .first_fit import FirstFit, Penalties, with_penalty
from .folds import Rows
from .outcome_model import OutcomeModel
from .weighting import balancing_weights

__all__ = ["DoublyRobust", "RobustScores"]

ROWS_TO_SCORE = 5_000


class RobustScores(NamedTuple):
    """Doubly robust scores of every row: the effect in any group of rows is its sum(pull) / sum(share).

    Attributes:
        arms: Contribution to the means under both compared values, the control first, shape `(2, rows)`.
        share: Contribution to the population, shape `(rows,)`.
    """

    arms: Array
    share: Array

    @property
    def pull(self) -> Array:
        """Contribution to the effect, shape `(rows,)`."""
        return self.arms[1] - self.arms[0]


class DoublyRobust(AdjustmentEstimator):
    r"""Augmented inverse propensity weighting (AIPW) with cross-fitted nuisance models, in a named population.

    With propensities :math:`e_a, e_b` of the two compared values and the population's tilt :math:`h`,

    .. math:: \hat\tau = \frac{\sum_i h_i \frac{1[t_i = b]}{e_b} (y_i - m_b) - h_i \frac{1[t_i = a]}{e_a} (y_i - m_a)
        + s_i (m_b - m_a)}{\sum_i s_i}

    where :math:`s_i` is the efficient score of the population's size: whole h = s = 1; treated h = e_b, s = 1[t = b];
    control h = e_a, s = 1[t = a]; overlap h = e_a e_b, s = h + e_a (1[t = b] - e_b) + e_b (1[t = a] - e_a).
    In the whole population it is consistent when the outcome models m or the propensities are right; in the others
    the tilt itself needs the propensities. Rows are scored by models that were fitted without them. In a small table
    the estimate depends on the split into folds, so the scores are averaged over up to 5 splits, as long as they
    score at most 5,000 rows in total.

    References:
        Robins, Rotnitzky and Zhao (1994); Chernozhukov et al. (2018), Double/debiased machine learning; Li, Morgan
        and Zaslavsky (2018), Balancing covariates via propensity score weighting.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        outcome_model: sklearn regressor, cloned for each fold and arm.
        propensity_model: sklearn classifier, or regressor of an indicator, cloned for each fold.
        most_splits: Maximum number of splits into folds.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        outcome_model: BaseEstimator | None = None,
        propensity_model: BaseEstimator | None = None,
        most_splits: int = 5,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.outcome_model = outcome_model or OutcomeModel(penalty=None)
        self.propensity_model = propensity_model or OutcomeModel((0.0, 1.0), penalty=None)
        self.most_splits = most_splits

    def keep(self, first: FirstFit) -> "DoublyRobust":
        """The same estimator with a single split: the folds are kept, and several would slow every refit."""
        estimator = super().keep(first)
        estimator.most_splits = 1
        return estimator

    def splits(self, rows: int) -> int:
        """Number of splits into folds over which the scores of a table with `rows` rows are averaged."""
        return int(np.clip(ROWS_TO_SCORE // rows, 1, self.most_splits))

    def scores(self, arrays: Arrays, control: float, treated: float) -> RobustScores:
        """The doubly robust scores of every row."""
        basis = self._basis(arrays.covariates, arrays.units)(arrays.covariates)
        more = np.random.SeedSequence(self.seed).generate_state(self.splits(len(basis)) - 1)
        seeds = [self.seed, *more.tolist()]
        found = [self._scores_of_split(basis, arrays, (control, treated), seed) for seed in seeds]
        return RobustScores(*(np.mean(parts, axis=0) for parts in zip(*found, strict=True)))

    def _scores_of_split(self, basis: Array, arrays: Arrays, values: tuple[float, float], seed: int) -> RobustScores:
        """The scores under one split of the rows into folds."""
        two = not np.setdiff1d(arrays.treatment, values).size
        arm = np.select([arrays.treatment == value for value in values], [1, 2])
        folds = self._folds(arrays, seed, arm)
        mean, propensity = np.zeros((2, len(basis))), np.zeros((2, len(basis)))
        kept = FirstFit() if self.kept is None else self.kept
        known = kept.propensities or {}
        fitted = Parallel()(
            delayed(self._score)(basis, arrays, values, rows, two, kept.penalties.get(number, {}), known.get(number))
            for number, rows in enumerate(folds)
        )
        for number, (score, means, propensities, penalties) in enumerate(fitted):
            mean[:, score], propensity[:, score] = means, propensities
            kept.penalties[number] = penalties
            if kept.propensities is not None:
                kept.propensities[number] = propensities
        return _scores(arrays, values, mean, propensity)

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        arms, share = self.scores(arrays, control, treated)
        size = np.mean(arrays.weights * share)
        means = arms @ arrays.weights / len(share) / size
        return Influence.of_means(means, arrays.weights * (arms - means[:, None] * share) / size, arrays.clusters)

    def _score(
        self,
        basis: Array,
        arrays: Arrays,
        values: tuple[float, float],
        fold: tuple[Rows, Rows],
        two: bool,
        kept: Penalties,
        known: Array | None,
    ) -> tuple[Rows, Array, Array, Penalties]:
        """Means and propensities `(2, rows)` of the scored rows under both values, and the penalties that were used."""
        (fit, score), penalties = fold, dict(kept)
        mean, propensity = np.zeros((2, len(score))), np.zeros((2, len(score)))

        def fitted(model: BaseEstimator, target: Array, rows: Rows, role: str) -> BaseEstimator:
            found = with_penalty(model, kept.get(role), len(rows))
            ours = isinstance(found, OutcomeModel)
            known = {} if arrays.clusters is None or not ours else {"clusters": arrays.clusters[rows]}
            found.fit(basis[rows], target[rows], sample_weight=arrays.weights[rows], **known)
            if ours:
                penalties[role] = found.penalty_ / len(rows)
            return found

        for which, value in enumerate(values):
            rows = fit[arrays.treatment[fit] == value]
            mean[which] = fitted(self.outcome_model, arrays.outcome, rows, f"outcome {which}").predict(basis[score])
        if known is not None:
            return score, mean, known, penalties
        for which, value in list(enumerate(values))[two:]:
            member = (arrays.treatment == value).astype(float)
            propensity[which] = _probability(fitted(self.propensity_model, member, fit, f"{which}"), basis[score])
        if two:
            propensity[0] = 1 - propensity[1]
        return score, mean, propensity, penalties


def _probability(fitted: BaseEstimator, scored: Array) -> Array:
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(scored)[:, 1]
    return fitted.predict(scored)


def _scores(arrays: Arrays, values: tuple[float, float], mean: Array, propensity: Array) -> RobustScores:
    in_control, in_treated = ((arrays.treatment == value).astype(float) for value in values)
    e_control, e_treated = propensity
    of_control, of_treated = balancing_weights(propensity, arrays.population)
    share = {
        "whole": np.ones(len(e_treated)),
        "treated": in_treated,
        "control": in_control,
        "overlap": e_control * in_treated + e_treated * in_control - e_control * e_treated,
    }[arrays.population]
    weights = np.stack([in_control * of_control, in_treated * of_treated])
    return RobustScores(weights * (arrays.outcome - mean) + share * mean, share)
