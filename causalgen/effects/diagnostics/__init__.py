"""Checks of an effect: refuters, hidden confounding, overlap and balance, negative controls, independencies."""

from .examine import Diagnostics, examine
from .negative_controls import NegativeControl

__all__ = ["Diagnostics", "NegativeControl", "examine"]
