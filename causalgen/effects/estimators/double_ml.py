"""Double machine learning of the effect of a continuous treatment."""

import numpy as np

from .adjustment import AdjustmentEstimator, Arrays, Influence
from .basis import FlexibleBasis
from .folds import cross_folds
from .linear import partialled_out
from .outcome_model import OutcomeModel

__all__ = ["DoubleMachineLearning"]


class DoubleMachineLearning(AdjustmentEstimator):
    r"""Partially linear model :math:`y = \theta t + g(z) + \varepsilon`: flexible in the covariates, linear in t.

    Cross-fitted regressions predict treatment and outcome from the covariates; the effect is the slope of the outcome's
    residuals on the treatment's residuals, times the contrast. Where the effect is not linear or differs between rows,
    it is the slope averaged over rows with weights :math:`(t - E[t | z])^2`: rows whose treatment the covariates predict
    well get little weight, and only the difference of the contrast's values matters.

    References:
        Robinson (1988); Chernozhukov et al. (2018), Double/debiased machine learning.
    """

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        basis = FlexibleBasis(arrays.covariates, units=arrays.units)(arrays.covariates)
        left = np.column_stack([arrays.treatment, arrays.outcome])
        for fit, score in cross_folds(len(basis), self.folds, self.seed, clusters=arrays.clusters):
            known = None if arrays.clusters is None else arrays.clusters[fit]
            for which, values in enumerate((arrays.treatment, arrays.outcome)):
                model = OutcomeModel(penalty=None).fit(basis[fit], values[fit], arrays.weights[fit], known)
                left[score, which] -= model.predict(basis[score])
        return partialled_out(left[:, 0], left[:, 1], arrays, treated - control)
