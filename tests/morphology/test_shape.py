"""Shapes that can be worked out by hand measure as they should."""

import numpy as np
import pytest
from numpy.typing import NDArray

from causalgen.datasets.morphodigits.handwriting import base_digits, trace
from causalgen.errors import UnknownNameError
from causalgen.morphology import ATTRIBUTES, measure

SHAPES = ("area", "length", "slant", "width", "height")
FINE = 8
"""Drawn so many times larger, then averaged, so that edges are grey as they are in images."""


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    sources, _ = base_digits()
    return np.stack([trace(image) for image in sources[::45]])


def drawn(inside, size: int = 40) -> NDArray[np.uint8]:
    """The share of each pixel where `inside(down, across)` holds, in pixels from the middle, times 200."""
    place = (np.arange(size * FINE) + 0.5) / FINE - size / 2
    ink = inside(*np.meshgrid(place, place, indexing="ij"))
    return np.rint(200 * ink.reshape(size, FINE, size, FINE).mean((1, 3))).astype(np.uint8)


def of(image: NDArray) -> dict[str, float]:
    return {name: float(value[0]) for name, value in measure(image[None], SHAPES).items()}


def test_an_upright_bar() -> None:
    bar = of(drawn(lambda y, x: (abs(x) < 2) & (abs(y) < 12)))
    assert bar["slant"] == pytest.approx(0, abs=1e-9)
    assert bar["area"] == pytest.approx(4 * 24, rel=0.03)
    assert bar["height"] == pytest.approx(0.98 * 24, abs=0.25)
    broad = of(drawn(lambda y, x: (abs(x) < 6) & (abs(y) < 12)))
    assert broad["width"] - bar["width"] == pytest.approx(0.98 * 8, abs=0.4)
    assert 0.98 * 4 < bar["width"] < 0.98 * 4 + 1.1
    assert bar["length"] == pytest.approx(24 - 4, abs=4)  # thinning takes up to half the width at either end


@pytest.mark.parametrize("shear", [-0.5, -0.2, 0.1, 0.4])
def test_a_slanted_bar(shear: float) -> None:
    bar = of(drawn(lambda y, x: (abs(x + shear * y) < 2) & (abs(y) < 12)))
    assert bar["slant"] == pytest.approx(np.arctan(shear), abs=0.005)  # to the right where higher means further right
    assert 0.98 * 4 < bar["width"] < 0.98 * 4 + 1.1  # of the parallelogram, not of the upright box
    assert bar["height"] == pytest.approx(0.98 * 24, abs=0.2)
    assert bar["area"] == pytest.approx(4 * 24, rel=0.03)


def test_a_ring() -> None:
    radius, width = 12.0, 3.0
    ring = of(drawn(lambda y, x: abs(np.hypot(y, x) - radius) < width / 2))
    assert ring["area"] == pytest.approx(2 * np.pi * radius * width, rel=0.01)
    chain = 8 / np.pi * (np.sqrt(2) - 1)  # a circle's length in steps of eight directions
    assert chain == pytest.approx(1.055, abs=0.001)
    assert ring["length"] == pytest.approx(2 * np.pi * radius * chain, rel=0.02)
    assert ring["slant"] == pytest.approx(0, abs=1e-6)
    assert ring["width"] == pytest.approx(ring["height"], abs=0.05)


def test_a_diagonal_line_is_as_long_as_it_is() -> None:
    line = drawn(lambda y, x: (abs(x + y) < 2) & (abs(x - y) < 24))
    assert of(line)["length"] == pytest.approx(24 * np.sqrt(2) - 2 * np.sqrt(2), abs=2)


def test_shifts_change_nothing_and_mirrors_turn_the_slant(digits: NDArray) -> None:
    padded = np.pad(digits, ((0, 0), (6, 6), (6, 6)))
    here, there = measure(padded, SHAPES), measure(np.roll(padded, (3, -2), (1, 2)), SHAPES)
    mirrored = measure(padded[:, :, ::-1], SHAPES)
    for name in SHAPES:
        np.testing.assert_allclose(there[name], here[name], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(mirrored["slant"], -here["slant"], atol=1e-5)
    for name in ("area", "height"):
        np.testing.assert_allclose(mirrored[name], here[name], rtol=1e-3)
    np.testing.assert_allclose(mirrored["width"], here["width"], atol=0.05)
    assert np.ptp(here["slant"]) > 0.2


def test_brightness_changes_no_shape(digits: NDArray) -> None:
    bright, dim = measure(digits, SHAPES), measure(digits // 2, SHAPES)
    for name in SHAPES:
        assert np.abs(bright[name] - dim[name]).mean() < 0.02 * np.abs(bright[name]).mean() + 0.01


def test_what_is_asked_for_is_what_comes_back(digits: NDArray) -> None:
    everything = measure(digits, tuple(ATTRIBUTES))
    assert tuple(everything) == tuple(ATTRIBUTES)
    assert tuple(measure(digits)) == ("thickness", "intensity")
    np.testing.assert_array_equal(measure(digits, ("slant",), jobs=2)["slant"], everything["slant"])
    assert measure(digits[:0], ("area",))["area"].shape == (0,)
    with pytest.raises(UnknownNameError, match="Did you mean 'slant'"):
        measure(digits, ("slnt",))
