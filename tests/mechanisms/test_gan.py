"""The GAN with encoder: what keeps it going where most pixels are black, and who learns from what."""

import pytest
import torch
from torch import Tensor

from causalgen.graph import Variable
from causalgen.mechanisms.gan import GAN

LIGHT = Variable("light", "continuous", unit="grey level")
IMAGE = Variable("image", "image", shape=(1, 8, 8))


def _data() -> tuple[Tensor, dict[str, Tensor]]:
    light = torch.linspace(120, 220, 32)
    image = torch.zeros(32, 1, 8, 8)
    image[:, :, 2:6, 2:6] = light[:, None, None, None]
    return image, {"light": light}


@pytest.fixture
def mechanism() -> GAN:
    torch.manual_seed(0)
    gan = GAN(IMAGE, {"light": LIGHT}, latent=4, width=8)
    gan.initialize(*_data())
    return gan


def _objectives(gan: GAN, progress: float) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return gan.objectives(*_data(), progress)


def test_a_generator_that_draws_black_only_is_called_back(mechanism: GAN) -> None:
    bias = mechanism.generator.decoder.last.bias
    assert isinstance(bias, Tensor)
    with torch.no_grad():
        bias.fill_(-9)
    (slope,) = torch.autograd.grad(_objectives(mechanism, 0.0)["generator"].mean(), bias)
    assert float(slope) < -1


def test_the_image_given_back_weighs_on_generator_and_encoder(mechanism: GAN) -> None:
    weighed = _objectives(mechanism, 0.0)
    mechanism.cycle = 0.0
    free = _objectives(mechanism, 0.0)
    for objective in ("generator", "encoder"):
        assert torch.allclose(weighed[objective] - free[objective], 10 * free["cycle"], atol=1e-4)
    assert torch.equal(weighed["critic"], free["critic"])


def test_in_the_last_part_the_encoder_alone_learns(mechanism: GAN) -> None:
    losses = _objectives(mechanism, 0.71)
    assert [name for name in ("generator", "encoder", "critic") if losses[name].requires_grad] == ["encoder"]


@pytest.mark.parametrize("option", [{"cycle": -1.0}, {"tuning": 1.0}])
def test_options_out_of_range_are_refused(option: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"Expected {next(iter(option))}"):
        GAN(IMAGE, {"light": LIGHT}, **option)  # type: ignore[arg-type]
