"""Saved classifiers and predictors: `classifier.json` or `predictor.json`, each with its weights in safetensors."""

from pathlib import Path
from typing import Any

from ..graph import Variable
from ..nn import load_module, save_module
from .classifier import Classifier
from .predictor import AttributePredictor

__all__ = ["load", "load_predictor", "save", "save_predictor"]


def save(classifier: Classifier, folder: Path | str) -> Path:
    """Write the classifier into `folder`, which is created, and return it."""
    description = {"variable": classifier.variable.to_dict(), "shape": list(classifier.shape)}
    return save_module(classifier, folder, "classifier", description)


def load(folder: Path | str) -> Classifier:
    """Rebuild a classifier that `save` wrote.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    return load_module(folder, "classifier", _rebuild)


def _rebuild(description: dict[str, Any]) -> Classifier:
    return Classifier(Variable.from_dict(description["variable"]), tuple(description["shape"]))


def save_predictor(predictor: AttributePredictor, folder: Path | str) -> Path:
    """Write the predictor into `folder`, which is created, and return it."""
    description = {
        "variable": predictor.variable.to_dict(),
        "shape": list(predictor.shape),
        "given": [variable.to_dict() for variable in predictor.given.values()],
    }
    return save_module(predictor, folder, "predictor", description)


def load_predictor(folder: Path | str) -> AttributePredictor:
    """Rebuild a predictor that `save_predictor` wrote.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    return load_module(folder, "predictor", _rebuild_predictor)


def _rebuild_predictor(description: dict[str, Any]) -> AttributePredictor:
    given = [Variable.from_dict(entry) for entry in description["given"]]
    variable = Variable.from_dict(description["variable"])
    return AttributePredictor(variable, tuple(description["shape"]), {v.name: v for v in given})
