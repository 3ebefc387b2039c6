"""Noise that is paired with images does not tell what their parents are, whatever the size of the images."""

import pytest
import torch
from torch import Tensor

from causalgen.graph import Variable
from causalgen.mechanisms import Abduction
from causalgen.mechanisms.flow_matching import FlowMatching

LIGHT = Variable("light", "continuous")


def _along(shape: tuple[int, int, int], light: Tensor, parents: dict[str, Tensor], like: Variable) -> Tensor:
    """How much of the sum of all pixels is in the noise that training pairs with images as bright as `light`."""
    flow = FlowMatching(Variable("x", "image", shape=shape), {like.name: like}, width=4).double()
    flow.initialize(light, parents)
    images = (90 + 30 * light)[:, None, None, None] + 5 * torch.randn(len(light), *shape)
    seen = {}

    def recorded(state: Tensor, time: Tensor, parents: dict[str, Tensor]) -> Tensor:
        seen.update(state=state, time=time[:, None, None, None])
        return state

    flow.predict = recorded  # type: ignore[method-assign]
    flow.objectives(images, parents, 0.5)
    noise = (seen["state"] - seen["time"] * flow.to_unit(images)) / (1 - seen["time"])
    return noise.flatten(1).sum(1)


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 112, 112)])
def test_paired_noise_does_not_depend_on_the_parents(shape: tuple[int, int, int]) -> None:
    lights = [torch.randn(128).double() for _ in range(3)]
    pairs = [(_along(shape, light, {"light": light}, LIGHT), light) for light in lights]
    assert abs(sum(_correlation(*pair) for pair in pairs)) / 3 < 0.2


def test_paired_noise_does_not_depend_on_an_image_parent() -> None:
    light = torch.randn(128).double()
    picture = Variable("picture", "image", shape=(1, 8, 8))
    parents = {"picture": (90 + 30 * light).clamp(0, 255)[:, None, None, None].expand(128, 1, 8, 8)}
    assert abs(_correlation(_along((1, 28, 28), light, parents, picture), light)) < 0.3


def test_a_guided_edit_is_not_called_bijective() -> None:
    image = Variable("x", "image", shape=(1, 8, 8))
    assert FlowMatching(image, {"light": LIGHT}, solver="dopri5").abduction is Abduction.BIJECTIVE
    assert FlowMatching(image, {"light": LIGHT}, solver="dopri5", guidance=2.0).abduction is Abduction.POINT


def test_the_adaptive_solver_keeps_its_tolerance_along_a_steep_field() -> None:
    flow = FlowMatching(Variable("x", "image", shape=(1, 8, 8)), {}, width=8, solver="dopri5")
    images = torch.randint(0, 256, (4, 1, 8, 8)).float()
    with torch.no_grad():
        for parameter in flow.network.parameters():
            parameter.mul_(2.5)
        assert float((flow(flow.abduct(images, {}), {}) - images).abs().max()) < flow.tolerance
