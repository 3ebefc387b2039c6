"""A penalised regression of a variable on features that respects the variable's declared range."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin

__all__ = ["OutcomeModel", "second_moments", "within_reach"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

PENALTIES = tuple(10.0**power for power in (0, -1, -2, -3, -4, -5))
"""Candidate ridge penalties for leave-one-out prediction, as shares of the rows used, largest first."""
ROWS_FOR_CHOICE = 1_000
CLUSTERS_FOR_CHOICE = 20
"""Whole clusters on which a penalty is chosen at least, however many rows they have, and the folds they make."""
CHUNK = 20_000
MOST_STEPS = 50
STEPS_FOR_CHOICE = 2
CLOSE = 1.0
NEAR = 0.01
"""Mean squared change of the log odds below which Newton's method keeps its curvature, which then changes little."""
TOLERANCE = 1e-6
ROWS_TO_START = 20_000
LEAST_CURVATURE = 1e-10
REACH = 0.25
"""How far an unbounded mean may lie outside the range of the means seen in fitting, as a share of that range."""


class OutcomeModel(RegressorMixin, BaseEstimator):
    r"""Ridge regression, or fractional logistic ridge regression when the variable is bounded.

    With bounds :math:`l, h` the mean is :math:`l + (h - l)\,\mathrm{sigmoid}(\varphi(x)^\top\beta)`, fitted by the
    Bernoulli quasi-likelihood, so no prediction leaves the range. A binary variable has the bounds (0, 1), and its
    mean is a propensity. Newton's method, over chunks of rows: no copy of the features is made.

    References:
        Papke and Wooldridge (1996), Econometric methods for fractional response variables. Allen (1974) and Pregibon
        (1981) for leave-one-out prediction from one fit, exact for the ridge, one Newton step for the logistic.

    Args:
        bounds: Least and greatest value of the variable; None for one without limits.
        penalty: Ridge penalty on the coefficients of standardised features; the intercept is free. None chooses it
            by leave-one-out prediction of about 1,000 rows, or of whole clusters with as many, among `PENALTIES`
            times their number.
    """

    def __init__(self, bounds: tuple[float, float] | None = None, penalty: float | None = 0.01) -> None:
        self.bounds = bounds
        self.penalty = penalty

    def fit(
        self,
        features: Array,
        outcome: Array,
        sample_weight: Array | None = None,
        clusters: Rows | None = None,
        start: Array | None = None,
    ) -> "OutcomeModel":
        """Fit on features `(rows, features)` and values `(rows,)`; a row counts `sample_weight` times.

        With `clusters` (a number for each row) the penalty is chosen by leaving out whole clusters, since other rows of
        a cluster would leak information. Newton's method starts from intercept and coefficients of similar data, if
        given; features beyond theirs come last.
        """
        rows = len(outcome)
        share = outcome if self.bounds is None else (outcome - self.bounds[0]) / self._width
        weights = np.ones(rows) if sample_weight is None else sample_weight
        first = np.zeros(features.shape[1] + 1)
        if start is not None:
            first[: len(start)] = start[: len(first)]
        penalty = self.penalty
        if penalty is None:
            few, folds = _rows_for_choice(rows, clusters)
            penalty, first = self._choose(features[few], share[few], weights[few], folds)
        if rows > 2 * ROWS_TO_START:  # a few rows suffice to start close enough for two or three steps over all rows
            few = np.linspace(0, rows - 1, ROWS_TO_START).astype(int)
            first = self._newton(features[few], share[few], weights[few], penalty, first)
        solution = self._newton(features, share, weights, penalty, first)
        self.penalty_ = penalty
        self.intercept_, self.coef_ = float(solution[0]), solution[1:]
        return self

    def fit_moments(self, gram: Array, moments: Array) -> "OutcomeModel":
        """Fit a given penalty without bounds, on the `second_moments` of the features and their products with the values."""
        assert self.penalty is not None
        self.penalty_, self.curvature_ = self.penalty, _penalised(gram.copy(), self.penalty)
        solution = _solver(self.curvature_, singular=self.penalty == 0)(moments)
        self.intercept_, self.coef_ = float(solution[0]), solution[1:]
        return self

    def predict(self, features: Array) -> Array:
        """Mean, shape `(rows,)`, in the variable's unit."""
        index = features @ self.coef_ + self.intercept_
        return index if self.bounds is None else self.bounds[0] + self._width * expit(index)

    def predict_unseen(self, features: Array, seen: Array, observed: Array) -> Array:
        """Mean of new rows, kept near the means of the rows `seen` and their `observed` values, shape `(rows,)`."""
        return self.unseen(features, seen, observed)[0]

    def unseen(self, features: Array, seen: Array, observed: Array) -> tuple[Array, Array]:
        """`predict_unseen`, and the derivative of these means by the linear index, which is 0 where they were moved."""
        free, of_seen = self.predict(features), self.predict(seen)
        if self.bounds is None:
            means = within_reach(free, of_seen, observed)
        else:
            means = np.clip(free, of_seen.min(), of_seen.max())
        return means, np.where(means == free, self.slope(features), 0.0)

    def slope(self, features: Array) -> Array:
        """Derivative of the mean by the linear index, shape `(rows,)`."""
        if self.bounds is None:
            return np.ones(len(features))
        share = expit(features @ self.coef_ + self.intercept_)
        return self._width * share * (1 - share)

    def representer(self, features: Array, gradient: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        r"""Solve for the weights that carry residuals into a functional of the coefficients (delta method).

        Args:
            features: Features of the rows fitted on.
            gradient: Derivative of the functional by intercept and coefficients, shape `(1 + features,)`, or one
                such column for each of several functionals.
            sample_weight: Weights of the rows fitted on.

        Returns:
            Coefficients and intercept of :math:`\alpha`: row :math:`i` contributes its weight times
            :math:`\alpha(x_i)(y_i - m(x_i))` to the functional's influence function.
        """
        weights = np.ones(len(features)) if sample_weight is None else sample_weight
        penalty = self.penalty_ * (1.0 if self.bounds is None else self._width)
        curvature = _penalised(second_moments(features, weights * self.slope(features)), penalty) / len(features)
        solution: Array = np.linalg.lstsq(curvature, gradient, rcond=None)[0].astype(np.float64)
        return solution[1:], np.asarray(solution[0])

    def passed_on(self, gradient: Array) -> Array:
        """Coefficients c, intercept first, by which the values of the rows fitted on move a functional of the model.

        A change of one of these values moves the functional by the change, times the row's weight, times (1, features) @ c.
        Unlike `representer`, this solves with the curvature of the fit and reads no rows.

        Args:
            gradient: Derivative of the functional by intercept and coefficients, shape `(1 + features,)`.
        """
        solution = _solver(self.curvature_, singular=self.penalty_ == 0)(gradient)
        return solution if self.bounds is None else solution / self._width

    @property
    def freedom(self) -> float:
        """Degrees of freedom: the summed variance of the fitted rows' means, in variances of a value given its features."""
        penalties = np.full(len(self.curvature_), self.penalty_)
        penalties[0] = 0.0
        smoother = np.linalg.lstsq(self.curvature_, self.curvature_ - np.diag(penalties), rcond=None)[0]
        return float(np.sum(smoother * smoother.T))

    def _newton(
        self,
        features: Array,
        share: Array,
        weights: Array,
        penalty: float,
        solution: Array,
        steps: int = MOST_STEPS,
    ) -> Array:
        """Minimise the penalised deviance from `solution`; a long step is halved until the deviance falls."""
        before = decrement = np.inf
        for _ in range(steps):
            gradient, local = self._gradient(features, share, weights, penalty, solution)
            if decrement > min(NEAR * local.sum(), before / 4):
                curvature = _penalised(second_moments(features, local), penalty)
                self.curvature_ = curvature
                solve = _solver(curvature, singular=penalty == 0)
            step = solve(gradient)
            before, decrement = decrement, float(gradient @ step)  # squared distance to the minimum, in standard errors
            if decrement > CLOSE and self.bounds is not None:
                step = self._shortened(step, features, share, weights, penalty, solution)
            solution = solution + step
            if decrement < TOLERANCE or self.bounds is None:
                break
        return solution

    def _shortened(
        self, step: Array, features: Array, share: Array, weights: Array, penalty: float, solution: Array
    ) -> Array:
        """The step, halved until the penalised deviance falls."""
        value = self._objective(features, share, weights, penalty, solution)
        for _ in range(MOST_STEPS):
            if self._objective(features, share, weights, penalty, solution + step) <= value:
                break
            step = step / 2
        return step

    def _objective(self, features: Array, share: Array, weights: Array, penalty: float, solution: Array) -> float:
        total = 0.5 * penalty * float(solution[1:] @ solution[1:])
        for rows in _chunks(len(share)):
            index = features[rows] @ solution[1:] + solution[0]
            loss = self._loss(index, share[rows])
            total += float(weights[rows] @ loss)
        return total

    def _loss(self, index: Array, share: Array) -> Array:
        if self.bounds is None:
            return 0.5 * (share - index) ** 2
        return np.logaddexp(0, index) - share * index

    def _gradient(
        self, features: Array, share: Array, weights: Array, penalty: float, solution: Array
    ) -> tuple[Array, Array]:
        """Downhill gradient of the penalised deviance, and every row's weight in its curvature."""
        index = features @ solution[1:] + solution[0]
        mean = index if self.bounds is None else expit(index)
        local = weights if self.bounds is None else weights * np.maximum(mean * (1 - mean), LEAST_CURVATURE)
        residual = weights * (share - mean)
        return np.concatenate([[residual.sum()], residual @ features - penalty * solution[1:]]), local

    def _choose(self, features: Array, share: Array, weights: Array, folds: list[Rows]) -> tuple[float, Array]:
        """The penalty with the lowest loss on rows left out, one by one or `folds` of them together; its solution."""
        best, chosen, kept = np.inf, 0.0, np.zeros(features.shape[1] + 1)
        for penalty, solution, curvature in self._candidates(features, share, weights):
            loss = self._left_out_loss(features, share, weights, solution, curvature, folds)
            if loss < best:
                best, chosen, kept = loss, penalty, solution
        return chosen, kept

    def _candidates(self, features: Array, share: Array, weights: Array) -> Iterator[tuple[float, Array, Array]]:
        """Every penalty with its solution and the curvature there."""
        solution, rows = np.zeros(features.shape[1] + 1), len(share)
        if self.bounds is None:  # the penalty changes only the diagonal of the moments
            gram, moments = (
                second_moments(features, weights),
                self._gradient(features, share, weights, 0.0, solution)[0],
            )
            for relative in PENALTIES:
                curvature = _penalised(gram.copy(), relative * rows)
                yield relative * rows, _solver(curvature, singular=False)(moments), curvature
            return
        for relative in PENALTIES:
            solution = self._newton(features, share, weights, relative * rows, solution, STEPS_FOR_CHOICE)
            local = self._gradient(features, share, weights, relative * rows, solution)[1]
            yield relative * rows, solution, _penalised(second_moments(features, local), relative * rows)

    def _left_out_loss(
        self, features: Array, share: Array, weights: Array, solution: Array, curvature: Array, folds: list[Rows]
    ) -> float:
        """Loss of the predictions without a row or its fold, by one step of Newton's method from the solution."""
        index = features @ solution[1:] + solution[0]
        mean = index if self.bounds is None else expit(index)
        local = weights if self.bounds is None else weights * np.maximum(mean * (1 - mean), LEAST_CURVATURE)
        residual = weights * (share - mean)
        design = np.column_stack([np.ones(len(features)), features])
        if not folds:
            spread = np.sum(design @ _inverse(curvature) * design, axis=1)
            left_out = index - spread * residual / (1 - np.minimum(local * spread, 1 - 1e-6))
            return float(weights @ self._loss(left_out, share))
        left_out = index.copy()
        for rows in folds:
            without = curvature - (design[rows].T * local[rows]) @ design[rows]
            left_out[rows] -= design[rows] @ np.linalg.solve(without, residual[rows] @ design[rows])
        return float(weights @ self._loss(left_out, share))

    @property
    def _width(self) -> float:
        assert self.bounds is not None
        return self.bounds[1] - self.bounds[0]


def _rows_for_choice(rows: int, clusters: Rows | None) -> tuple[Rows, list[Rows]]:
    """Rows on which a penalty is chosen, and which of them are left out together: none, or those of whole clusters."""
    if clusters is None:
        few = np.arange(rows)
        return (few if rows <= ROWS_FOR_CHOICE else np.linspace(0, rows - 1, ROWS_FOR_CHOICE).astype(int)), []
    _, own, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    kept = min(len(sizes), max(CLUSTERS_FOR_CHOICE, round(ROWS_FOR_CHOICE / sizes.mean())))
    chosen = np.linspace(0, len(sizes) - 1, kept).astype(int)
    place = np.full(len(sizes), -1)
    place[chosen] = np.arange(kept) % CLUSTERS_FOR_CHOICE
    few = np.argsort(own, kind="stable")
    few = few[place[own[few]] >= 0]
    if len(few) > ROWS_TO_START:  # very large clusters keep some of their rows each
        few = few[np.linspace(0, len(few) - 1, ROWS_TO_START).astype(int)]
    fold = place[own[few]]
    return few, [np.flatnonzero(fold == number) for number in range(min(kept, CLUSTERS_FOR_CHOICE))]


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, rows, CHUNK))


