"""The transport formula: an effect in the target from the table and the target's covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expression import Probability, Product, Sum
from .notation import LATEX, PLAIN, Notation, join

__all__ = ["TransportFormula"]


@dataclass(frozen=True)
class TransportFormula:
    """P*(outcome | do(treatment)) in the target, P* being its distribution and P that of the table.

    Args:
        treatment: The variable that is intervened on.
        outcome: The variable whose response is queried.
        carriers: Covariates that transport the effect, by their distribution in the target; empty if the effect is the
            same in both populations.
        adjustment: The carriers and the covariates to adjust for in the table.
        differing: Selection nodes that mark differences between the populations.
        sampling: Selection nodes that decide who is in the table.
        sets: All minimal sets of carriers that were found.
    """

    treatment: str
    outcome: str
    carriers: tuple[str, ...]
    adjustment: tuple[str, ...]
    differing: tuple[str, ...] = ()
    sampling: tuple[str, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()

    @property
    def is_direct(self) -> bool:
        """Whether the effect is the same in both populations."""
        return not self.carriers

    @property
    def others(self) -> tuple[str, ...]:
        """Covariates to adjust for in the table that need not be known in the target."""
        return tuple(name for name in self.adjustment if name not in self.carriers)

    @property
    def target(self) -> str:
        """The target, as text."""
        return "the other population" if self.differing else "the whole population"

    @property
    def text(self) -> str:
        """The formula as text."""
        x, y, through = f"'{self.treatment}'", f"'{self.outcome}'", join(self.carriers)
        held = f"adjust for {join(self.adjustment)} in the table" if self.adjustment else "no adjustment is needed"
        if self.is_direct:
            return f"The effect of {x} on {y} is the same in the table and in {self.target}: {held}."
        inner = f", adjusting for {join(self.others)} as well" if self.others else ""
        return (
            f"The effect of {x} on {y} carries over to {self.target} through {through}: estimate it in the table among units "
            f"with equal {through}{inner}, then average over {through} in the target."
        )

    @property
    def formula(self) -> str:
        """The formula as plain text; a sum over a continuous variable is an integral."""
        return self._write(PLAIN)

    @property
    def latex(self) -> str:
        """The formula for LaTeX math mode."""
        return self._write(LATEX)

    @property
    def assumptions(self) -> list[str]:
        """The assumptions under which the formula is the effect in the target."""
        squares = [f"[{name}]" for name in (*self.differing, *self.sampling)]
        among = f" among units with equal {join(self.carriers)}" if self.carriers else ""
        held = f" given {join(self.adjustment)}" if self.adjustment else ""
        found = [
            f"Only what the graph marks with {join(squares)} differs{among}: every other mechanism that acts on "
            f"'{self.outcome}' is the same in both.",
            f"No open non-causal path between '{self.treatment}' and '{self.outcome}'{held} in the table.",
            f"Positivity in the table: every value of '{self.treatment}' that is compared occurs{held}.",
        ]
        if self.carriers:
            found.append(
                f"Support: every combination of {join(self.carriers)} that occurs in the target occurs in the table."
            )
        return found

    def evaluate(self, table: np.ndarray, target: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """The effect in the target on exact discrete distributions.

        Args:
            table: P(names) among the rows of the table, one axis for each of `names`.
            target: P*(names) in the target; only the carriers' part of it is used.
            names: The variables, in the order of the axes.

        Returns:
            P*(outcome | do(treatment)), with the outcome's axis first.
        """
        y, x, z, w = (self.outcome,), (self.treatment,), self.carriers, self.others
        inner: Any = Probability(y, (*x, *z, *w))
        if w:
            inner = Sum(w, Product((Probability(w, z), inner)))
        conditional = inner.evaluate(table, names, axes=[*y, *x, *z])
        places = tuple(place for place, name in enumerate(names) if name not in z)
        weights = target.sum(axis=places)
        order = [name for name in names if name in z]
        weights = weights.transpose([order.index(name) for name in z])
        return (conditional * weights).sum(axis=tuple(range(2, 2 + len(z))))

    def __str__(self) -> str:
        return f"{self.text}\n{self.formula}"

    def _write(self, notation: Notation) -> str:
        y, x, z, w = [self.outcome], [self.treatment], self.carriers, self.others
        star = "P^*" if notation is LATEX else "P*"
        starred = notation.probability(y, (), x, {}).replace("P", star, 1)
        factors = [notation.probability(y, (*x, *z, *w), (), {})]
        for names, given, letter in ((w, z, "P"), (z, (), star)):
            if names:
                share = notation.probability(names, given, (), {}).replace("P", letter, 1)
                factors = [f"{notation.sigma}_{{{notation.names(names, {})}}}", share, *factors]
        return f"{starred} = {notation.gap.join(factors)}"
