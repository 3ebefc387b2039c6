"""What goes wrong while training ends in one clear message, and keeps what was learned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from causalgen.errors import CausalgenError, DivergenceError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Mechanism
from causalgen.scm import StructuralCausalModel
from causalgen.training import DeviceMemoryError, FitConfig, Stage, fit

CONFIG = FitConfig(Stage(epochs=1, batch_size=32), Stage(epochs=2, batch_size=32), device="cpu", precision="32-true")
ONCE = replace(CONFIG, images=replace(CONFIG.images, epochs=1))
SMALL = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 8, "blocks": 1}


def _model(image: dict[str, Any] = SMALL, side: int = 8, support: tuple[float, float] = (0, 255)) -> Any:
    pixels = Variable("im", "image", shape=(1, side, side), support=support)
    graph = CausalGraph("g -> x; {g, x} -> im", [Variable("g", "binary"), Variable("x", "continuous"), pixels])
    torch.manual_seed(0)
    return StructuralCausalModel(graph, {"im": image})


def _data(images: Any = None, side: int = 8) -> dict[str, dict[str, Any]]:
    g = torch.arange(64) % 2
    images = torch.randint(0, 256, (64, 1, side, side)).byte() if images is None else images
    values = {"g": g, "x": torch.randn(64) + g, "im": images}
    return {"train": values, "validation": values}


PIXELS = torch.arange(64 * 64).reshape(64, 1, 8, 8) % 256


@pytest.mark.parametrize(
    ("images", "support", "said"),
    [
        (PIXELS[:, 0, :7].byte(), (0, 255), r"shape \(units, 1, 8, 8\); got shape \(64, 7, 8\)"),
        (PIXELS[:50].byte(), (0, 255), "columns of one length"),
        (PIXELS.byte(), (0, 1), r"within its support \[0, 1\]"),
        (PIXELS.float() - 1, (0, 255), r"within its support \[0, 255\]"),
        (torch.where(PIXELS == 0, torch.nan, PIXELS.float()), (0, 255), "NaN in unit 0"),
        ([[["black"]]], (0, 255), "Expected pixels"),
    ],
)
def test_images_that_do_not_fit_their_variable_are_refused(
    images: Any, support: tuple[float, float], said: str
) -> None:
    with pytest.raises(CausalgenError, match=said):
        fit(_model(support=support), _data(images), CONFIG)


def test_images_of_any_number_type_are_taken() -> None:
    states = []
    layouts = (PIXELS[:, 0].byte(), PIXELS[:, 0].numpy(), PIXELS.movedim(1, -1).byte())
    for images in (PIXELS.byte(), PIXELS.byte().numpy(), PIXELS, PIXELS.double().numpy(), *layouts):
        scm = _model()
        torch.manual_seed(1)
        fit(scm, _data(images), ONCE)
        states.append(scm.mechanisms["im"].state_dict())
    assert all(torch.equal(state[key], states[0][key]) for state in states for key in state)


def test_out_of_memory_names_the_batch_size_to_try_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scm, data = _model(), _data()

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(type(scm.mechanisms["im"]), "objectives", full)
        with pytest.raises(
            DeviceMemoryError,
            match=r"train im in batches of 32.*Set accumulate to 2, which gives the same.*; the checkpoints",
        ):
            fit(scm, data, CONFIG, out=tmp_path)
    assert (tmp_path / "training-attributes.safetensors").exists()
    assert fit(_model(), data, CONFIG, out=tmp_path).best_epochs["im"] >= 1


def test_held_out_images_pass_in_pieces_that_shrink_with_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    scm, sizes = _model(side=192), []

    def recorded(self: Mechanism, value: Tensor, *_: Any) -> dict[str, Tensor]:
        sizes.append((self.training, len(value)))
        return {"loss": next(self.parameters()).sum() * torch.zeros(len(value))}

    monkeypatch.setattr(type(scm.mechanisms["im"]), "objectives", recorded)
    fit(scm, _data(side=192), ONCE)
    held_out = [size for training, size in sizes if not training]
    assert max(held_out) == 2048 * 32 * 32 // 192**2
    assert sum(held_out) == 64


def test_weights_that_become_nan_in_the_last_step_of_an_epoch_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    scm = _model({"mechanism": "image-flow", "width": 8, "couplings": 2})
    mechanism, steps = scm.mechanisms["im"], []
    objectives = type(mechanism).objectives

    def steep(self: Mechanism, *arguments: Any) -> dict[str, Tensor]:
        """From the fourth step on a finite loss has a gradient that is not."""
        losses = objectives(self, *arguments)
        steps.append(self.training)
        if sum(steps) >= 4:
            losses["loss"] = losses["loss"] + (0 * next(self.parameters()).sum()).sqrt()
        return losses

    monkeypatch.setattr(type(mechanism), "objectives", steep)
    with pytest.raises(DivergenceError, match="training 'im'; got nan in epoch 2"):
        fit(scm, _data(), CONFIG)
    assert all(torch.isfinite(parameter).all() for parameter in mechanism.parameters())


def test_frozen_mechanisms_keep_what_they_learned() -> None:
    scm = _model()
    scm.mechanisms["g"].requires_grad_(False)
    with torch.no_grad():
        last = [layer for layer in scm.mechanisms["g"].modules() if isinstance(layer, nn.Linear)][-1]
        last.weight.fill_(0.7)
    fit(scm, _data(), ONCE)
    assert torch.equal(last.weight, torch.full_like(last.weight, 0.7))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Stage(weight_decay=-1.0), "weight_decay of at least 0"),
        (lambda: FitConfig(precision="16-true"), "precision among auto, 32-true, bf16-mixed"),
        (lambda: fit(_model(), _data(), replace(CONFIG, device="gpu")), "device that this machine has; got 'gpu'"),
    ],
)
def test_settings_that_cannot_work_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_images_whose_names_differ_in_a_dot_have_checkpoints_of_their_own(tmp_path: Path) -> None:
    pictures = [Variable(name, "image", shape=(1, 8, 8)) for name in ("im.1", "im_1")]
    graph = CausalGraph([("x", "im.1"), ("x", "im_1")], [Variable("x", "continuous"), *pictures])
    data = _data()["train"]
    columns = {"x": data["x"], "im.1": data["im"], "im_1": data["im"].flip(0)}
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        scm = StructuralCausalModel(graph, {"im.1": SMALL, "im_1": SMALL})
        fit(scm, {"train": columns, "validation": columns}, ONCE, out=tmp_path)
        states.append(scm.state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
