"""The truth of morphodigits: the exogenous noise of every row is known, and so are its counterfactuals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ...morphology import set_all
from ..generator_values import effect_by_simulation, labelled_table, own_digits, remorph_values
from ..labels import find_rows
from .equations import attributes, draw_noise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MorphodigitsTruth"]


class MorphodigitsTruth:
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
                the image, or another digit, whose shape by this writer the generator does not define.
        """
        index = find_rows(rows, range(len(self.base)), "morphodigits").numpy()
        columns = self.attributes(rows, do)
        strokes = torch.from_numpy(self.strokes[self.base[index]])[:, None]
        columns["image"] = self.remorph(strokes, {name: columns[name] for name in self.remorphs})
        return {name: columns[name] for name in self.graph.nodes}

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image, which takes most of the time."""
        index = find_rows(rows, range(len(self.base)), "morphodigits").numpy()
        values = own_digits(self.graph, do, self.digits[self.base[index]])
        noise = {name: column[index] for name, column in self.noise.items()}
        columns: dict[str, Tensor] = {}
        for name, column in attributes(noise, values).items():
            columns[name] = torch.tensor(column, dtype=torch.int64 if name == "pen" else torch.float32)
        columns["digit"] = torch.from_numpy(self.digits[self.base[index]])
        return columns

    def effect(self, treatment: str | tuple[str, ...], outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b); several treatments in tuples.

        By Monte Carlo on a million shared draws of the noise; for the outcome pen, the change in P(felt-tip).

        Raises:
            DataError: The outcome is the digit or the image, or the treatment is the image.
        """
        return effect_by_simulation(self.graph, draw_noise, attributes, treatment, outcome, contrast)

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """`n` fresh rows of the attributes, labels decoded."""
        rng = np.random.default_rng([1, seed])  # independent of the draws of `effect` and of the data set
        return labelled_table(self.graph, attributes(draw_noise(n, rng)) | {"digit": rng.choice(self.digits, n)})

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
