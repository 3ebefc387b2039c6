"""Nested counterfactuals of models whose answers are known in closed form or by enumeration."""

import itertools
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

from causalgen.errors import AbductionError, DataError, GraphError, MissingValueError, SupportError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.graph.nested_estimand import EstimandName
from causalgen.mediation import NestedAnswer, NestedQuestion, simulate_nested
from causalgen.scm import StructuralCausalModel

N = 4_000
CONTRAST = {"treatment": "x", "outcome": "y", "contrast": (0.0, 2.0)}
BINARY = {"treatment": "x", "outcome": "y", "contrast": (False, True)}


def asking(query: EstimandName) -> Callable[..., NestedAnswer]:
    """A function that asks a model one kind of question."""

    def ask(scm: StructuralCausalModel, **given: Any) -> NestedAnswer:
        options = {name: given.pop(name) for name in ("factual", "particles", "n", "level", "seed") if name in given}
        return simulate_nested(scm, NestedQuestion(query, **given), **options)

    return ask


natural_effects, controlled_direct_effect = asking("natural"), asking("controlled")
path_specific_effect, effect_on_treated = asking("path"), asking("treated")
probability_of_causation = asking("causation")


def linear() -> StructuralCausalModel:
    """z -> {x, m, y}; x -> l -> m -> y; {x, l} -> y; y -> image.

    l = 0.7 x + e;  m = 1 + z + 2 l + e;  y = 0.5 x - l + 3 m + z + e, the image below y.
    """
    variables = [Variable(name, "continuous") for name in "zxlmy"] + [Variable("image", "image", shape=(1, 8, 8))]
    graph = CausalGraph("z -> {x, m, y}; x -> l -> m -> y; {x, l} -> y; y -> image", variables)
    scm = StructuralCausalModel(graph, dict.fromkeys("zxlmy", "linear-gaussian")).double()
    scm.mechanisms["z"].set(0, {}, 1)
    scm.mechanisms["x"].set(0, {"z": 1}, 1)
    scm.mechanisms["l"].set(0, {"x": 0.7}, 1)
    scm.mechanisms["m"].set(1, {"z": 1, "l": 2}, 1)
    scm.mechanisms["y"].set(0, {"z": 1, "x": 0.5, "l": -1, "m": 3}, 1)
    return scm


def binary(seed: int = 0) -> StructuralCausalModel:
    """z -> {x, m, y}; x -> m -> y; x -> y, all binary with random networks."""
    torch.manual_seed(seed)
    graph = CausalGraph("z -> {x, m, y}; x -> m -> y; x -> y", [Variable(name, "binary") for name in "zxmy"])
    scm = StructuralCausalModel(graph)
    with torch.no_grad():
        for mechanism in scm.mechanisms.values():
            for weight in mechanism.parameters():
                weight.mul_(2.5)
    return scm.declare_fitted()


def table(scm: StructuralCausalModel, name: str) -> dict[tuple[int, ...], float]:
    """P(name = 1 | parents) by parent values, from the mechanism's logits."""
    parents = scm.graph.parents(name)
    rows = list(itertools.product((0, 1), repeat=len(parents)))
    columns = {p: torch.tensor([row[i] for row in rows]) for i, p in enumerate(parents)}
    with torch.no_grad():
        one = scm.mechanisms[name].logits(columns).softmax(-1)[:, 1]
    return dict(zip(rows, one.tolist()))


# -- linear models: product of coefficients --------------------------------------------------------------------------


def test_natural_effects_are_products_of_coefficients() -> None:
    """Estimand: total, Y(b, M(a)) - Y(a) and Y(a, M(b)) - Y(a), M = {l, m}, contrast 2."""
    answer = natural_effects(linear(), **CONTRAST, n=N)
    direct, indirect = 2 * 0.5, 2 * 0.7 * (2 * 3 - 1)
    assert answer["total"].value == pytest.approx(direct + indirect)
    assert answer["natural direct"].value == pytest.approx(direct)
    assert answer["natural indirect"].value == pytest.approx(indirect)
    assert "identifies it from data: P(y(x=b, l(x=a), m(x=a)))" in answer.reading


def test_path_specific_effects_are_products_along_the_path() -> None:
    """Estimand: x=b along one path; l is a recanting witness for the two longer ones, the model answers still."""
    scm = linear()
    for path, expected in [("x -> y", 0.5), ("x -> l -> y", -0.7), ("x -> l -> m -> y", 0.7 * 2 * 3)]:
        answer = path_specific_effect(scm, **CONTRAST, paths=path, n=N)
        assert answer["path-specific"].value == pytest.approx(2 * expected)
        assert ("recanting witness 'l'" in answer.reading) == ("l" in path)


