"""Exported graphs answer as the model does, on variables of every kind, and what cannot be exported is refused by name."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalgen.errors import DataError, ExportError, NotFittedError, UnknownNameError
from causalgen.export import Exported, ExportQuestion, compare, export_model, shrink
from causalgen.export.check import agreement
from causalgen.export.onnx_runtime import open_onnx
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel

pytest.importorskip("onnxscript")
IMAGE: dict[str, Any] = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 32, "blocks": 1, "residual": 0.3}
GRAPH = CausalGraph(
    '"dose, mg" -> {pen, grade, wait}; {pen, grade, "dose, mg"} -> scan.left; wait -> alone',
    [
        Variable("dose, mg", "continuous", support=(0, 20)),
        Variable("pen", "categorical", labels=("ballpoint", "felt-tip", "brush")),
        Variable("grade", "ordinal", labels=(3, 5, 9)),
        Variable("wait", "continuous", unit="s", support=(0, float("inf"))),
        Variable("alone", "continuous"),
        Variable("scan.left", "image", shape=(3, 9, 11)),
    ],
)
MECHANISMS = {"alone": "linear-gaussian", "wait": "additive-noise", "scan.left": IMAGE}


SMALL = CausalGraph('"dose, mg" -> pen -> scan.left', [GRAPH["dose, mg"], GRAPH["pen"], GRAPH["scan.left"]])
CAUSE = CausalGraph("wait -> alone", [GRAPH["wait"], GRAPH["alone"]])
SCAN = CausalGraph("pen -> scan.left", [GRAPH["pen"], GRAPH["scan.left"]])


def _values(n: int = 200) -> dict[str, Any]:
    rng = torch.Generator().manual_seed(0)
    dose = 20 * torch.rand(n, generator=rng)
    pen = (dose / 7).long().clamp(0, 2)
    grade = torch.randint(0, 3, (n,), generator=rng)
    wait = dose + torch.rand(n, generator=rng)
    scan = (torch.rand(n, 3, 9, 11, generator=rng) * 155 + 5 * dose[:, None, None, None]).to(torch.uint8)
    return {"dose, mg": dose, "pen": pen, "grade": grade, "wait": wait, "alone": wait + dose, "scan.left": scan}


def _model(graph: CausalGraph, mechanisms: dict[str, Any]) -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(graph, mechanisms)
    values = _values()
    model.initialize({name: values[name] for name in graph.nodes})
    return model.declare_fitted().eval()


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    return _model(SMALL, {"scan.left": IMAGE})


@pytest.fixture(scope="module")
def exported(scm: StructuralCausalModel, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_model(scm, tmp_path_factory.mktemp("onnx"), factual=_units(scm, 12))


def _units(scm: StructuralCausalModel, count: int) -> dict[str, torch.Tensor]:
    return {name: scm.tensor(name, _values()[name][:count]) for name in scm.graph.nodes}


def test_an_export_gives_the_answers_of_the_model(exported: Exported) -> None:
    assert all(value <= 1e-4 for value in exported.agreement.difference.values())
    assert exported.agreement.same_support == 1
    assert (exported.agreement.units, exported.agreement.queries) == (12, 3)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "torch-export"])
def test_variables_of_every_kind_are_exported(to: str, tmp_path: Path) -> None:
    scm = _model(GRAPH, MECHANISMS)
    done = export_model(scm, tmp_path, to=to, factual=_units(scm, 12))
    assert all(value <= 1e-4 for value in done.agreement.difference.values())
    assert (done.agreement.same_support, done.agreement.queries) == (1, 6)
    described = json.loads((tmp_path / "export.json").read_text())["files"]["abduct"]["inputs"]
    drawn = {entry["name"]: entry["drawn from"] for entry in described if "drawn from" in entry}
    assert drawn == {"random.pen": "standard Gumbel", "random.grade": "uniform on [0, 1)"}


def test_names_shapes_and_meanings_are_described(exported: Exported) -> None:
    description = json.loads((exported.folder / "export.json").read_text())
    inputs = {entry["name"]: entry for entry in description["files"]["predict"]["inputs"]}
    assert inputs["do.dose, mg"]["support"] == [0, 20]
    assert inputs["factual.pen"] == {
        "name": "factual.pen", "type": "int64", "shape": ["batch"], "codes": ["ballpoint", "felt-tip", "brush"],
    }  # fmt: skip
    assert inputs["factual.scan.left"]["layout"] == "channels, height, width (red, green, blue)"
    assert "do.scan.left" not in inputs
    for name, path in exported.graphs.files.items():
        session = open_onnx(path)
        for found, listed in ((session.get_inputs(), "inputs"), (session.get_outputs(), "outputs")):
            assert [entry.name for entry in found] == [e["name"] for e in description["files"][name][listed]]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert description["files"][name]["sha256"] == digest


@pytest.mark.parametrize("units", [1, 5, 12])
def test_any_number_of_units_and_units_left_alone(exported: Exported, scm: StructuralCausalModel, units: int) -> None:
    factual = _units(scm, units)
    random = {"pen": torch.rand(units, 3)}
    found = exported.graphs.counterfactual(factual, {"dose, mg": factual["dose, mg"]}, random)
    assert all(len(array) == units for array in found.values())
    kept = exported.graphs.counterfactual(factual, {}, random)
    assert all((kept[name] == value.numpy()).all() for name, value in factual.items())
    assert kept["supported"].all()


@pytest.mark.parametrize("precision", ["half", "int8"])
def test_smaller_copies_keep_labels_and_are_measured(
    exported: Exported, scm: StructuralCausalModel, precision: str
) -> None:
    factual = _units(scm, 40)
    ask = ExportQuestion(factual, {"dose, mg": factual["dose, mg"].roll(1)})
    truth = replace(ask, truth={"scan.left": factual["scan.left"]})
    small = shrink(scm, exported.graphs, precision, [ask], seed=0)
    table = compare(scm, {"single": exported.graphs, precision: small}, [ask], seed=0)
    assert table["bytes"].iloc[1] < 0.8 * table["bytes"].iloc[0]
    assert table["error"].iloc[0] == 0 < table["error"].iloc[1] < 3  # grey levels
    assert (table["labels"] == 0).all()
    assert table["change"].isna().all()
    known = compare(scm, {"single": exported.graphs, precision: small}, [truth], seed=0)
    wanted = exported.graphs.counterfactual(factual, ask.do, {"pen": torch.zeros(40, 3)})
    assert known["error"].iloc[0] == pytest.approx(
        np.abs(wanted["scan.left"] - factual["scan.left"].numpy()).mean(), rel=0.2
    )
    assert known["change"].iloc[0] == 0 != known["change"].iloc[1]


def test_a_torch_export_answers_in_pytorch_alone(tmp_path: Path) -> None:
    scm = _model(CAUSE, {})
    done = export_model(scm, tmp_path, to="torch-export")
    assert max(done.agreement.difference.values()) <= 1e-6
    module = torch.export.load(tmp_path / "predict.pt2").module()
    wait, alone = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 7.0])
    noise = torch.export.load(tmp_path / "abduct.pt2").module()(wait, alone)[0]
    changed = module(wait, alone, noise, wait + 1, alone, torch.tensor([True, False]), torch.tensor([False, False]))
    expected = scm.counterfactual({"wait": wait, "alone": alone}, {"wait": wait + 1})
    changed = [tensor.detach() for tensor in changed]
    assert changed[1][0] == pytest.approx(float(expected["alone"][0]), abs=1e-5)
    assert changed[1][1] == alone[1]
    with pytest.raises(DataError, match="Export with to='onnx'"):
        shrink(scm, done.graphs, "half", [], seed=0)


def _unfitted() -> StructuralCausalModel:
    return StructuralCausalModel(CAUSE)


@pytest.mark.parametrize(
    ("make", "to", "error", "words"),
    [
        (lambda: _model(CAUSE, {}), "tflite", UnknownNameError, "among onnx, torch-export; got 'tflite'"),
        (_unfitted, "onnx", NotFittedError, "wait"),
        (
            lambda: _model(SCAN, {"scan.left": {"mechanism": "dcgan", "latent": 2, "width": 4}}),
            "onnx",
            ExportError,
            r"'scan\.left' has 'dcgan', which abducts no noise.*Fit 'scan\.left' with 'conv-vae'",
        ),
    ],
    ids=["another format", "an unfitted model", "a mechanism without abduction"],
)
def test_what_cannot_be_exported_is_refused(
    make: Callable[[], StructuralCausalModel], to: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        export_model(make(), tmp_path / "out", to=to)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_operator_without_a_translation_names_its_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scm = _model(CAUSE, {})
    monkeypatch.setattr(type(scm.mechanisms["alone"]), "forward", lambda self, u, pa, changed: torch.special.i1(u["u"]))
    with pytest.raises(ExportError, match=r"'alone' has 'spline-flow', which cannot: .*i1.*Try --to torch-export"):
        export_model(scm, tmp_path)


def test_an_export_with_other_answers_is_refused(exported: Exported, scm: StructuralCausalModel) -> None:
    graphs = exported.graphs

    def disturbed(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        answers = graphs.run_predict(given)
        return answers | {"counterfactual.scan.left": answers["counterfactual.scan.left"] + np.float32(0.05)}

    found = agreement(scm, replace(graphs, run_predict=disturbed), _units(scm, 8), seed=0)
    with pytest.raises(ExportError, match=r"differs from the model in 'scan\.left' by"):
        found.refuse_difference()


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from causalgen.export import onnx_runtime

    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ImportError, match=r"Expected onnxscript for ONNX files.*causalgen\[onnx\]"):
        export_model(_model(CAUSE, {}), tmp_path)
