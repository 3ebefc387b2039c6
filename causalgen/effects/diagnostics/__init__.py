"""Checks of an effect: refuters, hidden confounding, overlap and balance, negative controls, independencies."""

from .examine import Diagnostics, examine
from .negative_controls import NegativeControl
from .table_one import TableOne, table_one

__all__ = ["Diagnostics", "NegativeControl", "TableOne", "examine", "table_one"]
