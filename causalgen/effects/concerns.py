"""The checks of an effect, and the one sentence that summarises them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from ..datasets.hints import needs_no_action
from ..graph.notation import spell_number

if TYPE_CHECKING:
    from .report import EffectReport, Estimate, Refutation

__all__ = [
    "ORDER",
    "Check",
    "Subject",
    "concerns_of",
    "counted",
    "first_clause",
    "headline",
    "ranked",
    "remark",
    "report_checks",
]

Subject = Literal["estimate", "comparison", "images"]
"""Subject of a check: the estimate, a number that it is compared with, or what is read from images."""

Kind = Literal[
    "truth", "negative control", "independence", "overlap", "form", "methods", "refuter", "balance", "warning"
]

ORDER: tuple[Kind, ...] = (
    "truth",  # the estimate is known to be wrong
    "negative control",  # something hidden, or a wrong graph, acts on the compared groups
    "independence",  # the graph is wrong where the identification rests on it
    "overlap",  # or a weak instrument, or no finite interval: the data are too weak, whatever the graph
    "form",  # flexible models move the estimate
    "methods",  # they disagree: one of them is wrong, and may be the recommended one
    "refuter",  # a method fails on data with a known answer
    "balance",  # the doubly robust estimate corrects remaining imbalance
    "warning",  # something that may matter was not measured
)
"""Kinds of checks, ordered by how much and how surely their failure can change the estimate."""

MANY_TIMES = 4.0
"""Ratio of two intervals' widths above which the wider one is a concern; flexible models cost up to about 2 where they suit
the data."""


@dataclass(frozen=True)
class Check:
    """One check of an effect.

    Attributes:
        about: The finding in the few words that the headline uses.
        concern: The concern in full; empty where the check passed.
        subject: What it is about. Only concerns about the estimate are counted; others stand next to the number compared.
        kind: What was checked; concerns are listed in the order of `ORDER`.
        refutation: The refuter's result, where a refuter was the check.
    """

    about: str
    concern: str = ""
    subject: Subject = "estimate"
    kind: Kind = "warning"
    refutation: "Refutation | None" = None


def ranked(checks: Iterable[Check]) -> list[Check]:
    """Sort the checks in the order of `ORDER`; checks of one kind keep their order.

    >>> [check.about for check in ranked([Check("few rows"), Check("poor overlap", kind="overlap")])]
    ['poor overlap', 'few rows']
    """
    return sorted(checks, key=lambda check: ORDER.index(check.kind))


def remark(text: str, subject: Subject) -> Check:
    """A remark that is not a concern about the estimate, such as one about a comparison.

    >>> remark("Not compared: the model diverges.", "comparison").about
    'Not compared'
    """
    return Check(first_clause(text), text, subject)


def headline(checks: Sequence[Check], fragile: str = "") -> str:
    """Say how many checks of the estimate raise a concern, and which, beginning with the one that can change it most.

    Args:
        checks: The checks that were made; those about a comparison or images are not counted.
        fragile: What a hidden cause as strong as observed ones would do; a benchmark, never counted as a concern.

    >>> headline([Check("placebo treatment rejects weighting", "It finds 0.3."), Check("balance")])
    '1 concern among 2 checks: placebo treatment rejects weighting.'
    >>> headline([Check("balance"), Check("extrapolated", "4 images are extrapolated.", "comparison")])
    'No concern was found among 1 check; hidden causes cannot be excluded.'
    >>> headline([Check("balance")], "one as strong as age would move it to 0")
    'No concern was found among 1 check; hidden causes cannot be excluded: one as strong as age would move it to 0.'
    """
    start, checks = counted(checks), [check for check in checks if check.subject == "estimate"]
    if any(check.concern for check in checks):
        return f"{start}. Hidden causes cannot be excluded: {fragile}." if fragile else f"{start}."
    if not checks:
        return f"{start}; hidden causes cannot be excluded. Run the refuters, and examine the report."
    more = f": {fragile}" if fragile else ""
    return f"{start}; hidden causes cannot be excluded{more}."


def counted(checks: Iterable[Check], most: int | None = None) -> str:
    """The start of the headline: how many checks of the estimate raise a concern, and which.

    Args:
        checks: The checks that were made.
        most: Maximum number of concerns to name; None for all.

    >>> counted([Check("poor overlap", "Poor overlap."), Check("few rows", "Few rows.")], 1)
    '2 concerns among 2 checks: poor overlap; and 1 more, listed below'
    """
    checks = [check for check in checks if check.subject == "estimate"]
    if not checks:
        return "No informative check was made"
    count = f"{len(checks)} check{'s' * (len(checks) != 1)}"
    found = [check.about for check in ranked(checks) if check.concern]
    if not found:
        return f"No concern was found among {count}"
    named = found[:most]
    more = f"; and {len(found) - len(named)} more, listed below" * (len(named) < len(found))
    return f"{len(found)} concern{'s' * (len(found) > 1)} among {count}: {'; '.join(named)}{more}"


def concerns_of(checks: Iterable[Check], *subjects: Subject) -> tuple[str, ...]:
    """The concerns about the given subjects, in full and ranked; by default those about the estimate."""
    wanted = subjects or ("estimate",)
    return tuple(check.concern for check in ranked(checks) if check.concern and check.subject in wanted)


def report_checks(report: "EffectReport") -> tuple[Check, ...]:
    """The checks in the report itself: refuters, agreement of its methods, interval, truth, warnings."""
    return (
        *_refuters(report),
        *_agreement(report),
        *_interval(report),
        *_truth(report),
        *_passed(report),
        *_folded(report.warnings),
        *report.remarks,
    )


def _folded(warnings: Iterable[str]) -> list[Check]:
    """One check for each warning; warnings that differ only in names and numbers count once.

    Notes on how a column was read do not count.

    >>> [check.about for check in _folded(["Column 'a' holds nothing.", "Column 'b' holds nothing.", "Few rows."])]
    ["Column 'a' holds nothing, and 1 more like it", 'Few rows']
    """
    kinds: dict[str, list[str]] = {}
    for text in (text for text in warnings if not needs_no_action(text)):
        kinds.setdefault(_form(text), []).append(text)
    more = [f", and {len(texts) - 1} more like it" * (len(texts) > 1) for texts in kinds.values()]
    return [
        Check(f"{first_clause(texts[0])}{others}", " ".join(texts), kind=_kind(texts[0]))
        for texts, others in zip(kinds.values(), more, strict=True)
    ]


def _kind(warning: str) -> Kind:
    return "overlap" if warning.startswith(("Exploding weights", "Poor overlap", "Weak instrument")) else "warning"


def _form(text: str) -> str:
    """A text without its quoted names and its numbers."""
    for name in re.findall(r"'([^']+)'", text):
        text = text.replace(name, "")
    return re.sub(r"\d+", "", text)


def _refuters(report: "EffectReport") -> list[Check]:
    """The informative refuters; one that passes the naive estimate as well is not informative."""
    found = []
    for row in report.refutations:
        if row.verdict == "rejected":
            about = row.rejection
            p_value = "" if row.p_value is None else f" (p = {row.p_value:.2g})"
            told = f"The refuter expects {spell_number(row.expected)} and finds {spell_number(row.found)}{p_value}."
            concern = f"{about[:1].upper()}{about[1:]}. {told} {row.checks}"
            found.append(Check(about, concern, kind="refuter", refutation=row))
        elif row.informative and row.verdict == "not rejected":
            found.append(Check(f"'{row.refuter}' on {row.estimate}", kind="refuter", refutation=row))
    return found


def _agreement(report: "EffectReport") -> list[Check]:
    """Agreement of the methods: they share the rows, so each interval should contain the other's estimate."""
    rows = [row for row in report.estimates if row.kind == "adjusted" and row.population == report.estimate.population]
    pairs = [pair for pair in combinations(rows, 2) if None not in (pair[0].low, pair[1].low)]
    if not pairs:
        return []
    apart = [pair for pair in pairs if not any(_holds(*ordered) for ordered in (pair, pair[::-1]))]
    if not apart:
        return [Check("agreement of the methods", kind="methods")]
    named = "; ".join(f"{one} and {other}" for one, other in apart)
    about = ", ".join(f"{one.source} and {other.source} disagree" for one, other in apart)
    text = (
        f"Methods disagree beyond their intervals. {named}: neither interval contains the other's estimate, so at "
        "least one rests on a model of the wrong form."
    )
    return [Check(about, text, kind="methods")]


