"""Preview of a study without training: its data, its graph, its steps and their approximate duration."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from rich.progress import Progress

from ..datasets.table import TableIndex
from ..graph import CausalGraph
from ..training import FitConfig, step_seconds
from .modelling import build_model
from .schema import OwnData, Study
from .scores import try_readers
from .settings import fit_config, resolve
from .sources import load_data, own_index, study_graph
from .validate import check_study

__all__ = ["StudyCheck", "check"]

ATTRIBUTE_SECONDS = 2e-5
"""Seconds for a row, an epoch and an attribute, on one core."""


@dataclass(frozen=True)
class StudyCheck:
    """The result of `causalgen check`.

    Args:
        study: The study, defaults filled in.
        graph: The graph of its data.
        variables: One row per variable: kind, values, unit; for a user's table also missing cells and what was inferred.
        data: The user's table; None for a data set of the catalog.
        rows: Rows of each split; None before a catalog's data are loaded.
        training_seconds: Approximate upper bound of the training time by stage, timed on a few steps on this machine.
    """

    study: Study
    graph: CausalGraph
    variables: pd.DataFrame
    data: TableIndex | None
    rows: dict[str, int] | None
    training_seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "study": self.study.name,
            "graph": str(self.graph),
            "variables": self.variables.to_dict("records"),
            "rows": self.rows,
            "dropped": None if self.data is None else self.data.dropped,
            "unused_columns": None if self.data is None else list(self.data.unused),
            "notes": None if self.data is None else list(self.data.notes),
            "training_seconds": {stage: round(seconds, 1) for stage, seconds in self.training_seconds.items()},
        }


def check(study: Study, device: str = "auto", bars: Progress | None = None) -> StudyCheck:
    """Check a study, its graph and its data as a run would load them: images are decoded, nothing is trained.

    Args:
        study: The study.
        device: Device of the run.
        bars: Progress bars, for the decoding of images.

    Raises:
        StudyError: The study does not fit its graph, or a measurement or score cannot read its images.
        DataFaultsError: The user's table has faults; the message lists all.
        DataError: This machine has no such device.
    """
    graph = study_graph(study)
    check_study(study, graph)
    study = resolve(study)
    data = own_index(study) if isinstance(study.data, OwnData) else None
    if data is not None:
        try_readers(study, load_data(study, bars, warns=False))
    rows = None if data is None else {name: len(part) for name, part in data.split.items()}
    return StudyCheck(
        study=study,
        graph=graph,
        variables=_declared(graph) if data is None else data.to_frame(),
        data=data,
        rows=rows,
        training_seconds=_training_seconds(study, graph, rows, fit_config(study, device)),
    )


def _declared(graph: CausalGraph) -> pd.DataFrame:
    rows = []
    for name, variable in graph.variables.items():
        values = ", ".join(map(str, variable.labels or variable.support or ()))
        if variable.is_image:
            values = "x".join(map(str, variable.shape))
        rows.append({"variable": name, "kind": variable.kind, "values": values, "unit": variable.unit or ""})
    return pd.DataFrame(rows)


def _training_seconds(
    study: Study, graph: CausalGraph, rows: dict[str, int] | None, config: FitConfig
) -> dict[str, float]:
    train = int((study.data.rows or 10_000) * 0.7) if rows is None else rows["train"]
    attributes = [name for name, variable in graph.variables.items() if not variable.is_image]
    seconds = {"attributes": ATTRIBUTE_SECONDS * train * config.attributes.epochs * len(attributes)}
    for name in (name for name in graph.nodes if name not in attributes):
        size = config.images.units(train)
        steps = max(1, train // size) * config.images.epochs
        batch = {node: _noise(graph, node, size) for node in (name, *graph.parents(name))}
        seconds[name] = steps * step_seconds(build_model(study, graph), name, batch, config)
    return seconds


def _noise(graph: CausalGraph, name: str, count: int) -> torch.Tensor:
    """Values that take as long to learn from as real ones."""
    variable = graph[name]
    if variable.labels is not None:
        return torch.randint(len(variable.labels), (count,))
    return torch.rand(count, *variable.shape) * (255.0 if variable.is_image else 1.0)
