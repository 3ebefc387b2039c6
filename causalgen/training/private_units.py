"""Training rows grouped by protected unit: persons with several rows, or single rows."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..datasets import Dataset

__all__ = ["PrivateUnits"]


@dataclass(frozen=True)
class PrivateUnits:
    """Training rows by unit: the unit is what is protected, and what a step draws.

    Args:
        rows: Rows of all units, one unit after another, int64 `(N,)`.
        first: Place of the first row of each unit in `rows`, int64 `(units,)`.
        count: Rows of each unit, int64 `(units,)`.
        meaning: What a unit is, such as "one patient".
    """

    rows: np.ndarray
    first: np.ndarray
    count: np.ndarray
    meaning: str

    @classmethod
    def of(cls, data: object, rows: int) -> "PrivateUnits":
        """The groups of the training split of a data set; single rows where it has none, or for splits given as mappings."""
        group = data.groups(data.split["train"]).numpy() if isinstance(data, Dataset) else np.arange(rows)
        number = np.unique(group, return_inverse=True)[1]
        count = np.bincount(number)
        grouped = isinstance(data, Dataset) and len(count) < rows
        meaning = (data.group_meaning if isinstance(data, Dataset) else "") or "one group of rows"
        order = np.argsort(number, kind="stable")
        return cls(order, np.cumsum(count) - count, count, meaning if grouped else "one row")

    def __len__(self) -> int:
        return len(self.first)

    def identity(self) -> dict[str, Tensor]:
        """Return a key that distinguishes these units from others of the same rows."""
        return {"rows of units": torch.from_numpy(self.rows), "sizes of units": torch.from_numpy(self.count)}

    def draw(self, rate: float, random: np.random.Generator) -> Tensor:
        """A Poisson sample: each unit with this probability, and one of its rows at random; rows, int64 `(B,)`."""
        drawn = np.flatnonzero(random.random(len(self)) < rate)
        places = self.first[drawn] + (random.random(len(drawn)) * self.count[drawn]).astype(np.int64)
        return torch.from_numpy(self.rows[places])
