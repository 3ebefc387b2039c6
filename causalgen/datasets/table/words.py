"""Words and numbers that mean a missing value: finding likely ones, and removing them from a column."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..hints import sentinels
from ..kinds import BEYOND_INT64, cell_numbers, refused

__all__ = [
    "MissingWord",
    "cells_of",
    "count_words",
    "counts_text",
    "missing_words",
    "table_without_words",
    "undeclared",
    "without_words",
    "word_text",
]

MissingWord: TypeAlias = "str | float"

SURE: tuple[str, ...] = (
    "n/a",
    "na",
    "n.a.",
    "nan",
    "null",
    "nil",
    "missing",
    "not available",
    "not applicable",
    "not known",
)
SURE += ("unknown", "unk", "undefined", "?", "??", ".", "..", "#n/a", "#null!", "#value!", "#ref!", "#div/0!", "#num!")
"""Words that are rarely labels."""
AMONG_NUMBERS: tuple[str, ...] = (
    *SURE,
    "-",
    "--",
    "---",
    "none",
    "no data",
    "nd",
    "n.d.",
    "*",
    "x",
    "tbd",
    "inf?",
    "(null)",
)
"""Words that can be labels elsewhere."""
MOSTLY = 0.8
"""Share of numbers among the cells at which a column counts as numeric."""


def missing_words(column: pd.Series, known: Collection[MissingWord] = ()) -> list[MissingWord]:
    """Words and numbers in a column that are likely to mean missing values.

    Args:
        column: Cells.
        known: Words with a known meaning, such as labels.

    >>> missing_words(pd.Series(["1.5", "2", "n/a", "3", "-999", "4", "6", "7", "8"]))
    ['n/a', -999]
    >>> missing_words(pd.Series(["yes", "no", "unknown", "no"])), missing_words(pd.Series(["+", "-", "+"]))
    (['unknown'], [])
    """
    if pd.api.types.is_bool_dtype(column) or refused(column) is not None:
        return []
    judged = {_folded(word) for word in known}
    numbers = _numbers(column)
    found: list[MissingWord] = []
    words = {} if pd.api.types.is_numeric_dtype(column) else _spellings(column[np.isnan(numbers)])
    likely = [folded for folded in words if folded in AMONG_NUMBERS]
    count = int((~np.isnan(numbers)).sum())
    others = int(column.notna().sum()) - count - sum(words[folded][1] for folded in likely)
    if count > 2 and count >= MOSTLY * (count + others):
        found += [words[folded][0] for folded in likely if folded not in judged]
        found += [number for number in sentinels(numbers) if _folded(number) not in judged]
    elif len(words) + (count > 0) > 2:
        labels = [folded for folded in words if folded in SURE]
        if len(words) - len(labels) > 1:
            found += [words[folded][0] for folded in labels if folded not in judged]
    return found


def cells_of(column: pd.Series, words: Sequence[MissingWord]) -> NDArray[np.bool_]:
    """Mask of cells that hold one of the words, ignoring case and surrounding spaces, or one of the numbers."""
    numeric = pd.api.types.is_numeric_dtype(column)
    numbers = [float(word) for word in words if not isinstance(word, str)]
    numbers += [float(word) for word in words if isinstance(word, str) and _is_number(word)]
    found = np.isin(_numbers(column), numbers) if numbers else np.zeros(len(column), bool)
    folded = {_folded(word) for word in words}
    if numeric or not folded:
        return found
    cells = column.astype("string").str.strip().str.casefold()
    return found | cells.isin(folded).to_numpy(dtype=bool, na_value=False)


def without_words(column: pd.Series, words: Sequence[MissingWord]) -> pd.Series:
    """The column, its cells with one of the words empty."""
    gone = cells_of(column, words) if words else np.zeros(0, bool)
    return column.mask(gone) if gone.any() else column


def count_words(column: pd.Series, words: Sequence[MissingWord]) -> dict[str, int]:
    """Number of cells with each of the words; words that do not occur are left out."""
    counts = {word_text(word): int(cells_of(column, [word]).sum()) for word in words}
    return {word: count for word, count in counts.items() if count}


def word_text(word: MissingWord) -> str:
    """A word as messages show it: in quotes, or a number."""
    return repr(word) if isinstance(word, str) else f"{word:g}"


def counts_text(title: str, counts: Mapping[str, int]) -> str:
    """What was read as missing in a column.

    >>> counts_text("age", {"'n/a'": 3, "-9": 1200})
    "Read as missing in age: 'n/a' 3, -9 1,200"
    """
    return f"Read as missing in {title}: " + ", ".join(f"{word} {count:,}" for word, count in counts.items())


def undeclared(words: Sequence[MissingWord], labels: Collection[Any]) -> list[MissingWord]:
    """The words that are no declared labels."""
    known = {_folded(label) for label in labels}
    return [word for word in words if _folded(word) not in known]


def table_without_words(
    table: pd.DataFrame, words_of: Callable[[str], Sequence[MissingWord]]
) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """The table, its cells with a word empty; and by column the number of cells with each word.

    A column of text whose other cells are all numbers becomes one of numbers, as if its file had empty cells there.

    Args:
        table: Cells.
        words_of: The words of a column, by its title.
    """
    found: dict[str, pd.Series] = {}
    counted: dict[str, dict[str, int]] = {}
    for title, column in table.items():
        words = words_of(str(title))
        if counts := count_words(column, words):
            found[str(title)], counted[str(title)] = _as_numbers(without_words(column, words)), counts
    return (table.assign(**found) if found else table), counted


def _as_numbers(column: pd.Series) -> pd.Series:
    """A column of text as numbers, if all of its cells are exact ones."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    if (numbers.isna() & column.notna()).any() or (numbers.abs() >= BEYOND_INT64).any():
        return column
    return numbers


def _spellings(column: pd.Series) -> dict[str, tuple[str, int]]:
    """Words by their lower-case form: the first spelling, and the number of cells."""
    found: dict[str, tuple[str, int]] = {}
    for word, count in column.dropna().astype("string").str.strip().value_counts().items():
        spelling, before = found.get(_folded(str(word)), (str(word), 0))
        found[_folded(str(word))] = spelling, before + int(count)
    return found


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return cell_numbers(column)


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _folded(word: Any) -> str:
    return f"{word:g}" if isinstance(word, int | float) and not isinstance(word, bool) else str(word).strip().casefold()
