"""Joint support: ordinary units are inside, combinations that training never saw are outside, and the warning says which."""

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from causalgen.errors import SupportWarning
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.scm.support import JointSupport

Units = dict[str, Tensor]
X, Z = Variable("x", "continuous"), Variable("z", "continuous")
GROUP = Variable("group", "categorical", labels=("a", "b", "c", "d"))
SCAN = Variable("scan", "image", shape=(1, 8, 8))
GRADE = Variable("grade", "ordinal", labels=(1, 2, 3))
SHARES = torch.tensor([0.6, 0.3, 0.08, 0.02])


def _correlated(share: float) -> Callable[[int], Units]:
    def draw(n: int) -> Units:
        z = torch.randn(n)
        return {"z": z, "x": share * z + (1 - share**2) ** 0.5 * torch.randn(n)}

    return draw


def _off(share: float, deviations: float) -> Units:
    """Units so many conditional standard deviations from the conditional mean."""
    z = torch.linspace(-1, 1, 100)
    return {"z": z, "x": share * z + deviations * (1 - share**2) ** 0.5}


def _years(n: int) -> Units:
    return {"x": (torch.randn(n) * 12 + 50).round()}


def _scans(n: int) -> Units:
    """Four scans of every person, with the very same parents."""
    return {name: t.repeat_interleave(4)[:n] for name, t in _correlated(0.5)(n // 4 + 1).items()}


def _groups(n: int) -> Units:
    group = torch.multinomial(SHARES, n, True)
    return {"group": group, "x": group * 1.0 + torch.randn(n)}


def _labels(n: int) -> Units:
    group = torch.multinomial(SHARES, n, True)
    return {"group": group, "grade": (group + torch.randint(0, 2, (n,))).clamp_max(2)}


def _strokes(n: int) -> Units:
    """Thickness and intensity of MorphoMNIST, by its published equations."""
    x = 0.5 + torch.distributions.Gamma(10.0, 5.0).sample((n,))
    return {"x": x, "z": 191 * torch.sigmoid(0.5 * torch.randn(n) + 2 * x - 5) + 64}


def _same(count: int, **values: float) -> Units:
    return {name: torch.full((count,), value) for name, value in values.items()}


CASES: dict[str, tuple[dict[str, Variable], Callable[[int], Units], list[Units], list[Units]]] = {
    "independent": ({"z": Z, "x": X}, _correlated(0.0), [_off(0.0, 2.0), _off(0.0, -2.0)], [_off(0.0, 6.0)]),
    "related": ({"z": Z, "x": X}, _correlated(0.7), [_off(0.7, 2.0)], [_off(0.7, 6.0), _same(9, z=-2.5, x=2.5)]),
    "nearly a line": ({"z": Z, "x": X}, _correlated(0.97), [_off(0.97, 2.0)], [_off(0.97, 8.0), _same(9, z=-1.5, x=1.5)]),
    "one parent": ({"x": X}, lambda n: {"x": torch.randn(n)}, [_same(9, x=2.0)], [_same(9, x=6.0)]),
    "whole years": ({"x": X}, _years, [{"x": torch.arange(30.0, 70.0) + 0.5}, _same(9, x=74)], [_same(9, x=130)]),
    "several scans": ({"z": Z, "x": X}, _scans, [_off(0.5, 2.0)], [_off(0.5, 7.0), _same(9, z=-3.5, x=3.5)]),
    "groups": (
        {"group": GROUP, "x": X}, _groups, [{"group": torch.zeros(20, dtype=torch.long), "x": torch.full((20,), 2.0)}],
        [{"group": torch.zeros(20, dtype=torch.long), "x": torch.full((20,), 8.0)}],
    ),
    "labels only": (
        {"group": GROUP, "grade": GRADE}, _labels, [{"group": torch.tensor([0, 0, 1]), "grade": torch.tensor([0, 1, 1])}],
        [{"group": torch.tensor([0, 2, 3]), "grade": torch.tensor([2, 0, 0])}],
    ),
    "strokes": (
        {"x": X, "z": Z}, _strokes, [_same(9, x=2.5, z=160.0), _same(9, x=2.0, z=155.0)],
        [_same(9, x=1.2, z=250.0), _same(9, x=4.0, z=80.0)],
    ),
}  # fmt: skip


def _fitted(case: str, n: int) -> tuple[JointSupport, Callable[[int], Units]]:
    variables, draw, _, _ = CASES[case]
    support = JointSupport(variables)
    support.fit(draw(n))
    return support, draw


def _share_outside(support: JointSupport, units: Units) -> float:
    return 1 - float(support(units, len(next(iter(units.values())))).float().mean())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n", [400, 3000])
def test_ordinary_units_are_inside_and_unseen_combinations_are_not(case: str, n: int) -> None:
    shares = []
    for seed in range(4):
        torch.manual_seed(seed)
        support, draw = _fitted(case, n)
        shares.append(_share_outside(support, draw(2000)))
        assert all(_share_outside(support, units) <= 0.1 for units in CASES[case][2])
        assert all(_share_outside(support, units) >= 0.9 for units in CASES[case][3])
    assert sum(shares) / len(shares) <= 0.0125


@pytest.mark.parametrize("kind", ["categorical", "ordinal", "binary"])
@pytest.mark.parametrize("n", [60, 5_000])
def test_a_label_that_no_training_unit_has_is_outside(kind: str, n: int) -> None:
    """Sparse units reach farther than from one label to another; a label of one unit in 5,000 is known."""
    torch.manual_seed(0)
    labels = (0, 1) if kind == "binary" else (0, 1, 2, 3)
    support = JointSupport({"group": Variable("group", kind, labels=labels), "x": X, "z": Z})
    units = _correlated(0.0)(n) | {"group": torch.randint(0, len(labels) - 1, (n,))}
    support.fit(units)
    assert _share_outside(support, units | {"group": torch.full((n,), len(labels) - 1)}) == 1
    assert _share_outside(support, units) <= 0.02
    if kind != "binary":
        units["group"][7] = 3
        support.fit(units)
        assert support({name: tensor[7:8] for name, tensor in units.items()}, 1).all()


def test_the_reach_follows_the_buffers(tmp_path) -> None:
    support, draw = _fitted("related", 500)
    units = draw(300)
    first = support(units, 300)
    twin = copy.deepcopy(support)
    assert torch.equal(twin(units, 300), first)
    twin.threshold.zero_()
    assert not twin(units, 300).any()
    twin.load_state_dict(support.state_dict())
    assert torch.equal(twin(units, 300), first)
    twin.fit({name: tensor + 50 for name, tensor in units.items()})
    assert not twin(units, 300).any()
    assert torch.equal(support.double()({k: v.double() for k, v in units.items()}, 300), first)


@pytest.mark.parametrize("image", [False, True])
def test_the_warning_names_what_is_extrapolated(image: bool, tmp_path) -> None:
    scan = [Variable("scan", "image", shape=(1, 4, 4))] if image else []
    graph = CausalGraph(
        "z -> x; {x, z} -> y" + ("; y -> scan" if image else ""), [X, Z, Variable("y", "continuous"), *scan]
    )
    scm = StructuralCausalModel(
        graph, dict.fromkeys("xyz", "linear-gaussian") | ({"scan": {"mechanism": "gan", "width": 4}} if image else {})
    )
    values = _correlated(0.8)(400)
    values["y"] = values["x"] - values["z"] + torch.randn(400)
    values |= {"scan": torch.rand(400, 1, 4, 4) * 255} if image else {}
    scm.initialize(values)
    scm.declare_fitted()
    twin = load(save(scm, tmp_path))
    few = {name: tensor[:40] for name, tensor in values.items()}
    for model in (scm, twin):
        with pytest.warns(
            SupportWarning, match=r"40 of 40 .* those of y(, scan)?: these values, and those of their descendants"
        ) as caught:
            world = model.counterfactual(few, {"x": 9.0}, seed=0)
        assert not world.supported.any()
        assert not any("image" in str(warning.message) for warning in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SupportWarning)
        assert scm.counterfactual(few, {"y": 0.5}, seed=0).supported.all()
        assert scm.counterfactual({k: v[:3] for k, v in few.items()}, {"z": "+ 0.1"}, seed=0).supported.all()


def test_a_unit_is_supported_only_if_all_its_nodes_are() -> None:
    """The first of two children sees a parent that training never saw; the second does not depend on it."""
    names = ("far", "near", "child", "other")
    graph = CausalGraph("far -> child; near -> other", [Variable(name, "continuous") for name in names])
    assert graph.nodes.index("child") < graph.nodes.index("other")
    scm = StructuralCausalModel(graph, dict.fromkeys(names, "linear-gaussian"))
    torch.manual_seed(0)
    scm.initialize({name: torch.randn(500) for name in names})
    scm.declare_fitted()
    factual = {name: torch.zeros(2) for name in names}
    with pytest.warns(SupportWarning, match="1 of 2 .* those of child"):
        answer = scm.counterfactual(factual, {"far": torch.tensor([90.0, 0.0]), "near": 0.1})
    assert answer.supported.tolist() == [False, True]


def test_answers_that_are_no_numbers_are_reported() -> None:
    """A picture of them would be black, and a table would have an empty cell."""
    graph = CausalGraph("a -> b -> scan", [Variable("a", "continuous"), Variable("b", "continuous"), SCAN])
    image = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 4, "blocks": 1}
    scm = StructuralCausalModel(graph, {"a": "linear-gaussian", "b": "linear-gaussian", "scan": image})
    torch.manual_seed(0)
    units = {"a": torch.rand(40), "b": torch.rand(40), "scan": torch.randint(0, 255, (40, 1, 8, 8), dtype=torch.uint8)}
    scm.initialize(units)
    posterior = scm.declare_fitted().eval().abduct({name: value[:3] for name, value in units.items()})
    with pytest.warns(SupportWarning, match="the model gives no number for scan of 2 units"):
        posterior.counterfactual({"b": torch.tensor([0.5, 3e38, -3e38])})
    with warnings.catch_warnings():
        warnings.simplefilter("error", SupportWarning)
        posterior.counterfactual({"b": 0.5})
