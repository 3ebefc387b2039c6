"""Every image mechanism through the same training: it learns what its parent does to the image, and resumes exactly.

    light -> image          image = a square as bright as its light, on a ground of noise

Estimand: the brightness of the square under do(light), which is light itself.
"""

import pytest
import torch
from mechanism_cases import CASES, wider
from small_fit import interrupted_after
from torch import Tensor

from causalgen.errors import AbductionError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abductive
from causalgen.mechanisms.catalog import words_for
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

GRAPH = CausalGraph("light -> image", [Variable("light", "continuous"), Variable("image", "image", shape=(1, 8, 8))])
FIRST = {word: next(case.options for case in CASES if case.mechanism == word) for word in words_for("image")}
TINY = {word: wider(options, 16) for word, options in FIRST.items()}
"""The options of each mechanism's first row in the table of cases, somewhat wider."""


def data() -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    light = 60 + 140 * torch.rand(320, generator=generator)
    image = 30 * torch.rand(320, 1, 8, 8, generator=generator)
    image[:, :, 2:6, 2:6] = light[:, None, None, None]
    values = {"light": light, "image": image.byte()}
    return {"train": {k: v[:256] for k, v in values.items()}, "validation": {k: v[256:] for k, v in values.items()}}


def model(mechanism: str, **options: object) -> StructuralCausalModel:
    torch.manual_seed(0)
    return StructuralCausalModel(GRAPH, {"image": {"mechanism": mechanism, **TINY[mechanism], **options}})


def config(epochs: int) -> FitConfig:
    images = Stage(epochs=epochs, batch_size=32, learning_rate=4e-3, ema=0.9, patience=epochs)
    return FitConfig(Stage(epochs=2), images, device="cpu", precision="32-true")


def square(images: Tensor) -> Tensor:
    return images[:, :, 2:6, 2:6].flatten(1).mean(1)


LONG = (
    "gan",
    "dcgan",
    "latent",
    "image-flow",
)  # these take more epochs; further tests of the default run train each of them


@pytest.mark.parametrize(
    "mechanism", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in sorted(TINY)]
)
def test_training_learns_what_the_parent_does(mechanism: str) -> None:
    scm = model(mechanism)
    fit(scm, data(), config(28 if mechanism in ("gan", "dcgan", "latent") else 16))
    dark, bright = (square(scm.sample(64, do={"light": value}, seed=1)["image"]).mean() for value in (80.0, 180.0))
    assert float(bright - dark) == pytest.approx(100, abs=35)
    factual = {k: v[:32] for k, v in data()["validation"].items()}
    if not isinstance(scm.mechanisms["image"], Abductive):
        with pytest.raises(AbductionError, match="'image'"):
            scm.counterfactual(factual, {"light": 100.0})
        return
    moved = scm.counterfactual(factual, {"light": factual["light"].flip(0)})
    assert float((square(moved["image"]) - moved["light"]).abs().mean()) < 20


def test_a_transformer_learns_it_too() -> None:
    scm = model("flow-matching", network="transformer", width=32, blocks=2)
    fit(scm, data(), config(16))
    factual = {k: v[:32] for k, v in data()["validation"].items()}
    moved = scm.counterfactual(factual, {"light": factual["light"].flip(0)})
    assert float((square(moved["image"]) - moved["light"]).abs().mean()) < 20


@pytest.mark.parametrize("mechanism", ["gan", "flow-matching"])
def test_an_interrupted_fit_resumes_exactly(mechanism: str, tmp_path) -> None:
    whole = model(mechanism)
    fit(whole, data(), config(3))
    with interrupted_after("image", 2):
        fit(model(mechanism), data(), config(3), out=tmp_path)
    resumed = model(mechanism)
    fit(resumed, data(), config(3), out=tmp_path)
    assert all(
        torch.equal(a, b) for a, b in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True)
    )


def test_guidance_amplifies_and_is_labelled_a_guided_edit() -> None:
    plain = model("flow-matching")
    fit(plain, data(), config(6))
    guided = model("flow-matching", guidance=2.0)
    guided.load_state_dict(plain.state_dict())
    factual = {"light": torch.full((32,), 130.0), "image": data()["validation"]["image"][:32]}
    factual["light"] = data()["validation"]["light"][:32]
    asked = {"light": torch.full((32,), 200.0)}
    edit, answer = guided.counterfactual(factual, asked), plain.counterfactual(factual, asked)
    assert edit.guided == ("image",)
    assert edit.title.endswith("guided edit")
    assert answer.guided == ()
    assert not torch.allclose(edit["image"], answer["image"], atol=1.0)


@pytest.mark.parametrize(
    "option", [{"guidance": 11.0}, {"guidance_unchanged": -1.0}, {"guidance": 2.0, "dropout": 0.0}]
)
def test_guidance_out_of_range_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"Expected (guidance|dropout|a number)"):
        model("diffusion", **option)
