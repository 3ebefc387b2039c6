"""The recommended one of several estimates, and the reason."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import EffectReport, Estimate

__all__ = ["IN_OVERLAP", "PREFERENCE", "method_of", "recommend", "why"]

PREFERENCE = {
    "super learner": "its models combine several learners, and it is right if either of the two models is right",
    "doubly robust": "it is right if either the outcome model or the propensity model is right",
    "tmle": "it is right if either model is right, and stays in the outcome's range however extreme the weights are",
    "g-computation": "its outcome model can follow curves and interactions of treatment and covariates",
    "instrumental variables": "it needs no measured confounder, and its interval is valid however weak the instrument is",
    "one-step front-door": "it is right if either its regressions or its probabilities of the treatment are right",
    "one-step formula": "it is right if either its regressions or its probabilities of the treatment are right",
    "identified formula": "it estimates the identified formula directly",
    "front-door": "it follows the effect through the mediators, so hidden common causes of treatment and outcome do no harm",
    "prediction-powered": "it is right however good the predictor is",
    "predict-then-debias": "it is right however good the predictors are",
    "calibrated measurement": "it corrects the measurement by its calibration",
    "regression calibration": "it corrects the measurements by their calibration",
    "causal forest": "its models can follow curves and interactions of treatment and covariates",
    "double machine learning": "it is flexible in the covariates, and linear in the treatment alone",
    "weighting": "its propensity model is flexible, and it needs no outcome model",
    "matching": "it compares similar rows, and needs no outcome model",
    "generalized linear adjustment": "its model keeps the outcome in its range",
    "linear adjustment": "no method with weaker assumptions was run; it is right only if the outcome is linear",
}
"""Methods from weak assumptions to strong ones, with the reason to prefer each."""
IN_OVERLAP = ", overlap population"
"""Ending of the source of an estimate that is repeated in the overlap population."""


def recommend(report: "EffectReport") -> "Estimate | None":
    """The adjusted estimate that makes the weakest assumptions; None if nothing was adjusted.

    Estimates in the requested population come first, unless every one of them carries a caution and those in the overlap
    population do not. Methods that are not in `PREFERENCE` come last, in their order.
    """
    adjusted = [row for row in report.estimates if row.kind == "adjusted"]
    asked = [row for row in adjusted if row.population == report.population]
    sound = [row for row in adjusted if not row.caution]
    ranks = {source: rank for rank, source in enumerate(PREFERENCE)}
    pool = [row for row in asked if not row.caution] or sound or asked or adjusted
    return min(pool, key=lambda row: ranks.get(row.method, len(ranks)), default=None)


def method_of(source: str) -> str:
    """The method that made an estimate, from the name of its source.

    >>> method_of("doubly robust, overlap population")
    'doubly robust'
    """
    return source.removesuffix(IN_OVERLAP)


def why(report: "EffectReport") -> str:
    """Why the recommended estimate is recommended, in one sentence."""
    chosen = recommend(report)
    if chosen is None:
        return (
            f"0 by assumption: the graph has no directed path from {report.treatment_name} to {report.outcome}, so nothing "
            "is estimated."
        )
    others = sum(row.kind == "adjusted" for row in report.estimates) - 1
    reason = PREFERENCE.get(chosen.method, "it is the first requested method")
    if chosen.population != report.population == "whole" and chosen.population == "overlap":
        reason += "; in the whole population, weights explode and only extrapolation would answer"
    if not others:
        return f"Estimated by {chosen.source}: {reason}."
    return f"Recommended of {others + 1} methods: {chosen.source}, because {reason}."
