"""The available estimators, by the names that reports and study files use."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dowhy.causal_identifier import IdentifiedEstimand

from ...errors import DataError, UnknownNameError, nearest
from ...graph import Estimand
from ...graph.primal import PrimalStages
from ..table import EncodedTable
from .adjustment import AdjustmentEstimator
from .double_ml import DoubleMachineLearning
from .doubly_robust import DoublyRobust, SuperLearner
from .factors import why_not_estimable
from .front_door import FrontDoor
from .g_computation import GComputation
from .glm import GeneralizedLinear
from .identified_formula import IdentifiedFormula
from .instrument import InstrumentalVariables
from .linear import LinearAdjustment
from .matching import Matching
from .method import Method
from .one_step import OneStep
from .outcome_model import OutcomeModel
from .tmle import TargetedLearning
from .weighting import Weighting
from .words import FOREIGN

__all__ = ["METHODS", "Method", "able_methods", "check_method_names", "check_table", "choose_methods"]

DISCRETE = ("binary", "categorical")
ALL = (*DISCRETE, "continuous")
WAYS = {"frontdoor": "a front door", "general": "a general formula", "instrument": "an instrument"}
"""What identifies an effect, as text in messages."""


FITTED = (
    "Models are cross-fitted over 5 folds; small tables average several splits into folds. It is right if either model is. "
    "Influence-function interval."
)
ONE_STEP = Method(
    kinds=DISCRETE,
    build=lambda estimand, table, seed: _one_step(estimand, table, seed),
    note="Regressions of the outcome along the formula, with splines and products, corrected by weights from probabilities of "
    "the treatment; cross-fitted over 5 folds (small tables over several splits); right where either all regressions or all "
    "probabilities are. Influence-function interval.",
    identified="frontdoor",
    default=True,
)

METHODS: dict[str, Method] = {
    "linear adjustment": Method(
        kinds=ALL,
        build=lambda estimand, table, seed: LinearAdjustment(estimand, discrete=table.kind == "categorical"),
        note="Linear regression of the outcome on treatment and adjustment set. It is right only if the outcome is linear in "
        "both and the effect is the same in all rows. Robust interval (HC1, or by cluster).",
        populations=("whole", "overlap", "treated", "control"),
        default=True,
        joint=True,
        linear="always",
    ),
    "generalized linear adjustment": Method(
        kinds=ALL,
        build=lambda estimand, table, seed: GeneralizedLinear(
            estimand, bounds=table.bounds or (0.0, 1.0), discrete=table.kind == "categorical"
        ),
        note="Logistic regression (fractional for a bounded outcome) on treatment and adjustment set, averaged over the "
        "population. It is right if that model is. Robust delta-method interval.",
        populations=("whole", "treated", "control"),
        bounded=True,
    ),
    "weighting": Method(
        kinds=DISCRETE,
        build=lambda estimand, table, seed: Weighting(estimand),
        note="Inverse propensity weighting with normalised (Hájek) weights; the propensity model is a logistic regression "
        "with splines and products. It is right if that model is. The interval (M-estimation) accounts for its fit.",
        populations=("whole", "overlap", "treated", "control"),
        weighs=True,
    ),
    "matching": Method(
        kinds=DISCRETE,
        build=lambda estimand, table, seed: Matching(estimand),
        note="Each row is compared with its three nearest neighbours by Mahalanobis distance, with replacement and a linear "
        "bias correction. It is right if neighbours are comparable. Abadie and Imbens's interval, in Otsu and Rai's form.",
        populations=("whole", "treated", "control"),
        intervals=("analytic",),
        sampling="a neighbour represents rows with other weights",
    ),
    "doubly robust": Method(
        kinds=DISCRETE,
        build=lambda estimand, table, seed: DoublyRobust(estimand, bounds=table.bounds, seed=seed),
        note="Augmented inverse propensity weighting. Outcome and propensity models are ridge regressions on splines and "
        "products, whose penalty minimises the leave-one-out error; from 1,000 rows they are stacked with boosted trees "
        f"where these predict better. {FITTED}",
        populations=("whole", "overlap", "treated", "control"),
        default=True,
        weighs=True,
    ),
    "super learner": Method(
        kinds=DISCRETE,
        build=lambda estimand, table, seed: SuperLearner(estimand, bounds=table.bounds, most_splits=2, seed=seed),
        note="Augmented inverse propensity weighting, each nuisance model a super learner: splines with products, "
        f"straight lines, boosted trees and extremely randomised trees, weighted by out-of-fold prediction. {FITTED}",
        populations=("whole", "overlap", "treated", "control"),
        intervals=("analytic",),
        weighs=True,
    ),
    "tmle": Method(
        kinds=DISCRETE,
        build=lambda estimand, table, seed: TargetedLearning(estimand, bounds=table.bounds, seed=seed),
        note="Cross-validated targeted maximum likelihood: the nuisance models of 'doubly robust', the outcome models "
        f"shifted on the logistic scale until they solve the effect's score equation, within the outcome's range. {FITTED}",
        populations=("whole", "overlap", "treated", "control"),
        weighs=True,
    ),
    "g-computation": Method(
        kinds=("continuous",),
        build=lambda estimand, table, seed: GComputation(
            estimand, outcome_model=OutcomeModel(table.bounds), held=tuple(table.held.values()), seed=seed
        ),
        note="Regression of the outcome with splines and products, cross-fitted over 5 folds; its predictions under both "
        "treatment values are averaged over the rows. It is right if that regression is. Delta-method interval.",
        default=True,
        joint=True,
    ),
    "double machine learning": Method(
        kinds=("continuous",),
        build=lambda estimand, table, seed: DoubleMachineLearning(estimand, seed=seed),
        note="Partially linear model: flexible in the adjustment set, cross-fitted over 5 folds, and linear in the "
        "treatment. If the effect is not linear, it is the slope averaged over rows with weights (t - E[t | z])^2, times the "
        "difference between the two treatment values. Influence-function interval.",
        linear="always",
    ),
    "causal forest": Method(
        kinds=("binary", "continuous"),
        build=lambda estimand, table, seed: _forest(estimand, table, seed),
        note="Causal forest of EconML on the residuals of cross-fitted random forests; the effects are averaged over the rows, "
        "for a binary treatment by doubly robust scores. EconML's interval.",
        intervals=("analytic",),
        sampling="econml weights rows when it fits the forest, but not when it averages the effects",
        clustering="econml keeps clusters together when it fits, but its interval treats rows as independent",
        linear="always",
    ),
    "instrumental variables": Method(
        kinds=("binary", "continuous"),
        build=lambda estimand, table, seed: InstrumentalVariables(estimand, seed=seed),
        note="Two-stage least squares. If the effect is the same in all rows, it is that effect; with a binary treatment "
        "and a monotone instrument (no defiers), it is the average effect among compliers, whose treatment the instrument "
        "changes. Anderson and Rubin's interval, which holds however weak the instrument is.",
        populations=("compliers",),
        identified="instrument",
        default=True,
        intervals=("analytic",),
    ),
    "front-door": Method(
        kinds=ALL,
        build=lambda estimand, table, seed: FrontDoor(
            estimand,
            mediators=estimand.frontdoor_variables,
            bounds=table.bounds,
            labels=tuple(sorted(table.data[table.names[0]].unique())) if table.kind == "categorical" else (),
            seed=seed,
        ),
        note="Two regressions with splines and products: of the outcome on mediators and treatment, averaged over the "
        "treatment, and of that average on the treatment. It is right if both are. Bootstrap interval.",
        identified="frontdoor",
        default=True,
        intervals=("bootstrap",),
    ),
    "one-step front-door": ONE_STEP,
    "one-step formula": replace(
        ONE_STEP,
        identified="general",
        refuses=lambda estimand, table: (
            "" if _stages(estimand) else "a child of the treatment shares a hidden cause with it"
        ),
    ),
    "identified formula": Method(
        kinds=ALL,
        build=lambda estimand, table, seed: IdentifiedFormula(
            estimand, estimand=estimand.asked, labels=_labels(table), bounds=table.bounds, seed=seed
        ),
        note="Every factor of the formula is estimated (by shares of cells, or by penalised logistic regressions where cells "
        "have few rows) and the sums are carried out. It is right if these estimates are. Bootstrap interval.",
        identified="general",
        default=True,
        intervals=("bootstrap",),
        refuses=lambda estimand, table: why_not_estimable(estimand, _labels(table)),
    ),
    **FOREIGN,
}


def _one_step(identified: IdentifiedEstimand, table: EncodedTable, seed: int) -> OneStep:
    stages = _stages(identified.asked)
    assert stages is not None
    return OneStep(identified, stages=stages, bounds=table.bounds, seed=seed)


def _stages(estimand: Estimand) -> PrimalStages | None:
    """The stages of a front door, or of a formula whose graph has them."""
    if estimand.method == "frontdoor":
        return PrimalStages((), ((estimand.mediators, True), ((str(estimand.outcome),), False)))
    return estimand.stages


def _labels(table: EncodedTable) -> dict[str, dict[float, Any]]:
    """The label of each value of the discrete variables, as they are encoded."""
    treatment = table.names[0]
    found = {
        variable.name: {float(code): label for code, label in enumerate(variable.labels or ())}
        for variable in table.variables
        if variable.is_discrete
    }
    return found | ({treatment: {0.0: table.contrast[0], 1.0: table.contrast[1]}} if table.kind == "binary" else {})


def able_methods(
    chosen: Mapping[str, Method], estimand: Estimand, table: EncodedTable, *, named: bool
) -> dict[str, Method]:
    """The methods that can estimate the formula on the table.

    Args:
        chosen: The methods that suit the treatment.
        estimand: How the effect is identified.
        table: The encoded table.
        named: Whether the user named the methods.

    Raises:
        DataError: The user named one that cannot, or none can; the message says why, and what to do.
    """
    reasons = {name: method.refuses(estimand, table) for name, method in chosen.items()}
    able = {name: method for name, method in chosen.items() if not reasons[name]}
    if not able or (named and len(able) < len(chosen)):
        why = "; ".join(f"'{name}' cannot: {reason}" for name, reason in reasons.items() if reason)
        raise DataError(
            f"Expected variables with which the formula {estimand.formula} can be estimated; {why}. Recode a continuous "
            "variable into labels, such as thirds, or measure the hidden common causes and draw them as variables."
        )
    return able


def choose_methods(
    names: Sequence[str] | None,
    kind: str,
    treatment: str,
    *,
    identified: str = "backdoor",
    population: str = "whole",
) -> dict[str, Method]:
    """The named methods, or those that run by default for a treatment of this kind.

    Args:
        names: Keys of `METHODS`, or None.
        kind: Kind of the treatment.
        treatment: Its name, for messages.
        identified: Method of the estimand: "backdoor", "instrument", "frontdoor" or "general".
        population: Population that they must be able to average over.

    Raises:
        UnknownNameError: A name is not a method.
        DataError: A method does not suit the treatment, the estimand or the population.
    """
    kind, way = "categorical" if kind == "ordinal" else kind, WAYS.get(identified, identified)
    suited = {name: method for name, method in METHODS.items() if method.identified == identified}
    suited = {name: method for name, method in suited.items() if kind in method.kinds}
    if identified != "backdoor" and population != "whole":
        raise DataError(
            f"Expected population='whole' for an effect identified by {way}; got {population!r}. Only adjustment "
            "distinguishes populations."
        )
    if kind == "continuous" and population != "whole":
        raise DataError(
            f"Expected population='whole' for the continuous treatment '{treatment}'; got {population!r}. Almost no row "
            "has exactly a value of the contrast, so neither the treated nor the overlap can be selected."
        )
    check_method_names(names)
    if names is None:
        names = [name for name, method in suited.items() if method.default]
        if not names:
            raise DataError(
                f"Expected a binary or continuous treatment for an effect identified by {way}; '{treatment}' is "
                f"{kind}. Recode it into two labels."
            )
    for name in names:
        if name not in suited:
            same = METHODS[name].identified == identified
            place = f"the {kind} treatment '{treatment}'" if same else f"an effect identified by {way}"
            advice = f"Choose among {', '.join(suited)}." if suited else "No method suits it."
            raise DataError(f"Expected a method for {place}; got {name!r}. {advice}")
        if identified == "backdoor" and population not in METHODS[name].populations:
            able = ", ".join(other for other, method in suited.items() if population in method.populations)
            raise DataError(
                f"Expected a method that averages over the {population} population; got {name!r}. "
                + (f"Choose among {able}." if able else "Ask for the whole population.")
            )
    return {name: METHODS[name] for name in names}


def check_table(name: str, table: EncodedTable) -> None:
    """Refuse a method that does not suit the table's outcome, weights or clusters.

    Raises:
        DataError: The method needs a bounded outcome, or accepts no weights or clusters.
    """
    method = METHODS[name]
    if table.held and not method.joint:
        able = ", ".join(other for other, known in METHODS.items() if known.joint)
        raise DataError(
            f"Expected a method for several treatments of which one is continuous; got {name!r}. Choose among {able}."
        )
    if method.bounded and table.bounds is None:
        raise DataError(
            f"Expected a binary outcome, or one whose variable declares a finite support, for {name!r}; "
            f"'{table.names[1]}' is neither. Use 'linear adjustment', or declare the support in the graph."
        )
    if method.sampling and table.weighted:
        way = f" Impute missing values instead: {table.remedy}." if table.completeness and table.remedy else ""
        raise DataError(f"Expected a method that takes sampling weights; {name!r} does not: {method.sampling}.{way}")
    if method.clustering and table.clustered:
        raise DataError(f"Expected a method that takes clusters; {name!r} does not: {method.clustering}.")


def check_method_names(names: Sequence[str] | None) -> None:
    """Refuse anything but a list of keys of `METHODS`.

    Raises:
        UnknownNameError: A name is not a method.
        DataError: Not a list, or an empty one.
    """
    if isinstance(names, str) or (names is not None and not names):
        raise DataError(
            f"Expected methods as a list of names; got {names!r}. Leave methods out for those that suit the treatment."
        )
    for name in names or ():
        if name not in METHODS:
            known = ", ".join(METHODS)
            raise UnknownNameError(f"Expected methods among {known}; got {name!r}." + nearest(str(name), METHODS))


def _forest(estimand: IdentifiedEstimand, table: EncodedTable, seed: int) -> AdjustmentEstimator:
    from .forest import CausalForest

    return CausalForest(estimand, discrete=table.kind == "binary", seed=seed)
