"""Known image mechanisms: what they make of an image, and of the uncertainty of its pixels."""

import numpy as np
import pytest
import torch
from mechanism_cases import CASES, Case, data
from skimage.color import rgb2gray
from skimage.filters import gaussian
from skimage.transform import downscale_local_mean
from torch import Tensor

from causalgen.errors import SupportError
from causalgen.graph import Variable
from causalgen.mechanisms import MECHANISMS, build
from causalgen.mechanisms.likelihoods import LIKELIHOODS

KNOWN = [case for case in CASES if MECHANISMS[case.mechanism].known]


@pytest.fixture(params=KNOWN, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_images_are_those_of_an_independent_library(case: Case) -> None:
    mechanism, (_, parents) = case.build(), data(case)
    (photo,) = parents.values()
    image = photo[0].permute(1, 2, 0).double().numpy()
    expected = {
        "grey": lambda: image @ np.array([0.299, 0.587, 0.114]),
        "mask": lambda: np.where(mechanism.hidden[..., None], 0, image),
        "blur": lambda: gaussian(image, 1.5, mode="nearest", truncate=10 / 3, channel_axis=-1),
        "downsample": lambda: downscale_local_mean(image, (2, 2, 1)),
        "noise": lambda: image,
    }[case.mechanism]()
    found = mechanism.image(photo[:1])[0].permute(1, 2, 0).double().numpy()
    np.testing.assert_allclose(found.squeeze(), np.asarray(expected).squeeze(), atol=1e-3 * float(image.max()))
    if case.mechanism == "grey":  # other weights, a similar picture
        assert np.corrcoef(found.ravel(), rgb2gray(image).ravel())[0, 1] > 0.95


def test_variance_is_that_of_independent_pixels(case: Case) -> None:
    if case.mechanism == "blur":
        pytest.skip("pixels of a blurred image are not independent: their noise counts as if it were shared")
    mechanism, (_, parents) = case.build(), data(case)
    (photo,) = parents.values()
    torch.manual_seed(0)
    spread = 0.1 + torch.rand(photo.shape[1:])
    made = mechanism.image(photo[:1] + spread * torch.randn(4000, *spread.shape))
    expected = mechanism.variance(spread.square()[None])[0]
    torch.testing.assert_close(made.var(0), expected, rtol=0.15, atol=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_moments_of_pixels_are_those_of_their_draws(name: str) -> None:
    torch.manual_seed(0)
    likelihood = LIKELIHOODS[name](1, (0.0, 255.0))
    output = torch.linspace(-1.6, 1.6, 24 * likelihood.outputs).view(1, likelihood.outputs, 4, 6)
    mean, variance = likelihood.pixel_moments(output)
    draws = likelihood.distribution(output.expand(20_000, -1, -1, -1)).sample().clamp(0, 255)
    torch.testing.assert_close(mean[0], draws.mean(0), rtol=0.02, atol=0.5)
    torch.testing.assert_close(variance[0], draws.var(0), rtol=0.05, atol=0.7)


def test_noise_of_pixels_that_were_cut_off_is_beyond_the_edge() -> None:
    photo, seen = Variable("photo", "image", shape=(1, 40, 40)), Variable("seen", "image", shape=(1, 40, 40))
    mechanism = build("noise", seen, {"photo": photo}, {"sigma": 50.0})
    torch.manual_seed(0)
    parents = {"photo": torch.full((200, 1, 40, 40), 20.0)}
    noise = torch.randn(200, 1, 40, 40)
    value = mechanism({"pixel": noise}, parents)
    found = mechanism.abduct(value, parents)["pixel"]
    assert (found[value == 0] <= -20 / 50 + 1e-5).all()
    assert torch.equal(mechanism({"pixel": found}, parents), value) or torch.allclose(
        mechanism({"pixel": found}, parents), value, atol=1e-3
    )
    assert float(found.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(found.std()) == pytest.approx(1.0, abs=0.02)


def test_a_picture_that_does_not_follow_is_refused() -> None:
    case = next(case for case in KNOWN if case.mechanism == "downsample")
    mechanism, (value, parents) = case.build(), data(case)
    assert mechanism.abduct(value, parents) == {}
    with pytest.raises(SupportError, match="unit 3 does not"):
        mechanism.abduct(value.index_fill(0, torch.tensor([3]), 9.0), parents)


def image(*shape: int, support: tuple[float, float] | None = None) -> Variable:
    return Variable("seen", "image", shape=shape, support=support)


PHOTO = Variable("photo", "image", shape=(1, 8, 6))
BAD = [
    ("grey", image(1, 8, 6), {}, "a colour image as the parent"),
    ("mask", image(1, 8, 6), {"rows": [3, 9]}, "rows as the first and last hidden one, in 1..8"),
    ("mask", image(1, 8, 6), {"columns": [4, 2]}, "columns as the first"),
    ("blur", image(1, 8, 6), {"width": 0.0}, "more than 0"),
    ("downsample", image(1, 8, 6), {}, r"with shape \(1, 4, 3\)"),
    ("downsample", image(1, 2, 2), {"factor": 4}, "divides 8 and 6"),
    ("noise", image(1, 8, 6), {"sigma": 0.0}, "more than 0 grey levels"),
    ("noise", image(1, 8, 6, support=(0, 1)), {}, "the support of 'photo'"),
]


@pytest.mark.parametrize(("word", "variable", "options", "message"), BAD)
def test_what_does_not_fit_is_refused(word: str, variable: Variable, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(word, variable, {"photo": PHOTO}, options)


def test_exactly_one_parent_is_expected() -> None:
    with pytest.raises(ValueError, match="one parent of 'seen', an image; got none"):
        build("blur", image(1, 8, 6), {})


def test_gradients_reach_the_image(case: Case) -> None:
    mechanism, (_, parents) = case.build(), data(case)
    (photo,) = parents.values()
    inputs: Tensor = photo[:2].clone().requires_grad_()
    (slope,) = torch.autograd.grad(mechanism.image(inputs).sum(), inputs)
    assert slope.abs().sum() > 0
