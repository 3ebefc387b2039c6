"""Columns of ages as DICOM writes them."""

from typing import Any

import pandas as pd

from ..grammar.dicom_age import AGE, years_of

__all__ = ["ages_in_years", "not_ages"]

MOST_AGES = 10_000
"""More different cells than ages have forms, such as row names, need not be looked at one by one."""
MOSTLY = 0.5
"""Share of ages among the different cells at which a column is one of ages, with mistakes."""


def ages_in_years(column: pd.Series) -> pd.Series | None:
    """A column of such ages as years; None unless every cell that is not missing is one.

    >>> ages_in_years(pd.Series(["058Y", None, "006M"])).tolist(), ages_in_years(pd.Series(["058Y", "58"]))
    ([58.0, nan, 0.5], None)
    """
    if _other_type(column):
        return None
    present = column.dropna()
    if not len(present) or not all(map(_is_age, present)):
        return None
    return column.map(years_of, na_action="ignore").astype("float64")


def not_ages(column: pd.Series) -> list[int]:
    """Positions of the cells that are no such ages, in a column of mostly ages; else empty.

    >>> not_ages(pd.Series(["058Y", "60", None, "006M", "007Y"])), not_ages(pd.Series(["058Y", "low", "high"]))
    ([1], [])
    """
    if _other_type(column):
        return []
    different = column.dropna().drop_duplicates()
    if len(different) > MOST_AGES or sum(map(_is_age, different)) <= MOSTLY * len(different):
        return []
    return [row for row, cell in enumerate(column) if not pd.isna(cell) and not _is_age(cell)]


def _other_type(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype)


def _is_age(cell: Any) -> bool:
    return isinstance(cell, str) and AGE.fullmatch(cell.strip()) is not None
