"""The truth of the scan phantom: the exogenous noise of every scan is known, and so are its counterfactuals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ...graph import CausalGraph
from ..depth import as_levels
from ..generator_truth import GeneratorTruth
from ..generator_values import in_data_types, resolve
from ..labels import find_rows
from .equations import attributes, draw_noise
from .head import Progress, render

__all__ = ["PhantomTruth"]


class PhantomTruth(GeneratorTruth):
    """Scans, represented by their exogenous noise.

    Args:
        graph: The graph of the phantom, which holds the size of the image.
        noise: Noises of the attributes by name, each `(N,)`.
        shapes: Noises of the image, as from `head.draw_shapes`.
    """

    remorphs = ()

    def __init__(self, graph: CausalGraph, noise: Mapping[str, NDArray], shapes: Mapping[str, NDArray]) -> None:
        self.graph, self.noise, self.shapes = graph, dict(noise), dict(shapes)
        self.size = graph["image"].shape[-1]

    def __repr__(self) -> str:
        return f"PhantomTruth({len(self.noise['sex']):,} rows)"

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image."""
        return {name: torch.from_numpy(column) for name, column in self._columns(rows, do).items()}

    def draw(self, rows: Any, do: Mapping[str, object]) -> Tensor:
        """The images of `counterfactual`, float32 `(B, 1, H, W)` or `(B, 1, D, H, W)`, 65,536 values from 0 to 255."""
        return as_levels({"image": torch.from_numpy(self.scans(rows, do))})["image"]

    def scans(self, rows: Any, do: Mapping[str, object], *, progress: Progress | None = None) -> NDArray[np.uint16]:
        """The images of `counterfactual` as files hold them, `(B, 1, H, W)` or `(B, 1, D, H, W)`, 0 to 65535."""
        index = self._index(rows)
        shapes = {name: column[index] for name, column in self.shapes.items()}
        return render(
            self._columns(rows, do), shapes, size=self.size, volume=self.graph["image"].is_volume, progress=progress
        )

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Return the images unchanged: nothing can be set on them.

        Raises:
            DataError: `do` names an attribute.
        """
        if do:
            raise DataError(
                f"Expected nothing to redraw scans of phantom with; got {', '.join(do)}. The noise of an image's "
                "pixels cannot be read from it; use `counterfactual`, which knows it."
            )
        return images

    def draw_noise(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """Exogenous noise of one scan of each of `n` persons."""
        return draw_noise(n, rng)

    def assign(self, noise: dict[str, NDArray], do: Mapping[str, Any]) -> dict[str, NDArray]:
        """The attributes of scans."""
        return attributes(noise, do)

    def _columns(self, rows: Any, do: Mapping[str, object]) -> dict[str, NDArray]:
        index = self._index(rows)
        noise = {name: column[index] for name, column in self.noise.items()}
        return in_data_types(attributes(noise, resolve(self.graph, do, len(index))))

    def _index(self, rows: Any) -> NDArray[np.int64]:
        return find_rows(rows, range(len(self.noise["sex"])), "phantom").numpy()
