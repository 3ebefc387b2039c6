"""Nested questions of a study: answered from the table, by the fitted model, and by the generator where it is known."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..datasets import Dataset
from ..effects import label_outcome
from ..errors import AbductionError, DataError, NotIdentifiableError, SupportError
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import NestedQuestion
from ..graph.nested import select_mediators
from ..graph.nested_estimand import COMPARED
from ..mediation import NestedAnswer, estimate_nested, simulate_nested
from ..mediation.answer import title
from ..reports.mediation import MediationFindings
from ..scm import StructuralCausalModel
from .data_section import Source
from .further_steps import study_rows
from .image_readers import ImageReaders
from .model_on_data import ModelOnData
from .study_sections import Mediation

__all__ = ["mediation_findings"]


def mediation_findings(
    asked: Mediation, model: ModelOnData, readers: ImageReaders, source: Source | None = None
) -> MediationFindings:
    """Answer one nested question from every source that can; notes state why others cannot.

    Args:
        asked: The question.
        model: The fitted model and its data.
        readers: Measurements and scores, which may be its outcome.
        source: The data of the study, whose own table has the rows with missing values; None for those of the model alone.
    """
    question, data = asked.question, model.data
    if (label := find_outcome_labels(data.graph, question.outcome)) is not None:
        question = replace(question, outcome=label.name)
    options: dict[str, Any] = {"level": asked.level, "seed": model.seed}
    graph, table = readers.graph_with(asked.outcome, data.graph), readers.table_with(asked.outcome, data, asked.cluster)
    if asked.missing == "impute" and source is not None and (every := study_rows(asked, source)) is not None:
        table = label_outcome(data.graph, every, asked.outcome)[1]
    sources: dict[str, Callable[[], NestedAnswer]] = {
        "table": lambda: estimate_nested(
            graph, table, question, cluster=asked.cluster, missing=asked.missing, **options
        ),
        "model": lambda: simulate_nested(_model_of(model.scm, question.outcome), asked.question, **options),
    }
    answers, notes, truth = [], [], dict[str, float]()
    if data.incomplete and asked.missing == "drop":
        notes.append(
            f"The table gives the answer for the {len(table):,} rows without missing attributes; the model was trained on "
            "incomplete rows too. Unless values are missing at random, the two answers concern different populations."
        )
    for name, answer in sources.items():
        try:
            answers.append(answer())
        except (AbductionError, DataError, NotIdentifiableError, SupportError) as error:
            notes.append(f"The {name} gives no answer: {error}")
    try:
        truth = _truth(data, question) if label is None else {}
    except (DataError, SupportError, NotIdentifiableError) as error:
        notes.append(f"The generator gives no answer: {error}")
    unit = answers[0].outcome_unit if answers else ""
    return MediationFindings(title(question, asked.contrast, unit), answers, truth, notes)


def _model_of(scm: StructuralCausalModel, outcome: str) -> StructuralCausalModel:
    if outcome not in scm.graph:
        raise DataError(f"'{outcome}' is read from images, and is not a variable of the model.")
    return scm


def _truth(data: Dataset, question: NestedQuestion) -> dict[str, float]:
    """True natural or controlled effects, averaged over all rows; empty where the generator has none."""
    x, y, graph = question.treatment, question.outcome, data.graph
    if data.truth is None or y not in graph or question.estimand not in ("natural", "controlled"):
        return {}
    truth, rows = data.truth, data.frame().index
    values = dict(zip("ab", question.contrast or ()))

    def world(level: str, held: Mapping[str, Any]) -> dict[str, Tensor]:
        return truth.attributes(rows, {x: values[level], **held})

    def mean(direct: str, through: str) -> float:
        kept = {} if direct == through else {m: plain[through][m] for m in mediators}
        found = world(direct, kept) if kept else plain[direct]
        return float(found[y].double().mean())

    mediators = select_mediators(graph, question, observed=graph.attributes)
    plain = {level: world(level, question.settings) for level in "ab"}
    return {name: mean(*b) - mean(*a) for name, (b, a) in COMPARED[question.estimand].items()}
