"""What is set is what is measured, on real handwriting, over the whole range of the data sets."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label

from causalgen.datasets.morphodigits.handwriting import base_digits, trace
from causalgen.errors import DataError
from causalgen.morphology import (
    measure,
    measure_intensity,
    measure_thickness,
    set_all,
    set_intensity,
    set_thickness,
)

RANGE = (1.0, 1.3, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""Pixels; the last step is where loops close and a digit may no longer reach the thickness exactly."""


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    sources, _ = base_digits()
    return np.stack([trace(image) for image in sources[::15]])


def bar(width: int, *, length: int = 18, value: int = 200) -> NDArray[np.uint8]:
    image = np.zeros((28, 28), np.uint8)
    image[5 : 5 + length, 10 : 10 + width] = value
    return image


@pytest.mark.parametrize("width", [2, 3, 4, 5, 6])
def test_a_bar_is_as_thick_as_it_is_wide(width: int) -> None:
    image = bar(width, length=22)
    assert measure_thickness(image) == pytest.approx(width, abs=0.2)
    assert measure_thickness(image.T) == pytest.approx(width, abs=0.2)
    assert measure_intensity(image) == 200


@pytest.mark.parametrize("thickness", RANGE)
def test_the_measured_thickness_is_the_one_set(digits: NDArray, thickness: float) -> None:
    intensity = np.random.default_rng(0).uniform(70, 250, len(digits))
    measured = measure(set_all(digits, thickness, intensity))
    error = measured["thickness"] - thickness
    assert abs(error.mean()) < 0.02
    assert np.abs(error).mean() < 0.05
    assert np.abs(error).max() < (0.3 if thickness < 5 else 1.5)  # closing a loop is a jump
    assert np.abs(measured["intensity"] - intensity).mean() < 0.6


def test_redrawing_a_redrawn_image_measures_as_asked_too(digits: NDArray) -> None:
    factual = set_all(digits, np.linspace(1.2, 5, len(digits)), 180)
    for thickness in (1.5, 3.0, 5.0):
        error = measure(set_all(factual, thickness))["thickness"] - thickness
        assert np.abs(error).mean() < 0.05


@pytest.mark.parametrize("thickness", [1.0, 1.5])
def test_thin_strokes_stay_whole(digits: NDArray, thickness: float) -> None:
    bold = set_all(digits, 3.0)
    thin = set_all(bold, thickness)
    neighbours = np.ones((3, 3))
    pieces = np.array([[label(image > 0.2 * image.max(), neighbours)[1] for image in pair] for pair in zip(bold, thin)])
    assert (pieces[:, 0] == pieces[:, 1]).mean() > 0.98


def test_thicker_means_more_ink_and_thinner_less(digits: NDArray) -> None:
    ink = np.stack([(set_all(digits, t) >= 128).sum((1, 2)) for t in (1.5, 2.5, 3.5, 4.5)])
    assert (np.diff(ink, axis=0) > 0).all()


def test_one_attribute_is_set_and_the_other_stays(digits: NDArray) -> None:
    images = set_all(digits, 2.5, 120)
    bold = measure(set_all(images, 4.0))
    assert np.abs(bold["intensity"] - 120).max() <= 1
    dim = measure(set_all(images, intensity=90))
    assert np.abs(dim["thickness"] - measure(images)["thickness"]).max() < 0.05
    assert np.abs(dim["intensity"] - 90).max() <= 1


def test_setting_what_is_already_there_changes_no_pixel(digits: NDArray) -> None:
    for image in digits[:20]:
        assert np.array_equal(set_thickness(image, measure_thickness(image)), image)
        assert np.array_equal(set_intensity(image, measure_intensity(image)), image)
    assert np.array_equal(set_all(digits), digits)


def test_processes_change_nothing(digits: NDArray) -> None:
    images = np.concatenate([digits] * 3)
    thickness = np.linspace(1, 5, len(images))
    seen: list[tuple[int, int]] = []
    serial = set_all(images, thickness, 150, jobs=1)
    parallel = set_all(images, thickness, 150, jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert np.array_equal(serial, parallel)
    assert seen[-1] == (len(images), len(images))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_any_image_size_works() -> None:
    image = np.zeros((41, 64), np.uint8)
    image[8:30, 20:24] = 90
    thick = set_thickness(image, 5.0)
    assert thick.shape == image.shape
    assert measure_thickness(thick) == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda image: measure_thickness(np.zeros_like(image)), "image with ink"),
        (lambda image: measure_intensity(np.zeros((0, 0))), "image with ink"),
        (lambda image: set_thickness(np.zeros_like(image), 2), "image with ink"),
        (lambda image: measure_thickness(image[None]), "shape"),
        (lambda image: measure(image), "shape"),
        (lambda image: set_thickness(image, 0), "thickness above 0 px; got 0"),
        (lambda image: set_thickness(image, float("nan")), "thickness above 0 px; got nan"),
        (lambda image: set_intensity(image, 0), "intensity in"),
        (lambda image: set_intensity(image, 256), "intensity in"),
        (lambda image: set_all(np.stack([image] * 3), [1, 2]), "one thickness or 3"),
        (lambda image: set_all(image[None], np.nan), "NaN"),
        (lambda image: measure(np.stack([image, image * 0])), "Image 1: Expected an image with ink"),
        (lambda image: set_all(np.stack([image, image * 0]), 2, 100), "Image 1: Expected an image with ink"),
    ],
)
def test_bad_input_is_named(ask, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(bar(3))


def test_an_empty_batch_is_measured_and_set_as_such() -> None:
    images = np.zeros((0, 28, 28), np.uint8)
    assert measure(images)["thickness"].shape == (0,)
    assert set_all(images, 2).shape == (0, 28, 28)


def _idx(path: Path, count: int) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(16 + count * 784), np.uint8, offset=16).reshape(-1, 28, 28)


@pytest.mark.parametrize("thickness", [1.2, 2.0, 3.0, 4.0])
def test_on_real_handwriting_too(real_data: Path, thickness: float) -> None:
    images = _idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz", 200)
    error = measure(set_all(images, thickness))["thickness"] - thickness
    assert abs(error.mean()) < 0.02
    assert np.abs(error).mean() < 0.05


def test_released_morphomnist_images_measure_as_assigned_up_to_their_renderer(real_data: Path) -> None:
    """Another renderer and another skeleton: thickness 0.04 px below the assigned one on average, intensity 0.4."""
    folder = real_data / "morphomnist"
    assigned = np.genfromtxt(folder / "t10k-morpho.csv", delimiter=",", names=True, max_rows=1000)
    measured = measure(_idx(folder / "t10k-images-idx3-ubyte.gz", 1000))
    thickness = measured["thickness"] - assigned["thickness"]
    assert abs(thickness.mean()) < 0.1
    assert np.abs(thickness).mean() < 0.13
    assert np.abs(measured["intensity"] - assigned["intensity"]).mean() < 1
