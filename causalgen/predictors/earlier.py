"""Earlier ways to call this room, for one release: see `causalgen.moved`."""

import math
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..graph import Variable
from .config import LABELS, NUMBERS, PUBLISHED
from .fit import fit_predictor
from .regressor import Regressor

__all__ = ["enough_epochs", "fit_classifier", "fit_regressor"]


def fit_classifier(
    variable: Variable,
    images: Tensor,
    codes: Tensor,
    *,
    validation: tuple[Tensor, Tensor],
    epochs: int = 10,
    **options: Any,
) -> Any:
    """Now `fit_predictor`."""
    splits = {"train": (images, codes), "validation": validation}
    data = {split: {"the image": pixels, variable.name: column} for split, (pixels, column) in splits.items()}
    config = replace(LABELS, epochs=epochs, device=images.device)
    return fit_predictor(data, variable, image="the image", config=config, **options)


def fit_regressor(data: Any, attribute: str, *, epochs: int | None = None, **options: Any) -> Any:
    """Now `Regressor(fit_predictor(...))`."""
    return Regressor(fit_predictor(data, attribute, config=replace(NUMBERS, epochs=epochs), **options))


def enough_epochs(rows: int, least: int) -> int:
    """Now `PredictorConfig.passes`."""
    return max(least, math.ceil(PUBLISHED.steps / PUBLISHED.steps_per_epoch(rows)))
