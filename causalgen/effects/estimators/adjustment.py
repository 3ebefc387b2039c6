"""Base of our estimators: DoWhy's estimator interface around one effect and its influence function."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from numpy.typing import NDArray
from scipy.stats import t as student

from ...errors import DataError
from ..table import CLUSTER, DRAW, WEIGHTS, coded, numeric
from .basis import ROWS_PER_FEATURE
from .first_fit import FirstFit
from .folds import Rows, cross_folds

__all__ = ["TARGET_UNITS", "AdjustmentEstimator", "Array", "Arrays", "Influence", "Stated", "interval"]

Array = NDArray[np.float64]

ROWS_TO_SCORE = 5_000
"""Maximum number of rows that several splits score in total."""
TARGET_UNITS = {"whole": "ate", "treated": "att", "control": "atc", "overlap": "ato"}
"""DoWhy's names of our populations."""


class Arrays(NamedTuple):
    """The arrays that an estimator reads from a table.

    Attributes:
        treatment: Treatment, shape `(rows,)`.
        outcome: Outcome, shape `(rows,)`.
        covariates: Numeric covariates, shape `(rows, columns)`.
        weights: Sampling weights of mean 1, shape `(rows,)`.
        clusters: Number of each row's cluster, shape `(rows,)`; None when rows are independent.
        population: "whole", "overlap", "treated" or "control".
        units: Number of clusters, or of rows without clusters; in a bootstrap, a cluster counts as often as it is
            drawn.
        coded: Covariates with categories as codes, shape `(rows, covariates)`; empty if no model uses them.
    """

    treatment: Array
    outcome: Array
    covariates: Array
    weights: Array
    clusters: NDArray[np.int64] | None
    population: str
    units: int
    coded: Array

    def share(self, control: float, treated: float) -> Array:
        """Weight of each row in the whole population, the treated or the controls; weights have mean 1."""
        target = {"treated": treated, "control": control}.get(self.population)
        counted = self.weights if target is None else self.weights * (self.treatment == target)
        return counted / counted.mean()


class Influence(NamedTuple):
    """An effect and the influence of every row on it, sampling weights included; influences have mean 0.

    Attributes:
        effect: The effect.
        influence: Influence of every row on it, shape `(rows,)`.
        clusters: Number of each row's cluster, shape `(rows,)`; None when rows are independent.
        means: Means of the outcome under both compared values, the control first, shape `(2,)`; None if there is none.
        pulls: Influence of every row on these means, shape `(2, rows)`; None if there is none.
    """

    effect: float
    influence: Array
    clusters: NDArray[np.int64] | None = None
    means: Array | None = None
    pulls: Array | None = None

    @classmethod
    def of_means(cls, means: Array, pulls: Array, clusters: NDArray[np.int64] | None) -> "Influence":
        """Build the difference of two means `(2,)`, the control's first, from the rows' influences `(2, rows)`."""
        return cls(float(means[1] - means[0]), pulls[1] - pulls[0], clusters, means, pulls)

    @property
    def standard_error(self) -> float:
        """Root of the sum of squared influences, which are summed within clusters before squaring."""
        rows = len(self.influence)
        if self.clusters is None:
            return float(self.influence.std(ddof=1) / np.sqrt(rows))
        sums = np.bincount(self.clusters, weights=self.influence)
        return float(sums.std(ddof=1) * np.sqrt(len(sums)) / rows)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error: clusters minus one; infinite where rows are independent."""
        return np.inf if self.clusters is None else float(self.clusters.max())

    def interval(self, level: float) -> tuple[float, float]:
        """Student's t interval with these degrees of freedom; the normal one where rows are independent."""
        return interval(self.effect, self.standard_error, level, self.freedom)


class Stated(NamedTuple):
    """An effect with the estimator's standard error (NaN if only a bootstrap gives one), and the two means if known."""

    effect: float
    standard_error: float
    means: Array | None = None

    def interval(self, level: float) -> tuple[float, float]:
        """The normal interval; NaN without a standard error."""
        return interval(self.effect, self.standard_error, level)


def interval(effect: float, error: float, level: float, freedom: float = np.inf) -> tuple[float, float]:
    """Student's t interval of an effect with a standard error; the normal one for infinite degrees of freedom."""
    reach = float(student.ppf(0.5 + level / 2, freedom)) * error
    return effect - reach, effect + reach


