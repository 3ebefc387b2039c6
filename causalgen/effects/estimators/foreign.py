"""DoWhy's own estimators, and EconML's through DoWhy, in the form that this package's reports and refuters take.

Each sees a plain table of floats (treatment, outcome, covariates x0, x1, ... with an indicator for every label but the
first) and DoWhy's estimand for it, so that names, categories and weights of the user's table cannot cause errors. The
estimates are returned unchanged; only slopes that ignore the contrast are multiplied by it here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from numpy.typing import NDArray

from ...errors import DataError
from ...graph import Estimand
from ..identification import formula_estimand, instrument_estimand, unadjusted_estimand
from ..table import numeric
from .adjustment import TARGET_UNITS, AdjustmentEstimator, Array, Arrays, Stated

__all__ = ["ForeignEstimator", "Make", "Problem"]

TREATMENT, OUTCOME, INSTRUMENT, MEDIATOR = "treatment", "outcome", "instrument", "mediator"


class Problem:
    """Input of a foreign estimator.

    Attributes:
        data: Columns "treatment", "outcome", the covariates, and "instrument" or "mediator" if there is one.
        estimand: DoWhy's estimand on these columns.
        covariates: Names of the covariates.
        control: Treatment value compared with.
        treated: Treatment value of interest.
        units: DoWhy's name of the population.
        binary_outcome: Whether the outcome is 0 or 1 in every row.
        binary_treatment: Whether the treatment is 0 or 1 in every row.
        seed: Seed of all random numbers.
    """

    def __init__(
        self, arrays: Arrays, control: float, treated: float, seed: int, extra: dict[str, NDArray[np.float64]]
    ) -> None:
        columns = {f"x{place}": column for place, column in enumerate(arrays.covariates.T) if np.ptp(column)}
        self.data = pd.DataFrame({TREATMENT: arrays.treatment, OUTCOME: arrays.outcome, **extra, **columns})
        self.covariates, self.control, self.treated, self.seed = list(columns), control, treated, seed
        self.units = TARGET_UNITS[arrays.population]
        self.binary_outcome = _is_binary(arrays.outcome)
        self.binary_treatment = _is_binary(arrays.treatment)
        if INSTRUMENT in extra:
            self.estimand = instrument_estimand(Estimand("instrument", TREATMENT, OUTCOME, instrument=INSTRUMENT))
        elif MEDIATOR in extra:
            self.estimand = formula_estimand(Estimand("frontdoor", TREATMENT, OUTCOME, mediators=(MEDIATOR,)))
        else:
            self.estimand = unadjusted_estimand(TREATMENT, OUTCOME)
            self.estimand.set_adjustment_set(self.covariates)

    def run(self, estimator: CausalEstimator, *, modifiers: list[str] | None = None, **fit: Any) -> CausalEstimate:
        """Fit one of DoWhy's estimators and estimate the contrast."""
        estimator.fit(self.data.copy(), effect_modifier_names=modifiers, **fit)
        return estimator.estimate_effect(
            self.data.copy(), treatment_value=self.treated, control_value=self.control, target_units=self.units
        )


Make = Callable[[Problem], Stated]
"""Runs a foreign estimator; returns its effect with its standard error, NaN if only a bootstrap gives one."""


class ForeignEstimator(AdjustmentEstimator):
    """An estimator of DoWhy or EconML as one of ours.

    Args:
        identified_estimand: DoWhy's estimand on the user's columns.
        make: Runs the estimator.
        name: The estimator's word, for messages.
        beside: Column of the instrument or the mediator; empty if there is none.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        make: Make,
        name: str = "",
        beside: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.make, self.name, self.beside = make, name, beside or {}

    def fit(self, data: pd.DataFrame, effect_modifier_names: Any = None) -> "ForeignEstimator":
        super().fit(data, effect_modifier_names)
        if INSTRUMENT in self.beside:
            # DoWhy's placebo refuter reads this name, and shuffles the instrument together with the treatment.
            self.estimating_instrument_names = list(self._target_estimand.instrumental_variables)
            self.beside = {INSTRUMENT: self.estimating_instrument_names[0]}
        return self

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        self._extra = {role: numeric(data[[column]])[:, 0] for role, column in self.beside.items()}
        return super().estimate_effect(data, *args, **options)

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Stated:
        problem = Problem(arrays, control, treated, self.seed, self._extra)
        try:
            found = self.make(problem)
        except DataError:
            raise
        except Exception as error:  # DoWhy raises bare exceptions
            raise DataError(
                f"Expected data that {self.name!r} can be fitted to; it failed with: {_first_line(error)} Use a "
                "method of this "
                "package, such as 'doubly robust' or 'linear adjustment'."
            ) from None
        if not np.isfinite(found.effect):
            raise DataError(
                f"Expected a finite effect from {self.name!r}; got {found.effect}. Use a method of this package, such as "
                "'doubly robust' or 'linear adjustment'."
            )
        return found


def _is_binary(values: Array) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _first_line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return text if text.endswith(".") else f"{text}."
