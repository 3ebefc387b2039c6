"""A model that has seen no data refuses every query, names the nodes, and keeps its state through copies and files."""

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.exceptions import NotFittedError as LibraryNotFittedError
from torch.distributions import Distribution, Normal

from causalgen.errors import CausalgenError, NotFittedError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Categorical, Mechanism, build
from causalgen.scm import (
    StructuralCausalModel,
    ancestral_model,
    attribute_model,
    controlled_direct_effect,
    load,
    natural_effects,
    save,
)
from causalgen.training import FitConfig, Stage, fit
from causalgen.training.stage import NodeTrainer

LABELS = ("a", "b", "c")
IMAGE = {"mechanism": "conv-vae", "latent": 2, "width": 4, "blocks": 1}
N = 24


def _graph() -> CausalGraph:
    return CausalGraph(
        "group -> size -> score; grade -> score; size -> scan",
        [
            Variable("group", "categorical", labels=LABELS),
            Variable("grade", "ordinal", labels=(0, 1, 2)),
            Variable("size", "continuous"),
            Variable("score", "continuous"),
            Variable("scan", "image", shape=(1, 6, 6)),
        ],
    )


def _values(n: int = N) -> dict[str, torch.Tensor]:
    code = torch.arange(n) % 3
    size = torch.linspace(0, 1, n) + code
    return {
        "group": code,
        "grade": code.flip(0),
        "size": size,
        "score": size + torch.sin(torch.arange(n) * 2.0),
        "scan": (torch.ones(n, 1, 6, 6) * size[:, None, None, None] * 50).round(),
    }


def _model() -> StructuralCausalModel:
    return StructuralCausalModel(_graph(), {"scan": IMAGE})


def _bare() -> StructuralCausalModel:
    """A model without an image."""
    return attribute_model(_model())


NESTED = {"treatment": "group", "outcome": "score", "contrast": ("a", "b"), "n": 10}
QUERIES: dict[str, Callable[[StructuralCausalModel], Any]] = {
    "sample": lambda scm: scm.sample(3, seed=0),
    "sample under do": lambda scm: scm.sample(3, do={"size": 1.0}, seed=0),
    "sample with evidence": lambda scm: scm.sample(3, given={"group": "a"}, seed=0),
    "abduct": lambda scm: scm.abduct(_values()),
    "counterfactual": lambda scm: scm.counterfactual(_values(), {"size": 1.0}),
    "counterfactual, nothing done": lambda scm: scm.counterfactual(_values(), {}),
    "log_prob": lambda scm: scm.log_prob(_values()),
    "program": lambda scm: scm.model(3),
    "natural effects": lambda scm: natural_effects(scm, **NESTED),
    "natural effects of units": lambda scm: natural_effects(scm, **NESTED, factual=_values()),
    "controlled direct effect": lambda scm: controlled_direct_effect(scm, **NESTED, mediators={"size": 1.0}),
    "the attributes' part": lambda scm: attribute_model(scm).sample(2, seed=0),
    "an ancestral part": lambda scm: ancestral_model(scm, ["score"]).sample(2, seed=0),
}


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_an_unfitted_model_is_refused(query: str) -> None:
    with pytest.raises(NotFittedError, match=r"unfitted ones for .*'group'.*cg\.fit") as caught:
        QUERIES[query](_model())
    assert isinstance(caught.value, CausalgenError | LibraryNotFittedError)
    assert isinstance(caught.value, ValueError)


def test_only_the_unfitted_nodes_are_named_and_only_where_they_would_run() -> None:
    scm, values = _model(), _values()
    for name, mechanism in scm.mechanisms.items():
        if name != "size":
            mechanism.declare_fitted()
    with pytest.raises(NotFittedError, match=r"unfitted ones for 'size' \(1 of 5 nodes\)"):
        scm.sample(3)
    assert len(scm.sample(3, do={"size": 1.0}, seed=0)["score"]) == 3  # nobody asks the mechanism of 'size'
    with pytest.raises(NotFittedError, match="'size'"):
        scm.sample(3, do={"size": lambda value, parents: value + 1}, seed=0)  # a shift does
    with pytest.raises(NotFittedError, match="'size'"):
        scm.counterfactual(values, {"size": 1.0})
    assert list(scm.summary()["fitted"]) == [name != "size" for name in scm.graph.nodes]
    assert "not fitted" in repr(scm)


def _saved(scm: StructuralCausalModel, folder: Path) -> StructuralCausalModel:
    return load(save(scm, folder))


def _restored(scm: StructuralCausalModel, _: Path) -> StructuralCausalModel:
    twin = StructuralCausalModel(scm.graph, {"scan": IMAGE})
    twin.load_state_dict(scm.state_dict())
    return twin