def test_controlled_effects_go_around_what_is_set() -> None:
    """Estimand: Y(b, m = 1) - Y(a, m = 1): the paths around m."""
    answer = controlled_direct_effect(linear(), **CONTRAST, mediators={"m": 1.0}, n=N)
    assert answer["controlled direct"].value == pytest.approx(2 * (0.5 - 0.7))


def test_a_continuous_treatment_has_an_effect_on_the_treated() -> None:
    """The effect does not vary over units here; the units with x = 2 do: E[z | x = 2] = 1."""
    answer = effect_on_treated(linear(), **CONTRAST, n=N)
    assert answer["effect on the treated"].value == pytest.approx(2 * (0.5 + 0.7 * 5))


def test_observed_units_keep_their_own_noise() -> None:
    """A factual table without the image is enough; each unit has its row."""
    scm = linear()
    world = dict(scm_sample(scm, 50))
    answer = natural_effects(scm, **CONTRAST, factual=world)
    assert len(answer.by_unit) == 50
    assert answer.by_unit["natural direct"].to_numpy() == pytest.approx(2 * 0.5)
    assert answer.rows_used == 50


def scm_sample(scm: StructuralCausalModel, n: int) -> dict[str, torch.Tensor]:
    """Units without their image."""
    graph = scm.graph.project([name for name in scm.graph if not scm.graph[name].is_image])
    small = StructuralCausalModel(graph, {name: scm.mechanisms[name] for name in graph})
    return dict(small.sample(n, seed=1))


def test_images_that_the_outcome_does_not_listen_to_are_not_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    scm = linear()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the image was generated")

    monkeypatch.setattr(scm.mechanisms["image"], "forward", refuse)
    natural_effects(scm, **CONTRAST, n=10)
    effect_on_treated(scm, **CONTRAST, n=10)
    natural_effects(scm, **CONTRAST, factual=scm_sample(scm, 5))


def test_default_mediators_are_attributes_as_from_a_table() -> None:
    variables = [*(Variable(name, "continuous") for name in "xmy"), Variable("image", "image", shape=(1, 8, 8))]
    scm = StructuralCausalModel(CausalGraph("x -> {m, image, y}; {m, image} -> y", variables)).declare_fitted()
    assert natural_effects(scm, **CONTRAST, n=5)["natural direct"].definition == "y(b, m(a)) - y(a)"
    named = natural_effects(scm, **CONTRAST, n=5, mediators=["m", "image"])
    assert "image(a)" in named["natural direct"].definition


# -- discrete models: enumeration ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nonlinear() -> tuple[StructuralCausalModel, NestedAnswer]:
    scm = binary()
    return scm, natural_effects(scm, **BINARY, n=20_000)


def test_natural_effects_of_a_discrete_model_follow_the_mediation_formula(
    nonlinear: tuple[StructuralCausalModel, NestedAnswer],
) -> None:
    """Estimand: Σ_{z, m} P(y | x=b, z, m) P(m | x=a, z) P(z), within 4 Monte Carlo errors."""
    scm, answer = nonlinear
    z1, pm, py = table(scm, "z")[()], table(scm, "m"), table(scm, "y")
    parents = scm.graph.parents("y")

    def nested(x: int, kept: int) -> float:
        total = 0.0
        for z, m in itertools.product((0, 1), repeat=2):
            weight = (z1 if z else 1 - z1) * abs(1 - m - pm[z, kept])
            total += weight * py[tuple({"z": z, "x": x, "m": m}[p] for p in parents)]
        return total

    assert scm.graph.parents("m") == ("z", "x")
    for name, expected in [
        ("total", nested(1, 1) - nested(0, 0)),
        ("natural direct", nested(1, 0) - nested(0, 0)),
        ("natural indirect", nested(0, 1) - nested(0, 0)),
    ]:
        reach = (answer[name].high - answer[name].low) / 1.96 * 2
        assert answer[name].value == pytest.approx(expected, abs=reach)


def test_total_is_direct_minus_the_reversed_indirect_effect(
    nonlinear: tuple[StructuralCausalModel, NestedAnswer],
) -> None:
    """TE(a -> b) = NDE(a -> b) - NIE(b -> a), for every unit."""
    scm, forward = nonlinear
    back = natural_effects(scm, **{**BINARY, "contrast": (True, False)}, n=20_000)
    total = forward.by_unit["natural direct"] - back.by_unit["natural indirect"]
    pd.testing.assert_series_equal(total, forward.by_unit["total"], check_names=False)
    assert not (forward.by_unit["total indirect"] - forward.by_unit["natural indirect"]).eq(0).all()


