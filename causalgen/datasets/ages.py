"""Ages as DICOM writes them (the value representation AS): three digits and D, W, M or Y, such as 058Y."""

import re

import pandas as pd

__all__ = ["AGE", "ages_in_years", "years_of"]

AGE = re.compile(r"(?P<number>\d{3})(?P<part>[DWMY])")
PARTS = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1}
"""Parts of a year, by the letter at the end of an age."""


def years_of(text: str) -> float | None:
    """An age in years; None for any other text.

    >>> years_of("058Y"), years_of("018M"), years_of("58")
    (58.0, 1.5, None)
    """
    found = AGE.fullmatch(text.strip())
    return int(found["number"]) / PARTS[found["part"]] if found else None


def ages_in_years(column: pd.Series) -> pd.Series | None:
    """A column of such ages as years; None unless every cell that is not missing is one.

    >>> ages_in_years(pd.Series(["058Y", None, "006M"])).tolist(), ages_in_years(pd.Series(["058Y", "58"]))
    ([58.0, nan, 0.5], None)
    """
    if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    present = column.dropna()
    if not len(present) or not all(isinstance(cell, str) and AGE.fullmatch(cell.strip()) for cell in present):
        return None
    return column.map(years_of, na_action="ignore").astype("float64")
