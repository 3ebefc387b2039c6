"""Cross-fitted doubly robust estimation of the effect of a binary or categorical treatment."""

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .first_fit import FirstFit, Penalties, Starts, with_penalty
from .fold_ridges import fold_ridges
from .folds import Rows
from .learners import LIBRARY, Learner, Prediction, boosting
from .outcome_model import OutcomeModel
from .passed_on import FittedFold, passed_on
from .recalibration import calibrated_propensities
from .stacking import gains, stack, stack_remark
from .weighting import balancing_weights, least_propensity

__all__ = ["DoublyRobust", "Passing", "RobustScores", "SuperLearner", "bounded_weights", "robust_scores"]

LEAST_ROWS_TO_ADAPT = 1_000
BOOSTING: dict[str, Learner] = {"boosting": boosting}
UNADAPTED = " Without boosted trees and recalibration here."


Split = tuple[tuple[float, float], NDArray[np.int64], list[tuple[Rows, Rows]], int]
"""The compared values, the arm of each row (1, 2; 0 for other values), the folds and their seed."""


Passing = Callable[[Array], tuple[Array, Array]]
"""`passed_on` with the outcome models of a split into folds; 0 and 1 if they are unknown."""


class RobustScores(NamedTuple):
    """Doubly robust scores of every row: the effect in any group of rows is its sum(pull) / sum(share).

    Attributes:
        arms: Contribution to the means under both compared values, the control first, shape `(2, rows)`.
        share: Contribution to the population, shape `(rows,)`.
        passed: What each row's error adds to its contribution, `(2, rows)`, because the outcome models of the other folds pass
            it on (see `passed_on`): a part of the variance, not of the estimate.
    """

    arms: Array
    share: Array
    passed: Array

    @property
    def pull(self) -> Array:
        """Contribution to the effect, shape `(rows,)`."""
        return self.arms[1] - self.arms[0]

    def effect(self, weights: Array) -> float:
        """The effect in all rows, by their sampling weights."""
        return float(weights @ self.pull / (weights @ self.share))


