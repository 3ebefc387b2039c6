"""Columns of numbers that are written as words: with a decimal comma, a percent sign or a unit in every cell."""

import re

import pandas as pd

from ..ages import ages_in_years

__all__ = ["spelled_numbers"]

GROUPED = re.compile(r"[-+]?\d{1,3}(?:[.,' ]?\d{3})*(?:[.,]\d+)?")
SUFFIX = re.compile(r"(?P<number>[-+]?\d[\d.,' ]*?)\s*(?P<unit>%|[^\W\d_]{1,8})")
MOSTLY = 0.8
FEW = 10
"""Up to this many different cells such as "3T" count as labels."""


def spelled_numbers(column: pd.Series) -> tuple[str, str] | None:
    """Found and expected contents if most cells are numbers written as words; else None.

    >>> spelled_numbers(pd.Series(["1,5", "2,5", "3,25"]))[0]
    "numbers with commas ('1,5')"
    >>> spelled_numbers(pd.Series(["1.5", "2"])), spelled_numbers(pd.Series(["3T", "1.5T", "3T"]))
    (None, None)
    """
    if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    cells = list(dict.fromkeys(cell.strip() for cell in column.tolist() if isinstance(cell, str)))
    if len(cells) < 3 or ages_in_years(column) is not None:
        return None
    plain = pd.to_numeric(pd.Series(cells), errors="coerce").notna().to_numpy()
    commas = [cell for cell, number in zip(cells, plain) if not number and "," in cell and GROUPED.fullmatch(cell)]
    if commas and len(commas) + plain.sum() >= MOSTLY * len(cells):
        return f"numbers with commas ('{commas[0]}')", "numbers with a decimal point and without marks of thousands"
    found = [match for cell in cells if (match := SUFFIX.fullmatch(cell))]
    units = {match["unit"] for match in found}
    if len(units) == 1 and len(found) >= MOSTLY * len(cells) and (units == {"%"} or len(cells) > FEW):
        unit = units.pop()
        return (
            f"numbers with '{unit}' ('{found[0].group()}')",
            f"numbers only, with the unit in the name of the column: '{column.name} ({unit})'",
        )
    return None
