"""The truth of morphodigits: the exogenous noise of every row is known, so its counterfactuals are too."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ...graph import CausalGraph, Variable
from ...morphology import set_all
from .equations import attributes, draw_noise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MorphodigitsTruth"]

DRAWS = 2**20


class MorphodigitsTruth:
    """Rows as their exogenous noise and their base digit.

    Args:
        graph: The graph of morphodigits.
        noise: Exogenous noises by name, each `(N,)`.
        base: `(N,)`, the base digit of each row.
        digits: `(M,)`, what each base digit is.
        strokes: `(M, 28, 28)` uint8, the drawing of each base digit.
    """

    def __init__(
        self, graph: CausalGraph, noise: Mapping[str, NDArray], base: NDArray, digits: NDArray, strokes: NDArray
    ):
        self.graph = graph
        self.noise = dict(noise)
        self.base, self.digits, self.strokes = base, digits, strokes

    def __repr__(self) -> str:
        return f"MorphodigitsTruth({len(self.base):,} rows of {len(self.digits):,} base digits)"

    def counterfactual(self, rows: Tensor, do: Mapping[str, object]) -> dict[str, Tensor]:
        """Every variable of `rows` `(B,)` as it would have been under `do`; `do={}` gives the rows themselves.

        Args:
            rows: Row numbers of the data set.
            do: Values by variable: a number or label for all, or one per row. Integer tensors are codes.

        Raises:
            UnknownNameError: `do` names no variable.
            SupportError: A value is outside its support.
            MissingValueError: A value is missing.
            DataError: A label is unknown, or there is neither one value nor one per row; `do` sets the image, or
                another digit, which the generator does not know how this writer would have written.
        """
        index = torch.as_tensor(rows).reshape(-1).numpy()
        values = self._resolve(do, index)
        noise = {name: column[index] for name, column in self.noise.items()}
        columns: dict[str, Tensor] = {}
        for name, column in attributes(noise, values).items():
            columns[name] = torch.tensor(column, dtype=torch.int64 if name == "pen" else torch.float32)
        columns["digit"] = torch.from_numpy(self.digits[self.base[index]])
        strokes = torch.from_numpy(self.strokes[self.base[index]])[:, None]
        columns["image"] = self.remorph(strokes, columns["thickness"], columns["intensity"])
        return {name: columns[name] for name in self.graph.nodes}

    def effect(self, treatment: str, outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b).

        By Monte Carlo on a million shared draws of the noise; for the outcome pen, the change in P(felt-tip).

        Raises:
            DataError: The outcome is the digit or the image, or the treatment is the image.
        """
        variable, result = self.graph[treatment], self.graph[outcome]
        if variable.is_image or result.is_image or result.kind == "categorical":
            raise DataError(f"Expected an effect between attributes with a mean; got '{treatment}' on '{outcome}'.")
        noise = draw_noise(DRAWS, np.random.default_rng(0))
        values = [_as_array(variable, value, 1)[0] for value in contrast]
        before, after = (attributes(noise, {treatment: value})[outcome].mean() for value in values)
        return float(after - before)

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """`n` fresh rows of the attributes, labels decoded."""
        import pandas as pd

        rng = np.random.default_rng([1, seed])  # apart from the draws of `effect` and of the data set
        columns = attributes(draw_noise(n, rng)) | {"digit": rng.choice(self.digits, n)}
        table = {}
        for name, variable in self.graph.variables.items():
            if not variable.is_image:
                labels = np.array(variable.labels) if variable.is_discrete else None
                table[name] = columns[name] if labels is None else labels[columns[name]]
        return pd.DataFrame(table)

    def remorph(self, images: Tensor, thickness: Tensor, intensity: Tensor) -> Tensor:
        """Redraw images `(B, 1, H, W)` with the given thickness (px) and intensity, `(B,)` or one for all; uint8."""
        drawn = set_all(images[:, 0].numpy(), np.asarray(thickness), np.asarray(intensity))
        return torch.from_numpy(drawn)[:, None]

    def _resolve(self, do: Mapping[str, object], index: NDArray) -> dict[str, NDArray]:
        if "image" in do:
            raise DataError("Expected attributes in `do`; got 'image'. Nothing follows from the image in this graph.")
        values = {name: _as_array(self.graph[name], value, len(index)) for name, value in do.items()}
        if "digit" in values and (values["digit"] != self.digits[self.base[index]]).any():
            raise DataError(
                "Expected the rows' own digits in do(digit); got others. How a writer would have written another "
                "digit is not part of the generator; ask about pen, hurry, thickness or intensity."
            )
        return values


def _as_array(variable: Variable, value: Any, count: int) -> NDArray:
    from ...scm.values import as_tensor  # loading it takes seconds, loading the data none

    return as_tensor(variable, value, torch.zeros((), dtype=torch.float64), count=count).numpy()
