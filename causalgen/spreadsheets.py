"""CSV that is safe in a spreadsheet: text that would run as a formula gets an apostrophe, which reading removes.

Spreadsheets run a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, regardless of the program that
wrote the file. This module writes every CSV of causalgen: such labels and column names get a leading apostrophe,
spreadsheets' mark of text. Numbers stay numbers; texts that are plain negative numbers or the symbols of an edge (`->`,
`---`) are not changed. A text that has the apostrophe already gets another one, so that `restored` returns the original
text exactly.
"""

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARKED", "csv_text", "neutral", "restored", "write_csv"]

FORMULA = re.compile("'*[=+\\-@\t\r＝＋－＠]")
HARMLESS = re.compile(r"-\d+(\.\d*)?([eE][-+]?\d+)?|-+>|---")
MARKED = "^'('*[=+\\-@\t\r＝＋－＠])"
"""Pattern of a text with the apostrophe; its group is the text without it. Arrow's expressions read it as well."""


def neutral(cell: Any) -> Any:
    """Return the cell, with a leading apostrophe if a spreadsheet would run it.

    >>> neutral("=1+1"), neutral("felt-tip"), neutral("-0.5"), neutral(-2)
    ("'=1+1", 'felt-tip', '-0.5', -2)
    """
    runs = isinstance(cell, str) and FORMULA.match(cell) and not HARMLESS.fullmatch(cell)
    return "'" + cell if runs else cell


def csv_text(frame: "pd.DataFrame", *, index: bool = False) -> str:
    """Return the data frame as CSV, with neutral texts in cells, column names and index."""
    safe, breaks = frame.copy(deep=False), False
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind in "OUS":  # words, and columns of several kinds; a categorical column counts as one
            column = frame.iloc[:, place].astype(object).map(neutral)
            breaks = breaks or any(isinstance(cell, str) and "\r" in cell for cell in column)
            safe.isetitem(place, column.array)
    safe.columns = frame.columns.map(neutral)
    if index:
        safe.index = frame.index.map(neutral)
        safe.index.names = [neutral(name) for name in frame.index.names]
    # pandas does not quote a lone carriage return, and readers would start a new row there
    return safe.to_csv(index=index, quoting=csv.QUOTE_NONNUMERIC if breaks else csv.QUOTE_MINIMAL)


def write_csv(frame: "pd.DataFrame", path: Path | str, *, index: bool = False) -> None:
    """Write `csv_text` to a file atomically, in UTF-8."""
    write_whole(Path(path), csv_text(frame, index=index))


def restored(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a data frame read from such a CSV, with the original texts."""
    result = frame.copy(deep=False)
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind in "OUS":
            result.isetitem(place, frame.iloc[:, place].map(_plain).array)
    result.columns = frame.columns.map(_plain)
    return result


def _plain(cell: Any) -> Any:
    return re.sub(MARKED, r"\1", cell) if isinstance(cell, str) else cell
