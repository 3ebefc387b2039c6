"""Abduction from partial evidence: against closed forms, enumeration and the model's own draws."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from causalgen.errors import (
    DataError,
    EvidenceWarning,
    MissingValueError,
    NotObservableError,
    SupportError,
    UnknownNameError,
)
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import ConvVAE, Observable
from causalgen.scm import StructuralCausalModel, completion, importance
from causalgen.scm.linear_evidence import gaussian_posterior

pytestmark = pytest.mark.filterwarnings("ignore::causalgen.errors.SupportWarning")
NAMES = "abcdef"
EDGES = "a -> b; a -> c; b -> d; c -> d; d -> e; b -> e; e -> f; a -> f"
PATTERNS = [m for size in range(1, 6) for m in itertools.combinations(NAMES, size)]


@pytest.fixture(scope="module")
def linear() -> StructuralCausalModel:
    graph = CausalGraph(EDGES, [Variable(name, "continuous") for name in NAMES])
    model = StructuralCausalModel(graph, dict.fromkeys(NAMES, "linear-gaussian")).double()
    random = np.random.default_rng(0)
    for name, mechanism in model.mechanisms.items():
        mechanism.set(random.normal(), {p: random.normal() for p in graph.parents(name)}, 0.5 + random.random())
    return model


def conditional(model: StructuralCausalModel, units: Any, missing: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Mean `(B, d)` and covariance of the missing nodes given the others, by conditioning the joint Gaussian."""
    weights, intercepts, scales = torch.zeros(6, 6).double(), torch.zeros(6).double(), torch.zeros(6).double()
    for row, mechanism in enumerate(model.mechanisms.values()):
        intercepts[row], scales[row] = mechanism.intercept, mechanism.scale
        for parent, weight in zip(mechanism.parents, mechanism.weight):
            weights[row, NAMES.index(parent)] = weight
    total = torch.linalg.inv(torch.eye(6).double() - weights)
    mean, joint = total @ intercepts, total @ torch.diag(scales**2) @ total.T
    hidden = [NAMES.index(name) for name in missing]
    known = [place for place in range(6) if place not in hidden]
    gain = joint[hidden][:, known] @ torch.linalg.inv(joint[known][:, known])
    seen = torch.stack([units[NAMES[place]] for place in known], dim=1)
    return mean[hidden] + (seen - mean[known]) @ gain.T, joint[hidden][:, hidden] - gain @ joint[known][:, hidden]


