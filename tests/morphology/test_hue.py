"""A hue that is painted is a hue that is measured, and painting loses nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from causalgen.errors import DataError
from causalgen.morphology import grey_levels, measure_hue, set_hue


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    images = np.random.default_rng(0).integers(0, 256, (90, 12, 9)).astype(np.uint8)
    images[:, :6] = 0
    return images


def test_painted_hues_are_measured_and_grey_levels_stay(grey: NDArray) -> None:
    hue = np.linspace(0.5, 359.5, len(grey))
    painted = set_hue(grey, hue)
    assert (painted.shape, painted.dtype) == ((90, 3, 12, 9), np.uint8)
    assert np.array_equal(grey_levels(painted), grey)
    np.testing.assert_allclose(measure_hue(painted), hue, atol=0.3)
    assert np.array_equal(set_hue(painted, 120), set_hue(grey, 120))


@pytest.mark.parametrize(("hue", "channels"), [(0, (1, 0, 0)), (60, (1, 1, 0)), (150, (0, 1, 0.5)), (360, (1, 0, 0))])
def test_known_colours(grey: NDArray, hue: float, channels: tuple[float, ...]) -> None:
    painted = set_hue(grey, hue)
    for channel, share in enumerate(channels):
        assert np.array_equal(painted[:, channel], np.rint(grey * share))


def test_no_colour_no_hue(grey: NDArray) -> None:
    images = np.stack([np.zeros((3, 12, 9)), np.repeat(grey[:1], 3, 0)])
    assert np.isnan(measure_hue(images)).all()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (measure_hue, r"colour images of shape \(N, 3, H, W\)"),
        (grey_levels, r"colour images of shape \(N, 3, H, W\)"),
        (lambda images: set_hue(images[0], 3), "colour images"),
        (lambda images: set_hue(images, [1, 2]), "one hue in degrees or 90"),
        (lambda images: set_hue(images, np.nan), "one hue in degrees"),
    ],
)
def test_bad_input_is_named(grey: NDArray, ask, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(grey)
