"""The scene is drawn exactly and alike everywhere, and measuring it returns what was drawn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from other_machine import printed_elsewhere

from causalgen.datasets import Dataset, load
from causalgen.datasets.pendulum import measure_angle, measure_light, measure_shadow_length, measure_shadow_position
from causalgen.datasets.pendulum.equations import ATTRIBUTES
from causalgen.datasets.pendulum.scene import render
from causalgen.errors import DataError, MissingValueError, NotIdentifiableError, SupportError, UnknownNameError
from causalgen.graph import identify

MEASURES = (measure_light, measure_angle, measure_shadow_length, measure_shadow_position)
FLOORS = {64: (0.01, 0.06, 0.08, 0.035), 96: (0.01, 0.06, 0.06, 0.025)}
"""Largest error of each measurement on images as drawn, by size; units and degrees."""
SHARES = (0.005, 0.01, 0.02, 0.01)
"""Mean error allowed on noisy images, as a share of the range of the attribute."""
RANGES = (16.0, 90.0, 14.0, 22.0)
DIGEST = "92baae1adac41facf2c515ac6d8f6b7e60fae036e92638027d641a863ef43dba"
"""Of the images of `SCRIPT`, from the first machine that drew them."""
SCRIPT = """
import hashlib, numpy as np
from causalgen.datasets.pendulum.scene import render
grid, digest = np.arange(200) / 199, hashlib.sha256()
for size in (64, 96):
    columns = (2 + 16 * grid, 90 * (7 * grid % 1) - 45, 1 + 14 * (11 * grid % 1), 22 * (13 * grid % 1) - 1)
    digest.update(render(*columns, wall=np.arange(200) % 3, size=size).tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def _scenes(count: int, seed: int = 0) -> list[NDArray]:
    rng = np.random.default_rng(seed)
    light, angle, length = rng.uniform(2, 18, count), rng.uniform(-45, 45, count), rng.uniform(1, 12, count)
    return [light, angle, length, rng.uniform(-1 + length / 2, 21 - length / 2)]


def test_every_process_draws_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that may not use the vector instructions of this machine."""
    exec(SCRIPT, {})
    assert capsys.readouterr().out == printed_elsewhere(SCRIPT) == f"{DIGEST}\n"


@pytest.mark.parametrize("size", FLOORS)
@pytest.mark.parametrize("wall", [0, 1, 2])
def test_measurements_return_what_was_drawn(size: int, wall: int) -> None:
    scenes = _scenes(100)
    images = render(*scenes, wall=wall, size=size)
    for measure, values, most in zip(MEASURES, scenes, FLOORS[size]):
        assert np.abs(measure(images) - values).max() < most


@pytest.mark.parametrize("size", FLOORS)
def test_measurements_bear_the_noise_of_generated_images(size: int) -> None:
    scenes = _scenes(100, seed=1)
    noise = np.random.default_rng(2).normal(scale=8, size=(100, 3, size, size))
    images = np.clip(render(*scenes, size=size) + noise, 0, 255).astype(np.uint8)
    for measure, values, share, extent in zip(MEASURES, scenes, SHARES, RANGES):
        assert np.abs(measure(images) - values).mean() < share * extent


def test_what_is_not_there_is_not_measured() -> None:
    for level in (0, 90, 255):
        empty = np.full((2, 3, 64, 64), level, np.uint8)
        assert np.isnan([measure_light(empty), measure_angle(empty), measure_shadow_position(empty)]).all()
        assert (measure_shadow_length(empty) == 0).all()


@settings(max_examples=8, deadline=None)
@given(
    st.floats(2, 18),
    st.floats(-45, 45),
    st.floats(1, 15),
    st.floats(-1, 21),
    st.sampled_from([64, 96]),
    st.integers(0, 2),
)
def test_every_edge_covers_its_share_of_a_pixel(light, angle, length, position, size: int, wall: int) -> None:
    fine = render([light], [angle], [length], [position], wall=wall, size=8 * size)[0].astype(float)
    coarse = render([light], [angle], [length], [position], wall=wall, size=size)[0]
    exact = fine.reshape(3, size, 8, size, 8).mean((2, 4))
    assert np.abs(coarse - exact).mean() < 0.2
    assert np.abs(coarse - exact).max() < 0.1 * 255


@pytest.mark.parametrize(
    ("columns", "images"),
    [(([1.0], [2.0, 3.0], [4.0], [5.0]), None), (([np.nan], [0.0], [4.0], [5.0]), None), (None, np.zeros((2, 64, 64)))],
)
def test_what_cannot_be_drawn_or_measured(columns, images) -> None:
    if columns is not None:
        with pytest.raises(DataError, match="four columns of one length"):
            render(*columns)
    else:
        for measure in MEASURES:
            with pytest.raises(DataError, match=r"colour images of shape \(N, 3, H, W\)"):
                measure(images)


# -- the data set ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return load("pendulum", root=root, rows=600)


def test_light_through_the_pivot_and_the_tip_ends_at_the_shadow(data: Dataset) -> None:
    """The rays, drawn from the lamp's side: from a point, along the line from lamp to pivot, down to y = -0.5."""
    noise = data.truth.noise
    light, angle = (data.values[name].double().numpy() for name in ("light", "angle"))
    down = np.stack([10 - light, np.full(len(light), -10.0)])

    def ground(point: NDArray) -> NDArray:
        return point[0] + down[0] * (point[1] + 0.5) / 10

    turn = np.radians(angle)
    pivot = ground(np.stack([np.full(len(light), 10.0), np.full(len(light), 10.5)]))
    tip = ground(np.stack([10 + 9.5 * np.sin(turn), 10.5 - 9.5 * np.cos(turn)]))
    left, right = np.minimum(pivot, tip), np.maximum(pivot, tip)
    length = np.maximum(right - left, 3) + 0.3 * noise["shadow_length"]
    position = (left + right) / 2 + 0.3 * noise["shadow_position"]
    np.testing.assert_allclose(data.values["shadow_length"].numpy(), length, atol=1e-4)
    np.testing.assert_allclose(data.values["shadow_position"].numpy(), position, atol=1e-4)


def test_the_table_determines_the_picture(data: Dataset) -> None:
    rows = data.split["test"]
    columns = data.rows(rows)
    assert np.array_equal(render(*(columns[name].numpy() for name in ATTRIBUTES)), columns["image"].numpy())


def test_effects_equal_their_formulas(data: Dataset) -> None:
    """The cast of the tip is linear in light, with slope -(11 - 9.5 E[cos angle]) / 10."""
    cosine = np.sin(np.radians(40)) / np.radians(40)
    per_unit = -(11 + 11 - 9.5 * cosine) / 20
    assert data.truth.effect("light", "shadow_position", (6, 10)) == pytest.approx(4 * per_unit, abs=0.01)
    assert data.truth.effect("angle", "shadow_position", (0, 30)) == pytest.approx(9.5 * 0.5 / 2, abs=0.01)
    pivot, tip = 10 - 11 * 0.6, 14.75 - (11 - 9.5 * np.cos(np.radians(30))) * 0.6
    both = data.truth.effect(("light", "angle"), "shadow_length", ((10, 0), (16, 30)))
    assert both == pytest.approx(tip - pivot - 3, abs=0.01)


def test_the_oracle_is_exact(data: Dataset) -> None:
    rows = data.split["test"]
    true = data.truth.counterfactual(rows, {"light": 5.0})
    redrawn = data.truth.remorph(data.values["image"][rows], {name: true[name] for name in data.truth.remorphs})
    assert torch.equal(redrawn, true["image"])


# -- variants --------------------------------------------------------------------------------------------------------


def test_a_hidden_cause_is_declared_and_biases(root: Path) -> None:
    data = load("pendulum", root=root, rows=100, variant="hidden")
    assert data.graph.confounded == (("light", "shadow_length"),)
    with pytest.raises(NotIdentifiableError):
        identify(data.graph, treatment="light", outcome="shadow_length")
    identify(data.graph, treatment="light", outcome="shadow_position")
    table = data.truth.table(200_000, seed=0)
    near = [table[(table["light"] - value).abs() < 0.2]["shadow_length"].mean() for value in (6, 10)]
    true = data.truth.effect("light", "shadow_length", (6, 10))
    assert true == pytest.approx(-1.0, abs=0.02)
    assert near[1] - near[0] == pytest.approx(-0.29, abs=0.06)


def test_readings_err_around_the_scene_that_the_image_shows(root: Path) -> None:
    data = load("pendulum", root=root, rows=600, variant="measured")
    images = data.values["image"].numpy()
    for name, measure, scale in zip(ATTRIBUTES, MEASURES, (1.5, 8.0, 0.7, 0.7)):
        error = data.values[name].numpy() - measure(images)
        assert error.std() == pytest.approx(scale, rel=0.12)
        assert abs(error.mean()) < 4 * scale / 600**0.5
    rows = torch.arange(20)
    world = data.truth.counterfactual(rows, {"light": 5.0})
    assert (world["light"] == 5).all()
    np.testing.assert_allclose(measure_light(world["image"].numpy()), 5, atol=0.01)
    assert torch.equal(world["angle"], data.values["angle"][rows])


def test_the_wall_agrees_with_the_lamp_and_acts_on_nothing(root: Path) -> None:
    data = load("pendulum", root=root, rows=600, variant="spurious")
    table = data.truth.table(100_000, seed=0)
    assert ((table["light"] < 10) == (table["wall"] == "warm")).mean() == pytest.approx(0.95, abs=0.003)
    naive = table.groupby("wall")["shadow_position"].mean()
    assert naive["cool"] - naive["warm"] == pytest.approx(-4.17, abs=0.06)
    assert data.truth.effect("wall", "shadow_position", ("warm", "cool")) == 0
    rows = torch.arange(50)
    worlds = [data.truth.counterfactual(rows, {"wall": wall})["image"].numpy() for wall in ("warm", "cool")]
    for measure in MEASURES:
        np.testing.assert_allclose(measure(worlds[0]), measure(worlds[1]), atol=0.02)
    assert np.median(worlds[0], axis=(0, 2, 3)).tolist() == [255, 244, 214]
    cool = torch.from_numpy(worlds[1])
    for again in (
        data.truth.remorph(cool, {}),
        data.truth.remorph(torch.from_numpy(worlds[0]), {"wall": torch.tensor(1)}),
    ):
        assert (again.float() - cool.float()).abs().mean() < 0.05


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        ({"image": 0}, DataError, "got 'image'"),
        ({"ligth": 3}, UnknownNameError, "Did you mean 'light'"),
        ({"light": 30.0}, SupportError, "light"),
        ({"angle": float("nan")}, MissingValueError, "angle"),
        ({"light": [2.0, 3.0]}, DataError, "light"),
        ({"light": "left"}, DataError, "light"),
    ],
)
def test_interventions_that_the_generator_cannot_answer(data: Dataset, do, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data.truth.counterfactual(torch.arange(3), do)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"variant": "spurios"}, UnknownNameError, "Did you mean 'spurious'"),
        ({"size": 128}, DataError, "64 or 96 pixels"),
        ({"rows": 5}, DataError, "at least 100 rows of pendulum"),
        ({"seed": -1}, DataError, "seed of 0 or more"),
        ({"colour": True}, UnknownNameError, "options of pendulum among"),
    ],
)
def test_what_cannot_be_loaded(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load("pendulum", **options)
