"""Columns of ages as DICOM writes them."""

import pandas as pd

from ..grammar.dicom_age import AGE, years_of

__all__ = ["ages_in_years"]


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
