"""The estimand of a nested counterfactual: the formula that answers it from data, and its assumptions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from .causation import DEFINITIONS
from .edge_formula import Factor
from .notation import LATEX, PLAIN, Notation, join
from .paths import Path, write_directed

__all__ = ["COMPARED", "ESTIMANDS", "EstimandName", "NestedEstimand", "Stage", "definitions"]

EstimandName = Literal["natural", "controlled", "path", "treated", "causation"]
ESTIMANDS: dict[EstimandName, str] = {
    "natural": "natural effects",
    "controlled": "controlled direct effect",
    "path": "path-specific effect",
    "treated": "effect on the treated",
    "causation": "probabilities of causation",
}
"""The word for each estimand, and its full name."""
COMPARED: dict[EstimandName, dict[str, tuple[str, str]]] = {
    "natural": {
        "total": ("bb", "aa"),
        "natural direct": ("ba", "aa"),
        "total indirect": ("bb", "ba"),
        "natural indirect": ("ab", "aa"),
    },
    "controlled": {"controlled direct": ("bb", "aa")},
    "path": {"path-specific": ("ba", "aa")},
    "treated": {"effect on the treated": ("bb", "aa")},
    "causation": {},
}
"""By estimand, its effects and the two worlds that each compares, the second subtracted from the first. A world is two values
of the treatment: the one that acts directly (along the active paths), and the one that the mediators (the other paths) obey."""
Stage = tuple[tuple[str, ...], str]
"""Variables that are averaged over together, and the value of the treatment, "a" or "b", on which they depend."""


@dataclass(frozen=True)
class NestedEstimand:
    """A nested counterfactual in terms of the observational distribution. Contrasts compare X=b with X=a.

    Args:
        name: A key of `ESTIMANDS`.
        method: "mediation formula", "edge g-formula", "g-formula", "back-door" or "bounds".
        treatment: The variable X whose values a and b are compared.
        outcome: The variable Y whose response is queried.
        mediators: Variables that keep their value of another world, or that are set.
        adjustment: Variables, not affected by the treatment, that are adjusted for.
        paths: The active paths of a path-specific effect.
        factors: The factors of the formula.
        stages: How to compute it by regression on regression, outcome last; empty if a factor is not a plain
            conditional distribution, or if the estimand needs none.
        required: Assumptions that identify P(Y | do(X)), which bounds need.
    """

    name: EstimandName
    method: Literal["mediation formula", "edge g-formula", "g-formula", "back-door", "bounds"]
    treatment: str
    outcome: str
    mediators: tuple[str, ...] = ()
    adjustment: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    factors: tuple[Factor, ...] = ()
    stages: tuple[Stage, ...] = ()
    required: tuple[str, ...] = ()

    @property
    def point(self) -> bool:
        """Whether the formula gives a number; else it gives bounds."""
        return self.method != "bounds"

    @property
    def formula(self) -> str:
        """The formula as plain text; a sum over a continuous variable is an integral."""
        return _FORMULAS[self.name](self, PLAIN)

    @property
    def latex(self) -> str:
        """The formula for LaTeX math mode."""
        return _FORMULAS[self.name](self, LATEX)

    @property
    def text(self) -> str:
        """Describe what is compared."""
        found = definitions(self.name, self.treatment, self.outcome, self.mediators, self.paths)
        told = "; ".join(f"{name}, {words}" for name, words in found.items())
        return f"The {ESTIMANDS[self.name]} of '{self.treatment}' on '{self.outcome}', b against a: {told}."

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions under which the formula is the answer."""
        x, y, m = self.treatment, self.outcome, join(self.mediators)
        if self.name == "causation":
            monotonicity = (
                f"For the point values only, monotonicity: no unit has the outcome '{y}' under {x}=a and lacks it under "
                f"{x}=b. Data cannot prove it; a lower bound below 0 contradicts it."
            )
            return (*self.required, monotonicity)
        equal = f"among units with equal {join(self.adjustment)}" if self.adjustment else "in the population"
        consistency = f"Consistency: what is observed at a value of '{x}' is what setting '{x}' to it would give."
        if self.name == "treated":
            return (
                f"No open non-causal path between '{x}' and '{y}' {equal}: the graph misses no common cause.",
                f"Positivity: {x}=a occurs {equal} wherever {x}=b does.",
                consistency,
            )
        through = join((x, *self.mediators, y)) if m else f"'{x}', '{y}' and what lies between them"
        unconfounded = f"No hidden common cause of {through} {equal}, beyond those drawn in the graph."
        if self.name == "controlled":
            positivity = f"Positivity: the values of {m} that are set occur at both values of '{x}', {equal}."
            return (unconfounded, positivity, consistency)
        across = (
            f"Cross-world independence: {equal}, how the variables that keep {x}=a would turn out is independent of how "
            f"the others would respond to {x}=b. No experiment can test it, since no unit is seen under both; it holds "
            "when the arrows are structural equations with independent noises."
        )
        positivity = (
            f"Positivity: both values of '{x}' occur {equal}, and every value of {m or 'what lies between'} that occurs "
            f"under {x}=a also occurs under {x}=b."
        )
        return (unconfounded, across, positivity, consistency)

    def __str__(self) -> str:
        return f"{self.text}\n{self.formula}"


