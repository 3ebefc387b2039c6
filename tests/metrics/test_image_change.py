"""The change of a number on the image: right for a model that draws it, none for one that copies, and its floor."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from causalgen.datasets import Dataset
from causalgen.metrics import ImageChange, image_changes

from .painted import Copier, Painter, measure_brightness, model, painted


class Dimmer(Painter):
    """Draws the right image, but every image that it draws loses 5 grey levels."""

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return (super().forward(noise, parents) - 5).clamp(0, 255)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted()


def change(data: Dataset, image: type[Painter], do: dict) -> ImageChange:
    readers = {"ink": ("image", measure_brightness)}
    found = image_changes(model(data, image), data, data.split["test"], do, readers)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("value", [40.0, 80.0, 120.0])
def test_a_perfect_model_changes_what_the_generator_changes(data: Dataset, value: float) -> None:
    found = change(data, Painter, {"brightness": value})
    true = value - float(data.part("test")["brightness"].double().mean())
    assert found.change == pytest.approx(true, abs=1e-3)
    assert found.low <= found.change <= found.high
    assert found.floor == pytest.approx(0, abs=0.5)  # images are stored in bytes
    assert found.counterfactual == pytest.approx(value)
    assert found.units == found.asked == len(data.split["test"])
    assert found.groups == len(data.group[data.split["test"]].unique())
    assert f"do(brightness = {value:g}" in found.query


def test_a_shift_changes_every_unit_alike(data: Dataset) -> None:
    found = change(data, Painter, {"brightness": lambda value, parents: value + 7})
    assert (found.change, found.low, found.high) == pytest.approx((7, 7, 7), abs=1e-3)


def test_a_model_that_copies_changes_nothing(data: Dataset) -> None:
    found = change(data, Copier, {"brightness": 120.0})
    assert (found.change, found.low, found.high, found.floor) == (0, 0, 0, 0)


def test_what_redrawing_does_is_in_the_floor_and_not_in_the_change(data: Dataset) -> None:
    found = change(data, Dimmer, {"brightness": 120.0})
    assert found.floor == pytest.approx(-5, abs=0.6)
    assert found.change == pytest.approx(change(data, Painter, {"brightness": 120.0}).change, abs=0.6)


def test_units_that_have_the_label_already_are_not_averaged_over(data: Dataset) -> None:
    found = change(data, Painter, {"shape": "both"})
    codes = data.part("test")["shape"]
    assert found.units == int((codes != 2).sum())
    assert found.asked == len(codes)


def test_images_that_cannot_be_read_are_left_out_and_counted(data: Dataset) -> None:
    def read(images: Tensor) -> np.ndarray:
        numbers = measure_brightness(images)
        return np.where(np.arange(len(numbers)) % 4 == 0, np.nan, numbers)

    rows = data.split["test"]
    (found,) = image_changes(model(data), data, rows, {"brightness": 90.0}, {"ink": ("image", read)})
    assert found.units == len(rows) - len(rows[::4])
    assert found.asked == len(rows)
    nothing = {"ink": ("image", lambda images: np.full(len(images), np.nan))}
    assert image_changes(model(data), data, rows, {"brightness": 90.0}, nothing) == []
    assert torch.is_tensor(rows)
