"""Numbers read from images: measurements and scores of models, as outcomes of effects.

In the graph such a number is a child of its image, and nothing else acts on it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..datasets import Dataset
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable
from .measurements import MEASUREMENTS
from .queries import image_node
from .schema import Score, Study

__all__ = ["Reader", "add_scores", "reader", "with_score"]

Reader = Callable[[Any], NDArray[np.float64]]
"""Images `(N, C, H, W)`, pixels in 0..255, to one number each, `(N,)`; NaN where there is none."""


def reader(score: Score) -> Reader:
    """The function that reads a score from images.

    Raises:
        DataError: There is no such classifier, or it does not say which class is meant.
        UnknownNameError: No measurement of that name.
    """
    if score.measure is not None:
        if score.measure not in MEASUREMENTS:
            raise UnknownNameError(
                f"Expected a measurement among {', '.join(MEASUREMENTS)}; got {score.measure!r}."
                + nearest(score.measure, MEASUREMENTS)
            )
        return MEASUREMENTS[score.measure]
    from ..audit import as_classifier  # loads what classifiers need, which a study without scores does not

    scorer = as_classifier(score.classifier, outcome=score.outcome, scale=score.scale, logits=score.logits)
    return lambda images: scorer(torch.as_tensor(images)).values


def with_score(study: Study, graph: CausalGraph, name: str) -> CausalGraph:
    """The graph with a score as a child of its image; the graph itself where `name` is a node of it."""
    if name in graph or name not in study.scores:
        return graph
    edges = [*graph.edges, (_image(study, graph, name), name)]
    return CausalGraph(edges, [*graph.variables.values(), Variable(name, "continuous")], graph.confounded)


def add_scores(study: Study, data: Dataset, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with a column of what `name` reads from every image; the table itself where it is no score.

    Raises:
        DataError: The score is the same, or no number, on every image.
    """
    if name in data.graph or name not in study.scores:
        return table
    read, images = reader(study.scores[name]), data.values[_image(study, data.graph, name)]
    values = np.concatenate([np.asarray(read(part), dtype=np.float64).reshape(-1) for part in images.split(1024)])
    if len(np.unique(values[np.isfinite(values)])) < 2:
        raise DataError(f"Expected '{name}' to differ between images; got the same, or no number, on all of them.")
    return table.assign(**{name: values})


def _image(study: Study, graph: CausalGraph, name: str) -> str:
    return study.scores[name].image or image_node(graph)
