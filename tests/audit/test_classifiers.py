"""Classifiers of every make give the scores that they give outside; what is no classifier is refused in one message."""

import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from causalgen.audit import Scorer, as_classifier, load_classifier
from causalgen.errors import (
    CausalgenError,
    CheckpointError,
    DataError,
    RenamedWarning,
    UnknownNameError,
    UntrustedCodeError,
)
from causalgen.graph import Variable
from causalgen.predictors import AttributePredictor, save

IMAGES = torch.randint(0, 256, (12, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def network(outputs: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, outputs))


def pipeline() -> object:
    pixels, labels = IMAGES.flatten(1).float().numpy(), np.array(["cat", "dog"])[np.arange(12) % 2]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(pixels, labels)


def test_a_torch_module_is_called_in_evaluation_mode_and_left_as_it_was() -> None:
    module = network().train()
    scores = as_classifier(module, outcome=1, scale=1 / 255, logits=True)(IMAGES).values
    assert module.training
    module.eval()
    assert scores == pytest.approx(module(IMAGES / 255).softmax(1)[:, 1].detach().numpy(), abs=1e-6)


def test_a_module_that_was_frozen_in_part_stays_so() -> None:
    module = network().train()
    module[1].eval()
    as_classifier(module, outcome=1, logits=True)(IMAGES)
    assert [part.training for part in module] == [True, False, True]


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_a_module_of_another_dtype_gets_images_of_its_own(kind: torch.dtype) -> None:
    found = as_classifier(network().to(kind), outcome=1, scale=1 / 255, logits=True)(IMAGES).values
    expected = network().eval()(IMAGES / 255).softmax(1)[:, 1].detach().numpy()
    assert found == pytest.approx(expected, abs=1e-6 if kind is torch.float64 else 0.02)


def test_one_logit_becomes_a_probability_and_more_than_a_batch_goes_through() -> None:
    many = IMAGES.repeat(200, 1, 1, 1)
    module = network(1).eval()
    found = as_classifier(module, outcome="sick", scale=1 / 255, logits=True)
    assert found.outcome == "sick"
    expected = module(many / 255).sigmoid()[:, 0].detach().numpy()
    assert found(many).values == pytest.approx(expected, abs=1e-6)
    assert (found(many).decisions == (expected >= 0.5)).all()


def test_an_sklearn_pipeline_sees_flattened_pixels_and_knows_its_labels() -> None:
    fitted = pipeline()
    found = as_classifier(fitted, outcome="dog")
    assert found(IMAGES).values == pytest.approx(fitted.predict_proba(IMAGES.flatten(1).float().numpy())[:, 1])
    with pytest.raises(UnknownNameError, match=r"'cat', 'dog'; got 'doge'\. Did you mean 'dog'"):
        as_classifier(fitted, outcome="doge")
    with pytest.raises(DataError, match="Expected images of 16 pixels"):
        found(torch.zeros(3, 1, 5, 5))


def test_a_number_is_a_label_before_it_is_a_position() -> None:
    table = np.array([[0.1, 0.2, 0.7]] * 12)
    for outcome in (1, "1", np.int64(1)):
        found = as_classifier(lambda images: table, outcome=outcome, labels=[3, 1, 8])
        assert (found.outcome, found(IMAGES).values[0]) == ("1", 0.2)
    assert as_classifier(lambda images: table, outcome=2, labels=[3, 1, 8]).outcome == "8"
    assert as_classifier(lambda images: table, outcome=True, labels=[False, "maybe", True]).outcome == "True"


def test_a_classifier_of_causalgen_from_memory_and_from_its_folder(tmp_path: Path) -> None:
    own = AttributePredictor(Variable("pen", "binary", labels=("thin", "thick")), (1, 4, 4), network="flat").eval()
    expected = own.probabilities(IMAGES)[:, 1].numpy()
    assert as_classifier(own, outcome="thick")(IMAGES).values == pytest.approx(expected)
    save(own, tmp_path / "pen")
    assert as_classifier(tmp_path / "pen", outcome="thick")(IMAGES).values == pytest.approx(expected)


def test_the_decision_is_the_likeliest_class_or_a_threshold() -> None:
    table = torch.tensor([[0.4, 0.3, 0.3], [0.2, 0.45, 0.35]])
    found = as_classifier(lambda images: table, outcome=0, labels=["a", "b", "c"])
    assert found(IMAGES[:2]).decisions.tolist() == [True, False]
    low = as_classifier(lambda images: table, outcome=0, threshold=0.1)
    assert low(IMAGES[:2]).decisions.tolist() == [True, True]
    assert low.outcome == "class 0"
    assert not as_classifier(lambda images: images.mean((1, 2, 3)), unit="grey levels").decides


@pytest.mark.parametrize("kind", ["script", "exported", "pickled"])
def test_torch_files_are_read_and_pickles_only_when_trusted(tmp_path: Path, kind: str) -> None:
    module, path = network().eval(), tmp_path / "model.pt"
    if kind == "script":
        torch.jit.trace(module, IMAGES / 255).save(path)
    elif kind == "exported":
        path = tmp_path / "model.pt2"
        sizes = ({0: torch.export.Dim.DYNAMIC},)
        torch.export.save(torch.export.export(module, (IMAGES / 255,), dynamic_shapes=sizes), path)
    else:
        torch.save(module, path)
    if kind != "script":
        with pytest.raises(DataError, match="--trust-code"):
            load_classifier(path)
    found = as_classifier(load_classifier(path, trust_code=kind != "script"), outcome=1, scale=1 / 255, logits=True)
    assert found(IMAGES[:7]).values == pytest.approx(
        module(IMAGES[:7] / 255).softmax(1)[:, 1].detach().numpy(), abs=1e-5
    )


def test_the_earlier_name_of_the_flag_works_with_a_warning(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 1), tmp_path / "net.pt")
    with pytest.warns(RenamedWarning, match="trust_pickle is now called trust_code"):
        found = load_classifier(tmp_path / "net.pt", trust_pickle=True)
    assert isinstance(found, torch.nn.Module)


