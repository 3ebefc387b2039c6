"""Preview of a study without training: its data, its graph, its steps and their approximate duration."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.progress import Progress

from ..datasets.table import TableIndex
from ..graph import CausalGraph
from .expected import step_durations, training_seconds
from .image_readers import ImageReaders
from .run_plan import RunPlan
from .schema import OwnData, Study
from .sources import load_data, own_index

__all__ = ["StudyCheck", "check"]


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
        seconds: Approximate upper bound of the time of a run by step; the networks that read attributes off the images
            are trained in "measure counterfactuals".
        note: Defaults that depend on the number of images; empty without.
    """

    study: Study
    graph: CausalGraph
    variables: pd.DataFrame
    data: TableIndex | None
    rows: dict[str, int] | None
    training_seconds: dict[str, float]
    seconds: dict[str, float]
    note: str

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
            "defaults": self.note,
            "training_seconds": {stage: round(seconds, 1) for stage, seconds in self.training_seconds.items()},
            "seconds": {step: round(seconds, 1) for step, seconds in self.seconds.items()},
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
    plan = RunPlan.of(study, device)
    study = plan.study
    data = own_index(study.data) if isinstance(study.data, OwnData) else None
    if data is not None:
        images = load_data(study.data, bars, warns=False)
        ImageReaders.of(study, plan.graph).try_on(images, study.error)
    training = training_seconds(plan)
    return StudyCheck(
        study=study,
        graph=plan.graph,
        variables=_declared(plan.graph) if data is None else data.to_frame(),
        data=data,
        rows=None if data is None else plan.rows,
        training_seconds=training,
        seconds=step_durations(plan, sum(training.values())),
        note=plan.note,
    )


def _declared(graph: CausalGraph) -> pd.DataFrame:
    rows = []
    for name, variable in graph.variables.items():
        values = ", ".join(map(str, variable.labels or variable.support or ()))
        if variable.is_image:
            values = "x".join(map(str, variable.shape))
        rows.append({"variable": name, "kind": variable.kind, "values": values, "unit": variable.unit or ""})
    return pd.DataFrame(rows)
