"""The metrics step of a run."""

import pytest

from causalgen.datasets import load
from causalgen.metrics import Readers
from causalgen.scm import StructuralCausalModel
from causalgen.studies import evaluation
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.study_sections import EvaluationPlan


def test_composition_takes_fewer_units_than_the_other_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "CYCLE_ROWS", 5)
    data = load("morphodigits", rows=100)
    small = {"mechanism": "conv-vae", "latent": 4, "local": 2, "width": 8, "blocks": 1}
    scm = StructuralCausalModel(data.graph, {"image": small})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    plan = EvaluationPlan(rows=12, queries=(("intensity",),))
    table = evaluation.evaluate_model(plan, ModelOnData(scm.eval(), data, 0), Readers())
    units = {result.metric: result.units for result in table if result.stratum == "all units" and result.row == "model"}
    assert units["composition L1 (10 cycles)"] == 5
    assert units["reversibility L1"] == 12
