"""The report of an effect: what it is, what carries it, and what speaks against it."""

from .findings import EffectFindings
from .plots import plot_balance, plot_overlap, plot_sensitivity

__all__ = ["EffectFindings", "plot_balance", "plot_overlap", "plot_sensitivity"]
