"""EconML's estimators through DoWhy by word, such as "econml:dml.LinearDML"; needs the extra `econml`.

A word is the estimator's place inside econml, with "econml:" before it. Nuisance models are splines with ridge or
logistic regression; the effect may depend on every covariate, and is averaged over the rows. Where EconML states a
standard error of that average, it gives the interval; the others use a bootstrap.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from dowhy.causal_estimators.econml import Econml
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from .adjustment import Stated
from .econml_parts import (
    CausalForestDML,
    DRLearner,
    ForestDRLearner,
    LinearDML,
    LinearDRLearner,
    SLearner,
    SparseLinearDML,
    TLearner,
    XLearner,
)
from .foreign import Make, Problem

__all__ = ["OF_ECONML"]

TREES, LEAST_LEAF = 200, 10
FOLDS = 5


def _regression() -> Pipeline:
    return make_pipeline(_splines(), StandardScaler(), RidgeCV())


def _classifier() -> Pipeline:
    return make_pipeline(_splines(), StandardScaler(), LogisticRegression(max_iter=1000))


def _splines() -> SplineTransformer:
    return SplineTransformer(n_knots=4, degree=2, extrapolation="linear")


def _residuals(estimator: Callable[..., Any], **options: Any) -> Make:
    """A double machine learner: models of outcome and treatment, then of the effect on their residuals."""

    def make(problem: Problem) -> Stated:
        discrete = problem.binary_treatment
        learner = estimator(
            model_y=_regression(),
            model_t=_classifier() if discrete else _regression(),
            discrete_treatment=discrete,
            cv=FOLDS,
            random_state=problem.seed,
            **options,
        )
        return _run(problem, learner, stated=True)

    return make


def _scores(estimator: Callable[..., Any], *, stated: bool, **options: Any) -> Make:
    """A doubly robust learner: models of outcome and propensity, then of the effect on their scores."""

    def make(problem: Problem) -> Stated:
        learner = estimator(
            model_regression=_regression(),
            model_propensity=_classifier(),
            cv=FOLDS,
            random_state=problem.seed,
            **options,
        )
        return _run(problem, learner, stated=stated)

    return make


def _meta(build: Callable[[Problem], Any]) -> Make:
    return lambda problem: _run(problem, build(problem), stated=False)


def _run(problem: Problem, learner: Any, *, stated: bool) -> Stated:
    modifiers = problem.covariates
    if not modifiers:
        problem.data["x0"], modifiers = 1.0, ["x0"]
    problem.estimand.set_adjustment_set([])  # every covariate is a modifier, which EconML adjusts for as well
    estimator = Econml(problem.estimand, econml_estimator=learner)
    estimate = problem.run(estimator, modifiers=modifiers)
    if not stated:
        return Stated(float(np.squeeze(estimate.value)), np.nan)
    table = problem.data[modifiers].to_numpy()
    inference = learner.ate_inference(table, T0=problem.control, T1=problem.treated)
    return Stated(float(np.squeeze(estimate.value)), float(np.squeeze(inference.stderr_mean)))


OF_ECONML: dict[str, Make] = {
    "econml:dml.LinearDML": _residuals(LinearDML),
    "econml:dml.SparseLinearDML": _residuals(SparseLinearDML),
    "econml:dml.CausalForestDML": _residuals(CausalForestDML, n_estimators=TREES, min_samples_leaf=LEAST_LEAF),
    "econml:dr.LinearDRLearner": _scores(LinearDRLearner, stated=True),
    "econml:dr.ForestDRLearner": _scores(ForestDRLearner, stated=True, n_estimators=TREES, min_samples_leaf=LEAST_LEAF),
    "econml:dr.DRLearner": _scores(DRLearner, stated=False),
    "econml:metalearners.SLearner": _meta(lambda problem: SLearner(overall_model=_regression())),
    "econml:metalearners.TLearner": _meta(lambda problem: TLearner(models=_regression())),
    "econml:metalearners.XLearner": _meta(
        lambda problem: XLearner(models=_regression(), propensity_model=_classifier())
    ),
}
