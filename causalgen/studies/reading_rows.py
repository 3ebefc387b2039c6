"""Rows as given on the command line: 3,7 or 3-7, or the labels of the table's index."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ..datasets import Dataset
from ..datasets.labels import read_labels
from ..errors import DataError

__all__ = ["read_rows"]

RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
MOST = 10_000
"""Maximum number of rows in a range."""


def read_rows(data: Dataset, rows: Iterable[Any], *, incomplete: bool = False) -> list[Any]:
    """Row labels of the data, each once, in the given order.

    Args:
        data: The data set.
        rows: Row labels, or texts for them: "17", "3-7" for five numbered rows, "p012".
        incomplete: Whether rows with missing attributes that training infers may be among them (see `Dataset.evidence`).

    Raises:
        DataError: A text is neither a label nor numbers. `Dataset.rows` and `evidence` check that the rows exist.
    """
    index = data.frame().index
    for lacking in data.incomplete_labels.values() if incomplete else ():
        index = index.append(pd.Index(read_labels(lacking)))
    labels = {str(label): label for label in index}
    if len(labels) < len(index):
        raise DataError(
            f"Expected row labels of '{data.name}' that differ as text; some do not. Select the rows in Python."
        )
    numbers = index.inferred_type == "integer"
    found: dict[Any, None] = {}
    for row in rows:
        listed = _read(row, labels, numbers=numbers) if isinstance(row, str) else [row]
        found |= dict.fromkeys(listed)
    return list(found)


def _read(word: str, labels: dict[str, Any], *, numbers: bool) -> list[Any]:
    if word in labels or not numbers:
        return [labels.get(word, word)]
    if word.isdecimal():
        return [int(word)]
    span = RANGE.fullmatch(word)
    if span is None or not 0 <= int(span[2]) - int(span[1]) <= MOST:
        raise DataError(f"Expected row numbers such as 3,7 or 3-7; got '{word}'.")
    return list(range(int(span[1]), int(span[2]) + 1))
