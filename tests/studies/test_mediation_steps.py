"""Nested questions of a study: from the table, the model and the generator; what a source cannot answer is noted."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalgen.datasets import Dataset
from causalgen.errors import StudyError, SupportError
from causalgen.graph import CausalGraph, Variable
from causalgen.reports import ReportContent, write_report
from causalgen.scm import StructuralCausalModel
from causalgen.studies.image_readers import ImageReaders, ImageScore
from causalgen.studies.mediation_steps import mediation_findings
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.study_sections import Mediation
from causalgen.studies.validate import check_study

ROWS = 500
ASKED: dict[str, Any] = {"treatment": "x", "outcome": "y", "contrast": (0, 1)}
PARTS = {"total": 3.7, "natural direct": 0.7, "total indirect": 3.0, "natural indirect": 3.0}


class Generator:
    """z -> {x, m, y}; x -> m -> y; x -> y. m = 1.5 x + z + e; y = 0.7 x + 2 m + z + e."""

    def __init__(self) -> None:
        self.noise = np.random.default_rng(0).normal(size=(4, ROWS))

    def attributes(self, rows: Any, do: dict[str, Any]) -> dict[str, torch.Tensor]:
        z, x, m, y = self.noise
        world: dict[str, Any] = {"z": z}
        for name, value in {"x": lambda w: w["z"] + x, "m": lambda w: 1.5 * w["x"] + w["z"] + m}.items():
            world[name] = np.broadcast_to(np.asarray(do[name], float), ROWS) if name in do else value(world)
        world["y"] = 0.7 * world["x"] + 2 * world["m"] + world["z"] + y
        return {name: torch.tensor(column, dtype=torch.float32) for name, column in world.items()}


@pytest.fixture(scope="module")
def model() -> ModelOnData:
    """The data of the generator with an image that shows y, and a linear model of its attributes."""
    generator = Generator()
    columns = generator.attributes(None, {})
    columns["image"] = (128 + 5 * columns["y"]).clamp(0, 255).to(torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    variables = [*(Variable(name, "continuous") for name in "zxmy"), Variable("image", "image", shape=(1, 2, 2))]
    graph = CausalGraph("z -> {x, m, y}; x -> m -> y; x -> y -> image", variables)
    index = torch.arange(ROWS)
    data = Dataset(
        "made", graph, columns, {"train": index[:400], "validation": index[400:450], "test": index[450:]}, index
    )
    object.__setattr__(data, "truth", generator)
    scm = StructuralCausalModel(graph.project(list("zxmy")), dict.fromkeys("zxmy", "linear-gaussian"))
    scm.initialize({name: columns[name] for name in "zxmy"})
    return ModelOnData(scm.declare_fitted(), data, 0)


def shade(images: Any) -> np.ndarray:
    return torch.as_tensor(images).double().mean((1, 2, 3)).numpy()


READERS = ImageReaders({}, {"shade": ImageScore("shade", "image", shade)})


def test_table_model_and_generator_agree(model: ModelOnData, tmp_path: Path) -> None:
    found = mediation_findings(Mediation(**ASKED, mediators="m", cluster="group"), model, READERS)
    assert [answer.source for answer in found.answers] == ["table", "model"]
    assert found.truth == pytest.approx(PARTS, abs=1e-5)
    for answer in found.answers:
        assert {effect.name: effect.value for effect in answer.effects} == pytest.approx(PARTS, abs=0.6)
    content = ReportContent("made", "Why?", model.graph, mediation=[found])
    page = write_report(tmp_path, content).read_text(encoding="utf-8")
    assert "Natural effects of x on y" in page
    assert re.search(r"Setting x to \S+ instead of \S+ changes the mean of y by .*: .* directly and .* through m", page)
    assert "Cross-world independence" in page
    assert "Tchetgen Tchetgen" in page
    assert (tmp_path / "tables" / "mediation-1-x-y.csv").exists()


def test_a_source_without_an_answer_is_noted(
    model: ModelOnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A score is no variable of the model, a continuous treatment has no treated in a table, a generator may refuse."""
    of_score = mediation_findings(Mediation(**ASKED | {"outcome": "shade"}, mediators="m"), model, READERS)
    assert [answer.source for answer in of_score.answers] == ["table"]
    assert of_score.answers[0]["total indirect"].value == pytest.approx(15, abs=3)
    assert "'shade' is read from images" in of_score.notes[0]
    treated = Mediation(**ASKED | {"contrast": (0.0, 1.0)}, estimand="treated")
    by_model = mediation_findings(treated, model, READERS)
    assert [answer.source for answer in by_model.answers] == ["model"]
    assert by_model.answers[0].effects[0].value == pytest.approx(3.7, abs=0.3)

    def refuse(*_: object) -> None:
        raise SupportError("Expected x within its support.")

    monkeypatch.setattr(Generator, "attributes", refuse)
    untold = mediation_findings(Mediation(**ASKED, estimand="controlled", mediators={"m": 0}), model, READERS)
    assert untold.notes == ["The generator gives no answer: Expected x within its support."]
    neither = mediation_findings(Mediation(**ASKED | {"outcome": "shade"}, estimand="treated"), model, READERS)
    assert len(neither.notes) == 2
    page = write_report(tmp_path, ReportContent("made", "Why?", model.graph, mediation=[neither])).read_text("utf-8")
    assert "The table gives no answer: Expected a binary treatment" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("mediators: digit", "on a causal path from 'hurry' to 'intensity': pen, thickness; got 'digit'"),
        ("estimand: controlled, mediators: pen", "mediators as a mapping"),
        ("estimand: controlled, mediators: {thickness: thick}", "Expected a number for 'thickness'"),
        ("estimand: path, paths: hurry -> digit -> intensity", "got hurry -> digit, which is none"),
        ("mediators: {thickness: 3}", "got values. Ask for 'controlled'"),
        ("estimand: treated, mediators: pen", "Expected no mediators"),
        ("outcome: digit", "continuous or binary outcome; 'digit' is categorical"),
        ("contrast: [0.5, 0.5]", "Expected two different values of 'hurry'"),
        ("estimand: naturel", "to be 'natural', 'controlled'"),
        ("cluster: writer", "got 'writer'"),
    ],
)
def test_check_names_the_line_of_a_bad_question(change: str, message: str, tmp_path: Path) -> None:
    asked = {"treatment": "hurry", "outcome": "intensity", "contrast": "[0.3, 0.6]"}
    key = change.partition(":")[0]
    kept = ", ".join(f"{name}: {value}" for name, value in asked.items() if name != key)
    path = tmp_path / "study.yaml"
    path.write_text(f"name: made\ndata: {{name: morphodigits}}\nmediation:\n  - {{{kept}, {change}}}\n")
    with pytest.raises(StudyError, match=r"line 4: ") as error:
        _check(path)
    assert message in str(error.value)


def _check(path: Path) -> None:
    study = load_study(path)
    check_study(study, study_graph(study))
