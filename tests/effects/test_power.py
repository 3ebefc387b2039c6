"""Power, width and coverage of simulated studies, against those that theory gives for a linear-Gaussian model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from causalgen.effects import ReadOutcome, SharedNoise, power_curve
from causalgen.effects.power_result import falls, needed_size, summarize_sizes
from causalgen.effects.shared_noise import draw_grouped
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel

GRAPH = CausalGraph(
    'age -> {"the dose", pain}; "the dose" -> pain; sex',
    [
        Variable("age", "continuous"),
        Variable("the dose", "continuous"),
        Variable("pain", "continuous"),
        Variable("sex", "binary", labels=("f", "m")),
    ],
)
QUESTION: dict[str, Any] = {"treatment": "the dose", "outcome": "pain", "contrast": (0, 1)}
PERSONS, EACH = 300, 4
SHARED = {"age": 1.0, "the dose": 0.5, "pain": 0.6, "sex": 1.0}


def table(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Images of persons: the effect is 0.3, the noise of both is correlated within a person, age and sex are the person's."""
    rng, persons = np.random.default_rng(seed), np.repeat(np.arange(PERSONS), EACH)

    def noise(r: float) -> np.ndarray:
        return np.sqrt(r) * rng.normal(size=PERSONS)[persons] + np.sqrt(1 - r) * rng.normal(size=len(persons))

    age = noise(1.0)
    dose = 0.5 * age + noise(0.5)
    found = pd.DataFrame({"age": age, "the dose": dose, "pain": 0.3 * dose + age + noise(0.6)})
    return found.assign(sex=np.where(rng.random(PERSONS) < 0.4, "m", "f")[persons]), persons


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    rows = table()[0]
    model = StructuralCausalModel(GRAPH, dict.fromkeys(("age", "the dose", "pain"), "linear-gaussian"))
    model.initialize(rows)
    return model.declare_fitted()


def test_power_is_that_of_the_normal_test(scm: StructuralCausalModel) -> None:
    sizes = (60, 120)
    curve = power_curve(scm, **QUESTION, sizes=sizes, tables=50, methods=["linear adjustment"])
    error = np.sqrt(1 / np.array(sizes))
    expected = norm.sf(1.96 - curve.effect / error)
    assert curve.effect == pytest.approx(0.3, abs=0.1)
    assert "97.5% power" in replace(curve, target=0.975).answer
    assert (curve.frame["power_low"] - 0.05 <= expected).all()
    assert (expected <= curve.frame["power_high"] + 0.05).all()
    assert curve.frame["width"].to_numpy() == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert (curve.frame["coverage_high"] >= 0.95).all()


def test_the_interpolated_size_is_that_of_the_normal_test() -> None:
    """Z statistics of tables that grow; 80 % power at ((1.96 + 0.8416) / 0.3)^2 = 87 rows."""
    sizes, rng = np.array([40, 70, 140, 280]), np.random.default_rng(0)
    sums = np.cumsum(rng.normal(0.3, 1, (1000, 280)), axis=1)[:, sizes - 1]
    needed = needed_size(sizes, sums / np.sqrt(sizes) > 1.96, 0.8, seed=0)
    assert needed.low < 87.2 < needed.high
    assert needed.n == pytest.approx(87.2, rel=0.05)
    assert needed.high - needed.low < 20


@pytest.mark.parametrize(("power", "n"), [([0.9, 0.95], -np.inf), ([0.2, 0.5], np.inf), ([0.95, 0.4], np.inf)])
def test_sizes_beyond_the_simulated_ones_are_not_invented(power: list[float], n: float) -> None:
    found = np.arange(100)[:, None] < 100 * np.array(power)
    assert needed_size(np.array([50, 100]), found, 0.8, seed=0).n == n
    assert (falls(found) is not None) == (power[0] > power[1])


@pytest.mark.parametrize(("power", "open_ends"), [((0, 1, 1), (20, 50)), ((0.6, 1, 1), (20,)), ((0, 0.9, 1), (50,))])
def test_a_power_of_0_or_1_leaves_the_number_open(power: tuple[float, ...], open_ends: tuple[int, ...]) -> None:
    found = np.arange(100)[:, None] < 100 * np.array(power)
    needed = needed_size(np.array([20, 50, 100]), found, 0.8, seed=0)
    assert {20, 50} & {needed.low, needed.high} == set(open_ends)
    assert needed.low < needed.n < needed.high


def test_tables_without_an_estimate_find_nothing() -> None:
    ends = np.array([[[1.0, 2.0]], [[-1.0, 1.0]], [[np.nan, np.nan]], [[-np.inf, np.inf]]])
    row = summarize_sizes(np.array([50]), np.full((4, 1), 50.0), ends, effect=0.5).iloc[0]
    assert (row["power"], row["coverage"], row["width"], row["refused"]) == (0.25, pytest.approx(2 / 3), 1.5, 1)


