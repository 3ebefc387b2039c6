"""The report of an effect: its size, its assumptions, and its checks."""

from .findings import EffectFindings
from .plots import plot_balance, plot_overlap, plot_sensitivity

__all__ = ["EffectFindings", "plot_balance", "plot_overlap", "plot_sensitivity"]
