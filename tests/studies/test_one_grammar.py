"""A text means the same in Python, on the command line and in a study file."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from study_cases import TINY

from causalgen.audit.responses import check_interventions
from causalgen.errors import CausalgenError, DataError, UnknownNameError
from causalgen.grammar import parse_do, parse_values, read_do
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph
from causalgen.studies.validate import check_study
from causalgen.studies.yaml_source import parse_yaml

GRAPH = CausalGraph(
    [("sex", "thickness"), ("age at scan", "thickness"), ("grade", "thickness"), ("thickness", "score"),
     ("level", "score"), ("code", "score"), ("CD4+", "score"), ("thickness", "scan")],
    [
        Variable("sex", "binary", labels=("f", "m")),
        Variable("age at scan", "continuous", unit="years"),
        Variable("grade", "ordinal", labels=(-1, 0, 1)),
        Variable("level", "categorical", labels=("+1", "-", "2*3", " x", "-= 1")),
        Variable("code", "categorical", labels=(False, True)),
        Variable("CD4+", "continuous"),
        Variable("thickness", "continuous", support=(0, 9), unit="px"),
        Variable("score", "continuous"),
        Variable("scan", "image", shape=(1, 4, 4)),
    ],
)  # fmt: skip
TEXTS = [
    "4", "4.5", " 4 ", "-1", "- 1", "+1", " +1", "+ 1", "+0.5", "+= 1", "-= 0.5", "*= 1.2", "/= 2", "1e0", "2*3",
    "+1e-1", "+-1", "thickness*1.1", "thickness+1", "min(thickness, 3) + grade", "'age at scan'/20",
    "\"age at scan\"/20 + 1", "CD4+", "score+1", "f", "m", "M", "true", "False", "+2", "-", " x", "x", "-= 1", "",
    " ", "nan", "inf", "1_000", "\uff11", "1; 2",
]  # fmt: skip
NAMES = [name for name in GRAPH.nodes if name != "scan"]


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    torch.manual_seed(0)
    small = {"mechanism": "conv-vae", "latent": 2, "width": 4, "blocks": 1}
    return StructuralCausalModel(GRAPH, {"scan": small}).declare_fitted().eval()


def _factual() -> dict[str, Any]:
    numbers = torch.linspace(1, 4, 6)
    codes = torch.arange(6)
    return {
        "sex": codes % 2, "age at scan": numbers * 20, "grade": codes % 3, "level": codes % 5, "code": codes % 2,
        "CD4+": numbers * 7, "thickness": numbers, "score": numbers, "scan": torch.zeros(6, 1, 4, 4),
    }  # fmt: skip


def _outcome(scm: StructuralCausalModel, name: str, read: Any) -> Any:
    """What the node becomes, and the words of the intervention; an error counts by its type and text."""
    try:
        world = scm.counterfactual(_factual(), read() if callable(read) else read, seed=0)
    except CausalgenError as error:
        return type(error), str(error)
    return world[name].tolist(), world.title


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_every_door_reads_the_same(scm: StructuralCausalModel, name: str) -> None:
    """Python, the command line, a study file, an audit and a sample agree over all texts, errors included."""
    kinds = set()
    for text in TEXTS:
        python = _outcome(scm, name, {name: text})
        kinds.add(type(python[0]))
        in_file = f"do: {{{json.dumps(name)}: {json.dumps(text)}}}"
        doors = {
            "study": _outcome(scm, name, lambda: read_do(GRAPH, parse_yaml(in_file, "s.yaml").data["do"])),  # noqa: B023
            "audit": _outcome(scm, name, lambda: check_interventions(scm, [{name: text}], "scan")[0])  # noqa: B023
            if name in GRAPH.ancestors("scan") else python,
        }  # fmt: skip
        if text.strip() and text == text.strip():
            change = text[:2] in ("+=", "-=", "*=", "/=") and text not in map(str, GRAPH[name].labels or ())
            written = f"'{name}'{text}" if change else f"'{name}'={text}"
            doors["command line"] = _outcome(scm, name, lambda: parse_do(GRAPH, [written]))  # noqa: B023
        for door, found in doors.items():
            assert found == python, (door, text)
        if isinstance(python[0], list) and not callable(scm.counterfactual(_factual(), {name: text}).do[name]):
            assert scm.sample(2, do={name: text}, seed=0)[name].tolist() == python[0][:2], text
    assert kinds == {list, type}  # some texts mean something for every variable, some do not


def test_a_shift_is_a_shift_in_python(scm: StructuralCausalModel) -> None:
    factual = _factual()
    for do, shown in [({"thickness": "+1"}, "thickness = +1 px"), ({"thickness": "+= 1"}, "thickness += 1 px")]:
        world = scm.counterfactual(factual, do, seed=0)
        assert torch.equal(world["thickness"], factual["thickness"] + 1)
        assert world.title == f"do({shown})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert scm.counterfactual(factual, {"grade": "+1"}, seed=0)["grade"].tolist() == [1, 2, 2, 1, 2, 2]
    assert scm.counterfactual(factual, {"level": "+1"}, seed=0)["level"].tolist() == [0] * 6  # exactly a label
    per_unit = scm.counterfactual(factual, {"thickness": ["1", 2, 3.0, "4", 5, 6]}, seed=0)
    assert per_unit["thickness"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"thickness": "+1"}, DataError, "which is a shift in the notation of interventions"),
        ({"thickness": " +1"}, DataError, "which is a shift in the notation of interventions"),
        ({"thickness": "thickness*2"}, DataError, "Expected a number for 'thickness'"),
        ({"grade": "+1"}, DataError, "Expected a label of 'grade'"),
        ({"thickness": ["+1"]}, DataError, "got the text '\\+1', which is a shift"),
        ({"thicknes": "1"}, UnknownNameError, "Did you mean"),
    ],
)
def test_what_was_observed_is_no_shift(
    scm: StructuralCausalModel, given: Mapping[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        scm.sample(2, given=given, seed=0)
    if all(isinstance(value, str) for value in given.values()):
        with pytest.raises(error, match=message):
            parse_values(GRAPH, [f"{name}={text}" for name, text in given.items()])
    with pytest.raises(CausalgenError):
        scm.abduct({**_factual(), **{name: [value] * 6 for name, value in given.items()}})


def test_evidence_in_words_is_read_alike(scm: StructuralCausalModel) -> None:
    assert parse_values(GRAPH, ["thickness=2", "level=+1", "code=true"]) == {
        "thickness": 2.0,
        "level": "+1",
        "code": True,
    }
    drawn = scm.sample(3, given={"thickness": "2", "level": "+1", "code": "true"}, seed=0)
    assert drawn["thickness"].tolist() == [2.0] * 3
    assert drawn["level"].tolist() == [0] * 3
    assert drawn["code"].tolist() == [1] * 3


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("gallery: [{do: {thickness: +1}}, {do: {intensity: thickness*40}}, {do: {thickness: -= 0.5}}]", None),
        ("gallery: [{do: {intensity: thicknes*40}}]", "line 8: .* Did you mean 'thickness'"),
        ("gallery: [{do: {thickness: digit*2}}]", "line 8: .* got the name 'digit'"),
    ],
)
def test_a_study_is_checked_with_its_expressions(study_file: Path, added: str, message: str | None) -> None:
    study_file.write_text(TINY + added)
    study = load_study(study_file)
    if message is None:
        check_study(study, study_graph(study))
        assert study.gallery[0].do == {"thickness": "+1"}  # not the number 1
        study_file.write_text(study.to_yaml())
        assert load_study(study_file) == study
        return
    with pytest.raises(CausalgenError, match=message):
        check_study(study, study_graph(study))