def test_a_pickle_runs_nothing_unless_it_is_trusted(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    for name in ("model.pkl", "model.pt", "model.joblib"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(DataError, match="trust-code"):
            load_classifier(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
    joblib.dump(pipeline(), tmp_path / "good.joblib")
    trusted = load_classifier(tmp_path / "good.joblib", trust_code=True)
    assert as_classifier(trusted, outcome="dog")(IMAGES).values.shape == (12,)


def test_an_onnx_file_of_flat_pixels(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import FloatTensorType

    fitted = pipeline()
    written = skl2onnx.convert_sklearn(fitted, initial_types=[("pixels", FloatTensorType([None, 16]))])
    path = tmp_path / "model.onnx"
    path.write_bytes(written.SerializeToString())
    found = as_classifier(path, outcome=1)
    expected = fitted.predict_proba(IMAGES.flatten(1).float().numpy())[:, 1]
    assert found(IMAGES).values == pytest.approx(expected, abs=1e-5)
    with pytest.raises(DataError, match="Export it for images of this size"):
        found(torch.zeros(3, 1, 5, 5))


def test_an_onnx_file_of_images_with_a_fixed_batch(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 1, 4, 4]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 1]),
    ]
    graph = helper.make_graph(nodes, "mean", ends[:1], ends[1:])
    path = tmp_path / "mean.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    found = as_classifier(path, unit="grey levels")(IMAGES).values
    assert found == pytest.approx(IMAGES.double().mean((1, 2, 3)).numpy(), rel=1e-5)
    ends[0].type.tensor_type.elem_type = TensorProto.UINT8
    nodes.insert(0, helper.make_node("Cast", ["x"], ["floats"], to=TensorProto.FLOAT))
    nodes[1].input[0] = "floats"
    graph = helper.make_graph(nodes, "mean of bytes", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    assert as_classifier(path, unit="grey levels")(IMAGES).values == pytest.approx(found)
    with pytest.raises(DataError, match=r"takes bytes; got others\. Leave out the scale"):
        as_classifier(path, scale=1 / 255)(IMAGES)
    path.write_bytes(b"no model")
    with pytest.raises(DataError, match="Expected an ONNX model in"):
        as_classifier(path)


def test_a_missing_onnxruntime_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ImportError, match=r"causalgen\[onnx\]"):
        load_classifier(tmp_path / "model.onnx")


def test_a_function_of_a_module_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_scores.py").write_text("def darkness(images):\n    return 1 - images.mean((1, 2, 3)) / 255\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = as_classifier(load_classifier("my_scores:darkness", trust_code=True), outcome="darkness")
    assert found(IMAGES).values == pytest.approx(1 - IMAGES.double().mean((1, 2, 3)).numpy() / 255, abs=1e-5)


def of_another_size() -> torch.jit.ScriptModule:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 30 * 30, 2)).eval()
    return torch.jit.trace(module, torch.zeros(1, 3, 32, 32))


NOISE = torch.Generator().manual_seed(0)
BAD_OUTPUTS = {
    "a single number": (lambda images: 0.5, "Expected one score"),
    "too few": (lambda images: torch.zeros(3), r"Expected one score \(12,\)"),
    "an image each": (lambda images: images, "got shape"),
    "NaN": (lambda images: torch.full((len(images),), torch.nan), "Expected finite scores"),
    "logits": (lambda images: torch.full((len(images),), 4.0), "Pass logits=True"),
    "words": (lambda images: ["cat"] * len(images), "failed with ValueError"),
    "another size": (nn.Sequential(nn.Flatten(), nn.Linear(9, 1)), "Check the size, the channels"),
    "another size in TorchScript": (of_another_size(), r"expected input\[12, 1, 4, 4\] to have 3 channels"),
    "NaN for one": (
        lambda images: torch.where(torch.arange(len(images)) == 3, torch.nan, 0.5),
        "infinity for 1 outputs",
    ),
    "no class named": (lambda images: torch.full((len(images), 2), 0.5), "Name it \\(outcome="),
}


