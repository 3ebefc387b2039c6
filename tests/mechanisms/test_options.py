"""Options that no network can be built from are refused in words."""

from typing import Any

import pytest

from causalgen.graph import Variable
from causalgen.mechanisms import build

IMAGE = Variable("x", "image", shape=(1, 12, 9))


@pytest.mark.parametrize("mechanism", ["conv-vae", "hierarchical-vae", "diffusion", "flow-matching", "dcgan"])
def test_a_network_too_narrow_to_be_halved_is_refused(mechanism: str) -> None:
    with pytest.raises(ValueError, match="width of at least 4 channels; got 3"):
        build(mechanism, IMAGE, {}, {"width": 3})


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="heads that divide the width of 8; got 3"):
        build("flow-matching", IMAGE, {}, {"width": 8, "attention": 3})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"network": "resnet"}, "network among u-net, transformer; got 'resnet'"),
        ({"network": "transformer", "width": 24}, "a multiple of 16; got 24"),
        ({"network": "transformer", "attention": 2}, "attention=0 for a transformer"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build("diffusion", IMAGE, {}, options)


@pytest.mark.parametrize("options", [{"beta": float("inf")}, {"free": float("nan")}, {"warmup": -1}])
def test_weights_of_an_objective_are_finite(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a number of at least 0 and at most"):
        build("conv-vae", IMAGE, {}, options)
