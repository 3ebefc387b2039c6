"""Regression of an outcome on features that respects the outcome's declared range."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge

__all__ = ["OutcomeModel"]

Array = NDArray[np.float64]


class OutcomeModel(RegressorMixin, BaseEstimator):
    r"""Ridge regression, or fractional logistic regression when the outcome is bounded.

    With bounds :math:`l, h` the mean is :math:`l + (h - l)\,\mathrm{sigmoid}(\varphi(x)^\top\beta)`, fitted by the
    Bernoulli quasi-likelihood, so no prediction leaves the range. A binary outcome has the bounds (0, 1).

    References:
        Papke and Wooldridge (1996), Econometric methods for fractional response variables.

    Args:
        bounds: Least and greatest value of the outcome; None for an outcome without limits.
        penalty: Ridge penalty on the coefficients of standardised features; the intercept is free.
    """

    def __init__(self, bounds: tuple[float, float] | None = None, penalty: float = 0.01) -> None:
        self.bounds = bounds
        self.penalty = penalty

    def fit(self, features: Array, outcome: Array) -> "OutcomeModel":
        if self.bounds is None:
            model = Ridge(alpha=self.penalty).fit(features, outcome)
            self.coef_, self.intercept_ = model.coef_, float(model.intercept_)
        else:
            low, high = self.bounds
            share = (outcome - low) / (high - low)
            # Weights `share` on ones and `1 - share` on zeros make sklearn's likelihood the fractional one.
            ones = np.repeat([1, 0], len(share))
            model = LogisticRegression(C=1 / self.penalty, solver="newton-cholesky", max_iter=100)
            model.fit(np.vstack([features, features]), ones, sample_weight=np.concatenate([share, 1 - share]))
            self.coef_, self.intercept_ = model.coef_[0], float(model.intercept_[0])
        return self

    def predict(self, features: Array) -> Array:
        """Mean outcome, shape `(rows,)`, in the outcome's unit."""
        index = features @ self.coef_ + self.intercept_
        return index if self.bounds is None else self.bounds[0] + self._width * _sigmoid(index)

    def slope(self, features: Array) -> Array:
        """Derivative of the mean by the linear index, shape `(rows,)`."""
        if self.bounds is None:
            return np.ones(len(features))
        share = _sigmoid(features @ self.coef_ + self.intercept_)
        return self._width * share * (1 - share)

    def representer(self, features: Array, gradient: Array) -> tuple[Array, float]:
        r"""Solve for the weights that carry residuals into a functional of the coefficients (delta method).

        Args:
            features: Features of the rows fitted on.
            gradient: Derivative of the functional by intercept and coefficients, shape `(1 + features,)`.

        Returns:
            Coefficients and intercept of :math:`\alpha`: row :math:`i` contributes
            :math:`\alpha(x_i)(y_i - m(x_i))` to the functional's influence function.
        """
        design = np.column_stack([np.ones(len(features)), features])
        penalty = np.full(design.shape[1], self.penalty * (1.0 if self.bounds is None else self._width))
        penalty[0] = 0.0
        curvature = (design.T @ (design * self.slope(features)[:, None]) + np.diag(penalty)) / len(features)
        weights = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        return weights[1:], float(weights[0])

    @property
    def _width(self) -> float:
        assert self.bounds is not None
        return self.bounds[1] - self.bounds[0]


def _sigmoid(index: Array) -> Array:
    return 1 / (1 + np.exp(-index))