def test_linear_gaussian_posteriors_equal_the_closed_form_for_every_pattern(linear: StructuralCausalModel) -> None:
    units = linear.sample(3, seed=1)
    for missing in PATTERNS:
        mean, covariance = conditional(linear, units, missing)
        known = {name: units[name] for name in NAMES if name not in missing}
        for group in completion.groups(linear.graph.networkx(), linear.graph.nodes, frozenset(missing)):
            found, factor = gaussian_posterior(linear, group, known)
            places = [missing.index(name) for name in group.hidden]
            torch.testing.assert_close(found, mean[:, places], rtol=1e-5, atol=1e-9)
            inverse = torch.cholesky_inverse(factor)
            torch.testing.assert_close(inverse, covariance[places][:, places], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("missing", [("a",), ("b", "c"), ("a", "f"), ("d", "e", "f"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("exact", [True, False])
def test_draws_have_the_closed_form_s_moments(
    linear: StructuralCausalModel, missing: tuple[str, ...], exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exact:  # the same posteriors by importance sampling
        monkeypatch.setattr(completion, "is_linear_gaussian", lambda *_: False)
    units, k = linear.sample(60, seed=2), 400
    known = {name: units[name] for name in NAMES if name not in missing}
    posterior = linear.abduct(known, particles=k, seed=3)
    assert posterior.completed.effective.min() > k / 2
    draws = torch.stack([posterior.completed.by_particle()[name] for name in missing], dim=-1)
    mean, covariance = conditional(linear, units, missing)
    apart = (draws.mean(dim=0) - mean) / covariance.diagonal().sqrt()
    assert float(apart.square().mean()) < 1.6 / k
    spread = torch.stack([torch.cov(draws[:, unit].T).reshape(len(missing), -1) for unit in range(60)]).mean(dim=0)
    torch.testing.assert_close(spread, covariance, rtol=0.08, atol=0.03)


def test_discrete_posteriors_equal_enumeration() -> None:
    kinds = {"a": ("binary", ("n", "y")), "b": ("categorical", tuple("pqr")), "c": ("ordinal", (1, 2, 3))}
    kinds |= {"d": ("binary", (0, 1)), "e": ("categorical", tuple("uvwx")), "f": ("ordinal", ("low", "mid", "high"))}
    graph = CausalGraph(EDGES, [Variable(name, kind, labels=labels) for name, (kind, labels) in kinds.items()])
    model = StructuralCausalModel(graph).double()
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    model.declare_fitted()
    table = torch.cartesian_prod(*(torch.arange(len(labels)) for _, labels in kinds.values()))
    with torch.no_grad():
        probability = model.log_prob({name: table[:, place] for place, name in enumerate(NAMES)}).exp()
    unit, k = model.sample(1, seed=2), 3000
    for missing in PATTERNS[::4]:
        posterior = model.abduct({n: unit[n] for n in NAMES if n not in missing}, particles=k, seed=1)
        fits = torch.ones(len(table), dtype=torch.bool)
        for place, name in enumerate(NAMES):
            fits &= (table[:, place] == unit[name]) if name not in missing else True
        for name in missing:
            for code in range(len(kinds[name][1])):
                share = probability[fits & (table[:, NAMES.index(name)] == code)].sum() / probability[fits].sum()
                found = (posterior.completed.by_particle()[name] == code).double().mean()
                assert float((found - share).abs()) < 4.5 * float((share * (1 - share) / k).sqrt()) + 1e-3, (
                    missing,
                    name,
                )


@pytest.mark.parametrize("switches", [1, 2, 3])
def test_labels_and_numbers_that_are_missing_together_keep_their_joint_posterior(switches: int) -> None:
    """y = a / 2 + the switches + noise: given y and the switches, a is normal with variance 0.8."""
    names = [f"s{number}" for number in range(switches)]
    variables = [Variable("a", "continuous"), Variable("y", "continuous")]
    variables += [Variable(name, "binary", labels=(0, 1)) for name in names]
    model = StructuralCausalModel(
        CausalGraph("; ".join(f"{name} -> y" for name in ["a", *names]), variables),
        dict.fromkeys(["a", "y"], "linear-gaussian"),
    ).double()
    model.mechanisms["a"].set(0.0, {}, 1.0)
    model.mechanisms["y"].set(0.0, {"a": 0.5} | dict.fromkeys(names, 1.0), 1.0)
    model.declare_fitted()
    draws = model.abduct({"y": [1.2]}, particles=8000, seed=0).completed.by_particle()
    codes = torch.stack([draws[name][:, 0] for name in names], dim=1)
    for code in itertools.product([0, 1], repeat=switches):
        a = draws["a"][:, 0][(codes == torch.tensor(code)).all(dim=1)]
        assert float(a.mean()) == pytest.approx(0.4 * (1.2 - sum(code)), abs=0.12), code
        assert float(a.std()) == pytest.approx(0.8**0.5, abs=0.09), code


@pytest.fixture(scope="module")
def mixed() -> StructuralCausalModel:
    """Age and sex, which move a measure and a small picture; fitted to noise with structure."""
    size = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 8, "blocks": 1}
    variables = [
        Variable("age", "continuous", unit="years", support=(0, 100)),
        Variable("sex", "binary", labels=("f", "m")),
        Variable("volume", "continuous"),
        Variable("scan", "image", shape=(1, 8, 8)),
    ]
    model = StructuralCausalModel(CausalGraph("{age, sex} -> volume -> scan; sex -> scan", variables), {"scan": size})
    random = torch.Generator().manual_seed(0)
    age, sex = torch.rand(500, generator=random) * 80 + 10, (torch.rand(500, generator=random) < 0.5).long()
    volume = age / 20 + sex + 0.3 * torch.randn(500, generator=random)
    scan = (volume * 25)[:, None, None, None].expand(-1, 1, 8, 8).clamp(0, 255)
    torch.manual_seed(0)
    model.initialize({"age": age, "sex": sex, "volume": volume, "scan": scan})
    return model.declare_fitted().eval()


def test_known_values_stay_and_what_follows_is_predicted_from_the_draws(mixed: StructuralCausalModel) -> None:
    units = dict(mixed.sample(4, seed=1))
    holes = units | {"age": units["age"].clone(), "volume": units["volume"].clone()}
    holes["age"][1], holes["volume"][2:] = torch.nan, torch.nan
    posterior = mixed.abduct(holes, particles=30, seed=2)
    draws = posterior.completed.by_particle()
    for name in units:
        known = posterior.completed.known[name]
        assert torch.equal(draws[name][:, known], units[name][known].expand(30, *units[name][known].shape)), name
    assert draws["age"][:, 1].std() > 1
    result = posterior.counterfactual({"age": "+5"})
    torch.testing.assert_close(result["age"], draws["age"] + 5)
    assert torch.equal(posterior.counterfactual({})["volume"], draws["volume"])
    null = posterior.counterfactual({"age": lambda value, parents: value})  # composition: the same volume again
    torch.testing.assert_close(null["volume"], draws["volume"], rtol=1e-3, atol=1e-3)
    table = posterior.inferred().set_index(["unit", "variable"])
    assert list(table.index) == [(1, "age"), (2, "volume"), (3, "volume")]
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    frame = result.to_frame()
    assert frame.loc[frame["unit"] == 1, "age"].nunique() > 20  # the draws, not their mean
    assert "missing values inferred" in repr(posterior)
    posterior.completed.effective[1:3] = torch.tensor([1.0, 2.0])
    collapsed = posterior.inferred().set_index("unit")
    assert collapsed.loc[1, ["low", "high", "share"]].isna().all()  # copies of one draw have no spread
    assert collapsed.loc[2, "low"] < collapsed.loc[2, "high"]


def test_a_style_is_an_intervention_with_the_values_of_other_units(mixed: StructuralCausalModel) -> None:
    content, style = dict(mixed.sample(3, seed=1)), dict(mixed.sample(3, seed=2))
    posterior = mixed.abduct(content)
    moved = posterior.transfer(style, ["age"])
    expected = posterior.counterfactual({"age": style["age"]})
    assert torch.equal(moved["volume"], expected["volume"])
    assert torch.equal(moved["scan"], expected["scan"])
    held = posterior.transfer(style, ["age"], hold=True)
    assert torch.equal(held["volume"], content["volume"])
    assert torch.equal(held["sex"], content["sex"])
    frame = pd.DataFrame({"age": style["age"].numpy()}, index=["c", "a", "b"])  # the names of the style's own units
    assert torch.equal(posterior.transfer(frame, ["age"])["age"], moved["age"])
    with pytest.raises(DataError, match="noise is known"):
        posterior.transfer(frame, ["scan.z"])
    with pytest.raises(DataError, match="same rows in the same order"):
        posterior.transfer({"age": frame["age"], "volume": frame["age"].iloc[::-1]}, ["age", "volume"])
    one = posterior.transfer({"sex": "m"}, "sex")
    assert one.title == "do(sex = m)"
    drawn = mixed.abduct({"scan": content["scan"], "age": content["age"]}, particles=7, seed=0)
    kept = drawn.transfer(style, ["sex"], hold=True)
    assert torch.equal(kept["volume"], drawn.completed.by_particle()["volume"])
    assert posterior.transfer(drawn, ["sex"])["sex"].shape == (3,)


def test_a_style_without_a_label_is_a_part_of_the_noise(mixed: StructuralCausalModel) -> None:
    content, style = (mixed.abduct(dict(mixed.sample(3, seed=seed))) for seed in (1, 2))
    scan = mixed.mechanisms["scan"]
    taken = content.transfer(style, ["sex", "scan.z"])
    parents = {name: taken[name] for name in mixed.graph.parents("scan")}
    noise = {**content.noise["scan"], "z": style.noise["scan"]["z"]}
    assert torch.equal(taken["scan"], scan(noise, parents))
    assert not torch.equal(taken["scan"], content.transfer(style, ["sex"])["scan"])
    assert taken.title == "do(sex = one value per unit, scan.z of the style)"
    parts = [f"scan.{key}" for key in style.noise["scan"]]
    whole = content.transfer(style, [*mixed.graph.attributes, *parts])
    again = style.counterfactual({name: style.factual[name] for name in mixed.graph.attributes})
    assert torch.equal(whole["scan"], again["scan"])  # everything taken: the style itself
    assert torch.equal(
        content.transfer(content, parts)["volume"], content.factual["volume"]
    )  # no descendant of the scan


def test_noise_is_taken_draw_by_draw_or_as_its_mean(mixed: StructuralCausalModel) -> None:
    units = [dict(mixed.sample(3, seed=seed)) for seed in (1, 2)]
    content, style = (mixed.abduct(unit, particles=5, seed=0) for unit in units)
    single = mixed.abduct(units[0]).transfer(style, ["scan.z"])["scan"]
    mean = style.noise["scan"]["z"].unflatten(0, (5, 3)).mean(0)
    point = mixed.abduct(units[0])
    parents = {name: point.factual[name] for name in mixed.graph.parents("scan")}
    assert torch.equal(single, mixed.mechanisms["scan"]({**point.noise["scan"], "z": mean}, parents))
    drawn = content.transfer(style, ["scan.z"])["scan"]
    assert drawn.shape == (5, 3, 1, 8, 8)
    one = mixed.abduct({name: value[:1] for name, value in units[1].items()}, particles=5, seed=0)
    shared = content.transfer(one, [f"scan.{key}" for key in one.noise["scan"]])["scan"]
    assert shared.shape == (5, 3, 1, 8, 8)
    assert torch.equal(content.transfer(content, ["volume.u"])["sex"], content.factual["sex"].expand(5, 3))


def test_a_missing_leaf_has_fresh_noise_and_keeps_it(mixed: StructuralCausalModel) -> None:
    posterior = mixed.abduct({"age": [30.0, 60.0], "sex": ["f", "m"]}, particles=40, seed=0)
    draws = posterior.completed.by_particle()
    assert draws["scan"].shape == (40, 2, 1, 8, 8)
    result = posterior.counterfactual({"age": [30.0, 60.0]})
    torch.testing.assert_close(result["volume"], draws["volume"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(result["scan"], draws["scan"], rtol=1e-3, atol=1e-2)


def test_tables_with_holes_keep_their_labels(mixed: StructuralCausalModel) -> None:
    table = pd.DataFrame(
        {"age": [20.0, None, 70.0], "sex": ["m", "f", None], "volume": [2.0, 3.0, np.nan]}, index=["p-9", "p-2", "p-5"]
    )
    scan = mixed.sample(3, seed=4)["scan"]
    posterior = mixed.abduct(table.assign(sex=table["sex"].astype("category")), particles=20, seed=0)
    assert set(zip(posterior.inferred()["unit"], posterior.inferred()["variable"])) == {
        ("p-2", "age"),
        ("p-5", "sex"),
        ("p-5", "volume"),
    }
    assert posterior.inferred().dropna(subset="share")["value"].isin(["f", "m"]).all()
    assert list(posterior.counterfactual({"sex": "m"}).to_frame().index[:3]) == ["p-9", "p-2", "p-5"]
    values: dict[str, Any] = {name: table[name].tolist() for name in table} | {"scan": scan}
    assert mixed.abduct(values, particles=5, seed=0).units == 3
    holes = {"sex": pd.Categorical(["f", None, "m"]), "age": [20.0, pd.NA, 50.0], "scan": [*scan[:2].numpy(), None]}
    known = mixed.abduct(holes, particles=5, seed=0).completed.known
    assert known["sex"].tolist() == known["age"].tolist() == [True, False, True]
    assert known["scan"].tolist() == [True, True, False]
    codes = mixed.abduct(holes | {"sex": torch.tensor([0, -1, 1])}, particles=5, seed=0).completed
    assert torch.equal(codes.known["sex"], known["sex"])
    assert codes.by_particle()["sex"][:, [0, 2]].tolist() == [[0, 1]] * 5
    nobody = mixed.abduct(holes | {"sex": torch.full((3,), -1)}, particles=5, seed=0).completed.known
    assert not nobody["sex"].any()


@pytest.mark.parametrize("labels", [(0, 1, 2), (False, True), ("0", "1"), (0.5, 2)], ids=str)
def test_inferred_labels_are_those_of_their_variable_next_to_means(labels: tuple[Any, ...]) -> None:
    kind = "binary" if len(labels) == 2 else "categorical"
    graph = CausalGraph('a -> b; "tumour grade"', [
        Variable("a", "continuous"), Variable("b", "continuous"), Variable("tumour grade", kind, labels=labels)
    ])  # fmt: skip
    model = StructuralCausalModel(graph, {"a": "linear-gaussian", "b": "linear-gaussian"}).declare_fitted()
    found = model.abduct({"b": [0.3, 1.0]}, particles=20, seed=0).inferred().set_index("variable")["value"]
    assert all(type(value) is type(labels[labels.index(value)]) for value in found["tumour grade"])
    assert all(isinstance(value, float) for value in found["a"])


def test_a_vae_s_estimate_of_its_likelihood_is_unbiased() -> None:
    mechanism = ConvVAE(Variable("scan", "image", shape=(1, 4, 4)), {}, latent=1, local=1, width=4, blocks=1)
    torch.manual_seed(0)
    image = torch.rand(1, 1, 4, 4).mul(255).round().expand(6000, -1, -1, -1)
    with torch.no_grad():
        ours = mechanism.estimate_log_prob(image, {})
        plain = Observable.estimate_log_prob(mechanism, image, {})
    logs = torch.tensor(6000.0).log()
    torch.testing.assert_close(ours.logsumexp(0) - logs, plain.logsumexp(0) - logs, atol=0.3, rtol=0.0)


def mute() -> StructuralCausalModel:
    variables = [Variable("age", "continuous"), Variable("scan", "image", shape=(1, 8, 8))]
    return StructuralCausalModel(CausalGraph("age -> scan", variables), {"scan": {"mechanism": "gan"}}).declare_fitted()


PIXELS = torch.full((1, 1, 8, 8), 9.0)
BAD: list[tuple[Callable[[StructuralCausalModel], Any], type[Exception], str]] = [
    (lambda m: m.abduct({"age": [5.0, None], "sex": ["f", None]}, particles=3), MissingValueError, "none in unit 1"),
    (lambda m: m.abduct({}, particles=3), MissingValueError, "at least one known value"),
    (lambda m: m.abduct({"age": [5.0]}), MissingValueError, "particles=200"),
    (lambda m: m.abduct({"age": [5.0], "sex": ["f", "m"]}, particles=3), DataError, "one batch size"),
    (lambda m: m.abduct({"age": [500.0]}, particles=3), SupportError, r"\[0, 100\]"),
    (lambda m: m.abduct({"sex": ["x", None], "age": [1.0, 2.0]}, particles=3), DataError, "'x'"),
    (
        lambda m: m.abduct({"age": [5.0], "scan": PIXELS.index_fill(3, torch.tensor([0]), torch.nan)}, particles=3),
        MissingValueError,
        "NaN in some pixels of unit 0",
    ),
    (lambda m: m.abduct(dict(m.sample(2))).transfer(m.sample(2), ["scan"]), DataError, "attributes to take; got scan"),
    (lambda m: m.abduct(dict(m.sample(2))).transfer(m.sample(2), []), DataError, "got none. Choose among"),
    (lambda m: m.abduct(dict(m.sample(2))).transfer({"age": 3.0}, ["sex"]), UnknownNameError, "a value of sex"),
    (lambda m: m.abduct(dict(m.sample(2))).transfer(m.sample(3), ["sex"]), DataError, "2 values"),
    (lambda m: m.abduct(dict(m.sample(2))).transfer(m.sample(2), ["scan.z"]), DataError, "Abduct the style"),
    (lambda m: m.abduct(dict(m.sample(2))).transfer(m.sample(2), ["scan.zz"]), UnknownNameError, "scan.z.*'scan.zz'"),
    (
        lambda m: m.abduct(dict(m.sample(2))).transfer(m.abduct(dict(m.sample(3))), ["scan.z"]),
        DataError,
        "1 or 2 units as the style; got 3",
    ),
    (
        lambda m: m.abduct(dict(m.sample(2))).transfer(mute().abduct(dict(mute().sample(2))), ["scan.z"]),
        DataError,
        "got two models",
    ),
    (
        lambda m: m.abduct(dict(m.sample(2))).transfer(m.abduct(dict(m.sample(2))), ["volume", "volume.u"]),
        DataError,
        "either 'volume' or parts of its noise",
    ),
    (lambda m: m.abduct({"scan": "a picture"}, particles=3), DataError, "pixels for 'scan'"),
    (lambda m: m.abduct({"scan": PIXELS[0, 0, 0]}, particles=3), DataError, r"shape \(units, 1, 8, 8\)"),
    (lambda m: mute().abduct({"scan": PIXELS}, particles=3), NotObservableError, "conv-vae"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_evidence_that_cannot_be_used_is_refused(
    mixed: StructuralCausalModel, ask: Callable[[StructuralCausalModel], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(mixed)


def test_impossible_and_rare_evidence_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = CausalGraph("a -> b", [Variable("a", "continuous"), Variable("b", "continuous")])
    model = StructuralCausalModel(graph, {"a": "empirical", "b": "empirical"} | {"b": "linear-gaussian"})
    model.initialize({"a": torch.linspace(0, 1, 50), "b": torch.linspace(0, 1, 50) + 0.05 * torch.randn(50)})
    model.declare_fitted()
    monkeypatch.setattr(importance, "ROUNDS", 1)
    model.mechanisms["b"].set(0.0, {"a": 1.0}, 1e-4)
    with pytest.warns(EvidenceWarning, match="rare under the model"):
        model.abduct({"b": [0.5]}, particles=50, seed=0)
    model.mechanisms["b"].set(0.0, {"a": 1.0}, 1e-30)
    with pytest.raises(SupportError, match="no value of a makes b possible"):
        model.abduct({"b": [0.1234567]}, particles=50, seed=0)
    model.mechanisms["b"].set(0.0, {"a": 1.0}, 0.01)
    with pytest.raises(SupportError, match="in unit 2, no value"):
        model.abduct({"a": [0.5, None, None], "b": [0.5, 0.5, 1e30]}, particles=50, seed=0)
