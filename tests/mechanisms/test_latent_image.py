"""What a latent mechanism promises: any size, parents inside only, residual, stages of training, errors in words."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_fit import CONFIG, data, interrupted_after, same
from small_fit import GRAPH as SMALL_GRAPH

from causalgen.errors import NotFittedError, NotObservableError, UnknownNameError
from causalgen.graph import Variable
from causalgen.mechanisms import MECHANISMS, Abduction, Abductive, Mechanism, build
from causalgen.mechanisms.latent_image import INNER, LatentImage
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.training import Stage, fit, step_seconds, timing

AGE = Variable("age", "continuous")
TINY: dict[str, Any] = {
    "inner": {"mechanism": "conv-vae", "latent": 3, "local": 2, "width": 8, "blocks": 1},
    "codec": {"factor": 2, "channels": 2, "width": 8},
}
FEW = data(200)
STAGES = replace(CONFIG, attributes=Stage(epochs=2), codecs=replace(CONFIG.images, epochs=3))


def latent(shape: tuple[int, ...], **options: Any) -> Mechanism:
    torch.manual_seed(0)
    return build("latent", Variable("x", "image", shape=shape), {"age": AGE}, TINY | options)


def ready(shape: tuple[int, ...], **options: Any) -> tuple[LatentImage, torch.Tensor, dict[str, torch.Tensor]]:
    """An untrained mechanism that counts as fitted, and values."""
    mechanism, generator = latent(shape, **options), torch.Generator().manual_seed(1)
    value = torch.randint(0, 256, (6, *shape), generator=generator).float()
    parents = {"age": torch.randn(6, generator=generator)}
    mechanism.initialize(value, parents)
    assert isinstance(mechanism, LatentImage)
    return mechanism.declare_fitted().eval(), value, parents


def model() -> StructuralCausalModel:
    torch.manual_seed(0)
    return StructuralCausalModel(SMALL_GRAPH, {"im": {"mechanism": "latent", **TINY}})


def test_every_image_mechanism_that_abducts_fits_inside() -> None:
    able = {w: m for w, m in MECHANISMS.items() if m.kinds == ("image",) and issubclass(m, Abductive) and not m.known}
    assert {word: mechanism for word, mechanism in able.items() if word != "latent"} == INNER


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("sides", [(32, 32), (33, 47), (65, 32)])
def test_any_size_is_padded_and_cropped(factor: int, sides: tuple[int, int]) -> None:
    mechanism, value, parents = ready((3, *sides), codec={"factor": factor, "width": 8})
    assert mechanism.codec.map_shape == (4, *(-(-side // factor) for side in sides))
    maps = mechanism.codec.encode(value)
    assert maps.abs().max() <= 1
    assert mechanism.reconstruct(value).shape == value.shape
    assert mechanism(mechanism.abduct(value, parents), parents).shape == value.shape


def test_only_the_inner_mechanism_sees_the_parents() -> None:
    mechanism, value, parents = ready((1, 16, 16))
    assert not mechanism.codec.parents
    noise = mechanism.abduct(value, parents, draw=False)
    moved = mechanism.inner(noise, {"age": parents["age"] + 3})
    assert torch.equal(
        mechanism(noise, {"age": parents["age"] + 3}), mechanism.codec.likelihood.mean(mechanism.codec.draw(moved))
    )


def test_with_the_whole_residual_only_the_inner_mechanism_loses_something() -> None:
    flow = {"mechanism": "image-flow", "width": 8, "couplings": 2}
    exact, value, parents = ready((1, 16, 16), inner=flow, residual=1.0)
    assert exact.abduction is Abduction.POINT
    assert torch.allclose(exact(exact.abduct(value, parents), parents), value, atol=1e-2)
    lossy, value, parents = ready((1, 16, 16), inner=flow)
    again = lossy(lossy.abduct(value, parents), parents)
    assert torch.allclose(again, lossy.reconstruct(value), atol=1e-2)
    assert (again - value).abs().mean() > 1


def test_the_residual_is_named() -> None:
    assert "50% of the pixel residual of the codec" in latent((1, 16, 16), residual=0.5).identification.assumption
    assert "residual" not in latent((1, 16, 16)).identification.assumption


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"inner": "dcgan"}, UnknownNameError, "inner mechanism of 'x' among flow-matching, .*; got 'dcgan'"),
        ({"inner": {"mechanism": ["gan"]}}, UnknownNameError, r"got \['gan'\]"),
        ({"inner": {"width": "wide"}}, ValueError, "whole number .* option 'width' of 'flow-matching'; got 'wide'"),
        ({"inner": {"mechanism": "gan", "stepps": 3}}, UnknownNameError, "an option of 'gan' among .*; got 'stepps'"),
        ({"inner": {"mechanism": "conv-vae", "residual": 1.0}}, ValueError, "an option of 'latent'"),
        ({"inner": 3}, ValueError, "a word for the option 'inner' of 'latent'; got 3"),
        ({"codec": "jpeg"}, UnknownNameError, "codec of 'x' among autoencoder, diffusers; got 'jpeg'"),
        ({"codec": {"factor": 3}}, ValueError, "factor 2, 4, 8 or 16; got 3 for 'x'"),
        ({"codec": {"factor": 16}}, ValueError, "sides of at least 64 px .* got 32 x 24"),
        ({"codec": {"chanels": 2}}, UnknownNameError, "an option of 'autoencoder' among .* Did you mean"),
        ({"residual": 1.5}, ValueError, r"residual in \[0, 1\]; got 1.5"),
        ({"width": 8}, UnknownNameError, "an option of 'latent' among inner, codec, residual; got 'width'"),
    ],
)
def test_wrong_options_are_refused_in_words(options: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        latent((3, 32, 24), **options)


def test_a_codec_that_is_not_fitted_is_refused() -> None:
    mechanism = latent((1, 16, 16))
    value, parents = torch.zeros(4, 1, 16, 16), {"age": torch.randn(4)}
    mechanism.initialize(value, parents)
    for call in (
        lambda: mechanism.objectives(value, parents, 0.5),
        lambda: mechanism.abduct(value, parents),
        lambda: mechanism.reconstruct(value),
    ):
        with pytest.raises(NotFittedError, match=r"fitted codec of 'x'; this one is not. Call causalgen.fit"):
            call()


def test_fit_trains_the_codec_first_and_leaves_it_alone_afterwards(tmp_path) -> None:
    scm, fixed = model(), {}

    def keep(node: str, epoch: int, mechanism: Mechanism) -> None:
        assert isinstance(mechanism, LatentImage)
        fixed[epoch] = {name: tensor.clone() for name, tensor in mechanism.codec.state_dict().items()}

    result = fit(scm, FEW, STAGES, on_epoch=keep)
    assert list(result.seconds) == ["attributes", "im codec", "im"]
    counts = result.history[result.history["split"] == "train"].groupby("node")["epoch"].max() + 1
    assert (counts["im codec"], counts["im"]) == (3, 4)
    mechanism = scm.mechanisms["im"]
    assert all(torch.equal(tensor, mechanism.codec.state_dict()[name]) for name, tensor in fixed[1].items())
    losses = result.history.query("node == 'im codec' and objective == 'loss' and split == 'validation'")["value"]
    assert losses.iloc[-1] < losses.iloc[0]
    loaded = load(save(scm, tmp_path))
    assert same(loaded, scm)
    factual = {name: column[:3] for name, column in FEW["validation"].items()}
    answers = [m.counterfactual(factual, {"x": 1.0}, seed=0)["im"] for m in (scm, loaded)]
    assert torch.equal(*answers)
    with pytest.raises(NotObservableError, match="'im'"):
        scm.sample(2, given={"im": factual["im"][0]}, seed=0)


def test_without_separate_settings_the_codec_has_those_of_the_images() -> None:
    result = fit(model(), FEW, replace(STAGES, codecs=None))
    assert result.history.groupby("node")["epoch"].max()["im codec"] == CONFIG.images.epochs - 1


def test_the_expected_time_counts_the_epochs_of_the_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_least_seconds", lambda trainer, values: 1.0)
    batch = {name: column[:8] for name, column in FEW["train"].items()}
    for epochs, seconds in ((4, 2.0), (12, 4.0)):
        config = replace(STAGES, codecs=replace(CONFIG.images, epochs=epochs))
        assert step_seconds(model(), "im", batch, config) == seconds


@pytest.mark.parametrize("last", [("im codec", 2), ("im", 2)])
def test_an_interrupted_fit_resumes_exactly(last: tuple[str, int], tmp_path) -> None:
    whole = model()
    fit(whole, FEW, STAGES)
    with interrupted_after(*last):
        fit(model(), FEW, STAGES, out=tmp_path)
    again = model()
    fit(again, FEW, STAGES, out=tmp_path)
    assert same(again, whole)
