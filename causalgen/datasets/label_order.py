"""The order of two labels that nobody declared, which decides what a contrast and a risk refer to."""

import re
from collections.abc import Hashable

__all__ = ["negative_first"]

FIRST = """
n no not none never off absent false negative neg control controls placebo sham untreated unexposed healthy normal benign
hc cn nc wt wild usual standard low lower small short few pre before baseline under below without - < ≤ <=
nein falsch negativ gesund ohne kontrolle kontrollen kontrollgruppe niedrig klein vorher vor unter abwesend
non jamais faux absente négatif sans témoin témoins avant bas basse não nao nunca falso negativo negativa ausente sin sem senza
antes bajo baja baixo baixa nee nooit niet zonder nej nie nei nem ne brak bez hayır нет не без 否 无 無 阴性 陰性 いいえ 아니요
"""
"""First words for the absence, the baseline or the smaller amount of something, compared without regard to case."""
NEGATIONS = "no non not un in a without kein keine nicht ohne sans sin senza"
"""Prefixes that turn a label into its opposite, as in 'untreated' and 'no glasses'."""
PART = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d]+|[<>]=|[^\w\s]")
"""A number, a word, or a sign."""


def negative_first(first: Hashable, second: Hashable) -> tuple[Hashable, Hashable]:
    """The two labels, the negative or smaller one first: effects then compare presence with absence, and risks are of
    presence. Words that both labels begin or end with are ignored. Other labels keep their order.

    >>> negative_first("ja", "nein"), negative_first("glasses", "no glasses"), negative_first("f", "m")
    (('nein', 'ja'), ('no glasses', 'glasses'), ('f', 'm'))
    >>> negative_first("HIV+", "HIV-"), negative_first("high dose", "low dose"), negative_first("level 10", "level 2")
    (('HIV-', 'HIV+'), ('low dose', 'high dose'), ('level 2', 'level 10'))
    """
    if not isinstance(first, str) or not isinstance(second, str):
        return first, second
    one, other = first.casefold(), second.casefold()
    negated, negates = _negates(one, other), _negates(other, one)
    if negated == negates:
        parts = _different(PART.findall(one), PART.findall(other))
        negated, negates = _comes_first(*parts), _comes_first(*parts[::-1])
    return (second, first) if negates and not negated else (first, second)


def _negates(label: str, other: str) -> bool:
    prefix = label.removesuffix(other).rstrip(" -_")
    return label.endswith(other) and prefix in NEGATIONS.split()


def _different(one: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """The parts without those that both begin or end with."""
    for end in (0, -1):
        while one and other and one[end] == other[end]:
            one, other = (parts[1:] if end == 0 else parts[:-1] for parts in (one, other))
    return one, other


def _comes_first(parts: list[str], others: list[str]) -> bool:
    """Whether the first different part is a word of `FIRST`, or a smaller number than that of the other label."""
    part, other = (found[0] if found else "" for found in (parts, others))
    if part[:1].isdecimal() and other[:1].isdecimal():
        return float(part.replace(",", ".")) < float(other.replace(",", "."))
    return part in FIRST.split()
