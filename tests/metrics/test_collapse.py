"""A collapsed toy generator is flagged every time, in whichever way it collapsed; a healthy one never."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import collapsed, mode_collapse

SIDE = 8
GRAPH = CausalGraph(
    "{level, shape} -> image",
    [
        Variable("level", "continuous"),
        Variable("shape", "categorical", labels=("p", "q", "r")),
        Variable("image", "image", shape=(1, SIDE, SIDE)),
    ],
)
N = 240
Generator = Callable[[dict[str, Tensor], torch.Generator], Tensor]


def real(parents: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """A bright block of the unit's level, on the side its shape says, at a random place, with a random stripe."""
    images = 20 * torch.rand(len(parents["level"]), 1, SIDE, SIDE, generator=generator)
    rows = torch.randint(0, SIDE - 2, (len(images),), generator=generator)
    stripes = torch.randint(0, SIDE, (len(images),), generator=generator)
    for i, (row, stripe) in enumerate(zip(rows.tolist(), stripes.tolist())):
        column = 2 * int(parents["shape"][i])
        images[i, 0, row : row + 3, column : column + 3] += 100 + 20 * parents["level"][i]
        images[i, 0, :, stripe] += 60
    return images.clamp(0, 255).byte()


def one_image(parents: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    return real(parents, torch.Generator().manual_seed(1))[:1].expand(len(parents["level"]), -1, -1, -1)


def deaf_to_noise(parents: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """One image for each shape, in the level of the unit."""
    images = torch.zeros(len(parents["level"]), 1, SIDE, SIDE)
    for i in range(len(images)):
        column = 2 * int(parents["shape"][i])
        images[i, 0, 2:5, column : column + 3] = 100 + 20 * parents["level"][i]
        images[i, 0, :, 4] += 60
    return images.clamp(0, 255).byte()


def few_modes(parents: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """Three images over and over."""
    known = real(parents, torch.Generator().manual_seed(1))[:3]
    return known[torch.randint(0, 3, (len(parents["level"]),), generator=generator)]


def pixels(images: Tensor) -> np.ndarray:
    return images.flatten(1).double().numpy()


def flagged(draw: Generator, seed: int) -> bool:
    generator = torch.Generator().manual_seed(seed)
    parents = {
        "level": torch.randn(N, generator=generator),
        "shape": torch.randint(0, 3, (N,), generator=generator),
    }
    factual = {**parents, "image": real(parents, generator)}
    draws = {"model": (draw(parents, generator), draw(parents, generator))}
    results = mode_collapse(draws, factual, np.arange(N), pixels, graph=GRAPH, image="image", seed=seed)
    return collapsed(results, row="model")


@pytest.mark.parametrize("draw", [one_image, deaf_to_noise, few_modes], ids=lambda draw: draw.__name__)
def test_a_collapsed_generator_is_flagged_twenty_times_in_twenty(draw: Generator) -> None:
    assert sum(flagged(draw, seed) for seed in range(20)) == 20


def test_a_healthy_generator_is_never_flagged() -> None:
    assert sum(flagged(real, seed) for seed in range(20)) == 0
