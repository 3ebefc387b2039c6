"""How formulas, names and values are written: formulas as plain text, or for LaTeX math mode."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["LATEX", "PLAIN", "Notation", "Scope", "join", "spell_estimate", "spell_number", "spell_value"]

Scope: TypeAlias = Mapping[str, int]
"""Name -> number of primes that it carries at this place of a formula."""

LONG = 1e15
"""Whole numbers below this are exact, and are written with all their digits."""


@dataclass(frozen=True)
class Notation:
    """The symbols of one notation for formulas.

    Args:
        spell: Writes the name of a variable.
        prime: Marks a bound variable whose name is taken.
        bar: Precedes the condition.
        act: Writes an intervention on the names given.
        gap: Separates factors.
        sigma: Begins a sum.
        fraction: Writes a quotient.
        group: Puts a part in brackets.
    """

    spell: Callable[[str], str]
    prime: str
    bar: str
    act: Callable[[str], str]
    gap: str
    sigma: str
    fraction: Callable[[str, str], str]
    group: Callable[[str], str]

    def names(self, names: Iterable[str], scope: Scope) -> str:
        """The names with their primes, separated by commas."""
        return ", ".join(self.spell(name) + self.prime * scope.get(name, 0) for name in names)

    def probability(self, of: Iterable[str], given: Iterable[str], do: Iterable[str], scope: Scope) -> str:
        """P(of | do(do), given)."""
        action = self.names(do, scope)
        condition = ", ".join(filter(None, [self.act(action) if action else "", self.names(given, scope)]))
        return f"P({self.names(of, scope)}{self.bar + condition if condition else ''})"


def _spell_latex(name: str) -> str:
    escape = str.maketrans({c: f"\\{c}" for c in "_#$%&{} "} | {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim "})
    return rf"\mathrm{{{name.translate(escape)}}}"


PLAIN = Notation(
    spell=str,
    prime="′",
    bar=" | ",
    act=lambda names: f"do({names})",
    gap=" ",
    sigma="Σ",
    fraction=lambda above, below: f"[{above}] / [{below}]",
    group=lambda part: f"[{part}]",
)
LATEX = Notation(
    spell=_spell_latex,
    prime="'",
    bar=r" \mid ",
    act=lambda names: rf"\mathrm{{do}}({names})",
    gap=r"\, ",
    sigma=r"\sum",
    fraction=lambda above, below: rf"\frac{{{above}}}{{{below}}}",
    group=lambda part: rf"\left[{part}\right]",
)


def join(names: Iterable[str]) -> str:
    """Join names as in a sentence: a, b and c."""
    listed = list(names)
    return " and ".join(filter(None, [", ".join(listed[:-1]), *listed[-1:]]))


def spell_number(number: float, digits: int = 4) -> str:
    """Write a number as plain text with `digits` significant digits, and at least all digits before the point.

    >>> spell_number(18794.4), spell_number(-0.012345), spell_number(7.0), spell_number(1234.5, 3)
    ('18,794', '-0.01235', '7', '1,234')
    """
    return f"{number:,.0f}" if 10**digits - 0.5 <= abs(number) < LONG else f"{number:.{digits}g}"


def spell_estimate(value: float, low: float | None, high: float | None) -> str:
    """A number with its interval, if it has one.

    >>> spell_estimate(0.5, 0.25, 0.75), spell_estimate(12000, None, None)
    ('0.5 [0.25, 0.75]', '12,000')
    """
    interval = "" if low is None or high is None else f" [{spell_number(low)}, {spell_number(high)}]"
    return spell_number(value) + interval


def spell_value(value: Any) -> str:
    """A label, or a number without needless digits.

    >>> spell_value(2.0), spell_value("felt-tip"), spell_value(1_250_000.0)
    ('2', 'felt-tip', '1250000')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < LONG:
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
