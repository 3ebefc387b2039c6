"""What our estimators share: DoWhy's estimator interface around one effect and its influence function."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from numpy.typing import NDArray
from scipy.stats import norm

__all__ = ["AdjustmentEstimator", "Arrays", "Influence"]

Array = NDArray[np.float64]


class Arrays(NamedTuple):
    """Treatment `(rows,)`, outcome `(rows,)` and numeric covariates `(rows, columns)` of a table."""

    treatment: Array
    outcome: Array
    covariates: Array


class Influence(NamedTuple):
    """An effect and the influence of every row on it; influences have mean 0."""

    effect: float
    influence: Array

    @property
    def standard_error(self) -> float:
        return float(self.influence.std(ddof=1) / np.sqrt(len(self.influence)))


class AdjustmentEstimator(CausalEstimator, ABC):
    """A DoWhy estimator of an average effect by adjustment, with an influence-function interval.

    Because it is a DoWhy estimator, DoWhy's refuters refit it on changed tables. `fit` only reads which columns to
    adjust for: cross-fitting fits and averages over the same rows, so the nuisance models are fitted inside
    `estimate_effect`. A subclass gives `_influence`.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        folds: Number of folds for cross-fitting.
        seed: Seed of the folds.
        confidence_level: Level of the interval.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        folds: int = 5,
        seed: int = 0,
        confidence_level: float = 0.95,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, confidence_level=confidence_level, **options)
        self.folds = folds
        self.seed = seed
        self._standard_error = np.nan
        self._effect = np.nan

    @abstractmethod
    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        """Effect of do(treatment=treated) against do(treatment=control)."""

    def fit(self, data: pd.DataFrame, effect_modifier_names: Sequence[str] | None = None) -> "AdjustmentEstimator":
        if effect_modifier_names:
            raise ValueError(f"Expected no effect modifiers; got {list(effect_modifier_names)}. Leave them out.")
        self.reset_encoders()
        self._set_effect_modifiers(data, [])
        self._covariates = list(self._target_estimand.get_adjustment_set())
        self.symbolic_estimator = self.construct_symbolic_estimator(self._target_estimand)
        return self

    def estimate_effect(
        self,
        data: pd.DataFrame,
        treatment_value: float = 1,
        control_value: float = 0,
        target_units: str = "ate",
        **_: Any,
    ) -> CausalEstimate:
        self._target_units = target_units
        self._treatment_value, self._control_value = treatment_value, control_value
        result = self._influence(self._arrays(data), float(control_value), float(treatment_value))
        self._effect, self._standard_error = result.effect, result.standard_error
        estimate = CausalEstimate(
            data=data,
            treatment_name=self._target_estimand.treatment_variable,
            outcome_name=self._target_estimand.outcome_variable,
            estimate=result.effect,
            control_value=control_value,
            treatment_value=treatment_value,
            target_estimand=self._target_estimand,
            realized_estimand_expr=self.symbolic_estimator,
        )
        estimate.add_estimator(self)
        return estimate

    def construct_symbolic_estimator(self, estimand: IdentifiedEstimand) -> str:
        inputs = estimand.treatment_variable + estimand.get_adjustment_set()
        return f"{type(self).__name__}: {estimand.outcome_variable[0]} ~ flexible({', '.join(inputs)})"

    def _arrays(self, data: pd.DataFrame) -> Arrays:
        covariates = np.zeros((len(data), 0))
        if self._covariates:
            covariates = self._encode(data[self._covariates], "observed_common_causes").to_numpy(dtype=float)
        treatment, outcome = self._target_estimand.treatment_variable[0], self._target_estimand.outcome_variable[0]
        return Arrays(data[treatment].to_numpy(dtype=float), data[outcome].to_numpy(dtype=float), covariates)

    def _estimate_confidence_intervals(self, confidence_level: float, method: Any = None) -> tuple[float, float]:
        reach = norm.ppf(0.5 + confidence_level / 2) * self._standard_error
        return self._effect - reach, self._effect + reach

    def _estimate_std_error(self, method: Any = None) -> float:
        return self._standard_error
