"""The first screen of a report: the question answered in a few sentences, with the numbers and their limits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..graph.notation import spell_value
from .content import ReportContent
from .effects.findings import EffectFindings
from .image_changes import change_answer
from .mediation import mediation_answer, what_changes
from .style import number, with_interval
from .tables import floor_note
from .words import POPULATIONS

if TYPE_CHECKING:
    from ..effects import EffectReport, Estimate

__all__ = ["effect_answer", "headline_metrics", "run_answer"]

WITHIN = "within support"
TO_TRUTH = "image L1 to truth"
CONTROLS = {"identity control": "the image left unchanged", "oracle": "the true process"}
MOST_EFFECTS = 3
"""Most effects in a sentence."""
MOST_CONCERNS = 3
"""Most concerns in a sentence; the section below the answer has all in full."""


def effect_answer(findings: EffectFindings) -> list[str]:
    """The effect, its comparison with the truth and with no adjustment, and the concerns about it."""
    return [_effects([findings.report]), _compared(findings.report), _concerns(findings)]


def run_answer(content: ReportContent) -> list[str]:
    """The change on the image and the effects, the quality of the counterfactuals, and what limits both."""
    changes = [change_answer(content.changes)] if content.changes else []
    effects = [_effects([findings.report for findings in content.effects])] if content.effects else []
    effects += map(mediation_answer, content.mediation)
    return [*changes, *effects, *filter(None, [_quality(content), _limits(content)])]


def headline_metrics(content: ReportContent) -> Sequence[tuple[str, str]]:
    """The metrics named in `quality`, else the first of each query."""
    if content.quality or content.metrics is None:
        return content.quality
    frame = content.metrics.to_frame()
    first = frame[frame["row"] == "model"].drop_duplicates("query")
    return list(zip(first["metric"], first["query"], strict=True))


def _effects(reports: "Sequence[EffectReport]") -> str:
    """Each effect with its interval and population."""
    clauses = "; ".join(map(_effect, reports[:MOST_EFFECTS]))
    more = len(reports) - MOST_EFFECTS
    further = f" {more} further effect{'s' * (more > 1)}: see below." if more > 0 else ""
    return f"{clauses[0].upper()}{clauses[1:]}.{further}"


def _effect(report: "EffectReport") -> str:
    chosen = report.estimate
    outcome, unit = what_changes(report.outcome, report.outcome_unit)
    asked = f"setting {_imposed(report, 1)} instead of {_imposed(report, 0)}"
    if report.estimand.method == "no effect":
        return f"{asked} cannot change {report.outcome}: the assumed graph has no directed path between them"
    basis = f"over {POPULATIONS[chosen.population]} ({report.rows_used:,} rows; {chosen.source}"
    if chosen.low is None or chosen.high is None:
        return f"{asked} changes {outcome} by {number(chosen.value)}{unit} {basis}, without an interval)"
    basis += f", {report.level:.0%} interval)"
    if chosen.covers(0):
        shown = with_interval(chosen.value, chosen.low, chosen.high)
        return f"{asked} changes {outcome} by {shown}{unit} {basis}; the interval includes 0"
    sign = 1 if chosen.value > 0 else -1
    low, high = sorted((sign * chosen.low, sign * chosen.high))
    shown = with_interval(sign * chosen.value, low, high)
    return f"{asked} {'raises' if sign > 0 else 'lowers'} {outcome} by {shown}{unit} {basis}"


def _imposed(report: "EffectReport", side: int) -> str:
    """The treatments at one side of the contrast."""
    if isinstance(report.treatment, str):
        value = spell_value(report.contrast[side])
        return f"{report.treatment} to {value}" if side else value
    pairs = zip(report.treatment, report.contrast[side], strict=True)
    return " and ".join(f"{name} {'to' if side else '='} {spell_value(value)}" for name, value in pairs)


def _compared(report: "EffectReport") -> str:
    """The truth, if it is known, and the other sources."""
    parts = ["The true effect is not known"]
    if report.truth is not None:
        place = {True: ", inside the interval", False: ", outside the interval", None: ""}
        parts = [f"The true effect is {number(report.truth)}{place[report.estimate.covers(report.truth)]}"]
    naive = [row for row in report.others if row.kind == "naive"]
    parts += [f"without adjustment the difference is {_shown(row)}" for row in naive]
    parts += [f"{row.source}: {_shown(row)}" for row in report.others if row.kind == "comparison"]
    return f"{'; '.join(parts)}."


def _shown(row: "Estimate") -> str:
    return with_interval(row.value, row.low, row.high)


def _concerns(findings: EffectFindings) -> str:
    """The headline, or its start and the number of further concerns."""
    found = [check.about for check in findings.checks if check.concern]
    if len(found) <= MOST_CONCERNS:
        return findings.headline
    named, more = "; ".join(found[:MOST_CONCERNS]), len(found) - MOST_CONCERNS
    return f"{len(found)} concerns among {len(findings.checks)} checks: {named}; and {more} more, listed below."


def _quality(content: ReportContent) -> str:
    """The error of the counterfactual images next to its controls, or that there is no truth or no metric."""
    if content.metrics is None or not len(content.metrics):
        return "The quality of the counterfactual images was not measured." if content.galleries else ""
    frame = _within(content.metrics.to_frame())
    errors = frame[frame["metric"] == TO_TRUTH]
    if len(errors):
        queries = errors["query"].nunique()
        over = f"over {queries} interventions" if queries > 1 else f"under {errors['query'].iloc[0]}"
        unit = errors["unit"].iloc[0]
        return (
            f"The counterfactual images differ from the true ones by {_range(errors, 'model')} {unit} per pixel on average, "
            f"{over}{_stratum(errors)}{_controls(errors, unit)}."
        )
    metric, query = next(iter(headline_metrics(content)), ("", ""))
    every = content.metrics.to_frame()
    own = _within(every[(every["metric"] == metric) & (every["query"] == query)])
    if not (own["row"] == "model").any():
        return "No true counterfactual image is known; the metrics below have no row of the model for the first screen."
    model = own[own["row"] == "model"].iloc[0]
    unit = f" {model['unit']}" if model["unit"] else ""
    where = f"Under {query}, the" if query else "The"
    value = with_interval(model["value"], model["low"], model["high"])
    floor = f"; {floor_note(model)}" if floor_note(model) else ""
    compared = f"{_stratum(own)}{_controls(own, unit.strip())}{floor}"
    return f"No true counterfactual image is known. {where} {metric} is {value}{unit}{compared}."


def _within(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows within support where that stratum exists."""
    return frame[frame["stratum"] == WITHIN] if (frame["stratum"] == WITHIN).any() else frame


