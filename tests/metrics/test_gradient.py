"""The gradient defect is 0 for gradients and the closed form for linear maps; it changes with the map and nothing else."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import gradient_defect
from causalgen.scm import StructuralCausalModel

SYMMETRIC = torch.diag(torch.tensor([0.4, 0.8, 1.3, 1.9])) + 0.1
TURN = torch.block_diag(*[torch.tensor([[0.0, -1.0], [1.0, 0.0]])] * 2)


def turned(angle: float) -> Tensor:
    return SYMMETRIC @ torch.matrix_exp(angle * TURN)


def linear(matrix: Tensor, **options: object) -> StructuralCausalModel:
    """Flow matching whose one step of Euler draws x = matrix @ z on the [-1, 1] scale, where p = 1, and x = z where p = 0."""
    graph = CausalGraph("p -> x", [Variable("p", "binary"), Variable("x", "image", shape=(1, 2, 2))])
    flow = {"mechanism": "flow-matching", "width": 8, "solver": "euler", "steps": 1, **options}
    scm = StructuralCausalModel(graph, {"x": flow}).declare_fitted()

    def field(parents: dict[str, Tensor], like: Tensor):
        changed = torch.where(parents["p"].bool()[:, None, None], matrix - torch.eye(4), torch.zeros(4, 4))
        return lambda state, time: torch.einsum("nij,nj->ni", changed, state.flatten(1)).reshape(state.shape)

    scm.mechanisms["x"]._field = field  # type: ignore[method-assign]
    return scm


def measured(matrix: Tensor, p: int = 1, count: int = 400, **options: object) -> list[float]:
    scm = linear(matrix, **options)
    units = {"p": torch.full((count,), p), "x": torch.randint(0, 256, (count, 1, 2, 2))}
    found = gradient_defect({"model": scm.abduct(units)}, np.arange(count), image="x")
    return [result.value for result in found]


def closed_form(matrix: Tensor) -> float:
    return float((matrix - matrix.T).square().sum() / (4 * matrix.square().sum()))


@pytest.mark.parametrize("matrix", [SYMMETRIC, torch.eye(4), -SYMMETRIC], ids=["convex", "identity", "concave"])
def test_a_gradient_has_no_defect(matrix: Tensor) -> None:
    assert measured(matrix)[0] < 1e-6


@pytest.mark.parametrize("angle", [0.3, math.pi / 3, math.pi / 2])
def test_a_turned_map_has_the_defect_of_the_closed_form(angle: float) -> None:
    assert measured(turned(angle))[0] == pytest.approx(closed_form(turned(angle)), abs=0.06)
    assert measured(turned(angle), p=0)[0] < 1e-6  # it is measured at the parents of the units


def test_a_right_angle_in_every_plane_is_the_greatest_defect() -> None:
    assert measured(2 * TURN)[0] == pytest.approx(1, abs=1e-6)


def test_guided_edits_and_other_mechanisms_have_none() -> None:
    assert measured(SYMMETRIC, count=10, guidance=2.0) == []
    graph = CausalGraph([], [Variable("x", "image", shape=(1, 8, 8))])
    scm = StructuralCausalModel(graph, {"x": {"mechanism": "conv-vae", "width": 8, "latent": 2}}).declare_fitted()
    units = scm.abduct({"x": torch.randint(0, 256, (4, 1, 8, 8))})
    assert gradient_defect({"model": units}, np.arange(4), image="x") == []
