"""The truth of morphodigits: the exogenous noise of every row is known, and so are its counterfactuals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ...morphology import set_all
from ..generator_truth import GeneratorTruth
from ..generator_values import own_digits, remorph_values
from ..labels import find_rows
from .equations import attributes, draw_noise

__all__ = ["MorphodigitsTruth"]


class MorphodigitsTruth(GeneratorTruth):
    """Rows, represented by their exogenous noise and their base digit.

    Args:
        graph: The graph of morphodigits.
        noise: Exogenous noises by name, each `(N,)`.
        base: `(N,)`, the base digit of each row.
        digits: `(M,)`, the label of each base digit.
        strokes: `(M, 28, 28)` uint8, the drawing of each base digit.
    """

    remorphs = ("thickness", "intensity")

    def __init__(
        self, graph: CausalGraph, noise: Mapping[str, NDArray], base: NDArray, digits: NDArray, strokes: NDArray
    ):
        self.graph = graph
        self.noise = dict(noise)
        self.base, self.digits, self.strokes = base, digits, strokes

    def __repr__(self) -> str:
        return f"MorphodigitsTruth({len(self.base):,} rows of {len(self.digits):,} base digits)"

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image; another digit, whose shape by this writer is not defined, is refused."""
        index = self._index(rows)
        values = own_digits(self.graph, do, self.digits[self.base[index]])
        noise = {name: column[index] for name, column in self.noise.items()}
        columns: dict[str, Tensor] = {}
        for name, column in attributes(noise, values).items():
            columns[name] = torch.tensor(column, dtype=torch.int64 if name == "pen" else torch.float32)
        columns["digit"] = torch.from_numpy(self.digits[self.base[index]])
        return columns

    def draw(self, rows: Any, do: Mapping[str, object]) -> Tensor:
        """The images of `counterfactual`, `(B, 1, 28, 28)`."""
        index, columns = self._index(rows), self.attributes(rows, do)
        strokes = torch.from_numpy(self.strokes[self.base[index]])[:, None]
        return self.remorph(strokes, {name: columns[name] for name in self.remorphs})

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Redraw images `(B, 1, H, W)` with the thickness (px) and intensity in `do`, one value or `(B,)`; uint8.

        Raises:
            UnknownNameError: `do` names another attribute.
            DataError: There is neither one value nor one per image, a value is out of range or an image holds no ink.
        """
        values = remorph_values(do, self.remorphs, len(images))
        return torch.from_numpy(set_all(images[:, 0].numpy(), values.get("thickness"), values.get("intensity")))[
            :, None
        ]

    def draw_noise(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """Exogenous noise of `n` independent units."""
        return draw_noise(n, rng)

    def assign(self, noise: dict[str, NDArray], do: Mapping[str, Any]) -> dict[str, NDArray]:
        """The attributes except the digit."""
        return attributes(noise, do)

    def fresh(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """New units, with digits as frequent as in the data."""
        return super().fresh(n, rng) | {"digit": rng.choice(self.digits, n)}

    def _index(self, rows: Any) -> NDArray[np.int64]:
        return find_rows(rows, range(len(self.base)), "morphodigits").numpy()
