"""Differential privacy in a study: what `check` says before anything is trained, and what a run keeps."""

import json
import warnings
from pathlib import Path

import own_table
import pytest
from study_cases import TINY
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.errors import PrivacyWarning, StudyError
from causalgen.scm import load
from causalgen.studies import expected
from causalgen.studies.cards import write_run_card
from causalgen.studies.checking import check
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

OWN = """\
name: own
data:
  table: table.csv
  graph: "{graph}"
  group: patient
  variables:
    age: {{support: [0, 120]}}
    size: {{support: [0, 10]}}
training:
  privacy: {{epsilon: 8}}
"""
PRIVATE = TINY + "  privacy: {epsilon: 8}\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(expected, "step_seconds", lambda *_: 0.01)
    own_table.make(tmp_path, 60)
    path = tmp_path / "study.yaml"
    path.write_text(OWN.format(graph=own_table.GRAPH), encoding="utf-8")
    return path


def test_check_shows_how_each_node_is_trained(own: Path) -> None:
    with pytest.warns(PrivacyWarning, match="training units can carry"):
        found = check(load_study(own))
    table = found.privacy
    assert table is not None
    assert list(table["node"]) == ["age", "size", "sex", "scan"]
    assert set(table["privacy"]) == {"trained privately"}
    assert (table["noise over signal"].astype(float) > 0).all()
    assert json.loads(json.dumps(found.to_dict(), default=str))["privacy"][0]["node"] == "age"
    with warnings.catch_warnings(action="ignore"):
        shown = CliRunner().invoke(app, ["check", str(own)])
    assert "Training with differential privacy" in shown.output


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("    age: {support: [0, 120]}\n", ""), "privacy", "'age': its scale would be estimated from the data"),
        (("training:", "mechanisms: {scan: gan}\ntraining:"), "scan: gan", "'scan': gan cannot be trained privately"),
        (("training:", "mechanisms: {size: linear-gaussian}\ntraining:"), "size: linear", "'size': linear-gaussian"),
        (("training:", "training:\n  tuning: {epochs: 1}"), "privacy", "no `tuning` with `privacy`"),
        (("training:", "training:\n  precision: bf16-mixed"), "privacy", "bf16-mixed"),
        (("  group:", "  missing: model\n  group:"), "privacy", "infers missing values from other rows"),
        (("epsilon: 8", "epsilon: 0"), "epsilon", "greater than 0"),
        (("epsilon: 8", "epsilon: .inf"), "epsilon", "finite"),
        (("epsilon: 8", "epsilon: 8, delta: 2"), "delta", "less than 1"),
        (("epsilon: 8", "delta: 0.1"), "privacy", "epsilon"),
    ],
)
def test_what_cannot_be_private_is_a_fault_with_its_line(
    own: Path, change: tuple[str, str], line: str, said: str
) -> None:
    text = own.read_text(encoding="utf-8").replace(*change)
    own.write_text(text, encoding="utf-8")
    number = next(n for n, each in enumerate(text.splitlines(), start=1) if line in each)
    with pytest.raises(StudyError) as fault:
        check(load_study(own))
    assert said in str(fault.value)
    assert f"line {number}" in str(fault.value)


def test_a_study_of_the_catalog_is_checked_without_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "step_seconds", lambda *_: 0.01)
    path = tmp_path / "study.yaml"
    path.write_text(PRIVATE, encoding="utf-8")
    table = check(load_study(path)).privacy
    assert table is not None
    assert list(table.columns) == ["node", "mechanism", "privacy"]


@pytest.mark.filterwarnings("ignore::causalgen.errors.PrivacyWarning")
def test_a_run_keeps_and_shows_the_guarantee(tmp_path: Path) -> None:
    path, out = tmp_path / "study.yaml", tmp_path / "run"
    path.write_text(PRIVATE, encoding="utf-8")
    folder = run_study(load_study(path), out, device="cpu", only_fit=True)
    guarantee = load(folder.model).privacy
    assert guarantee is not None
    assert (guarantee.unit, guarantee.units) == ("one row", folder.record["rows"]["train"])
    for text in ((folder.model / "README.md").read_text(), CliRunner().invoke(app, ["show", str(out)]).output):
        joined = " ".join(text.split())
        assert "epsilon" in joined
        assert "A unit is one row" in joined
        assert "Not covered: validation and test rows" in joined
    folder.update(memorisation=["Images: not found. Two copies."], headline=[])
    card = write_run_card(folder, load(folder.model)).read_text()
    assert "Two copies" not in card  # computed from training rows: the folder of the model has to stay covered
    assert card.count("Left out: it is computed") == 2
