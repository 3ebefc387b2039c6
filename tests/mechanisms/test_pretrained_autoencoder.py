"""A frozen codec from a folder: made here with random weights and saved by diffusers itself; nothing is downloaded."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import build
from causalgen.scm import StructuralCausalModel, load, save
from causalgen.studies.schema import load_study
from causalgen.training import FitConfig, Stage, fit

diffusers = pytest.importorskip("diffusers", reason="the extra 'diffusers' is not installed")

INNER = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 8, "blocks": 1}
AGE = Variable("age", "continuous")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("codec") / "vae"
    torch.manual_seed(0)
    diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, latent_channels=2, norm_num_groups=4,
    ).save_pretrained(path)  # fmt: skip
    return path


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a codec was looked for outside this machine")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def options(folder: Path | str, **more: Any) -> dict[str, Any]:
    return {"inner": INNER, "codec": {"codec": "diffusers", "folder": str(folder), **more}}


def values(sides: tuple[int, int], n: int = 40) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    age = torch.randn(n, generator=generator)
    image = 100 + 40 * age.clamp(-2, 2)[:, None, None, None] + 30 * torch.rand(n, 3, *sides, generator=generator)
    return {"age": age, "x": image.byte()}


def test_it_is_frozen_pads_and_crops(folder: Path) -> None:
    data = values((18, 21))
    mechanism = build("latent", Variable("x", "image", shape=(3, 18, 21)), {"age": AGE}, options(folder))
    assert not mechanism.trained_before
    before = {name: tensor.clone() for name, tensor in mechanism.codec.network.state_dict().items()}
    mechanism.initialize(data["x"], {"age": data["age"]})
    assert mechanism.codec.fitted
    maps = mechanism.codec.encode(data["x"].float())
    assert maps.shape == (40, 2, 5, 6)
    assert maps.abs().max() <= 1
    assert float(maps.std()) == pytest.approx(1 / 3, abs=0.05)
    assert mechanism.reconstruct(data["x"].float()).shape == data["x"].shape
    assert all(torch.equal(tensor, before[name]) for name, tensor in mechanism.codec.network.state_dict().items())


def test_a_model_is_trained_saved_and_loaded_without_the_folder(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "codec")
    graph = CausalGraph("age -> x", [AGE, Variable("x", "image", shape=(3, 16, 16))])
    scm = StructuralCausalModel(graph, {"x": {"mechanism": "latent", "residual": 0.5, **options(moved)}})
    data = values((16, 16))
    stage = Stage(epochs=2, batch_size=20, ema=0.9)
    result = fit(scm, {"train": data, "validation": data}, FitConfig(stage, stage, device="cpu", precision="32-true"))
    assert list(result.seconds) == ["attributes", "x"]
    save(scm, tmp_path / "model")
    shutil.rmtree(moved)
    again = load(tmp_path / "model")
    answers = [m.counterfactual({k: v[:3] for k, v in data.items()}, {"age": 1.0}, seed=0)["x"] for m in (scm, again)]
    assert torch.equal(*answers)


def test_a_codec_that_does_not_suit_the_image_is_refused(folder: Path) -> None:
    grey = Variable("x", "image", shape=(1, 16, 16))
    with pytest.raises(ValueError, match="frozen codec for the 1 channels of 'x'; got one for 3"):
        build("latent", grey, {}, options(folder))
    large = Variable("x", "image", shape=(3, 2048, 2048))
    with pytest.raises(ValueError, match="at most 262,144 pixels for this frozen codec; got 2048 x 2048"):
        build("latent", large, {}, options(folder))


def test_a_folder_without_a_codec_is_refused(folder: Path, tmp_path: Path) -> None:
    image = Variable("x", "image", shape=(3, 16, 16))

    def refused(path: Path | str, match: str) -> None:
        with pytest.raises(DataError, match=match):
            build("latent", image, {}, options(path))

    refused("", "folder of a frozen codec, .* got ''")
    refused("owner/name-of-a-hub", "got 'owner/name-of-a-hub'")
    (tmp_path / "model_index.json").write_text("{}")
    refused(tmp_path, "name its subfolder vae")
    (other := tmp_path / "other").mkdir()
    (other / "config.json").write_text('{"_class_name": "UNet2DModel"}')
    refused(other, "Expected a codec of the class AutoencoderKL of diffusers in .*; got 'UNet2DModel'")
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "diffusion_pytorch_model.safetensors").unlink()
    refused(bare, "weights of a frozen codec as safetensors in .*; got none")
    config = json.loads((folder / "config.json").read_text())
    deeper = shutil.copytree(folder, tmp_path / "deeper")
    (deeper / "config.json").write_text(json.dumps(config | {"layers_per_block": 2}))
    refused(deeper, "all weights of the codec .* is missing")


def test_a_study_names_the_folder_from_its_own_place(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "codec")
    path = tmp_path / "study.yaml"
    lines = ["name: s", "data: {name: pendulum}", "mechanisms:"]
    path.write_text("\n".join([*lines, "  image: {mechanism: latent, codec: {codec: diffusers, folder: codec}}\n"]))
    study = load_study(path)
    assert study.mechanisms["image"]["codec"]["folder"] == str(tmp_path / "codec")
