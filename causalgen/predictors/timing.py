"""Estimated training time of a predictor, from a few training steps."""

import time

import torch
from torch.optim import AdamW

from ..graph import Variable
from ..nn import seeded
from .config import PredictorConfig
from .predictor import AttributePredictor

__all__ = ["reader_seconds"]

STEPS = 4
FORWARD = 0.3
"""Time of a validation image as a share of that of a training image."""


def reader_seconds(variable: Variable, shape: tuple[int, ...], rows: int, validation: int) -> float:
    """Return an approximate upper bound, in seconds, for training the predictor that suits the kind of `variable`.

    Args:
        variable: An attribute.
        shape: (C, H, W) of the images.
        rows: Training images.
        validation: Validation images.
    """
    config = PredictorConfig.suited_to(variable)
    batch = max(2, min(config.batch_size(rows), rows))
    with seeded(0, torch.device("cpu")):
        images = torch.rand(batch, *shape) * 255
        column = torch.rand(batch) if variable.labels is None else torch.randint(len(variable.labels), (batch,))
        predictor, values = AttributePredictor(variable, shape, network=config.network), {variable.name: column}
        predictor.initialize(images, values)
        optimizer = AdamW(predictor.parameters())
        seconds = []
        for _ in range(STEPS):
            began = time.perf_counter()
            optimizer.zero_grad()
            predictor.loss(images, values).backward()
            optimizer.step()
            seconds.append(time.perf_counter() - began)
    step = min(seconds)  # the first steps include one-time costs
    return config.passes(rows) * step * (config.steps_per_epoch(rows) + FORWARD * validation / batch)
