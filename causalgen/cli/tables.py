"""Tables and lists given on the command line."""

import csv
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from ..graph import CausalGraph

__all__ = ["kinds", "names", "sides", "table_of", "treatments"]

KINDS = ("continuous", "binary", "categorical", "ordinal")


def table_of(path: Path, graph: "CausalGraph") -> "pd.DataFrame":
    """The table of a file; columns that match a node by their short name take the name of the node."""
    from ..datasets.table.column_match import read_matched

    rows, note = read_matched(path, graph.nodes)
    if note:
        typer.echo(f"Note: {note}", err=True)
    return rows


def names(text: str) -> list[str]:
    """Names separated by commas.

    >>> names("a, b,")
    ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def kinds(texts: Iterable[str]) -> dict[str, str]:
    """Kinds of columns, each written as column=kind; several may share a text, with commas between them.

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
            raise DataError(f"Expected one kind of '{name}'; got {found[name]} and {kind}. Leave one of them out.")
    return found


def treatments(texts: Sequence[str], nodes: Container[str]) -> tuple[str, ...]:
    """Treatments, given one by one or joined by commas; a node whose name holds a comma stays whole.

    >>> treatments(["drug,dose"], ["drug", "dose"]), treatments(["a, b", "c"], ["a, b", "c"])
    (('drug', 'dose'), ('a, b', 'c'))
    """
    return tuple(name for text in texts for name in ([text] if text in nodes else names(text) or [text]))


def sides(contrast: tuple[str, str] | None, asked: Sequence[str]) -> tuple[Any, Any] | None:
    """The contrast of the treatments: of several, one value for each on both sides; quotes keep a value with commas whole.

    Raises:
        DataError: The number of values differs from the number of treatments.

    >>> sides(("0, no", "1, yes"), ["dose", "drug"]), sides(("a, b", "c"), ["drug"]), sides(None, ["drug"])
    ((('0', 'no'), ('1', 'yes')), ('a, b', 'c'), None)
    """
    if len(asked) == 1:
        return contrast
    found = [tuple(cell.strip() for cell in next(csv.reader([text], skipinitialspace=True))) for text in contrast or ()]
    wrong = [repr(text) for side, text in zip(found, contrast or (), strict=True) if len(side) != len(asked)]
    if wrong or not found:
        raise DataError(
            f"Expected on both sides of --contrast one value for each of {', '.join(asked)}, joined by commas, such as "
            f"--contrast '{','.join('0' * len(asked))}' '{','.join('1' * len(asked))}'; got {', '.join(wrong) or 'none'}."
        )
    return found[0], found[1]