def definitions(
    estimand: EstimandName,
    treatment: str,
    outcome: str,
    mediators: tuple[str, ...] = (),
    paths: tuple[Path, ...] = (),
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, str]:
    """By name, the effects of an estimand and the counterfactuals that each compares.

    >>> definitions("natural", "x", "y", ("m",))["natural direct"]
    'y(b, m(a)) - y(a)'
    """
    if estimand == "causation":
        return DEFINITIONS

    def world(direct: str, through: str) -> str:
        if estimand == "controlled":
            kept = [f"{m} = {settings[m]}" if m in settings else m for m in mediators]
        else:
            kept = [f"{m}({through})" for m in mediators] if direct != through else []
        along = (
            f" along {'; '.join(map(write_directed, paths))}, {through} elsewhere"
            if direct != through and paths
            else ""
        )
        return f"{outcome}({', '.join([direct + along, *kept])})"

    among = f" among units with {treatment} = b" if estimand == "treated" else ""
    return {name: f"{world(*first)} - {world(*second)}{among}" for name, (first, second) in COMPARED[estimand].items()}


def _natural(estimand: NestedEstimand, n: Notation) -> str:
    kept = ", ".join(f"{n.spell(m)}({_level(estimand, 'a', n)})" for m in estimand.mediators)
    return f"P({n.spell(estimand.outcome)}({_level(estimand, 'b', n)}, {kept})) = {_sum(estimand, n)}"


def _controlled(estimand: NestedEstimand, n: Notation) -> str:
    action = n.act(f"{_level(estimand, 'b', n)}, {n.names(estimand.mediators, {})}")
    return f"P({n.spell(estimand.outcome)}{n.bar}{action}) = {_sum(estimand, n, held=estimand.mediators)}"


def _path(estimand: NestedEstimand, n: Notation) -> str:
    arrow = " -> " if n is PLAIN else r" \to "
    along = "; ".join(arrow.join(map(n.spell, path)) for path in estimand.paths)
    along, elsewhere = (f" along {along}", " elsewhere") if n is PLAIN else (rf"_{{{along}}}", r"\text{ elsewhere}")
    a, b = _level(estimand, "a", n), _level(estimand, "b", n)
    return f"P({n.spell(estimand.outcome)}({b}{along}, {a}{elsewhere})) = {_sum(estimand, n)}"


def _treated(estimand: NestedEstimand, n: Notation) -> str:
    out, a, b = n.spell(estimand.outcome), _level(estimand, "a", n), _level(estimand, "b", n)
    effect = f"E[{out}(b) - {out}(a){n.bar}{b}] = E[{out}{n.bar}{b}] - "
    if not estimand.adjustment:
        return f"{effect}E[{out}{n.bar}{a}]"
    z = n.names(estimand.adjustment, {})
    return f"{effect}{n.sigma}_{{{z}}} E[{out}{n.bar}{a}, {z}]{n.gap}P({z}{n.bar}{b})"


def _causation(estimand: NestedEstimand, n: Notation) -> str:
    """The bounds of PNS, from which those of PN and PS follow by division."""
    y, a, b = n.spell(estimand.outcome), _level(estimand, "a", n), _level(estimand, "b", n)
    under_a, under_b = (f"P({y}=1{n.bar}{n.act(level)})" for level in (a, b))
    same = f"P({y}=1, {b}) + P({y}=0, {a})"
    least, most, order = ("max", "min", "≤") if n is PLAIN else (r"\max", r"\min", r"\le")
    return (
        f"{least}(0, {under_b} - {under_a}, P({y}=1) - {under_a}, {under_b} - P({y}=1)) {order} PNS {order} "
        f"{most}({under_b}, 1 - {under_a}, {same}, {under_b} - {under_a} + 1 - {same.replace(' + ', ' - ')})"
    )


_FORMULAS: dict[EstimandName, Callable[[NestedEstimand, Notation], str]] = {
    "natural": _natural,
    "controlled": _controlled,
    "path": _path,
    "treated": _treated,
    "causation": _causation,
}


def _sum(estimand: NestedEstimand, n: Notation, held: tuple[str, ...] = ()) -> str:
    """The sum over the product of the factors; variables in `held` are set and not summed over."""
    nodes = [node for term in estimand.factors for node in term.nodes if node not in (estimand.outcome, *held)]
    product = n.gap.join(_factor(estimand, term, n) for term in reversed(estimand.factors))
    return f"{n.sigma}_{{{n.names(nodes, {})}}} {product}" if nodes else product


def _factor(estimand: NestedEstimand, term: Factor, n: Notation) -> str:
    level = [_level(estimand, term.level, n)] if term.level else []
    given = ", ".join([*level, *map(n.spell, term.given)])
    if given and not term.plain:
        given = n.act(given)
    return f"P({n.names(term.nodes, {})}" + (f"{n.bar}{given})" if given else ")")


def _level(estimand: NestedEstimand, level: str, n: Notation) -> str:
    """The treatment at one value of the contrast: pen=b."""
    return f"{n.spell(estimand.treatment)}={level}"
