"""Effects from a model under do, and from images it generates, against a model whose effect is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from causalgen.effects import implied_effect, measured_effect
from causalgen.effects.comparisons import calibrate
from causalgen.errors import DataError

EFFECT = 5.0
QUESTION = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}


class Pens:
    """Intensity 40 + 5 [felt-tip] + noise, written into every pixel of a tiny image."""

    def sample(self, n: int, *, do: Mapping[str, Any], seed: int) -> dict[str, torch.Tensor]:
        felt = {"ballpoint": 0.0, "felt-tip": 1.0}[do["pen"]]
        noise = torch.randn(n, generator=torch.Generator().manual_seed(seed + int(felt)))
        intensity = 40 + EFFECT * felt + 2 * noise
        return {"intensity": intensity, "image": intensity[:, None, None, None].expand(n, 1, 4, 4)}


def biased(images: NDArray) -> NDArray:
    """A measurement that reads 0.8 of the intensity, plus 3."""
    return 3 + 0.8 * images.mean(axis=(1, 2, 3))


def factual(rows: int = 200) -> dict[str, torch.Tensor]:
    assigned = torch.linspace(30, 60, rows)
    noise = torch.randn(rows, generator=torch.Generator().manual_seed(7))
    return {"intensity": assigned, "image": (assigned + 0.5 * noise)[:, None, None, None].expand(rows, 1, 4, 4)}


def test_implied_effect_covers_the_models_own_effect() -> None:
    row = implied_effect(Pens(), **QUESTION, n=4_000)
    assert row.covers(EFFECT)
    assert row.high - row.low == pytest.approx(2 * 1.96 * np.sqrt(8 / 4_000), rel=0.05)  # two variances of 4
    assert row == implied_effect(Pens(), **QUESTION, n=4_000)
    assert row.kind == "comparison"


def test_measured_effect_is_corrected_by_the_bias_on_factual_images() -> None:
    row = measured_effect(Pens(), image="image", measure=biased, factual=factual(), **QUESTION, n=2_000)
    assert row.covers(EFFECT)
    assert row.high - row.low < 1
    assert "raw difference 4.0" in row.note or "raw difference 3.9" in row.note


def test_interval_of_the_measured_effect_holds_the_calibration() -> None:
    few = measured_effect(Pens(), image="image", measure=biased, factual=factual(12), **QUESTION, n=100_000)
    many = measured_effect(Pens(), image="image", measure=biased, factual=factual(2_000), **QUESTION, n=100_000)
    assert few.high - few.low > 1.2 * (many.high - many.low)


@pytest.mark.parametrize(
    ("measured", "assigned", "message"),
    [
        (np.random.default_rng(0).normal(size=50), np.arange(50.0), "got slope"),
        (-np.arange(50.0), np.arange(50.0), "got slope -1"),
        (np.arange(50.0), np.ones(50), "assigned outcomes that do not vary"),
        (np.arange(5.0), np.arange(5.0), "at least 10 factual images; got 5 measurements"),
        (np.arange(20.0), np.arange(19.0), "got 20 measurements and 19 assigned values"),
    ],
)
def test_measurements_that_do_not_follow_are_refused(measured: NDArray, assigned: NDArray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        calibrate(measured, assigned)
