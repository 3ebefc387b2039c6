"""What survives other couplings of the noises: closed forms, exact bounds, coverage of a known truth, and bad input."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_gaussian import linear_gaussian
from pyro import distributions as dist
from scipy.optimize import linprog
from scipy.stats import kstest, norm
from torch import Tensor

from causalgen.errors import AbductionError, DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive, build
from causalgen.scm import Ambiguity, Claim, Posterior, StructuralCausalModel, Turn
from causalgen.scm.ambiguity import counted_counterfactual
from causalgen.scm.couplings import couple, draw_partners
from causalgen.scm.label_bounds import bound_label

UNITS = 500
RHOS = (1.0, 0.9, 0.5, 0.0)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    scm = linear_gaussian()
    return scm.abduct(scm.sample(UNITS, seed=1), seed=0)


class KnownImage(Abductive):
    """x = 127.5 + 28 A(p) u: the gradient of a convex function of u where A is symmetric positive definite."""

    kinds = ("image",)
    abduction = Abduction.BIJECTIVE
    MAPS = torch.stack([torch.eye(4), torch.diag(torch.tensor([0.4, 0.8, 1.3, 1.9]))])

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Any]:
        return {"z": dist.Normal(0.0, 1.0).expand((*batch_shape, 1, 2, 2)).to_event(3)}

    def forward(
        self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed: frozenset[str] = frozenset()
    ) -> Tensor:
        drawn = torch.einsum("nij,nj->ni", self.MAPS[parents["p"].long()], noise["z"].flatten(1))
        return 127.5 + 28 * drawn.reshape(-1, 1, 2, 2)

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        centred = (value.flatten(1) - 127.5) / 28
        solved = torch.linalg.solve(self.MAPS[parents["p"].long()], centred)
        return {"z": solved.reshape(-1, 1, 2, 2)}


def four_pixels() -> tuple[StructuralCausalModel, dict[str, Tensor], Tensor]:
    """The model, units with p = 0, and their noise `(B, 4)`."""
    graph = CausalGraph("p -> x", [Variable("p", "binary"), Variable("x", "image", shape=(1, 2, 2))])
    scm = StructuralCausalModel(graph, {"x": KnownImage}).declare_fitted()
    noise = torch.randn(UNITS, 4, generator=torch.Generator().manual_seed(2)).clamp(-4, 4)
    return scm, {"p": torch.zeros(UNITS, dtype=torch.int64), "x": 127.5 + 28 * noise.reshape(-1, 1, 2, 2)}, noise


@pytest.mark.parametrize(
    ("do", "spread"),
    [({"b": 3.0}, 0.8), ({"a": lambda value, parents: value + 1}, float(np.hypot(1.5 * 0.5, 0.8)))],
    ids=["one noise", "two noises"],
)
def test_bands_equal_the_closed_form(posterior: Posterior, do: dict[str, Any], spread: float) -> None:
    """c' has the standard deviation spread * sqrt(1 - rho^2) about a centre that moves from the answer to the mean."""
    found = posterior.ambiguity(do, ["c"], couplings=RHOS, draws=40)["c"]
    for rho, world in zip(RHOS, found.worlds, strict=True):
        deviation = (world - world.mean(0)).std(ddof=1) * np.sqrt(len(world) / max(len(world) - 1, 1))
        np.testing.assert_allclose(deviation, spread * np.sqrt(1 - rho**2) if rho < 1 else 0.0, rtol=0.03)
    widths = [(high - low).mean() for low, high in found.unit_bands()]
    assert widths == sorted(widths)
    assert widths[0] == 0


def test_the_centre_of_a_band_shrinks_towards_the_mean_of_the_world(posterior: Posterior) -> None:
    noise = posterior.noise["c"]["u"].numpy()
    world = posterior.ambiguity({"b": 3.0}, ["c"], couplings=RHOS, draws=40)["c"].worlds[RHOS.index(0.5)]
    fixed = -1 + 0.5 * posterior.factual["a"].numpy() - 4.5
    slope = np.polyfit(noise, world.mean(0) - fixed, 1)[0]
    np.testing.assert_allclose(slope, 0.8 * 0.5, atol=0.03)


