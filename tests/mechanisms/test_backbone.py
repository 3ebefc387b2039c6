"""A frozen text-to-image backbone with an adapter: made here with random weights; nothing is downloaded."""

import copy
import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_fit import interrupted_after
from tiny_pipeline import save_pipeline
from torch import Tensor

from causalgen.errors import CheckpointError, DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Mechanism, build
from causalgen.models import ModelCard, write_card
from causalgen.nn import FrozenUNet
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.studies.schema import load_study
from causalgen.training import FitConfig, Stage, fit

diffusers = pytest.importorskip("diffusers", reason="the extra 'diffusers' is not installed")

AGE, SEX = Variable("age", "continuous"), Variable("sex", "binary", labels=("f", "m"))
IMAGE = Variable("x", "image", shape=(3, 16, 16))
MAP = Variable("x", "image", shape=(2, 8, 8), support=(-1, 1))
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("made") / "pipeline")


@pytest.fixture
def pipeline(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "pipeline")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a backbone was looked for outside this machine")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def latent(pipeline: Path, **inner: Any) -> dict[str, Any]:
    network = {"folder": str(pipeline / "unet"), "rank": 2}
    return {
        "mechanism": "latent", "codec": {"codec": "diffusers", "folder": str(pipeline / "vae")},
        "inner": {"mechanism": "diffusion", "network": network, "steps": 3, **inner},
    }  # fmt: skip


def values(n: int = 40) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    age = torch.randn(n, generator=generator)
    image = 100 + 40 * age.clamp(-2, 2)[:, None, None, None] + 30 * torch.rand(n, *IMAGE.shape, generator=generator)
    return {"age": age, "x": image.byte()}


def model(pipeline: Path) -> StructuralCausalModel:
    torch.manual_seed(0)
    return StructuralCausalModel(
        CausalGraph("age -> x", [AGE, IMAGE]), {"age": "linear-gaussian", "x": latent(pipeline)}
    )


def config() -> FitConfig:
    stage = Stage(epochs=2, batch_size=20, ema=0.9)
    return FitConfig(stage, stage, device="cpu", precision="32-true")


def trained(pipeline: Path, **options: Any) -> StructuralCausalModel:
    scm = model(pipeline)
    fit(scm, {"train": values(), "validation": values()}, config(), **options)
    return scm


# The noise schedule


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_step_is_one_of_ddim_in_diffusers(prediction: str, tmp_path: Path) -> None:
    backbone = FrozenUNet(str(save_pipeline(tmp_path / "p", prediction=prediction) / "unet"), rank=2)
    scheduler = diffusers.DDIMScheduler.from_pretrained(tmp_path / "p" / "scheduler", clip_sample=False)
    scheduler.set_timesteps(20)
    state, tokens = torch.randn(2, 2, 8, 8), torch.randn(2, 3, 12)
    for step in scheduler.timesteps[:-1].tolist():
        output = backbone.network(state, step, encoder_hidden_states=tokens).sample
        expected = scheduler.step(output, step, state).prev_sample
        angle, after = backbone.angles[step], backbone.angles[step - 50]
        field = backbone(state, (1 - angle / backbone.span).expand(2), tokens)
        turned = (angle - after).cos() * state - (angle - after).sin() * field
        assert torch.allclose(turned, expected, rtol=1e-3, atol=1e-3)


def test_time_reaches_every_training_step(original: Path) -> None:
    backbone = FrozenUNet(str(original / "unet"), rank=2)
    steps = backbone._step(backbone.angles)
    assert torch.allclose(steps, torch.arange(1000.0), atol=0.05)
    assert backbone._step(torch.zeros(1)) == 0  # an image without noise: the first step
    assert float(backbone.angles[-1]) == pytest.approx(backbone.span)


def test_the_loss_is_that_of_the_backbone(original: Path) -> None:
    """The error of v that `weight` multiplies becomes the error of the predicted noise."""
    backbone = FrozenUNet(str(original / "unet"), rank=2)
    data, noise, time = torch.randn(4, 2, 8, 8), torch.randn(4, 2, 8, 8), torch.tensor([0.0, 0.2, 0.6, 1.0])
    angle = (backbone.span * (1 - time))[:, None, None, None]
    state, tokens = angle.cos() * data + angle.sin() * noise, torch.randn(4, 3, 12)
    found = backbone.network(state, backbone._step(angle.flatten()), encoder_hidden_states=tokens).sample
    error = backbone(state, time, tokens) - (angle.cos() * noise - angle.sin() * data)
    weighted = backbone.weight(time) * error.square().flatten(1).mean(1)
    assert torch.allclose(weighted, (found - noise).square().flatten(1).mean(1), rtol=1e-3)


