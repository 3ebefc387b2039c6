"""Columns that are stored, in memory or on disk, in a different order from the rows of their table.

Rows of a split are contiguous, so that a split of memory-mapped images is a view and no copy.
"""

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

__all__ = ["Store"]


class Store(Mapping[str, Tensor]):
    """Columns by name in the order of the table's rows, independently of the order of storage.

    Reading a whole column of images copies it if the two orders differ; `take` and `view` copy at most the rows that
    they return.

    Args:
        stored: Columns as they are stored; they may hold further rows.
        place: `(N,)` int64, the place in `stored` of each row; None if the orders agree.
    """

    def __init__(self, stored: Mapping[str, Tensor], place: Tensor | None = None) -> None:
        self.stored, self.place = dict(stored), place

    def __getitem__(self, name: str) -> Tensor:
        column = self.stored[name]
        return column if self.place is None else column[self.place]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def places(self, positions: Tensor) -> Tensor:
        """Places in storage of the rows at `positions` of the table, int64."""
        return positions if self.place is None else self.place[positions]

    def take(self, positions: Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Columns of the rows at `positions` of the table, copied: those of `names`, or all."""
        index = self.places(positions)
        return {name: self.stored[name][index] for name in (self.stored if names is None else names)}

    def view(self, positions: Tensor) -> dict[str, Tensor]:
        """The same, not copied if the rows are stored contiguously."""
        return self.at(self.places(positions))

    def at(self, index: Tensor) -> dict[str, Tensor]:
        """Columns at some places in storage, not copied if these are contiguous."""
        if not len(index) or not bool((index.diff() == 1).all()):
            return {name: column[index] for name, column in self.stored.items()}
        return {name: column[int(index[0]) : int(index[-1]) + 1] for name, column in self.stored.items()}

    def in_order_of_storage(self, column: Tensor) -> Tensor:
        """A column `(N,)` in the order of the table's rows, reordered to the order of storage; -1 where it has no row."""
        if self.place is None:
            return column
        stored = column.new_full((len(next(iter(self.stored.values()))),), -1)
        stored[self.place] = column
        return stored