def test_every_coupling_leaves_the_interventional_distribution_as_it_is(posterior: Posterior) -> None:
    ambiguity = posterior.ambiguity({"b": 3.0}, ["c"], couplings=RHOS, draws=8)
    for world in ambiguity["c"].worlds[1:]:
        np.testing.assert_allclose([world.mean(), world.std()], [-5.5, np.hypot(0.5, 0.8)], atol=0.12)
    moved, error = ambiguity.shift("c")
    assert abs(moved) < 4 * error


def test_the_tipping_point_of_a_claim_equals_the_closed_form(posterior: Posterior) -> None:
    """c' - answer has the variance .8^2 (2 - 2 rho), so that |c' - answer| < .8 for 90 % of the units at this rho."""
    answer = posterior.counterfactual({"b": 3.0})["c"]
    exact = 1 - (1 / norm.isf(0.05)) ** 2 / 2
    for seed in range(3):
        claim = Claim("c", low=answer - 0.8, high=answer + 0.8)
        found = posterior.ambiguity({"b": 3.0}, {"near": claim}, draws=20, seed=seed)
        assert found.tipping_rho("near") == pytest.approx(exact, abs=0.05)
        assert found.tipping_rho("near", average=True) == 0


class LossyImage(KnownImage):
    """x = 127.5 + p / 2 + u: cannot rebuild an image with more contrast than its own."""

    def forward(
        self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed: frozenset[str] = frozenset()
    ) -> Tensor:
        return 127.5 + 0.5 * parents["p"].reshape(-1, 1, 1, 1) + noise["z"]


@pytest.mark.parametrize("particles", [None, 3])
def test_what_redrawing_loses_does_not_make_a_claim_about_images_hold(particles: int | None) -> None:
    """No change is the redrawn image, half a level from the answer, and not the factual one, which is 20 levels away."""
    scm, units, _ = four_pixels()
    scm = StructuralCausalModel(scm.graph, {"x": LossyImage}).declare_fitted()
    claims = {"image": "x", "mean": lambda image: image.mean((1, 2, 3))}
    posterior = scm.abduct(units) if particles is None else scm.abduct(units, particles=particles)
    found = posterior.ambiguity({"p": 1}, claims)
    np.testing.assert_allclose(found["image"].factual, 0.5, atol=1e-3)
    np.testing.assert_allclose(found["mean"].value - found["mean"].factual.mean(0), 0.5, atol=1e-3)
    assert found.tipping_rho("image") > 0.5
    assert found.tipping_rho("mean") > 0.5


def test_average_and_unit_claims_tip_apart(posterior: Posterior) -> None:
    """b falls on average at every coupling; of single units the sign of the change is lost."""
    found = posterior.ambiguity({"a": lambda value, parents: value - 0.2}, {"b falls": Claim("b", high=0, change=True)})
    assert found.tipping_rho("b falls", average=True) == 0
    assert 0.5 < found.tipping_rho("b falls") < 1
    units = found.units("b falls")["holds_down_to"]
    assert units.between(0, 1).all()
    assert units.nunique() > 2


