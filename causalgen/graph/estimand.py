"""The estimand: the result of identification, as text, as a formula to read, and as a formula to evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import NotIdentifiableError
from .derivation import Derivation
from .expression import Expression, Probability, Product, Sum
from .notation import LATEX, PLAIN, Notation, join
from .primal import PrimalStages

__all__ = ["Estimand", "Method"]

Method: TypeAlias = Literal["backdoor", "frontdoor", "general", "instrument", "no effect"]
Asked: TypeAlias = Any
"""One name, or a tuple of names if several were requested."""

CHOICES = {
    "efficient": "the other parents of the variables on causal paths, the most efficient set when nothing is hidden",
    "minimal": "a minimal set: no proper subset of it suffices",
    "": "chosen by hand",
}


@dataclass(frozen=True)
class Estimand:
    """P(outcome | do(treatment), given) as a function of the observational distribution.

    Args:
        method: "backdoor", "frontdoor", "general" (the ID algorithm, or IDC with a condition), "no effect" (setting the
            treatment changes nothing) or "instrument" (a ratio that is the effect only in a linear model).
        treatment: The variable that is intervened on, or a tuple of several in topological order.
        outcome: The variable whose response is queried, or a tuple of several in topological order.
        adjustment: Variables adjusted for (back-door) or conditioned on (instrument); may be empty.
        mediators: Variables through which the effect passes (front-door).
        choice: Which of the valid adjustment sets this is: "efficient", "minimal", or "" for one given by hand.
        given: Variables observed together with the outcome, which the effect is conditional on.
        instrument: The instrument; empty for the other methods.
        expression: The formula as an object; for back-door, front-door and "no effect" it follows from the sets. None
            for an instrument, which identifies a slope and not a distribution.
        stages: The stages of a general formula whose treatment is primal fixable; None for the others.
        derivation: How the formula follows from the graph; None for an estimand written by hand and an instrument.

    >>> estimand = Estimand("backdoor", "pen", "intensity", adjustment=("hurry",))
    >>> print(estimand.latex)
    P(\\mathrm{intensity} \\mid \\mathrm{do}(\\mathrm{pen})) =
        \\sum_{\\mathrm{hurry}} P(\\mathrm{intensity} \\mid \\mathrm{pen}, \\mathrm{hurry})\\, P(\\mathrm{hurry})
    """

    method: Method
    treatment: Asked
    outcome: Asked
    adjustment: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    choice: Literal["efficient", "minimal", ""] = ""
    given: tuple[str, ...] = ()
    instrument: str = ""
    expression: Expression | None = field(default=None, repr=False)
    stages: PrimalStages | None = field(default=None, repr=False, compare=False)
    derivation: Derivation | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.expression is None:
            object.__setattr__(self, "expression", _standard_formula(self))

    @property
    def effect(self) -> Probability:
        """The requested probability."""
        return Probability(as_names(self.outcome), self.given, as_names(self.treatment))

    @property
    def arbitrary(self) -> tuple[str, ...]:
        """Variables of the formula whose value does not matter: the formula is the same at every value."""
        return () if self.expression is None else tuple(sorted(self.expression.free - self.effect.free))

    @property
    def beside(self) -> tuple[str, ...]:
        """The variables that the formula uses besides treatment, outcome and adjustment set."""
        if self.method == "general" and self.expression is not None:
            asked = {*as_names(self.treatment), *as_names(self.outcome), *self.given}
            return tuple(name for name in self.expression.names if name not in asked)
        return (*([self.instrument] if self.instrument else []), *self.mediators)

    @property
    def text(self) -> str:
        """The estimand as text."""
        x, y = _quoted(self.treatment), _quoted(self.outcome)
        among = f" among units with equal {join(self.given)}" if self.given else ""
        match self.method:
            case "no effect" if self.given:
                return f"Setting {x} does not change {y}{among}."
            case "no effect":
                return f"{x} has no effect on {y}: no directed path leads from one to the other."
            case "frontdoor":
                through = join(self.mediators)
                cause, effect = join(as_names(self.treatment)), join(as_names(self.outcome))
                return (
                    f"The effect of {x} on {y} is identified by front-door adjustment through {through}: how {cause} moves "
                    f"{through}, combined with how {through} moves {effect} among units with equal {cause}."
                )
            case "general":
                return f"The effect of {x} on {y}{among} is identified by {self._algorithm}: see the formula."
            case "instrument":
                held = f", among units with equal {join(self.adjustment)}" if self.adjustment else ""
                return (
                    f"The effect of {x} on {y} is identified by the instrument '{self.instrument}'{held}, if the effect "
                    f"is linear: how {self.instrument} moves {self.outcome}, divided by how it moves {self.treatment}."
                )
        if not self.adjustment:
            return f"The effect of {x} on {y} needs no adjustment: no back-door path is open."
        held = join(self.adjustment)
        return (
            f"The effect of {x} on {y} is identified by back-door adjustment for {held} "
            f"({CHOICES[self.choice]}): compare units with equal {held}, then average over the population."
        )

    @property
    def formula(self) -> str:
        """The formula as plain text; a sum over a continuous variable is an integral."""
        return self._write(PLAIN)

    @property
    def latex(self) -> str:
        """The formula for LaTeX math mode (matplotlib's mathtext reads it, too)."""
        return self._write(LATEX)

    @property
    def assumptions(self) -> list[str]:
        """The assumptions under which the formula is the effect."""
        x, y = _quoted(self.treatment), _quoted(self.outcome)
        consistency = f"Consistency: what is observed at a value of {x} is what setting {x} to it would give."
        match self.method:
            case "no effect" if self.given:
                return [
                    f"The graph is right that setting {x} carries no information about {y} once {join(self.given)} is known."
                ]
            case "no effect":
                return [f"The graph is right that {x} causes {y} neither directly nor through another variable."]
            case "frontdoor":
                m = join(self.mediators)
                return [
                    f"Full mediation: {x} acts on {y} only through {m}.",
                    f"No hidden common cause of {x} and {m}, and none of {m} and {y} besides {x}.",
                    f"Positivity: every value of {m} occurs at every value of {x}.",
                    consistency,
                ]
            case "general":
                free = join(self.arbitrary)
                return [
                    "Every arrow and every hidden common cause that the graph leaves out is absent.",
                    "Positivity: every combination of values that the formula conditions on occurs.",
                    *([f"The formula is the same at every value of {free}; data can refute that."] if free else []),
                    consistency,
                ]
            case "instrument":
                return self._assumptions_of_instrument(x, y, consistency)
        given = f" among units with equal {join(self.adjustment)}" if self.adjustment else ""
        return [
            f"No open non-causal path between {x} and {y}{given}: the graph misses no common cause.",
            f"Positivity: every value of {x} that is compared occurs{given}.",
            consistency,
        ]

    def evaluate(self, joint: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """The effect on an exact discrete distribution.

        Args:
            joint: P(names), one axis for each of `names`.
            names: The variables of `joint`, in the order of its axes.

        Returns:
            P(outcome | do(treatment), given), with the outcomes' axes first, then those of treatments and `given`.

        Raises:
            DataError: `joint` is not a distribution over `names`, or a variable is missing.
            NotIdentifiableError: The estimand is an instrument's ratio, which is not a distribution.

        >>> joint = np.array([[0.1, 0.4], [0.25, 0.25]])
        >>> Estimand("backdoor", "x", "y").evaluate(joint, ["x", "y"])
        array([[0.2, 0.5],
               [0.8, 0.5]])
        """
        if self.expression is None:
            raise NotIdentifiableError(
                f"Expected an estimand that gives P({self.outcome} | do({self.treatment})); an instrument gives a slope "
                "under a linear model. Use an instrumental-variable estimator."
            )
        return self.expression.evaluate(joint, names, axes=[*self.effect.of, *self.effect.do, *self.given])

    def __str__(self) -> str:
        return f"{self.text}\n{self.formula}"

    @property
    def _algorithm(self) -> str:
        return "the IDC algorithm" if self.given else "the general ID algorithm"

    def _write(self, notation: Notation) -> str:
        if self.expression is None:
            return self._ratio(notation)
        left = self.effect.write(notation)
        return f"{left} = {self.expression.write(notation, reserved=self.effect.free)}"

    def _ratio(self, notation: Notation) -> str:
        """The mean change of the outcome per unit of treatment, as a ratio of covariances."""
        x, y = notation.names([self.treatment], {}), notation.names([self.outcome], {})
        held = notation.bar + notation.names(self.adjustment, {}) if self.adjustment else ""

        def mean(action: str) -> str:
            return f"E({y}{notation.bar}{notation.act(action)})"

        def covariance(name: str) -> str:
            return f"{notation.spell('Cov')}({notation.names([self.instrument, name], {})}{held})"

        ratio = notation.fraction(covariance(self.outcome), covariance(self.treatment))
        return f"{mean(x + ' + 1')} - {mean(x)} = {ratio}"

    def _assumptions_of_instrument(self, x: str, y: str, consistency: str) -> list[str]:
        z, held = f"'{self.instrument}'", f" among units with equal {join(self.adjustment)}" if self.adjustment else ""
        return [
            f"Relevance: {z} and {x} are associated{held}.",
            f"Exclusion and independence: {z} and {y} are associated{held} through the effect of {x} alone.",
            f"Linearity: a unit more of {x} changes {y} by the same amount in every unit. Or, with {z} and {x} binary, "
            f"monotonicity: no unit moves against {z}; then the ratio is the effect among the units that {z} moves (LATE).",
            consistency,
        ]


def as_names(asked: Asked) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (asked,) if isinstance(asked, str) else tuple(asked)


def _standard_formula(estimand: Estimand) -> Expression | None:
    """The textbook formula of the methods that have one."""
    x, y = as_names(estimand.treatment), as_names(estimand.outcome)
    z, m = estimand.adjustment, estimand.mediators
    match estimand.method:
        case "no effect":
            return Probability(y, estimand.given)
        case "backdoor" if z:
            return Sum(z, Product((Probability(y, (*x, *z)), Probability(z))))
        case "backdoor":
            return Probability(y, x)
        case "frontdoor":
            behind = Sum(x, Product((Probability(y, (*m, *x)), Probability(x))))
            return Sum(m, Product((Probability(m, x), behind)))
    return None


def _quoted(asked: Asked) -> str:
    return join(f"'{name}'" for name in as_names(asked))
