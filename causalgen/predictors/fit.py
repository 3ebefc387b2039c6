"""Train a classifier on real images, with early stopping on the validation images."""

import copy
import math

import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from ..columns import as_column
from ..errors import DataError
from ..graph import Variable
from ..nn import seeded
from .classifier import Classifier

__all__ = ["LEAST_EPOCHS", "classifier_epochs", "fit_classifier"]

BATCH = 128
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-3
PATIENCE = 3
LEAST_EPOCHS = 10
STEPS = 500
"""Steps after which a classifier has learned something, on data of any size."""


def fit_classifier(
    variable: Variable,
    images: Tensor,
    codes: Tensor,
    *,
    validation: tuple[Tensor, Tensor],
    epochs: int = LEAST_EPOCHS,
    seed: int = 0,
    bars: Progress | None = None,
) -> Classifier:
    """Fit a classifier of `variable`; the weights of the epoch with the best validation loss are kept.

    Training runs on the device of `images`, without augmentation, so that the classifier sees the images as they are.

    Args:
        variable: The discrete variable that the codes belong to.
        images: Training images `(N, C, H, W)`, uint8 or float.
        codes: Their codes, int64 `(N,)` or `(N, 1)`.
        validation: Images and codes that decide when to stop; never the test split.
        epochs: Greatest number of passes.
        seed: Seed of weights, batches and dropout.
        bars: Rich progress bars (see `causalgen.training.bars`).

    Raises:
        DataError: Images and codes do not belong together, or the training codes are all the same.
    """
    codes = as_column(variable.name, codes)
    validation = validation[0], as_column(variable.name, validation[1])
    for name, (some_images, some_codes) in {"training": (images, codes), "validation": validation}.items():
        _check(variable, name, some_images, some_codes)
    if codes.unique().numel() < 2:
        raise DataError(f"Expected at least two labels of '{variable.name}' among the training images; got one.")
    task = bars.add_task(f"train {variable.name} classifier", total=epochs, note="") if bars else None
    with seeded(seed, images.device):
        classifier = Classifier(variable, tuple(images.shape[1:])).to(images.device)
        classifier.initialize(images)
        optimizer = AdamW(classifier.parameters(), weight_decay=WEIGHT_DECAY)
        batches = math.ceil(len(images) / BATCH)
        schedule = OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * batches)
        best, best_epoch, best_state = math.inf, 0, copy.deepcopy(classifier.state_dict())
        for epoch in range(epochs):
            _train_epoch(classifier, images, codes, optimizer, schedule)
            loss, accuracy = _validate(classifier, *validation)
            if loss < best:
                best, best_epoch, best_state = loss, epoch, copy.deepcopy(classifier.state_dict())
            if bars and task is not None:
                bars.update(task, completed=epoch + 1, note=f"validation accuracy {accuracy:.1%}")
            if epoch - best_epoch >= max(PATIENCE, epochs // 4):
                break
    if bars and task is not None:
        bars.update(task, completed=epochs)
    classifier.load_state_dict(best_state)
    return classifier.eval()


def classifier_epochs(rows: int) -> int:
    """Passes over `rows` training images that are enough for a classifier.

    >>> classifier_epochs(7_000), classifier_epochs(280)
    (10, 167)
    """
    return max(LEAST_EPOCHS, math.ceil(STEPS / math.ceil(rows / BATCH)))


def _train_epoch(classifier: Classifier, images: Tensor, codes: Tensor, optimizer: AdamW, schedule: OneCycleLR) -> None:
    classifier.train()
    for index in torch.randperm(len(images), device=images.device).split(BATCH):
        optimizer.zero_grad()
        F.cross_entropy(classifier(images[index]), codes[index]).backward()
        optimizer.step()
        schedule.step()


def _validate(classifier: Classifier, images: Tensor, codes: Tensor) -> tuple[float, float]:
    probabilities = classifier.probabilities(images)
    codes = codes.to(probabilities.device)
    loss = F.nll_loss(probabilities.clamp_min(1e-12).log(), codes)
    return float(loss), float((probabilities.argmax(1) == codes).double().mean())


def _check(variable: Variable, name: str, images: Tensor, codes: Tensor) -> None:
    if images.dim() != 4 or codes.shape != images.shape[:1] or not len(codes):
        raise DataError(
            f"Expected {name} images (N, C, H, W) with one code each; got images {tuple(images.shape)} and codes "
            f"{tuple(codes.shape)}."
        )
    count = len(variable.labels or ())
    if codes.is_floating_point() or int(codes.min()) < 0 or int(codes.max()) >= count:
        raise DataError(
            f"Expected integer codes of '{variable.name}' in 0..{count - 1}; got {codes.dtype} from "
            f"{codes.min().item():g} to {codes.max().item():g}."
        )
