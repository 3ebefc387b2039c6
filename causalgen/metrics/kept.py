"""Discrete attributes of the image: does a classifier trained on real images still predict the right label?"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from torch import Tensor

from ..datasets import Dataset
from ..predictors import AttributePredictor
from .bootstrap import bootstrap
from .case import Case
from .cohort import even_parts
from .controls import FLOOR, MODEL
from .result import MetricResult
from .units import ALL

__all__ = ["classifier_accuracy", "kept"]


def classifier_accuracy(classifier: AttributePredictor, data: Dataset, *, image: str, seed: int = 0) -> MetricResult:
    """Accuracy of the classifier on the factual images of the whole test split, which it never saw."""
    test, name = data.split["test"], classifier.variable.name
    parts = (data.rows(test[part.start : part.stop]) for part in even_parts(len(test), classifier.at_once))
    hits = np.concatenate([_hits(classifier, part[image], part[name]) for part in parts])
    groups = data.groups(test).numpy()
    interval = bootstrap(hits, groups, seed=seed)
    return MetricResult(f"{name} classifier accuracy", "", FLOOR, ALL, *interval, len(groups), better="higher")


def kept(
    case: Case,
    classifiers: Mapping[str, AttributePredictor],
    accuracies: Mapping[str, MetricResult],
    unread: Mapping[str, str] = MappingProxyType({}),
) -> list[MetricResult]:
    """Share of counterfactual images on which the classifier predicts the right label.

    "digit kept" if the query does not change the digit, "digit shown" if it does. The floor is the classifier's
    held-out accuracy on factual images, which is also the value of the identity control, up to the choice of units.

    Args:
        case: A query with its answers.
        classifiers: By discrete attribute.
        accuracies: Results of `classifier_accuracy` by attribute.
        unread: By attribute, the note that its classifier is no better than a guess; see `unread_attributes`.
    """
    graph = case.cohort.graph
    moved = {name for node in case.query.do for name in (node, *graph.descendants(node))}
    results = []
    for name, classifier in classifiers.items():
        metric = f"{name} {'shown' if name in moved else 'kept'}"
        hits = {answer.row: _hits(classifier, answer.images, case.shown(answer)[name]) for answer in case.answers}
        notes = {MODEL: unread.get(name, "")}
        results += case.units.results(metric, hits, floor=accuracies[name].value, better="higher", notes=notes)
    return results


def _hits(classifier: AttributePredictor, images: Tensor, codes: Tensor) -> np.ndarray:
    return (classifier.predict(images) == codes).double().numpy()
