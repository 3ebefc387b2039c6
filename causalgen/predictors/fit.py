"""Train a classifier on real images, with early stopping on the validation images."""

import math

from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F

from ..columns import as_column
from ..errors import DataError
from ..graph import Variable
from ..nn import seeded
from .classifier import Classifier
from .one_cycle import OneCycle, train_one_cycle

__all__ = ["LEAST_EPOCHS", "classifier_cycle", "fit_classifier"]

BATCH = 128
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
    with seeded(seed, images.device):
        classifier = Classifier(variable, tuple(images.shape[1:])).to(images.device)
        classifier.initialize(images)
        train_one_cycle(
            classifier,
            len(images),
            loss=lambda index: F.cross_entropy(classifier(images[index]), codes[index]),
            validate=lambda: _validate(classifier, *validation),
            cycle=OneCycle(epochs, BATCH),
            title=f"train {variable.name} classifier",
            bars=bars,
        )
    return classifier


def classifier_cycle(rows: int) -> OneCycle:
    """Batches and passes that are enough for a classifier on `rows` training images.

    >>> classifier_cycle(7_000).epochs, classifier_cycle(280).epochs
    (10, 167)
    """
    return OneCycle(max(LEAST_EPOCHS, math.ceil(STEPS / math.ceil(rows / BATCH))), BATCH)


def _validate(classifier: Classifier, images: Tensor, codes: Tensor) -> tuple[float, str]:
    probabilities = classifier.probabilities(images)
    codes = codes.to(probabilities.device)
    loss = F.nll_loss(probabilities.clamp_min(1e-12).log(), codes)
    accuracy = float((probabilities.argmax(1) == codes).double().mean())
    return float(loss), f"validation accuracy {accuracy:.1%}"


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
