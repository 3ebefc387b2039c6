"""A mechanism of the user's in a study: built, saved, loaded again, only where its author is trusted."""

import shutil
from pathlib import Path

import pytest
import torch
from own_table import GRAPH, make
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.errors import CausalgenError, StudyError, UntrustedCodeError
from causalgen.mechanisms import build
from causalgen.own_code import import_code
from causalgen.scm import load
from causalgen.studies.modelling import build_model
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.validate import check_study

WORKED = Path(__file__).parents[2] / "docs" / "worked" / "principal_components.py"
BROKEN = """
import torch
from causalgen.mechanisms import Abductive, Mechanism

class Half(Mechanism):
    pass

class Fails(Abductive):
    def __init__(self, variable, parents, *, size: int = 3):
        raise KeyError("no such scanner")
    def noise(self, batch_shape=()): return {}
    def forward(self, noise, parents, *, changed=frozenset()): return torch.zeros(1)
    def abduct(self, value, parents, *, draw=True): return {}

class Forgets(Fails):
    def __init__(self, variable, parents, *, size: int = 3):
        Mechanism.__init__(self, variable, parents)

def function(variable, parents): return None
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "data", rows=60)
    shutil.copy(WORKED, tmp_path)
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    return tmp_path


def write(folder: Path, mechanism: str) -> Path:
    path = folder / "study.yaml"
    text = f'name: own\ndata: {{table: data/table.csv, graph: "{GRAPH}"}}\nmechanisms:\n  scan: {mechanism}\n'
    text += "training: {attributes: {epochs: 3}}\nevaluation: {queries: [sex], classify: [], regress: []}\n"
    path.write_text(text + "gallery: [{do: {sex: male}, units: 2}]\n", encoding="utf-8")
    return path


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


def test_it_runs_is_saved_and_is_asked_again(folder: Path) -> None:
    path, run = write(folder, '{mechanism: "principal_components:PrincipalComponents", components: 5}'), folder / "run"
    for command in (("check", path), ("run", path, "--out", run)):
        code, output = call(*command)
        assert code == 2
        assert "Expected trusted code for the mechanism of 'scan'" in output
    assert call("check", path, "--trust-code")[0] == 0
    code, output = call("run", path, "--out", run, "--trust-code")
    assert code == 0, output
    assert "PrincipalComponents" in (run / "report.html").read_text(encoding="utf-8")
    with pytest.raises(UntrustedCodeError, match="importing it runs it"):
        load(run / "model")
    scm = load(run / "model", trust_code=True)
    assert scm.mechanisms["scan"].spec() == {"components": 5}
    assert bool(scm.mechanisms["scan"].loadings.any())
    asked = ("counterfactual", run, "--rows", "0,3", "--do", "sex=male")
    assert call(*asked)[0] == 2
    assert call(*asked, "--trust-code")[0] == 0
    for command in (("sample", run, "-n", "2"), ("intervene", run, "--do", "sex=male", "-n", "20")):
        assert call(*command)[0] == 2
        assert call(*command, "--trust-code")[0] == 0


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ('"broken:Half"', "Expected a complete mechanism at .*:Half'; it lacks forward, noise"),
        ('"broken:function"', "Expected a subclass of causalgen.mechanisms.Mechanism at"),
        ('"broken:Fails"', "it failed with KeyError: 'no such scanner'"),
        ('{mechanism: "broken:Forgets", sise: 4}', "Did you mean 'size'"),
        ('"broken:Absent"', "Expected 'Absent' in"),
        ('"no_such_package.module:Class"', "No module named 'no_such_package'"),
        ('{mechanism: "principal_components:PrincipalComponents", components: 2.5}', "Expected a whole number"),
        ("conv-vea", "Did you mean 'conv-vae'"),
    ],
)
def test_every_fault_is_one_message_with_its_line(folder: Path, mechanism: str, message: str) -> None:
    study = load_study(write(folder, mechanism), trust_code=True)
    with pytest.raises(StudyError, match=message) as caught:
        check_study(study, study_graph(study))
    assert "line 4: " in str(caught.value)


def test_in_python_a_class_is_a_mechanism_and_a_text_is_not(folder: Path) -> None:
    study = load_study(write(folder, '"principal_components:PrincipalComponents"'), trust_code=True)
    graph = study_graph(study)
    parents = {name: graph[name] for name in graph.parents("scan")}
    with pytest.raises(CausalgenError, match=r"which names code\. Pass the class"):
        build(study.mechanisms["scan"]["mechanism"], graph["scan"], parents)
    forgets = import_code(f"{folder / 'broken.py'}:Forgets", trust=True, what="a test")
    assert build(forgets, graph["scan"], parents, {"size": 4}).spec() == {"size": 4}  # options are recorded
    mechanism = build(type(build_model(study, graph).mechanisms["scan"]), graph["scan"], parents, {"components": 4})
    images = torch.rand(30, *graph["scan"].shape) * 255
    values = {"age": torch.rand(30), "size": torch.rand(30), "sex": torch.arange(30) % 2}
    mechanism.initialize(images, {name: values[name] for name in parents})
    assert mechanism.fitted
    assert mechanism.abduct(images, values)["scores"].shape == (30, 4)
