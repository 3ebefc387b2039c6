"""Train a predictor on real images; the validation images decide which weights are kept."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel

from ..columns import as_column
from ..datasets import Dataset
from ..errors import DataError
from ..graph import Variable
from ..moved import with_old_options
from ..nn import growing_average, seeded
from ..typing import Values
from .config import PUBLISHED, PredictorConfig
from .predictor import AttributePredictor
from .stored_images import StoredImages

__all__ = ["fit_predictor"]

WEIGHT_DECAY = 1e-3
PATIENCE = 3
"""Minimum number of passes without a better validation loss before an early stop; otherwise a quarter of all passes."""


def fit_predictor(
    data: Dataset | Mapping[str, Values],
    attribute: str | Variable,
    *,
    image: str,
    given: Sequence[str | Variable] = (),
    config: PredictorConfig | None = None,
    seed: int = 0,
    bars: Progress | None = None,
    **earlier: Any,
) -> AttributePredictor:
    """Fit a predictor of `attribute` to real images; the weights of the pass with the best validation loss are kept.

    Training does not augment the images, so that the predictor sees them unchanged.

    Args:
        data: A data set, of which all rows with these attributes are used; or values by name, `(N, ...)`, under "train" and
            "validation". The validation rows decide when to stop; test rows are never used.
        attribute: The attribute to read from the image; a variable if the data have no graph that contains it.
        image: Name of the image node.
        given: Attributes that are inputs besides the image.
        config: Settings; None for those that suit the kind of the attribute.
        seed: Seed of weights, batches and dropout.
        bars: Rich progress bars (see `causalgen.training.bars`).
        **earlier: `epochs` and `device`, which are fields of `config` now; they still work, with a warning.

    Raises:
        DataError: The attribute is an image, or is among `given`; images and attributes do not belong together, or all
            training labels are the same.
    """
    variable, inputs = _variable(data, attribute), {v.name: v for v in (_variable(data, one) for one in given)}
    if variable.name in inputs:
        raise DataError(
            f"Expected other attributes as inputs of the predictor of '{variable.name}'; got itself among {list(inputs)}."
        )
    images = [v.name for v in inputs.values() if v.is_image]
    if images:
        raise DataError(f"Expected attributes as inputs of the predictor of '{variable.name}'; got the image {images}.")
    config = config or (PUBLISHED if earlier else PredictorConfig.suited_to(variable))
    (config,) = with_old_options("fit_predictor", earlier, config=config)
    train, validation = (
        _columns(data, split, image, [variable, *inputs.values()]) for split in ("train", "validation")
    )
    if variable.is_discrete and train[variable.name].unique().numel() < 2:
        raise DataError(f"Expected at least two labels of '{variable.name}' among the training images; got one.")
    device = torch.device(config.device)
    with seeded(seed, device):
        shape = tuple(train[image].shape[1:])
        predictor = AttributePredictor(variable, shape, inputs, network=config.network).to(device)
        predictor.initialize(train[image], train)
        _train(predictor, StoredImages.on(device, train), StoredImages.on(device, validation), image, config, bars)
    return predictor


def _train(
    predictor: AttributePredictor,
    train: StoredImages,
    validation: StoredImages,
    image: str,
    config: PredictorConfig,
    bars: Progress | None,
) -> None:
    """Train in place; the predictor ends with the weights of the pass with the best validation loss."""
    rows = len(train)
    epochs, steps, size = config.passes(rows), config.steps_per_epoch(rows), config.batch_size(rows)
    task = bars.add_task(f"train {predictor.variable.name} predictor", total=epochs, note="") if bars else None
    cycle, patience = not config.ema, epochs if config.ema else max(PATIENCE, epochs // 4)
    optimizer = AdamW(predictor.parameters(), lr=config.rate, weight_decay=WEIGHT_DECAY if cycle else 0.0)
    schedule = OneCycleLR(optimizer, config.rate, total_steps=epochs * steps) if cycle else None
    # A decay of 0 makes the average the weights themselves.
    averaged = AveragedModel(predictor, multi_avg_fn=growing_average(config.ema), use_buffers=True)
    best, best_epoch, best_state = math.inf, 0, copy.deepcopy(predictor.state_dict())
    for epoch in range(epochs):
        predictor.train()
        for index in torch.randperm(rows, device=train.device).split(size)[:steps]:
            batch = train.batch(index)
            optimizer.zero_grad()
            predictor.loss(batch[image], batch).backward()
            optimizer.step()
            averaged.update_parameters(predictor)
            if schedule is not None:
                schedule.step()
        found = _validation_loss(averaged.module, validation, image)
        if found < best:
            best, best_epoch, best_state = found, epoch, copy.deepcopy(averaged.module.state_dict())
        if bars and task is not None:
            bars.update(task, completed=epoch + 1, note=f"validation loss {found:.4f}")
        if epoch - best_epoch >= patience:
            break
    if bars and task is not None:
        bars.update(task, completed=epochs)
    predictor.load_state_dict(best_state)
    predictor.eval()


@torch.no_grad()
def _validation_loss(predictor: nn.Module, values: StoredImages, image: str) -> float:
    assert isinstance(predictor, AttributePredictor)
    predictor.eval()
    total = 0.0
    for index in torch.arange(len(values), device=values.device).split(predictor.at_once):
        batch = values.batch(index)
        total += float(predictor.loss(batch[image], batch)) * len(index)
    return total / len(values)


def _variable(data: Dataset | Mapping[str, Values], what: str | Variable) -> Variable:
    if isinstance(what, Variable):
        return what
    if isinstance(data, Dataset):
        return data.graph[data.graph.require(what)]
    raise DataError(f"Expected a variable for '{what}', since these data have no graph; got its name only.")


def _columns(
    data: Dataset | Mapping[str, Values], split: str, image: str, variables: Sequence[Variable]
) -> dict[str, Tensor]:
    """The image as it is stored and the attributes of one split, checked."""
    if not isinstance(data, Dataset) and split not in data:
        raise DataError(f"Expected the splits 'train' and 'validation'; got {', '.join(data) or 'none'}.")
    if isinstance(data, Dataset):
        names = [variable.name for variable in variables]
        part: Values = data.stored(split, knowing=names if set(names) <= {*data.graph.attributes} else ())
    else:
        part = data[split]
    images, found = part[image], {v.name: as_column(v.name, part[v.name]) for v in variables}
    for variable in variables:
        column = found[variable.name]
        if images.dim() not in (4, 5) or column.shape != images.shape[:1] or not len(column):
            raise DataError(
                f"Expected {split} images (N, C, H, W), or volumes (N, C, D, H, W), with one value of '{variable.name}' each; "
                f"got images {tuple(images.shape)} and values {tuple(column.shape)}."
            )
        if not column.isfinite().all():
            raise DataError(
                f"Expected finite values of '{variable.name}' in the {split} rows; {int((~column.isfinite()).sum())} are "
                "not. Leave these rows out."
            )
        count = len(variable.labels or ())
        if count and (column.is_floating_point() or int(column.min()) < 0 or int(column.max()) >= count):
            raise DataError(
                f"Expected integer codes of '{variable.name}' in 0..{count - 1}; got {column.dtype} from "
                f"{column.min().item():g} to {column.max().item():g}."
            )
    return {image: images, **found}
