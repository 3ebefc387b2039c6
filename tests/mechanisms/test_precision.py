"""Under bfloat16 autocast, as a GPU trains, mechanisms still learn from the densities that they have in full precision."""

import torch

from causalgen.graph import Variable
from causalgen.mechanisms import build
from causalgen.mechanisms.image_vae import infer_gaussian

AGE = Variable("age", "continuous")


def test_the_image_flow_keeps_its_pixels_in_full_precision() -> None:
    flow = build("image-flow", Variable("x", "image", shape=(1, 8, 8)), {"age": AGE}, {"width": 8})
    value, parents = torch.randint(0, 256, (8, 1, 8, 8)).float(), {"age": torch.randn(8)}
    with torch.no_grad():
        expected = flow.abduct(value, parents)["z"]
        with torch.autocast("cpu", torch.bfloat16):
            noise = flow.abduct(value, parents)["z"]
    assert noise.dtype == torch.float32
    assert float((noise - expected).abs().mean()) < 0.01


def test_divergences_are_summed_in_full_precision() -> None:
    output = torch.randn(4, 2 * 300).bfloat16()
    expected, rate = infer_gaussian(output.float(), draw=False)[1], infer_gaussian(output, draw=False)[1]
    assert torch.equal(rate, expected)
    assert infer_gaussian(output.double(), draw=False)[1].dtype == torch.float64


def test_the_tolerance_of_the_image_flow_is_half_a_grey_level_in_the_pixels_unit() -> None:
    flow = build("image-flow", Variable("x", "image", shape=(1, 8, 8), support=(0, 1)), {})
    assert flow.tolerance == 0.5 / 255
