"""Hints about columns whose kind the typing rule may have misread."""

import re
import shlex
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ages_note",
    "alike",
    "declare_remedy",
    "maybe_codes",
    "maybe_counts",
    "maybe_missing",
    "missing_remedy",
    "needs_no_action",
    "sentinels",
    "warns_of_codes",
]

ROWS_PER_NUMBER = 10
LEAST_COUNTS = 4
"""Fewer different whole numbers are probably codes."""
CODES = "different whole numbers"
SHORT, LONG = 2, 4
"""Maximum letters of an abbreviation, and minimum letters of the word that it abbreviates."""
WORDS = {"y": "yes", "n": "no"}
SHOWN = 4
SENTINELS = (-9, -99, -999, -9999, -99999, 99, 999, 9999, 99999)
"""Numbers that stand for missing values in many tables."""


def declare_remedy(name: Hashable, kind: str) -> str:
    """Describe how to declare the kind of a column in Python, on the command line and in a study.

    >>> declare_remedy("visits", "continuous")
    "variables={'visits': 'continuous'} in Python, --kind visits=continuous on the command line, `variables:` in a study"
    >>> declare_remedy("Dose mg", "ordinal")
    "variables={'Dose mg': 'ordinal'} in Python, --kind 'Dose mg=ordinal' on the command line, `variables:` in a study"
    """
    named = f"variables={{{str(name)!r}: {kind!r}}} in Python"
    return f"{named}, --kind {shlex.quote(f'{name}={kind}')} on the command line, `variables:` in a study"


def missing_remedy(words: Sequence[object]) -> str:
    """How to declare words and numbers that stand for missing values.

    >>> missing_remedy([-9])
    'missing_words=[-9] of read_table in Python, --missing-words -9 on the command line, `missing_words:` in a study'
    """
    listed = shlex.quote(", ".join(map(str, words)))
    return (
        f"missing_words={list(words)} of read_table in Python, --missing-words {listed} on the command line, "
        "`missing_words:` in a study"
    )


def maybe_codes(name: Hashable, present: NDArray[np.float64], few: int, most: int) -> str:
    """Note that whole numbers read as quantities may be codes, if few differ for the number of rows; else empty.

    Args:
        name: The column.
        present: Its numbers.
        few: More different numbers than this were read as quantities.
        most: More different numbers than this are certainly quantities.
    """
    different = np.unique(present)
    whole = bool((different == np.round(different)).all())
    if not whole or not few < len(different) <= most or len(present) < ROWS_PER_NUMBER * len(different):
        return ""
    return (
        f"Column '{name}' holds {len(different)} {CODES} and is read as continuous. If they are codes, "
        f"declare it categorical ({declare_remedy(name, 'categorical')}); if not, declare it continuous in the same way."
    )


def maybe_counts(name: Hashable, labels: Sequence[Hashable]) -> str:
    """A note if labels are whole numbers in a row from 0 or 1, such as counts and grades; else empty.

    >>> maybe_counts("visits", range(6))[:59]
    "Column 'visits' holds the whole numbers 0 to 5, read as lab"
    >>> maybe_counts("site", [17, 204, 9931, 9932]), maybe_counts("sex", [1, 2])
    ('', '')
    """
    numbers = [label for label in labels if isinstance(label, int) and not isinstance(label, bool)]
    if len(numbers) < max(len(labels), LEAST_COUNTS) or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return ""
    if numbers[0] not in (0, 1):
        return ""
    return (
        f"Column '{name}' holds the whole numbers {numbers[0]} to {numbers[-1]}, read as labels without an order. Declare "
        "`kind: continuous` for counts and amounts, and `kind: ordinal` for grades."
    )


def ages_note(name: Hashable, example: str) -> str:
    """Note that ages as DICOM writes them were read as years."""
    return f"Ages of '{name}' such as {example.strip()} are read as years."


