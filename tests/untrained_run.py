"""A run folder whose model is initialised but not trained, for tests of what commands do with a run."""

import json
from pathlib import Path

from causalgen.datasets import Dataset
from causalgen.scm import StructuralCausalModel, save
from causalgen.studies.modelling import build_model
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data

__all__ = ["write_untrained_run"]


def write_untrained_run(folder: Path, study: Path) -> tuple[StructuralCausalModel, Dataset]:
    """Write the resolved study, the model and the record of a finished run; return its model and data."""
    plan = load_study(study)
    (folder / "study.resolved.yaml").write_text(plan.to_yaml())
    data = load_data(plan.data)
    scm = build_model(plan, data.graph)
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    save(scm.eval(), folder / "model")
    record = {"causalgen": "0", "status": "finished", "study": "", "steps": {}, "attempts": 1, "seed": plan.seed}
    (folder / "run.json").write_text(json.dumps(record | {"name": plan.name}))
    return scm, data
