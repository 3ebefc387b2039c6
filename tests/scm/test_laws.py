"""Laws of every structural causal model, on a graph with all kinds of variables and two images."""

import warnings

import pyro
import pytest
import torch
from torch import Tensor

from causalgen.errors import (
    AbductionError,
    CheckpointError,
    DataError,
    GraphError,
    MissingValueError,
    NotObservableError,
    SupportError,
    SupportWarning,
    UnknownNameError,
)
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Categorical, Mechanism
from causalgen.scm import StructuralCausalModel, load, save

N = 120
IMAGE = {"mechanism": "conv-vae", "latent": 3, "local": 2, "width": 8, "blocks": 1}
VARIABLES = [
    Variable("age", "continuous", support=(0, 100), unit="years"),
    Variable("pen", "binary", labels=("ballpoint", "felt-tip")),
    Variable("grade", "ordinal", labels=("low", "middle", "high")),
    Variable("size", "continuous"),
    Variable("kind", "categorical", labels=("p", "q", "r")),
    Variable("scan", "image", shape=(1, 12, 12)),
    Variable("photo", "image", shape=(3, 9, 14)),
]
GRAPH = CausalGraph(
    "age -> pen -> grade; age -> size; pen -> size -> scan; kind -> {scan, photo}; age -> photo", VARIABLES
)


def observed(n: int = N) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator)

    age = random() * 80 + 10
    pen = (random() < age / 100).long()
    return {
        "age": age,
        "pen": pen,
        "grade": (random() * 2 + pen).long(),
        "size": age / 20 + pen + random(),
        "kind": (random() * 3).long(),
        "scan": (random(1, 12, 12) * 255).round(),
        "photo": (random(3, 9, 14) * 255).round(),
    }


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(GRAPH, {"scan": IMAGE, "photo": IMAGE})
    model.initialize(observed())
    model.declare_fitted()
    return model.eval()


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        yield


QUERIES = [
    {"pen": "felt-tip"},
    {"age": 50.0, "kind": "q"},
    {"size": torch.linspace(0, 3, N)},
    {"pen": lambda value, parents: 1 - value},
    {"grade": "high"},
    {"scan": torch.zeros(1, 12, 12)},
]


@pytest.mark.parametrize("do", QUERIES, ids=lambda do: "+".join(do))
@pytest.mark.parametrize("particles", [None, 2])
def test_non_descendants_keep_their_values_bitwise(scm: StructuralCausalModel, do: dict, particles: int | None) -> None:
    factual = observed()
    result = scm.counterfactual(factual, do, particles=particles, seed=1)
    touched = set(do).union(*(GRAPH.descendants(name) for name in do))
    for name in GRAPH.nodes:
        shape = factual[name].shape if particles is None else (particles, *factual[name].shape)
        assert result[name].shape == shape
        if name not in touched:
            assert torch.equal(result[name], factual[name].expand(shape))


def test_no_intervention_returns_the_factual_bitwise(scm: StructuralCausalModel) -> None:
    factual = observed()
    result = scm.counterfactual(factual, {}, seed=1)
    assert all(torch.equal(result[name], factual[name]) for name in GRAPH.nodes)
    assert result.supported.all()


def test_the_last_of_two_interventions_holds(scm: StructuralCausalModel) -> None:
    posterior = scm.abduct(observed(), seed=1)
    first = posterior.counterfactual({"pen": "ballpoint"})
    assert torch.equal(first["pen"], torch.zeros(N, dtype=torch.int64))
    again = posterior.counterfactual({"pen": "felt-tip"})
    direct = scm.counterfactual(observed(), {"pen": "felt-tip"}, seed=1)
    assert all(torch.equal(again[name], direct[name]) for name in GRAPH.nodes)


def test_own_value_runs_the_mechanisms_and_keeps_attributes(scm: StructuralCausalModel) -> None:
    factual = observed()
    result = scm.counterfactual(factual, {"pen": factual["pen"]}, seed=1)
    assert torch.equal(result["grade"], factual["grade"])
    torch.testing.assert_close(result["size"], factual["size"], rtol=1e-4, atol=1e-4)
    assert not torch.equal(result["scan"], factual["scan"])
    assert torch.equal(result["photo"], factual["photo"])


def test_a_callable_sees_the_value_in_this_world(scm: StructuralCausalModel) -> None:
    factual = observed()
    posterior = scm.abduct(factual, seed=1)
    plain = posterior.counterfactual({"age": 60.0})
    both = posterior.counterfactual({"age": 60.0, "size": lambda value, parents: value + parents["pen"]})
    torch.testing.assert_close(both["size"], plain["size"] + plain["pen"])


