"""Sample grids during training: counterfactuals of a few validation units by the partly trained mechanism."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..datasets import Dataset
from ..errors import SupportWarning
from ..mechanisms import Abductive, Mechanism
from ..reports import plot_counterfactual, plot_samples
from ..reports.figure_files import write_figure
from ..scm import StructuralCausalModel
from ..training.fit import OnEpoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["grid_hook"]

UNITS = 6
SAMPLES = 24


def grid_hook(
    scm: StructuralCausalModel, data: Dataset, image: str, folder: Path, *, epochs: int, grids: int
) -> OnEpoch:
    """A function for `fit(..., on_epoch=...)` that draws at most `grids` times, the last time after the last epoch.

    Each grid shows the same validation units, with the image's first continuous parent set to the value of another of
    them; for a mechanism that cannot abduct it shows samples.

    Args:
        scm: The model in training, for its graph and attribute mechanisms.
        data: The data set.
        image: Name of the image node.
        folder: Folder of `epoch-010.png` and so on.
        epochs: Epochs of the whole training.
        grids: Number of grids.
    """
    drawn = {round(epochs * number / grids) for number in range(1, grids + 1)}
    rows = data.split["validation"][:SAMPLES]

    def draw(node: str, epoch: int, mechanism: Mechanism) -> None:
        if node != image or epoch not in drawn:
            return
        world = StructuralCausalModel(scm.graph, {**scm.mechanisms, image: mechanism})
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", SupportWarning)
            figure = _counterfactuals(world) if isinstance(mechanism, Abductive) else _samples(world)
        write_figure(figure, folder / f"epoch-{epoch:03d}.png", dpi=110)

    def _counterfactuals(world: StructuralCausalModel) -> "Figure":
        factual = data.rows(rows[:UNITS])
        parents = [n for n in data.graph.parents(image) if not data.graph[n].is_image]
        moved = next((n for n in parents if data.graph[n].kind == "continuous"), parents[0])
        result = world.counterfactual(factual, {moved: factual[moved].roll(1)})
        return plot_counterfactual(result, UNITS, None)

    def _samples(world: StructuralCausalModel) -> "Figure":
        factual = data.rows(rows)
        attributes = {name: column for name, column in factual.items() if name != image}
        return plot_samples(world.sample(len(rows), do=attributes)[image], variable=data.graph[image])

    return draw
