"""`outcome: attribute=label` in a study: equal to a column of the label, from the table and from the fitted model."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from study_cases import TINY

from causalgen.datasets import Dataset, load
from causalgen.effects import power_curve
from causalgen.errors import DataError, StudyError
from causalgen.graph import CausalGraph, NestedQuestion, Variable
from causalgen.mediation import simulate_nested
from causalgen.scm import StructuralCausalModel
from causalgen.studies.effect_steps import effect_findings
from causalgen.studies.image_readers import ImageReaders
from causalgen.studies.mediation_steps import mediation_findings
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.study_sections import Effect, Mediation
from causalgen.studies.validate import check_study

ROWS = 900
LABELS = ("none", "mild", "a, b=c")
READERS = ImageReaders({}, {})
EFFECT: dict[str, Any] = {"treatment": "drug", "contrast": (0, 1), "methods": ("linear adjustment",), "doubt": False}


@pytest.fixture(scope="module")
def model() -> ModelOnData:
    """age -> {drug, dose, pain}; drug -> dose -> pain; `after` and the image follow the pain, `severe` copies one label."""
    rng = np.random.default_rng(3)
    age = rng.normal(size=ROWS)
    drug = (rng.random(ROWS) < 1 / (1 + np.exp(-age))).astype(int)
    dose = drug + 0.5 * age + rng.normal(size=ROWS)
    pain = np.clip(np.round(0.5 + 0.5 * dose + 0.3 * age + 0.7 * rng.normal(size=ROWS)), 0, 2).astype(int)
    values = {"age": age, "dose": dose, "after": pain + rng.normal(size=ROWS)}
    columns = {name: torch.tensor(column, dtype=torch.float32) for name, column in values.items()}
    columns |= {"drug": torch.tensor(drug), "pain": torch.tensor(pain), "severe": torch.tensor((pain == 2).astype(int))}
    graph = CausalGraph(
        "age -> {drug, dose, pain, severe}; drug -> dose -> {pain, severe}; drug -> {pain, severe}; pain -> after",
        [
            *(Variable(name, "continuous") for name in ("age", "dose", "after")),
            Variable("drug", "binary"),
            Variable("severe", "binary"),
            Variable("pain", "ordinal", labels=LABELS),
        ],
    )
    index = torch.arange(ROWS)
    split = {"train": index[:700], "validation": index[700:800], "test": index[800:]}
    data = Dataset("made", graph, columns, split, index // 3)
    scm = StructuralCausalModel(graph)
    scm.initialize(columns)
    return ModelOnData(scm.declare_fitted(), data, 0)


def test_an_effect_is_that_on_a_column_of_the_label(model: ModelOnData) -> None:
    asked = [Effect(**EFFECT, outcome=outcome, cluster="group") for outcome in ("pain=a, b=c", "severe")]
    found, wanted = (effect_findings(one, model, READERS, 10).report for one in asked)
    assert str(found.estimates[0]) == str(wanted.estimates[0])
    assert found.outcome_unit == "probability of a, b=c"
    assert found.outcome == "pain"
    worlds = [model.scm.sample(20_000, do={"drug": drug}, seed=0)["pain"] == 2 for drug in (0, 1)]
    implied = found.comparisons[0]
    assert implied.value == pytest.approx(float(worlds[1].double().mean() - worlds[0].double().mean()))


def test_a_nested_effect_is_that_on_a_column_of_the_label(model: ModelOnData) -> None:
    words: dict[str, Any] = {"treatment": "drug", "contrast": (0, 1), "mediators": "dose", "cluster": "group"}
    found, wanted = (
        mediation_findings(Mediation(**words, outcome=outcome), model, READERS) for outcome in ("pain=a, b=c", "severe")
    )
    assert not found.notes
    assert [answer.source for answer in found.answers] == ["table", "model"]
    ends = [[(effect.value, effect.low, effect.high) for effect in one.answers[0].effects] for one in (found, wanted)]
    assert ends[0] == ends[1]


def test_a_model_answers_about_labels(model: ModelOnData) -> None:
    question = NestedQuestion("natural", "drug", "pain=mild", (0, 1), "dose")
    answer = simulate_nested(model.scm, question, n=4000)
    assert answer.outcome_unit == "probability of mild"
    shares = [model.scm.sample(4000, do={"drug": drug}, seed=0)["pain"] == 1 for drug in (0, 1)]
    assert answer["total"].value == pytest.approx(
        float(shares[1].double().mean() - shares[0].double().mean()), abs=0.03
    )
    with pytest.raises(DataError, match="Leave factual out"):
        simulate_nested(model.scm, question, factual=model.data.rows([0, 1]))
    curve = power_curve(model.scm, treatment="drug", outcome="pain=mild", sizes=[100], tables=20)
    assert curve.effect == pytest.approx(answer["total"].value, abs=0.03)


@pytest.mark.parametrize("outcome", ["pen", "pen=felt-tip", "pen=ballpoint"])
def test_the_truth_is_that_of_the_label(outcome: str) -> None:
    data = load("morphodigits", rows=600)
    assert data.truth is not None
    scm = StructuralCausalModel(data.graph)
    scm.initialize(data.rows(data.split["train"]))
    words: dict[str, Any] = EFFECT | {"treatment": "hurry", "contrast": (0.3, 0.7), "outcome": outcome}
    report = effect_findings(Effect(**words), ModelOnData(scm.declare_fitted(), data, 0), READERS, 10).report
    worlds = [data.truth.attributes(range(600), {"hurry": hurry})["pen"].double().mean() for hurry in (0.3, 0.7)]
    sign = -1 if outcome == "pen=ballpoint" else 1
    assert report.truth == pytest.approx(sign * float(worlds[1] - worlds[0]), abs=0.05)
    assert report.estimate.value == pytest.approx(report.truth, abs=0.1)


def test_faults_are_named_at_their_line(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    entries = ["digit", "digit=11", "digit=7", "intensity=3"]
    effects = "".join(f"  - {{treatment: pen, outcome: {one}, contrast: [ballpoint, felt-tip]}}\n" for one in entries)
    study.write_text(TINY + f"effects:\n{effects}", encoding="utf-8")
    loaded = load_study(study)
    with pytest.raises(StudyError) as caught:
        check_study(loaded, study_graph(loaded))
    faults = str(caught.value).splitlines()
    for line, words in zip(
        faults,
        ["line 9: .*`outcome: digit=9`", "line 10: .*got '11'", "line 12: .*'intensity' is continuous"],
        strict=True,
    ):
        assert re.search(words, line)