COPIES: dict[str, Callable[[StructuralCausalModel, Path], StructuralCausalModel]] = {
    "deepcopy": lambda scm, _: copy.deepcopy(scm),
    "pickle": lambda scm, _: pickle.loads(pickle.dumps(scm)),
    "state dict": _restored,
    "files": _saved,
    "double": lambda scm, _: copy.deepcopy(scm).double(),
    "another model of its mechanisms": lambda scm, _: StructuralCausalModel(scm.graph, scm.mechanisms),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("fitted", [True, False])
def test_the_state_is_kept(way: str, fitted: bool, tmp_path: Path) -> None:
    scm = _model()
    if fitted:
        scm.initialize(_values())
        scm.declare_fitted()
    twin = COPIES[way](scm, tmp_path / "model")
    assert [m.fitted for m in twin.mechanisms.values()] == [fitted] * 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if fitted:
            assert len(twin.sample(4, seed=0)["scan"]) == 4
        else:
            with pytest.raises(NotFittedError):
                twin.sample(4, seed=0)


def test_weights_from_before_the_mark_count_as_fitted() -> None:
    scm = _bare()
    scm.initialize(_values())
    scm.declare_fitted()
    old = {key: value for key, value in scm.state_dict().items() if not key.endswith("_initialized")}
    assert len(old) == len(scm.state_dict()) - 4
    twin = _bare()
    twin.load_state_dict(old)
    assert len(twin.sample(4, seed=0)["score"]) == 4


class Doubled(Mechanism):
    """Deterministic: twice the sum of its parents."""

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        return {"u": Normal(torch.zeros(batch_shape), 1.0)}

    def forward(self, noise, parents, *, changed=frozenset()):
        return 2 * sum(parents.values(), torch.zeros_like(noise["u"]))


class Scaled(Doubled):
    """The same with a scaler, which has to be fitted."""

    def initialize(self, value, parents) -> None:
        self.scale = float(value.std())


X, Y = Variable("x", "continuous"), Variable("y", "continuous")


def test_what_has_nothing_to_fit_is_fitted_and_what_is_set_by_hand_can_be_declared() -> None:
    assert Doubled(Y, {"x": X}).fitted
    assert not Scaled(Y, {"x": X}).fitted
    assert Scaled(Y, {"x": X}).declare_fitted().fitted
    assert not build("linear-gaussian", Y, {"x": X}).fitted
    assert build("linear-gaussian", Y, {"x": X}).set(0.0, {"x": 1.0}, 1.0).fitted
    assert not Categorical(Variable("k", "categorical", labels=LABELS), {}).fitted
    scm = StructuralCausalModel(
        CausalGraph("x -> y", [X, Y]),
        {"x": build("linear-gaussian", X, {}).set(1.0, {}, 1.0), "y": Doubled(Y, {"x": X})},
    )
    drawn = scm.sample(5, seed=0)
    assert torch.equal(drawn["y"], 2 * drawn["x"])


def _fitted(scm: StructuralCausalModel) -> dict[str, bool]:
    return {name: mechanism.fitted for name, mechanism in scm.mechanisms.items()}


def test_initialize_fits_only_what_is_not_trained() -> None:
    scm = _model()
    scm.mechanisms["group"].requires_grad_(False)  # frozen: it keeps what it has learned
    scm.initialize(_values())
    assert [name for name, fitted in _fitted(scm).items() if fitted] == ["group"]
    closed = StructuralCausalModel(CausalGraph("x -> y", [X, Y]), {"x": "empirical", "y": "spline-flow"})
    closed.initialize({"x": [0.0, 1.0, 2.0], "y": [1.0, 0.0, 4.0]})
    assert _fitted(closed) == {"x": True, "y": False}


@pytest.mark.parametrize("stage", ["attributes", "scan"])
def test_an_interrupted_fit_leaves_its_stage_unfitted(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in an epoch: what the stage trains answers no query, also where it was fitted before."""
    scm, values = _model(), _values()
    one = Stage(epochs=1, batch_size=12)
    splits, config = {"train": values, "validation": values}, FitConfig(one, one, threads=1)
    fit(scm, splits, config)
    assert all(_fitted(scm).values())
    names = ["scan"] if stage == "scan" else ["group", "grade", "size", "score"]
    end_epoch = NodeTrainer.end_epoch

    def interrupted(trainer: NodeTrainer, *arguments: Any) -> bool:
        if trainer.name == names[-1]:
            raise KeyboardInterrupt
        return end_epoch(trainer, *arguments)

    monkeypatch.setattr(NodeTrainer, "end_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(scm, splits, config)
    monkeypatch.undo()
    assert [name for name, fitted in _fitted(scm).items() if not fitted] == [
        name for name in scm.graph.nodes if name in names or name == "scan"
    ]
    with pytest.raises(NotFittedError, match=f"'{names[-1]}'"):
        scm.sample(3)
    fit(scm, splits, config)
    assert len(scm.sample(3, seed=0)["scan"]) == 3


def test_an_unfitted_mechanism_is_no_intervention() -> None:
    scm = _bare()
    scm.initialize(_values())
    scm.declare_fitted()
    scm.declare_fitted()
    with pytest.raises(NotFittedError, match=r"do\(size\); got a SplineFlow"):
        scm.sample(3, do={"size": build("spline-flow", scm.graph["size"], {})})


def test_the_module_of_errors_stays_light() -> None:
    code = "import sys, causalgen.errors as e; before = 'sklearn' in sys.modules; e.NotFittedError('x')"
    code += "; print(before, 'sklearn' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False True\n"
    )
