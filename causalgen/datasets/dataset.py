"""A data set: an assumed graph, columns, splits, groups and, if known, the truth."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..errors import UnknownNameError, nearest
from ..graph import CausalGraph
from ..typing import UnitValues
from .depth import as_levels
from .labels import ROW, RowLabels, find_rows, read_labels
from .store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Dataset", "Truth"]


@runtime_checkable
class Truth(Protocol):
    """A known generator, which gives true counterfactuals."""

    @property
    def remorphs(self) -> tuple[str, ...]:
        """Attributes that `remorph` can set on an image; if none, there is no oracle."""
        ...

    def counterfactual(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """True attributes and image of rows of the data set under `do`: scalars, labels, or one value per row.

        Rows are given, and images returned, as by `Dataset.rows`.
        """
        ...

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image, which takes most of the time."""
        ...

    def effect(self, treatment: str | tuple[str, ...], outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b); tuples for several."""
        ...

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """A fresh observational table of `n` rows, labels decoded, without images."""
        ...

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """The oracle: factual images `(B, C, H, W)` redrawn with the attributes in `do`, one value or `(B,)`.

        Attributes among `remorphs` that `do` does not name stay as they are.
        """
        ...


@dataclass(frozen=True)
class Dataset:
    """Columns of data under a causal graph.

    A row has one name everywhere: its number in the table, counted from 0 and including rows that were left out, or the
    label of the data frame's own index. `frame` shows these labels, `split` holds them, and `rows`, the command line, the
    report and saved files use them.

    Args:
        name: Name of the data set.
        graph: The assumed graph, its variables declared.
        values: Whole columns by variable, in the order of `frame()`: float32 `(N,)`, int64 codes `(N,)`, images
            `(N, C, H, W)` of uint8, or of uint16 with 257 steps in a grey level.
        split: Labels of the rows of "train", "validation" and "test": int64 tensors, or arrays of labels.
        group: `(N,)` int64, in the order of `frame()`; rows of one group share a source, and intervals are bootstrapped
            over groups.
        truth: The generator, where it is known.
        group_meaning: Meaning of one group, for reports, such as "one patient".
        source: Origin and licence in a sentence, for reports.
        labels: Distinct labels of the rows, in the order of `frame()`; None for 0, 1, 2, ...
        incomplete: By split, storage places in `values` of further rows with missing attributes. Training infers them
            (see `whole`); apart from it, only `evidence` reads these rows.
        incomplete_labels: By split, labels of the rows of `incomplete`, which `frame` and `split` lack.
        group_names: The name of every group by its number, such as those of patients; None if they have none.

    Raises:
        DataError: A column is missing or unknown, has the wrong length, shape or codes, holds NaN or values outside its
            support, or is constant; or the splits overlap or leave the table; or two rows have one label.
    """

    name: str
    graph: CausalGraph
    values: Mapping[str, Tensor]
    split: Mapping[str, RowLabels]
    group: Tensor
    truth: Truth | None = None
    group_meaning: str = ""
    source: str = ""
    labels: "pd.Index | None" = None
    incomplete: Mapping[str, Tensor] = field(default_factory=dict)
    incomplete_labels: Mapping[str, RowLabels] = field(default_factory=dict)
    group_names: "pd.Index | None" = None

    def __post_init__(self) -> None:
        from .validate import check_dataset

        check_dataset(self)

    def __len__(self) -> int:
        return len(self.group)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {len(rows):,}" for name, rows in self.split.items())
        return f"Dataset({self.name!r}, {len(self):,} rows ({parts}), nodes {', '.join(self.graph.nodes)})"

    def rows(self, labels: Any) -> UnitValues:
        """Values of some rows, in the requested order, with the labels that results carry; images on 0 to 255.

        Args:
            labels: Labels in `frame().index`: one or several, as a list, array, tensor or index.

        Raises:
            DataError: A row does not exist or was left out.
        """
        positions = self._positions(labels)
        return UnitValues(as_levels(self._store.take(positions)), self._index(positions))

    def attributes(self, labels: Any) -> UnitValues:
        """Values of some rows without their images, which are not read; labels and errors as for `rows`."""
        positions = self._positions(labels)
        return UnitValues(self._store.take(positions, self.graph.attributes), self._index(positions))

    def stored(self, split: str, *, knowing: Sequence[str] = ()) -> dict[str, Tensor]:
        """Values of one split as stored: 16-bit images stay uint16, and images in files are not read.

        `causalgen.datasets.depth.levels` brings a part of such images to 0..255.

        Args:
            split: Name of the split.
            knowing: Attributes; incomplete rows that have all of them come last. Empty for complete rows alone.

        Raises:
            UnknownNameError: The data set has no such split.
        """
        places = self._store.places(self._positions(self._split(split)))
        if knowing and self.incomplete:
            apart = self.incomplete[split]
            columns = [self._store.stored[name][apart] for name in knowing]
            lacking = [column.isnan() if column.is_floating_point() else column < 0 for column in columns]
            places = torch.cat([places, apart[~torch.stack(lacking).any(dim=0)]])
        return self._store.at(places)

    def part(self, split: str) -> UnitValues:
        """Values of one split; images stay uint8, and images mapped from a file are not copied.

        Images that are stored with 16 bits become float32 on 0 to 255, in memory.

        Raises:
            UnknownNameError: The data set has no such split.
        """
        positions = self._positions(self._split(split))
        return UnitValues(as_levels(self._store.view(positions)), self._index(positions))

    def whole(self, split: str) -> dict[str, Tensor]:
        """Values of one split with its incomplete rows, which come last: a missing number is NaN, a missing label code -1.

        Raises:
            UnknownNameError: The data set has no such split.
        """
        places = self._store.places(self._positions(self._split(split)))
        return as_levels(self._store.at(torch.cat([places, self.incomplete[split]]) if self.incomplete else places))

    def evidence(self, labels: Any) -> UnitValues:
        """Return known values of rows, complete or not, in the given order; missing numbers are NaN, missing labels code -1.

        `scm.abduct(data.evidence(labels), particles=50)` infers what is missing.

        Args:
            labels: As for `rows`, or labels in `incomplete_labels`.

        Raises:
            DataError: A row does not exist or was left out.
        """
        import pandas as pd

        if not self.incomplete:
            return self.rows(labels)
        every = torch.arange(len(self))
        own, lacking = self._index(every), map(read_labels, self.incomplete_labels.values())
        index = pd.Index([*own.tolist(), *chain.from_iterable(lacking)], name=own.name)
        found = find_rows(labels, {label: place for place, label in enumerate(index.tolist())}, self.name)
        places = torch.cat([self._store.places(every), *self.incomplete.values()])[found]
        return UnitValues(as_levels(self._store.at(places)), index[found.numpy()])

    def bits(self, image: str) -> int:
        """Number of bits stored per pixel of an image node: 8 or 16."""
        return 16 if self._store.stored[image].dtype == torch.uint16 else 8

    def groups(self, labels: Any) -> Tensor:
        """The group of some rows, int64 `(B,)`; labels and errors as for `rows`."""
        return self.group[self._positions(labels)]

    def frame(self, split: str | None = None) -> "pd.DataFrame":
        """Attributes as a table, categories by name; its index holds the row labels, images are left out.

        Raises:
            UnknownNameError: The data set has no such split.
        """
        from ..scm.values import to_frame  # importing torch code takes seconds, which loading data should not

        positions = torch.arange(len(self)) if split is None else self._positions(self._split(split))
        stored, places = self._store.stored, self._store.places(positions)
        attributes = {name: column[places] for name, column in stored.items() if not self.graph[name].is_image}
        return to_frame(self.graph, attributes).set_index(self._index(positions))

    def digest(self) -> str:
        """Fingerprint of the attributes and the split, in 16 characters; pixels and row labels are left out."""
        found, store = hashlib.sha256(), self._store
        columns = {name: column for name, column in store.stored.items() if not self.graph[name].is_image}
        places = {name: store.places(self._positions(rows)) for name, rows in self.split.items()}
        for name, column in sorted((columns | places | {"group": store.in_order_of_storage(self.group)}).items()):
            found.update(name.encode() + column.contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    @cached_property
    def _store(self) -> Store:
        return self.values if isinstance(self.values, Store) else Store(self.values)

    @cached_property
    def _known(self) -> Mapping[Any, int] | range:
        """Position of every row by its label."""
        if self.labels is None:
            return range(len(self))
        return {label: position for position, label in enumerate(self.labels.tolist())}

    def _positions(self, labels: Any) -> Tensor:
        """Positions of rows in the table without the rows that were left out, int64; internal to this package."""
        return find_rows(labels, self._known, self.name)

    def _index(self, positions: Tensor) -> "pd.Index":
        """Labels of the rows at some positions."""
        import pandas as pd

        if self.labels is None:
            return pd.Index(positions.numpy(), name=ROW)
        return self.labels[positions.numpy()]

    def _split(self, name: str) -> RowLabels:
        if name not in self.split:
            raise UnknownNameError(
                f"Expected a split among {', '.join(self.split)}; got {name!r}." + nearest(str(name), self.split)
            )
        return self.split[name]
