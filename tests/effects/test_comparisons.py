"""Effects from a model under do, and from images it generates, against a model whose effect is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from causalgen.effects import Estimate, Images, implied_effect, measured_effect
from causalgen.effects.correction import calibrate
from causalgen.errors import DataError

EFFECT = 5.0
QUESTION = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}


class Pens:
    """Intensity 40 + 5 [felt-tip] + noise, written into every pixel of a tiny image; abducts the noise exactly."""

    def sample(self, n: int, *, do: Mapping[str, Any], seed: int) -> dict[str, torch.Tensor]:
        felt = {"ballpoint": 0.0, "felt-tip": 1.0}[do["pen"]]
        noise = torch.randn(n, generator=torch.Generator().manual_seed(seed + int(felt)))
        intensity = 40 + EFFECT * felt + 2 * noise
        return {"intensity": intensity, "image": intensity[:, None, None, None].expand(n, 1, 4, 4)}

    def abduct(self, factual: Mapping[str, torch.Tensor], *, seed: int) -> "Written":
        return Written(factual["intensity"] - EFFECT * factual["pen"])


class Written:
    """Abducted pens; `response` draws the effect for every unit."""

    def __init__(self, base: torch.Tensor) -> None:
        self.base = base

    def counterfactual(self, do: Mapping[str, Any], *, seed: int) -> dict[str, torch.Tensor]:
        response = 1 + 0.5 * torch.randn(len(self.base), generator=torch.Generator().manual_seed(seed))
        intensity = self.base + EFFECT * response * {"ballpoint": 0.0, "felt-tip": 1.0}[do["pen"]]
        return {"intensity": intensity, "image": on_paper(intensity)}


def on_paper(intensity: torch.Tensor) -> torch.Tensor:
    return intensity[:, None, None, None].expand(len(intensity), 1, 4, 4)


def biased(images: NDArray) -> NDArray:
    """A measurement that reads 0.8 of the intensity, plus 3."""
    return 3 + 0.8 * images.mean(axis=(1, 2, 3))


def factual(rows: int = 200) -> dict[str, torch.Tensor]:
    assigned = torch.linspace(30, 60, rows)
    noise = 0.5 * torch.randn(rows, generator=torch.Generator().manual_seed(7))
    return {"pen": torch.zeros(rows), "intensity": assigned, "image": on_paper(assigned + noise)}


def test_implied_effect_covers_the_models_own_effect() -> None:
    row = implied_effect(Pens(), **QUESTION, n=4_000)
    assert row.covers(EFFECT)
    assert row.high - row.low == pytest.approx(2 * 1.96 * np.sqrt(8 / 4_000), rel=0.05)  # two variances of 4
    assert row == implied_effect(Pens(), **QUESTION, n=4_000)
    assert row.kind == "comparison"


def measured(**options: Any) -> Estimate:
    return measured_effect(
        Pens(), Images(**{"name": "image", "measure": biased, "factual": factual()} | options), **QUESTION
    )


def test_measured_effect_is_corrected_by_the_bias_on_factual_images() -> None:
    row = measured(factual=factual(2_000))
    assert row.covers(EFFECT)
    assert row.high - row.low == pytest.approx(2 * 1.96 * 0.5 * EFFECT / np.sqrt(2_000), rel=0.1)
    assert "raw difference 4.0" in row.note or "raw difference 3.9" in row.note


def test_interval_of_the_measured_effect_holds_the_calibration() -> None:
    def noisy(images: NDArray) -> NDArray:
        return biased(images) + np.resize([-4.0, 4.0], len(images))

    assert width(measured(measure=noisy)) > 1.2 * width(measured())


def test_interval_of_the_measured_effect_is_over_groups() -> None:
    twice = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in factual(100).items()}

    class Twins(Pens):
        def abduct(self, factual: Mapping[str, torch.Tensor], *, seed: int) -> Any:
            return Paired(super().abduct({name: tensor[::2] for name, tensor in factual.items()}, seed=seed))

    class Paired:
        def __init__(self, single: Written) -> None:
            self.single = single

        def counterfactual(self, do: Mapping[str, Any], *, seed: int) -> dict[str, torch.Tensor]:
            world = self.single.counterfactual(do, seed=seed)
            return {name: tensor.repeat_interleave(2, dim=0) for name, tensor in world.items()}

    naive = measured_effect(Twins(), Images("image", biased, twice), **QUESTION)
    clustered = measured_effect(Twins(), Images("image", biased, twice, groups=np.arange(100).repeat(2)), **QUESTION)
    assert width(clustered) == pytest.approx(np.sqrt(2) * width(naive), rel=0.05)


def test_images_that_cannot_be_measured_are_left_out_and_counted() -> None:
    def patchy(images: NDArray) -> NDArray:
        return np.where(np.arange(len(images)) % 4 == 0, np.nan, biased(images))

    assert "images of 150 real units under each value (50 more could not be measured)" in measured(measure=patchy).note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factual": {"image": torch.zeros(20, 1, 4, 4)}}, "Expected factual values of 'intensity'; got image"),
        ({"groups": np.arange(7)}, r"one group for each of 200 units; got shape \(7,\)"),
        ({"groups": np.zeros(200)}, "units of at least 2 groups; got 1"),
        ({"measure": lambda images: np.zeros(3)}, r"one measurement for each of 200 images; got \[3, 3, 3\]"),
        ({"measure": lambda images: np.full(len(images), np.nan)}, "at least 10 units .* got 0 of 200"),
    ],
)
def test_bad_input_of_the_measured_effect(options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        measured(**options)


def width(row: Estimate) -> float:
    assert row.low is not None
    assert row.high is not None
    return row.high - row.low


@pytest.mark.parametrize(
    ("readings", "assigned", "message"),
    [
        (np.random.default_rng(0).normal(size=50), np.arange(50.0), "got slope"),
        (-np.arange(50.0), np.arange(50.0), "got slope -1"),
        (np.arange(50.0), np.ones(50), "assigned outcomes that do not vary"),
        (np.arange(5.0), np.arange(5.0), "at least 10 factual images; got 5 measurements"),
        (np.arange(20.0), np.arange(19.0), "got 20 measurements and 19 assigned values"),
    ],
)
def test_measurements_that_do_not_follow_are_refused(readings: NDArray, assigned: NDArray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        calibrate(readings, assigned)