class AdjustmentEstimator(CausalEstimator, ABC):
    """A DoWhy estimator of an average effect, with an influence-function interval.

    Because it is a DoWhy estimator, DoWhy's refuters refit it on changed tables. `fit` only reads which columns to
    adjust for: cross-fitting fits and averages over the same rows, so the nuisance models are fitted inside
    `estimate_effect`. Sampling weights and clusters are read from the table, from the columns that
    `causalgen.effects.table` adds. A subclass gives `_influence`.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        folds: Number of folds for cross-fitting.
        seed: Seed of the folds.
        confidence_level: Level of the interval.
    """

    rows_per_feature = ROWS_PER_FEATURE
    """Minimum number of rows per feature of the basis; models that choose their penalty need fewer."""
    most_splits = 1
    """Maximum number of splits into folds over which the scores of a small table are averaged."""
    adapts = False
    """Whether models that take categories as codes may be added to the estimator's."""
    remark = ""
    """What a reader should know about the last fit."""

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
        self.kept: FirstFit | None = None
        """What refits keep of the first fit, as refuters need it; None if fits are independent."""

    def keep(self, first: FirstFit) -> "AdjustmentEstimator":
        """Return the same estimator, whose fits reuse what `first` holds and record their choices there.

        It has a single split: the folds are kept, and several would slow every refit.
        """
        estimator = copy(self)
        estimator.kept, estimator.most_splits = first, 1
        return estimator

    def for_resamples(self) -> "AdjustmentEstimator":
        """The estimator that a bootstrap fits to the table and to every resample: this one, or a faster one."""
        return self

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a reader must know about the last fit before using the estimate."""
        return ()

    def get_new_estimator_object(self, identified_estimand: IdentifiedEstimand, *_: Any, **__: Any) -> Any:
        """Return an estimator for one more fit, as DoWhy requests it.

        DoWhy's own method copies everything, results of the last fit included, which takes longer than some fits do.
        """
        estimator = copy(self)
        estimator._target_estimand = identified_estimand
        return estimator

    def _basis(self, columns: Array, units: int, role: str = "", *, treated: bool = False) -> Callable[[Array], Array]:
        """The flexible basis of these columns; refits reuse that of the first fit in the same role."""
        kept = FirstFit() if self.kept is None else self.kept
        return kept.features(columns, units, role, rows_per_feature=self.rows_per_feature, treated=treated)

    def _covariate_features(self, arrays: Arrays) -> Array:
        """The flexible basis of the covariates, shape `(rows, features)`."""
        if self.kept is None:
            return self._basis(arrays.covariates, arrays.units)(arrays.covariates)
        options = {"rows_per_feature": self.rows_per_feature}
        return self.kept.features_of(arrays.covariates, self._index, arrays.units, **options)

    def split_seeds(self, rows: int) -> list[int]:
        """Seeds of the splits into folds over which the scores of a table with `rows` rows are averaged."""
        count = int(np.clip(ROWS_TO_SCORE // rows, 1, self.most_splits))
        return [self.seed, *np.random.SeedSequence(self.seed).generate_state(count - 1).tolist()]

    def _folds(self, arrays: Arrays, seed: int, arm: NDArray | None = None) -> list[tuple[Rows, Rows]]:
        """Rows to fit on and rows to score; refits that keep the first fit's folds leave each row in its fold."""
        kept = self.kept
        if kept is not None and kept.folds is not None:
            own = kept.folds.to_numpy()[kept.folds.index.get_indexer(self._index)]
            return [(np.flatnonzero(own != number), np.flatnonzero(own == number)) for number in range(own.max() + 1)]
        folds = list(cross_folds(len(arrays.outcome), self.folds, seed, arm=arm, clusters=arrays.clusters))
        if kept is not None and kept.keeps_folds:
            own = np.zeros(len(arrays.outcome), dtype=int)
            for number, (_, score) in enumerate(folds):
                own[score] = number
            kept.folds = pd.Series(own, self._index)
        return folds

    @abstractmethod
    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence | Stated:
        """Effect of do(treatment=treated) against do(treatment=control)."""

    def fit(self, data: pd.DataFrame, effect_modifier_names: Sequence[str] | None = None) -> "AdjustmentEstimator":
        if effect_modifier_names:
            raise ValueError(f"Expected no effect modifiers; got {list(effect_modifier_names)}. Leave them out.")
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
        self._index = data.index
        result = self._influence(self.arrays(data, target_units), float(control_value), float(treatment_value))
        self._result = result
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

    def influence(self, data: pd.DataFrame, *, control: float, treated: float, population: str = "whole") -> Influence:
        """The effect with the influence of every row, for estimates that combine several tables.

        Raises:
            DataError: The method states no influence function.
        """
        result = self._influence(self.arrays(data, TARGET_UNITS[population]), control, treated)
        if not isinstance(result, Influence):
            raise DataError(f"Expected a method with an influence function; got {type(self).__name__}, which has none.")
        return result

    def construct_symbolic_estimator(self, estimand: IdentifiedEstimand) -> str:
        inputs = estimand.treatment_variable + estimand.get_adjustment_set()
        return f"{type(self).__name__}: {estimand.outcome_variable[0]} ~ {', '.join(inputs)}"

    def arrays(self, data: pd.DataFrame, target_units: str = "ate") -> Arrays:
        """The table as arrays; weights are scaled to mean 1."""
        treatment, outcome = self._target_estimand.treatment_variable[0], self._target_estimand.outcome_variable[0]
        weights = data[WEIGHTS].to_numpy() if WEIGHTS in data else np.ones(len(data))
        clusters = np.unique(data[CLUSTER], return_inverse=True)[1] if CLUSTER in data else None
        population = next(ours for ours, theirs in TARGET_UNITS.items() if theirs == target_units)
        counted = next((name for name in (DRAW, CLUSTER) if name in data), None)
        return Arrays(
            data[treatment].to_numpy(dtype=float),
            data[outcome].to_numpy(dtype=float),
            self._columns(data),
            weights / weights.mean(),
            clusters,
            population,
            len(data) if counted is None else data[counted].nunique(),
            coded(data[self._covariates]) if self.adapts else np.zeros((len(data), 0)),
        )

    def _columns(self, data: pd.DataFrame) -> Array:
        """The covariates as numbers; those that a refit adds come last, after the dummies of the first fit's."""
        if self.kept is None:
            return numeric(data[self._covariates])
        if self.kept.covariates is None:
            self.kept.covariates = list(self._covariates)
        first, added = self.kept.covariates, [name for name in self._covariates if name not in self.kept.covariates]
        own = self.kept.of_rows("covariates", data.index, lambda: numeric(data[first]))
        return np.hstack([own, numeric(data[added])]) if added else own

    @property
    def found(self) -> "Influence | Stated":
        """The result of the last `estimate_effect`."""
        return self._result

    def _estimate_confidence_intervals(self, confidence_level: float, method: Any = None) -> tuple[float, float]:
        return self._result.interval(confidence_level)

    def _estimate_std_error(self, method: Any = None) -> float:
        return self._result.standard_error
