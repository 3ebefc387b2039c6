"""A text-to-image pipeline with random weights, small enough for tests, as diffusers saves one."""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

__all__ = ["located", "save_pipeline"]


def save_pipeline(
    folder: Path,
    *,
    channels: int = 3,
    latents: int = 2,
    prediction: str = "epsilon",
    schedule: dict[str, Any] | None = None,
) -> Path:
    """Write `vae`, `unet` and `scheduler` into `folder`, which is returned.

    Args:
        folder: It is created.
        channels: Channels of the image.
        latents: Channels of the codec's map, which are those of the backbone.
        prediction: What the backbone predicts.
        schedule: Further entries of the noise schedule.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _write(folder, channels, latents, {"prediction_type": prediction, **(schedule or {})})
    return folder


def _write(folder: Path, channels: int, latents: int, schedule: dict[str, Any]) -> None:
    import diffusers

    diffusers.AutoencoderKL(
        in_channels=channels, out_channels=channels, block_out_channels=(8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, latent_channels=latents, norm_num_groups=4,
    ).save_pretrained(folder / "vae")  # fmt: skip
    diffusers.UNet2DConditionModel(
        in_channels=latents, out_channels=latents, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=12, attention_head_dim=4,
    ).save_pretrained(folder / "unet")  # fmt: skip
    diffusers.DDPMScheduler(
        num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
        **schedule,
    ).save_pretrained(folder / "scheduler")  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))


def located(options: dict[str, Any]) -> dict[str, Any]:
    """The options with folders below that of a pipeline, which is written on first use; one below `v` predicts v.

    Backbone and codec have three channels, so that the backbone also suits colour pictures.
    """
    return {
        name: str(_pipeline(value.startswith("v/")) / value.removeprefix("v/")) if name == "folder"
        else located(value) if isinstance(value, dict)
        else value
        for name, value in options.items()
    }  # fmt: skip


@functools.cache
def _pipeline(predicts_v: bool) -> Path:
    pytest.importorskip("diffusers", reason="the extra 'diffusers' is not installed")
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return save_pipeline(folder, latents=3, prediction="v_prediction" if predicts_v else "epsilon")
