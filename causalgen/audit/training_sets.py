"""The training sets of a repair: observed images alone, reweighted, and with images of the model.

- as it was: the observed images
- reweighted: weight P(label) P(group) / P(label, group), under which label and group are independent
- group-balanced: every combination of label and group has the same weight
- with reconstructions: also the model's images under the null intervention, the control for generated images as such
- within support: also those counterfactuals whose attributes occur together in training
- all counterfactuals: also all counterfactuals

A group is a combination of the intervened attributes, continuous ones split at their training median.

Sources: Kamiran and Calders, Data preprocessing techniques for classification without discrimination, 2012 (reweighting);
Idrissi et al., Simple data balancing achieves competitive worst-group-accuracy, CLeaR 2022 (balancing).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..augmentation import Augmentation, AugmentedUnits
from ..datasets import Dataset
from ..scm import StructuralCausalModel
from ..typing import Values
from .predicted_label import PredictedLabel
from .responses import pixels
from .trainers import LabelledImages

__all__ = [
    "ALL",
    "BALANCED",
    "INSIDE",
    "OBSERVED",
    "REBUILT",
    "REWEIGHTED",
    "TrainingSet",
    "ShortcutGroups",
    "training_sets",
]

OBSERVED, REWEIGHTED, BALANCED = "as it was", "reweighted", "group-balanced"
REBUILT, INSIDE, ALL = "with reconstructions", "within support", "all counterfactuals"
PARTS = ("train", "validation")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """A training set.

    Args:
        name: One of the names of this module.
        train, validation: Its images.
    """

    name: str
    train: LabelledImages
    validation: LabelledImages


@dataclass(frozen=True)
class ShortcutGroups:
    """Combinations of the intervened attributes, and those of the label with them.

    Args:
        labels: Number of labels of the target.
        cuts: Number of labels of each discrete attribute; training median of each continuous one.
        against: Which combinations of label and group are rarer in training than if both were independent, bool
            `(labels, groups)`.
    """

    labels: int
    cuts: Mapping[str, int | float]
    against: NDArray[np.bool_]

    @classmethod
    def of(cls, data: Dataset, target: PredictedLabel, nodes: Sequence[str]) -> "ShortcutGroups":
        """The groups of the training rows of a data set."""
        train, graph = data.part("train"), data.graph
        cuts = {n: len(graph[n].labels or ()) if graph[n].is_discrete else float(train[n].median()) for n in nodes}
        empty = cls(len(target.variable.labels or ()), cuts, np.zeros(0, dtype=bool))
        shares = empty.shares(target.codes(train), train)
        return replace(empty, against=shares < shares.sum(1, keepdims=True) * shares.sum(0, keepdims=True))

    def places(self, values: Values) -> NDArray[np.int64]:
        """Return the group of each unit, `(N,)`."""
        place = np.zeros(len(next(iter(values.values()))), dtype=np.int64)
        for name, cut in self.cuts.items():
            column = values[name].cpu().numpy()
            count, own = (cut, column) if isinstance(cut, int) else (2, column > cut)
            place = place * count + own.astype(np.int64)
        return place

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(np.prod([cut if isinstance(cut, int) else 2 for cut in self.cuts.values()]))

    def shares(self, codes: Tensor, values: Values) -> NDArray[np.float64]:
        """Share of the units in each combination of label and group, `(labels, groups)`."""
        cell = codes.numpy() * self.count + self.places(values)
        counted = np.bincount(cell, minlength=self.labels * self.count).reshape(self.labels, self.count)
        return counted / len(codes)

    def weights(self, codes: Tensor, values: Values, *, balanced: bool) -> Tensor:
        """Return weights of mean 1, `(N,)`, that make label and group independent, or all combinations equal."""
        shares = self.shares(codes, values)
        wanted = (shares > 0) / (shares > 0).sum() if balanced else shares.sum(1, keepdims=True) * shares.sum(0)
        ratio = np.divide(wanted, shares, out=np.zeros_like(shares), where=shares > 0)
        weight = ratio[codes.numpy(), self.places(values)]
        return torch.from_numpy(weight / weight.mean()).float()


def training_sets(
    scm: StructuralCausalModel,
    data: Dataset,
    plan: Augmentation,
    target: PredictedLabel,
    image: str,
    groups: ShortcutGroups,
) -> list[TrainingSet]:
    """All training sets, from the training and validation rows of a data set.

    Args:
        scm: A fitted model.
        data: The data.
        plan: The counterfactuals.
        target: The label.
        image: The image that the classifier sees.
        groups: Its groups.
    """
    observed, rows = {}, {part: data.part(part) for part in PARTS}
    for part, values in rows.items():
        observed[part] = LabelledImages(torch.as_tensor(values[image]), target.codes(values))
    own = dict.fromkeys(plan.do, _as_it_is)
    common = {"splits": PARTS, "originals": False, "seed": plan.seed}
    null = AugmentedUnits(scm, data, Augmentation(own, **common))  # type: ignore[arg-type]
    rebuilt = _made(null, target, image)
    made = _made(AugmentedUnits(scm, data, replace(plan, within_support=False, **common)), target, image)  # type: ignore[arg-type]
    found = [TrainingSet(OBSERVED, *observed.values())]
    for name in (REWEIGHTED, BALANCED):
        weighted = [
            replace(observed[part], weights=groups.weights(observed[part].codes, rows[part], balanced=name == BALANCED))
            for part in PARTS
        ]
        found.append(TrainingSet(name, *weighted))
    for name in (REBUILT, INSIDE, ALL):
        more = {part: _chosen(name, part, rebuilt, made, plan.per_unit) for part in PARTS}
        found.append(TrainingSet(name, *(observed[part] + more[part] for part in PARTS)))
    return found


@dataclass(frozen=True, eq=False)
class _Made:
    """Images of the model by split, and which of them are within support."""

    images: Mapping[str, LabelledImages]
    supported: Mapping[str, Tensor]


def _chosen(name: str, part: str, rebuilt: _Made, made: _Made, per_unit: int) -> LabelledImages:
    """Return the model's images in a training set: as many reconstructions as counterfactuals."""
    if name == REBUILT:
        once = rebuilt.images[part]
        return LabelledImages(once.images.repeat(per_unit, 1, 1, 1), once.codes.repeat(per_unit))
    images, inside = made.images[part], made.supported[part]
    return images if name == ALL else LabelledImages(images.images[inside], images.codes[inside])


def _made(units: AugmentedUnits, target: PredictedLabel, image: str) -> _Made:
    found: dict[str, list[tuple[LabelledImages, Tensor]]] = {part: [] for part in PARTS}
    support, bits = units.data.graph[image].support, units.data.bits(image)
    for draw in units:
        labelled = LabelledImages(pixels(draw.values[image], support, bits), target.codes(draw.values))
        found[draw.split].append((labelled, draw.supported))
    return _Made(
        {part: LabelledImages(torch.cat([one.images for one, _ in entries]), torch.cat([one.codes for one, _ in entries]))
         for part, entries in found.items()},
        {part: torch.cat([inside for _, inside in entries]) for part, entries in found.items()},
    )  # fmt: skip


def _as_it_is(value: Tensor, parents: Values) -> Tensor:
    """Return the null intervention, which runs the mechanisms downstream again."""
    return value
