"""Predictors: what a small network, trained on real images, says an image shows."""

from .classifier import Classifier
from .fit import fit_classifier
from .storage import load, save

__all__ = ["Classifier", "fit_classifier", "load", "save"]
