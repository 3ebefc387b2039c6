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

    Treatment and outcome are predicted from the covariates by cross-fitted regressions; the slope of what is left of
    the outcome on what is left of the treatment, times the contrast, is the effect. Where the effect is not linear or
    differs between rows it is the slope averaged over rows with weights :math:`(t - E[t | z])^2`: rows whose treatment
    the covariates predict well hardly count, and the contrast's own values play no part.

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
