"""The truth of the pendulum: the exogenous noise of every row is known, and so are its counterfactuals."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ..generator_values import effect_by_simulation, labelled_table, remorph_values, resolve
from ..labels import find_rows
from .equations import ATTRIBUTES, attributes, draw_noise, measured
from .scene import Progress, render
from .scene_reading import measure_angle, measure_light, measure_shadow_length, measure_shadow_position, nearest_wall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PendulumTruth"]

READ = {
    "light": measure_light,
    "angle": measure_angle,
    "shadow_length": measure_shadow_length,
    "shadow_position": measure_shadow_position,
}


class PendulumTruth:
    """Rows, represented by their exogenous noise.

    Under the variant `measured` the table shows readings. An intervention sets the quantity itself, whose reading is then
    exact; so setting a column to its own readings changes the scene.

    Args:
        graph: The graph of the variant, which holds the size of the image.
        noise: Exogenous noises by name, each `(N,)`.
        variant: One of `equations.VARIANTS`, or None.
    """

    def __init__(self, graph: CausalGraph, noise: Mapping[str, NDArray], variant: str | None = None) -> None:
        self.graph, self.noise, self.variant = graph, dict(noise), variant
        self.remorphs = (*ATTRIBUTES, "wall") if variant == "spurious" else ATTRIBUTES
        self.size = graph["image"].shape[-1]

    def __repr__(self) -> str:
        variant = f", variant {self.variant}" if self.variant else ""
        return f"PendulumTruth({len(self.noise['light']):,} rows{variant})"

    def counterfactual(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """Every variable of `rows` as it would have been under `do`; `do={}` gives the rows themselves.

        Args:
            rows: Row numbers of the data set, as for `Dataset.rows`.
            do: Values by variable: a number or label for all, or one per row. Integer tensors are codes.

        Raises:
            UnknownNameError: `do` names no variable.
            SupportError: A value is outside its support.
            MissingValueError: A value is missing.
            DataError: There is no such row; a label is unknown, or there is neither one value nor one per row; `do` sets
                the image.
        """
        columns = self.attributes(rows, do) | {"image": torch.from_numpy(self.draw(rows, do))}
        return {name: columns[name] for name in self.graph.nodes}

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image."""
        scene, noise, values = self._scene(rows, do)
        return {name: torch.from_numpy(column) for name, column in _rounded(measured(scene, noise, values)).items()}

    def draw(self, rows: Any, do: Mapping[str, object], *, progress: Progress | None = None) -> NDArray[np.uint8]:
        """The images of `counterfactual`, `(B, 3, H, W)`."""
        scene = _rounded(self._scene(rows, do)[0])
        wall = _colour(scene["wall"]) if "wall" in scene else 0
        return render(*(scene[name] for name in ATTRIBUTES), wall=wall, size=self.size, progress=progress)

    def effect(self, treatment: str | tuple[str, ...], outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b); several treatments in tuples.

        By Monte Carlo on a million shared draws of the noise; for session and wall, the change in the probability of the
        second label.

        Raises:
            DataError: The outcome or the treatment is the image.
        """
        draw, assign = partial(draw_noise, variant=self.variant), partial(attributes, variant=self.variant)
        return effect_by_simulation(self.graph, draw, assign, treatment, outcome, contrast)

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """`n` fresh rows of the attributes, labels decoded."""
        noise = draw_noise(n, np.random.default_rng([1, seed]), self.variant)  # independent of the rows and of `effect`
        return labelled_table(self.graph, measured(attributes(noise, variant=self.variant), noise, {}))

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Draw images `(B, 3, H, W)` anew with the attributes in `do`, one value or `(B,)`; the others are read.

        Raises:
            UnknownNameError: `do` names another attribute.
            DataError: There is neither one value nor one per image, or an attribute cannot be read from an image.
        """
        values = remorph_values(do, self.remorphs, len(images))
        pixels = images.numpy()
        columns = [values[name] if name in values else READ[name](pixels) for name in ATTRIBUTES]
        wall = _colour(values["wall"]) if "wall" in values else nearest_wall(pixels)
        return torch.from_numpy(render(*columns, wall=wall, size=images.shape[-1]))

    def _scene(
        self, rows: Any, do: Mapping[str, object]
    ) -> tuple[dict[str, NDArray], dict[str, NDArray], dict[str, NDArray]]:
        """The scenes of rows under `do`, their noise, and the values set."""
        index = find_rows(rows, range(len(self.noise["light"])), "pendulum").numpy()
        values = resolve(self.graph, do, len(index))
        noise = {name: column[index] for name, column in self.noise.items()}
        return attributes(noise, values, self.variant), noise, values


def _colour(wall: NDArray) -> NDArray[np.int64]:
    """Index in `WALLS` of the codes of a wall; the first is the wall of the other variants."""
    return 1 + wall.astype(np.int64)


def _rounded(columns: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """In the types of a data set; images are drawn from these, so that the table determines them."""
    kinds = {name: np.int64 if column.dtype.kind == "i" else np.float32 for name, column in columns.items()}
    return {name: np.array(column, kinds[name]) for name, column in columns.items()}
