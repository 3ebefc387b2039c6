"""Shorter formulas of equal value: sums of whole distributions are one, equal factors cancel."""

from collections.abc import Iterable

from .expression import Expression, Probability, Product, Quotient, Sum

__all__ = ["simplify"]


def simplify(expression: Expression) -> Expression:
    """Carry out sums that run over a whole distribution, and reduce fractions.

    >>> p_z, p_y = Probability(("z",)), Probability(("y",), ("x",))
    >>> print(simplify(Sum(("z",), Product((p_z, p_y)))))
    P(y | x)
    """
    match expression:
        case Sum(over, body):
            return _sum(over, simplify(body))
        case Product(factors):
            return _product(simplify(factor) for factor in factors)
        case Quotient(numerator, denominator):
            return _reduced(_factors(simplify(numerator)), _factors(simplify(denominator)))
    return expression


def _factors(expression: Expression) -> list[Expression]:
    return list(expression.factors) if isinstance(expression, Product) else [expression]


def _product(factors: Iterable[Expression]) -> Expression:
    flat = [part for factor in factors for part in _factors(factor)]
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def _reduced(above: list[Expression], below: list[Expression]) -> Expression:
    for factor in list(below):
        if factor in above:
            above.remove(factor)
            below.remove(factor)
    return Quotient(_product(above), _product(below)) if below else _product(above)


def _sum(over: tuple[str, ...], body: Expression) -> Expression:
    """The sum, without the variables over which it can be carried out; removing one can enable another."""
    for name in over:
        shorter = _summed_out(body, name)
        if shorter is not None:
            return _sum(tuple(other for other in over if other != name), shorter)
    if isinstance(body, Sum) and set(over).isdisjoint(body.over):
        return Sum((*over, *body.over), body.body)
    return Sum(over, body) if over else body


def _summed_out(body: Expression, name: str) -> Expression | None:
    """The sum of the body over one variable, where that leaves no sum; else None."""
    match body:
        case Probability(of, given, do) if name in of:
            rest = tuple(other for other in of if other != name)
            return Probability(rest, given, do) if rest else Product(())
        case Product(factors):
            touched = [factor for factor in factors if name in factor.free]
            if len(touched) == 1 and (inner := _summed_out(touched[0], name)) is not None:
                return _product(inner if factor is touched[0] else factor for factor in factors)
        case Sum(over, inside) if name not in over:
            inner = _summed_out(inside, name)
            return None if inner is None else _sum(over, inner)
        case Quotient(numerator, denominator) if name not in denominator.free:
            inner = _summed_out(numerator, name)
            return None if inner is None else _reduced(_factors(inner), _factors(denominator))
    return None
