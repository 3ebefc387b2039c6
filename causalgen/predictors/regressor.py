"""A regressor of one continuous attribute from the image alone, used as a measurement."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError
from ..nn import seeded
from ..typing import Values
from .one_cycle import OneCycle, train_one_cycle
from .predictor import AttributePredictor

__all__ = ["Regressor", "fit_regressor", "regressor_cycle"]

EPOCHS = 15
"""Least number of passes over the training images."""
STEPS = 400
"""Steps after which a regressor no longer improves, on data of any size."""
BATCH, LEAST_BATCH = 256, 32
BATCHES = 20
"""Steps of a pass, as far as the least batch size allows."""
AT_ONCE = 1000
"""Validation images that pass through the network at once."""


@dataclass(frozen=True)
class Regressor:
    """A learned measurement: images `(N, C, H, W)` on 0 to 255 to values of the attribute, `(N,)`.

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
    """Fit a regressor to the factual training images; the validation split chooses the weights and when to stop.

    Args:
        data: The data set.
        attribute: A continuous attribute.
        image: The image that shows it.
        epochs: Greatest number of passes over the training split; None for as many as the number of rows needs.
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
    train, validation = data.part("train"), data.part("validation")
    rows = len(train[image])
    with seeded(seed, torch.device("cpu")):
        predictor = AttributePredictor(data.graph[attribute], data.graph[image].shape)
        predictor.initialize(train)
        train_one_cycle(
            predictor,
            rows,
            loss=lambda index: predictor.loss(train[image][index], {attribute: train[attribute][index]}),
            validate=lambda: _validate(predictor, validation, image),
            cycle=regressor_cycle(rows, epochs),
            title=f"train {attribute} regressor",
            bars=bars,
        )
    return Regressor(predictor)


def regressor_cycle(rows: int, epochs: int | None = None) -> OneCycle:
    """Batches and passes for a regressor on `rows` training images; `epochs` overrides the number of passes.

    >>> regressor_cycle(60_000).epochs, regressor_cycle(280).epochs
    (15, 50)
    """
    batch = min(BATCH, max(LEAST_BATCH, rows // BATCHES))
    cycle = OneCycle(epochs=1, batch=batch, drop_last=True)
    enough = max(EPOCHS, math.ceil(STEPS / cycle.steps(rows)))
    return OneCycle(epochs=epochs or enough, batch=batch, drop_last=True)


@torch.no_grad()
def _validate(predictor: AttributePredictor, values: Values, image: str) -> tuple[float, str]:
    attribute = predictor.variable.name
    pairs = zip(values[image].split(AT_ONCE), values[attribute].split(AT_ONCE), strict=True)
    total = sum(float(predictor.loss(pixels, {attribute: truth})) * len(truth) for pixels, truth in pairs)
    loss = total / len(values[attribute])
    return loss, f"validation loss {loss:.4f}"
