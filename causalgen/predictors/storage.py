"""Saved classifiers: `classifier.json` and `classifier.safetensors`."""

from pathlib import Path
from typing import Any

from ..graph import Variable
from ..nn import load_module, save_module
from .classifier import Classifier

__all__ = ["load", "save"]


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
