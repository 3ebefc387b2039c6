"""Changes of a study's scores on the image under its interventions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import AbductionError, DataError, InterventionWarning, SupportError, warn
from ..grammar import read_do
from ..metrics import ImageChange, image_changes
from .image_readers import ImageScore
from .model_on_data import ModelOnData

__all__ = ["score_changes"]


def score_changes(
    scores: Mapping[str, ImageScore], asked: Iterable[Mapping[str, Any]], model: ModelOnData, rows: int
) -> list[ImageChange]:
    """Every score under interventions, on at most `rows` test units; empty without scores or abduction."""
    if not scores:
        return []
    readers = {name: (score.image, score.read) for name, score in scores.items()}
    drawn, test = set(model.test_rows(rows).tolist()), model.data.split["test"]
    in_order = test[[place for place, row in enumerate(test.tolist()) if row in drawn]]
    found = []
    for words in asked:
        do = read_do(model.graph, words)
        moved = {node for name in do for node in (name, *model.graph.descendants(name))}
        try:
            units = model.answerable(in_order, do)
            if len(units):
                changes = image_changes(model.scm, model.data, units, do, readers, seed=model.seed)
                found += [replace(c, expected=bool(moved & set(scores[c.name].shows))) for c in changes]
        except (AbductionError, DataError, SupportError) as error:
            warn(f"Scores were not read from counterfactual images. {error}", InterventionWarning)
    return found
