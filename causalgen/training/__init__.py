"""Training of structural causal models."""

from .config import FitConfig, Stage
from .fit import FitResult, fit
from .progress import bars

__all__ = ["FitConfig", "FitResult", "Stage", "bars", "fit"]
