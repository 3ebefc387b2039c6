"""Preview of a study without training: its data, its graph, its steps and their approximate duration."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.progress import Progress

from ..datasets import Dataset
from ..datasets.table import TableIndex
from ..graph import CausalGraph
from .data_section import OwnData
from .expected import step_durations, training_seconds
from .image_readers import ImageReaders
from .run_plan import RunPlan
from .schema import Study
from .sources import load_data, own_index

__all__ = ["StudyCheck", "check"]


@dataclass(frozen=True)
class StudyCheck:
    """The result of `causalgen check`.

    Args:
        plan: What a run would do.
        variables: One row per variable: kind, values, unit; for a user's table also missing cells and what was inferred.
        data: The user's table; None for a data set of the catalog, which is not loaded.
        training_seconds: Approximate upper bound of the training time by stage, timed on a few steps on this machine.
        seconds: Approximate upper bound of the time of a run by step; the networks that read attributes off the images
            are trained in "measure counterfactuals".
        privacy: One row per node of a study with differential privacy: how it is trained, and for a user's table the
            noise.
    """

    plan: RunPlan
    variables: pd.DataFrame
    data: TableIndex | None
    training_seconds: dict[str, float]
    seconds: dict[str, float]
    privacy: pd.DataFrame | None = None

    @property
    def rows(self) -> dict[str, int] | None:
        """Rows of each split; None before the data are loaded."""
        return None if self.data is None else self.plan.rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        data = self.data
        return {
            "study": self.plan.study.name,
            "graph": str(self.plan.graph),
            "variables": self.variables.to_dict("records"),
            "rows": self.rows,
            "dropped": data and data.dropped,
            "unused_columns": data and list(data.unused),
            "notes": data and list(data.notes),
            "defaults": self.plan.note,
            "privacy": None if self.privacy is None else self.privacy.to_dict("records"),
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
        PrivacyError: The data cannot keep the privacy budget.
    """
    plan = RunPlan.of(study, device)
    source, data, images = plan.study.data, None, None
    if isinstance(source, OwnData):
        data, images = own_index(source), load_data(source, bars, warns=False)
        ImageReaders.of(plan.study, plan.graph).try_on(images, plan.study.error)
        if any(grid.rows for grid in plan.study.gallery):
            from .grids import check_named_rows  # loads the reports, which most checks do not need

            check_named_rows(plan.study.gallery, images, plan.study.error)
        if plan.study.audit:
            from .auditing import try_classifiers  # loads what a study without audits does not need

            try_classifiers(plan.study.audit, images, plan.study.error, trust_code=plan.study.trust_code)
    privacy = _privacy(plan, images) if plan.config.privacy else None
    training = training_seconds(plan)
    seconds = step_durations(plan, sum(training.values()))
    return StudyCheck(
        plan, _declared(plan.graph) if data is None else data.to_frame(), data, training, seconds, privacy
    )


def _privacy(plan: RunPlan, data: Dataset | None) -> pd.DataFrame:
    """How each node is trained; the noise is known once the data are loaded, since it depends on their groups."""
    from ..training.privacy_plan import PrivacyPlan, private_nodes

    scm = plan.build_model()
    spends = None if data is None else PrivacyPlan.of(scm, data, len(data.split["train"]), plan.config)
    return private_nodes(scm, spends)


def _declared(graph: CausalGraph) -> pd.DataFrame:
    rows = []
    for name, variable in graph.variables.items():
        values = ", ".join(map(str, variable.labels or variable.support or ()))
        if variable.is_image:
            values = "x".join(map(str, variable.shape))
        rows.append({"variable": name, "kind": variable.kind, "values": values, "unit": variable.unit or ""})
    return pd.DataFrame(rows)
