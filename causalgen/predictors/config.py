"""Settings of a predictor, and ready settings for its three uses."""

import math
from dataclasses import dataclass

import torch

from ..graph import Variable
from .network import Form

__all__ = ["LABELS", "NUMBERS", "PUBLISHED", "PredictorConfig"]

BATCHES = 20
"""Target number of steps per pass, within the bounds of the batch size."""


@dataclass(frozen=True)
class PredictorConfig:
    """Settings of a predictor's network and of its training.

    Args:
        network: "flat" or "pooled" (see `causalgen.predictors.network`).
        epochs: Maximum number of passes over the training images; None to choose it by their number.
        least_epochs: Minimum number of passes if `epochs` is None.
        steps: Steps after which a predictor has learned something, on data of any size.
        batch: Images per step, from small to large data.
        drop_last: Whether a last, smaller batch is left out: its statistics would be poor.
        rate: Maximum learning rate.
        ema: Decay of a moving average of the weights. With an average, the rate is constant and no pass is left out; without
            one (0), the rate follows one cycle, and training stops early where the validation loss no longer falls.
        device: Where to train.
    """

    network: Form = "pooled"
    epochs: int | None = None
    least_epochs: int = 15
    steps: int = 1500
    batch: tuple[int, int] = (32, 256)
    drop_last: bool = True
    rate: float = 4e-3
    ema: float = 0.0
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(
                f"Expected at least 1 epoch, or None to choose by the number of images; got {self.epochs}."
            )

    def batch_size(self, rows: int) -> int:
        """Images per step on `rows` training images."""
        least, most = self.batch
        return min(most, max(least, rows // BATCHES))

    def steps_per_epoch(self, rows: int) -> int:
        """Steps of one pass over `rows` training images."""
        size = self.batch_size(rows)
        return max(1, rows // size) if self.drop_last else math.ceil(rows / size)

    def passes(self, rows: int) -> int:
        """Passes over `rows` training images.

        >>> LABELS.passes(7_000), LABELS.passes(280)
        (10, 167)
        >>> NUMBERS.passes(60_000), NUMBERS.passes(280)
        (15, 50)
        >>> PUBLISHED.passes(60_000), PUBLISHED.passes(437)
        (15, 116)
        """
        if self.epochs is not None:
            return self.epochs
        return max(self.least_epochs, math.ceil(self.steps / self.steps_per_epoch(rows)))

    @staticmethod
    def suited_to(variable: Variable) -> "PredictorConfig":
        """Return the settings that suit an attribute of this kind best: `LABELS` or `NUMBERS`."""
        return LABELS if variable.is_discrete else NUMBERS


LABELS = PredictorConfig("flat", least_epochs=10, steps=500, batch=(128, 128), drop_last=False)
"""For a classifier, which sees the location of objects in the image."""
NUMBERS = PredictorConfig("pooled", steps=400)
"""For a regressor of a continuous attribute."""
PUBLISHED = PredictorConfig("pooled", rate=1e-3, ema=0.999)
"""The network with which published benchmarks score images, for both labels and numbers."""