class DoublyRobust(AdjustmentEstimator):
    r"""Augmented inverse propensity weighting (AIPW) with cross-fitted nuisance models, in a named population.

    With propensities :math:`e_a, e_b` of the two compared values and the population's tilt :math:`h`,

    .. math:: \hat\tau = \frac{\sum_i h_i \frac{1[t_i = b]}{e_b} (y_i - m_b) - h_i \frac{1[t_i = a]}{e_a} (y_i - m_a)
        + s_i (m_b - m_a)}{\sum_i s_i}

    where :math:`s_i` is the efficient score of the population's size: whole h = s = 1; treated h = e_b, s = 1[t = b];
    control h = e_a, s = 1[t = a]; overlap h = e_a e_b, s = h + e_a (1[t = b] - e_b) + e_b (1[t = a] - e_a).
    In the whole population it is consistent when the outcome models m or the propensities are right; in the others
    the tilt itself needs the propensities. Rows are scored by models that were fitted without them; predictions are
    kept near the range of those for the models' own rows, and of the observed outcomes. Divisors e are truncated at
    `least_propensity`. In a small table the estimate depends on the split into folds, so the scores are averaged over up
    to 5 splits, as long as they score at most 5,000 rows in total.

    Standard errors also count what an outcome passes on through the spline models that were fitted on it (see `passed_on`); a
    given outcome model that is no `OutcomeModel` passes on nothing.

    The nuisance models adapt: if boosted trees find structure in the rows of the first fold that the spline model
    misses (see `gains`), the two are stacked; miscalibrated propensities are recalibrated. A table whose structure
    splines miss may have more that trees miss too, which the influence function does not account for. So if the models
    are stacked, the squared standard error is increased by the squared shift of the estimate from that of the splines
    alone. Refits that keep the first fit (refuters) do not adapt, and compare with an estimate that does not either.

    References:
        Robins, Rotnitzky and Zhao (1994); Chernozhukov et al. (2018), Double/debiased machine learning; Li, Morgan
        and Zaslavsky (2018), Balancing covariates via propensity score weighting.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        outcome_model: sklearn regressor, cloned for each fold and arm.
        propensity_model: sklearn classifier, or regressor of an indicator, cloned for each fold.
        most_splits: Maximum number of splits into folds.
        bounds: Range of the outcome; None for one without limits.
        adapts: Whether the spline models are stacked with boosted trees where these find more, and propensities
            recalibrated.
    """

    rows_per_feature = 10
    learners: Mapping[str, Learner] = {}
    """Learners that are always stacked with the spline model."""

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        outcome_model: BaseEstimator | None = None,
        propensity_model: BaseEstimator | None = None,
        most_splits: int = 5,
        bounds: tuple[float, float] | None = None,
        adapts: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.bounds = bounds
        self.outcome_model = outcome_model or OutcomeModel(bounds, penalty=None)
        self.propensity_model = propensity_model or OutcomeModel((0.0, 1.0), penalty=None)
        self.most_splits = most_splits
        self.adapts = adapts and outcome_model is None and propensity_model is None

    @property
    def _is_ridge(self) -> bool:
        """Whether the outcome is modelled by ridge regressions with chosen penalties, which refits keep."""
        model = self.outcome_model
        return isinstance(model, OutcomeModel) and model.bounds is None and model.penalty is None

    def keep(self, first: FirstFit) -> "DoublyRobust":
        """The same estimator with a single split, which does not adapt."""
        estimator = super().keep(first)
        estimator.adapts = False
        return estimator

    def for_resamples(self) -> "DoublyRobust":
        """The same estimator with only its own models: boosted trees in every resample would take minutes."""
        estimator = copy(self)
        estimator.adapts = False
        return estimator

    def scores(self, arrays: Arrays, control: float, treated: float) -> RobustScores:
        """The doubly robust scores of every row."""
        basis = self._covariate_features(arrays)
        seeds = self.split_seeds(len(basis))
        self._found: dict[str, bool] = {}
        self.remark, self._shifts = "" if self.adapts else UNADAPTED, [0.0]
        found = [self._scores_of_split(basis, arrays, (control, treated), seed) for seed in seeds]
        return RobustScores(*(np.mean(parts, axis=0) for parts in zip(*found, strict=True)))

    def _scores_of_split(self, basis: Array, arrays: Arrays, values: tuple[float, float], seed: int) -> RobustScores:
        """The scores under one split of the rows into folds."""
        two = not np.setdiff1d(arrays.treatment, values).size
        arm = np.select([arrays.treatment == value for value in values], [1, 2])
        folds = self._folds(arrays, seed, arm)
        mean, propensity = np.zeros((2, len(basis))), np.zeros((2, len(basis)))
        kept = FirstFit() if self.kept is None else self.kept
        known, models = kept.propensities or {}, list[FittedFold]()
        if ridges := self._is_ridge and kept.penalties.keys() >= set(range(len(folds))):
            mean, grams, models = fold_ridges(basis, arrays, arm, folds, kept.penalties, kept.grams)
            kept.grams = None if kept.propensities is None else grams
        fitted = Parallel()(
            delayed(self._score)(
                basis,
                arrays,
                values,
                rows,
                two,
                (kept.penalties.get(number, {}), kept.starts.get(number, {})),
                (mean[:, rows[1]] if ridges else None, known.get(number)),
            )
            for number, rows in enumerate(folds)
        )
        for number, (score, means, propensities, penalties, starts, _) in enumerate(fitted):
            mean[:, score], propensity[:, score] = means, propensities
            kept.penalties[number] = penalties
            kept.starts.setdefault(number, starts)
            if kept.propensities is not None:
                kept.propensities[number] = propensities
        models = models or [own for *_, own in fitted if own is not None]
        passing: Passing = partial(passed_on, basis, models) if len(models) == len(folds) else _nothing
        if not self.adapts:
            return self._scored(arrays, values, (mean, propensity), passing)
        adapted = self._adapted(arrays, (mean, propensity.copy()), (values, arm, folds, seed))
        found = self._scored(arrays, values, adapted, passing)
        if self.remark:
            plain = self._scored(arrays, values, (mean, propensity), _nothing)
            self._shifts.append(found.effect(arrays.weights) - plain.effect(arrays.weights))
        return found

    def _scored(
        self, arrays: Arrays, values: tuple[float, float], nuisances: tuple[Array, Array], passing: Passing
    ) -> RobustScores:
        """The scores of these out-of-fold means and propensities, `(2, rows)`."""
        return robust_scores(arrays, values, nuisances, passing)

    def _adapted(self, arrays: Arrays, nuisances: tuple[Array, Array], split: Split) -> tuple[Array, Array]:
        """Means and propensities after stacking, and after recalibration of the propensities."""
        (mean, propensity), (values, arm, _, _) = nuisances, split
        members = np.stack([arm == 1, arm == 2])
        mean = self._stacked("outcome", mean, arrays, arrays.outcome, (members, self.bounds), split)
        every = np.ones((1, len(arm)), dtype=bool)
        two = bool(members.any(axis=0).all())
        for which in (1,) if two else (0, 1):
            target = members[which].astype(float)
            role, own = f"propensity of {values[which]:g}", propensity[[which]]
            propensity[which] = self._stacked(role, own, arrays, target, (every, (0.0, 1.0)), split)[0]
        if two:
            propensity[0] = 1 - propensity[1]
        return mean, calibrated_propensities(propensity, members, arrays.weights, arrays.units)[0]

    def _stacked(
        self,
        role: str,
        base: Array,
        arrays: Arrays,
        target: Array,
        shown: tuple[NDArray[np.bool_], tuple[float, float] | None],
        split: Split,
    ) -> Array:
        """The spline model's out-of-fold predictions, stacked with the learners, or with boosted trees if they help."""
        (arms, bounds), (_, _, folds, seed) = shown, split
        asked = Prediction(
            target, arms, arrays.covariates, arrays.coded, arrays.weights, arrays.clusters, bounds, seed % 2**31
        )
        learners = self.learners
        if not learners and arrays.coded.shape[1]:
            if role not in self._found:
                enough = arrays.units >= LEAST_ROWS_TO_ADAPT
                self._found[role] = enough and gains(base, asked, folds[0], boosting)
            learners = BOOSTING if self._found[role] else {}
        if not learners:
            return base
        found, weights = stack(base, asked, folds, learners)
        if role not in self.remark:
            self.remark += stack_remark(role, ("splines", *learners), weights)
        return found

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        arms, share, passed = self.scores(arrays, control, treated)
        size = np.mean(arrays.weights * share)
        means = arms @ arrays.weights / len(share) / size
        pulls = arrays.weights * (arms - means[:, None] * share + passed) / size
        pulls -= pulls.mean(axis=1, keepdims=True)
        found = Influence.of_means(means, pulls, arrays.clusters)
        shift = float(np.sum(self._shifts)) / max(len(self._shifts) - 1, 1)
        if not shift:
            return found
        return Influence.of_means(means, pulls * np.hypot(1, shift / found.standard_error), arrays.clusters)

    def _score(
        self,
        basis: Array,
        arrays: Arrays,
        values: tuple[float, float],
        fold: tuple[Rows, Rows],
        two: bool,
        kept: tuple[Penalties, Starts],
        known: tuple[Array | None, Array | None],
    ) -> tuple[Rows, Array, Array, Penalties, Starts, FittedFold | None]:
        """Means and propensities `(2, rows)` of the scored rows under both values, what the models chose, and those of the
        outcome if they are `OutcomeModel`s."""
        (fit, score), penalties, starts = fold, dict(kept[0]), dict(kept[1])
        mean, slopes, propensity = np.zeros((3, 2, len(score)))
        models, sizes = list[OutcomeModel](), []

        def fitted(model: BaseEstimator, target: Array, rows: Rows, role: str) -> BaseEstimator:
            found = with_penalty(model, penalties.get(role), len(rows))
            if not isinstance(found, OutcomeModel):
                return found.fit(basis[rows], target[rows], sample_weight=arrays.weights[rows])
            clusters = None if arrays.clusters is None else arrays.clusters[rows]
            found.fit(basis[rows], target[rows], arrays.weights[rows], clusters, starts.get(role))
            penalties[role] = found.penalty_ / len(rows)
            starts[role] = np.append(found.intercept_, found.coef_)
            return found

        for which, value in enumerate(values if known[0] is None else ()):
            rows = fit[arrays.treatment[fit] == value]
            found = fitted(self.outcome_model, arrays.outcome, rows, f"outcome {which}")
            mean[which], slopes[which] = _unseen(found, basis[score], basis[fit], arrays.outcome[fit])
            models += [found] if isinstance(found, OutcomeModel) else []
            sizes.append(len(rows))
        mean, own = (
            (mean if known[0] is None else known[0]),
            FittedFold(score, models, sizes, slopes) if models else None,
        )
        if known[1] is not None:
            return score, mean, known[1], penalties, starts, own
        for which, value in list(enumerate(values))[two:]:
            member = (arrays.treatment == value).astype(float)
            found = fitted(self.propensity_model, member, fit, f"{which}")
            propensity[which] = _unseen(found, basis[score], basis[fit], member[fit])[0]
        if two:
            propensity[0] = 1 - propensity[1]
        return score, mean, propensity, penalties, starts, own


