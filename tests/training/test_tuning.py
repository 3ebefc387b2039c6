"""Counterfactual fine-tuning on images whose brightness is an attribute: the predictor is exact, so is the question."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from causalgen.datasets import Dataset
from causalgen.errors import AbductionError, DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.nn import seeded
from causalgen.scm import StructuralCausalModel
from causalgen.training import DeviceMemoryError, FitConfig, Stage, TuningConfig, fit, tune_counterfactuals

LIGHT = Variable("light", "continuous", support=(40, 220))
GLOW = Variable("glow", "continuous", support=(0, 255))
IMAGE = Variable("image", "image", shape=(1, 8, 8))
SMALL = {"latent": 2, "local": 1, "width": 8, "blocks": 1}


def _data() -> Dataset:
    """light -> glow -> image: a square as bright as its glow, on a ground of noise."""
    generator = torch.Generator().manual_seed(0)
    light = 60 + 120 * torch.rand(240, generator=generator)
    glow = light + 10 * torch.randn(240, generator=generator)
    image = 20 * torch.rand(240, 1, 8, 8, generator=generator)
    image[:, :, 2:6, 2:6] = glow[:, None, None, None]
    rows = torch.arange(240)
    return Dataset(
        "squares",
        CausalGraph("light -> glow -> image", [LIGHT, GLOW, IMAGE]),
        {"light": light, "glow": glow.clamp(0, 255), "image": image.clamp(0, 255).byte()},
        {"train": rows[:160], "validation": rows[160:200], "test": rows[200:]},
        rows,
    )


def _glow(images: Tensor, attributes: dict[str, Tensor]) -> Tensor:
    return images[:, :, 2:6, 2:6].flatten(1).mean(1)


@pytest.fixture(scope="module")
def fitted() -> tuple[StructuralCausalModel, Dataset]:
    data = _data()
    torch.manual_seed(0)
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "conv-vae", **SMALL}})
    fit(scm, data, FitConfig(Stage(epochs=10, batch_size=40), Stage(epochs=6, batch_size=20), precision="32-true"))
    return scm, data


def _error(scm: StructuralCausalModel, data: Dataset) -> float:
    test = data.part("test")
    world = scm.counterfactual(test, {"light": test["light"].flip(0)})
    return float((_glow(world["image"], {}) - world["glow"]).abs().mean())


def test_tuned_counterfactuals_show_what_was_asked_and_the_bound_holds(fitted) -> None:
    scm, data = fitted
    before = _error(scm, data)
    history = tune_counterfactuals(
        scm,
        data,
        {"glow": _glow},
        image="image",
        config=TuningConfig(epochs=8, batch_size=20, learning_rate=1e-3, margin=0.5),
    )
    kept = history[history.kept].iloc[-1]
    assert kept.epoch > 0
    assert kept.objective <= kept.bound
    assert kept.prediction < 0.8 * history.prediction[0]
    assert _error(scm, data) < 0.8 * before


def test_outside_the_joint_support_predictors_are_not_asked_and_images_are_held() -> None:
    """light and glow move together; setting one of them takes them apart."""
    data = _data()
    data = replace(data, graph=CausalGraph("light -> glow; {light, glow} -> image", [LIGHT, GLOW, IMAGE]))
    torch.manual_seed(0)
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "conv-vae", **SMALL}})
    fit(scm, data, FitConfig(Stage(epochs=10, batch_size=40), Stage(epochs=2, batch_size=20), precision="32-true"))
    asked: list[dict[str, Tensor]] = []

    def recorded(images: Tensor, attributes: dict[str, Tensor]) -> Tensor:
        asked.append(attributes)
        return _glow(images, attributes)

    config = TuningConfig(epochs=1, batch_size=20, learning_rate=1e-3, margin=5.0)
    tune_counterfactuals(scm, data, {"glow": recorded}, image="image", config=config)
    assert (
        20 < sum(len(part["glow"]) for part in asked) / 6 < 150
    )  # 160 + 2 x 40 units, the factual and the other world
    assert all(scm.supports["image"](part, len(part["glow"])).all() for part in asked)

    asked.clear()
    scm.supports["image"].threshold.zero_()  # now every question is outside
    history = tune_counterfactuals(scm, data, {"glow": recorded}, image="image", config=config)
    assert not asked
    assert history.prediction[0] > 0  # what is left to learn is to stay


def test_where_the_bound_cannot_hold_the_weights_stay(fitted) -> None:
    scm, data = fitted
    weights = {k: v.clone() for k, v in scm.state_dict().items()}
    wild = TuningConfig(epochs=1, batch_size=20, learning_rate=1.0, margin=1e-6)
    history = tune_counterfactuals(scm, data, {"glow": _glow}, image="image", config=wild)
    assert not history.kept[1:].any()
    assert all(torch.equal(v, weights[k]) for k, v in scm.state_dict().items())


def test_the_bound_is_measured_as_the_objective_is_in_training() -> None:
    """Diffusion hides parents in training, which costs; held against a bound without it, that would look like damage."""
    data = _data()
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "diffusion", "width": 8, "steps": 2}})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    held_out = data.part("validation")
    image, parents = held_out["image"].float(), {"glow": held_out["glow"]}
    with torch.no_grad(), seeded(0):
        expected = scm.mechanisms["image"].train().objectives(image, parents, 1.0)["loss"].mean()
    config = TuningConfig(epochs=1, batch_size=80)
    history = tune_counterfactuals(scm, data, {"glow": _glow}, image="image", config=config)
    assert history.objective[0] == pytest.approx(float(expected))


def test_out_of_memory_names_the_batch_size_to_try(fitted) -> None:
    scm, data = fitted

    def full(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(DeviceMemoryError, match=r"tune image in batches of 128.*Set batch_size to 64"):
        tune_counterfactuals(scm, data, {"glow": full}, image="image")


def test_wrong_questions_are_refused(fitted) -> None:
    scm, data = fitted
    with pytest.raises(DataError, match="at least one of"):
        tune_counterfactuals(scm, data, {}, image="image")
    with pytest.raises(DataError, match="causes of 'image'"):
        tune_counterfactuals(scm, data, {"image": _glow}, image="image")
    unable = StructuralCausalModel(data.graph, {"image": {"mechanism": "dcgan", "latent": 2, "width": 8}})
    with pytest.raises(AbductionError, match="can abduct"):
        tune_counterfactuals(unable, data, {"glow": _glow}, image="image")


def test_the_codec_of_a_latent_mechanism_is_not_tuned() -> None:
    data = _data()
    torch.manual_seed(0)
    image = {"mechanism": "latent", "inner": {"mechanism": "conv-vae", **SMALL}, "codec": {"factor": 2, "width": 8}}
    scm = StructuralCausalModel(data.graph, {"image": image})
    fit(scm, data, FitConfig(Stage(epochs=2, batch_size=40), Stage(epochs=4, batch_size=20), precision="32-true"))
    mechanism = scm.mechanisms["image"]
    before = {name: tensor.clone() for name, tensor in mechanism.state_dict().items()}
    wide = TuningConfig(epochs=1, margin=50.0, learning_rate=1e-3)
    tune_counterfactuals(scm, data, {"glow": _glow}, image="image", config=wide)
    moved = {name for name, tensor in mechanism.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved
    assert all(name.startswith("inner.") for name in moved)