def within_reach(means: Array, seen: Array, observed: Array) -> Array:
    """Means of new rows, moved near the range of the means of the rows `seen` in fitting, and near that of their values.

    Outside the fitted rows, a curve can be far off, and one outlying row would then determine the estimate. The rows of
    the other arms count as seen, so their means may be far off as well, but the `observed` values are not.
    """
    for known in (seen, observed):
        least, greatest = known.min(), known.max()
        reach = REACH * (greatest - least)
        means = np.clip(means, least - reach, greatest + reach)
    return means


def second_moments(features: Array, weights: Array) -> Array:
    """Weighted products of an intercept and the features, `(1 + features, 1 + features)`."""
    width = features.shape[1]
    gram = np.zeros((width + 1, width + 1))
    gram[0, 0] = weights.sum()
    gram[0, 1:] = gram[1:, 0] = weights @ features
    root = np.sqrt(weights)[:, None]
    for rows in _chunks(len(features)):
        scaled = features[rows] * root[rows]
        gram[1:, 1:] += scaled.T @ scaled
    return gram


def _penalised(gram: Array, penalty: float) -> Array:
    """The products with the penalty on the features' diagonal."""
    places = np.arange(1, len(gram))
    gram[places, places] += penalty
    return gram


def _inverse(gram: Array) -> Array:
    return np.asarray(np.linalg.inv(gram), dtype=np.float64)


def _solver(curvature: Array, *, singular: bool) -> Callable[[Array], Array]:
    if singular:
        return lambda gradient: np.asarray(np.linalg.lstsq(curvature, gradient, rcond=None)[0], dtype=np.float64)
    factor = cho_factor(curvature)
    return lambda gradient: np.asarray(cho_solve(factor, gradient), dtype=np.float64)