def test_the_map_has_the_units_of_the_pipeline(original: Path) -> None:
    mechanism = build("latent", IMAGE, {"age": AGE}, {k: v for k, v in latent(original).items() if k != "mechanism"})
    data = values()
    mechanism.initialize(data["x"], {"age": data["age"]})
    vae = diffusers.AutoencoderKL.from_pretrained(original / "vae")
    images = data["x"].float() / 127.5 - 1
    wanted = vae.encode(images).latent_dist.mode() * vae.config.scaling_factor
    assert torch.allclose(mechanism.inner.to_unit(mechanism.codec.encode(data["x"].float())), wanted, atol=1e-5)
    again = vae.decode(wanted / vae.config.scaling_factor).sample
    assert torch.allclose(mechanism.reconstruct(data["x"].float()), (again.clamp(-1, 1) + 1) * 127.5, atol=1e-2)


# Training, saving and loading


@pytest.fixture(scope="module")
def fitted(original: Path) -> StructuralCausalModel:
    return trained(original)


def answer(scm: StructuralCausalModel) -> Tensor:
    return scm.counterfactual({name: column[:3] for name, column in values().items()}, {"age": 1.0}, seed=0)["x"]


def test_only_adapter_and_tokens_learn(original: Path, fitted: StructuralCausalModel) -> None:
    fresh, learned = (scm.mechanisms["x"].inner.network for scm in (model(original), fitted))
    before = dict(fresh.network.named_parameters())
    changed = {name for name, p in learned.network.named_parameters() if not torch.equal(p, before[name])}
    assert changed == learned.adapter
    assert all(name.endswith(("up.weight", "down.weight")) for name in changed)
    assert {name.partition(".")[0] for name, p in fitted.mechanisms["x"].inner.named_parameters() if p.requires_grad} == {
        "embed", "network",
    }  # fmt: skip


def test_a_saved_model_refers_to_the_backbone(pipeline: Path, fitted: StructuralCausalModel, tmp_path: Path) -> None:
    mine = StructuralCausalModel(fitted.graph, {"age": "linear-gaussian", "x": latent(pipeline)})
    mine.load_state_dict(fitted.state_dict())
    save(mine.eval(), tmp_path / "model")
    network = mine.mechanisms["x"].inner.network
    assert not [name for name in mine.state_dict() if "conv_in" in name and ".inner." in name]
    assert torch.equal(answer(load(tmp_path / "model")), answer(mine))
    text = write_card(tmp_path / "model", mine, ModelCard("n", "", "d", None, {})).read_text()
    assert "This folder is not complete" in text
    assert network.sha256 in text
    pipeline.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="Expected the folder of a frozen backbone"):
        load(tmp_path / "model")
    pipeline.symlink_to(tmp_path / "elsewhere")
    assert torch.equal(answer(load(tmp_path / "model")), answer(mine))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "weights": lambda pipeline: flipped(pipeline / "unet" / WEIGHTS),
    "config": lambda pipeline: edit(pipeline / "unet" / "config.json", _name_or_path="other"),
    "schedule": lambda pipeline: edit(pipeline / "scheduler" / "scheduler_config.json", beta_end=0.013),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_backbone_is_refused(change: str, pipeline: Path, tmp_path: Path) -> None:
    scm = model(pipeline).declare_fitted()
    save(scm, tmp_path / "model")
    CHANGES[change](pipeline)
    with pytest.raises(CheckpointError, match=r"Expected the frozen backbone with the SHA-256 .* got other files"):
        load(tmp_path / "model")


def test_training_does_not_resume_with_another_backbone(pipeline: Path, tmp_path: Path) -> None:
    with interrupted_after("x", 1):
        trained(pipeline, out=tmp_path / "run")
    CHANGES["weights"](pipeline)
    with pytest.raises(CheckpointError, match="Expected the frozen backbone with the SHA-256"):
        trained(pipeline, out=tmp_path / "run")


