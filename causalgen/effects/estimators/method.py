"""What the catalog of estimators says of each."""

from collections.abc import Callable
from dataclasses import dataclass

from dowhy.causal_identifier import IdentifiedEstimand

from ..table import EncodedTable
from .adjustment import AdjustmentEstimator

__all__ = ["Build", "Method"]

Build = Callable[[IdentifiedEstimand, EncodedTable, int], AdjustmentEstimator]


@dataclass(frozen=True)
class Method:
    """An estimator, what it does in words, and what it is for.

    Attributes:
        kinds: Kinds of treatment.
        build: Makes the estimator from DoWhy's estimand, the encoded table and a seed.
        note: In words, what it does and when it is right.
        populations: Populations that it can average over; the first is what it estimates unless another is asked for.
        identified: The estimand's method that it needs.
        default: Whether it runs when no method is named.
        bounded: Whether the outcome must be binary or declare a finite support.
        weighs: Whether inverse propensities weigh rows, so that poor overlap makes it explode.
        intervals: Intervals that it can state.
        sampling: Why sampling weights are refused; empty where they are taken.
        joint: Whether it can hold what a contrast of several treatments holds, where one is continuous.
        clustering: Why clusters are refused; empty where they are taken.
    """

    kinds: tuple[str, ...]
    build: Build
    note: str
    populations: tuple[str, ...] = ("whole",)
    identified: str = "backdoor"
    default: bool = False
    bounded: bool = False
    weighs: bool = False
    intervals: tuple[str, ...] = ("analytic", "bootstrap")
    sampling: str = ""
    clustering: str = ""
    joint: bool = False
