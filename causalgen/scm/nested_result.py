"""Answers of a model to nested counterfactual questions: numbers, their intervals, and their assumptions."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TypeVar

import pandas as pd
from torch import Tensor

from ..errors import UnknownNameError, nearest

__all__ = ["CausationProbability", "NestedEffect", "NestedEffects", "ProbabilitiesOfCausation", "mean_interval"]


@dataclass(frozen=True)
class NestedEffect:
    """One effect, averaged over the units.

    Attributes:
        name: Such as "natural direct".
        value: Mean over the units in the outcome's unit; for a binary outcome, of the probability of its second label.
        low: Lower end of the interval over units; it holds no uncertainty of the fitted mechanisms.
        high: Upper end.
        definition: The nested counterfactuals that are compared.
    """

    name: str
    value: float
    low: float
    high: float
    definition: str

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.4g} [{self.low:.4g}, {self.high:.4g}], {self.definition}"


@dataclass(frozen=True, eq=False, repr=False)
class NestedEffects:
    """Effects of do(treatment=b) against do(treatment=a) that compare nested counterfactuals.

    Attributes:
        question: The question as text.
        effects: One entry for each effect; also by name: `answer["natural direct"]`.
        by_unit: Effects of each unit (mean over particles), in the order of the factual table or of the draws.
        supported: Share of units whose recomputed nodes all had parents inside the joint range of training.
        reading: The findings and their assumptions as text.
    """

    question: str
    effects: tuple[NestedEffect, ...]
    by_unit: pd.DataFrame
    supported: float
    reading: str

    def __getitem__(self, name: str) -> NestedEffect:
        return _named(name, self.effects)

    def to_frame(self) -> pd.DataFrame:
        """Columns name, value, low, high, definition; one row for each effect."""
        return pd.DataFrame([asdict(effect) for effect in self.effects])

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {effect}" for effect in self.effects), f"  {self.reading}"])

    __repr__ = __str__


@dataclass(frozen=True)
class CausationProbability:
    """One probability of causation under the model, with the bounds that hold for every coupling.

    Attributes:
        name: "PN", "PS" or "PNS".
        value: Share of the units to which it refers; it depends on the model's coupling of noises.
        low: Lower end of the interval over units.
        high: Upper end.
        bound_low: Tian and Pearl's lower bound, from the model's P(X, Y) and P(Y | do(X)).
        bound_high: Their upper bound.
        monotone: The value if the treatment never prevents the outcome.
        units: Number of units to which it refers.
        definition: Its definition as text.
    """

    name: str
    value: float
    low: float
    high: float
    bound_low: float
    bound_high: float
    monotone: float
    units: int
    definition: str

    def __str__(self) -> str:
        bounds = f"for any coupling [{self.bound_low:.4g}, {self.bound_high:.4g}]"
        return f"{self.name}: {self.value:.4g} [{self.low:.4g}, {self.high:.4g}] by the model's coupling; {bounds}"


@dataclass(frozen=True, repr=False)
class ProbabilitiesOfCausation:
    """Probabilities of necessity (PN), sufficiency (PS) and both (PNS) of a binary treatment for a binary outcome.

    Attributes:
        question: The question as text.
        probabilities: PN, PS and PNS; also by name: `answer["PN"]`.
        reading: The assumptions behind the numbers as text.
    """

    question: str
    probabilities: tuple[CausationProbability, ...]
    reading: str

    def __getitem__(self, name: str) -> CausationProbability:
        return _named(name, self.probabilities)

    def to_frame(self) -> pd.DataFrame:
        """One row for each probability, with its interval and its bounds."""
        return pd.DataFrame([asdict(row) for row in self.probabilities])

    def __str__(self) -> str:
        return "\n".join([self.question, *(f"  {row}" for row in self.probabilities), f"  {self.reading}"])

    __repr__ = __str__


def mean_interval(values: Tensor, level: float) -> tuple[float, float, float]:
    """Mean of `(N,)` values with the ends of its normal interval; NaN ends for a single value."""
    values = values.double()
    mean = float(values.mean())
    reach = (
        NormalDist().inv_cdf(0.5 + level / 2) * float(values.std()) / len(values) ** 0.5
        if len(values) > 1
        else float("nan")
    )
    return mean, mean - reach, mean + reach


Row = TypeVar("Row", NestedEffect, CausationProbability)


def _named(name: str, rows: Iterable[Row]) -> Row:
    known = {row.name: row for row in rows}
    if name not in known:
        raise UnknownNameError(f"Expected one of {', '.join(known)}; got {name!r}." + nearest(str(name), known))
    return known[name]
