"""The most important doubts about an estimate, each with how far the estimate could move."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...effects.concerns import ORDER, Check, counted, first_clause
from ...effects.table import warns_of_dropped_rows
from ..style import number
from .findings import EffectFindings
from .sentences import like_estimate

if TYPE_CHECKING:
    from ...effects import EffectReport, Estimate

__all__ = ["counted_concerns", "leading_doubts"]

MOST_DOUBTS = 2
"""Maximum number of doubts on the first screen; the section of the effect lists all concerns."""
BEFORE_HIDDEN = ORDER[: ORDER.index("balance") + 1]
"""Kinds of concerns that come before the doubt about hidden causes."""
MOST_NAMED = 3
"""Maximum number of concerns named in a sentence."""
LONGEST = 260
"""Maximum length of an explanation in letters; a longer one is cut after its first sentence."""
UNKNOWN = "The data do not show by how much the estimate could move."


def leading_doubts(findings: EffectFindings) -> list[tuple[str, str]]:
    """Return the most important doubts, as pairs of finding and possible change; fewer if there are no others."""
    concerns = [check for check in findings.checks if check.concern and check.subject == "estimate"]
    grave = [check for check in concerns if _is_grave(check, findings.report)]
    warnings = [check for check in concerns if check not in grave]
    warnings.sort(key=lambda check: not _change(check, findings))  # those whose consequence is known come first
    shared = [_hidden(findings), *_compliers(findings.report)]
    first, last = ([_concern(check, findings) for check in checks] for checks in (grave, warnings))
    return [*first, *shared, *last, *_model(findings.report)][:MOST_DOUBTS]


def counted_concerns(findings: EffectFindings) -> str:
    """Return the headline, or only its start, if the doubts name hidden causes or there are many concerns."""
    found = sum(bool(check.concern) for check in findings.checks if check.subject == "estimate")
    return findings.headline if 0 < found <= MOST_NAMED else f"{counted(findings.checks, MOST_NAMED)}."


def _is_grave(check: Check, report: "EffectReport") -> bool:
    """Return whether a concern is graver than the doubt about hidden causes, which every estimate shares.

    A difference between a straight line and a flexible method is expected, and concerns only the line.
    """
    return check.kind in BEFORE_HIDDEN and (check.kind != "methods" or len(_alike(report)) > 1)


def _concern(check: Check, findings: EffectFindings) -> tuple[str, str]:
    """Return a concern with the change of the estimate that it implies, as far as the report shows it."""
    title = _capitalised(check.about)
    explained = check.kind in ("negative control", "overlap", "warning")
    rest, clause = check.concern if explained else "", first_clause(check.concern)
    rest = rest.removeprefix(clause).lstrip(" .:;") if check.about.startswith(clause) else rest  # already in the title
    rest = rest if len(rest) <= LONGEST else f"{rest.partition('. ')[0].rstrip('.')}."
    text = " ".join(filter(None, [_capitalised(rest), _change(check, findings)]))
    return title, text or UNKNOWN


def _capitalised(text: str) -> str:
    """Capitalise a sentence, unless it starts with do()."""
    return text if text.startswith("do(") else text[:1].upper() + text[1:]


def _change(check: Check, findings: EffectFindings) -> str:
    """Say by how much the estimate could move, as far as the report shows it."""
    report = findings.report
    if check.kind == "truth":
        return f"The truth is {number(report.truth or 0.0)}, and the estimate {number(report.estimate.value)}."
    if check.kind == "independence":
        return _consequence(findings, check)
    if check.kind == "refuter":
        return _shift(check)
    if check.kind == "warning":
        return _dropped(report, check)
    if check.kind == "overlap":
        return _spread(report, _adjusted(report))
    return "" if check.kind == "negative control" else _spread(report, _alike(report))


def _consequence(findings: EffectFindings, check: Check) -> str:
    """Say what the estimate would be if the rejected independence is due to a missing edge."""
    tests = () if findings.doubt is None else findings.doubt.independencies.tests
    return next((row.consequence.strip() for row in tests if row.consequence and row.rejection == check.about), "")


def _spread(report: "EffectReport", rows: "Sequence[Estimate]") -> str:
    """Give the range of estimates: methods with different models diverge where the data do not decide between them."""
    if not rows:
        return ""
    low, high = min(rows, key=lambda row: row.value), max(rows, key=lambda row: row.value)
    shown = [like_estimate(report, row.value) for row in (low, high)]
    if shown[0] == shown[1]:
        return ""
    return f"The adjusted estimates range from {shown[0]} ({low.source}) to {shown[1]} ({high.source})."


def _adjusted(report: "EffectReport") -> "Sequence[Estimate]":
    return [row for row in report.estimates if row.kind == "adjusted"]


def _alike(report: "EffectReport") -> "Sequence[Estimate]":
    """Return the adjusted estimates of the same effect, without those that only approximate it."""
    return [row for row in _adjusted(report) if row.population == report.estimate.population and not row.caution]


def _shift(check: Check) -> str:
    """Say how far the estimate moved under the refuter that rejects it."""
    row = check.refutation
    if row is None:
        return ""
    expected, found, moved = map(number, (row.expected, row.found, abs(row.found - row.expected)))
    return f"The refuter expects {expected} and finds {found}: a shift of {moved}."


def _dropped(report: "EffectReport", check: Check) -> str:
    """Say what the average over all rows would be if the treatment had no effect in the dropped rows."""
    if not warns_of_dropped_rows(check.concern):
        return ""
    value = report.estimate.value
    share = report.rows_used / (report.rows_used + report.rows_dropped)
    moved = f"{like_estimate(report, share * value)} instead of {like_estimate(report, value)}"
    return f"If the treatment had no effect in them, the average over all rows would be {moved}."


def _hidden(findings: EffectFindings) -> tuple[str, str]:
    """State the untestable assumption of the identification, with the measured covariates as a benchmark."""
    report, doubt = findings.report, findings.doubt
    method, names = report.estimand.method, f"{report.treatment_name} and {report.outcome}"
    if method != "backdoor":
        return _untestable(report), UNKNOWN
    title = f"Hidden common causes of {names} cannot be excluded"
    robust = None if doubt is None else doubt.sensitivity
    rows = [] if robust is None else [row for row in (robust.strongest, robust.together) if row is not None]
    if robust is None or not rows:
        return title, UNKNOWN
    moves = []
    for row in dict.fromkeys(rows):
        is_all = row == robust.together != robust.strongest
        name = "all measured covariates together" if is_all else row.covariate
        moves.append(f"one as strong as {name} would move it to {like_estimate(report, row.estimate)}")
    linear = "The linear estimate" if report.estimate.source != "linear adjustment" else "The estimate"
    return title, f"{linear} is {like_estimate(report, robust.effect)}; {', and '.join(moves)}."


def _untestable(report: "EffectReport") -> str:
    """State the assumption of an identification without adjustment."""
    estimand = report.estimand
    if estimand.method == "instrument":
        return (
            f"That {estimand.instrument} acts on {report.outcome} only through {report.treatment_name} is an assumption"
        )
    if estimand.method == "frontdoor":
        through = " and ".join(estimand.mediators)
        return (
            f"That {through} carries the whole effect of {report.treatment_name} on {report.outcome} is an assumption"
        )
    return "The effect is identified by the assumed graph alone"


def _compliers(report: "EffectReport") -> list[tuple[str, str]]:
    """State that an instrument identifies the effect among some units only."""
    if report.estimate.population != "compliers":
        return []
    title = "The effect on units whose treatment the instrument does not change may differ"
    return [(title, "It equals the estimate if the effect is the same in all units.")]


def _model(report: "EffectReport") -> list[tuple[str, str]]:
    """State the doubt about the model, if another method gives an estimate outside the interval."""
    rows = _alike(report)
    text = "" if all(report.estimate.covers(row.value) for row in rows) else _spread(report, rows)
    return [("The estimate depends on the model", text)] if text else []
