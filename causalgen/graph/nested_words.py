"""Nested counterfactuals as formulas, and their assumptions as text."""

from collections.abc import Callable, Iterable, Sequence

from .edge_formula import Factor
from .nested_estimand import Formula, Query
from .nested_paths import Path
from .notation import LATEX, PLAIN, Notation

__all__ = ["assume", "join", "write_causation", "write_nested", "write_treated"]


def assume(query: Query, x: str, y: str, mediators: tuple[str, ...], adjustment: tuple[str, ...]) -> tuple[str, ...]:
    """What must hold, beyond the data, for the formula of a query to be its answer."""
    equal = f"among units with equal {join(adjustment)}" if adjustment else "in the population"
    consistency = f"Consistency: what is observed at a value of '{x}' is what setting '{x}' to it would give."
    if query == "probabilities of causation":
        monotonicity = (
            f"For the point values only, monotonicity: no unit has the outcome '{y}' under {x}=a and lacks it under "
            f"{x}=b. Data cannot prove it; a lower bound below 0 contradicts it."
        )
        return (monotonicity,)
    if query == "effect on the treated":
        return (
            f"No open non-causal path between '{x}' and '{y}' {equal}: the graph misses no common cause.",
            f"Positivity: {x}=a occurs {equal} wherever {x}=b does.",
            consistency,
        )
    through = f" of '{x}', {join(mediators)} and '{y}'" if mediators else f" of '{x}', '{y}' and what lies between them"
    unconfounded = f"No hidden common cause{through} {equal}, beyond those drawn in the graph."
    if query == "controlled direct effect":
        return (
            unconfounded,
            f"Positivity: the values of {join(mediators)} that are set occur at both values of '{x}', {equal}.",
            consistency,
        )
    across = (
        f"Cross-world independence: {equal}, how the variables that keep {x}=a would turn out is independent of how "
        f"the others would respond to {x}=b. No experiment can test it, since no unit is seen under both; it holds "
        "when the arrows are structural equations with independent noises."
    )
    positivity = (
        f"Positivity: both values of '{x}' occur {equal}, and every value of {join(mediators) or 'what lies between'} "
        f"that occurs under {x}=a also occurs under {x}=b."
    )
    return (unconfounded, across, positivity, consistency)


def write_nested(
    query: Query,
    terms: tuple[Factor, ...],
    x: str,
    y: str,
    *,
    mediators: tuple[str, ...] = (),
    paths: Sequence[Path] = (),
) -> Formula:
    """The formula of a query whose answer is a sum over factors."""

    def left(n: Notation) -> str:
        if query == "controlled direct effect":
            return f"P({n.spell(y)}{n.bar}{n.act(_level(x, 'b', n) + ', ' + n.names(mediators, {}))})"
        if query == "natural effects":
            kept = ", ".join(f"{n.spell(m)}({_level(x, 'a', n)})" for m in mediators)
            return f"P({n.spell(y)}({_level(x, 'b', n)}, {kept}))"
        arrow = " -> " if n is PLAIN else r" \to "
        along = "; ".join(arrow.join(map(n.spell, path)) for path in paths)
        along, otherwise = (f" along {along}", " elsewhere") if n is PLAIN else (rf"_{{{along}}}", r"\text{ elsewhere}")
        return f"P({n.spell(y)}({_level(x, 'b', n)}{along}, {_level(x, 'a', n)}{otherwise}))"

    held = mediators if query == "controlled direct effect" else ()
    return _both(lambda n: f"{left(n)} = {_sum(terms, x, y, held, n)}")


def write_treated(x: str, y: str, adjustment: tuple[str, ...]) -> Formula:
    """The formula of the effect on the treated."""

    def write(n: Notation) -> str:
        out, a, b = n.spell(y), _level(x, "a", n), _level(x, "b", n)
        effect = f"E[{out}(b) - {out}(a){n.bar}{b}] = E[{out}{n.bar}{b}] - "
        if not adjustment:
            return f"{effect}E[{out}{n.bar}{a}]"
        z = n.names(adjustment, {})
        return f"{effect}{n.sigma}_{{{z}}} E[{out}{n.bar}{a}, {z}]{n.gap}P({z}{n.bar}{b})"

    return _both(write)


def write_causation(x: str, y: str) -> Formula:
    """The formula of the bounds of PNS, from which those of PN and PS follow by division."""

    def write(n: Notation) -> str:
        one = f"{n.spell(y)}=1"
        under_a = f"P({one}{n.bar}{n.act(_level(x, 'a', n))})"
        under_b = f"P({one}{n.bar}{n.act(_level(x, 'b', n))})"
        same = f"P({one}, {_level(x, 'b', n)}) + P({n.spell(y)}=0, {_level(x, 'a', n)})"
        least, most, order = ("max", "min", "≤") if n is PLAIN else (r"\max", r"\min", r"\le")
        return (
            f"{least}(0, {under_b} - {under_a}, P({one}) - {under_a}, {under_b} - P({one})) {order} PNS {order} "
            f"{most}({under_b}, 1 - {under_a}, {same}, {under_b} - {under_a} + 1 - {same.replace(' + ', ' - ')})"
        )

    return _both(write)


def join(names: Iterable[str]) -> str:
    """Names as in a sentence: a, b and c."""
    listed = list(names)
    return " and ".join(filter(None, [", ".join(listed[:-1]), *listed[-1:]]))


def _both(write: Callable[[Notation], str]) -> Formula:
    return Formula(write(PLAIN), write(LATEX))


def _sum(terms: tuple[Factor, ...], x: str, y: str, held: tuple[str, ...], n: Notation) -> str:
    """The sum over the product of the factors; variables in `held` are set and not summed over."""
    summed = [node for term in terms for node in term.nodes if node not in (y, *held)]
    product = n.gap.join(_factor(term, x, n) for term in reversed(terms))
    return f"{n.sigma}_{{{n.names(summed, {})}}} {product}" if summed else product


def _factor(term: Factor, x: str, n: Notation) -> str:
    level = [_level(x, term.level, n)] if term.level else []
    given = ", ".join([*level, *(n.spell(name) for name in term.given)])
    if given and not term.plain:
        given = n.act(given)
    return f"P({n.names(term.nodes, {})}" + (f"{n.bar}{given})" if given else ")")


def _level(x: str, level: str, n: Notation) -> str:
    """The treatment at one value of the contrast: pen=b."""
    return f"{n.spell(x)}={level}"
