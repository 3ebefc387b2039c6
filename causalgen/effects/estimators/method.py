"""An entry in the catalog of estimators."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dowhy.causal_identifier import IdentifiedEstimand

from ...graph import Estimand
from ..table import EncodedTable
from .adjustment import AdjustmentEstimator

__all__ = ["Build", "Method"]

Build = Callable[[IdentifiedEstimand, EncodedTable, int], AdjustmentEstimator]


@dataclass(frozen=True)
class Method:
    """An estimator, what it does, and when it can be used.

    Attributes:
        kinds: Kinds of treatment.
        build: Makes the estimator from DoWhy's estimand, the encoded table and a seed.
        note: What it does and when it is right, as text.
        populations: Populations that it can average over; the first is the default.
        identified: The identification method that it needs.
        default: Whether it runs when no method is named.
        bounded: Whether the outcome must be binary or declare a finite support.
        weighs: Whether it weights rows by inverse propensities, which poor overlap makes extreme.
        intervals: Intervals that it can state.
        sampling: Why it refuses sampling weights; empty if it accepts them.
        joint: Whether it can hold fixed the columns that a contrast of several treatments, one continuous, does not move.
        clustering: Why it refuses clusters; empty if it accepts them.
        refuses: Why it cannot estimate an identified formula on a table; empty if it can.
        linear: For which outcomes it approximates the effect of a continuous treatment by a straight line.
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
    refuses: Callable[[Estimand, EncodedTable], str] = lambda estimand, table: ""
    linear: Literal["never", "unbounded outcomes", "always"] = "never"
