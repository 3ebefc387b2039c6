"""Wraps any classifier as a function from images to one score and one decision per image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor

from ..errors import DataError, UnknownNameError, nearest
from .adapters import adapted, shape_of

__all__ = ["PROBABILITY", "PROBE", "Scorer", "Scores", "as_classifier"]

PROBABILITY = "probability"
UNNAMED = "score"
"""Default name of an outcome."""
BATCH = 1000
"""Number of images that pass through a classifier at once."""
PROBE = 64
"""Number of images on which a classifier is called twice, the second time in two halves."""
TOLERANCE = 1e-4
"""How far rounding may move a score outside [0, 1], or between two calls."""


class Scores(NamedTuple):
    """A classifier's output on images: the score of interest and the decision, `(N,)` each."""

    values: NDArray[np.float64]
    decisions: NDArray[np.bool_]


@dataclass(frozen=True)
class Scorer:
    """A classifier with its output of interest; made by `as_classifier`.

    Args:
        function: Images, float32 `(B, C, H, W)` and scaled, to outputs `(B, K)` or `(B,)`, tensor or array.
        outcome: Name of the score, for reports.
        column: Position of the class of interest among K outputs; None for a classifier with one output.
        labels: Names of the K classes, where they are known.
        scale: Factor for the pixels.
        logits: Whether the outputs are logits: softmax over K outputs, the logistic function for one.
        unit: Unit of the score; a "probability" has to lie in [0, 1].
        threshold: The decision is `score >= threshold`; None: the class of interest is the likeliest of K, and a single
            probability is at least 0.5.
    """

    function: Callable[[Tensor], Any]
    outcome: str = UNNAMED
    column: int | None = None
    labels: tuple[str, ...] | None = None
    scale: float = 1.0
    logits: bool = False
    unit: str = PROBABILITY
    threshold: float | None = None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Scores:
        """Scores and decisions of images `(N, C, H, W)`, uint8 or float, in natural units.

        Raises:
            DataError: The classifier fails on these images, or its outputs have a wrong shape, NaN, or leave [0, 1].
            UnknownNameError: The class of interest is not among its outputs.
        """
        if not len(images):
            raise DataError("Expected at least one image to score; got none.")
        outputs = np.concatenate([self._outputs(part) for part in images.split(BATCH)])
        if outputs.ndim == 1:
            self._check_single()
            threshold = 0.5 if self.threshold is None else self.threshold
            return Scores(outputs, outputs >= threshold)
        column = self._checked_column(outputs.shape[1])
        values = outputs[:, column]
        decisions = outputs.argmax(1) == column if self.threshold is None else values >= self.threshold
        return Scores(values, decisions)

    @property
    def decides(self) -> bool:
        """Whether there is a decision as well as a score."""
        return self.threshold is not None or self.unit == PROBABILITY

    def check(self, images: Tensor) -> None:
        """Call the classifier on a few images at once, and again in two halves.

        Raises:
            DataError: The scores differ, or are not what `__call__` expects.
        """
        few = images[:PROBE]
        first = self(few).values
        second = np.concatenate([self(half).values for half in few.chunk(2)])
        difference = float(np.abs(first - second).max())
        if difference > TOLERANCE * max(1.0, float(np.abs(first).max())):
            raise DataError(
                f"Expected a classifier that gives equal images equal scores; two calls differ by up to {difference:.3g}. "
                "Switch off its dropout, augmentation or sampling, and call its batch normalisation in evaluation mode."
            )

    def _outputs(self, images: Tensor) -> NDArray[np.float64]:
        try:
            found = self.function(images.float() * self.scale)
            found = found.detach().cpu().double().numpy() if isinstance(found, Tensor) else found
            outputs = np.asarray(found, dtype=np.float64)
        except DataError:
            raise
        except Exception as error:
            reason = _reason(error)
            raise DataError(
                f"Expected a classifier of images {shape_of(images)}; it failed with {type(error).__name__}: {reason}. "
                "Check the size, the channels and the kind of input that it takes."
            ) from error
        if outputs.ndim == 2 and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        if outputs.ndim not in (1, 2) or len(outputs) != len(images):
            raise DataError(
                f"Expected one score ({len(images)},) or one row of probabilities ({len(images)}, classes) for "
                f"{len(images)} images; got shape {outputs.shape}. Return one of the two."
            )
        return self._checked(outputs)

    def _checked(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(outputs).all():
            raise DataError(
                f"Expected finite scores; got NaN or infinity for {int((~np.isfinite(outputs)).sum())} outputs. "
                "Check the scale of the pixels (scale=...) and the classifier."
            )
        if self.logits:
            outputs = expit(outputs) if outputs.ndim == 1 else softmax(outputs, axis=1)
        low, high = outputs.min(), outputs.max()
        if self.unit == PROBABILITY and (low < -TOLERANCE or high > 1 + TOLERANCE):
            raise DataError(
                f"Expected probabilities in [0, 1]; got outputs from {low:.3g} to {high:.3g}. "
                "Pass logits=True if they are logits, or name the unit of the score (unit=...)."
            )
        return outputs

    def _check_single(self) -> None:
        """Refuse a class of interest if there is only one score, which may belong to another class."""
        if self.column is not None:
            raise UnknownNameError(
                f"Expected one output for each class, since the class of interest is {self.outcome}; got one score per "
                "image. Leave out the labels and give the score a name (outcome='probability of ...')."
            )

    def _checked_column(self, classes: int) -> int:
        names = self.labels if self.labels and len(self.labels) == classes else tuple(map(str, range(classes)))
        if self.labels and len(self.labels) != classes:
            raise DataError(
                f"Expected {len(self.labels)} outputs, one for each label; got {classes}. Correct the labels."
            )
        if self.column is None or not 0 <= self.column < classes:
            named = "no class" if self.outcome == UNNAMED else f"'{self.outcome}'"
            asked = named if self.column is None else f"class {self.column}"
            raise UnknownNameError(
                f"Expected the class of interest among the {classes} outputs ({', '.join(names[:12])}); got {asked}. "
                "Name it (outcome=..., --outcome) by its position or its label."
            )
        return self.column


def _reason(error: Exception) -> str:
    """Return the message of an error; of TorchScript errors, which show the program first, the last line."""
    text = str(error).strip()
    text = text.splitlines()[-1] if "TorchScript" in text else text
    return " ".join(text.split())[:300]


def as_classifier(
    classifier: Any,
    *,
    outcome: int | str | None = None,
    labels: Sequence[Any] | None = None,
    scale: float = 1.0,
    logits: bool = False,
    unit: str = PROBABILITY,
    threshold: float | None = None,
) -> Scorer:
    """A classifier of any kind as a `Scorer`.

    Args:
        classifier: A torch module, anything with `predict_proba` over flattened pixels (scikit-learn), a classifier of
            `causalgen.predictors`, a file that `load_classifier` reads without trust in its code, or a function of float32
            images `(B, C, H, W)`. It returns probabilities `(B, K)` or scores `(B,)`. Modules are called in evaluation mode.
        outcome: The class of interest of K: its label, or its position if no label matches; for a classifier with one
            score, the score's name.
        labels: Names of the K classes, in the order of the outputs; known for scikit-learn and causalgen classifiers.
        scale: Factor for pixels from 0 to 255 before the classifier sees them; 1/255 for one that was trained on [0,
            1].
        logits: Whether the outputs are logits, which become probabilities.
        unit: Unit of the score. Anything other than "probability" may leave [0, 1].
        threshold: Lowest score that counts as a positive decision (see `Scorer`).

    Raises:
        DataError: Not a classifier, a scale or threshold that is not a number, logits with another unit, or labels that do
            not fit the classifier.
        UnknownNameError: The outcome is not among the labels.

    >>> darkness = as_classifier(lambda images: 1 - images.mean((1, 2, 3)), outcome="darkness", scale=1 / 255)
    >>> darkness(torch.full((2, 1, 4, 4), 51, dtype=torch.uint8)).values.round(3)
    array([0.8, 0.8])
    """
    if isinstance(classifier, str | Path):
        from .files import load_classifier

        classifier = load_classifier(classifier)
    if isinstance(classifier, Scorer):
        raise DataError("Expected a classifier to adapt; got one that already is. Pass it to audit as it is.")
    _check_numbers(scale, threshold, unit, logits=logits)
    function, known = adapted(classifier)
    names = _names(labels, known)
    column = _column(outcome, names)
    shown = UNNAMED if outcome is None else f"class {outcome}" if column is not None else str(outcome)
    if column is not None and names and 0 <= column < len(names):
        shown = names[column]
    return Scorer(function, shown, column, names, float(scale), logits, unit, threshold)


def _check_numbers(scale: float, threshold: float | None, unit: str, *, logits: bool) -> None:
    if not _is_number(scale) or scale <= 0:
        raise DataError(f"Expected the scale of the pixels as a positive number such as 1/255; got {scale!r}.")
    if threshold is not None and not _is_number(threshold):
        raise DataError(f"Expected a finite threshold of the score; got {threshold!r}.")
    if threshold is not None and unit == PROBABILITY and not 0 <= threshold <= 1:
        raise DataError(f"Expected the threshold of a probability in [0, 1]; got {threshold:g}. Write 50 % as 0.5.")
    if not unit:
        raise DataError("Expected the unit of the score as text; got an empty one.")
    if logits and unit != PROBABILITY:
        raise DataError(
            f"Expected no unit with logits, which become probabilities; got {unit!r}. Leave one of them out."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _names(given: Sequence[Any] | None, known: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Names of the classes: the given ones, else those that the classifier knows."""
    own = None if known is None else tuple(map(str, known))
    names = own if given is None else tuple(map(str, given))
    if names is None:
        return None
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(
            f"Expected two or more classes with different names; got {', '.join(map(repr, names)) or 'none'}. A classifier "
            "with one class has nothing to distinguish."
        )
    if own is not None and names != own and set(names) == set(own):
        raise DataError(
            f"Expected the labels in the classifier's own order, {', '.join(own)}; got {', '.join(names)}. Leave them out."
        )
    return names


def _column(outcome: Any, labels: tuple[str, ...] | None) -> int | None:
    """Position of the class of interest; None where the outcome is only a name."""
    if labels is not None and outcome is not None and str(outcome) in labels:
        return labels.index(str(outcome))
    if isinstance(outcome, Integral) and not isinstance(outcome, bool):
        return int(outcome)
    if outcome is None or labels is None:
        return None
    raise UnknownNameError(
        f"Expected the class of interest among {', '.join(map(repr, labels))}; got {outcome!r}."
        + nearest(str(outcome), labels)
    )
