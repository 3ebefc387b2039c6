"""Functions that read numbers from images: the measurements of a study, and its scores, which may be outcomes of effects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import CausalgenError, DataError
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import CausalGraph, Variable
from .measurements import Measurement, find_measurement, find_measurements
from .schema import Study
from .study_sections import GROUP, Score

__all__ = ["ImageReaders", "ImageScore", "find_score", "with_score"]

AT_ONCE = 1024
TRIED = 8
"""Number of images on which measurements and scores are tried."""


@dataclass(frozen=True)
class ImageScore:
    """A number read from every image; in the graph it is a child of that image, without other parents.

    Args:
        name: Its name in the study.
        image: The image node that is read.
        read: Images `(N, C, H, W)`, pixels in 0..255, to one number each, `(N,)`; NaN if there is none.
        shows: Attributes that the number should follow.
    """

    name: str
    image: str
    read: Measurement
    shows: tuple[str, ...] = ()

    def values(self, data: Dataset) -> NDArray[np.float64]:
        """Return the score of every image, in table order; few images are in memory at once.

        Raises:
            DataError: The score is the same, or not a number, on every image.
        """
        labels = data.frame().index
        parts = (labels[start : start + AT_ONCE] for start in range(0, len(labels), AT_ONCE))
        found = np.concatenate([_read(self.read, data.rows(part)[self.image]) for part in parts])
        if len(np.unique(found[np.isfinite(found)])) < 2:
            raise DataError(
                f"Expected '{self.name}' to differ between images; got the same, or no number, on all of them."
            )
        return found


@dataclass(frozen=True)
class ImageReaders:
    """The readers of a study's images, resolved once.

    Args:
        measurements: By continuous attribute, its measurement on the first image of the graph.
        scores: The scores by name.
    """

    measurements: Mapping[str, Measurement]
    scores: Mapping[str, ImageScore]

    @classmethod
    def of(cls, study: Study, graph: CausalGraph) -> Self:
        """The readers that a study names.

        Raises:
            UnknownNameError, DataError: As `find_measurement` and `find_score`.
        """
        trust, bits = study.trust_code, study.data.bits
        return cls(
            find_measurements(study.measured, trust_code=trust, bits=bits),
            {name: find_score(name, given, graph, trust_code=trust, bits=bits) for name, given in study.scores.items()},
        )

    def graph_with(self, outcome: str, graph: CausalGraph) -> CausalGraph:
        """Return the graph with `outcome` as a node: added if it is a score, binary if it is `attribute=label`."""
        if (label := find_outcome_labels(graph, outcome)) is not None:
            return label.graph(graph)
        if outcome in graph or outcome not in self.scores:
            return graph
        return with_score(graph, outcome, self.scores[outcome].image)

    def table_with(self, outcome: str, data: Dataset, cluster: str | None) -> pd.DataFrame:
        """Return all rows, with the score or labels of the outcome, and the data set's groups if they are the clusters.

        Raises:
            DataError: The score is the same, or not a number, on every image.
        """
        table = data.frame()
        if cluster == GROUP and GROUP not in table:
            table[GROUP] = data.group.numpy()
        score = None if outcome in data.graph else self.scores.get(outcome)
        if score is not None:
            return table.assign(**{score.name: score.values(data)})
        if find_outcome_labels(data.graph, outcome) is None:
            return table
        from ..effects import label_outcome  # loads DoWhy, which `check` does not need

        return label_outcome(data.graph, table, outcome)[1]

    def try_on(self, data: Dataset, fault: Callable[[tuple, str], Exception]) -> None:
        """Read a few training images, so that failures occur before training.

        Args:
            data: The data.
            fault: The exception to raise about an entry of the study file, from its place and a message.
        """
        rows = data.split["train"][:TRIED]
        tried = [(("measurements", name), data.graph.images[0], read) for name, read in self.measurements.items()]
        tried += [(("scores", name), score.image, score.read) for name, score in self.scores.items()]
        for place, image, read in tried:
            try:
                _read(read, data.rows(rows)[image])
            except CausalgenError as error:
                raise fault(place, str(error)) from error


def with_score(graph: CausalGraph, name: str, image: str) -> CausalGraph:
    """The graph with the score `name` as a child of its image."""
    edges = [*graph.edges, (image, name)]
    return graph.with_parts(edges=edges, variables=[*graph.variables.values(), Variable(name, "continuous")])


def find_score(name: str, score: Score, graph: CausalGraph, *, trust_code: bool = False, bits: int = 8) -> ImageScore:
    """The score of a study with the function that reads it from images of 8 or 16 bits.

    Raises:
        DataError: The classifier does not exist, the class of interest is missing, or code is not trusted.
        UnknownNameError: No measurement or option of that name.
    """
    if score.measure is not None:
        read = find_measurement(score.measure, score.options, name=name, trust_code=trust_code, bits=bits)
    else:
        read = _classifier(score, trust_code=trust_code)
    return ImageScore(name, score.image or graph.images[0], read, score.shows)


def _classifier(score: Score, *, trust_code: bool) -> Measurement:
    from ..audit import as_classifier, load_classifier  # a study without classifiers does not need it

    classifier = load_classifier(str(score.classifier), trust_code=trust_code)
    scorer = as_classifier(classifier, outcome=score.outcome, scale=score.scale, logits=score.logits)
    return lambda images: scorer(torch.as_tensor(images)).values


def _read(read: Callable[[Any], NDArray[np.float64]], images: Tensor) -> NDArray[np.float64]:
    """A reader's values on images `(N, C, H, W)`, `(N,)`."""
    return np.asarray(read(images), dtype=np.float64).reshape(-1)
