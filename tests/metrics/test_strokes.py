"""Measurements of handwriting as `evaluate` calls them."""

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
