"""The answer box: each question, the number that answers it, and what to compare it with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from .content import ReportContent
from .effects.findings import EffectFindings
from .image_changes import change_highlights
from .parts import Highlight
from .style import number, with_interval
from .tables import floor_note
from .words import POPULATIONS

if TYPE_CHECKING:
    from ..effects import Estimate

__all__ = ["answers", "effect_highlight", "headline_metrics", "metric_highlight"]

STRATUM = "within support"
BESIDE = ("identity control", "oracle")


def answers(content: ReportContent) -> list[Highlight]:
    """The given highlights, the leading changes on the image, one per effect, one per headline metric."""
    lines = [*content.highlights, *change_highlights(content.changes), *map(effect_highlight, content.effects)]
    if content.metrics is not None:
        frame = content.metrics.to_frame()
        lines += [metric_highlight(frame, *wanted) for wanted in headline_metrics(content)]
    return lines


def effect_highlight(findings: EffectFindings) -> Highlight:
    """The recommended estimate, with truth, naive estimate and concerns."""
    report = findings.report
    chosen, naive = report.estimate, next((row for row in report.others if row.kind == "naive"), None)
    parts = [f"{chosen.source}, {report.level:.0%} interval" if chosen.covers(0) is not None else chosen.source]
    if report.estimand.method == "no effect":
        parts = ["by assumption: the graph has no directed path"]
    if chosen.population != "whole":
        parts.append(f"averaged over {POPULATIONS[chosen.population]}")
    if report.truth is not None:
        parts.append(f"truth {number(report.truth)} ({_place(chosen, report.truth)})")
    if naive is not None:
        place = f" ({_place(naive, report.truth)})" if report.truth is not None else ""
        association = ", an association" * (report.estimand.method == "no effect")
        parts.append(f"without adjustment {number(naive.value)}{association}{place}")
    verdict = findings.headline.rstrip(".")
    parts.append(verdict[0].lower() + verdict[1:])
    return Highlight(report.question, with_interval(chosen.value, chosen.low, chosen.high), "; ".join(parts))


def _place(row: "Estimate", truth: float) -> str:
    return {True: "inside its interval", False: "outside its interval", None: "no interval"}[row.covers(truth)]


def headline_metrics(content: ReportContent) -> Sequence[tuple[str, str]]:
    """The metrics named in `quality`, else the first of each query."""
    if content.quality or content.metrics is None:
        return content.quality
    frame = content.metrics.to_frame()
    first = frame[frame["row"] == "model"].drop_duplicates("query")
    return list(zip(first["metric"], first["query"], strict=True))


def metric_highlight(frame: pd.DataFrame, metric: str, query: str) -> Highlight:
    """The model's value, within support where that stratum exists, next to those of the controls.

    Raises:
        KeyError: The table has no such metric and query, or no row of the model.
    """
    part = frame[(frame["metric"] == metric) & (frame["query"] == query)]
    stratum = STRATUM if (part["stratum"] == STRATUM).any() else next(iter(part["stratum"]), "")
    rows = {row["row"]: row for _, row in part[part["stratum"] == stratum].iterrows()}
    if "model" not in rows:
        known = ", ".join(f"{m} / {q}" for m, q in dict.fromkeys(zip(frame["metric"], frame["query"], strict=True)))
        raise KeyError(f"Expected a metric and query among {known}; got {metric} / {query}.")
    model = rows["model"]
    notes = [f"{name} {number(rows[name]['value'])}" for name in BESIDE if name in rows]
    note = "; ".join(filter(None, [*notes, floor_note(model)]))
    unit = f" {model['unit']}" if model["unit"] else ""
    label = f"{metric}, {query}" if query else metric
    value = with_interval(model["value"], model["low"], model["high"]) + unit
    return Highlight(f"{label} ({stratum})", value, note)
