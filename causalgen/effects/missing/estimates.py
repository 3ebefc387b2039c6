"""Reports of a table with missing values: complete rows weighted, or estimates pooled over completed tables."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from ...errors import CausalgenError, DataError
from ...graph.notation import spell_estimate
from .impute import IMPUTATIONS, Imputation, imputation
from .pooled_rows import PoolingRule
from .ways import MissingValues

if TYPE_CHECKING:
    from ..question import EffectQuestion
    from ..report import EffectReport, Estimate
    from ..settings import EstimationSettings
    from ..table import EncodedTable

__all__ = ["imputed_report", "weighted_report", "weighted_values"]

Ask = Callable[["EffectQuestion", "EstimationSettings"], "EffectReport"]

COMPLETE = "complete rows"
MOSTLY = 0.5
"""Above this share of missing cells, a column causes a warning."""
ENOUGH = 0.8
"""Share of the completed tables in which a method must give an estimate; in the others its weights explode."""
APART = 0.5
"""Number of standard errors at or above which the estimate and that of complete rows count as different."""


def weighted_report(question: "EffectQuestion", settings: "EstimationSettings", ask: Ask) -> "EffectReport":
    """The report with complete rows weighted to represent all, compared with unweighted complete rows."""
    return _compared(ask(question, settings), question, settings, ask)


def imputed_report(question: "EffectQuestion", settings: "EstimationSettings", ask: Ask) -> "EffectReport":
    """The report whose estimates are pooled over completed tables by Rubin's rules.

    Refuters, overlap and its warnings are those of the first completed table: their verdicts are not estimates, and no
    rule pools them.

    Args:
        question: The question.
        settings: How it is estimated.
        ask: Reports on a table without missing values.

    Raises:
        DataError: A column cannot be imputed, or the estimand has an interval that Rubin's rules do not pool.
    """
    if question.estimand.method == "instrument":
        raise DataError(
            "Expected missing='weight' or 'drop' with an instrument; got 'impute'. Rubin's rules pool normal estimates, and "
            "Anderson and Rubin's interval does not come from one."
        )
    found = imputation(question, [*question.treatments, question.outcome, *question.used])
    if not found.incomplete:
        return ask(replace(question, missing="drop"), settings)
    quick = replace(settings, simulations=0, resamples=settings.least_resamples)
    reports = []
    for number, completed in enumerate(found.completed(settings.seed, IMPUTATIONS)):
        reports.append(ask(completed, replace(quick, simulations=0 if number else settings.simulations)))
    return _compared(_pooled(found, reports, settings), question, settings, ask)


def weighted_values(table: "EncodedTable") -> MissingValues | None:
    """The statement about complete rows that represent all; None if incomplete rows are just left out."""
    found = table.completeness
    if found is None:
        return None
    rows = table.dropped + len(table.data)
    return MissingValues("weight", table.holes, table.dropped, rows, found.given, effective=found.effective)


def _pooled(found: Imputation, reports: "list[EffectReport]", settings: "EstimationSettings") -> "EffectReport":
    first = reports[0]
    sources = dict.fromkeys(row.source for report in reports for row in report.estimates)
    named = {source: _named(source, reports) for source in sources}
    rule = _rule(found, settings.level, first.outcome_unit)
    pooled = [rule.estimates(rows) for rows in named.values() if len(rows) >= ENOUGH * len(reports)]
    lost = [source for source, rows in named.items() if len(rows) < ENOUGH * len(reports)]
    report = replace(
        first, estimates=tuple(row for row, _ in pooled), warnings=(*first.warnings, *_mostly_missing(found))
    )
    fractions = {row.source: one.fraction for row, one in pooled if one is not None}
    values = MissingValues(
        "impute",
        found.holes,
        found.incomplete,
        first.rows_used,
        tuple(found.columns),
        len(reports),
        fractions.get(report.estimate.source),
        unpooled=tuple(lost),
    )
    return replace(report, missing=values)


def _mostly_missing(found: Imputation) -> tuple[str, ...]:
    """Warn of columns of which the imputation models supply more than the table does."""
    rows = len(found.question.table)
    return tuple(
        f"'{name}' is missing in {count / rows:.0%} of the rows; the estimate rests on its imputation model more than on its "
        "values. Compare complete rows, and collect more of its values."
        for name, count in found.holes.items()
        if count > MOSTLY * rows
    )


def _rule(found: Imputation, level: float, unit: str) -> PoolingRule:
    table, cluster = found.question.table, found.question.cluster
    units = len(table) if cluster is None else table[cluster].nunique()
    label = f"{found.question.outcome}={unit.removeprefix('probability of ')}"
    return PoolingRule(level, units, cluster is not None, label)


def _named(source: str, reports: "list[EffectReport]") -> "list[Estimate]":
    """The estimates from one source, of the reports that have it."""
    return [row for report in reports for row in report.estimates if row.source == source]


def _compared(
    report: "EffectReport", question: "EffectQuestion", settings: "EstimationSettings", ask: Ask
) -> "EffectReport":
    """Add the estimate from unweighted complete rows, by the recommended method, to the report."""
    from ..report import Estimate

    chosen = report.estimate
    if report.missing is None:
        return report
    try:
        every = ask(replace(question, missing="drop"), replace(settings, simulations=0)).estimates
        reason = f"none by {chosen.source}."
    except CausalgenError as error:
        every, reason = (), str(error)
    alone = next((row for row in every if row.source == chosen.source), None)
    if alone is None:
        told = replace(report.missing, compared=f"Complete rows alone give no estimate to compare: {reason}")
        return replace(report, missing=told)
    row = Estimate(
        COMPLETE,
        alone.value,
        alone.low,
        alone.high,
        "comparison",
        f"{chosen.source}, incomplete rows dropped.",
        alone.population,
    )
    return replace(
        report,
        missing=replace(report.missing, compared=_comparison(chosen, alone, settings.level)),
        comparisons=(row, *report.comparisons),
    )


def _comparison(chosen: "Estimate", alone: "Estimate", level: float) -> str:
    """How the estimate from complete rows compares, in one sentence."""
    shown = f"Complete rows alone give {spell_estimate(alone.value, alone.low, alone.high)}"
    if chosen.low is None or chosen.high is None:
        return f"{shown}."
    error = (chosen.high - chosen.low) / (2 * float(student.ppf(0.5 + level / 2, np.inf)))
    shift = abs(chosen.value - alone.value) / error if error else 0.0
    if shift < APART:
        return f"{shown}, within half a standard error of this estimate."
    return (
        f"{shown}, {shift:.1f} standard errors away: the rows with holes differ from the complete ones, and this estimate "
        "is right only if the values are missing at random."
    )
