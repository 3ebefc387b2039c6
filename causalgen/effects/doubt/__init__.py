"""Checks of an effect: refuters, hidden confounding, overlap and balance, negative controls, independencies."""

from .controls import NegativeControl
from .examine import Doubt, examine

__all__ = ["Doubt", "NegativeControl", "examine"]
