"""Attributes that trained networks cannot read from real images, and so not from generated ones."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..datasets import Dataset
from ..predictors import AttributePredictor, Regressor
from .bootstrap import bootstrap
from .cohort import Readers, even_parts
from .predicted import prediction_error, prediction_metric

__all__ = ["unread_attributes"]


def unread_attributes(
    readers: Readers, data: Dataset, *, image: str, batch_statistics: bool = False, seed: int = 0
) -> dict[str, str]:
    """Sentences about networks that are not shown to read real images better than a guess without them.

    The guess is the most frequent label of the test split, or the median of its values. An interval over groups decides.

    Args:
        readers: The networks; measurements by other functions are left out.
        data: The data set.
        image: The image that they read.
        batch_statistics: Whether predictors normalise by the statistics of the current images.
        seed: Seed of the bootstrap.

    Returns:
        By attribute, of a classifier or regressor; by the name of the metric, of a predictor.
    """
    test = data.split["test"]
    known, groups, notes = data.attributes(test), data.groups(test).numpy(), {}
    for key, kind, network in _networks(readers):
        name, truth = network.variable.name, known[network.variable.name].double().numpy()
        found = _scores(network, data, image, batch_statistics=batch_statistics and kind == "predictor")
        if network.variable.is_discrete:
            guess = (truth == np.bincount(truth.astype(int)).argmax()).astype(float)
            gain, words = found - guess, "right for {:.2f} of them, and the most frequent label for {:.2f}"
        else:
            guess = np.abs(truth - np.median(truth))
            gain, words = guess - found, "off by {:.3g} on average, and their median by {:.3g}"
        if bootstrap(gain, groups, seed=seed).low <= 0:
            notes[key] = (
                f"The {kind} of '{name}' is not shown to read the {len(truth)} real test images better than a guess: it is "
                f"{words.format(found.mean(), guess.mean())}. What it reads from generated images is no evidence about "
                f"'{name}'."
            )
    return notes


def _networks(readers: Readers) -> Iterator[tuple[str, str, AttributePredictor]]:
    for name, classifier in readers.classifiers.items():
        yield name, "classifier", classifier
    for name, reader in readers.measure.items():
        if isinstance(reader, Regressor):
            yield name, "regressor", reader.predictor
    for predictor in readers.predictors.values():
        yield prediction_metric(predictor), "predictor", predictor


def _scores(network: AttributePredictor, data: Dataset, image: str, *, batch_statistics: bool) -> NDArray[np.float64]:
    """Whether the label of each test image is right, 1 or 0, or the absolute error of its value, `(N,)`."""
    test = data.split["test"]
    parts = (data.rows(test[part.start : part.stop]) for part in even_parts(len(test), network.at_once))
    return np.concatenate(
        [prediction_error(network, part[image], part, batch_statistics=batch_statistics) for part in parts]
    )