@pytest.mark.parametrize("rho", [0.9, 0.5])
def test_bands_cover_the_true_value_of_a_unit(posterior: Posterior, rho: float) -> None:
    """The truth is another world with this correlation of the noises; four draws have to suffice."""
    fresh = torch.randn(UNITS, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    noise = rho * posterior.noise["c"]["u"] + (1 - rho**2) ** 0.5 * fresh
    truth = (-1 + 0.5 * posterior.factual["a"] - 4.5 + 0.8 * noise).numpy()
    found = posterior.ambiguity({"b": 3.0}, ["c"], couplings=(1, rho), draws=4)
    units = found.units("c")
    assert 0.93 <= ((units.low <= truth) & (truth <= units.high)).mean() <= 0.99


def test_what_does_not_change_for_a_unit_keeps_its_noise() -> None:
    """Units whose intervened value, or whose label in between, stays are the same in every world."""
    graph = CausalGraph(
        "t -> m -> y", [Variable("t", "continuous"), Variable("m", "binary"), Variable("y", "continuous")]
    )
    scm = StructuralCausalModel(graph, {"t": "linear-gaussian", "y": "linear-gaussian"}).declare_fitted()
    posterior = scm.abduct(scm.sample(200, seed=1), seed=0)
    own = posterior.factual["t"]
    same = posterior.ambiguity({"t": own}, ["y"], couplings=(1, 0))
    assert np.ptp(np.concatenate(same["y"].worlds), axis=0).max() == 0
    assert np.isnan(same.tipping_rho("y"))  # no unit changes: there is nothing to claim

    noise = {
        name: {key: torch.randn_like(part) for key, part in each.items()} for name, each in posterior.noise.items()
    }
    other = posterior.with_coupled(noise).counterfactual({"t": own + 1})
    stays = other["m"] == posterior.factual["m"]
    torch.testing.assert_close(other["y"][stays], posterior.factual["y"][stays])
    assert not stays.all()
    assert all(torch.equal(other.factual[name], posterior.factual[name]) for name in graph.nodes)
    assert torch.equal(other["t"], own + 1)


@pytest.mark.parametrize("prior", [dist.Normal(2.0, 3.0), dist.Gumbel(0.0, 1.0), dist.Logistic(0.0, 1.0)])
def test_coupled_noise_keeps_its_distribution(prior: Any) -> None:
    torch.manual_seed(0)
    noise = {"u": prior.sample((4000, 2)).double()}
    priors = {"u": prior.expand((4000, 2)).to_event(1)}
    for coupling in (0.7, Turn(0.7)):
        coupled = couple(noise, priors, draw_partners(priors, noise), coupling, node="x")["u"]
        assert kstest(coupled[:, 0].numpy(), lambda x: prior.cdf(torch.tensor(x)).numpy()).pvalue > 1e-3
        scores = (norm.ppf(prior.cdf(part[:, 0]).clamp(1e-9, 1 - 1e-9)) for part in (noise["u"], coupled))
        assert np.corrcoef(*scores)[0, 1] == pytest.approx(0.7, abs=0.04)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 5, 5), (1, 1, 1)])
def test_a_turn_is_one_orthogonal_map_of_all_units(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    noise = {"z": torch.randn(6, *shape, dtype=torch.float64)}
    noise["z"][2] = noise["z"][0] + 3 * noise["z"][1]
    priors = {"z": dist.Normal(0.0, 1.0).expand((6, *shape)).to_event(3)}
    turned = couple(noise, priors, draw_partners(priors, noise), Turn(0.5), node="x")["z"]
    torch.testing.assert_close(turned.flatten(1).norm(dim=1), noise["z"].flatten(1).norm(dim=1))
    torch.testing.assert_close(turned[2], turned[0] + 3 * turned[1])
    pairs = noise["z"][0].numel() // 2 * 2
    trace = sum(
        couple({"z": e.reshape(1, *shape)}, priors, partners, Turn(0.5), node="x")["z"].flatten()[i]
        for partners in [draw_partners(priors, noise)]
        for i, e in enumerate(torch.eye(noise["z"][0].numel(), dtype=torch.float64))
    )
    assert float(trace) == pytest.approx(0.5 * pairs + (noise["z"][0].numel() - pairs))


def test_an_optimal_transport_truth_is_recovered_a_turned_one_is_not_and_the_band_covers_both() -> None:
    scm, factual, noise = four_pixels()
    posterior = scm.abduct(factual, seed=0)
    pixel = {f"pixel {i}": Claim(lambda x, i=i: x.flatten(1)[:, i]) for i in range(4)}
    angle = np.pi / 3
    rotation = torch.eye(4)
    rotation[2:, 2:] = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    recovered = 127.5 + 28 * noise @ KnownImage.MAPS[1].T
    turned = 127.5 + 28 * noise @ (KnownImage.MAPS[1] @ rotation).T
    answer = posterior.counterfactual({"p": 1})["x"].flatten(1)
    nothing = factual["x"].flatten(1)
    error = {name: (answer - truth).norm(dim=1).mean() / (nothing - truth).norm(dim=1).mean()
             for name, truth in (("recovered", recovered), ("turned", turned))}  # fmt: skip
    assert error["recovered"] < 1e-4
    assert error["turned"] > 0.7
    for couplings in ((1, 0.5), (1, Turn(0.5))):
        found = posterior.ambiguity({"p": 1}, pixel, couplings=couplings, draws=6)
        for truth in (recovered, turned):
            inside = [
                (low - 1e-3 <= truth[:, i].numpy()) & (truth[:, i].numpy() <= high + 1e-3)
                for i in range(4)
                for low, high in [found[f"pixel {i}"].unit_bands()[-1]]
            ]
            assert np.mean(inside) >= 0.95
        assert found.to_frame().query("coupling == '1'")["width"].max() == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(0, 10_000), st.booleans())
