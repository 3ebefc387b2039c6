"""Estimated training time of classifiers and regressors, from a few training steps."""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from ..graph import Variable
from ..nn import seeded
from .classifier import Classifier
from .fit import classifier_cycle
from .predictor import AttributePredictor
from .regressor import regressor_cycle

__all__ = ["reader_seconds"]

STEPS = 4
FORWARD = 0.3
"""Time of a validation image as a share of that of a training image."""


def reader_seconds(variable: Variable, shape: tuple[int, ...], rows: int, validation: int) -> float:
    """Approximate upper bound in seconds for training the reader of `variable`: a classifier, or a regressor of numbers.

    Args:
        variable: An attribute.
        shape: (C, H, W) of the images.
        rows: Training images.
        validation: Validation images.
    """
    cycle = regressor_cycle(rows) if variable.labels is None else classifier_cycle(rows)
    batch = max(2, min(cycle.batch, rows))
    with seeded(0, torch.device("cpu")):
        images = torch.rand(batch, *shape) * 255
        if variable.labels is None:
            predictor, values = AttributePredictor(variable, shape), torch.rand(batch)
            predictor.initialize({variable.name: values})
            step = _step_seconds(predictor, lambda: predictor.loss(images, {variable.name: values}))
        else:
            classifier, codes = Classifier(variable, shape), torch.randint(len(variable.labels), (batch,))
            classifier.initialize(images)
            step = _step_seconds(classifier, lambda: F.cross_entropy(classifier(images), codes))
    return cycle.epochs * step * (cycle.steps(rows) + FORWARD * validation / batch)


def _step_seconds(network: torch.nn.Module, loss: Callable[[], Tensor]) -> float:
    optimizer = AdamW(network.parameters())
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - began)
    return min(seconds)  # the first steps include one-time costs
