"""Judges every repaired classifier on test images, and on the same units under two interventions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, UnknownNameError
from ..metrics import Interval, bootstrap
from .images import CounterfactualImages
from .predicted_label import PredictedLabel
from .responses import TOTAL
from .scorer import Scorer, as_classifier

__all__ = ["ACCURACY", "AGAINST", "CHANGE", "TRUE_CHANGE", "TrainingSetResult", "Judge", "scorers_of"]

ACCURACY, AGAINST = "accuracy", "against the shortcut"
CHANGE, TRUE_CHANGE = "change of the score", "true change of the score"


@dataclass(frozen=True)
class TrainingSetResult:
    """One training set.

    Args:
        training_set: Its name.
        images: Training images.
        seeds: Trained classifiers.
        values: Mean over seeds by measure, with its interval over groups of test units; NaN if a measure has no units.
        spread: Lowest and highest value over seeds, by measure.
        gains: Difference from the same classifier trained on the observed images, unit by unit, by measure; empty for
            that classifier itself, or if there is none.
    """

    training_set: str
    images: int
    seeds: int
    values: Mapping[str, Interval]
    spread: Mapping[str, tuple[float, float]]
    gains: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Judge:
    """What every classifier is judged on.

    Args:
        target: The label.
        outcome: Position of the class whose score changes.
        images: Test images.
        codes, groups: Their labels and groups, `(N,)`.
        against: Which of them are against the shortcut, bool `(N,)`.
        shown: Counterfactual images of some test units, low and high.
        truth: True counterfactual images of the same units, low and high; None where the generator is unknown.
    """

    target: PredictedLabel
    outcome: int
    images: Tensor
    codes: NDArray[np.int64]
    groups: NDArray[Any]
    against: NDArray[np.bool_]
    shown: CounterfactualImages
    truth: tuple[Tensor, Tensor] | None

    def measured(self, scorers: Sequence[Scorer]) -> dict[str, NDArray[np.float64]]:
        """Return one number for each evaluated unit, by measure; see `scorers_of`."""
        scorer = self.scorer(scorers)
        if len(scorers) == 1:
            right = scorer(self.images).decisions == (self.codes == self.outcome)
        else:
            right = np.stack([one(self.images).values for one in scorers]).argmax(0) == self.codes
        low, high = (response.effects[TOTAL].images for response in self.shown.responses)
        found = {ACCURACY: right, AGAINST: right[self.against]}
        found[CHANGE] = np.mean([scorer(b).values - scorer(a).values for a, b in zip(low, high)], axis=0)
        if self.truth is not None:
            found[TRUE_CHANGE] = scorer(self.truth[1]).values - scorer(self.truth[0]).values
        return {name: np.asarray(numbers, dtype=np.float64) for name, numbers in found.items()}

    def scorer(self, scorers: Sequence[Scorer]) -> Scorer:
        """The score of the class of interest."""
        return scorers[self.outcome if len(scorers) > 1 else 0]

    def result(
        self,
        name: str,
        images: int,
        found: Sequence[Mapping[str, NDArray]],
        *,
        before: Sequence[Mapping[str, NDArray]] = (),
        seed: int,
    ) -> TrainingSetResult:
        """Means over classifiers, with intervals over groups of units and the spread over classifiers.

        Args:
            name: The training set.
            images: Its images.
            found: What `measured` returned for each classifier.
            before: The same for the classifiers trained on the observed images, to compare with.
            seed: Seed of the bootstrap.
        """
        of_units = {AGAINST: self.groups[self.against], CHANGE: self.shown.groups, TRUE_CHANGE: self.shown.groups}
        values, spread, gains = {}, {}, {}
        for measure in found[0]:
            every, groups = np.stack([one[measure] for one in found]), of_units.get(measure, self.groups)
            values[measure] = bootstrap(every.mean(0), groups, seed=seed)
            means = every.mean(1) if every.shape[1] else np.full(len(every), np.nan)
            spread[measure] = (float(means.min()), float(means.max()))
            if before:
                earlier = np.mean([one[measure] for one in before], axis=0)
                gains[measure] = bootstrap(every.mean(0) - earlier, groups, seed=seed)
        return TrainingSetResult(name, images, len(found), values, spread, gains)


def scorers_of(classifier: Any, target: PredictedLabel, outcome: int, images: Tensor, **options: Any) -> list[Scorer]:
    """Return the score of every label; a classifier with one output has one score, for the last of two labels.

    Args:
        classifier: What `as_classifier` takes.
        target: What it predicts.
        outcome: Position of the class of interest.
        images: Some images to try it on.
        options: Options of `as_classifier`.

    Raises:
        DataError: The outputs do not fit the labels, or a single one is not of the class of interest.
    """
    labels = target.variable.labels or ()
    every = [as_classifier(classifier, outcome=code, labels=labels, **options) for code in range(len(labels))]
    try:
        every[-1].check(images)
        return every
    except UnknownNameError:
        if len(labels) > 2 or outcome != 1:
            raise DataError(
                f"Expected one output for each of the {len(labels)} labels of '{target.variable.name}', to know the score of "
                f"'{labels[outcome]}'; got one score per image."
            ) from None
    single = as_classifier(classifier, outcome=str(labels[outcome]), **options)
    single.check(images)
    return [single]
