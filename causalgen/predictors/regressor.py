"""A predictor of one continuous attribute from the image alone, used as a measurement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from .predictor import AttributePredictor

__all__ = ["Regressor"]


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
            raise DataError(
                f"Expected a continuous attribute for a regressor; '{variable.name}' is {variable.kind}. Pass its predictor as "
                "a classifier."
            )
        if self.predictor.given:
            raise DataError(
                f"Expected a regressor of '{variable.name}' that sees the image only; got one that is given "
                f"{', '.join(self.predictor.given)}."
            )

    def __call__(self, images: Tensor) -> NDArray[np.float64]:
        """Read the attribute from the images, in its unit, `(N,)`."""
        return self.predictor.predict(images).double().cpu().numpy()
