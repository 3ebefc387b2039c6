"""Retrains a classifier, as one of causalgen's predictors or with a user's function.

The user's function `(images, labels, weights, seed) -> classifier` gets images `(N, C, H, W)`, uint8 or float32 of 16 bits,
codes int64 `(N,)`, weights `(N,)` of mean 1 and a seed, and returns anything that `as_classifier` takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..errors import DataError
from ..graph import Variable
from ..own_code import import_code
from ..predictors import LABELS, AttributePredictor, PredictorConfig, fit_predictor

__all__ = ["LabelledImages", "OwnTrainer", "PredictorTrainer", "Trainer", "load_trainer", "retrained"]


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images to train on.

    Args:
        images: `(N, C, H, W)`, uint8, or float32 from 0 to 255 where images have 16 bits.
        codes: Labels, int64 `(N,)`.
        weights: Weights `(N,)`; None for equal ones.
    """

    images: Tensor
    codes: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def __add__(self, other: "LabelledImages") -> "LabelledImages":
        """Concatenate images without weights."""
        return LabelledImages(torch.cat([self.images, other.images]), torch.cat([self.codes, other.codes]))

    def resampled(self, seed: int) -> "LabelledImages":
        """Draw the same number of images with replacement, with probabilities proportional to the weights."""
        if self.weights is None:
            return self
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(self.weights.double(), len(self), replacement=True, generator=generator)
        return LabelledImages(self.images[drawn], self.codes[drawn])


@dataclass(frozen=True)
class PredictorTrainer:
    """Trains a causalgen predictor; weights become probabilities of draws with replacement.

    Args:
        variable: The label.
        config: Network and settings.
    """

    variable: Variable
    config: PredictorConfig = LABELS

    def __call__(self, train: LabelledImages, validation: LabelledImages, seed: int) -> Any:
        """Fit on `train`; `validation` decides when to stop."""
        parts = {"train": train.resampled(seed), "validation": validation.resampled(seed)}
        data = {name: {"image": part.images, self.variable.name: part.codes} for name, part in parts.items()}
        return fit_predictor(data, self.variable, image="image", config=self.config, seed=seed)


@dataclass(frozen=True)
class OwnTrainer:
    """Trains with a user's function, which gets training and validation images together.

    Args:
        function: `(images, labels, weights, seed) -> classifier`.
    """

    function: Callable[[Tensor, Tensor, Tensor, int], Any]

    def __call__(self, train: LabelledImages, validation: LabelledImages, seed: int) -> Any:
        """Call the function."""
        weights = [torch.ones(len(part)) if part.weights is None else part.weights for part in (train, validation)]
        both, every = train + validation, torch.cat(weights).float()
        try:
            found = self.function(both.images, both.codes, every / every.mean(), seed)
        except Exception as error:
            raise DataError(
                f"Expected a function (images, labels, weights, seed) that returns a classifier; it failed with "
                f"{type(error).__name__}: {error}."
            ) from error
        if found is None:
            raise DataError("Expected a trainer that returns a classifier; got None. Return what it has trained.")
        return found


Trainer: TypeAlias = PredictorTrainer | OwnTrainer


def retrained(classifier: Any, variable: Variable, *, epochs: int | None = None) -> PredictorTrainer | None:
    """Return a trainer of causalgen classifiers: in the form of the given one, or in the default form for None.

    Args:
        classifier: A classifier; for one that is not causalgen's, which cannot be retrained without its own trainer,
            the result is None.
        variable: The label.
        epochs: Number of epochs; None to choose it by the number of images.
    """
    if classifier is None:
        return PredictorTrainer(variable, replace(LABELS, epochs=epochs))
    if isinstance(classifier, AttributePredictor):
        return PredictorTrainer(variable, replace(LABELS, network=classifier.network, epochs=epochs))
    return None


def load_trainer(source: str, *, trust_code: bool) -> OwnTrainer:
    """The trainer that `module:function` or `file.py:function` names.

    Raises:
        UntrustedCodeError: The code is not trusted.
        DataError: It cannot be imported, or is not a function.
    """
    found = import_code(source, trust=trust_code, what="a trainer")
    if not callable(found) or isinstance(found, type):
        raise DataError(
            f"Expected a function (images, labels, weights, seed) at '{source}'; got {type(found).__name__}."
        )
    return OwnTrainer(found)