def test_paths_add_up_to_worlds(nonlinear: tuple[StructuralCausalModel, NestedAnswer]) -> None:
    """All paths: the total effect. Only the arrow: the natural direct effect. For every unit."""
    scm, answer = nonlinear
    for paths, name in [
        (["x -> y", "x -> m -> y"], "total"),
        ("x -> y", "natural direct"),
        ("x -> m -> y", "natural indirect"),
    ]:
        along = path_specific_effect(scm, **BINARY, paths=paths, n=20_000)
        pd.testing.assert_series_equal(along.by_unit["path-specific"], answer.by_unit[name], check_names=False)


def test_the_effect_on_the_treated_weighs_by_the_treated() -> None:
    """Estimand: Σ_z (P(y | b, z) - P(y | a, z)) P(z | x=b), m summed out."""
    scm = binary(3)
    z1, px, pm, py = table(scm, "z")[()], table(scm, "x"), table(scm, "m"), table(scm, "y")

    def mean(x: int, z: int) -> float:
        return sum(
            abs(1 - m - pm[z, x]) * py[tuple({"z": z, "x": x, "m": m}[p] for p in scm.graph.parents("y"))]
            for m in (0, 1)
        )

    weight = [(1 - z1) * px[0,], z1 * px[1,]]
    expected = sum(w * (mean(1, z) - mean(0, z)) for z, w in enumerate(weight)) / sum(weight)
    drawn = effect_on_treated(scm, **BINARY, n=20_000)["effect on the treated"]
    assert drawn.value == pytest.approx(expected, abs=0.02)
    factual = scm.sample(20_000, seed=2)
    observed = effect_on_treated(scm, **BINARY, factual=dict(factual))
    assert observed["effect on the treated"].value == pytest.approx(expected, abs=0.02)
    assert len(observed.by_unit) == int(factual["x"].sum())


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_causation_of_gumbel_max_are_those_of_a_threshold(seed: int) -> None:
    """z -> {x, y}; x -> y. With two labels Gumbel-max is a threshold on one logistic noise, so given z the response to
    x is monotone: P(Y(a)=0, Y(b)=1 | z) = max(0, p_b(z) - p_a(z)). Estimand: PN, PS, PNS by enumeration."""
    torch.manual_seed(seed)
    scm = StructuralCausalModel(
        CausalGraph("z -> {x, y}; x -> y", [Variable(name, "binary") for name in "zxy"])
    ).declare_fitted()
    with torch.no_grad():
        for weight in scm.mechanisms["y"].parameters():
            weight.mul_(2.5)
    z1, px, py = table(scm, "z")[()], table(scm, "x"), table(scm, "y")
    rows = [(1 - z1, px[0,], py[0, 0], py[0, 1]), (z1, px[1,], py[1, 0], py[1, 1])]
    responds = [max(0.0, b - a) for _, _, a, b in rows]
    expected = {
        "PNS": sum(w * r for (w, *_), r in zip(rows, responds)),
        "PN": sum(w * x * r for (w, x, _, _), r in zip(rows, responds)) / sum(w * x * b for w, x, _, b in rows),
        "PS": sum(w * (1 - x) * r for (w, x, _, _), r in zip(rows, responds))
        / sum(w * (1 - x) * (1 - a) for w, x, a, _ in rows),
    }
    drawn = probability_of_causation(scm, **BINARY)
    factual = probability_of_causation(scm, **BINARY, factual=dict(scm.sample(2_000, seed=3)), particles=50)
    for name, value in expected.items():
        assert drawn[name].value == pytest.approx(value, abs=0.03)
        assert factual[name].value == pytest.approx(value, abs=0.03)
        for row in (drawn[name], factual[name]):
            assert row.bounds[0] - 0.01 <= row.value <= row.bounds[1] + 0.01
    assert "no data identify the coupling" in drawn.reading
    assert drawn.to_frame().columns.tolist()[:6] == ["name", "value", "low", "high", "definition", "monotone"]


def test_intervals_cover_the_mean_over_units() -> None:
    """Of 60 intervals at 95 % at least 52 hold the mean over 200,000 units (a binomial tail of 1 %)."""
    scm = binary(1)
    truth = natural_effects(scm, **BINARY, n=200_000, seed=99)["natural direct"].value
    covered = [natural_effects(scm, **BINARY, n=500, seed=s)["natural direct"] for s in range(60)]
    assert sum(row.low <= truth <= row.high for row in covered) >= 52


