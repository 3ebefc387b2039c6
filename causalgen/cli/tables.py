"""Tables that the user names on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["names", "read_table"]


def read_table(path: Path) -> "pd.DataFrame":
    """The table in a .csv or .parquet file.

    Raises:
        DataError: It is neither, or cannot be read.
    """
    import pandas as pd

    from ..errors import DataError

    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise DataError(f"Expected a .csv or .parquet file; got '{path}'.")
    try:
        if suffix == ".csv":
            _refuse_other_separators(path)
            return pd.read_csv(path)
        return pd.read_parquet(path)
    except OSError as error:
        raise DataError(f"Expected a table at '{path}'; it cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # what pandas and pyarrow raise for a file that is not what its name says
        raise DataError(f"Expected a {suffix[1:]} table at '{path}'; it cannot be read: {error}") from None


def _refuse_other_separators(path: Path) -> None:
    """Semicolons often go with decimal commas: what the numbers are would be a guess."""
    from ..errors import DataError

    with path.open(encoding="utf-8-sig") as lines:
        header = lines.readline()
    other = {";": "semicolons", "\t": "tabs"}
    for mark, word in other.items():
        if mark in header and "," not in header:
            raise DataError(
                f"Expected columns separated by commas in '{path}'; got {word}. Save it with commas, and points in numbers."
            )


def names(text: str) -> list[str]:
    """Names separated by commas.

    >>> names("a, b,")
    ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]
