"""Works to cite for an effect."""

from collections.abc import Sequence

from ...effects.estimators.stacking import is_stacked
from ...effects.scales import NUMBER
from ..citations import Citation, cite
from .findings import EffectFindings

__all__ = ["effect_keys", "effect_works"]

CROSS_FITTED = {
    "doubly robust",
    "super learner",
    "tmle",
    "g-computation",
    "double machine learning",
    "causal forest",
    "one-step formula",
    "one-step front-door",
}
IMPUTED = {"multiple imputation", "degrees of freedom", "chained equations"}
CENSORED = {"restricted mean", "pseudo-observations", "dependent censoring", "censoring unbiased transformation"}


def effect_keys(findings: EffectFindings) -> set[str]:
    """Return the keys of `CITATIONS` for the methods of an effect."""
    from ...effects.overlap import warns_of_calibration  # loads DoWhy

    report, doubt = findings.report, findings.doubt
    keys = {"causality", "dowhy", *(row.method for row in report.estimates)}
    if any(is_stacked(row.note) for row in report.estimates):
        keys.add("stacking")
    if any(map(warns_of_calibration, report.warnings)):
        keys.add("calibrated propensities")
    if keys & CROSS_FITTED:
        keys.add("cross-fitting")
    if any(one.name == NUMBER for row in report.estimates for one in row.scales):
        keys.add("number needed to treat")
    if report.survival is not None:
        keys |= CENSORED
    if report.missing is not None:
        keys |= IMPUTED if report.missing.way == "impute" else {"weights of complete rows"}
    if findings.further is not None and findings.further.transported is not None:
        keys |= {"transport", "data fusion"}
        keys |= {"selection bias"} if findings.further.transported.formula.sampling else set()
    if findings.agreement is not None:
        keys.add("equivalence")
    if doubt is None:
        return keys
    if doubt.independencies.tests:
        keys.add("independence test")
    used = {
        "standardised differences": doubt.balance is not None and doubt.balance.kind.startswith("standardised"),
        "partial R2": doubt.sensitivity is not None,
        "E-value": bool(doubt.e_values),
        "negative control": bool(doubt.negative_controls),
    }
    return keys | {key for key, is_used in used.items() if is_used}


def effect_works(findings: EffectFindings) -> Sequence[Citation]:
    """Return the works behind the methods of an effect."""
    return cite(effect_keys(findings))
