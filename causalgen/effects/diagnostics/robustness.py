"""How strong must a hidden confounder be to change a linear estimate? In partial R2, against observed covariates.

For a linear regression of the outcome y on the treatment d and covariates x, a hidden variable z that explains the
share r2_d of the residual variance of d (given x) and r2_y of that of y (given d and x) moves the estimate by

    |bias| = se sqrt(df) sqrt(r2_y r2_d / (1 - r2_d)).

DoWhy's analyzer of the same name keeps only the last benchmark it computes, so this module has the closed forms.

With sampling weights all shares are those of the weighted table. Weights and clusters also widen the interval; by how
much (the robust standard error over the classical one) is taken to be the same with and without the hidden variable.

Reference:
    Cinelli and Hazlett, Making sense of sensitivity: extending omitted variable bias (2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from ...errors import DataError
from ...graph.notation import spell_number
from ..table import EncodedTable
from .columns import compared, covariate_columns, other_labels, owners
from .refit import freedom_of, refit, standard_error
from .words import percent

__all__ = ["ALL", "CovariateBenchmark", "Robustness", "benchmark_bounds", "robustness", "robustness_value"]

Array = NDArray[np.float64]

TREATMENT, OUTCOME = "(treatment)", "(outcome)"
NOTHING = 1e-10  # a share of variance below this is rounding
ALL = "all covariates together"
MULTIPLES = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class CovariateBenchmark:
    """A hidden confounder `times` as strong as an observed covariate, and the estimate that would remain.

    Attributes:
        covariate: Name of the covariate, or "all covariates together".
        times: How many times as strong, with treatment and outcome alike.
        r2_treatment: Bound on its partial R2 with the treatment; 1 if no confounder can be that strong.
        r2_outcome: Bound on its partial R2 with the outcome.
        share_treatment: Share of the treatment's whole variance that the observed covariate explains beyond the others.
        share_outcome: The same of the outcome, beyond the others and the treatment.
        estimate: The linear estimate after adjusting for it, in the worst case; NaN if r2_treatment is 1.
        t: The t-value of that estimate.
    """

    covariate: str
    times: float
    r2_treatment: float
    r2_outcome: float
    share_treatment: float
    share_outcome: float
    estimate: float
    t: float


@dataclass(frozen=True)
class Robustness:
    """Sensitivity of the linear adjustment estimate to hidden confounding.

    Attributes:
        effect: The linear estimate of the contrast.
        standard_error: Its classical standard error, on which the closed forms rest.
        df: Residual degrees of freedom.
        level: Level of the interval behind `value_level`.
        r2_treatment_outcome: Partial R2 of treatment with outcome: a confounder that explains the outcome's whole
            residual variance must explain at least this share of the treatment's to explain the estimate away.
        value: Robustness value RV: with this partial R2 with treatment and outcome alike, the estimate is 0.
        value_half: The same for half the estimate.
        value_level: The same for an interval that reaches 0.
        r2_treatment_covariates: Share of the treatment's variance that all covariates explain.
        r2_outcome_covariates: Share of the outcome's variance that they explain in addition to the treatment.
        benchmarks: Hidden confounders 1, 2 and 3 times as strong as each covariate and as all together.
        design: Robust standard error over the classical one where rows have weights or clusters, else 1. Intervals and
            t-values use the robust one.
    """

    effect: float
    standard_error: float
    df: int
    level: float
    r2_treatment_outcome: float
    value: float
    value_half: float
    value_level: float
    r2_treatment_covariates: float
    r2_outcome_covariates: float
    benchmarks: tuple[CovariateBenchmark, ...]
    design: float = 1.0

    @property
    def t(self) -> float:
        return self.effect / self.standard_error / self.design

    def adjusted(self, r2_treatment: float, r2_outcome: float) -> tuple[float, float]:
        """Estimate and t-value after adjusting for a confounder that moves the estimate towards 0 and beyond."""
        if r2_treatment >= 1:
            return np.nan, np.nan
        bias = self.standard_error * np.sqrt(self.df * r2_outcome * r2_treatment / (1 - r2_treatment))
        estimate = np.sign(self.effect) * (abs(self.effect) - bias)
        variance = self.df / (self.df - 1) * (1 - r2_outcome) / (1 - r2_treatment)
        error = self.standard_error * self.design * np.sqrt(variance)
        return float(estimate), float(estimate / error) if error else np.nan

    def contour(self, points: int = 41, limit: float | None = None) -> pd.DataFrame:
        """The grid of a contour plot: columns r2_treatment, r2_outcome, estimate, t; `points` squared rows.

        Args:
            points: Values on each axis, from 0 to `limit`.
            limit: Greatest partial R2; None for one that shows the robustness value and the benchmarks.
        """
        if limit is None:
            shown = [max(row.r2_treatment, row.r2_outcome) for row in self.benchmarks if row.times == 1]
            limit = min(0.9, 1.25 * max([0.1, 1.5 * self.value, *shown]))
        axis = np.linspace(0, limit, points)
        rows = [(d, y, *self.adjusted(d, y)) for d in axis for y in axis]
        return pd.DataFrame(rows, columns=["r2_treatment", "r2_outcome", "estimate", "t"])

    def left(self, row: CovariateBenchmark) -> str:
        """What a benchmark leaves of the estimate: "nothing", "half or less" or "more than half"."""
        share = row.estimate / self.effect if self.effect else 0.0
        if np.isnan(share) or share <= 0:
            return "nothing"
        return "half or less" if share <= 0.5 else "more than half"

    @property
    def strongest(self) -> CovariateBenchmark | None:
        """The single covariate for which an equally strong hidden confounder would move the estimate most."""
        single = [row for row in self.benchmarks if row.times == 1 and row.covariate != ALL]
        return min(single, key=lambda row: row.estimate / self.effect if self.effect else 0, default=None)

    @property
    def together(self) -> CovariateBenchmark | None:
        """All covariates together as a benchmark; the covariate itself where there is only one."""
        rows = [row for row in self.benchmarks if row.times == 1]
        return next((row for row in rows if row.covariate == ALL), rows[0] if rows else None)

    @property
    def doubtful(self) -> bool:
        """Whether a confounder as strong as all covariates, or the strongest, leaves half or less; True without any."""
        rows = [row for row in (self.together, self.strongest) if row is not None]
        return not rows or any(self.left(row) != "more than half" for row in rows)

    @property
    def weakness(self) -> str:
        """What a hidden cause as strong as observed ones would do, where it would at least halve the estimate."""
        for row in (self.strongest, self.together):
            if row is not None and self.left(row) != "more than half":
                name = "all observed ones together" if row.covariate == ALL else row.covariate
                if np.isnan(row.estimate):
                    return f"one as strong as {name} would leave nothing that the data could identify"
                return f"one as strong as {name} would move the linear estimate from {self.effect:.3g} to {row.estimate:.3g}"
        return ""

    @property
    def reading(self) -> str:
        """The robustness values as text, compared with what the covariates explain."""
        words = (
            f"A hidden common cause that explains {percent(self.value)} of what the covariates leave unexplained in "
            f"both treatment and outcome would bring the linear estimate {spell_number(self.effect)} to 0, "
            f"{percent(self.value_half)} would halve it, {percent(self.value_level)} would let its "
            f"{self.level:.0%} interval reach 0."
        )
        if (together := self.together) is None:
            return f"{words} There are no observed covariates to compare that with."
        words += (
            f" The observed covariates explain {percent(self.r2_treatment_covariates)} of the treatment and "
            f"{percent(self.r2_outcome_covariates)} of the outcome; a hidden cause as strong as "
            f"{'all of them together' if together.covariate == ALL else together.covariate} would leave "
            f"{self._leaves(together)}."
        )
        if self.strongest is not None and together.covariate == ALL:
            words += f" One as strong as {self.strongest.covariate} would leave {self._leaves(self.strongest)}."
        return words + " It cannot show whether such a cause exists, and holds for the linear estimate."

    def _leaves(self, row: CovariateBenchmark) -> str:
        if np.isnan(row.estimate):
            return "nothing that the data could tell"
        left = self.left(row)
        return f"{spell_number(row.estimate)} ({'its sign is lost' if left == 'nothing' else left})"

    def to_frame(self) -> pd.DataFrame:
        """Benchmarks, one row each, with a sentence that reads them."""
        columns = ["covariate", "times", "r2_treatment", "r2_outcome", "estimate", "t", "reading"]
        rows = [
            (
                *(row.covariate, row.times, row.r2_treatment, row.r2_outcome, row.estimate, row.t),
                f"A hidden cause {row.times:g} times as strong as {row.covariate} would leave {self._leaves(row)}; "
                "this cannot show whether one exists.",
            )
            for row in self.benchmarks
        ]
        return pd.DataFrame(rows, columns=columns)


def robustness_value(
    t: float,
    df: int,
    *,
    share: float = 1.0,
    level: float | None = None,
    design: float = 1.0,
    freedom: float | None = None,
) -> float:
    """Robustness value of a t-value: RV_q, or RV_{q, alpha} with a `level` of 1 - alpha.

    Args:
        t: The treatment's coefficient over its classical standard error.
        df: Residual degrees of freedom, at least 2.
        share: The part q of the estimate that the confounder removes.
        level: Level of the interval that is to reach the remaining part; None for the estimate itself.
        design: Robust standard error over the classical one.
        freedom: Degrees of freedom of the robust one; None for those that the confounder leaves.

    >>> round(robustness_value(4.18, 783), 3), round(robustness_value(4.18, 783, level=0.95), 3)
    (0.139, 0.076)
    """
    strength = share * abs(t) / np.sqrt(df)
    reach = 0.0 if level is None else student.ppf(0.5 + level / 2, df - 1 if freedom is None else freedom)
    critical = design * reach / np.sqrt(df - 1)
    gap = strength - critical
    if gap <= 0:
        return 0.0
    if critical and strength > 1 / critical:
        return float((strength**2 - critical**2) / (1 + strength**2))
    return float((np.sqrt(gap**4 + 4 * gap**2) - gap**2) / 2)


def benchmark_bounds(r2_treatment: float, r2_outcome: float, times: float) -> tuple[float, float]:
    """Partial R2 with treatment and outcome of a confounder `times` as strong as a covariate with the given ones.

    Both are at most 1; a share of 1 with the treatment means that no confounder can be that strong.

    >>> [round(bound, 3) for bound in benchmark_bounds(0.00908, 0.1090, 1)]
    [0.009, 0.125]
    """
    if times * r2_treatment >= 1 - r2_treatment:
        return 1.0, 1.0
    with_treatment = times * r2_treatment / (1 - r2_treatment)
    shared = times * r2_treatment**2 / ((1 - times * r2_treatment) * (1 - r2_treatment))
    if shared >= 1 or r2_outcome >= 1:
        return with_treatment, 1.0
    factor = (np.sqrt(times) + np.sqrt(shared)) ** 2 / (1 - shared)
    return with_treatment, float(min(1.0, factor * r2_outcome / (1 - r2_outcome)))


def robustness(table: EncodedTable, *, level: float = 0.95) -> Robustness:
    """Compute the sensitivity of the linear regression of outcome on treatment and covariates, for the contrast."""
    columns, others, (treatment, contrast) = covariate_columns(table), other_labels(table), compared(table)
    moments = _Moments(columns.join(others), treatment, table.data[table.names[1]], table.weights)
    covariates, held = list(map(str, columns)), list(map(str, others))
    everything = [*covariates, *held]
    slope, error, df = moments.slope(everything)
    design, freedom = _design(table, error * abs(contrast))
    bare = Robustness(
        effect=slope * contrast,
        standard_error=error * abs(contrast),
        df=df,
        level=level,
        r2_treatment_outcome=moments.partial_r2(OUTCOME, [TREATMENT], everything),
        value=robustness_value(slope / error, df),
        value_half=robustness_value(slope / error, df, share=0.5),
        value_level=robustness_value(slope / error, df, level=level, design=design, freedom=freedom),
        r2_treatment_covariates=moments.partial_r2(TREATMENT, covariates, held),
        r2_outcome_covariates=moments.partial_r2(OUTCOME, covariates, [*held, TREATMENT]),
        benchmarks=(),
        design=design,
    )
    groups = owners(table)
    if len(groups) > 1:
        groups[ALL] = covariates
    return replace(bare, benchmarks=tuple(_benchmarks(bare, moments, groups, everything)))


def _design(table: EncodedTable, classical: float) -> tuple[float, float | None]:
    """Robust over classical standard error of the linear estimate, with its degrees of freedom; 1 for plain rows."""
    if not (table.weighted or table.clustered):
        return 1.0, None
    name = "linear adjustment"
    robust = standard_error(refit(table, [name])[name], table)
    assert robust is not None
    return robust / classical, freedom_of(table)


def _benchmarks(
    bare: Robustness, moments: "_Moments", groups: dict[str, list[str]], everything: list[str]
) -> Iterator[CovariateBenchmark]:
    for name, group in groups.items():
        others = [column for column in everything if column not in group]
        with_treatment = moments.partial_r2(TREATMENT, group, others)
        with_outcome = moments.partial_r2(OUTCOME, group, [*others, TREATMENT])
        shares = (
            with_treatment * moments.left(TREATMENT, others),
            with_outcome * moments.left(OUTCOME, [*others, TREATMENT]),
        )
        for times in MULTIPLES:
            bounds = benchmark_bounds(with_treatment, with_outcome, times)
            yield CovariateBenchmark(name, times, *bounds, *shares, *bare.adjusted(*bounds))


class _Moments:
    """Correlations of covariates, treatment and outcome: every partial R2 is a ratio of Schur complements of them."""

    def __init__(self, columns: pd.DataFrame, treatment: pd.Series, outcome: pd.Series, weights: Array) -> None:
        numbers = np.column_stack([columns, treatment, outcome]).astype(float)
        self._rows = len(numbers)
        centred = numbers - np.average(numbers, axis=0, weights=weights)
        self._spread = np.sqrt(np.average(centred**2, axis=0, weights=weights))
        standard = centred / self._spread
        self._correlations = (standard.T * weights) @ standard / self._rows
        self._place = {name: place for place, name in enumerate([*columns, TREATMENT, OUTCOME])}

    def left(self, target: str, given: Sequence[str]) -> float:
        """Share of the target's variance that a linear regression on `given` leaves unexplained."""
        return float(1 - self._covariance(target, given) @ self._coefficients(target, given))

    def partial_r2(self, target: str, group: Sequence[str], given: Sequence[str]) -> float:
        """Share of what `given` leaves of the target that `group` explains; at least 0."""
        without = self.left(target, given)
        return max(0.0, 1 - self.left(target, [*given, *group]) / without) if without > NOTHING else 0.0

    def slope(self, covariates: Sequence[str]) -> tuple[float, float, int]:
        """Coefficient of the treatment given the covariates, its classical standard error, degrees of freedom."""
        used = [self._place[name] for name in covariates]
        df = (
            self._rows
            - 2
            - int(np.linalg.matrix_rank(self._correlations[np.ix_(used, used)], tol=NOTHING, hermitian=True))
        )
        if (free := self.left(TREATMENT, covariates)) <= NOTHING:
            raise DataError(
                "Expected a treatment that the adjustment set does not determine; got one that is a linear function "
                "of it. Remove what duplicates the treatment from the graph."
            )
        scale = self._spread[-1] / self._spread[-2]
        slope = self._coefficients(OUTCOME, [*covariates, TREATMENT])[-1]
        left = self.left(OUTCOME, [*covariates, TREATMENT])
        if left <= NOTHING:
            raise DataError(
                "Expected an outcome that treatment and adjustment set do not determine; got one that is a linear "
                "function of them, so no hidden cause can matter. Leave out what duplicates the outcome."
            )
        return float(slope * scale), float(scale * np.sqrt(left / free / df)), df

    def _covariance(self, target: str, given: Sequence[str]) -> Array:
        return self._correlations[self._place[target], [self._place[name] for name in given]]

    def _coefficients(self, target: str, given: Sequence[str]) -> Array:
        used = [self._place[name] for name in given]
        block = self._correlations[np.ix_(used, used)]
        return np.linalg.pinv(block, rcond=NOTHING, hermitian=True) @ self._covariance(target, given)
