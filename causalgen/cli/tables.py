"""Parses tables and lists given on the command line."""

import csv
import math
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from ..datasets.table.words import MissingWord
    from ..graph import CausalGraph

__all__ = ["kinds", "names", "sides", "table_of", "treatments", "without_words", "words_in"]

KINDS = ("continuous", "binary", "categorical", "ordinal")


def table_of(path: Path, graph: "CausalGraph", words: "Sequence[MissingWord]" = ()) -> "pd.DataFrame":
    """Read the table of a file; columns that match a node by their short name take the name of the node.

    Args:
        path: The file.
        graph: The graph.
        words: Words that stand for missing values, except where the graph declares them as labels.
    """
    from ..datasets.table.column_match import read_matched
    from ..datasets.table.words import undeclared

    rows, note = read_matched(path, graph.nodes)
    if note:
        typer.echo(f"Note: {note}", err=True)
    labels = {name: graph[name].labels or () for name in graph.nodes}
    return without_words(rows, words, lambda name: undeclared(words, labels.get(name, ())))


def without_words(
    rows: "pd.DataFrame",
    words: "Sequence[MissingWord]",
    words_of: "Callable[[str], Sequence[MissingWord]] | None" = None,
) -> "pd.DataFrame":
    """The table, its cells with one of the words empty; standard error names what was read as missing, and idle words.

    Args:
        rows: The table.
        words: All words.
        words_of: Those of a column, by its name; None for all.
    """
    if not words:
        return rows
    from ..datasets.table.words import counts_text, table_without_words, word_text

    rows, counts = table_without_words(rows, words_of or (lambda _: words))
    for name, found in counts.items():
        typer.echo(f"Note: {counts_text(name, found)}.", err=True)
    occurring = {word for found in counts.values() for word in found}
    if idle := [text for text in map(word_text, words) if text not in occurring]:
        typer.echo(f"Note: no cell of the table was read as missing for {', '.join(idle)}.", err=True)
    return rows


def words_in(texts: Iterable[str]) -> "list[MissingWord]":
    """List words and numbers that stand for missing values; a text may contain several, separated by commas.

    >>> words_in(["n/a, .,-9", '"a, b"'])
    ['n/a', '.', -9.0, 'a, b']
    """
    return [_number(cell.strip()) for text in texts for cell in _cells(text) if cell.strip()]


def _number(word: str) -> "MissingWord":
    try:
        number = float(word)
    except ValueError:
        return word
    return number if math.isfinite(number) else word


def _cells(text: str) -> list[str]:
    """Split a line at commas; a cell in quotes may contain commas."""
    return next(csv.reader([text], skipinitialspace=True), [])


def names(text: str) -> list[str]:
    """Split names at commas.

    >>> names("a, b,")
    ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def kinds(texts: Iterable[str]) -> dict[str, str]:
    """Parse kinds of columns, each written as column=kind; a text may hold several, separated by commas.

    Raises:
        DataError: A text is not in that form, or a kind is unknown.

    >>> kinds(["visits=continuous, clinic=categorical"])
    {'visits': 'continuous', 'clinic': 'categorical'}
    """
    found: dict[str, str] = {}
    for text in (part for one in texts for part in names(one)):
        name, sign, kind = (part.strip() for part in text.rpartition("="))
        if not sign or not name or kind not in KINDS:
            raise DataError(
                f"Expected a kind as column=kind, such as clinic=categorical, with a kind among {', '.join(KINDS)}; got "
                f"{text!r}." + nearest(kind, KINDS)
            )
        if found.setdefault(name, kind) != kind:
            raise DataError(f"Expected one kind for '{name}'; got {found[name]} and {kind}. Leave one of them out.")
    return found


def treatments(texts: Sequence[str], nodes: Container[str]) -> tuple[str, ...]:
    """Parse treatments, given one by one or joined by commas; a node name that contains a comma stays whole.

    >>> treatments(["drug,dose"], ["drug", "dose"]), treatments(["a, b", "c"], ["a, b", "c"])
    (('drug', 'dose'), ('a, b', 'c'))
    """
    return tuple(name for text in texts for name in ([text] if text in nodes else names(text) or [text]))


def sides(contrast: tuple[str, str] | None, asked: Sequence[str]) -> tuple[Any, Any] | None:
    """Parse the contrast: each side has one value per treatment, joined by commas; quote a value that contains a comma.

    Raises:
        DataError: The number of values differs from the number of treatments.

    >>> sides(("0, no", "1, yes"), ["dose", "drug"]), sides(("a, b", "c"), ["drug"]), sides(None, ["drug"])
    ((('0', 'no'), ('1', 'yes')), ('a, b', 'c'), None)
    """
    if len(asked) == 1:
        return contrast
    found = [tuple(cell.strip() for cell in _cells(text)) for text in contrast or ()]
    wrong = [repr(text) for side, text in zip(found, contrast or (), strict=True) if len(side) != len(asked)]
    if wrong or not found:
        raise DataError(
            f"Expected on both sides of --contrast one value for each of {', '.join(asked)}, joined by commas, such as "
            f"--contrast '{','.join('0' * len(asked))}' '{','.join('1' * len(asked))}'; got {', '.join(wrong) or 'none'}."
        )
    return found[0], found[1]
