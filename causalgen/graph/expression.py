"""Formulas of probabilities: products, quotients and sums over variables, to read and to evaluate.

An expression is a function of its *free* variables; a sum binds the variables that it runs over, inside its body only.
A bound variable whose name is taken outside gets a prime: P(m | x) Σ_{x′} P(y | m, x′) P(x′).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..errors import DataError
from .notation import LATEX, PLAIN, Notation, Scope

__all__ = ["Expression", "Leaf", "Probability", "Product", "Quotient", "Sum", "sums", "terms"]


class Expression(ABC):
    """A formula; immutable."""

    @property
    @abstractmethod
    def free(self) -> frozenset[str]:
        """The variables of which the expression is a function."""

    @property
    def names(self) -> tuple[str, ...]:
        """All its variables, free or bound, in the order of their first appearance."""
        found = ((*term.of, *term.given, *term.do) for term, _ in terms(self))
        return tuple(dict.fromkeys(name for names in found for name in names))

    @abstractmethod
    def value(self, leaf: "Leaf", sizes: Mapping[str, int]) -> np.ndarray:
        """The values, with one axis per name in `sizes`, in that order; axes have length 1 if nothing depends on them.

        Args:
            leaf: Returns the values of a `Probability`, with such axes.
            sizes: Name -> number of values.
        """

    @abstractmethod
    def replace(self, old: "Expression", new: "Expression") -> "Expression":
        """Replace every occurrence of `old` by `new`."""

    @abstractmethod
    def _write(self, notation: Notation, scope: Scope) -> str: ...

    def write(self, notation: Notation = PLAIN, *, reserved: Iterable[str] = ()) -> str:
        """The expression in a notation; a bound variable that is named like one of `reserved` gets a prime."""
        return self._write(notation, dict.fromkeys({*self.free, *reserved}, 0))

    @property
    def text(self) -> str:
        """The expression as plain text; a sum over a continuous variable is an integral."""
        return self.write()

    @property
    def latex(self) -> str:
        """The expression for LaTeX math mode."""
        return self.write(LATEX)

    def __str__(self) -> str:
        return self.text

    def evaluate(self, joint: np.ndarray, names: Sequence[str], *, axes: Sequence[str]) -> np.ndarray:
        """The exact values on a discrete joint distribution.

        A conditional probability is NaN if its condition never occurs; a factor of zero turns that into zero.

        Args:
            joint: P(names), one axis for each of `names`.
            names: The variables of `joint`, in the order of its axes.
            axes: The variables of the result, in the order of its axes. Other free variables take their first value.

        Raises:
            DataError: `joint` is not a distribution over `names`, a variable is missing, or the expression still
                holds an intervention.

        >>> joint = np.array([[0.1, 0.4], [0.25, 0.25]])
        >>> Probability(("y",), ("x",)).evaluate(joint, ["x", "y"], axes=["y", "x"])
        array([[0.2, 0.5],
               [0.8, 0.5]])
        """
        table = _checked(joint, names)
        for name in axes:
            _find(name, names)
        sizes = dict(zip(names, table.shape))
        found = self.value(lambda term: _conditional(table, names, term), sizes)
        found = found[tuple(slice(None) if name in axes else slice(0, 1) for name in names)]
        found = np.broadcast_to(found, [n if name in axes else 1 for name, n in sizes.items()])
        kept = [name for name in names if name in axes]
        return found.reshape([sizes[name] for name in kept]).transpose([kept.index(name) for name in axes])


@dataclass(frozen=True, eq=False)
class Probability(Expression):
    """P(of | do(do), given). The order of names is for readers: it does not affect equality.

    >>> Probability(("y",), ("z",), do=("x",)).text
    'P(y | do(x), z)'
    """

    of: tuple[str, ...]
    given: tuple[str, ...] = ()
    do: tuple[str, ...] = ()

    @property
    def free(self) -> frozenset[str]:
        return frozenset((*self.of, *self.given, *self.do))

    def value(self, leaf: "Leaf", sizes: Mapping[str, int]) -> np.ndarray:
        return leaf(self)

    def replace(self, old: Expression, new: Expression) -> Expression:
        return new if self == old else self

    def _write(self, notation: Notation, scope: Scope) -> str:
        return notation.probability(self.of, self.given, self.do, scope)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Probability) and self._sets == other._sets

    def __hash__(self) -> int:
        return hash(self._sets)

    @property
    def _sets(self) -> tuple[frozenset[str], ...]:
        return frozenset(self.of), frozenset(self.given), frozenset(self.do)


@dataclass(frozen=True)
class Product(Expression):
    """The product of its factors; 1 if there are none."""

    factors: tuple[Expression, ...]

    @property
    def free(self) -> frozenset[str]:
        return frozenset().union(*(factor.free for factor in self.factors))

    def value(self, leaf: "Leaf", sizes: Mapping[str, int]) -> np.ndarray:
        result = np.ones([1] * len(sizes))
        for factor in self.factors:
            other = factor.value(leaf, sizes)
            result = np.where((result == 0) | (other == 0), 0.0, result * other)
        return result

    def replace(self, old: Expression, new: Expression) -> Expression:
        return new if self == old else Product(tuple(factor.replace(old, new) for factor in self.factors))

    def _write(self, notation: Notation, scope: Scope) -> str:
        factors = sorted(self.factors, key=lambda factor: isinstance(factor, Sum))
        if not factors:
            return "1"
        written = [_grouped(factor, (Sum, Quotient), notation, scope) for factor in factors[:-1]]
        return notation.gap.join([*written, _grouped(factors[-1], (Quotient,), notation, scope)])


@dataclass(frozen=True)
class Quotient(Expression):
    """Numerator / denominator."""

    numerator: Expression
    denominator: Expression

    @property
    def free(self) -> frozenset[str]:
        return self.numerator.free | self.denominator.free

    def value(self, leaf: "Leaf", sizes: Mapping[str, int]) -> np.ndarray:
        return _divide(self.numerator.value(leaf, sizes), self.denominator.value(leaf, sizes))

    def replace(self, old: Expression, new: Expression) -> Expression:
        return new if self == old else Quotient(self.numerator.replace(old, new), self.denominator.replace(old, new))

    def _write(self, notation: Notation, scope: Scope) -> str:
        return notation.fraction(self.numerator._write(notation, scope), self.denominator._write(notation, scope))


@dataclass(frozen=True)
class Sum(Expression):
    """The sum of the body over all values of some variables, which it binds."""

    over: tuple[str, ...]
    body: Expression

    @property
    def free(self) -> frozenset[str]:
        return self.body.free - set(self.over)

    def value(self, leaf: "Leaf", sizes: Mapping[str, int]) -> np.ndarray:
        body = self.body.value(leaf, sizes)
        full = [size if name in self.over else n for (name, size), n in zip(sizes.items(), body.shape)]
        axes = tuple(place for place, name in enumerate(sizes) if name in self.over)
        return np.broadcast_to(body, full).sum(axis=axes, keepdims=True)

    def replace(self, old: Expression, new: Expression) -> Expression:
        return new if self == old else Sum(self.over, self.body.replace(old, new))

    def _write(self, notation: Notation, scope: Scope) -> str:
        inner = {**scope, **{name: scope[name] + 1 if name in scope else 0 for name in self.over}}
        return f"{notation.sigma}_{{{notation.names(self.over, inner)}}} {self.body._write(notation, inner)}"


def terms(expression: Expression, bound: frozenset[str] = frozenset()) -> Iterator[tuple[Probability, frozenset[str]]]:
    """The probabilities of an expression, each with the variables over which sums around it run."""
    match expression:
        case Probability():
            yield expression, bound
        case Product(parts):
            for part in parts:
                yield from terms(part, bound)
        case Quotient(numerator, denominator):
            yield from terms(numerator, bound)
            yield from terms(denominator, bound)
        case Sum(over, body):
            yield from terms(body, bound | set(over))


def sums(expression: Expression) -> Iterator[Sum]:
    """The sums in an expression, outer ones first."""
    match expression:
        case Product(parts):
            for part in parts:
                yield from sums(part)
        case Quotient(numerator, denominator):
            yield from sums(numerator)
            yield from sums(denominator)
        case Sum(_, body):
            yield expression
            yield from sums(body)


Leaf: TypeAlias = Callable[[Probability], np.ndarray]


def _grouped(factor: Expression, kinds: tuple[type, ...], notation: Notation, scope: Scope) -> str:
    written = factor._write(notation, scope)
    return notation.group(written) if isinstance(factor, kinds) else written


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _conditional(joint: np.ndarray, names: Sequence[str], term: Probability) -> np.ndarray:
    if term.do:
        raise DataError(f"Expected a formula of the observational distribution; got {term}.")
    given = {_find(name, names) for name in term.given}
    kept = given | {_find(name, names) for name in term.of}
    every = range(joint.ndim)
    numerator = joint.sum(axis=tuple(axis for axis in every if axis not in kept), keepdims=True)
    return _divide(numerator, joint.sum(axis=tuple(axis for axis in every if axis not in given), keepdims=True))


def _find(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise DataError(
            f"Expected a distribution over the variables of the formula; '{name}' is not among {list(names)}."
        )
    return list(names).index(name)


def _checked(joint: np.ndarray, names: Sequence[str]) -> np.ndarray:
    table = np.asarray(joint, dtype=float)
    if table.ndim != len(names) or len(set(names)) != len(names):
        raise DataError(f"Expected a table with one axis for each of {list(names)}; got {table.ndim} axes.")
    if not (table >= 0).all() or abs(table.sum() - 1) > 1e-6:
        raise DataError(
            f"Expected probabilities that sum to 1; they sum to {table.sum():.6g}, the least is {table.min():.3g}."
        )
    return table
