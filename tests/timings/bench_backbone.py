"""An adapter on a frozen backbone that was trained here without labels: does it learn to follow a parent?

python tests/timings/bench_backbone.py [--pretraining 500] [--epochs 60] [--rank 4] [--seed 0]

The images are squares of 4 x 4 pixels on noise, as bright as their parent. The backbone learns them under random tokens, which
say nothing about the brightness; the second one keeps random weights. An adapter is then trained on each alike. "Follows" is
how much brighter samples under do(light = 180) are than under do(light = 80), of 100; "error" the mean distance of the square
from the set brightness, in counterfactuals of 32 other images. Times are of the processor, one thread.
"""

import argparse
import tempfile
import time
from pathlib import Path

import diffusers
import torch
from torch import Tensor
from torch.nn import functional as F

from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

GRAPH = CausalGraph("light -> image", [Variable("light", "continuous"), Variable("image", "image", shape=(1, 8, 8))])
WIDTH, BATCH, RATE = 16, 32, 2e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"pretraining": 500, "epochs": 60, "rank": 4, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    data = squares(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        for name, steps in (("trained without labels", arguments.pretraining), ("random", 0)):
            pipeline = Path(folder) / name
            save_backbone(pipeline, data["train"]["image"], steps)
            measure(f"backbone {name}", pipeline, data, arguments)


def squares(seed: int) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    light = 60 + 140 * torch.rand(320, generator=generator)
    image = 30 * torch.rand(320, 1, 8, 8, generator=generator)
    image[:, :, 2:6, 2:6] = light[:, None, None, None]
    values = {"light": light, "image": image.byte()}
    return {"train": {k: v[:256] for k, v in values.items()}, "validation": {k: v[256:] for k, v in values.items()}}


def save_backbone(folder: Path, images: Tensor, steps: int) -> None:
    """A backbone after `steps` of the usual training of the predicted noise."""
    unet = diffusers.UNet2DConditionModel(
        in_channels=1, out_channels=1, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH, attention_head_dim=8,
    )  # fmt: skip
    scheduler = diffusers.DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    optimizer = torch.optim.AdamW(unet.parameters(), RATE)
    for step in range(steps):
        data = images[torch.randint(0, len(images), (BATCH,))].float() / 127.5 - 1
        noise, times = torch.randn_like(data), torch.randint(0, 1000, (BATCH,))
        tokens = 0.5 * torch.randn(BATCH, 2, WIDTH)
        found = unet(scheduler.add_noise(data, noise, times), times, encoder_hidden_states=tokens).sample
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
        optimizer.zero_grad()
        F.mse_loss(found, noise).backward()
        optimizer.step()
    unet.save_pretrained(folder / "unet")
    scheduler.save_pretrained(folder / "scheduler")


def measure(title: str, pipeline: Path, data: dict[str, dict[str, Tensor]], arguments: argparse.Namespace) -> None:
    network = {"folder": str(pipeline / "unet"), "rank": arguments.rank}
    torch.manual_seed(arguments.seed)
    scm = StructuralCausalModel(
        GRAPH, {"light": "linear-gaussian", "image": {"mechanism": "diffusion", "steps": 15, "network": network}}
    )
    scm.initialize(data["train"])
    report(f"{title}, adapter not trained", scm.declare_fitted(), data)
    start = time.process_time()
    images = Stage(epochs=arguments.epochs, batch_size=BATCH, learning_rate=1e-2, ema=0.9, patience=arguments.epochs)
    fit(scm, data, FitConfig(Stage(epochs=2), images, device="cpu", precision="32-true", seed=arguments.seed))
    report(f"{title}, adapter trained for {time.process_time() - start:.0f} s", scm, data)


@torch.no_grad()
def report(title: str, scm: StructuralCausalModel, data: dict[str, dict[str, Tensor]]) -> None:
    dark, bright = (brightness(scm.sample(64, do={"light": value}, seed=1)["image"]).mean() for value in (80.0, 180.0))
    factual = {name: column[:32] for name, column in data["validation"].items()}
    moved = scm.counterfactual(factual, {"light": factual["light"].flip(0)})
    error = (brightness(moved["image"]) - moved["light"]).abs().mean()
    print(f"{title}: follows {float(bright - dark):.1f} of 100; error {float(error):.1f} grey levels", flush=True)


def brightness(images: Tensor) -> Tensor:
    """Mean of the square, `(N,)`."""
    return images[:, :, 2:6, 2:6].float().flatten(1).mean(1)


if __name__ == "__main__":
    main()
