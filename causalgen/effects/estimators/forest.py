"""Causal forest of econml, the optional extra."""

from typing import Any

import numpy as np
from dowhy.causal_identifier import IdentifiedEstimand
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from .adjustment import AdjustmentEstimator, Array, Arrays, Stated
from .econml_parts import CausalForestDML

__all__ = ["CausalForest"]

TREES = 200
LEAST_LEAF = 10


class CausalForest(AdjustmentEstimator):
    """A forest of effects given the covariates, on residuals of cross-fitted random forests (honest trees).

    The average effect of a binary treatment is econml's doubly robust one; that of a continuous one is the average of
    the forest's slopes, times the contrast.

    References:
        Athey, Tibshirani and Wager (2019), Generalized random forests. Chernozhukov et al. (2018).

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        discrete: Whether the treatment is binary.
    """

    def __init__(self, identified_estimand: IdentifiedEstimand, *, discrete: bool = False, **options: Any) -> None:
        super().__init__(identified_estimand, **options)
        self.discrete = discrete

    def forest(self, arrays: Arrays) -> CausalForestDML:
        """The fitted forest; a table without covariates gives it one constant."""
        treatment_model = RandomForestClassifier if self.discrete else RandomForestRegressor
        options = {"min_samples_leaf": LEAST_LEAF, "random_state": self.seed}
        model = CausalForestDML(
            model_y=RandomForestRegressor(**options),
            model_t=treatment_model(**options),
            discrete_treatment=self.discrete,
            n_estimators=TREES,
            min_samples_leaf=LEAST_LEAF,
            cv=self.folds,
            random_state=self.seed,
            n_jobs=1,
        )
        treatment = arrays.treatment.astype(int) if self.discrete else arrays.treatment
        return model.fit(arrays.outcome, treatment, X=modifiers(arrays))

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Stated:
        forest, change = self.forest(arrays), treated - control
        inference = forest.ate_inference(modifiers(arrays), T0=control, T1=treated)
        if self.discrete:
            return Stated(float(change * forest.ate_[0]), float(abs(change) * forest.ate_stderr_[0]))
        return Stated(float(inference.mean_point), float(inference.stderr_mean))


def modifiers(arrays: Arrays) -> Array:
    """The covariates, or a constant if there are none."""
    return arrays.covariates if arrays.covariates.shape[1] else np.ones((len(arrays.outcome), 1))