def test_what_rows_of_a_person_share_is_measured_and_drawn_again(scm: StructuralCausalModel) -> None:
    rows, persons = table()
    shared = SharedNoise.measure(scm, rows, persons)
    assert shared.shared == pytest.approx(SHARED, abs=0.12)
    assert (shared.shared["age"], shared.shared["sex"]) == (1.0, 1.0)
    drawn = draw_grouped(scm, np.repeat(np.arange(1500), 3), SHARED, seed=3)
    again = SharedNoise.measure(scm, drawn, np.repeat(np.arange(1500), 3))
    assert again.shared == pytest.approx(SHARED, abs=0.06)
    alone = scm.sample(4500, seed=1)
    for name in GRAPH.nodes:
        assert float(drawn[name].double().mean()) == pytest.approx(float(alone[name].double().mean()), abs=0.12)
        assert float(drawn[name].double().std()) == pytest.approx(float(alone[name].double().std()), rel=0.1)
    assert (drawn["age"].reshape(-1, 3) == drawn["age"].reshape(-1, 3)[:, :1]).all()


def test_n_counts_persons_and_intervals_are_wider_than_those_of_as_many_rows(scm: StructuralCausalModel) -> None:
    rows, persons = table()
    asked = {"sizes": (40,), "tables": 20, "methods": ["linear adjustment"]}
    alone = power_curve(scm, **QUESTION, **asked | {"sizes": (160,)})
    grouped = power_curve(scm, **QUESTION, **asked, shared=SharedNoise.measure(scm, rows, persons, name="person"))
    assert grouped.unit == "groups of 'person'"
    assert grouped.frame["rows"].tolist() == [160.0]
    assert 1.1 < float(grouped.frame["width"].iloc[0] / alone.frame["width"].iloc[0]) < 2
    assert any("measured in 300 groups of the data: age 1.00" in note for note in grouped.notes)


IMAGES = CausalGraph(
    "pen -> scan",
    [Variable("pen", "binary", labels=("ball", "felt")), Variable("scan", "image", shape=(1, 8, 8))],
)


def test_a_reading_is_an_outcome_below_its_image() -> None:
    torch.manual_seed(0)
    image = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 8, "blocks": 1}
    model = StructuralCausalModel(IMAGES, {"scan": image})
    pen = (torch.rand(80) < 0.5).long()
    scan = (100 + 60 * pen[:, None, None, None] + 40 * torch.rand(80, 1, 8, 8)).to(torch.uint8)
    model.initialize({"pen": pen, "scan": scan})
    model.declare_fitted()

    def ink(images: torch.Tensor) -> np.ndarray:
        read = images.float().mean(dim=(1, 2, 3)).numpy()
        read[::25] = np.nan  # not every image has a reading
        return read

    reading = ReadOutcome("scan", ink)
    curve = power_curve(
        model, treatment="pen", outcome="ink", reading=reading, sizes=(60, 90), tables=20, methods=["linear adjustment"]
    )
    assert curve.frame["rows"].tolist() == [60.0, 90.0]
    worlds = [model.sample(4000, do={"pen": label}, seed=5)["scan"].mean(dim=(1, 2, 3)) for label in ("ball", "felt")]
    assert curve.effect == pytest.approx(float((worlds[1] - worlds[0]).mean()), abs=6 * curve.effect_error + 0.5)
    assert curve.frame["coverage"].mean() > 0.75
    assert any("4% of the generated images have no reading" in note for note in curve.notes)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "sizes": ({"sizes": (20, 100)}, DataError, "whole numbers from 50"),
    "no sizes": ({"sizes": ()}, DataError, "got none"),
    "tables": ({"tables": 3}, DataError, "20 to 10,000 tables"),
    "target": ({"target": 1.2}, DataError, "between 0 and 1"),
    "level": ({"level": 95}, DataError, "level between 0 and 1"),
    "outcome": ({"outcome": "pian"}, UnknownNameError, "Did you mean 'pain'"),
    "treatment": ({"treatment": "doze"}, UnknownNameError, "doze"),
    "no path": ({"treatment": "sex", "contrast": None}, DataError, "no effect to find"),
    "contrast": ({"contrast": (1, 1)}, DataError, "two different values"),
    "method": ({"methods": ["magic"]}, UnknownNameError, "magic"),
    "image": ({"reading": ReadOutcome("scan", len)}, DataError, "it has none"),
    "set": ({"adjustment": ()}, Exception, "age"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_gets_one_message(scm: StructuralCausalModel, case: str) -> None:
    wrong, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        power_curve(scm, **QUESTION | {"sizes": (60,), "tables": 20} | wrong)
