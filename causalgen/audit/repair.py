"""Repairs a classifier that uses a shortcut, and compares all ways to do it by the same measures.

The same classifier is trained on several training sets (`causalgen.audit.training_sets`) with several seeds, and judged on
test units:

    accuracy                   share of right labels, on all units
    against the shortcut       the same, on units whose combination of label and group is rarer in training than if both were
                               independent: there the shortcut misleads
    change of the score        score(image under do(high)) - score(image under do(low)) of the same unit: 0 without shortcut;
                               on counterfactuals of the model, and on true ones where the generator is known
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch

from ..augmentation import Augmentation
from ..datasets import Dataset
from ..errors import DataError, SupportError
from ..graph import CausalGraph
from ..graph.volumes import require_flat_images
from ..metrics import Readers
from ..metrics.cohort import image_node
from ..scm import StructuralCausalModel
from .audit import audit_images
from .images import CounterfactualImages, counterfactual_images
from .judge import Judge, TrainingSetResult, scorers_of
from .kept_trainings import KeptTrainings, Outputs
from .predicted_label import PredictedLabel
from .report import AuditReport
from .responses import pixels
from .scorer import Scorer
from .trainers import Trainer
from .training_sets import ALL, INSIDE, OBSERVED, ShortcutGroups, TrainingSet, training_sets

__all__ = ["GIVEN", "RepairReport", "class_of_interest", "default_contrast", "repair"]

GIVEN = "as given"
"""The given classifier, trained by somebody else."""
AUDITED = (OBSERVED, ALL)
"""Training sets whose first classifier is audited."""
FEWEST = 20
"""With fewer test units against the shortcut, a note is added."""
LOW, HIGH = 0.1, 0.9
"""Quantiles of a continuous attribute in training at which the score is compared."""


@dataclass(frozen=True, eq=False)
class RepairReport:
    """Results of training a classifier on each training set.

    Args:
        target: Name of the label.
        outcome: Class whose score changes.
        query: The counterfactuals as text, such as "do(thickness = shuffle)".
        contrast: The two interventions between which the score changes, low first.
        results: One for each training set; the classifier as it was comes first.
        supported: Share of the counterfactuals within support.
        units, against: Test units, and those of them against the shortcut.
        audits: Audits by name of the training set: the classifier as given, as it was, and with all counterfactuals; the
            first seed of each.
        notes: What a reader must know, in sentences.
        seeds: Seeds of the trainings.
    """

    target: str
    outcome: str
    query: str
    contrast: tuple[str, str]
    results: tuple[TrainingSetResult, ...]
    supported: float
    units: int
    against: int
    seeds: tuple[int, ...]
    audits: Mapping[str, AuditReport] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row for each training set and measure."""
        return pd.DataFrame(
            {
                "training_set": result.training_set,
                "images": result.images,
                "seeds": result.seeds,
                "measure": measure,
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "gain": result.gains[measure].value if result.gains else float("nan"),
                "gain_low": result.gains[measure].low if result.gains else float("nan"),
                "gain_high": result.gains[measure].high if result.gains else float("nan"),
                "least_of_seeds": result.spread[measure][0],
                "greatest_of_seeds": result.spread[measure][1],
            }
            for result in self.results
            for measure, interval in result.values.items()
        )

    def value(self, training_set: str, measure: str) -> float:
        """The mean over seeds of one measure; NaN for a training set that was not used."""
        used = {result.training_set: result.values for result in self.results}
        return used[training_set][measure].value if training_set in used else float("nan")


def repair(
    trainer: Trainer | None,
    scm: StructuralCausalModel,
    data: Dataset,
    plan: Augmentation,
    target: PredictedLabel,
    *,
    given: Sequence[Scorer] = (),
    contrast: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    outcome: Any = None,
    rows: int | None = 500,
    readers: Readers | None = None,
    kept: KeptTrainings | None = None,
    progress: Any = None,
) -> RepairReport:
    """Train a classifier on every training set and judge it on test units.

    Args:
        trainer: Trains the classifier; with None, only the row "as given" remains.
        scm: A fitted model.
        data: Data of its graph.
        plan: The counterfactuals to add (see `Augmentation`); its splits are train and validation.
        target: The label.
        given: The scores of the original classifier (see `scorers_of`); empty without one.
        contrast: The interventions between which the score changes, low and high; None for the 10 % and 90 % quantiles of
            the intervened attributes in training, or their two most frequent labels.
        seeds: Seeds of the trainings.
        outcome: Class whose score changes; None for the last of two.
        rows: Maximum number of test units whose counterfactual images are drawn; None for all.
        readers: Readers of attributes from images for the audits; its `image` is the image that the classifier sees.
        kept: Folder in which finished trainings are kept and read again; None to train all of them.
        progress: Called with (trainings done, trainings in all).

    Raises:
        DataError: Neither a trainer nor a classifier, the counterfactuals or the contrast cannot be made, or the class of
            interest is not clear.
        AbductionError: The mechanism of a node to recompute cannot abduct.
    """
    if trainer is None and not given:
        raise DataError("Expected a classifier, a trainer or both; got neither.")
    readers = readers or Readers()
    node = image_node(scm.graph, readers.image)
    require_flat_images(scm.graph, "a repair")
    position = class_of_interest(target, outcome)
    plan.check(data)
    if target.attribute.name in plan.do:
        raise DataError(f"Expected interventions on other attributes than the target; got '{target.attribute.name}'.")
    asked = contrast or default_contrast(data, list(plan.do))
    groups = ShortcutGroups.of(data, target, list(plan.do))
    shown = counterfactual_images(scm, data, interventions=asked, readers=readers, rows=rows, seed=plan.seed)
    judge = _judge(data, target, position, node, groups, shown, asked)
    results, audits, supported = [], {}, float("nan")
    before: Sequence[Mapping[str, Any]] = ()
    if given:
        results.append(judge.result(GIVEN, 0, [judge.measured(given)], seed=plan.seed))
        audits[GIVEN] = audit_images(judge.scorer(given), shown)
    made = [] if trainer is None else training_sets(scm, data, plan, target, node, groups)
    for place, chosen in enumerate(made):
        found = []
        for number, seed in enumerate(seeds):
            training = _Training(trainer, chosen, seed, judge, audited=number == 0 and chosen.name in AUDITED)  # type: ignore[arg-type]
            measured, audit = training.found(kept)
            found.append(measured)
            audits |= {} if audit is None else {chosen.name: audit}
            if progress is not None:
                progress(place * len(seeds) + number + 1, len(made) * len(seeds))
        results.append(judge.result(chosen.name, len(chosen.train), found, before=before, seed=plan.seed))
        before = before or found
    if made:
        more = {chosen.name: len(chosen.train) - len(made[0].train) for chosen in made}
        supported = more[INSIDE] / max(more[ALL], 1)
    labels = [response.label for response in shown.responses]
    return RepairReport(
        target.variable.name,
        str((target.variable.labels or ())[position]),
        plan.describe(data.graph),
        (labels[0], labels[1]),
        tuple(results),
        supported,
        len(judge.codes),
        int(judge.against.sum()),
        tuple(seeds) if trainer is not None else (),
        audits,
        _notes(data.graph, target, plan, judge),
    )


