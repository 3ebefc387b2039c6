"""A saved model that was changed is refused with one message, before anything large is built."""

import hashlib
import json
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from effort import no_hang
from mechanism_cases import CASES
from safetensors.torch import load_file, save_file
from tiny_pipeline import located
from torch import Tensor

from causalgen.errors import CheckpointError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import MECHANISMS, SplineFlow, build
from causalgen.predictors import AttributePredictor
from causalgen.predictors import load as load_predictor
from causalgen.predictors import save as save_predictor
from causalgen.scm import StructuralCausalModel, load, save

SMALL = {"mechanism": "conv-vae", "latent": 2, "width": 4, "blocks": 1}
GRAPH = CausalGraph(
    "sex -> size; age -> size -> scan; grade -> size; size -> height; size -> weight",
    [
        Variable("sex", "binary", labels=("f", "m")),
        Variable("age", "continuous", support=(0, 100)),
        Variable("grade", "ordinal", labels=(1, 2, 3)),
        Variable("size", "continuous"),
        Variable("height", "continuous"),
        Variable("weight", "continuous", support=(0, float("inf"))),
        Variable("scan", "image", shape=(1, 6, 6)),
    ],
)
MODEL = {"age": "empirical", "height": "linear-gaussian", "weight": "additive-noise", "scan": SMALL}
MEGABYTES = 500


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    n = 60
    code = torch.arange(n) % 2
    size = torch.randn(n) + code
    scm = StructuralCausalModel(GRAPH, MODEL)
    scm.initialize(
        {"sex": code, "age": torch.rand(n) * 90, "grade": torch.arange(n) % 3, "size": size, "height": size + torch.randn(n),
         "weight": size.exp() + 1, "scan": torch.rand(n, 1, 6, 6) * 255}
    )  # fmt: skip
    return save(scm, tmp_path_factory.mktemp("saved") / "model")


def _unsigned(saved: Path) -> dict[str, Any]:
    """The description without its checksum, as someone writes it who wants a changed one to be loaded."""
    description = json.loads((saved / "model.json").read_text())
    del description["description_sha256"]
    return description


