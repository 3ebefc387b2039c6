"""The order of two labels that nobody declared, which decides what a contrast and a risk refer to."""

from collections.abc import Hashable

__all__ = ["negative_first"]

NEGATIVE = """
n no not none never off absent false negative neg control placebo untreated unexposed healthy normal benign
nein falsch negativ gesund non jamais faux absente négatif não nao nunca falso nee nooit niet nej nei nem hayır нет не
否 いいえ 아니요
"""
"""Words for the absence of something, compared without regard to case."""
NEGATIONS = "no non not un in a without kein keine nicht ohne sans sin senza"
"""Prefixes that turn a label into its opposite, as in 'untreated' and 'no glasses'."""


def negative_first(first: Hashable, second: Hashable) -> tuple[Hashable, Hashable]:
    """The two labels, the negative one first: effects then compare presence with absence, and risks are of presence.

    >>> negative_first("ja", "nein"), negative_first("glasses", "no glasses"), negative_first("f", "m")
    (('nein', 'ja'), ('no glasses', 'glasses'), ('f', 'm'))
    """
    swapped = _denies(second, first) and not _denies(first, second)
    return (second, first) if swapped else (first, second)


def _denies(label: Hashable, other: Hashable) -> bool:
    if not isinstance(label, str) or not isinstance(other, str):
        return False
    word, opposite = label.casefold(), other.casefold()
    prefix = word.removesuffix(opposite).rstrip(" -_")
    return word in NEGATIVE.split() or (word.endswith(opposite) and prefix in NEGATIONS.split())