def test_a_mechanism_replaces_a_mechanism(scm: StructuralCausalModel) -> None:
    other = Categorical(GRAPH["pen"], {"kind": GRAPH["kind"]}).declare_fitted()
    first = scm.counterfactual(observed(), {"pen": other}, seed=7)
    second = scm.counterfactual(observed(), {"pen": other}, seed=7)
    assert torch.equal(first["pen"], second["pen"])
    assert not torch.equal(first["pen"], observed()["pen"])
    assert scm.sample(50, do={"pen": other}, seed=2)["pen"].shape == (50,)
    listening_to_a_child = Categorical(GRAPH["pen"], {"grade": GRAPH["grade"]})
    with pytest.raises(GraphError, match="close a cycle"):
        scm.counterfactual(observed(), {"pen": listening_to_a_child})


def test_same_seed_same_world_and_the_global_state_stays(scm: StructuralCausalModel) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, second = scm.sample(30, seed=5), scm.sample(30, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in GRAPH.nodes)
    assert not torch.equal(first["size"], scm.sample(30, seed=6)["size"])


def test_chunks_do_not_change_the_answer(scm: StructuralCausalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = scm.abduct(observed(), seed=1)
    whole = noise.counterfactual({"size": 1.0})
    monkeypatch.setattr("causalgen.scm.model.units_at_once", lambda shape: 50)
    torch.testing.assert_close(noise.counterfactual({"size": 1.0})["scan"], whole["scan"], rtol=1e-4, atol=1e-2)


def test_support_flags_parents_far_from_training(scm: StructuralCausalModel) -> None:
    warnings.simplefilter("always", SupportWarning)
    with pytest.warns(SupportWarning, match="outside the joint range"):
        far = scm.counterfactual(observed(), {"size": 500.0}, seed=1)
    assert not far.supported.any()
    near = scm.counterfactual(observed(), {"size": lambda value, parents: value}, seed=1)
    assert near.supported.float().mean() > 0.9


def test_frames_carry_labels(scm: StructuralCausalModel) -> None:
    frame = scm.counterfactual(observed(), {"pen": "felt-tip"}, seed=1).to_frame()
    assert set(frame["pen"]) == {"ballpoint", "felt-tip"}
    assert set(frame["pen_cf"]) == {"felt-tip"}
    assert "scan" not in frame
    assert len(scm.counterfactual(observed(), {"pen": torch.tensor(1)}, particles=3).to_frame()) == 3 * N


def test_conditioning_selects_evidence(scm: StructuralCausalModel) -> None:
    drawn = scm.sample(400, given={"grade": "high"}, seed=1)
    assert set(drawn.to_frame()["grade"]) == {"high"}
    assert drawn["scan"].shape == (400, 1, 12, 12)
    photo = observed()["photo"][0]
    assert scm.sample(3, given={"photo": photo}, seed=1)["age"].shape == (3,)


def test_the_pyro_program_has_a_site_for_every_node(scm: StructuralCausalModel) -> None:
    values = {name: tensor[:8] for name, tensor in observed().items()}
    with torch.no_grad():
        trace = pyro.poutine.trace(scm.model).get_trace(8, values)
    trace.compute_log_prob()
    assert {"scan", "scan.z", "photo.z", *GRAPH.nodes} <= set(trace.nodes)
    assert all(trace.nodes[name]["is_observed"] for name in GRAPH.nodes)
    exact = {name: scm.mechanisms[name] for name in ("age", "pen", "grade", "size", "kind")}
    for name, mechanism in exact.items():
        parents = {p: values[p] for p in GRAPH.parents(name)}
        torch.testing.assert_close(trace.nodes[name]["log_prob"], mechanism.log_prob(values[name], parents))


class Score(Mechanism):
    """A deterministic mechanism: the mean brightness of an image parent."""

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict:
        return {}

    def forward(self, noise, parents, *, changed=frozenset()) -> Tensor:
        return next(iter(parents.values())).flatten(1).mean(1)


@pytest.fixture
def scored() -> StructuralCausalModel:
    scan, score = GRAPH["scan"], Variable("score", "continuous")
    graph = CausalGraph("scan -> score", [scan, score])
    return StructuralCausalModel(graph, {"scan": IMAGE, "score": Score(score, {"scan": scan})}).declare_fitted()


def test_evidence_on_a_node_without_likelihood_is_refused(scored: StructuralCausalModel) -> None:
    assert scored.sample(4)["score"].shape == (4,)
    evidence = torch.full((4,), 9.0)
    for attempt in (
        lambda: scored.sample(4, given={"score": 9.0}),
        lambda: scored.model(4, {"score": evidence}),
        lambda: pyro.condition(scored.model, {"score": evidence})(4),
    ):
        with pytest.raises(NotObservableError, match="score"):
            attempt()
    world = pyro.do(scored.model, {"score": evidence})(4)
    assert torch.equal(world["score"], evidence)


def test_counterfactuals_through_a_mechanism_that_cannot_abduct_are_refused(scored: StructuralCausalModel) -> None:
    factual = {"scan": torch.zeros(2, 1, 12, 12), "score": torch.zeros(2)}
    with pytest.raises(AbductionError, match="'score'"):
        scored.counterfactual(factual, {"scan": torch.ones(1, 12, 12)})


def test_saved_and_loaded_models_agree(scm: StructuralCausalModel, tmp_path) -> None:
    twin = load(save(scm, tmp_path / "model"))
    assert twin.graph == scm.graph
    first, second = scm.sample(20, seed=3), twin.sample(20, seed=3)
    assert all(torch.equal(first[name], second[name]) for name in GRAPH.nodes)
    a = scm.counterfactual(observed(), {"pen": "felt-tip"}, seed=2)
    b = twin.counterfactual(observed(), {"pen": "felt-tip"}, seed=2)
    assert torch.equal(a["scan"], b["scan"])
    assert torch.equal(a.supported, b.supported)


def test_a_broken_model_file_says_so(scm: StructuralCausalModel, tmp_path) -> None:
    with pytest.raises(CheckpointError, match="got none"):
        load(tmp_path)
    folder = save(scm, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="checksum"):
        load(folder)
    (folder / "model.json").write_text('{"format": 99}')
    with pytest.raises(CheckpointError, match="another kind of file"):
        load(folder)
    (folder / "model.json").write_text("not json")
    with pytest.raises(CheckpointError, match="Expected JSON"):
        load(folder)


def _without(values: dict, name: str) -> dict:
    return {k: v for k, v in values.items() if k != name}


def _with(values: dict, **changes) -> dict:
    return {**values, **changes}


MISTAKES = [
    (lambda v: _without(v, "size"), {}, MissingValueError, "got none for size"),
    (lambda v: _with(v, size=v["size"].index_fill(0, torch.tensor([4]), torch.nan)), {}, MissingValueError, "unit 4"),
    (lambda v: _with(v, colour=v["size"]), {}, UnknownNameError, "got 'colour'"),
    (lambda v: _with(v, pen=["biro"] * N), {}, DataError, "got 'biro'"),
    (lambda v: _with(v, pen=torch.full((N,), 2)), {}, DataError, r"codes of 'pen' in 0..1"),
    (lambda v: _with(v, pen=torch.full((N,), -2)), {}, DataError, r"codes of 'pen' in 0..1"),
    (lambda v: _with(v, pen=torch.full((N,), -1)), {}, MissingValueError, "a missing label"),
    (lambda v: _with(v, scan=v["scan"][:, :, :5]), {}, DataError, r"shape \(units, 1, 12, 12\)"),
    (lambda v: _with(v, scan=3.0), {}, DataError, "a single number"),
    (lambda v: _with(v, size=v["size"][:7]), {}, DataError, "one batch size"),
    (lambda v: {k: t[:0] for k, t in v.items()}, {}, DataError, "batch of size 0"),
    (lambda v: _with(v, age=v["age"] + 90), {}, SupportError, r"support \[0, 100\] years"),
    (dict, {"pne": 1}, UnknownNameError, "Did you mean 'pen'"),
    (dict, {"age": 101.0}, SupportError, "got 101"),
    (dict, {"pen": "biro"}, DataError, "got 'biro'"),
    (dict, {"scan": 3.0}, DataError, "a single number"),
    (dict, {"size": torch.zeros(7)}, DataError, f"one value or {N} values"),
    (dict, {"size": "big"}, UnknownNameError, "got the name 'big'"),
    (dict, {"size": ["1", "+1"] * (N // 2)}, DataError, r"got the text '\+1', which is a shift"),
    (dict, {"age": lambda value, parents: value + 200}, SupportError, "support"),
]


@pytest.mark.parametrize(("change", "do", "error", "message"), MISTAKES)
def test_mistakes_get_one_clear_message(scm: StructuralCausalModel, change, do, error, message) -> None:
    with pytest.raises(error, match=message):
        scm.counterfactual(change(observed()), do)


def test_models_refuse_hidden_confounding_and_foreign_mechanisms() -> None:
    pair = [Variable("a", "continuous"), Variable("b", "continuous")]
    with pytest.raises(GraphError, match="a <-> b"):
        StructuralCausalModel(CausalGraph("a -> b; a <-> b", pair))
    graph = CausalGraph("a -> b", pair)
    with pytest.raises(UnknownNameError, match="'c'"):
        StructuralCausalModel(graph, {"c": "spline-flow"})
    with pytest.raises(UnknownNameError, match="Did you mean 'spline-flow'"):
        StructuralCausalModel(graph, {"a": "spline-flo"})
    with pytest.raises(UnknownNameError, match="Did you mean 'bins'"):
        StructuralCausalModel(graph, {"a": {"mechanism": "spline-flow", "bin": 4}})
    with pytest.raises(ValueError, match="which is for ordinal"):
        StructuralCausalModel(graph, {"a": "ordinal"})
    with pytest.raises(ValueError, match="at least one unit"):
        StructuralCausalModel(graph).sample(0)
