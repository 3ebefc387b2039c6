"""The estimators on offer, by the names that reports use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dowhy.causal_estimator import CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand

from ...errors import DataError, UnknownNameError, nearest
from .doubly_robust import DoublyRobust
from .g_computation import GComputation
from .linear import LinearAdjustment
from .outcome_model import OutcomeModel
from ..table import EncodedTable

__all__ = ["METHODS", "Method", "choose_methods"]

Build = Callable[[IdentifiedEstimand, EncodedTable, int], CausalEstimator]


@dataclass(frozen=True)
class Method:
    """An estimator for treatments of some kinds, and what it does in words."""

    kinds: tuple[str, ...]
    build: Build
    note: str


METHODS: dict[str, Method] = {
    "linear adjustment": Method(
        kinds=("binary", "continuous"),
        build=lambda estimand, table, seed: LinearAdjustment(estimand),
        note="DoWhy's linear regression on treatment and adjustment set; right only where the outcome is linear in "
        "both. Robust interval (HC1).",
    ),
    "doubly robust": Method(
        kinds=("binary",),
        build=lambda estimand, table, seed: DoublyRobust(estimand, outcome_model=OutcomeModel(table.bounds), seed=seed),
        note="Augmented inverse propensity weighting, nuisance models with splines and products, cross-fitted over 5 "
        "folds; right where the outcome model or the propensity model is. Influence-function interval.",
    ),
    "g-computation": Method(
        kinds=("continuous",),
        build=lambda estimand, table, seed: GComputation(estimand, outcome_model=OutcomeModel(table.bounds), seed=seed),
        note="Outcome regression with splines and products, cross-fitted over 5 folds, averaged over the rows under "
        "both treatment values; right where that regression is. Delta-method interval.",
    ),
}


def choose_methods(names: Sequence[str] | None, kind: str, treatment: str) -> dict[str, Method]:
    """The named methods, or all that suit a treatment of this kind.

    Raises:
        UnknownNameError: A name is no method.
        DataError: A method does not suit the treatment.
    """
    if names is None:
        return {name: method for name, method in METHODS.items() if kind in method.kinds}
    for name in names:
        if name not in METHODS:
            known = ", ".join(METHODS)
            raise UnknownNameError(f"Expected methods among {known}; got {name!r}." + nearest(str(name), METHODS))
        if kind not in METHODS[name].kinds:
            suited = ", ".join(method for method, entry in METHODS.items() if kind in entry.kinds)
            raise DataError(
                f"Expected a method for the {kind} treatment '{treatment}'; got {name!r}. Choose among {suited}."
            )
    return {name: METHODS[name] for name in names}
