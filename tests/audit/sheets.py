"""A made world in which a classifier can take a shortcut: shade -> sheet <- mark, and both go together in training.

The left half of a sheet shows the shade, the right half shade and mark, both plus a pattern of the unit. The difference of the
halves tells the mark; so does the brightness, as long as dark sheets have no mark.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro.distributions as dist
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from causalgen.datasets import Dataset
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive
from causalgen.scm import StructuralCausalModel

SHAPE = (1, 4, 4)
GRAPH = CausalGraph(
    "shade -> sheet; mark -> sheet; site -> mark",
    [
        Variable("shade", "continuous", support=(0, 100), unit="%"),
        Variable("site", "categorical", labels=("a", "b", "c")),
        Variable("mark", "binary", labels=("none", "cross")),
        Variable("sheet", "image", shape=SHAPE, support=(0, 255)),
    ],
)


def drawn(parents: Mapping[str, Tensor]) -> Tensor:
    """Sheets `(N, 1, 4, 4)` without pattern."""
    left = 60 + parents["shade"].float()
    halves = torch.stack([left, left + 10 * parents["mark"].float()], dim=1)
    return halves.repeat_interleave(2, dim=1)[:, None, None, :].expand(-1, *SHAPE)


class Sheet(Abductive):
    """The true mechanism of the sheets; its noise is the pattern."""

    abduction = Abduction.BIJECTIVE

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, dist.Distribution]:
        return {"pattern": dist.Normal(0.0, 6.0).expand((*batch_shape, *SHAPE)).to_event(3)}

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"pattern": value - drawn(parents)}

    def forward(
        self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed: Any = frozenset()
    ) -> Tensor:
        return drawn(parents) + noise["pattern"]


class KnownSheets:
    """The generator, which knows the true counterfactuals of shade."""

    remorphs: tuple[str, ...] = ("shade",)

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self.values = values

    def counterfactual(self, rows: Any, do: Mapping[str, Any]) -> dict[str, Tensor]:
        own = {name: column[torch.as_tensor(np.asarray(rows))] for name, column in self.values.items()}
        pattern = own["sheet"].float() - drawn(own)
        world = own | {name: torch.full_like(own[name], value) for name, value in do.items()}
        return world | {"sheet": drawn(world) + pattern}

    attributes = effect = table = remorph = counterfactual


def biased(rows: int = 900, *, truth: bool = True, seed: int = 0) -> Dataset:
    """Training and validation rows in which shade tells the mark for 99 %, and test rows in which it does not."""
    rng = np.random.default_rng(seed)
    shade = rng.uniform(5, 95, rows)
    test = np.arange(rows) >= rows * 2 // 3
    together = rng.random(rows) < np.where(test, 0.5, 0.99)
    mark = np.where(together, shade > 50, shade <= 50).astype(np.int64)
    values: dict[str, Tensor] = {
        "shade": torch.tensor(shade, dtype=torch.float32),
        "site": torch.from_numpy(rng.integers(3, size=rows)),
        "mark": torch.from_numpy(mark),
    }
    pattern = torch.from_numpy(rng.normal(0, 6, (rows, *SHAPE))).float()
    values["sheet"] = (drawn(values) + pattern).round().clamp(0, 255).to(torch.uint8)
    edges = (0, rows // 2, rows * 2 // 3, rows)
    split = {n: torch.arange(*edges[i : i + 2]) for i, n in enumerate(("train", "validation", "test"))}
    known = KnownSheets(values) if truth else None
    return Dataset("sheets", GRAPH, values, split, torch.arange(rows) // 2, known)  # type: ignore[arg-type]


def model(data: Dataset) -> StructuralCausalModel:
    """The true image mechanism, with mechanisms of the attributes that are fitted to the training rows."""
    sheet = Sheet(GRAPH["sheet"], {name: GRAPH[name] for name in GRAPH.parents("sheet")})
    scm = StructuralCausalModel(GRAPH, {"sheet": sheet, "shade": "linear-gaussian"})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    return scm.eval()


def train(images: Tensor, labels: Tensor, weights: Tensor, seed: int) -> LogisticRegression:
    """A user's training: weighted logistic regression on the pixels."""
    pixels = images.flatten(1).float().numpy()
    return LogisticRegression(max_iter=2000, C=1e-3).fit(pixels, labels.numpy(), sample_weight=weights.numpy())