def _holds(one: "Estimate", other: "Estimate") -> bool:
    return bool(one.covers(other.value))


def _interval(report: "EffectReport") -> list[Check]:
    chosen = report.estimate
    if report.estimand.method == "no effect":
        return []
    if chosen.low is None or chosen.high is None:
        about = f"{chosen.source} has no finite interval"
        text = f"{about[:1].upper()}{about[1:]}. The data do not show how large the effect is."
        return [Check(about, text, kind="overlap")]
    return _wide(report)


def _wide(report: "EffectReport") -> list[Check]:
    """An interval many times wider than another method's, where no warning says that the data hold too little.

    Such an interval holds every other estimate, so the methods seem to agree whatever the recommended estimate is.
    """
    if any(_kind(text) == "overlap" for text in report.warnings):
        return []
    chosen, width = report.estimate, _width(report.estimate)
    same = [row for row in report.estimates if row.kind == "adjusted" and row.population == chosen.population]
    others = [row for row in same if row != chosen and _width(row) > 0]
    narrow = min(others, key=_width, default=None)
    if narrow is None or width <= MANY_TIMES * _width(narrow):
        return []
    times = f"{width / _width(narrow):.0f} times as wide as that of {narrow.source}"
    text = (
        f"The interval of {chosen.source} is {times}, although both use the same rows. Its model leaves open what the "
        f"stronger assumptions of {narrow.source} settle: report both, or ask for a contrast that more rows show."
    )
    return [Check(f"the interval of {chosen.source} is {times}", text, kind="overlap")]


def _width(row: "Estimate") -> float:
    return 0.0 if row.low is None or row.high is None else row.high - row.low


def _truth(report: "EffectReport") -> list[Check]:
    truth, chosen = report.truth, report.estimate
    if truth is None or chosen.population != report.population or (held := chosen.covers(truth)) is None:
        return []
    about = f"the interval of {chosen.source} misses the truth"
    if held:
        return [Check("truth", kind="truth")]
    return [Check(about, f"The truth {spell_number(truth)} is known, and {about}.", kind="truth")]


def _passed(report: "EffectReport") -> list[Check]:
    """The check on which every estimate depends, and about which it warns: overlap, or instrument strength."""
    warned = list(map(first_clause, report.warnings))
    if report.estimand.method == "instrument" and "Weak instrument" not in warned:
        return [Check("strength of the instrument", kind="overlap")]
    if report.estimand.method == "backdoor" and report.estimand.adjustment and "Poor overlap" not in warned:
        return [Check("overlap", kind="overlap")]
    return []


def first_clause(text: str) -> str:
    """The first clause of a warning, which names it in the headline.

    >>> first_clause("Poor overlap: for 3 % of the rows."), first_clause("12 rows were dropped; unless they are alike.")
    ('Poor overlap', '12 rows were dropped')
    """
    return re.split(r"[:;.] ", text, maxsplit=1)[0].rstrip(".")
