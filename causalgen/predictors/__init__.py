"""Predictors: small networks, trained on real images, that read attributes from an image."""

from ..moved import keep_old_names
from .attributes import attribute_predictors
from .config import LABELS, NUMBERS, PUBLISHED, PredictorConfig
from .fit import fit_predictor
from .predictor import AttributePredictor
from .regressor import Regressor
from .storage import load, save
from .timing import reader_seconds

__all__ = [
    "LABELS",
    "NUMBERS",
    "PUBLISHED",
    "AttributePredictor",
    "PredictorConfig",
    "Regressor",
    "attribute_predictors",
    "fit_predictor",
    "load",
    "reader_seconds",
    "save",
]

keep_old_names(__name__)
