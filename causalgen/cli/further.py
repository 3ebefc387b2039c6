"""Further questions about an effect, as given on the command line."""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Literal

from ..errors import DataError
from .tables import names

if TYPE_CHECKING:
    import pandas as pd

    from ..effects.columns import Column

__all__ = ["cuts", "doses", "proxies"]


def cuts(texts: Sequence[str], nodes: Container[str]) -> dict[str, tuple[float, ...]]:
    """Attributes that form groups, each with the values at which it is cut.

    Raises:
        DataError: The values are not numbers, or an attribute is given twice.

    >>> cuts(["sex", "age:40,60", "dose: mg"], ["dose: mg"])
    {'sex': (), 'age': (40.0, 60.0), 'dose: mg': ()}
    """
    found: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, colon, values = (text, "", "") if text in nodes else text.partition(":")
        if name.strip() in found:
            raise DataError(f"Expected each attribute once in --by; got '{name.strip()}' twice. Leave one of them out.")
        found[name.strip()] = _numbers(values, "--by", "age:40,60") if colon else ()
    return found


def doses(text: str) -> "Literal['auto'] | tuple[float, ...]":
    """Parse the doses of a curve: "auto", or numbers.

    >>> doses("auto"), doses("0, 2.5")
    ('auto', (0.0, 2.5))
    """
    return "auto" if text.strip() == "auto" else _numbers(text, "--doses", "0,10,20")


def _numbers(text: str, option: str, example: str) -> tuple[float, ...]:
    try:
        found = tuple(float(word) for word in names(text))
    except ValueError:
        found = ()
    if not found:
        raise DataError(f"Expected numbers with {option}, such as {option} {example}; got {text!r}.")
    return found


def proxies(
    measured: Sequence[str], predicted: Sequence[str], table: "pd.DataFrame", fitted_on: str | None, *, random: bool
) -> "list[Column]":
    """Parse columns that are observed through a proxy, each given as column=proxy.

    Args:
        measured: Measured columns.
        predicted: Predicted columns.
        table: The table.
        fitted_on: Column that marks the rows on which the predictor was fitted, or "none"; None if it was not given.
        random: Whether the rows with assigned values are a random sample.

    Raises:
        DataError: A text is not in that form, or `fitted_on` is missing or given without a predicted column.
    """
    from ..effects.columns import Column, marked_rows

    if predicted and fitted_on is None:
        raise DataError(
            "Expected --fitted-on with --predicted: the column that marks the rows on which the predictor was fitted, or "
            "'none' if it was fitted on other data; got neither."
        )
    if (fitted_on is not None or random) and not (measured or predicted):
        raise DataError("Expected --measured or --predicted with --fitted-on or --labelled-at-random; got neither.")
    if fitted_on is not None and not predicted:
        raise DataError("Expected --predicted with --fitted-on; got --measured, which is not fitted. Leave it out.")
    found = []
    for texts, source in ((measured, "measured"), (predicted, "predicted")):
        for text in texts:
            name, sign, proxy = (word.strip() for word in text.partition("="))
            if not sign or not name or not proxy:
                raise DataError(f"Expected column=proxy with --{source}, such as pain=pain_read; got {text!r}.")
            rows = marked_rows(table, fitted_on) if source == "predicted" else None
            found.append(Column(name, source, proxy=proxy, labelled_at_random=random, fitted_on=rows))  # type: ignore[arg-type]
    return found
