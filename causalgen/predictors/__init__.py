"""Predictors: small networks, trained on real images, that read attributes off an image."""

from .classifier import Classifier
from .fit import fit_classifier
from .fit_predictor import enough_epochs, fit_predictor
from .predictor import AttributePredictor
from .regressor import Regressor, fit_regressor
from .storage import load, load_predictor, save, save_predictor
from .timing import reader_seconds

__all__ = [
    "AttributePredictor",
    "Classifier",
    "Regressor",
    "enough_epochs",
    "fit_classifier",
    "fit_predictor",
    "fit_regressor",
    "load",
    "load_predictor",
    "reader_seconds",
    "save",
    "save_predictor",
]
