"""Estimators of other libraries, by word: DoWhy's own, and EconML's through DoWhy."""

from typing import Literal

from dowhy.causal_identifier import IdentifiedEstimand

from ..table import EncodedTable
from .foreign import INSTRUMENT, MEDIATOR, ForeignEstimator, Make
from .method import Build, Method

__all__ = ["FOREIGN"]

BINARY, EITHER = ("binary",), ("binary", "continuous")
GROUPS = ("whole", "treated", "control")
BY_BOOTSTRAP = "The interval comes from a bootstrap."
SAMPLING = "it does not take any"
CLUSTERING = "it treats rows as independent"


def _build(word: str, *, beside: str = "") -> Build:
    def build(estimand: IdentifiedEstimand, table: EncodedTable, seed: int) -> ForeignEstimator:
        names = {INSTRUMENT: estimand.instrumental_variables, MEDIATOR: estimand.frontdoor_variables}
        columns = {beside: names[beside][0]} if beside else {}
        return ForeignEstimator(estimand, make=_maker(word), name=word, beside=columns, seed=seed)

    return build


def _maker(word: str) -> Make:
    if word.startswith("econml:"):
        from .of_econml import OF_ECONML  # the extra `econml`, which its message names

        return OF_ECONML[word]
    from .of_dowhy import OF_DOWHY

    return OF_DOWHY[word]


def _method(
    word: str,
    note: str,
    kinds: tuple[str, ...],
    populations: tuple[str, ...] = ("whole",),
    *,
    stated: bool = False,
    identified: str = "backdoor",
    linear: Literal["never", "unbounded outcomes", "always"] = "never",
) -> Method:
    beside = {"instrument": INSTRUMENT, "frontdoor": MEDIATOR}.get(identified, "")
    return Method(
        kinds=kinds,
        build=_build(word, beside=beside),
        note=note if stated else f"{note} {BY_BOOTSTRAP}",
        populations=populations,
        identified=identified,
        intervals=("analytic", "bootstrap") if stated else ("bootstrap",),
        sampling=SAMPLING,
        clustering=CLUSTERING,
        linear=linear,
    )


def _dml(final: str) -> str:
    return f"EconML's double machine learning through DoWhy, {final}, averaged over the rows. EconML's interval."


FOREIGN: dict[str, Method] = {
    word: _method(word, *described, **more)
    for word, described, more in (
        (
            "dowhy:linear_regression",
            ("DoWhy's linear regression on treatment and adjustment set. Its interval assumes equal variance.", EITHER),
            {"stated": True, "linear": "always"},
        ),
        (
            "dowhy:generalized_linear_model",
            ("DoWhy's generalised linear model, logistic for an outcome of 0 and 1 and else linear.", EITHER),
            {"linear": "unbounded outcomes"},
        ),
        (
            "dowhy:propensity_score_weighting",
            (
                "DoWhy's inverse propensity weighting, normalised, logistic propensities kept in [0.05, 0.95].",
                BINARY,
                GROUPS,
            ),
            {},
        ),
        (
            "dowhy:propensity_score_stratification",
            ("DoWhy's stratification by logistic propensities, strata of at least 10 rows a group.", BINARY, GROUPS),
            {},
        ),
        (
            "dowhy:propensity_score_matching",
            (
                "DoWhy's nearest neighbour by logistic propensity. For matching a bootstrap is a rough guide only.",
                BINARY,
                GROUPS,
            ),
            {},
        ),
        (
            "dowhy:distance_matching",
            (
                "DoWhy's nearest neighbour by distance of the covariates. For matching a bootstrap is a rough guide only.",
                BINARY,
                GROUPS,
            ),
            {},
        ),
        (
            "dowhy:doubly_robust",
            ("DoWhy's doubly robust estimator: linear outcome, logistic propensity, not cross-fitted.", BINARY),
            {},
        ),
        (
            "dowhy:instrumental_variable",
            (
                "DoWhy's instrumental variable estimator, for an instrument that is valid without adjustment.",
                EITHER,
                ("compliers",),
            ),
            {"identified": "instrument"},
        ),
        (
            "dowhy:two_stage_regression",
            ("DoWhy's two-stage regression through one mediator, both stages linear.", EITHER),
            {"identified": "frontdoor", "linear": "always"},
        ),
        (
            "econml:dml.LinearDML",
            (_dml("the effect linear in the covariates"), EITHER),
            {"stated": True, "linear": "always"},
        ),
        (
            "econml:dml.SparseLinearDML",
            (_dml("the effect sparse and linear in the covariates"), EITHER),
            {"stated": True, "linear": "always"},
        ),
        (
            "econml:dml.CausalForestDML",
            (_dml("the effect a forest of the covariates"), EITHER),
            {"stated": True, "linear": "always"},
        ),
        (
            "econml:dr.LinearDRLearner",
            ("EconML's doubly robust learner through DoWhy, the effect linear. EconML's interval.", BINARY),
            {"stated": True},
        ),
        (
            "econml:dr.ForestDRLearner",
            ("EconML's doubly robust learner through DoWhy, the effect a forest. EconML's interval.", BINARY),
            {"stated": True},
        ),
        ("econml:dr.DRLearner", ("EconML's doubly robust learner through DoWhy.", BINARY), {}),
        ("econml:metalearners.SLearner", ("EconML's S-learner through DoWhy: one outcome model.", BINARY), {}),
        ("econml:metalearners.TLearner", ("EconML's T-learner through DoWhy: one outcome model a group.", BINARY), {}),
        ("econml:metalearners.XLearner", ("EconML's X-learner through DoWhy: imputed effects.", BINARY), {}),
    )
}