def _nothing(slack: Array) -> tuple[Array, Array]:
    return np.zeros_like(slack), np.ones_like(slack)


def _unseen(fitted: BaseEstimator, scored: Array, seen: Array, observed: Array) -> tuple[Array, Array]:
    """Means of the scored rows, and their derivative by the linear index of an `OutcomeModel`; 0 of another model."""
    if isinstance(fitted, OutcomeModel):
        return fitted.unseen(scored, seen, observed)
    means = fitted.predict_proba(scored)[:, 1] if hasattr(fitted, "predict_proba") else fitted.predict(scored)
    return means, np.zeros(len(scored))


class SuperLearner(DoublyRobust):
    """`DoublyRobust` with nuisance models that are a stack of several learners: splines, straight lines, boosted trees
    and extremely randomised trees, with the weights that predict best out of fold.

    References:
        van der Laan, Polley and Hubbard (2007), Super learner; Chernozhukov et al. (2018), Double/debiased machine
        learning; Ahrens, Hansen, Schaffer and Wiemann (2025), Model averaging and double machine learning.
    """

    learners = LIBRARY


def bounded_weights(arrays: Arrays, values: tuple[float, float], propensity: Array) -> Array:
    """`balancing_weights` without the extremes that a table of this size cannot bear, shape `(2, rows)`."""
    shares = np.array([np.average(arrays.treatment == value, weights=arrays.weights) for value in values])
    return balancing_weights(propensity, arrays.population, least_propensity(arrays.units, shares))


def robust_scores(
    arrays: Arrays, values: tuple[float, float], nuisances: tuple[Array, Array], passing: Passing
) -> RobustScores:
    """Doubly robust scores from out-of-fold means and propensities under both values, `(2, rows)`."""
    mean, propensity = nuisances
    members = np.stack([arrays.treatment == value for value in values]).astype(float)
    (in_control, in_treated), (e_control, e_treated) = members, propensity
    share = {
        "whole": np.ones(len(e_treated)),
        "treated": in_treated,
        "control": in_control,
        "overlap": e_control * in_treated + e_treated * in_control - e_control * e_treated,
    }[arrays.population]
    weights, residual = members * bounded_weights(arrays, values, propensity), arrays.outcome - mean
    added, errors = passing(arrays.weights * (share - weights))
    passed = members * ((weights + added) * errors - weights) * residual
    return RobustScores(weights * residual + share * mean, share, passed)