def _options(name: str, **options: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["mechanisms"][name].update(options)


def _graph(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    return lambda description: change(description["graph"])


def _variable(name: str, /, **fields: Any) -> Callable[[dict[str, Any]], None]:
    def change(description: dict[str, Any]) -> None:
        next(v for v in description["graph"]["variables"] if v["name"] == name).update(fields)

    return change


DESCRIPTIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "latent a million": (_options("scan", latent=1_000_000), "at least 1 and at most 16384 for the option 'latent'"),
    "latent within bounds": (_options("scan", latent=9_000), "with the shape"),
    "blocks a million": (_options("scan", blocks=1_000_000), "at most 256 for the option 'blocks'"),
    "blocks within bounds": (_options("scan", blocks=200), "Expected|network parts"),
    "width a billion": (_options("scan", width=10**9), "at most 16384 for the option 'width'"),
    "width within bounds": (_options("scan", width=8_000), "with the shape"),
    "width negative": (_options("scan", width=-4), "at least 1"),
    "width true": (_options("scan", width=True), "at least 1"),
    "width a word": (_options("scan", width="wide"), "whole number"),
    "local huge": (_options("scan", local=16_384), "with the shape"),
    "knots a billion": (_options("age", knots=10**9), "at most 1000000 for the option 'knots'"),
    "knots within bounds": (_options("age", knots=999_999), "with the shape"),
    "bins within bounds": (_options("size", bins=16_000), "with the shape"),
    "hidden wide": (_options("size", hidden=[16_384] * 3), "as described"),
    "hidden long": (_options("size", hidden=[1] * 100_000), "at most 64 whole numbers"),
    "another mechanism": (_options("scan", mechanism="image-flow"), "option of 'image-flow'"),
    "no mechanism": (_options("scan", mechanism="conv-va"), "Did you mean 'conv-vae'"),
    "an unknown option": (_options("scan", depth=3), "got 'depth'"),
    "a huge image": (_variable("scan", shape=[1, 10**6, 10**6]), "Expected"),
    "many channels": (_variable("scan", shape=[100_000, 6, 6]), "with the shape"),
    "more labels": (_variable("sex", kind="categorical", labels=list("abcdefgh")), "Expected"),
    "beta beyond any use": (_options("scan", beta=1e300), "at least 0 and at most 1e\\+06 for the option 'beta'"),
    "a deep option": (_options("scan", latent=json.loads('{"a":' * 500 + "1" + "}" * 500)), "whole number"),
    "a support beyond floats": (_variable("age", support=[0, 10**400]), "support of 'age'"),
    "a unit that is a list": (_variable("age", unit=["years"]), "unit of 'age' as text"),
    "a long name": (_variable("age", name="x" * 10**6), "names of at most 1,000 characters"),
    "many nodes": (
        _graph(lambda graph: graph["variables"].extend({"name": f"x{i}"} for i in range(100_000))),
        "at most 10,000 nodes",
    ),
    "many edges": (
        _graph(lambda graph: graph["edges"].extend([f"x{i}", f"x{j}"] for i in range(700) for j in range(i))),
        "at most 100,000 edges",
    ),
    "many layouts": (lambda description: description.update(channels_last=[["a"]] * 10**5), "Expected"),
    "a node less": (_graph(lambda graph: graph["variables"].pop()), "Expected"),
    "no graph": (lambda description: description.pop("graph"), "Expected"),
    "no mechanisms": (lambda description: description.update(mechanisms=[]), "Expected"),
    "deep": (lambda description: description.update(graph=[[[[[]]]]]), "Expected"),
    "a cycle": (_graph(lambda graph: graph["edges"].append(["scan", "age"])), "Expected"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_changed_description_is_refused(saved: Path, tmp_path: Path, name: str) -> None:
    change, message = DESCRIPTIONS[name]
    description = _unsigned(saved)
    change(description)
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    _refused(tmp_path, message)


CHANGES = ["support", "labels", "label", "option"]


@pytest.mark.parametrize("what", CHANGES)
def test_a_description_that_was_damaged_is_refused_by_its_checksum(saved: Path, tmp_path: Path, what: str) -> None:
    """Each of these would load, and answer wrongly."""
    text = (saved / "model.json").read_text()
    description = json.loads(text)
    nodes = {variable["name"]: variable for variable in description["graph"]["variables"]}
    if what == "support":
        nodes["scan"]["support"] = [0.0, 1.0]
    elif what == "labels":
        nodes["sex"]["labels"].reverse()
    elif what == "label":
        nodes["grade"]["labels"][0] = 0
    else:
        description["mechanisms"]["scan"]["residual"] = 1.0
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    _refused(tmp_path, "description that was saved in .*model.json'; got a changed one")
    del description["description_sha256"]
    (tmp_path / "model.json").write_text(json.dumps(description))
    load(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_what_can_be_read_without_end_is_not_read(saved: Path, tmp_path: Path, name: str) -> None:
    for file in ("model.json", "model.safetensors"):
        (tmp_path / file).write_bytes((saved / file).read_bytes())
    for make in (lambda path: path.symlink_to("/dev/zero"), os.mkfifo, Path.mkdir):
        (tmp_path / name).unlink()
        make(tmp_path / name)
        _refused(tmp_path, f"{name}' cannot be read: it is not a regular file")
        (tmp_path / name).rename(tmp_path / "aside") if (tmp_path / name).is_dir() else None
        (tmp_path / name).touch()


def _all_zero(part: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        for key in tensors:
            if key.startswith(part) and tensors[key].is_floating_point():
                tensors[key] = torch.zeros_like(tensors[key])

    return change


def _fill(ending: str, number: float) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        key = next(k for k in tensors if k.endswith(ending) and tensors[k].is_floating_point() and tensors[k].numel())
        tensors[key].view(-1)[0] = number

    return change


def _replace(ending: str, make: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        key = next(k for k in tensors if k.endswith(ending) and tensors[k].numel() > 1)
        tensors[key] = make(tensors[key]).contiguous()

    return change


def _drop(ending: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda tensors: tensors.pop(next(k for k in tensors if k.endswith(ending) and tensors[k].dim()))


POSITIONS = {name: f"_modules_by_position.{i}." for i, name in enumerate(GRAPH.nodes)}
WEIGHTS: dict[str, tuple[Callable[[dict[str, Tensor]], Any], str]] = {
    "NaN in a weight": (
        _fill("weight", float("nan")),
        "finite weights; got nan among the .* numbers in '.*weight' of the mechanism of 'sex'",
    ),
    "infinity in a weight": (_fill("weight", float("inf")), "finite weights; got inf"),
    "minus infinity in a bias": (_fill("bias", float("-inf")), "finite weights; got -inf"),
    "NaN in a scaler": (_fill("loc", float("nan")), "finite weights; got nan"),
    "NaN in the support": (_fill("threshold", float("nan")), "got nan .* of the support of the parents of '"),
    "infinity in the support": (_fill("reference", float("inf")), "finite weights; got inf"),
    "a scale of zero": (_fill("scaler.scale", 0.0), "greater than zero"),
    "a negative scale": (_fill("scaler.scale", -1.0), "greater than zero; got -1"),
    "everything zero": (_all_zero(""), "Expected"),
    "an image mechanism of zeros": (_all_zero(POSITIONS["scan"]), "Expected fitted weights|greater than zero"),
    "a class mechanism of zeros": (_all_zero(POSITIONS["sex"]), "nothing but zeros in '.*' of the mechanism of 'sex'"),
    "quantiles of zeros": (_all_zero(POSITIONS["age"]), "nothing but zeros in the mechanism of 'age'"),
    "coefficients of zeros": (_all_zero(POSITIONS["height"]), "greater than zero|nothing but zeros"),
    "one layer of zeros": (
        _replace("decoder.first.weight", torch.zeros_like),
        "in 'decoder.first.weight' of the mechanism of 'scan'",
    ),
    "another shape": (_replace("weight", lambda t: t.flatten()), "with the shape"),
    "one row more": (_replace("weight", lambda t: torch.cat([t, t[:1]])), "with the shape"),
    "integers": (_replace("weight", lambda t: t.long()), "of the dtype torch.float32; got torch.int64"),
    "one tensor in double": (_replace("weight", lambda t: t.double()), "weights of one dtype"),
    "a tensor less": (_drop("weight"), "got none"),
    "a tensor more": (lambda tensors: tensors.update(more=torch.zeros(3)), "an additional one, 'more'"),
    "a mark of another dtype": (
        lambda t: t.update({f"{POSITIONS['sex']}_initialized": torch.tensor(1.0)}),
        "of the dtype",
    ),
    "nothing": (lambda tensors: tensors.clear(), "got none"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_changed_weights_are_refused(saved: Path, tmp_path: Path, name: str) -> None:
    change, message = WEIGHTS[name]
    tensors = load_file(saved / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    _sign(saved, tmp_path)
    _refused(tmp_path, message)


def _sign(saved: Path, folder: Path) -> None:
    """Give the changed weights their checksum, so that nothing but their contents is wrong."""
    description = _unsigned(saved)
    description["sha256"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 100, b"\xff" * 8, (10**12).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]"],
    ids=["empty", "text", "a huge header", "a header beyond the file", "a list"],
)
def test_a_file_that_is_no_weights_is_refused(saved: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    _sign(saved, tmp_path)
    _refused(tmp_path, "can rebuild")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "null", "[]", "3", '"model"', " " * 17_000_000])
def test_a_file_that_is_no_description_is_refused(saved: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    (tmp_path / "model.safetensors").write_bytes((saved / "model.safetensors").read_bytes())
    _refused(tmp_path, "Expected")


def _refused(folder: Path, message: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with no_hang(), pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES
    assert "meta" not in str(caught.value)


def test_what_was_not_changed_loads_and_keeps_its_dtype(saved: Path, tmp_path: Path) -> None:
    scm = load(saved)
    twin = load(save(scm.double(), tmp_path / "double"))
    assert twin.like.dtype == torch.float64
    assert all(torch.equal(value, scm.state_dict()[key]) for key, value in twin.state_dict().items())
    state = torch.get_rng_state()
    load(saved)
    after = torch.get_rng_state()
    torch.set_rng_state(state)
    StructuralCausalModel(GRAPH, MODEL)
    assert torch.equal(torch.get_rng_state(), after)  # the look at the shapes draws nothing


def test_a_classifier_of_zeros_or_of_nan_is_refused(tmp_path: Path) -> None:
    classifier = AttributePredictor(GRAPH["sex"], (1, 12, 12), network="flat")
    classifier.initialize(torch.rand(8, 1, 12, 12))
    load_predictor(save_predictor(classifier, tmp_path / "right"))
    with torch.no_grad():
        next(classifier.parameters()).fill_(float("nan"))
    with pytest.raises(CheckpointError, match="finite weights"):
        load_predictor(save_predictor(classifier, tmp_path / "nan"))
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.zero_()
    with pytest.raises(CheckpointError, match="nothing but zeros"):
        load_predictor(save_predictor(classifier, tmp_path / "zero"))


class Counting(SplineFlow):
    """A mechanism from elsewhere whose constructor reads a number from a tensor."""

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, bins: int = 8) -> None:
        super().__init__(variable, parents, bins=int(torch.tensor(bins)))
        self.options = {"bins": bins}


def test_a_mechanism_that_reads_tensors_while_it_is_built_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MECHANISMS, "counting", Counting)
    scm = StructuralCausalModel(CausalGraph([], [GRAPH["size"]]), {"size": "counting"})
    scm.initialize({"size": torch.randn(50)})
    assert isinstance(load(save(scm, tmp_path)).mechanisms["size"], Counting)


def test_every_mechanism_can_be_looked_at_before_it_is_built() -> None:
    """No constructor reads a number from a tensor, which has none on the meta device."""
    for case in CASES:
        options = located(case.options)
        with torch.device("meta"):
            mechanism = build(case.mechanism, case.variable, case.parents, options)
        real = case.build()
        shapes = {key: tensor.shape for key, tensor in real.state_dict().items()}
        assert {key: tensor.shape for key, tensor in mechanism.state_dict().items()} == shapes
