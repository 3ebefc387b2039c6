"""Edges: bounds in single precision, impossible evidence, single values, wrong options."""

import numpy as np
import pytest
import torch

from causalgen.errors import DataError, SupportError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import build
from causalgen.scm import StructuralCausalModel

GRAPH = CausalGraph("x -> y", [Variable("x", "continuous", support=(0.0, 0.1)), Variable("y", "continuous")])
VALUES = {"x": [0.1, 0.05, 0.03, 0.07], "y": [1.0, 2.0, 3.5, 2.5]}


@pytest.fixture
def scm() -> StructuralCausalModel:
    model = StructuralCausalModel(GRAPH, {"x": "empirical", "y": "linear-gaussian"})
    model.initialize(VALUES)
    return model


def test_the_ends_of_a_support_are_inside_it(scm: StructuralCausalModel) -> None:
    assert scm.counterfactual(VALUES, {"x": 0.1})["x"].shape == (4,)
    assert torch.isfinite(scm.log_prob(VALUES)).all()


def test_impossible_evidence_is_refused(scm: StructuralCausalModel) -> None:
    with pytest.raises(SupportError, match="evidence that the model can produce"):
        scm.sample(10, given={"x": 0.001}, seed=0)
    with pytest.raises(ValueError, match="one value for do"):
        scm.sample(4, do={"x": VALUES["x"]}, given={"y": 2.0}, seed=0)


@pytest.mark.parametrize("do", [None, {"x": 0.05}])
def test_evidence_is_that_of_one_unit(scm: StructuralCausalModel, do: dict[str, float] | None) -> None:
    assert scm.sample(3, do=do, given={"y": [2.0]}, seed=0)["x"].shape == (3,)
    with pytest.raises(ValueError, match="one value of 'y' in given"):
        scm.sample(3, do=do, given={"y": [2.0, 1.0]}, seed=0)


@pytest.mark.filterwarnings("ignore")
def test_a_single_value_holds_for_all_units_and_particles(scm: StructuralCausalModel) -> None:
    result = scm.abduct(VALUES, particles=3, seed=0).counterfactual({"x": [0.05]})
    assert torch.equal(result["x"], torch.full((3, 4), 0.05))
    assert scm.counterfactual(VALUES, {"x": np.float32(0.05)}).title == "do(x = 0.05)"


def test_infinity_and_wrong_containers_are_refused(scm: StructuralCausalModel) -> None:
    with pytest.raises(DataError, match="got infinity"):
        scm.counterfactual(VALUES, {"y": float("inf")})
    with pytest.raises(DataError, match="mapping or data frame"):
        scm.abduct(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="interventions as a mapping"):
        scm.counterfactual(VALUES, "x=3")  # type: ignore[arg-type]


def test_a_perfect_fit_is_refused() -> None:
    model = StructuralCausalModel(GRAPH, {"y": "linear-gaussian"})
    with pytest.raises(DataError, match="perfect linear fit"):
        model.initialize({"x": VALUES["x"], "y": [2 * x + 1 for x in VALUES["x"]]})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("spline-flow", {"bins": 0}, "whole number of at least 1 and at most 16384 for the option 'bins'"),
        ("spline-flow", {"hidden": [8, "a"]}, "at most 64 whole numbers"),
        ("empirical", {"knots": 1}, "at least 2 knots"),
        ("additive-noise", {"function": 3}, "a word for the option 'function'"),
    ],
)
def test_wrong_option_values_are_refused(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, GRAPH["y"], {}, options)


def test_a_replacing_mechanism_comes_to_the_models_device_and_dtype_and_stays_itself() -> None:
    graph = CausalGraph("a -> x; x -> y", [Variable(name, "continuous") for name in "axy"])
    replacement = build("spline-flow", graph["x"], {"a": graph["a"]}).declare_fitted()
    scm = StructuralCausalModel(graph).double().declare_fitted()
    assert scm.sample(3, do={"x": replacement}, seed=0)["x"].dtype == torch.float64
    assert next(replacement.parameters()).dtype == torch.float32


def test_an_edit_of_a_guided_image_is_labelled_as_one() -> None:
    graph = CausalGraph("x -> im", [Variable("x", "continuous"), Variable("im", "image", shape=(1, 8, 8))])
    scm = StructuralCausalModel(
        graph, {"im": {"mechanism": "diffusion", "width": 8, "steps": 1, "guidance": 2.0}}
    ).declare_fitted()
    replacement = build("conv-vae", graph["im"], {"x": graph["x"]}).declare_fitted()
    posterior = scm.abduct({"x": [0.0, 1.0], "im": torch.full((2, 1, 8, 8), 90.0)})

    def darker(value: torch.Tensor, parents: dict[str, torch.Tensor]) -> torch.Tensor:
        return value / 2

    assert posterior.counterfactual({"x": 2.0, "im": darker}).guided == ("im",)
    assert posterior.counterfactual({"x": 2.0}).guided == ("im",)
    assert posterior.counterfactual({"im": darker}).guided == ()
    assert posterior.counterfactual({"x": 2.0, "im": torch.zeros(1, 8, 8)}).guided == ()
    assert posterior.counterfactual({"x": 2.0, "im": replacement}).guided == ()
