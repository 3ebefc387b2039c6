"""The first screen of a report: a few sentences answer the question, with the numbers and their limits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .ambiguity_table import ambiguity_answer
from .content import ReportContent
from .effects.sentences import effect_clause
from .image_changes import change_answer
from .mediation import mediation_answer
from .style import number, with_interval
from .tables import floor_note

if TYPE_CHECKING:
    from ..effects import EffectReport
    from ..metrics import Memorisation

__all__ = ["headline_metrics", "run_answer"]

WITHIN = "within support"
TO_TRUTH = "image L1 to truth"
DRIFT, SHARE, DRIFT_CONTROLS = "off-target drift: ", "share of images", ("null intervention", "truth")
CONTROLS = {"identity control": "the image left unchanged", "oracle": "the true process"}
MOST_EFFECTS = 3
"""Maximum number of effects in a sentence."""


def run_answer(content: ReportContent) -> list[str]:
    """State the change on the image, the effects, the quality of the counterfactuals, and what limits them."""
    changes = [change_answer(content.changes)] if content.changes else []
    effects = [_effects([findings.report for findings in content.effects])] if content.effects else []
    effects += map(mediation_answer, content.mediation)
    effects += [audit.answer for audit in content.audits]
    drift = _drift(content.metrics.to_frame()) if content.metrics is not None and len(content.metrics) else ""
    survival = ambiguity_answer(content.ambiguities) if content.ambiguities else ""
    memory = memorisation_answer(content.memorisation) if content.memorisation is not None else ""
    return [*changes, *effects, *filter(None, [_quality(content), drift, survival, memory, _limits(content)])]


def memorisation_answer(found: "Memorisation") -> str:
    """State the three verdicts on memorisation in one sentence."""
    shown = "; ".join(f"{verdict.surface}: {verdict.finding}" for verdict in found.verdicts)
    return f"Does the model give training units away? {shown.capitalize()}."


def headline_metrics(content: ReportContent) -> Sequence[tuple[str, str]]:
    """The metrics named in `quality`, else the first of each query."""
    if content.quality or content.metrics is None:
        return content.quality
    frame = content.metrics.to_frame()
    first = frame[frame["row"] == "model"].drop_duplicates("query")
    return list(zip(first["metric"], first["query"], strict=True))


def _effects(reports: "Sequence[EffectReport]") -> str:
    """State each effect with its interval and population."""
    clauses = "; ".join(map(effect_clause, reports[:MOST_EFFECTS]))
    more = len(reports) - MOST_EFFECTS
    further = f" {more} further effect{'s' * (more > 1)}: see below." if more > 0 else ""
    return f"{clauses[0].upper()}{clauses[1:]}.{further}"


def _quality(content: ReportContent) -> str:
    """State the error of the counterfactual images next to its controls, or why it is unknown."""
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


def _drift(metrics: pd.DataFrame) -> str:
    """State the greatest drift of each attribute that should stay, next to null intervention and truth; else ""."""
    frame = metrics[metrics["metric"].str.startswith(DRIFT)]
    frame = _within(frame)
    model = frame[frame["row"] == "model"]
    clauses = []
    for metric, own in model.groupby("metric", sort=False):
        worst = own.sort_values("value", kind="stable").iloc[-1]
        same = frame[(frame["metric"] == metric) & (frame["query"] == worst["query"])].set_index("row")["value"]
        compared = "; ".join(f"{row}: {_moved(same[row], worst['unit'])}" for row in DRIFT_CONTROLS if row in same)
        moved = _moved(worst["value"], worst["unit"])
        where = f"on {moved} of the images" if worst["unit"] == SHARE else f"by {moved}"
        compared = f" ({compared})" if compared else ""
        clauses.append(f"{str(metric).removeprefix(DRIFT)} {where} under {worst['query']}{compared}")
    return f"Attributes that should stay move on the image: {'; '.join(clauses)}." if clauses else ""


def _moved(value: float, unit: str) -> str:
    """Describe a drift; for a label, give the share of the images."""
    return f"{value:.1%}" if unit == SHARE else f"{number(value)} {unit}".rstrip()


def _within(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows within support if that stratum exists."""
    return frame[frame["stratum"] == WITHIN] if (frame["stratum"] == WITHIN).any() else frame


def _stratum(rows: pd.DataFrame) -> str:
    return ", within joint support" if (rows["stratum"] == WITHIN).all() else ""


def _controls(rows: pd.DataFrame, unit: str) -> str:
    shown = [f"{name}: {_range(rows, row)}" for row, name in CONTROLS.items() if (rows["row"] == row).any()]
    return f" ({'; '.join(shown)} {unit}".rstrip() + ")" if shown else ""


def _range(rows: pd.DataFrame, row: str) -> str:
    """Give the lowest and highest value of a row over the queries."""
    low, high = (number(value) for value in (rows.loc[rows["row"] == row, "value"].agg(["min", "max"])))
    return low if low == high else f"{low} to {high}"


def _limits(content: ReportContent) -> str:
    """State the number of counterfactuals beyond support, and of concerns about the effects."""
    texts = [_support(content.metrics.to_frame())] if content.metrics is not None and len(content.metrics) else []
    checks = [check for findings in content.effects for check in findings.checks if check.subject == "estimate"]
    if checks:
        found = sum(bool(check.concern) for check in checks)
        verb = "raises" if found < 2 else "raise"
        texts.append(f"{found or 'None'} of the {len(checks)} checks of the effects {verb} a concern.")
    return " ".join(filter(None, texts))


def _support(metrics: pd.DataFrame) -> str:
    """Name the intervention with the fewest units within support."""
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
