"""Laws of every data set whose generator is known, over a table of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causalgen.datasets import Dataset, Truth, load

LENGTH, WALL = ("light", "shadow_length", (6, 10)), ("session", "wall", ("morning", "evening"))
GROWTH = ("age", "ventricle_volume", (60, 80))
INK = ("pen", "intensity", ("ballpoint", "felt-tip"))
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str, tuple]]] = {
    "morphodigits": ({"name": "morphodigits"}, {"pen": "felt-tip", "thickness": 3.0}, INK),
    "pendulum": ({"name": "pendulum"}, {"light": 5.0, "shadow_length": 8.0}, ("angle", "shadow_position", (0, 30))),
    "pendulum, 96 px": ({"name": "pendulum", "size": 96}, {"angle": 20.0}, LENGTH),
    "pendulum, hidden": ({"name": "pendulum", "variant": "hidden"}, {"light": 5.0}, LENGTH),
    "pendulum, measured": ({"name": "pendulum", "variant": "measured"}, {"light": 5.0}, LENGTH),
    "phantom": ({"name": "phantom"}, {"age": 80.0, "scanner": "B"}, GROWTH),
    "phantom, 128 px": ({"name": "phantom", "size": 128}, {"head_size": 170.0}, ("sex", "head_size", ("F", "M"))),
    "pendulum, spurious": ({"name": "pendulum", "variant": "spurious"}, {"session": "evening"}, WALL),
}
"""Options of `load`, an intervention, and an effect, by case."""
ROWS = 100


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(case: str, root: Path) -> Dataset:
    return load(**CASES[case][0], root=root, rows=ROWS)


def test_columns_fit_the_graph_and_groups_stay_in_one_split(data: Dataset) -> None:
    assert isinstance(data.truth, Truth)
    assert set(data.values) == set(data.graph.nodes)
    groups = [set(data.groups(rows).tolist()) for rows in data.split.values()]
    assert len(set.union(*groups)) == sum(map(len, groups))
    assert sum(map(len, data.split.values())) == len(data) == ROWS


def test_no_intervention_gives_the_rows_bitwise(data: Dataset) -> None:
    rows = data.split["test"]
    world = data.truth.counterfactual(rows, {})
    factual = data.rows(rows)
    assert all(torch.equal(world[name], factual[name]) for name in data.graph.nodes)


def test_setting_a_variable_to_its_own_value_changes_nothing(case: str, data: Dataset) -> None:
    if "measured" in case:
        pytest.skip("an intervention sets the quantity, not its reading")
    rows = data.split["test"][:6]
    factual = data.rows(rows)
    for name in data.graph.nodes:
        if not data.graph[name].is_image:
            world = data.truth.counterfactual(rows, {name: factual[name]})
            for node in data.graph.nodes:
                torch.testing.assert_close(world[node], factual[node], rtol=1e-5, atol=1.0)


def test_an_intervention_sets_its_nodes_and_moves_their_descendants_only(case: str, data: Dataset) -> None:
    rows, do = data.split["test"], CASES[case][1]
    world = data.truth.counterfactual(rows, do)
    below = {node for name in do for node in (name, *data.graph.descendants(name))}
    factual = data.rows(rows)
    for name in set(data.graph.nodes) - below:
        assert torch.equal(world[name], factual[name])
    for name, value in do.items():
        labels = data.graph[name].labels
        assert (world[name] == (value if labels is None else labels.index(value))).all()
    attributes = data.truth.attributes(rows, do)
    assert all(torch.equal(attributes[name], world[name]) for name in attributes)


def test_the_effect_is_the_mean_change_of_counterfactuals(case: str, data: Dataset) -> None:
    treatment, outcome, (a, b) = CASES[case][2]
    rows = torch.arange(ROWS)
    before, after = (data.truth.attributes(rows, {treatment: value})[outcome].double() for value in (a, b))
    change = (after - before).numpy()
    effect = data.truth.effect(treatment, outcome, (a, b))
    assert abs(change.mean() - effect) < 4 * change.std() / np.sqrt(ROWS) + 0.01


def test_a_fresh_table_is_seeded_and_follows_the_rows(data: Dataset) -> None:
    table, frame = data.truth.table(4_000, seed=5), data.frame()
    assert list(table.columns) == list(frame.columns)
    assert table.equals(data.truth.table(4_000, seed=5))
    assert not table.equals(data.truth.table(4_000, seed=6))
    for name in table:
        if table[name].dtype.kind == "f":
            spread = frame[name].std() * (1 / ROWS + 1 / 4_000) ** 0.5
            assert abs(table[name].mean() - frame[name].mean()) < 4.5 * spread


def test_the_oracle_changes_nothing_that_is_as_asked(data: Dataset) -> None:
    own = data.rows(data.split["test"])
    factual = own["image"]
    for names in (data.truth.remorphs, ()):
        again = data.truth.remorph(factual, {name: own[name] for name in names})
        assert (again.shape, again.dtype) == (factual.shape, factual.dtype)
    assert (again.float() - factual.float()).abs().mean() < 0.25


def test_a_second_load_is_the_first(case: str, data: Dataset, root: Path) -> None:
    again = load(**CASES[case][0], root=root, rows=ROWS)
    assert all(torch.equal(again.values[name], data.values[name]) for name in data.graph.nodes)
    assert again.digest() == data.digest()


def test_another_seed_is_another_table(case: str, data: Dataset, root: Path) -> None:
    other = load(**CASES[case][0], root=root, rows=100, seed=3)
    assert other.digest() != data.digest()
