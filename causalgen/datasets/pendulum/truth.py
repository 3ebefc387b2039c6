"""The truth of the pendulum: the exogenous noise of every row is known, and so are its counterfactuals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ..generator_truth import GeneratorTruth
from ..generator_values import in_data_types, remorph_values, resolve
from ..labels import find_rows
from .equations import ATTRIBUTES, attributes, draw_noise, measured
from .scene import Progress, render
from .scene_reading import measure_angle, measure_light, measure_shadow_length, measure_shadow_position, nearest_wall

__all__ = ["PendulumTruth"]

READ = {
    "light": measure_light,
    "angle": measure_angle,
    "shadow_length": measure_shadow_length,
    "shadow_position": measure_shadow_position,
}


class PendulumTruth(GeneratorTruth):
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

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image."""
        scene, noise, values = self._scene(rows, do)
        return {
            name: torch.from_numpy(column) for name, column in in_data_types(measured(scene, noise, values)).items()
        }

    def draw(self, rows: Any, do: Mapping[str, object], *, progress: Progress | None = None) -> Tensor:
        """The images of `counterfactual`, `(B, 3, H, W)`."""
        scene = in_data_types(self._scene(rows, do)[0])
        wall, columns = _colour(scene["wall"]) if "wall" in scene else 0, (scene[name] for name in ATTRIBUTES)
        return torch.from_numpy(render(*columns, wall=wall, size=self.size, progress=progress))

    def draw_noise(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """Exogenous noise of `n` independent scenes."""
        return draw_noise(n, rng, self.variant)

    def assign(self, noise: dict[str, NDArray], do: Mapping[str, Any]) -> dict[str, NDArray]:
        """The attributes of the scene."""
        return attributes(noise, do, self.variant)

    def fresh(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """New scenes as the table shows them."""
        noise = self.draw_noise(n, rng)
        return measured(self.assign(noise, {}), noise, {})

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Redraw images `(B, 3, H, W)` with the attributes in `do`, one value or `(B,)`; the others are read.

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
