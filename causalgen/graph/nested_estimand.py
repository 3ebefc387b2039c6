"""The estimand of a nested counterfactual: the query as text, and the formula that answers it from data."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .edge_formula import Factor
from .nested_paths import Path

__all__ = ["Formula", "NestedEstimand", "Query", "Stage"]

Query = Literal[
    "natural effects",
    "controlled direct effect",
    "path-specific effect",
    "effect on the treated",
    "probabilities of causation",
]
Stage = tuple[tuple[str, ...], str]
"""Variables that are averaged over together, and the value of the treatment, "a" or "b", on which they depend."""


class Formula(NamedTuple):
    """A formula in two notations; a sum over a continuous variable is an integral."""

    text: str
    latex: str


@dataclass(frozen=True)
class NestedEstimand:
    """A nested counterfactual in terms of the observational distribution. Contrasts compare X=b with X=a.

    Args:
        query: The kind of query.
        method: "mediation formula", "edge g-formula", "g-formula", "back-door" or "bounds".
        treatment: The variable X whose values a and b are compared.
        outcome: The variable Y whose response is asked for.
        text: The query as text.
        written: The formula that answers it, as plain text and as LaTeX.
        assumptions: What must hold, beyond the data, for the formula to be the answer.
        mediators: Variables that are kept in another world, or set.
        adjustment: Variables, not affected by the treatment, that are held equal in the comparison.
        paths: The active paths of a path-specific effect.
        factors: The factors of the formula.
        stages: How to compute it by regression on regression, outcome last; empty if a factor is not a plain
            conditional distribution, or where the query needs none.
    """

    query: Query
    method: Literal["mediation formula", "edge g-formula", "g-formula", "back-door", "bounds"]
    treatment: str
    outcome: str
    text: str
    written: Formula
    assumptions: tuple[str, ...]
    mediators: tuple[str, ...] = ()
    adjustment: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    factors: tuple[Factor, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def formula(self) -> str:
        """The formula as plain text; a sum over a continuous variable is an integral."""
        return self.written.text

    @property
    def latex(self) -> str:
        """The formula for LaTeX math mode."""
        return self.written.latex

    @property
    def point(self) -> bool:
        """Whether the formula gives a number; else it gives bounds."""
        return self.method != "bounds"

    def __str__(self) -> str:
        return f"{self.text}\n{self.formula}"
