"""Checks of an effect: refuters, hidden confounding, overlap and balance, negative controls, independencies."""

from .controls import NegativeControl
from .examine import Diagnostics, examine

__all__ = ["Diagnostics", "NegativeControl", "examine"]
