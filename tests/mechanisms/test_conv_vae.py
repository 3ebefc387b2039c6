"""The VAE's closed-form bound against Pyro's, image sizes, and likelihoods."""

import pyro
import pytest
import torch
from mechanism_cases import SMALL
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor

from causalgen.graph import Variable
from causalgen.mechanisms import ConvVAE
from causalgen.mechanisms.likelihoods import LIKELIHOODS

AGE = Variable("age", "continuous")


def _images(shape: tuple[int, ...], n: int = 6) -> Tensor:
    return torch.randint(0, 256, (n, *shape)).float()


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
def test_the_bound_equals_pyros(likelihood: str) -> None:
    """Closed-form divergence and likelihood against Pyro's TraceMeanField_ELBO with the encoder as guide."""
    image = Variable("x", "image", shape=(1, 9, 10))
    vae = ConvVAE(image, {"age": AGE}, **SMALL, likelihood=likelihood).double()
    value, parents = _images(image.shape).double(), {"age": torch.randn(6).double()}

    def model() -> None:
        with pyro.plate("units", 6):
            vae.observe("x", parents, value)

    def guide() -> None:
        context = vae.embed(parents, 6)
        features = vae.encoder(vae.likelihood.to_unit(value), context)
        squeezed = torch.nn.functional.silu(vae.squeeze(features)).flatten(1)
        mean, log_scale = vae.global_head(torch.cat([squeezed, context], 1)).chunk(2, 1)
        with pyro.plate("units", 6):
            z = pyro.sample("x.z", pyro.distributions.Normal(mean, log_scale.exp()).to_event(1))
            sketch = vae._sketch(z, context)
            mean, log_scale = vae.local_head(torch.cat([features, sketch], 1)).chunk(2, 1)
            pyro.sample("x.local", pyro.distributions.Normal(mean, log_scale.exp()).to_event(3))

    with torch.no_grad():
        torch.manual_seed(1)
        ours = float(vae.objectives(value, parents, 1.0)["elbo"].sum())
        torch.manual_seed(1)
        theirs = -TraceMeanField_ELBO().loss(model, guide)
    assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 5, 31), (3, 61, 40), (1, 130, 100)])
@pytest.mark.parametrize("fine", [0, 4])
def test_any_size_comes_back_at_its_own_size(shape: tuple[int, ...], fine: int) -> None:
    vae = ConvVAE(Variable("x", "image", shape=shape), {"age": AGE}, **SMALL, fine=fine)
    value, parents = _images(shape, 2), {"age": torch.randn(2)}
    assert vae(vae.abduct(value, parents), parents).shape == value.shape


def test_the_mean_of_the_posterior_does_not_vary_but_draws_do() -> None:
    vae = ConvVAE(Variable("x", "image", shape=(1, 9, 9)), {}, **SMALL)
    value = _images((1, 9, 9))
    first, second = (vae.abduct(value, {}, draw=False)["local"] for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(vae.abduct(value, {})["local"], first)


def test_the_discretised_gaussian_sums_to_one() -> None:
    likelihood = LIKELIHOODS["discretised-gaussian"](1, (0.0, 255.0)).double()
    output = torch.tensor([-1.3, -0.98, 0.1, 0.7, 1.01], dtype=torch.float64).reshape(5, 1, 1, 1)
    levels = torch.arange(256, dtype=torch.float64)
    for log_scale in (-5.5, -3.0, -0.5):
        with torch.no_grad():
            likelihood.log_scale.fill_(log_scale)
            mass = sum(likelihood.log_prob(output, torch.full((5, 1, 1, 1), float(v)).double()).exp() for v in levels)
        assert torch.allclose(mass, torch.ones(5, dtype=torch.float64), atol=2e-2)


@pytest.mark.parametrize("log_scale", [-1.5, -3.0, -5.0])
def test_black_and_white_take_the_tails_however_far_the_mean_is(log_scale: float) -> None:
    likelihood = LIKELIHOODS["discretised-gaussian"](1, (0.0, 255.0))
    mean, scale = torch.linspace(-1, 1, 401), torch.tensor(log_scale).exp()
    black, white = (likelihood.log_mass(mean, scale, torch.full_like(mean, value)) for value in (0.0, 255.0))
    expected = torch.special.log_ndtr((-1 + 1 / 255 - mean.double()) / scale.double())
    assert torch.allclose(black.double(), expected, rtol=1e-5, atol=0.02)
    assert torch.allclose(white.double(), expected.flip(0), rtol=1e-5, atol=0.02)


def test_wrong_options_are_refused() -> None:
    image = Variable("x", "image", shape=(1, 9, 9))
    with pytest.raises(ValueError, match="likelihood among"):
        ConvVAE(image, {}, likelihood="poisson")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"residual in \[0, 1\]"):
        ConvVAE(image, {}, residual=2.0)
    with pytest.raises(ValueError, match="residual=0 for the bernoulli"):
        ConvVAE(image, {}, residual=0.5, likelihood="bernoulli")


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_training_minimises_the_bound_with_its_weight(beta: float) -> None:
    """After the warm-up and without free nats, the loss is the distortion plus `beta` times the divergence."""
    image = Variable("x", "image", shape=(1, 9, 10))
    vae = ConvVAE(image, {"age": AGE}, **SMALL, beta=beta, free=0.0)
    found = vae.objectives(_images(image.shape), {"age": torch.randn(6)}, 1.0)
    rate = sum(value for name, value in found.items() if name.startswith("rate "))
    assert torch.allclose(found["loss"], -found["elbo"] + (beta - 1) * rate)
