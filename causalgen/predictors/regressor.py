"""A regressor of one continuous attribute from the image alone, used as a measurement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError
from .fit_predictor import enough_epochs, fit_predictor
from .predictor import AttributePredictor

__all__ = ["Regressor", "fit_regressor"]

EPOCHS = 15
"""Least number of passes over the training images."""


@dataclass(frozen=True)
class Regressor:
    """A measurement that was learned: images `(N, C, H, W)` on 0 to 255 to values of the attribute, `(N,)`.

    Args:
        predictor: Predictor of a continuous attribute whose only input is the image.

    Raises:
        DataError: The attribute is discrete, or the predictor is given other attributes.
    """

    predictor: AttributePredictor

    def __post_init__(self) -> None:
        variable = self.predictor.variable
        if variable.is_discrete:
            raise DataError(f"Expected a continuous attribute for a regressor; '{variable.name}' is {variable.kind}.")
        if self.predictor.given:
            raise DataError(
                f"Expected a regressor of '{variable.name}' that sees the image only; got one that is given "
                f"{', '.join(self.predictor.given)}."
            )

    def __call__(self, images: Tensor) -> NDArray[np.float64]:
        """The attribute read off the images, in its unit, `(N,)`."""
        return self.predictor.predict(images, {}).double().cpu().numpy()


def fit_regressor(
    data: Dataset, attribute: str, *, image: str, epochs: int | None = None, seed: int = 0, bars: Progress | None = None
) -> Regressor:
    """Fit a regressor to the factual training images; the validation split chooses the weights.

    Args:
        data: The data set.
        attribute: A continuous attribute.
        image: The image that shows it.
        epochs: Passes over the training split; None for as many as the number of rows needs.
        seed: Seed of weights and batches.
        bars: Rich progress bars.

    Raises:
        DataError: The attribute is not continuous.
    """
    if data.graph[attribute].kind != "continuous":
        raise DataError(
            f"Expected a continuous attribute for a regressor; '{attribute}' is {data.graph[attribute].kind}. "
            "Use a classifier."
        )
    enough = enough_epochs(len(data.split["train"]), EPOCHS)
    return Regressor(fit_predictor(data, attribute, image=image, epochs=epochs or enough, seed=seed, bars=bars))
