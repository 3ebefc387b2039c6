"""Plug-in estimation of any formula that identification finds: every factor estimated, the sums carried out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_identifier import IdentifiedEstimand

from ...graph import Estimand, Expression, Probability, Product, Quotient, Sum
from .adjustment import Array, Arrays
from .by_weights import ByWeights
from .factors import ROWS, Axes, Factors, Labels

__all__ = ["IdentifiedFormula"]


class IdentifiedFormula(ByWeights):
    """The formula of a general identification, with each factor estimated by a share or a regression.

    A factor P(v | ...) of a discrete variable is a share of the rows of each cell if every cell has enough rows, else a
    penalised logistic regression; the outcome enters by its mean. Sums over labels are computed directly; those over
    continuous variables run over the rows. If the value of a variable does not matter, numerator and denominator are
    averaged over its values. The interval comes from bootstrap percentiles.

    References:
        Shpitser and Pearl (2006), Identification of joint interventional distributions: the formula.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        estimand: The estimand, with the formula.
        labels: Discrete variable -> label of each of its values in the table.
        bounds: Range of the outcome; None when it has none.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        estimand: Estimand,
        labels: Labels,
        bounds: tuple[float, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.estimand = estimand
        self.labels = labels
        self.bounds = bounds

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        self._table = data
        return super().estimate_effect(data, *args, **options)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a reader must know about the factors."""
        return self._factors.doubts

    def _by_weights(self, arrays: Arrays, control: float, treated: float) -> Callable[[Array], Array]:
        formula = self.estimand.expression
        assert formula is not None
        names = str(self.estimand.treatment), str(self.estimand.outcome)  # a refuter changes one of them
        table = self._table.assign(**dict(zip(names, (arrays.treatment, arrays.outcome), strict=True)))
        axes = Axes.of(self.estimand, table, self.labels, (control, treated), arrays.covariates)
        factors = self._factors = Factors(
            axes, arrays, self.bounds, lambda columns, role: self._basis(columns, arrays.units, role)
        )
        factors.prepare(formula)
        arbitrary, sides = self.estimand.arbitrary, [axes.position(value) for value in (control, treated)]

        def means(weights: Array) -> Array:
            factors.weigh(weights)
            parts = (formula.numerator, formula.denominator) if isinstance(formula, Quotient) else (formula,)
            found = [axes.averaged(_value(part, factors, frozenset()), arbitrary, weights) for part in parts]
            with np.errstate(divide="ignore", invalid="ignore"):
                return axes.means(found[0] / found[1] if len(found) > 1 else found[0], weights)[sides]

        return means


def _value(expression: Expression, factors: Factors, bound: frozenset[str]) -> Array:
    """The values of an expression on the axes; sums over variables that run over the rows end the axis of the rows."""
    axes = factors.axes
    match expression:
        case Probability():
            return factors.value(expression, bound)
        case Product(parts):
            product = np.ones([1] * len(axes.names))
            for part in parts:
                value = _value(part, factors, bound)
                product = np.where((product == 0) | (value == 0), 0.0, product * value)
            return product
        case Quotient(numerator, denominator):
            with np.errstate(divide="ignore", invalid="ignore"):
                return _value(numerator, factors, bound) / _value(denominator, factors, bound)
        case Sum(over, body):
            value = _value(body, factors, bound | set(over))
            summed = {ROWS if axes.is_row_variable(name) else name for name in over}
            places = tuple(place for place, name in enumerate(axes.names) if name in summed)
            full = axes.shape(*summed)
            return np.asarray((value * np.ones(full)).sum(axis=places, keepdims=True))
    raise AssertionError(f"no such expression: {expression!r}")
