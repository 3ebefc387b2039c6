"""Ready measures on painted images with known answers, of any size, grey or colour."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from causalgen.errors import DataError
from causalgen.morphology.ready import (
    measure_area,
    measure_contrast,
    measure_gradient,
    measure_mean,
    measure_saturation,
    measure_sharpness,
    measure_texture,
)

SIZES = [(8, 8), (9, 14), (30, 17)]
GREY: dict[str, tuple[Callable, dict]] = {
    "area": (measure_area, {"threshold": 100}),
    "mean": (measure_mean, {}),
    "contrast": (measure_contrast, {}),
    "sharpness": (measure_sharpness, {}),
    "gradient": (measure_gradient, {}),
    "texture": (measure_texture, {}),
}


def rectangle(size: tuple[int, int], level: float = 200) -> NDArray:
    image = np.zeros((1, 1, *size))
    image[..., 2:5, 1:5] = level
    return image


def ramp(size: tuple[int, int], slope: float) -> NDArray:
    return np.broadcast_to(slope * np.arange(size[1]), (1, 1, *size)).copy()


def checkerboard(size: tuple[int, int]) -> NDArray:
    return (np.indices(size).sum(0) % 2 * 255.0)[None, None]


@pytest.mark.parametrize("size", SIZES)
def test_known_answers(size: tuple[int, int]) -> None:
    pixels = size[0] * size[1]
    share = 12 / pixels
    assert measure_area(rectangle(size), threshold=100) == 12
    assert measure_area(rectangle(size), threshold=0, up_to=100) == pixels - 12
    assert measure_area(rectangle(size, 128)) == 12
    assert measure_area(rectangle(size, 127)) == 0
    assert measure_mean(rectangle(size)) == pytest.approx(200 * share)
    assert measure_contrast(rectangle(size)) == pytest.approx(200 * np.sqrt(share * (1 - share)))
    dot = np.zeros((1, 1, *size))
    dot[..., 4, 4] = 10
    assert measure_sharpness(dot) == pytest.approx(20 * 10**2 / pixels)
    assert measure_gradient(ramp(size, 3.5)) == pytest.approx(3.5)
    assert measure_texture(rectangle(size, 0)) == pytest.approx(1)
    assert measure_texture(checkerboard(size)) == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_saturation_of_painted_colours() -> None:
    colours = np.array([[255, 0, 0], [200, 100, 150], [90, 90, 90], [0, 0, 0]], dtype=np.float64)
    images = np.broadcast_to(colours[:, :, None, None], (4, 3, 5, 6))
    assert measure_saturation(images) == pytest.approx([1, 0.5, 0, 0])
    half = images[:1].copy()
    half[..., :3] = 0
    assert measure_saturation(half) == pytest.approx(0.5)


@pytest.mark.parametrize("name", GREY)
def test_a_grey_image_in_three_channels_measures_the_same(name: str) -> None:
    measure, options = GREY[name]
    image = np.random.default_rng(0).integers(0, 256, (3, 1, 11, 9), dtype=np.uint8)
    assert measure(image.repeat(3, axis=1), **options) == pytest.approx(measure(image, **options))


@pytest.mark.parametrize("name", [*GREY, "saturation"])
def test_every_image_is_measured_by_itself_however_many_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, options = {**GREY, "saturation": (measure_saturation, {})}[name]
    images = np.random.default_rng(1).integers(0, 256, (7, 3, 12, 10), dtype=np.uint8)
    together = measure(images, **options)
    assert together.shape == (7,)
    assert together.dtype == np.float64
    assert together == pytest.approx(np.concatenate([measure(image[None], **options) for image in images]))
    monkeypatch.setattr("causalgen.morphology.ready.PIECE", 2 * 3 * 12 * 10)
    assert measure(images, **options) == pytest.approx(together)


def test_blurring_lowers_sharpness_and_gradient_and_evens_texture() -> None:
    rough = np.random.default_rng(2).integers(0, 256, (1, 1, 20, 20)).astype(np.float64)
    smooth = gaussian_filter(rough, (0, 0, 2, 2))
    assert measure_sharpness(smooth) < 0.1 * measure_sharpness(rough)
    assert measure_gradient(smooth) < 0.5 * measure_gradient(rough)
    assert measure_texture(smooth) > 2 * measure_texture(rough)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_mean(np.zeros((4, 8, 8))), r"Expected images of shape \(N, C, H, W\); got an array of shape"),
        (lambda: measure_saturation(np.zeros((0, 3, 8, 8))), "got an array of shape"),
        (
            lambda: measure_area(np.zeros((1, 1, 8, 8)), threshold=90, up_to=50),
            "Expected a threshold of at most up_to=50",
        ),
        (lambda: measure_texture(np.zeros((1, 1, 8, 6)), distance=6), "Expected a distance of 1 to 5 pixels"),
        (lambda: measure_texture(np.zeros((1, 1, 8, 6)), levels=1), "2 to 256 levels; got 1 and 1"),
        (lambda: measure_gradient(np.zeros((1, 1, 1, 6))), "at least 2 x 2 pixels"),
    ],
)
def test_what_cannot_be_measured_is_refused(call: Callable, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
