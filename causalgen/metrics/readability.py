"""Attributes that classifiers and regressors cannot read from real images, and so not from generated ones."""

from collections.abc import Mapping

import numpy as np

from ..datasets import Dataset
from ..predictors import AttributePredictor, Regressor
from .bootstrap import bootstrap
from .cohort import Readers, even_parts
from .predicted import prediction_error
from .result import MetricResult

__all__ = ["unread_attributes"]


def unread_attributes(
    readers: Readers, accuracies: Mapping[str, MetricResult], data: Dataset, *, image: str, seed: int = 0
) -> dict[str, str]:
    """By attribute, a sentence about a network that is not shown to read real images better than a guess without them.

    The guess is the most frequent label of the test split, or the median of its values. An interval over groups decides.

    Args:
        readers: Classifiers and regressors; measurements by a function are the user's own.
        accuracies: Results of `classifier_accuracy` by attribute.
        data: The data set.
        image: The image that they read.
        seed: Seed of the bootstrap.
    """
    known = data.attributes(data.split["test"])
    notes = {}
    for name, accuracy in accuracies.items():
        guess = float(np.bincount(known[name].numpy()).max() / len(known[name]))
        if accuracy.low <= guess:
            found = f"right for {accuracy.value:.2f} [{accuracy.low:.2f}, {accuracy.high:.2f}]"
            notes[name] = _words(
                name, "classifier", len(known[name]), f"{found} of them, and the most frequent label for {guess:.2f}"
            )
    for name, reader in readers.measure.items():
        if isinstance(reader, Regressor):
            errors = _errors(reader.predictor, data, image)
            guesses = np.abs(known[name].double().numpy() - float(known[name].double().median()))
            gain = bootstrap(guesses - errors, data.groups(data.split["test"]).numpy(), seed=seed)
            if gain.low <= 0:
                found = f"off by {errors.mean():.3g} on average, and the median by {guesses.mean():.3g}"
                notes[name] = _words(name, "regressor", len(known[name]), found)
    return notes


def _errors(predictor: AttributePredictor, data: Dataset, image: str) -> np.ndarray:
    test = data.split["test"]
    parts = (data.rows(test[part.start : part.stop]) for part in even_parts(len(test), predictor.at_once))
    return np.concatenate([prediction_error(predictor, part[image], part) for part in parts])


def _words(name: str, kind: str, units: int, found: str) -> str:
    return (
        f"The {kind} of '{name}' is not shown to read the {units} real test images better than a guess: it is {found}. What "
        f"it reads from generated images is no evidence about '{name}'."
    )
