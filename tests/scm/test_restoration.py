"""Restoration of damaged images: against the closed form of a linear VAE, and what is refused."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from causalgen.errors import DataError, EvidenceWarning, MissingValueError, NotObservableError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms.image_vae import ImageVAE, Inference
from causalgen.scm import Damage, StructuralCausalModel, restore
from causalgen.typing import Noise, Values

SHAPE = (3, 4, 4)
SCALE = 0.05
LEVELS = SCALE * 127.5
"""Standard deviation of a pixel, grey levels."""


class LinearVAE(ImageVAE):
    """x = 127.5 + W z + brightness + pixel noise: everything is Gaussian, and far from black and white."""

    def __init__(self, variable: Variable, parents: Mapping[str, Variable]) -> None:
        super().__init__(variable, parents, likelihood="gaussian", residual=0.0, beta=1.0, free={}, warmup=0.0)
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weight", 0.12 * torch.randn(3, *variable.shape, generator=generator))
        self.likelihood.log_scale.data.fill_(float(np.log(SCALE)))

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        return {"z": (3,)}

    def infer(self, value: Tensor, parents: Values, *, draw: bool) -> Inference:
        """Knows nothing: q is the prior."""
        z = torch.randn(len(value), 3) if draw else torch.zeros(len(value), 3)
        zero = torch.zeros(len(value))
        return Inference({"z": z}, {"z": zero}, zero, self.decode({"z": z}, parents))

    def decode(self, noise: Noise, parents: Values) -> Tensor:
        drawn = torch.einsum("bk,kchw->bchw", noise["z"], self.weight)
        return drawn + (parents["light"] / 127.5)[:, None, None, None] if parents else drawn


def model(*, light: bool = False) -> StructuralCausalModel:
    torch.manual_seed(0)
    photo = Variable("photo", "image", shape=SHAPE)
    variables = [Variable("light", "continuous"), photo] if light else [photo]
    parents = {"light": variables[0]} if light else {}
    mechanisms: dict[str, Any] = {"photo": LinearVAE(photo, parents)}
    if light:
        mechanisms["light"] = "linear-gaussian"
    scm = StructuralCausalModel(CausalGraph("light -> photo" if light else [], variables), mechanisms)
    if light:
        scm.mechanisms["light"].set(0.0, {}, 15.0)
    return scm.declare_fitted().eval()


MASK = np.zeros((4, 4), dtype=bool)
MASK[1:3, 1:] = True
DAMAGES = {
    "mask": Damage(mask=MASK),
    "noise": Damage(noise=9.0),
    "downsample": Damage(downsample=2),
    "grey": Damage(grey=True),
    "grey, small, masked and noisy": Damage(grey=True, downsample=2, mask=np.eye(2) > 0, noise=6.0),
}


def matrix(damage: Damage) -> Tensor:
    """The linear map from the pixels of the photo to those of the picture that are seen, as a matrix."""
    steps = damage.steps(Variable("photo", "image", shape=SHAPE))

    def seen(images: Tensor) -> Tensor:
        for step in steps:
            images = step.image(images)
        return images.flatten(1)

    zero = torch.zeros(1, *SHAPE)
    columns = seen(torch.eye(zero.numel()).view(-1, *SHAPE)) - seen(zero)
    return columns.T[columns.abs().sum(dim=0) > 0].double()


@pytest.mark.parametrize("name", DAMAGES)
def test_restored_images_have_the_moments_of_the_closed_form(name: str) -> None:
    scm, damage, particles = model(), DAMAGES[name], 800
    photo = scm.sample(1, seed=3)["photo"]
    picture = photo + LEVELS * torch.randn(photo.shape, generator=torch.Generator().manual_seed(4))
    for step in damage.steps(scm.graph["photo"]):
        picture = step.image(picture)
        if step.noisy:
            picture = picture + damage.noise * torch.randn(picture.shape, generator=torch.Generator().manual_seed(5))
    posterior = restore(scm, {"photo": picture}, damage, particles=particles, seed=0)
    draws = posterior.completed.by_particle()["photo"][:, 0].flatten(1).double()
    weight = 127.5 * scm.mechanisms["photo"].weight.flatten(1).double().T
    prior = weight @ weight.T + LEVELS**2 * torch.eye(len(weight)).double()
    seen = matrix(damage)
    noise = torch.eye(len(seen)).double() * (damage.noise**2 + 1 / 12)
    gain = prior @ seen.T @ torch.linalg.inv(seen @ prior @ seen.T + noise)
    shown = picture.flatten()
    if damage.mask is not None:
        shown = shown[~torch.as_tensor(damage.mask).expand(picture.shape).flatten()]
    mean = 127.5 + gain @ (shown.double() - seen @ torch.full((len(weight),), 127.5).double())
    covariance = prior - gain @ seen @ prior
    spread = covariance.diagonal().sqrt()
    assert float(((draws.mean(0) - mean) / (spread + 0.5)).abs().max()) < 0.25
    torch.testing.assert_close(draws.std(0), spread, rtol=0.2, atol=0.7)


def test_seen_pixels_stay_and_any_query_follows() -> None:
    scm = model(light=True)
    units = scm.sample(3, seed=1)
    pictures = units["photo"].masked_fill(torch.as_tensor(MASK), torch.nan)
    posterior = restore(scm, {"photo": pictures, "light": units["light"]}, Damage(mask=MASK), particles=20, seed=0)
    draws = posterior.completed.by_particle()["photo"]
    shown = ~torch.as_tensor(MASK)
    assert torch.equal(draws[..., shown], units["photo"][..., shown].expand(20, -1, -1, -1))
    assert (draws[..., ~shown].std(0) > 1).all()
    brighter = posterior.counterfactual({"light": "+10"})["photo"]
    expected = scm.assign("photo", posterior.noise["photo"], {"light": (units["light"] + 10).repeat(20)})
    assert torch.equal(brighter.flatten(0, 1), expected)
    assert torch.equal(posterior.counterfactual({})["photo"], draws)
    assert set(posterior.factual) == {"light", "photo"}
    again = restore(scm, {"photo": pictures, "light": units["light"]}, Damage(mask=MASK), particles=20, seed=0)
    assert torch.equal(again.factual["photo"], posterior.factual["photo"])


def test_what_is_not_given_is_inferred_from_the_picture() -> None:
    scm = model(light=True)
    light = torch.tensor([-25.0, 0.0, 30.0])
    picture = scm.sample(3, do={"light": light}, seed=1)["photo"] + 8 * torch.randn(3, *SHAPE)
    found = restore(scm, {"photo": picture}, Damage(noise=8.0), particles=60, seed=0).inferred()
    assert found["variable"].tolist() == ["light"] * 3
    assert np.abs(found["value"].to_numpy(float) - light.numpy()).max() < 12
    assert (found["effective"] > 5).all()


def test_a_picture_is_evidence_like_any_other_node() -> None:
    """In a graph with the picture as a node, abduction does what `restore` does."""
    photo = Variable("photo", "image", shape=SHAPE)
    small = Variable("small", "image", shape=(3, 2, 2))
    noisy = Variable("noisy", "image", shape=(3, 2, 2))
    graph = CausalGraph("photo -> small -> noisy", [photo, small, noisy])
    scm = StructuralCausalModel(
        graph,
        {"photo": LinearVAE(photo, {}), "small": "downsample", "noisy": {"mechanism": "noise", "sigma": 6.0}},
    ).declare_fitted()
    units = scm.sample(4, seed=0)
    posterior = scm.abduct({"noisy": units["noisy"]}, particles=30, seed=1)
    restored = restore(model(), {"photo": units["noisy"]}, Damage(downsample=2, noise=6.0), particles=30, seed=1)
    torch.testing.assert_close(posterior.factual["photo"], restored.factual["photo"])
    draws = posterior.completed.by_particle()
    torch.testing.assert_close(
        draws["small"].flatten(0, 1), scm.mechanisms["small"].image(draws["photo"].flatten(0, 1))
    )
    assert torch.equal(draws["noisy"], units["noisy"].expand(30, -1, -1, -1, -1))
    result = posterior.counterfactual({"photo": lambda value, parents: value})
    torch.testing.assert_close(result["noisy"], draws["noisy"], atol=25.0, rtol=0)  # the model's mean, the same noise
    mixed = scm.abduct({n: units[n] for n in ("photo", "small", "noisy")}, particles=3, seed=0)
    assert mixed.completed is None
    blurred = scm.abduct({"small": units["small"]}, particles=5, seed=0)  # deterministic: there is no noise to find
    assert blurred.counterfactual({"photo": lambda value, parents: value})["noisy"].shape == (5, 4, 3, 2, 2)


def test_a_user_s_function_is_searched_and_a_strange_picture_is_warned_about() -> None:
    scm = model()
    photo = scm.sample(1, seed=1)["photo"]
    negative = Damage(function=lambda images: 255 - images[:, :, ::2], noise=3.0)
    seen = 255 - photo[:, :, ::2]
    restored = restore(scm, {"photo": seen}, negative, particles=30, seed=0)
    assert float((restored.factual["photo"] - photo).abs().mean()) < 6
    with pytest.warns(EvidenceWarning, match="explains the pictures of 1 of 1 units poorly"):
        restore(scm, {"photo": torch.rand(1, *SHAPE).round() * 255}, Damage(noise=3.0), particles=5, seed=0)


def gan() -> StructuralCausalModel:
    photo = Variable("photo", "image", shape=(1, 8, 8))
    return StructuralCausalModel(CausalGraph([], [photo]), {"photo": {"mechanism": "gan", "width": 8}}).declare_fitted()


PICTURE = torch.full((1, *SHAPE), 100.0)
HOLE = PICTURE.masked_fill(torch.as_tensor(MASK), torch.nan)
GREY_ONE = StructuralCausalModel(
    CausalGraph([], [Variable("photo", "image", shape=(1, 8, 8))]), {"photo": {"mechanism": "conv-vae", "width": 8}}
).declare_fitted()
BAD: list[tuple[Callable[[StructuralCausalModel], Any], type[Exception], str]] = [
    (lambda m: restore(m, {"photo": PICTURE}, Damage()), DataError, "a mask, noise, blur, downsample, grey or a function"),
    (lambda m: restore(m, {}, Damage(noise=3)), MissingValueError, "nothing is observed"),
    (lambda m: restore(m, {"photo": HOLE}, Damage(noise=3)), MissingValueError, "--mask"),
    (lambda m: restore(m, {"photo": HOLE}, Damage(mask=np.eye(4) > 0)), MissingValueError, "NaN in the picture of unit 0"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(mask=np.ones((4, 4)))), DataError, "hides all of them"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(mask=np.zeros((4, 4)))), DataError, "hides none"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(mask=np.ones((5, 4)))), DataError, "mask of 4x4 pixels.*got shape"),
    (lambda m: restore(m, {"photo": PICTURE[..., :3]}, Damage(noise=3)), DataError, "picture of 4x4 pixels"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(downsample=2)), DataError, "picture of 2x2 pixels"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(downsample=3)), DataError, "downsample among 1, 2, 4"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(noise=-1)), DataError, "noise of 0 to 255"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(blur=9)), DataError, "blur of 0 to 4"),
    (lambda m: restore(m, {"photo": "scan.png"}, Damage(noise=3)), DataError, "Expected pixels"),
    (lambda m: restore(m, {"photo": PICTURE + 200}, Damage(noise=3)), ValueError, r"support \[0, 255\]"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(noise=3), image="scan"), UnknownNameError, "got 'scan'"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(function=lambda x: x.view(-1))), DataError, "return images of shape"),
    (lambda m: restore(m, {"photo": PICTURE}, Damage(function=lambda x: x @ x[:, :, :3])), DataError, "it failed with"),
    (lambda m: restore(GREY_ONE, {"photo": PICTURE}, Damage(grey=True)), DataError, "'photo' has none"),
    (lambda m: restore(GREY_ONE, {"photo": torch.ones(1, 3, 8, 8)}, Damage(noise=3)), DataError, "8x8 pixels .* and grey"),
    (lambda m: restore(gan(), {"photo": torch.ones(1, 1, 8, 8)}, Damage(noise=3)), NotObservableError, "with conv-vae or"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_what_cannot_be_restored_is_refused(
    ask: Callable[[StructuralCausalModel], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(model())
