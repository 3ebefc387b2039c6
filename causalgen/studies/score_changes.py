"""Changes of a study's scores on the image under its interventions."""

from collections.abc import Iterable
from dataclasses import replace

from ..datasets import Dataset
from ..errors import AbductionError, DataError, InterventionWarning, SupportError, warn
from ..grammar import read_do
from ..graph import CausalGraph
from ..metrics import ImageChange, image_changes
from ..scm import StructuralCausalModel
from .queries import answerable, image_node, test_rows
from .schema import Study
from .scores import reader

__all__ = ["score_changes"]


def score_changes(study: Study, scm: StructuralCausalModel, data: Dataset) -> list[ImageChange]:
    """Every score under the interventions of every grid, on test units; empty without scores or abduction."""
    readers = {
        name: (score.image or image_node(data.graph), reader(study, name)) for name, score in study.scores.items()
    }
    if not readers:
        return []
    asked, test = set(test_rows(data, study.evaluation.rows, study.seed).tolist()), data.split["test"]
    rows = test[[place for place, row in enumerate(test.tolist()) if row in asked]]
    found = []
    for item in study.gallery:
        do = read_do(scm.graph, item.do)
        try:
            units = answerable(scm, data, rows, do, study.seed)
            if len(units):
                changes = image_changes(scm, data, units, do, readers, seed=study.seed)
                found += [replace(c, expected=_expected(study, data.graph, c.name, do)) for c in changes]
        except (AbductionError, DataError, SupportError) as error:
            warn(f"Scores were not read from counterfactual images. {error}", InterventionWarning)
    return found


def _expected(study: Study, graph: CausalGraph, score: str, do: Iterable[str]) -> bool:
    """Whether an intervention acts on an attribute that the score shows."""
    moved = {node for name in do for node in (name, *graph.descendants(name))}
    return bool(moved & set(study.scores[score].shows))
