"""Double machine learning of the effect of a continuous treatment."""

import numpy as np

from .adjustment import AdjustmentEstimator, Arrays, Influence
from .first_fit import with_penalty
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
        basis = self._covariate_features(arrays)
        left = np.column_stack([arrays.treatment, arrays.outcome])
        penalties = {} if self.kept is None else self.kept.penalties
        for number, (fit, score) in enumerate(self._folds(arrays, self.seed)):
            known = None if arrays.clusters is None else arrays.clusters[fit]
            shares = penalties.setdefault(number, {})
            for which, (role, values) in enumerate({"treatment": arrays.treatment, "outcome": arrays.outcome}.items()):
                model = with_penalty(OutcomeModel(penalty=None), shares.get(role), len(fit))
                model.fit(basis[fit], values[fit], arrays.weights[fit], known)
                shares[role] = model.penalty_ / len(fit)
                left[score, which] -= model.predict(basis[score])
        return partialled_out(left[:, 0], left[:, 1], arrays, treated - control)
