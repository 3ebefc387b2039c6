"""Measurements of handwriting as `evaluate` calls them."""

import numpy as np
import torch

from causalgen.metrics import stroke_measures


def test_bars_are_measured_and_blank_images_have_nothing() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, 5:23, 12:16] = 180
    measures = stroke_measures()
    thickness, intensity = measures["thickness"](images), measures["intensity"](images)
    assert abs(thickness[0] - 4) < 0.3
    assert intensity[0] == 180
    assert thickness[1] == intensity[1] == 0


def test_colour_is_measured_by_its_brightest_channel() -> None:
    images = torch.zeros(2, 3, 28, 28, dtype=torch.uint8)
    images[0, 1, 5:23, 12:16] = 180
    images[0, 2, 5:23, 12:16] = 90
    measures = stroke_measures()
    assert abs(measures["thickness"](images)[0] - 4) < 0.3
    assert measures["intensity"](images).tolist() == [180, 0]
    np.testing.assert_allclose(measures["hue"](images), [150, np.nan])