def needs_no_action(text: str) -> bool:
    """Whether a text is a note of `ages_note` or `maybe_codes`: how a column was read, and no doubt about an answer.

    >>> needs_no_action(ages_note("age", "060Y")), needs_no_action("Few rows.")
    (True, False)
    """
    return warns_of_codes(text) or re.fullmatch(r"Ages of '.*' such as \w+ are read as years\.", text) is not None


def warns_of_codes(text: str, name: Hashable | None = None) -> bool:
    """Whether a text is the note of `maybe_codes` about a column, or about any column if none is named.

    >>> text = maybe_codes("visits", np.arange(1.0, 241.0) % 12, few=10, most=50)
    >>> warns_of_codes(text), warns_of_codes(text, "visits"), warns_of_codes(text, "visit")
    (True, True, False)
    >>> warns_of_codes("Column 'a' holds nothing.")
    False
    """
    named = ".*" if name is None else re.escape(str(name))
    return re.match(rf"Column '{named}' holds \d+ {CODES} ", text, re.DOTALL) is not None


def maybe_missing(name: Hashable, present: NDArray[np.float64]) -> str:
    """A warning if numbers such as -999 lie far from all others; else empty.

    >>> maybe_missing("age", np.array([30.0, 41.5, 52.0, 63.0, -999.0]))[:58]
    "-999 in column 'age' may mean missing values, and 1 cell i"
    """
    found = sentinels(present)
    if not found:
        return ""
    count = int(np.isin(present, found).sum())
    read = "1 cell is read as a number" if count == 1 else f"{count:,} cells are read as numbers"
    shown = " and ".join(f"{number:g}" for number in found)
    return (
        f"{shown} in column '{name}' may mean missing values, and {read}. If so, leave these cells empty, or declare them: "
        f"{missing_remedy(found)}."
    )


def sentinels(numbers: NDArray[np.float64]) -> list[float]:
    """Numbers that stand for missing values in many tables and lie far from the others."""
    if not np.isin(numbers, SENTINELS).any():
        return []
    finite = numbers[np.isfinite(numbers)]
    rest = np.unique(finite[~np.isin(finite, SENTINELS)])
    if len(rest) < 3:
        return []
    low, high = rest[0], rest[-1]
    found: list[float] = []
    for number in SENTINELS:
        apart = low - number if number < 0 else number - high
        if (finite == number).any() and (apart > high - low or (number < 0 <= low)):
            found.append(number)
    return found


def alike(name: Hashable, labels: Sequence[Hashable]) -> str:
    """A warning if labels differ only by case, spaces, punctuation or abbreviation; else empty.

    >>> alike("sex", ["F", "M", "female", "male"])[:63]
    "Column 'sex' has labels that may mean the same: F and female; M"
    >>> alike("hiv", ["HIV-", "HIV+"]), alike("score", ["<5", ">=5"])
    ('', '')
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        text = str(label)
        groups[_without_punctuation(text.casefold()) or text].append(text)
    stems = _abbreviated(list(groups))
    merged: dict[str, list[str]] = defaultdict(list)
    for key, texts in groups.items():
        merged[stems.get(key, key)] += texts
    pairs = [" and ".join(texts) for texts in merged.values() if len(texts) > 1]
    if not pairs:
        return ""
    more = f"; and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return (
        f"Column '{name}' has labels that may mean the same: {'; '.join(pairs[:SHOWN])}{more}. They are treated as "
        "different: use one spelling per meaning."
    )


def _without_punctuation(text: str) -> str:
    """Letters, digits and the signs that carry meaning, as in 'HIV-', 'HIV+', '<5' and '>=5'."""
    kept = "".join(letter for letter in text if letter.isalnum() or letter in "+<>≤≥")
    return kept + "-" * text.endswith("-")


def _abbreviated(keys: Sequence[str]) -> dict[str, str]:
    """Short key -> the one long key that it abbreviates."""
    found = {}
    for short in keys:
        if len(short) > SHORT or not short.isalpha():
            continue
        longer = [
            key
            for key in keys
            if key.isalpha() and key.startswith(short) and (len(key) >= LONG or WORDS.get(short) == key)
        ]
        if len(longer) == 1 and longer[0] != short:
            found[short] = longer[0]
    return found