def test_a_copy_shares_the_frozen_weights_and_no_others(fitted: StructuralCausalModel) -> None:
    network = fitted.mechanisms["x"].inner.network
    twin = copy.deepcopy(network)
    theirs = dict(twin.network.named_parameters())
    for name, parameter in network.network.named_parameters():
        assert (theirs[name].data_ptr() == parameter.data_ptr()) == (name not in network.adapter)
    twin.to(torch.float64)
    assert network.network.conv_in.weight.dtype == torch.float32
    assert twin.train().network.training is False


# What is refused


def edit(path: Path, **entries: Any) -> None:
    config = json.loads(path.read_text()) | entries
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not KeyError}))


def unet(**entries: Any) -> Callable[[Path], Any]:
    return lambda pipeline: edit(pipeline / "unet" / "config.json", **entries)


def schedule(**entries: Any) -> Callable[[Path], Any]:
    return lambda pipeline: edit(pipeline / "scheduler" / "scheduler_config.json", **entries)


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no config": (lambda p: (p / "unet" / "config.json").unlink(), "Expected the folder of a frozen backbone"),
    "config that is no JSON": (lambda p: (p / "unet" / "config.json").write_text("{"), "Expected JSON in"),
    "config that is a list": (lambda p: (p / "unet" / "config.json").write_text("[]"), "Expected a mapping in .* got list"),
    "another class": (unet(_class_name="UNet2DModel"), "class UNet2DConditionModel .* got 'UNet2DModel'"),
    "SD 3": (unet(_class_name="SD3Transformer2DModel"), "such as SD 3 and FLUX, are not supported"),
    "no token width": (unet(cross_attention_dim=KeyError), "one whole number as cross_attention_dim .* got None"),
    "token widths by block": (unet(cross_attention_dim=[12, 12]), r"cross_attention_dim .* got \[12, 12\]"),
    "inpainting": (unet(in_channels=5), "as many channels out as in; got 5 in and 2 out"),
    "SDXL": (unet(addition_embed_type="text_time"), "got one with addition_embed_type, such as those of SDXL"),
    "another size": (unet(block_out_channels=[8, 32]), "it cannot be read"),
    "more layers": (unet(transformer_layers_per_block=2), "all weights of the backbone in .* is missing"),
    "no weights": (lambda p: (p / "unet" / WEIGHTS).unlink(), "as safetensors in .*; got none"),
    "pickled weights": (
        lambda p: (p / "unet" / WEIGHTS).rename(p / "unet" / "diffusion_pytorch_model.bin"),
        "got pickled weights only, which could run code",
    ),
    "cut weights": (lambda p: (p / "unet" / WEIGHTS).write_bytes(b"\0" * 9), "it cannot be read"),
    "no schedule": (lambda p: shutil.rmtree(p / "scheduler"), "Expected the noise schedule .* got no such file"),
    "flow matching": (
        schedule(_class_name="FlowMatchEulerDiscreteScheduler", beta_schedule=KeyError, trained_betas=KeyError),
        "got 'FlowMatchEulerDiscreteScheduler'. Backbones of flow matching",
    ),
    "prediction of the sample": (schedule(prediction_type="sample"), "epsilon or v_prediction in .*; got 'sample'"),
    "unknown schedule": (schedule(beta_schedule="made-up"), "Expected a noise schedule in .*; it cannot be read"),
    "no noise": (schedule(beta_start=0.0, beta_end=0.0), "whose noise grows with each step"),
    "pure noise at the end": (schedule(rescale_betas_zero_snr=True), "predicts v, since its noise schedule ends in pure noise"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_without_a_backbone_is_refused(fault: str, pipeline: Path) -> None:
    change, match = FAULTS[fault]
    change(pipeline)
    with pytest.raises(DataError, match=match):
        build("diffusion", MAP, {"age": AGE}, {"network": {"folder": str(pipeline / "unet")}})


@pytest.mark.parametrize("folder", ["", "owner/name-of-a-hub", "."])
def test_only_folders_of_this_machine_are_read(folder: str, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(original)
    hint = "name its subfolder unet" if folder == "." else f"got '{folder}'"
    with pytest.raises(DataError, match=hint):
        build("diffusion", MAP, {"age": AGE}, {"network": {"folder": folder}})


PHOTO, VOLUME = Variable("photo", "image", shape=(2, 8, 8)), Variable("x", "image", shape=(2, 8, 8, 8))
OPTIONS: dict[str, tuple[str, Variable, dict[str, Variable], dict[str, Any], type[Exception], str]] = {
    "width": ("diffusion", MAP, {"age": AGE}, {"width": 32}, ValueError, "Expected no width with a frozen backbone"),
    "attention": ("diffusion", MAP, {"age": AGE}, {"attention": 2}, ValueError, "Expected no attention with a frozen"),
    "rank": ("diffusion", MAP, {"age": AGE}, {"network": {"rank": 0}}, ValueError, "at least 1 .* for the rank"),
    "word": ("diffusion", MAP, {"age": AGE}, {"network": {"rnak": 2}}, UnknownNameError, "among folder, rank; got 'rnak'"),
    "folder": ("diffusion", MAP, {"age": AGE}, {"network": {"folder": 3}}, ValueError, "Expected a folder .* got 3"),
    "channels": ("diffusion", IMAGE, {"age": AGE}, {}, ValueError, "for the 3 channels of 'x'; got one for 2"),
    "image parent": ("diffusion", MAP, {"photo": PHOTO}, {}, ValueError, "no image among the parents of 'x'"),
    "volume": ("diffusion", VOLUME, {"age": AGE}, {}, ValueError, "got the volume 'x'"),
    "flow matching": ("flow-matching", MAP, {"age": AGE}, {}, ValueError, "'network' of 'flow-matching'; got"),
}  # fmt: skip


@pytest.mark.parametrize("fault", OPTIONS)
def test_options_that_do_not_suit_a_backbone_are_refused(fault: str, original: Path) -> None:
    word, variable, parents, options, error, match = OPTIONS[fault]
    network = {"folder": str(original / "unet"), **options.get("network", {})}
    with pytest.raises(error, match=match):
        build(word, variable, parents, {**options, "network": network})


def test_a_codec_that_learns_is_refused(original: Path) -> None:
    inner = {"mechanism": "diffusion", "network": {"folder": str(original / "unet")}}
    with pytest.raises(ValueError, match="Expected the frozen codec of the same pipeline"):
        build("latent", IMAGE, {"age": AGE}, {"inner": inner, "codec": {"channels": 2, "factor": 2}})


# What tokens do


def test_a_guided_parent_counts_more_and_an_absent_one_not(original: Path) -> None:
    options = {"network": {"folder": str(original / "unet"), "rank": 2}, "steps": 2}
    parents = {"age": torch.tensor([0.5]), "sex": torch.tensor([1])}
    noise = {"z": torch.randn(1, *MAP.shape), "defect": torch.zeros(1, *MAP.shape)}

    def drawn(changed: frozenset[str] = frozenset(), **more: Any) -> Tensor:
        torch.manual_seed(0)
        mechanism: Mechanism = build("diffusion", MAP, {"age": AGE, "sex": SEX}, {**options, **more})
        return mechanism(noise, parents, changed=changed)

    assert mechanism_sees(original, parents)
    plain, guided = drawn(), drawn(frozenset({"age"}), guidance=4.0)
    assert not torch.allclose(plain, guided)
    assert torch.equal(drawn(frozenset({"age"})), plain)


def mechanism_sees(original: Path, parents: dict[str, Tensor]) -> bool:
    """Whether one token stands for each parent, after the constant one, and only that of a changed parent differs."""
    mechanism = build(
        "diffusion", MAP, {"age": AGE, "sex": SEX}, {"network": {"folder": str(original / "unet"), "rank": 2}}
    )
    before = mechanism.embed(parents, 1)
    after = mechanism.embed({**parents, "age": parents["age"] + 1}, 1)
    return [bool(row.any()) for row in (before != after)[0]] == [False, True, False]


def test_a_study_names_the_folders_from_its_own_place(pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pipeline.parent / "study.yaml"
    inner = "{mechanism: diffusion, network: {folder: pipeline/unet, rank: 4}}"
    lines = ["name: s", "data: {name: pendulum}", "mechanisms:", "  image:", "    mechanism: latent"]
    lines += ["    codec: {codec: diffusers, folder: pipeline/vae}", f"    inner: {inner}"]
    path.write_text("\n".join(lines) + "\n")
    image = load_study(path).mechanisms["image"]
    assert image["inner"]["network"] == {"folder": str(pipeline / "unet"), "rank": 4}
    assert image["codec"]["folder"] == str(pipeline / "vae")
    monkeypatch.chdir(path.parent)
    assert load_study("study.yaml").fingerprint == load_study(path).fingerprint


def test_without_diffusers_the_message_names_the_extra(pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match=r"frozen backbone; .* pip install 'causalgen\[diffusers\]'"):
        FrozenUNet(str(pipeline / "unet"), rank=2)