def _stratum(rows: pd.DataFrame) -> str:
    return ", within joint support" if (rows["stratum"] == WITHIN).all() else ""


def _controls(rows: pd.DataFrame, unit: str) -> str:
    shown = [f"{name}: {_range(rows, row)}" for row, name in CONTROLS.items() if (rows["row"] == row).any()]
    return f" ({'; '.join(shown)} {unit}".rstrip() + ")" if shown else ""


def _range(rows: pd.DataFrame, row: str) -> str:
    """The values of a row over the queries: the least and the greatest."""
    low, high = (number(value) for value in (rows.loc[rows["row"] == row, "value"].agg(["min", "max"])))
    return low if low == high else f"{low} to {high}"


def _limits(content: ReportContent) -> str:
    """The counterfactuals beyond support, and the number of concerns about the effects."""
    texts = [_support(content.metrics.to_frame())] if content.metrics is not None and len(content.metrics) else []
    checks = [check for findings in content.effects for check in findings.checks]
    if checks:
        found = sum(bool(check.concern) for check in checks)
        verb = "raises" if found < 2 else "raise"
        texts.append(f"{found or 'None'} of the {len(checks)} checks of the effects {verb} a concern.")
    return " ".join(filter(None, texts))


def _support(metrics: pd.DataFrame) -> str:
    """The intervention with the fewest units within support."""
    counted = metrics[(metrics["row"] == "model") & (metrics["query"] != "")]
    units = counted.groupby(["query", "stratum"], sort=False)["units"].max().unstack()
    if WITHIN not in units or units.shape[1] < 2:
        return ""
    beyond = units.max(axis=1) - units[WITHIN].fillna(0)
    query: Any = beyond.idxmax()
    if not beyond[query]:
        return "All counterfactuals lie within the joint support of training."
    shown = f"{beyond[query]:.0f} of {units.loc[query].max():.0f} under {query}"
    most = ", the most of all interventions" if len(units) > 1 else ""
    return f"Images beyond the joint support of training are extrapolated: {shown}{most}."
