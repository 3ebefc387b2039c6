"""What a data set is: an assumed graph, columns, splits, groups and, where known, the truth."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SPLITS", "Dataset", "Truth"]

SPLITS = ("train", "validation", "test")


@runtime_checkable
class Truth(Protocol):
    """A known generator: what really would have been."""

    @property
    def remorphs(self) -> tuple[str, ...]:
        """Attributes that `remorph` can set on an image."""
        ...

    def counterfactual(self, rows: Tensor, do: Mapping[str, object]) -> dict[str, Tensor]:
        """True attributes and image of data set rows `(B,)` under `do`: scalars, labels, or one value per row."""
        ...

    def effect(self, treatment: str, outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b)."""
        ...

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """A fresh observational table of `n` rows, labels decoded, without images."""
        ...

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """The oracle: factual images `(B, C, H, W)` redrawn with the attributes in `do`, one value or `(B,)`; uint8.

        Attributes among `remorphs` that `do` does not name stay as they are.
        """
        ...


@dataclass(frozen=True)
class Dataset:
    """Columns of data under a causal graph.

    Args:
        name: Name of the data set.
        graph: The assumed graph, its variables declared.
        values: Whole columns by variable: float32 `(N,)`, int64 codes `(N,)`, uint8 images `(N, C, H, W)`.
        split: Row indices, int64, of "train", "validation" and "test".
        group: `(N,)` int64; rows of one group share a source, and intervals are bootstrapped over groups.
        truth: The generator, where it is known.
        group_meaning: What one group is, for reports, such as "one patient".
        source: Origin and licence in a sentence, for reports.
        origin: `(N,)` int64, what a user calls each row, such as its number in the table; None for 0, 1, 2, ...

    Raises:
        DataError: A column is missing or unknown, has the wrong length, shape or codes, holds NaN or values outside its
            support, or is constant; or the splits overlap or leave the table.
    """

    name: str
    graph: CausalGraph
    values: dict[str, Tensor]
    split: dict[str, Tensor]
    group: Tensor
    truth: Truth | None = None
    group_meaning: str = ""
    source: str = ""
    origin: Tensor | None = None

    def __post_init__(self) -> None:
        from .validate import check_dataset

        check_dataset(self)

    def __len__(self) -> int:
        return len(self.group)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {len(rows):,}" for name, rows in self.split.items())
        return f"Dataset({self.name!r}, {len(self):,} rows ({parts}), nodes {', '.join(self.graph.nodes)})"

    def part(self, split: str) -> dict[str, Tensor]:
        """Columns of one split; images stay uint8, and a split whose rows follow one another is not copied.

        Raises:
            UnknownNameError: The data set has no such split.
        """
        index = self._split(split)
        first, last = int(index[0]), int(index[-1])
        follow = last - first + 1 == len(index) and bool((index.diff() == 1).all())
        return self.rows(slice(first, last + 1) if follow else index)

    def numbers(self, index: Tensor) -> list[int]:
        """What a user calls the rows at `index`."""
        return (index if self.origin is None else self.origin[index]).tolist()

    def find(self, numbers: Sequence[int]) -> Tensor:
        """Where the rows are that a user calls so, int64.

        Raises:
            DataError: There is no such row.
        """
        known = range(len(self)) if self.origin is None else {n: place for place, n in enumerate(self.origin.tolist())}
        for number in numbers:
            if number not in known:
                some = ", ".join(map(str, sorted(known)[:5]))
                few = "" if self.origin is None else ", not all of which are used (missing values, or a limit of rows)"
                raise DataError(
                    f"Expected rows among 0..{max(known)}{few}; got {number}. Choose others, such as {some}."
                )
        return torch.tensor([known[number] for number in numbers])

    def digest(self) -> str:
        """What the attributes are and how the rows are split, in 16 characters; pixels are left out."""
        found = hashlib.sha256()
        columns = {name: column for name, column in self.values.items() if not self.graph[name].is_image}
        for name, column in sorted((columns | self.split | {"group": self.group}).items()):
            found.update(name.encode() + column.contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    def rows(self, index: Tensor | list[int] | slice) -> dict[str, Tensor]:
        """Columns of the rows at `index`."""
        index = torch.as_tensor(index) if isinstance(index, list) else index
        return {name: column[index] for name, column in self.values.items()}

    def frame(self, split: str | None = None) -> "pd.DataFrame":
        """Attributes as a table, labels decoded; the index is the row number, images are left out."""
        import pandas as pd

        from ..scm.values import to_frame  # loading it takes seconds, loading the data none

        index = torch.arange(len(self)) if split is None else self._split(split)
        table = to_frame(self.graph, self.rows(index))
        return table.set_index(pd.Index(self.numbers(index), name="row"))

    def _split(self, name: str) -> Tensor:
        if name not in self.split:
            raise UnknownNameError(
                f"Expected a split among {', '.join(self.split)}; got {name!r}." + nearest(str(name), self.split)
            )
        return self.split[name]
