"""DoWhy's own estimators by word, such as "dowhy:linear_regression".

A word is the name that DoWhy gives the estimator, with "dowhy:" before it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import statsmodels.api as sm
from dowhy.causal_estimators.distance_matching_estimator import DistanceMatchingEstimator
from dowhy.causal_estimators.doubly_robust_estimator import DoublyRobustEstimator
from dowhy.causal_estimators.generalized_linear_model_estimator import GeneralizedLinearModelEstimator
from dowhy.causal_estimators.instrumental_variable_estimator import InstrumentalVariableEstimator
from dowhy.causal_estimators.linear_regression_estimator import LinearRegressionEstimator
from dowhy.causal_estimators.propensity_score_matching_estimator import PropensityScoreMatchingEstimator
from dowhy.causal_estimators.propensity_score_stratification_estimator import PropensityScoreStratificationEstimator
from dowhy.causal_estimators.propensity_score_weighting_estimator import PropensityScoreWeightingEstimator
from dowhy.causal_estimators.two_stage_regression_estimator import TwoStageRegressionEstimator

from ...errors import DataError
from .adjustment import Stated
from .foreign import TREATMENT, Make, Problem

__all__ = ["OF_DOWHY"]


def _linear(problem: Problem) -> Stated:
    estimate = problem.run(LinearRegressionEstimator(problem.estimand))
    error = abs(float(np.squeeze(estimate.get_standard_error())))
    return Stated(float(estimate.value), error)


def _generalized(problem: Problem) -> Stated:
    family = sm.families.Binomial() if problem.binary_outcome else sm.families.Gaussian()
    estimator = GeneralizedLinearModelEstimator(problem.estimand, glm_family=family, predict_score=True)
    return _plain(problem.run(estimator).value)


def _by_class(estimator: Callable[..., Any], **options: Any) -> Make:
    return lambda problem: _plain(problem.run(estimator(problem.estimand, **options)).value)


def _instrument(problem: Problem) -> Stated:
    if problem.covariates:
        raise DataError(
            "Expected an instrument that is valid without adjustment; DoWhy's estimator adjusts for nothing."
        )
    problem.estimand.estimands["iv"] = {"assumptions": {}}  # which DoWhy reads, and its own identification fills
    column = problem.data["instrument"]
    if column.nunique() == 2:
        problem.data["instrument"] = (column == column.max()).astype(float)
    slope = problem.run(InstrumentalVariableEstimator(problem.estimand)).value
    return _plain(
        slope * (problem.treated - problem.control)
    )  # DoWhy gives the effect of one unit, regardless of the contrast


def _two_stages(problem: Problem) -> Stated:
    change, problem.control, problem.treated = problem.treated - problem.control, 0.0, 1.0
    estimand = problem.estimand
    estimand.identifier_method = "frontdoor"
    estimand.mediation_first_stage_confounders = {"backdoor": []}
    estimand.mediation_second_stage_confounders = {"backdoor": [TREATMENT]}
    estimator = TwoStageRegressionEstimator(
        estimand, first_stage_model=LinearRegressionEstimator, second_stage_model=LinearRegressionEstimator
    )
    return _plain(problem.run(estimator).value * change)  # DoWhy multiplies by the contrast twice


def _plain(value: Any) -> Stated:
    return Stated(float(np.squeeze(value)), np.nan)


OF_DOWHY: dict[str, Make] = {
    "dowhy:linear_regression": _linear,
    "dowhy:generalized_linear_model": _generalized,
    "dowhy:propensity_score_weighting": _by_class(
        PropensityScoreWeightingEstimator, weighting_scheme="ips_normalized_weight"
    ),
    "dowhy:propensity_score_stratification": _by_class(PropensityScoreStratificationEstimator),
    "dowhy:propensity_score_matching": _by_class(PropensityScoreMatchingEstimator),
    "dowhy:distance_matching": _by_class(DistanceMatchingEstimator),
    "dowhy:doubly_robust": _by_class(DoublyRobustEstimator),
    "dowhy:instrumental_variable": _instrument,
    "dowhy:two_stage_regression": _two_stages,
}
