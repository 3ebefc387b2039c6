"""Read the user's table: from a file, or from an image folder in a common layout."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from .declare import check_words
from .layouts import read_folder
from .table_file import read_file, require_rows
from .words import MissingWord, table_without_words

__all__ = ["read_table"]


def read_table(path: str | Path, *, arrow: bool = False, missing_words: Sequence[MissingWord] = ()) -> pd.DataFrame:
    """The table at `path`: a .csv (or .tsv, .txt), .parquet, .jsonl, .npz or .tar file, or an image folder.

    CSV is UTF-8, or UTF-16 with its byte order mark; columns are separated by commas, semicolons, tabs or bars, as the
    header shows. If the separator is not a comma, numbers may have a decimal comma, even in a column with some words.
    Empty cells, NA, NaN, null and None are missing, unless in quotes: a label may have that name. An apostrophe before
    =, +, - or @ marks text for spreadsheets and is left out (see `causalgen.spreadsheets`). Spaces and line breaks in
    column names become one space. A first column without a name holds the labels of the rows, the frame's index; if it
    only numbers them it is left out, and so are empty columns without a name. One that does not identify the rows is
    left out with a warning.

    Args:
        path: File or folder.
        arrow: Keep columns as Arrow holds them: missing whole numbers stay whole, and a million words take little memory.
        missing_words: Words and numbers that stand for missing values in every column, such as "n/a" or -999; case and
            surrounding spaces do not count.

    Raises:
        DataError: The table cannot be read, is empty or has a single row; or a column name is empty or repeated.
    """
    path = Path(path)
    check_words(missing_words, "the missing words")
    table = require_rows(read_folder(path), path) if path.is_dir() else read_file(path, arrow=arrow)
    return table_without_words(table, lambda _: missing_words)[0] if missing_words else table