def test_bounds_of_a_label_equal_a_linear_programme_over_all_couplings(count: int, seed: int, ordered: bool) -> None:
    torch.manual_seed(seed)
    kind = "ordinal" if ordered and count > 2 else "categorical"
    variable = Variable("y", kind, labels=tuple("abcd"[:count]))
    mechanism = build(None, variable, {"x": Variable("x", "continuous")}).double().declare_fitted()
    for parameter in mechanism.parameters():
        parameter.requires_grad_(False).add_(0.3 * torch.randn_like(parameter))
    before, after = ({"x": torch.full((count,), x, dtype=torch.float64)} for x in torch.randn(2).tolist())
    labels = torch.arange(count)
    p, q = (mechanism.log_prob(labels, parents).exp().numpy() for parents in (before, after))
    seen, asked = seed % count, (seed // 7) % count
    margins = np.zeros((2 * count, count * count))
    for i in range(count):
        margins[i, i * count : (i + 1) * count] = 1
        margins[count + i, i::count] = 1
    goal = np.zeros(count * count)
    goal[seen * count + asked] = 1
    ends = [sign * linprog(sign * goal, A_eq=margins, b_eq=np.concatenate([p, q])).fun / p[seen] for sign in (1, -1)]
    one = {name: value[:1] for name, value in before.items()}, {name: value[:1] for name, value in after.items()}
    found = bound_label(mechanism, torch.tensor([seen]), one[0], torch.tensor([asked]), one[1])
    np.testing.assert_allclose([float(end) for end in found], ends, atol=1e-6)
    # What the mechanism itself answers lies between them.
    many = 4000
    noise = mechanism.abduct(torch.full((many,), seen), {n: v[:1].expand(many) for n, v in before.items()})
    share = float((mechanism(noise, {n: v[:1].expand(many) for n, v in after.items()}) == asked).double().mean())
    assert ends[0] - 0.04 <= share <= ends[1] + 0.04


def test_labels_have_exact_bounds_next_to_the_couplings() -> None:
    graph = CausalGraph("t -> y", [Variable("t", "binary"), Variable("y", "categorical", labels=("u", "v", "w"))])
    scm = StructuralCausalModel(graph).declare_fitted()
    for parameter in scm.mechanisms["y"].parameters():
        parameter.data.mul_(4)
    found = scm.abduct(scm.sample(300, seed=0), seed=0).ambiguity({"t": 1})
    assert isinstance(found, Ambiguity)
    units = found.units("y")
    assert ((units.least >= 0) & (units.least <= units.greatest) & (units.greatest <= 1)).all()
    same = found.claims["y"].bounds[0][0] == 1
    assert same.any()  # the treated units: nothing changes for them
    table = found.to_frame().set_index("coupling")
    assert {"1", "0", "any"} <= set(table.index)
    assert "probability" in repr(found)


def test_answers_do_not_depend_on_the_order_and_repeat_under_a_seed(posterior: Posterior) -> None:
    first = posterior.ambiguity({"b": 3.0}, couplings=(0.5, 1, 0.9), seed=4).to_frame()
    second = posterior.ambiguity({"b": 3.0}, couplings=(0.9, 0.5), seed=4).to_frame()
    assert first.equals(second)
    assert not first.equals(posterior.ambiguity({"b": 3.0}, couplings=(0.9, 0.5), seed=5).to_frame())


def test_particles_and_holes_widen_the_band_of_the_model_itself() -> None:
    scm = linear_gaussian()
    units = scm.sample(30, seed=0).to_frame()
    units.loc[:4, "b"] = np.nan
    found = scm.abduct(units, particles=20, seed=0).ambiguity({"b": 3.0}, ["c"], couplings=(1, 0.5), draws=4)
    width = [high - low for low, high in found["c"].unit_bands()]
    assert (width[0][:5] > 0.1).all()
    assert (width[0][5:] == 0).all()
    assert found["c"].worlds[1].shape == (80, 30)


def few() -> Posterior:
    scm = linear_gaussian()
    return scm.abduct(scm.sample(3, seed=1), seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"couplings": (1, 1.2)}, r"in \[0, 1\]; got 1.2"),
        ({"couplings": (1, float("nan"))}, r"in \[0, 1\]; got nan"),
        ({"couplings": (1, Turn(-0.5))}, r"in \[0, 1\]; got -0.5"),
        ({"couplings": 0.5}, "list of couplings"),
        ({"couplings": (1,)}, "looser than 1"),
        ({"draws": 2}, "at least 4 draws"),
        ({"level": 1.0}, r"in \[0.5, 1\)"),
        ({"of": {"x": lambda values: ["text"] * len(values)}}, "not one image alone"),
        ({"of": {"x": Claim(lambda values: ["text"] * 3, node="c")}}, "give numbers; got list"),
        ({"of": {"x": Claim(lambda values: values[:2], node="c")}}, r"one number for each unit, \(3,\)"),
        ({"of": {"x": Claim("c", low=2, high=1)}}, "low <= high"),
        ({"of": {"x": Claim("c", low="two")}}, "limits of the claim 'x' as numbers"),
        ({"of": {"x": Claim("c", low=[1.0, 2.0])}}, "one for each of 3 units"),
        ({"of": {"x": Claim("c", change=True)}}, "neither"),
        ({"of": {"x": 3}}, "a node, a function or a Claim"),
        ({"of": "c"}, "claims by name"),
        ({"of": []}, "at least one claim"),
    ],
)
def test_bad_input_has_one_message(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        few().ambiguity({"b": 3.0}, **options)


def test_names_units_and_mechanisms_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="'d'"):
        few().ambiguity({"b": 3.0}, ["d"])
    found = few().ambiguity({"b": 3.0})
    with pytest.raises(DataError, match="at least 20 units"):
        found.tipping_rho("c", average=True)
    with pytest.raises(UnknownNameError, match="'b'"):
        found.tipping_rho("b")
    graph = CausalGraph("a -> x", [Variable("a", "continuous"), Variable("x", "image", shape=(1, 8, 8))])
    gan = StructuralCausalModel(graph, {"a": "linear-gaussian", "x": {"mechanism": "dcgan", "latent": 2, "width": 4}})
    posterior = gan.declare_fitted().abduct({"a": torch.zeros(2), "x": torch.zeros(2, 1, 8, 8)}, seed=0)
    with pytest.raises(AbductionError, match="'x'"):
        posterior.ambiguity({"a": 1.0})


def test_the_cost_of_an_answer_is_counted_and_leaves_it_as_it_is() -> None:
    graph = CausalGraph("a -> x", [Variable("a", "continuous"), Variable("x", "image", shape=(1, 8, 8))])
    flow = {"mechanism": "flow-matching", "width": 16, "steps": 2}
    scm = StructuralCausalModel(graph, {"a": "linear-gaussian", "x": flow}).declare_fitted()
    torch.manual_seed(0)
    units = {"a": torch.rand(6), "x": 255 * torch.rand(6, 1, 8, 8)}
    costs = []
    for count in (3, 6):
        posterior = scm.abduct({name: values[:count] for name, values in units.items()}, seed=0)
        answer, cost = counted_counterfactual(posterior, {"a": 1.0})
        assert torch.equal(answer["x"], posterior.counterfactual({"a": 1.0})["x"])
        assert counted_counterfactual(posterior, {"a": 1.0})[1] == cost > 0
        costs.append(cost)
    assert costs[1] == pytest.approx(2 * costs[0], rel=0.01)
