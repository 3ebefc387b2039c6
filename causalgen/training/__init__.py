"""Training of structural causal models."""

from .config import FitConfig, Stage
from .fit import FitResult, fit
from .image_evidence import calibrate_evidence
from .memory import DeviceMemoryError
from .privacy import Privacy
from .progress import bars
from .timing import step_seconds
from .tuning import Predictor, TuningConfig, tune_counterfactuals

__all__ = [
    "DeviceMemoryError",
    "FitConfig",
    "FitResult",
    "Predictor",
    "Privacy",
    "Stage",
    "TuningConfig",
    "bars",
    "calibrate_evidence",
    "fit",
    "step_seconds",
    "tune_counterfactuals",
]
