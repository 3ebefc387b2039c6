"""A small model, data and settings with which it trains in a second, and interruptions; shared by the tests of training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage
from causalgen.training import checkpoint as checkpoint_module

__all__ = ["CONFIG", "GRAPH", "IMAGE", "data", "interrupted_after", "model", "same"]

GRAPH = CausalGraph(
    "x -> y; {x, g} -> im",
    [
        Variable("x", "continuous"),
        Variable("y", "continuous"),
        Variable("g", "categorical", labels=("a", "b", "c")),
        Variable("im", "image", shape=(1, 10, 10)),
    ],
)
IMAGE = {"mechanism": "conv-vae", "latent": 3, "local": 2, "width": 8, "blocks": 1}
CONFIG = FitConfig(
    attributes=Stage(epochs=6, batch_size=64), images=Stage(epochs=4, batch_size=64, ema=0.9, patience=4), device="cpu"
)


def data(n: int = 600) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, generator=generator)
    g = torch.randint(0, 3, (n,), generator=generator)
    y = torch.where(x > 0, 3 * x, 0.5 * x) + 0.2 * torch.randn(n, generator=generator)
    noise = torch.rand(n, 1, 10, 10, generator=generator)
    im = (120 + 30 * x.clamp(-2, 2)[:, None, None, None] + 20 * noise).to(torch.uint8)
    values = {"x": x, "y": y, "g": g, "im": im}
    return {
        "train": {k: v[: n - 100] for k, v in values.items()},
        "validation": {k: v[n - 100 :] for k, v in values.items()},
    }


def model() -> StructuralCausalModel:
    torch.manual_seed(0)
    return StructuralCausalModel(GRAPH, {"im": IMAGE})


@contextmanager
def interrupted_after(label: str, epoch: int) -> Iterator[None]:
    """Interrupt the fit inside as soon as the checkpoint of this epoch of a stage is saved."""
    saved = checkpoint_module.Checkpoint.save

    def save(self: Any, now: str, done: int, *arguments: Any, **options: Any) -> None:
        saved(self, now, done, *arguments, **options)
        if (now, done) == (label, epoch):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint_module, "INTERVAL", 0.0)
        patch.setattr(checkpoint_module.Checkpoint, "save", save)
        with pytest.raises(KeyboardInterrupt):
            yield


def same(a: StructuralCausalModel, b: StructuralCausalModel) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
