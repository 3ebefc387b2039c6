"""Paired image-to-image: an image with an image parent, next to a plain U-Net regression of about equal size and time.

    python tests/timings/bench_paired.py [--mechanism conv-vae] [--seed 0] [--epochs 8] [--rows 2000] [--units 500]

The pairs are pictures of the same digits of morphodigits in both pens; ballpoint to felt-tip is learned. A U-Net of equal size
minimises L1 for as many seconds of processor time, and so does one of a fifteenth of the size, which takes more steps in them.
Test units only; intervals resample base digits.
"""

import argparse
import itertools
import time
import warnings

import numpy as np
import torch
from bench_translation import interval
from torch import Tensor
from torch.nn import functional as F

import causalgen as cg
from causalgen.graph import CausalGraph, Variable
from causalgen.nn import UNet
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

PENS = ("ballpoint", "felt-tip")
SHAPE = (1, 28, 28)
GRAPH = CausalGraph("ballpoint -> felt-tip", [Variable(pen, "image", shape=SHAPE) for pen in PENS])
DRAWS = 10
SIZES = {"equal size": 1.0, "small": 1 / 15}
BATCH = 64


def pairs(data: cg.Dataset, rows: list[int]) -> dict[str, Tensor]:
    """The pictures of rows in both pens, by pen."""
    return {pen: data.truth.counterfactual(rows, {"pen": pen})["image"] for pen in PENS}


def fitted(
    mechanism: str, parts: dict[str, dict[str, Tensor]], epochs: int, seed: int
) -> tuple[StructuralCausalModel, float]:
    """The model and the seconds of processor time that training the felt-tip took; the ballpoint stays untrained."""
    torch.manual_seed(seed)
    scm = StructuralCausalModel(GRAPH, {"ballpoint": {"mechanism": "conv-vae", "width": 8}, "felt-tip": mechanism})
    scm.mechanisms["ballpoint"].requires_grad_(False)
    images = Stage(epochs=epochs, batch_size=BATCH, learning_rate=2e-3, ema=0.995, patience=epochs)
    start = time.process_time()
    fit(scm, parts, FitConfig(images=images, device="cpu", seed=seed))
    return scm, time.process_time() - start


def regression(pairs: dict[str, Tensor], size: float, seconds: float) -> UNet:
    """A U-Net of about `size` parameters, trained to draw the second pen from the first."""
    networks = (UNet(SHAPE, 8, width=width) for width in itertools.count(16, 8))
    network = next(network for network in networks if parameters(network) >= size)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    before, after = (pairs[pen].float() / 127.5 - 1 for pen in PENS)
    start = time.process_time()
    while (share := (time.process_time() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 + np.cos(np.pi * share))
        chosen = torch.randint(len(before), (BATCH,))
        loss = F.l1_loss(drawn(network, before[chosen]), after[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def drawn(network: UNet, images: Tensor) -> Tensor:
    return network(images, images.new_zeros(len(images)), images.new_zeros(len(images), 8))


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mechanism", default="conv-vae")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--units", type=int, default=500)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    data = cg.load("morphodigits")
    sizes = {"train": asked.rows, "validation": 500, "test": asked.units}
    parts = {split: pairs(data, list(data.split[split][:count])) for split, count in sizes.items()}
    scm, seconds = fitted(asked.mechanism, parts, asked.epochs, asked.seed)
    size = parameters(scm.mechanisms["felt-tip"])
    networks = {f"U-Net, {share}": regression(parts["train"], size * part, seconds) for share, part in SIZES.items()}

    given, truth = (parts["test"][pen].float() for pen in PENS)
    draws = torch.stack([scm.sample(len(given), do={"ballpoint": given}, seed=k)["felt-tip"] for k in range(DRAWS)])
    answers = {"identity control": given, f"{asked.mechanism}, one draw": draws[0]}
    answers[f"{asked.mechanism}, mean of {DRAWS}"] = draws.mean(0)
    with torch.no_grad():
        for name, network in networks.items():
            answers[name] = (drawn(network, given / 127.5 - 1).clamp(-1, 1) + 1) * 127.5
    errors = {name: (image - truth).abs().flatten(1).mean(1).double().numpy() for name, image in answers.items()}
    groups = data.groups(data.split["test"][: asked.units]).numpy()
    print(f"{'':>24}  {'L1':>6}  share of identity")
    for name, error in errors.items():
        print(f"{name:>24}  {error.mean():6.2f}  {interval(error, errors['identity control'], groups)}")
    print(f"seed {asked.seed}: {asked.epochs} epochs of {asked.rows} pairs, {seconds:.0f} s of processor time each")
    counts = {asked.mechanism: size} | {name: parameters(network) for name, network in networks.items()}
    print("parameters: " + "; ".join(f"{name} {count:,}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
