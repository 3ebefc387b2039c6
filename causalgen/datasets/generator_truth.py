"""The truth of a known generator: the questions that all generators answer in the same way."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..graph import CausalGraph
from .generator_values import effect_by_simulation, labelled_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GeneratorTruth"]

Columns = dict[str, NDArray]


class GeneratorTruth(ABC):
    """Rows of a generator whose structural equations and exogenous noise are known.

    Attributes:
        graph: The graph, which the equations follow.
        remorphs: Attributes that `remorph` can set on an image.
    """

    graph: CausalGraph
    remorphs: tuple[str, ...]

    def counterfactual(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """Every variable of `rows` as it would have been under `do`; `do={}` gives the rows themselves.

        Args:
            rows: Row numbers of the data set, as for `Dataset.rows`.
            do: Values by variable: a number or label for all, or one per row. Integer tensors are codes.

        Raises:
            UnknownNameError: `do` contains a name that is not a variable.
            SupportError: A value is outside its support.
            MissingValueError: A value is missing.
            DataError: There is no such row; a label is unknown, or there is neither one value nor one per row; `do` sets
                the image, or a variable whose intervention the generator does not define.
        """
        columns = self.attributes(rows, do) | {"image": self.draw(rows, do)}
        return {name: columns[name] for name in self.graph.nodes}

    @abstractmethod
    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image, which takes most of the time."""

    @abstractmethod
    def draw(self, rows: Any, do: Mapping[str, object]) -> Tensor:
        """The images of `counterfactual`, `(B, C, H, W)`."""

    @abstractmethod
    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Images `(B, C, H, W)` with the attributes in `do`, one value or `(B,)`, and otherwise as they are."""

    @abstractmethod
    def draw_noise(self, n: int, rng: np.random.Generator) -> Columns:
        """Exogenous noise of `n` independent units."""

    @abstractmethod
    def assign(self, noise: Columns, do: Mapping[str, Any]) -> Columns:
        """The attributes of units from their noise, under an intervention."""

    def effect(self, treatment: str | tuple[str, ...], outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b); several treatments in tuples.

        Computed by Monte Carlo on a million shared draws of the noise; for a binary outcome, the change in the
        probability of its second label, and for an outcome "attribute=label", in the probability of that label.

        Raises:
            DataError: The outcome has no mean, or the treatment is the image.
        """
        return effect_by_simulation(self.graph, self.draw_noise, self.assign, treatment, outcome, contrast)

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """`n` fresh, independent rows of the attributes, labels decoded."""
        rng = np.random.default_rng([1, seed])  # independent of the draws of `effect` and of the data set
        return labelled_table(self.graph, self.fresh(n, rng))

    def fresh(self, n: int, rng: np.random.Generator) -> Columns:
        """The attributes of `n` new units as a table shows them."""
        return self.assign(self.draw_noise(n, rng), {})
