"""Train an attribute predictor on real images."""

import copy
import math
from collections.abc import Sequence

import torch
from rich.progress import Progress
from torch.optim import Adam
from torch.optim.swa_utils import AveragedModel

from ..datasets import Dataset
from ..errors import DataError
from ..nn import growing_average, seeded
from .predictor import AttributePredictor

__all__ = ["enough_epochs", "fit_predictor"]

BATCH, LEAST_BATCH = 256, 32
BATCHES = 20
"""Steps of a pass, as far as the least batch size allows."""
STEPS = 1500
"""Steps after which a predictor has learned something, on data of any size."""
LEARNING_RATE = 1e-3
EMA = 0.999


def fit_predictor(
    data: Dataset,
    attribute: str,
    *,
    image: str,
    given: Sequence[str] = (),
    epochs: int = 20,
    seed: int = 0,
    device: torch.device | str = "cpu",
    bars: Progress | None = None,
) -> AttributePredictor:
    """Fit a predictor of `attribute` to the training images; the averaged weights of the best validation loss are kept.

    Args:
        data: The data set; its training and validation splits are used.
        attribute: The attribute to read off the image.
        image: Name of the image node.
        given: Attributes that are inputs besides the image.
        epochs: Passes over the training split.
        seed: Seed of weights and batches.
        device: Where to train.
        bars: Rich progress bars.

    Raises:
        DataError: The attribute is an image, or is among `given`.
    """
    if attribute in given:
        raise DataError(
            f"Expected other attributes as inputs of the predictor of '{attribute}'; got itself among {list(given)}."
        )
    train, validation = ({k: v.to(device) for k, v in data.part(split).items()} for split in ("train", "validation"))
    with seeded(seed, torch.device(device)):
        variables = {name: data.graph[name] for name in given}
        predictor = AttributePredictor(data.graph[attribute], data.graph[image].shape, variables).to(device)
        predictor.initialize(train)
        averaged = AveragedModel(predictor, multi_avg_fn=growing_average(EMA), use_buffers=True)
        optimizer = Adam(predictor.parameters(), lr=LEARNING_RATE)
        size = _batch_size(len(train[image]))
        task = bars.add_task(f"train {attribute} predictor", total=epochs, note="") if bars else None
        best, best_state = math.inf, copy.deepcopy(predictor.state_dict())
        for epoch in range(epochs):
            predictor.train()
            order = torch.randperm(len(train[image]), device=device)
            for index in order[: len(order) // size * size or None].split(
                size
            ):  # a last, tiny batch has poor statistics
                batch = {name: column[index] for name, column in train.items()}
                optimizer.zero_grad()
                predictor.loss(batch[image], batch).backward()
                optimizer.step()
                averaged.update_parameters(predictor)
            loss = _validation_loss(averaged.module, validation, image)
            if loss < best:
                best, best_state = loss, copy.deepcopy(averaged.module.state_dict())
            if bars and task is not None:
                bars.update(task, completed=epoch + 1, note=f"validation loss {loss:.4f}")
    predictor.load_state_dict(best_state)
    return predictor.eval()


def enough_epochs(rows: int, least: int) -> int:
    """Passes over `rows` training images after which a predictor has learned something, at least `least`.

    >>> enough_epochs(60_000, 15), enough_epochs(437, 15)
    (15, 116)
    """
    return max(least, math.ceil(STEPS / max(1, rows // _batch_size(rows))))


def _batch_size(rows: int) -> int:
    return min(BATCH, max(LEAST_BATCH, rows // BATCHES))


@torch.no_grad()
def _validation_loss(predictor: torch.nn.Module, values: dict[str, torch.Tensor], image: str) -> float:
    assert isinstance(predictor, AttributePredictor)
    predictor.eval()
    count, total = len(values[image]), 0.0
    for index in torch.arange(count, device=values[image].device).split(1000):
        batch = {name: column[index] for name, column in values.items()}
        total += float(predictor.loss(batch[image], batch)) * len(index)
    return total / count
