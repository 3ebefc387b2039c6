"""Tests whether an estimate rests on a model of the wrong form, with boosted trees as further covariates.

If the models of an estimator are right, its estimate does not change when two more covariates are adjusted for: the
outcome and the treatment as boosted trees predict them from the covariates, each row by trees that have not seen it. If
both follow the same curve, step or interaction, and the estimator's models miss it, the estimate moves towards the
right value. The test compares the two estimates row by row, by their influence functions: they share most of their
error.

Reference:
    Hausman, Specification tests in econometrics (1978), for the comparison of two estimates.
"""

from dataclasses import dataclass, replace

from scipy.stats import t as student

from ...graph.notation import spell_number
from ..estimators.adjustment import Influence
from ..estimators.first_fit import FirstFit
from ..table import EncodedTable, numeric
from .boosted import boosted_prediction
from .columns import compared
from .refit import fitted, with_covariate

__all__ = ["FunctionalForm", "functional_form", "with_stacked"]

OUTCOME, TREATMENT = "(predicted outcome)", "(predicted treatment)"
MOST_ROWS = 20_000
SIGNIFICANCE = 0.005
"""Level of the test, one of a dozen checks, none of which should raise a concern on most tables without a fault."""
PRACTICAL = 0.5
"""Least shift that counts, in standard errors of the estimate: where both estimates are right they differ by terms that
the influence functions do not hold."""


@dataclass(frozen=True)
class FunctionalForm:
    """An estimate, and the same estimate with the predictions of boosted trees as further covariates.

    Attributes:
        estimate: Source of the estimate.
        value: The estimate as repeated here: from a single split into folds, and at most 20,000 rows.
        corrected: The estimate with the predictions.
        standard_error: Standard error of the estimate.
        p_value: Two-sided; hypothesis: both estimate the same effect.
    """

    estimate: str
    value: float
    corrected: float
    standard_error: float
    p_value: float

    @property
    def shift(self) -> float:
        """How far the estimate moves, in its standard errors."""
        return abs(self.corrected - self.value) / self.standard_error

    @property
    def doubtful(self) -> bool:
        """Whether the estimate moves by more than chance, and far enough to matter."""
        return self.p_value <= SIGNIFICANCE and self.shift > PRACTICAL

    @property
    def reading(self) -> str:
        """The result as text, and what it cannot show."""
        moved = (
            f"with predictions of boosted trees as further covariates, {self.estimate} gives {spell_number(self.corrected)} "
            f"instead of {spell_number(self.value)} ({self.shift:.1f} standard errors, p = {self.p_value:.2g})"
        )
        if self.doubtful:
            return (
                f"{moved}. Treatment and outcome follow the same curve or interaction of the covariates, which the models "
                "of this method miss. Use a method with flexible models."
            )
        return (
            f"{moved}, too little to doubt the models. This cannot show that they are right, only that trees find "
            "nothing more."
        )


def functional_form(
    table: EncodedTable, source: str, *, population: str = "whole", seed: int = 0
) -> FunctionalForm | None:
    """Compare an estimate with the same one adjusted for boosted trees' predictions; None if this is impossible.

    Args:
        table: Treatment, outcome and covariates.
        source: Source of the estimate; a method without influence functions gives None, and so does a table without covariates.
        population: Population that the effect averages over.
        seed: Seed of folds and of the sample of rows.
    """
    if not len(table.covariates.columns):
        return None
    if len(table.data) > MOST_ROWS:
        table = replace(table, data=table.data.sample(MOST_ROWS, random_state=seed).reset_index(drop=True))
    covariates, clusters = numeric(table.covariates), table.clusters
    outcome, treatment = table.data[table.names[1]], compared(table)[0]
    drawn = with_covariate(table, OUTCOME, boosted_prediction(covariates, outcome.to_numpy(dtype=float), clusters))
    drawn = with_covariate(drawn, TREATMENT, boosted_prediction(covariates, treatment.to_numpy(), clusters))
    first = FirstFit()
    plain, more = (
        fitted(one, source, population=population, seed=seed, kept=first).estimator.found for one in (table, drawn)
    )
    if not isinstance(plain, Influence) or not isinstance(more, Influence) or not plain.standard_error:
        return None
    difference = Influence(more.effect - plain.effect, more.influence - plain.influence, plain.clusters)
    error = difference.standard_error
    p_value = float(2 * student.sf(abs(difference.effect) / error, difference.freedom)) if error else 1.0
    return FunctionalForm(source, plain.effect, more.effect, plain.standard_error, p_value)


def with_stacked(found: FunctionalForm, value: float, error: float, freedom: float) -> FunctionalForm:
    """The check of an estimate whose models are stacked with trees, but which the check repeats with splines alone.

    The two estimates share most of their error, so the standard error of one of them is too large for their difference:
    the test is conservative.

    Args:
        found: The check of the splines.
        value: The stacked estimate.
        error: Its standard error.
        freedom: Degrees of freedom of that.
    """
    p_value = float(2 * student.sf(abs(found.corrected - value) / error, freedom))
    return replace(found, value=value, standard_error=error, p_value=p_value)
