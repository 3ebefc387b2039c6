"""Table 1: the covariates in each group of the treatment, before and after weighting, with what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import skew

from ...datasets.declared import TypedColumn, type_columns
from ...errors import DataError
from ...graph import GraphLike, as_graph
from ...graph.notation import spell_number, spell_value
from ..adjusted import adjusted
from ..effective_size import effective_size
from ..encode import encode_question
from ..estimators.weighting import balancing_weights
from ..groups import inner_quantiles, named_intervals
from ..overlap import weighting_propensities
from ..question import EffectQuestion
from ..report import EffectReport
from ..table import EncodedTable

__all__ = ["ArmSummary", "CovariateRow", "Summary", "TableOne", "table_one"]

Array = NDArray[np.float64]

SKEWED = 2.0
"""Skewness at or above which a median with quartiles describes a column better than mean and standard deviation."""
THIRDS = 3


class Summary(NamedTuple):
    """Summary of a covariate in one group; for a label, `mean` is its share, without spread and quartiles.

    Attributes:
        rows: Rows with a value, or with the label; not weighted.
        mean: Weighted mean.
        sd: Weighted standard deviation; None for a label.
        quartiles: Weighted lower quartile, median and upper quartile; None for a label.
    """

    rows: int
    mean: float
    sd: float | None = None
    quartiles: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ArmSummary:
    """One group of rows.

    Attributes:
        name: Its value of the treatment, or the interval of a continuous one.
        rows: Its rows.
        compared: Whether it is one of the two compared values.
        effective: Effective sample size of the rows that the estimates use, after weighting; None where not weighted.
    """

    name: str
    rows: int
    compared: bool
    effective: float | None = None


@dataclass(frozen=True)
class CovariateRow:
    """One covariate, or one label of it, in every group.

    Attributes:
        covariate: Its name.
        label: The label; empty for a continuous covariate.
        unit: Its unit.
        statistic: "mean (SD)", "median [quartiles]" or "n (%)".
        before: A summary for each group, of all rows with a value, with their sampling weights.
        after: The same of the compared groups after weighting, of the rows that the estimates use; empty where rows are
            not weighted.
        missing: Missing values in each group, counted before any row was dropped.
        difference: Standardised difference of the compared groups, or of the highest and the lowest third.
        difference_after: The same after weighting, by the same spread; None where rows are not weighted.
    """

    covariate: str
    label: str
    unit: str
    statistic: str
    before: tuple[Summary, ...]
    after: tuple[Summary, ...]
    missing: tuple[int, ...]
    difference: float | None
    difference_after: float | None

    @property
    def name(self) -> str:
        """Covariate, label, unit and statistic."""
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.covariate}{unit}{f': {self.label}' if self.label else ''}, {self.statistic}"

    def text(self, one: Summary, *, weighted: bool = False) -> str:
        """A summary as a table cell; after weighting, a label has only its share."""
        if one.sd is None or one.quartiles is None:
            share = f"{100 * one.mean:.1f} %"
            return share if weighted else f"{one.rows:,} ({share})"
        if self.statistic.startswith("median"):
            low, middle, high = one.quartiles
            return f"{spell_number(middle)} [{spell_number(low)}, {spell_number(high)}]"
        return f"{spell_number(one.mean)} ({one.sd:.3g})"


@dataclass(frozen=True)
class TableOne:
    """Table 1 of an effect.

    Attributes:
        treatment: The treatment, or the treatments.
        arms: The groups, the compared values first.
        rows: A row for each continuous covariate and for each label of the others.
        population: The population that weighting makes both compared groups resemble.
        incomplete: Rows without a value of the treatment, which are in no group.

    References:
        Austin (2009), Balance diagnostics for comparing the distribution of baseline covariates between treatment groups.
    """

    treatment: str
    arms: tuple[ArmSummary, ...]
    rows: tuple[CovariateRow, ...]
    population: str
    incomplete: int

    @property
    def weighted(self) -> bool:
        """Whether the compared groups were weighted."""
        return any(arm.effective is not None for arm in self.arms)

    @property
    def reading(self) -> str:
        """What the table shows, as text."""
        ends = "the compared groups" if self.weighted else "the highest and the lowest third"
        text = f"The standardised difference is that of the means of {ends}, in standard deviations; 0.1 is small."
        if self.weighted:
            text += " Before weighting, every row with a value counts; after it, those that the estimates use."
        if self.incomplete:
            text += f" {self.incomplete:,} rows have no value of {self.treatment} and are in no group."
        return text

    def to_frame(self) -> pd.DataFrame:
        """The table as it is printed: texts for each group, numbers for the standardised differences."""
        compared = [arm for arm in self.arms if arm.effective is not None]
        first: dict[str, object] = {"covariate": "rows"}
        first |= {self._column(arm): f"{arm.rows:,}" for arm in self.arms} | {"standardised difference": np.nan}
        first |= {f"{self._column(arm)}, weighted": f"effective {arm.effective:,.0f}" for arm in compared}
        first |= {"standardised difference, weighted": np.nan} if compared else {}
        found = [first | {"missing": ""}]
        for row in self.rows:
            cells: dict[str, object] = {"covariate": row.name}
            cells |= {self._column(arm): row.text(one) for arm, one in zip(self.arms, row.before, strict=True)}
            cells["standardised difference"] = row.difference
            cells |= {
                f"{self._column(arm)}, weighted": row.text(one, weighted=True)
                for arm, one in zip(compared, row.after, strict=True)
            }
            cells |= {"standardised difference, weighted": row.difference_after} if compared else {}
            found.append(cells | {"missing": ", ".join(map(str, row.missing)) if any(row.missing) else "0"})
        return pd.DataFrame(found)

    def _column(self, arm: ArmSummary) -> str:
        return f"{self.treatment} {'= ' * self.weighted}{arm.name}"

    def __str__(self) -> str:
        return f"{self.to_frame().to_string(index=False, na_rep='', float_format='{:.2f}'.format)}\n{self.reading}"


def table_one(graph: GraphLike, table: pd.DataFrame, report: EffectReport) -> TableOne:
    """Build Table 1 of an effect identified by adjustment: its adjustment set by group, before and after weighting.

    Groups are the values of a discrete treatment, or the thirds of a continuous one, which are not weighted. Sampling
    weights count in means, shares and differences; counts of rows are as they are.

    Args:
        graph: The graph that the report was made with.
        table: The table that the report was made with, rows with missing values included.
        report: From `estimate_effect`.

    Raises:
        DataError: Several treatments of which one is continuous have no groups.
        NotIdentifiableError: Adjustment does not identify the effect.
    """
    graph = as_graph(graph)
    question = EffectQuestion.of_report(graph, table, report)
    if isinstance(report.treatment, str):
        adjusted(report.estimand)
    encoded = encode_question(question, report.estimand.adjustment)
    found = summarised(question, table, encoded, report.estimate.population)
    if found is None:
        raise DataError(
            "Expected groups of rows for Table 1; several treatments of which one is continuous form none. Ask for the "
            "effect of each treatment."
        )
    return found


def summarised(
    question: EffectQuestion, table: pd.DataFrame, encoded: EncodedTable, population: str
) -> TableOne | None:
    """Table 1 of an encoded question; None for several treatments of which one is continuous.

    Args:
        question: The question.
        table: The table before rows were dropped or values filled in.
        encoded: The rows that the estimates use.
        population: Population that they are weighted to.
    """
    treatments = question.treatments
    covariates = [str(name) for name in encoded.covariates if name not in encoded.held]
    columns = type_columns(question.graph, table, [*treatments, *covariates])[1]
    if encoded.held or (len(treatments) > 1 and encoded.kind == "continuous"):
        return None
    groups = _groups([columns[name] for name in treatments], encoded)
    sampling = _sampling(table, question.weights)
    after = _weights_after(encoded, population)
    effective = [float(effective_size(weights)) for weights in after.values()]
    arms = [
        ArmSummary(name, int(member.sum()), place < len(after), effective[place] if place < len(after) else None)
        for place, (name, member) in enumerate(groups.items())
    ]
    ends = (0, 1) if after else (0, len(arms) - 1)
    rows = [
        row
        for name in covariates
        for row in _rows(columns[name], list(groups.values()), sampling, _used(encoded, name), after, ends)
    ]
    known = np.any(list(groups.values()), axis=0)
    return TableOne(", ".join(treatments), tuple(arms), tuple(rows), population, int((~known).sum()))


def _groups(treatments: Sequence[TypedColumn], encoded: EncodedTable) -> dict[str, NDArray[np.bool_]]:
    """The groups by name, the compared values first: labels, or thirds of a continuous treatment."""
    known = ~np.any([one.reading.missing for one in treatments], axis=0)
    if encoded.kind == "continuous":
        values = treatments[0].reading.values
        cuts = inner_quantiles(values[known], THIRDS)
        place = np.searchsorted(cuts, values, side="left")
        named = named_intervals(cuts) if len(cuts) else ["all rows"]
        return {name: known & (place == number) for number, name in enumerate(named)}
    cells = pd.MultiIndex.from_arrays([_labelled(one) for one in treatments])
    sides = encoded.sides or tuple((value,) for value in encoded.contrast)
    found = [*sides, *sorted(set(cells[known]) - set(sides), key=str)]
    return {", ".join(map(spell_value, cell)): known & np.array([one == cell for one in cells]) for cell in found}


def _labelled(column: TypedColumn) -> NDArray:
    labels = np.array([*(column.variable.labels or ()), None], dtype=object)
    return labels[np.where(column.reading.missing, -1, column.reading.values).astype(int)]


def _sampling(table: pd.DataFrame, weights: str | None) -> Array:
    """Sampling weights of all rows; 0 where one is missing."""
    if weights is None:
        return np.ones(len(table))
    return pd.to_numeric(table[weights], errors="coerce").fillna(0.0).to_numpy(dtype=float)


def _weights_after(encoded: EncodedTable, population: str) -> dict[float, Array]:
    """Weights of the used rows in each compared group, by its code; none for a continuous treatment."""
    if encoded.kind == "continuous":
        return {}
    treatment, balancing = encoded.data[encoded.names[0]].to_numpy(), np.ones((2, len(encoded.data)))
    if len(encoded.covariates.columns):
        balancing = balancing_weights(weighting_propensities(encoded), population)
    values = (encoded.control, encoded.treated)
    return {value: encoded.weights * own * (treatment == value) for value, own in zip(values, balancing, strict=True)}


def _used(encoded: EncodedTable, name: str) -> Array:
    return encoded.data[name].to_numpy(dtype=float)


def _rows(
    column: TypedColumn,
    groups: Sequence[NDArray[np.bool_]],
    sampling: Array,
    used: Array,
    after: Mapping[float, Array],
    ends: tuple[int, int],
) -> list[CovariateRow]:
    """The rows of one covariate: one if it is continuous, else one for each label."""
    variable, values, known = column.variable, column.reading.values, ~column.reading.missing
    missing = tuple(int((member & ~known).sum()) for member in groups)
    found = []
    for code, label in [(None, "")] if variable.labels is None else list(enumerate(variable.labels)):
        before = [_summary(values[g & known], sampling[g & known], code) for g in groups]
        weighted = [_summary(used[w > 0], w[w > 0], code) for w in after.values()]
        first, last = before[ends[0]], before[ends[1]]
        spread = np.sqrt((_variance(first) + _variance(last)) / 2)
        statistic = "n (%)"
        if code is None:
            statistic = "median [quartiles]" if abs(skew(values[known])) > SKEWED else "mean (SD)"
        found.append(
            CovariateRow(
                variable.name,
                spell_value(label),
                variable.unit or "",
                statistic,
                tuple(before),
                tuple(weighted),
                missing,
                _standardised(last.mean - first.mean, spread),
                _standardised(weighted[1].mean - weighted[0].mean, spread) if weighted else None,
            )
        )
    return found


def _summary(values: Array, weights: Array, code: int | None) -> Summary:
    """Weighted summary of numbers, or of the rows with one code."""
    if not weights.sum() > 0:
        return Summary(0, np.nan, *((None, None) if code is not None else (np.nan, (np.nan,) * 3)))
    if code is not None:
        return Summary(int((values == code).sum()), float(np.average(values == code, weights=weights)))
    mean, rows = float(np.average(values, weights=weights)), len(values)
    variance = float(np.average((values - mean) ** 2, weights=weights)) * rows / max(rows - 1, 1)
    even = np.ptp(weights) == 0
    chosen = {} if even else {"weights": weights, "method": "inverted_cdf"}
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], **chosen)  # type: ignore[call-overload]
    return Summary(rows, mean, float(np.sqrt(variance)), (float(low), float(middle), float(high)))


def _variance(one: Summary) -> float:
    return one.mean * (1 - one.mean) if one.sd is None else one.sd**2


def _standardised(difference: float, spread: float) -> float | None:
    found = difference / spread if spread > 0 else np.nan
    return float(found) if np.isfinite(found) else None
