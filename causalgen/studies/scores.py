"""Numbers read from images: measurements and scores of models, as outcomes of effects.

In the graph such a number is a child of its image and has no other parent.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..errors import CausalgenError, DataError
from ..graph import CausalGraph, Variable
from ..own_code import import_code, is_code
from .measurements import find_measurement, measurement_of
from .queries import image_node
from .schema import Study

__all__ = ["Reader", "add_scores", "read_images", "reader", "try_readers", "with_score"]

AT_ONCE = 1024
TRIED = 8
"""Number of images on which measurements and scores are tried."""
Reader = Callable[[Any], NDArray[np.float64]]
"""Images `(N, C, H, W)`, pixels in 0..255, to one number each, `(N,)`; NaN if there is none."""


def reader(study: Study, name: str) -> Reader:
    """The function that reads a score from images.

    Raises:
        DataError: The classifier does not exist, the class of interest is missing, or code is not trusted.
        UnknownNameError: No measurement or option of that name.
    """
    score = study.scores[name]
    if score.measure is not None:
        return find_measurement(score.measure, score.options, name=name, trust_code=study.trust_code)
    from ..audit import as_classifier, load_classifier  # a study without classifiers does not need it

    source = str(score.classifier)
    classifier = (
        import_code(source, trust=study.trust_code, what=f"the score '{name}'")
        if is_code(source)
        else load_classifier(source, trust_code=study.trust_code)
    )
    scorer = as_classifier(classifier, outcome=score.outcome, scale=score.scale, logits=score.logits)
    return lambda images: scorer(torch.as_tensor(images)).values


def read_images(read: Reader, images: Tensor) -> NDArray[np.float64]:
    """A reader's values on images `(N, C, H, W)`, read in chunks, `(N,)`."""
    return np.concatenate([np.asarray(read(part), dtype=np.float64).reshape(-1) for part in images.split(AT_ONCE)])


def try_readers(study: Study, data: Dataset) -> None:
    """Read a few training images by the measurements and scores of a study, so that a failure shows before training.

    Raises:
        StudyError: One of them fails, or does not give one number for each image.
    """
    rows = data.split["train"][:TRIED]
    readers = {("measurements", name): partial(measurement_of, study, name) for name in study.measurements}
    readers |= {("scores", name): partial(reader, study, name) for name in study.scores}
    for (section, name), find in readers.items():
        image = _image(study, data.graph, name) if section == "scores" else image_node(data.graph)
        try:
            read_images(find(), data.rows(rows)[image])
        except CausalgenError as error:
            raise study.error((section, name), str(error)) from error


def with_score(study: Study, graph: CausalGraph, name: str) -> CausalGraph:
    """The graph with a score as a child of its image; the graph itself where `name` is a node of it."""
    if name in graph or name not in study.scores:
        return graph
    edges = [*graph.edges, (_image(study, graph, name), name)]
    return CausalGraph(edges, [*graph.variables.values(), Variable(name, "continuous")], graph.confounded)


def add_scores(study: Study, data: Dataset, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with a column of the score `name` of every image; the table itself where `name` is not a score.

    Raises:
        DataError: The score is the same, or not a number, on every image.
    """
    if name in data.graph or name not in study.scores:
        return table
    values = _read_all(reader(study, name), data, _image(study, data.graph, name))
    if len(np.unique(values[np.isfinite(values)])) < 2:
        raise DataError(f"Expected '{name}' to differ between images; got the same, or no number, on all of them.")
    return table.assign(**{name: values})


def _read_all(read: Reader, data: Dataset, image: str) -> NDArray[np.float64]:
    """The reader's output for every image, in the order of the table; few images are in memory at once."""
    labels = data.frame().index
    parts = (labels[start : start + AT_ONCE] for start in range(0, len(labels), AT_ONCE))
    return np.concatenate([read_images(read, data.rows(part)[image]) for part in parts])


def _image(study: Study, graph: CausalGraph, name: str) -> str:
    return study.scores[name].image or image_node(graph)