@pytest.mark.parametrize("case", BAD_OUTPUTS)
def test_wrong_outputs_are_refused(case: str) -> None:
    function, message = BAD_OUTPUTS[case]
    with pytest.raises(CausalgenError, match=message):
        as_classifier(function)(IMAGES)


def test_the_class_of_a_single_score_is_not_guessed() -> None:
    """P(yes) must not be taken for P(no)."""
    score = network(1)
    for options in ({"outcome": "no", "labels": ["no", "yes"]}, {"outcome": 0}, {"outcome": 1}):
        with pytest.raises(UnknownNameError, match=r"got one score per image\. Leave out the labels"):
            as_classifier(score, logits=True, **options)(IMAGES)


def test_a_classifier_that_looks_at_the_other_images_is_refused() -> None:
    normalising = as_classifier(lambda images: torch.sigmoid(images.mean((1, 2, 3)) - images.mean()))
    with pytest.raises(DataError, match="batch normalisation in evaluation mode"):
        normalising.check(IMAGES)


def test_a_classifier_that_draws_is_refused() -> None:
    drawing = as_classifier(lambda images: torch.rand(len(images), generator=NOISE))
    with pytest.raises(DataError, match="two calls differ by up to"):
        drawing.check(IMAGES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classifier": 3}, "Expected a classifier: a torch module"),
        ({"classifier": nn.Linear}, "got the class Linear. Make and fit one first"),
        ({"classifier": LinearSVC()}, "LinearSVC gives decisions without probabilities. Calibrate it"),
        ({"classifier": LogisticRegression}, "got the class LogisticRegression"),
        ({"classifier": LogisticRegression()}, "failed with NotFittedError"),
        ({"labels": ["a"], "outcome": "a"}, "two or more classes with different names; got 'a'"),
        ({"labels": ["a", "a"], "outcome": "a"}, "two or more classes with different names"),
        ({"classifier": pipeline(), "labels": ["dog", "cat"], "outcome": "cat"}, "own order, cat, dog; got dog, cat"),
        ({"logits": True, "unit": "grey levels"}, "no unit with logits"),
        ({"threshold": 50}, "threshold of a probability in \\[0, 1\\]; got 50"),
        ({"threshold": "0.5"}, "Expected a finite threshold"),
        ({"scale": 0}, "scale of the pixels as a positive number"),
        ({"scale": "1/255"}, "scale of the pixels as a positive number"),
        ({"threshold": float("nan")}, "Expected a finite threshold"),
        ({"unit": ""}, "unit of the score as text"),
        ({"labels": ["a", "b"], "outcome": "c"}, "Expected the class of interest among 'a', 'b'; got 'c'"),
        ({"classifier": "absent.onnx"}, "there is no such file"),
        ({"classifier": "absent_module:function"}, "Expected trusted code for a classifier; 'absent_module:function'"),
        ({"classifier": Scorer(lambda images: images)}, "got one that already is"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(CausalgenError, match=message):
        as_classifier(**{"classifier": lambda images: images.mean((1, 2, 3)), **arguments})(IMAGES)


def test_files_of_other_kinds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="importing it gave SystemExit: 3"):
        load_classifier("leaves:model", trust_code=True)
    for source, message in (
        ("absent_module:function", "importing it gave ModuleNotFoundError: No module named"),
        ("math:absent", "Expected 'absent' in 'math' for a classifier; it does not exist"),
    ):
        with pytest.raises(DataError, match=message):
            load_classifier(source, trust_code=True)
    with pytest.raises(
        UntrustedCodeError, match="Expected trusted code for a classifier; 'leaves:model' names Python code"
    ):
        load_classifier("leaves:model")
    with pytest.raises(UntrustedCodeError):
        as_classifier("leaves:model")
    (tmp_path / "nothing.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"Expected a torch module in .* it cannot be read"):
        load_classifier(tmp_path / "nothing.pt", trust_code=True)
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(DataError, match=r"Expected a classifier as \.onnx"):
        load_classifier(tmp_path / "model.h5")
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(DataError, match="weights alone are not a classifier"):
        load_classifier(tmp_path / "weights.pt", trust_code=True)
    with pytest.raises(CheckpointError):
        load_classifier(tmp_path)
    with pytest.raises(UnknownNameError, match="Expected the class of interest among the 2 outputs"):
        as_classifier(lambda images: torch.full((12, 2), 0.5), outcome=2)(IMAGES)
    with pytest.raises(DataError, match="Expected 3 outputs, one for each label; got 2"):
        as_classifier(lambda images: torch.full((12, 2), 0.5), outcome=1, labels="abc")(IMAGES)