@dataclass(frozen=True)
class _Training:
    """One training of the classifier on one training set, and what it is judged by."""

    trainer: Trainer
    chosen: TrainingSet
    seed: int
    judge: Judge
    audited: bool

    def found(self, kept: KeptTrainings | None) -> tuple[Mapping[str, Any], AuditReport | None]:
        """What the trained classifier measures, and its audit; a training that was kept is not repeated."""
        earlier = None if kept is None else kept.read(self.chosen.name, self.seed)
        if earlier is not None:
            with suppress(DataError):  # where the question has changed, images that it has not seen
                judged = self._judged(earlier)
                if earlier.complete:
                    return judged
        classifier = self.trainer(self.chosen.train, self.chosen.validation, self.seed)
        scorers = scorers_of(classifier, self.judge.target, self.judge.outcome, self.judge.images)
        outputs = Outputs(scorers[0].function)
        judged = self._judged(outputs)
        if kept is not None:
            kept.keep(self.chosen.name, self.seed, outputs)
        return judged

    def _judged(self, outputs: Outputs) -> tuple[Mapping[str, Any], AuditReport | None]:
        scorers = scorers_of(outputs, self.judge.target, self.judge.outcome, self.judge.images)
        audit = audit_images(self.judge.scorer(scorers), self.judge.shown) if self.audited else None
        return self.judge.measured(scorers), audit


def class_of_interest(target: PredictedLabel, outcome: Any) -> int:
    """Position of the class whose score changes.

    Raises:
        DataError: It is not among the labels, or not given although there are more than two.
    """
    labels = list(map(str, target.variable.labels or ()))
    if outcome is None and len(labels) == 2:
        return 1
    if outcome is None or str(outcome) not in labels:
        raise DataError(
            f"Expected the class of interest among the labels of '{target.variable.name}', {', '.join(labels)}; got "
            f"{'none' if outcome is None else repr(str(outcome))}. Name it (outcome=..., --outcome)."
        )
    return labels.index(str(outcome))


def default_contrast(data: Dataset, nodes: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Low and high values of attributes in the training split."""
    train, low, high = data.part("train"), {}, {}
    for name in nodes:
        variable, column = data.graph[name], train[name]
        if variable.is_discrete:
            first, second = sorted(column.bincount().argsort(descending=True, stable=True)[:2].tolist())
            low[name], high[name] = variable.decode(first), variable.decode(second)
        else:
            low[name], high[name] = (float(f"{column.quantile(q).item():.3g}") for q in (LOW, HIGH))
    return low, high


def _judge(
    data: Dataset,
    target: PredictedLabel,
    outcome: int,
    image: str,
    groups: ShortcutGroups,
    shown: CounterfactualImages,
    asked: Sequence[Mapping[str, Any]],
) -> Judge:
    test = data.part("test")
    codes = target.codes(test)
    against = groups.against[codes.numpy(), groups.places(test)]
    truth = None
    if data.truth is not None:
        with suppress(DataError, SupportError):
            worlds = [data.truth.counterfactual(shown.rows, do)[image] for do in asked]
            support, bits = data.graph[image].support, data.bits(image)
            truth = (pixels(worlds[0], support, bits), pixels(worlds[1], support, bits))
    images, of_unit = torch.as_tensor(test[image]), data.groups(data.split["test"]).numpy()
    return Judge(target, outcome, images, codes.numpy(), of_unit, against, shown, truth)


def _notes(graph: CausalGraph, target: PredictedLabel, plan: Augmentation, judge: Judge) -> tuple[str, ...]:
    notes = []
    below = {name for node in plan.do for name in graph.descendants(node)}
    if target.attribute.name in below:
        notes.append(
            f"The interventions act on the target '{target.attribute.name}' itself: counterfactual images carry the label that "
            "the model gives them."
        )
    if judge.against.sum() < FEWEST:
        notes.append(
            f"Only {judge.against.sum()} test units are against the shortcut, too few to judge by: label and attribute go "
            "together in the test rows as in training, or these are few. Look at the change of the score."
        )
    return tuple(notes)