def test_the_same_seed_gives_the_same_answer() -> None:
    scm = binary()
    first, second, other = (natural_effects(scm, **BINARY, n=500, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())
    assert not first.by_unit.equals(other.by_unit)


def test_particles_average_over_the_posterior() -> None:
    scm = binary()
    answer = natural_effects(scm, **BINARY, factual=dict(scm.sample(20, seed=1)), particles=40)
    assert len(answer.by_unit) == 20
    assert answer.by_unit["total"].nunique() > 3


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"outcome": "x"}, GraphError, "two different variables"),
        ({"outcome": "image"}, DataError, "'image' is image"),
        ({"treatment": "q"}, UnknownNameError, "got 'q'"),
        ({"contrast": None}, DataError, r"contrast=\(a, b\).*got None"),
        ({"contrast": (1.0,)}, DataError, r"contrast=\(a, b\)"),
        ({"contrast": (1.0, 1.0)}, DataError, "two different values of 'x'"),
        ({"contrast": (0.0, "high")}, DataError, "numbers for 'x'"),
        ({"mediators": "z"}, GraphError, "on a causal path from 'x' to 'y': l, m; got 'z'"),
        ({"treatment": "m"}, GraphError, "Expected a mediator between 'm' and 'y'"),
        ({"n": 1}, DataError, "at least two units"),
        ({"particles": 5}, DataError, "got particles=5 without"),
        ({"level": 95}, DataError, "between 0 and 1"),
        ({"level": "95%"}, DataError, "between 0 and 1"),
        ({"factual": {"x": [1.0]}}, MissingValueError, "got none for z, l, m, y"),
        ({"factual": {"xx": [1.0]}}, UnknownNameError, "got 'xx'"),
        ({"factual": [1.0]}, DataError, "mapping or data frame; got list"),
    ],
)
def test_bad_questions_get_one_clear_message(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        natural_effects(linear(), **{**CONTRAST, "n": 10, **change})


def test_other_bad_questions_get_one_clear_message() -> None:
    with pytest.raises(GraphError, match="'x' is continuous"):
        probability_of_causation(linear(), **CONTRAST)
    with pytest.raises(GraphError, match="got x -> m, which is none"):
        path_specific_effect(linear(), **CONTRAST, paths="x -> m -> y")
    with pytest.raises(DataError, match="mediators as a mapping"):
        controlled_direct_effect(linear(), **CONTRAST, mediators="m")
    with pytest.raises(DataError, match="Expected units with x = 2 among the factual ones"):
        effect_on_treated(linear(), **CONTRAST, factual=scm_sample(linear(), 5))
    with pytest.raises(UnknownNameError, match="Did you mean 'total'"):
        natural_effects(linear(), **CONTRAST, n=10)["totle"]
    scm = binary()
    with pytest.raises(DataError, match="label of 'x'"):
        natural_effects(scm, **{**BINARY, "contrast": ("no", "yes")})
    lone = {name: [True, True] for name in "zxmy"}
    with pytest.raises(DataError, match="Expected units that PS is about"):
        probability_of_causation(scm, **BINARY, factual=lone)


def test_an_outcome_upstream_of_the_treatment_does_not_move() -> None:
    answer = effect_on_treated(linear(), treatment="y", outcome="x", contrast=(0.0, 1.0), n=100)
    assert answer["effect on the treated"].value == 0
    assert "It is 0 by the graph" in answer.reading


def test_values_outside_the_support_are_refused() -> None:
    graph = CausalGraph("x -> y", [Variable("x", "continuous", support=(0, 1)), Variable("y", "continuous")])
    with pytest.raises(SupportError, match="within its support"):
        effect_on_treated(StructuralCausalModel(graph), treatment="x", outcome="y", contrast=(0, 5))


def test_mechanisms_without_abduction_are_named() -> None:
    scm = linear()
    from causalgen.mechanisms import Mechanism

    class Opaque(Mechanism):
        def noise(self, batch_shape: tuple[int, ...] = ()) -> dict:
            return {"u": torch.distributions.Normal(torch.zeros(batch_shape).double(), 1.0)}

        def forward(self, noise: dict, parents: dict, *, changed: frozenset = frozenset()) -> torch.Tensor:
            return noise["u"] + parents["l"]

    parents = {p: scm.graph[p] for p in scm.graph.parents("m")}
    opaque = StructuralCausalModel(scm.graph, {**scm.mechanisms, "m": Opaque(scm.graph["m"], parents)})
    assert natural_effects(opaque, **CONTRAST, n=100)["natural direct"].value == pytest.approx(1.0)
    with pytest.raises(AbductionError, match=r"can abduct for 'm'.*got Opaque"):
        natural_effects(opaque, **CONTRAST, factual=scm_sample(scm, 5))
