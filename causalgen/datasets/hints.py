"""Hints about columns whose kind the typing rule may have misread."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["alike", "declare_remedy", "maybe_codes"]

ROWS_PER_NUMBER = 10
SHORT, LONG = 2, 4
"""Most letters of an abbreviation, and least letters of the word that it abbreviates."""
WORDS = {"y": "yes", "n": "no"}
SHOWN = 4


def declare_remedy(name: Hashable, kind: str) -> str:
    """How to declare the kind of a column in Python, on the command line and in a study.

    >>> declare_remedy("visits", "continuous")
    "variables={'visits': 'continuous'} in Python, --kind visits=continuous on the command line, `variables:` in a study"
    """
    named = f"variables={{{str(name)!r}: {kind!r}}} in Python"
    return f"{named}, --kind {name}={kind} on the command line, `variables:` in a study"


def maybe_codes(name: Hashable, present: NDArray[np.float64], few: int, most: int) -> str:
    """A warning if numbers that were read as quantities may be codes: whole, and few for the rows; else empty.

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
        f"Column '{name}' holds {len(different)} different whole numbers and is read as continuous. If they are codes, "
        f"declare it categorical ({declare_remedy(name, 'categorical')}); if not, declare it continuous in the same way."
    )


def alike(name: Hashable, labels: Sequence[Hashable]) -> str:
    """A warning if labels differ only by case, spaces, punctuation or abbreviation; else empty.

    >>> alike("sex", ["F", "M", "female", "male"])[:63]
    "Column 'sex' has labels that may mean the same: F and female; M"
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        text = str(label)
        groups["".join(letter for letter in text.casefold() if letter.isalnum()) or text].append(text)
    stems = _abbreviated(list(groups))
    merged: dict[str, list[str]] = defaultdict(list)
    for key, texts in groups.items():
        merged[stems.get(key, key)] += texts
    pairs = [" and ".join(texts) for texts in merged.values() if len(texts) > 1]
    if not pairs:
        return ""
    more = f"; and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return (
        f"Column '{name}' has labels that may mean the same: {'; '.join(pairs[:SHOWN])}{more}. They count as different: "
        "give each meaning one spelling."
    )


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
