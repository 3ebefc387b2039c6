"""Find out what a table holds, and all that is wrong with it, without decoding images or learning anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError, UnknownNameError, nearest
from ...graph import CausalGraph, Variable
from ...graph.parse import EdgesLike, read_edges
from .attributes import Attribute, read_attribute
from .declare import Declaration, VariablesLike, read_declarations
from .faults import Faults
from .images import ImageColumn, PixelColumn, index_images, looks_like_paths
from .layouts import IMAGE, SPLIT
from .reading import read_table
from .splits import SHARES, SplitLike, named_splits, split_groups

__all__ = ["Missing", "TableIndex", "TableLike", "describe_columns", "index_table"]

TableLike: TypeAlias = "str | Path | pd.DataFrame"
Missing: TypeAlias = Literal["refuse", "drop"]
UNIT_MARKS = (("(", ")"), ("[", "]"))


@dataclass(frozen=True)
class TableIndex:
    """What a table holds.

    Args:
        name: Name of the table.
        graph: The graph, every variable declared or inferred.
        attributes: Attributes by node, all rows of the table.
        images: Image columns by node.
        rows: Rows that are kept, of the table's `count`.
        count: Rows in the table.
        dropped: Rows dropped for a missing value, by node; a row may miss several.
        split: Rows of each split, as positions among `rows`.
        group: `(len(rows),)` group of each kept row.
        unused: Columns that are no part of the graph.
        group_meaning: What the rows of one group share.
    """

    name: str
    graph: CausalGraph
    attributes: dict[str, Attribute] = field(repr=False)
    images: dict[str, ImageColumn | PixelColumn] = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)
    count: int
    dropped: dict[str, int]
    split: dict[str, Tensor] = field(repr=False)
    group: NDArray[np.int64] = field(repr=False)
    unused: tuple[str, ...]
    group_meaning: str

    def to_frame(self) -> pd.DataFrame:
        """One row a variable: column, kind, labels or range, unit, missing cells, and what was inferred."""
        return pd.DataFrame([self._row(node) for node in self.graph.nodes])

    def _row(self, node: str) -> dict[str, object]:
        variable = self.graph[node]
        row: dict[str, object] = {"variable": node, "kind": variable.kind}
        if node in self.images:
            image = self.images[node]
            shape = "x".join(map(str, variable.shape))
            row |= {"values": f"{shape}, from {image.sizes}", "missing": int(image.missing.sum()), "inferred": ""}
        else:
            column = self.attributes[node]
            row |= {"values": column.summary(), "missing": int(column.missing.sum())}
            row["inferred"] = ", ".join(column.guessed)
        return row | {"unit": variable.unit or ""}

    @property
    def source(self) -> str:
        """The table and what was left out of it, in a sentence for reports."""
        left = self.count - len(self.rows)
        if not self.dropped:
            return f"{self.name}, {self.count:,} rows" + (f", {len(self.rows):,} of them used." if left else ".")
        names = ", ".join(f"{name} {count:,}" for name, count in self.dropped.items())
        return f"{self.name}, {self.count:,} rows; rows with missing values were dropped ({names}): {len(self.rows):,} used."


def index_table(
    table: TableLike,
    graph: EdgesLike | CausalGraph,
    *,
    variables: VariablesLike | None = None,
    root: str | Path | None = None,
    group: str | None = None,
    split: SplitLike | None = None,
    missing: Missing = "refuse",
    rows: int | None = None,
    seed: int = 0,
    name: str | None = None,
    pixels: Mapping[str, NDArray[np.uint8]] | None = None,
) -> TableIndex:
    """Find out what a table holds.

    Args:
        table, graph, variables, group, split, missing, rows, seed: As in `load_table`.
        root: Folder that image paths are relative to; None for the table's own.
        name: Name of the table; None for that of its file.
        pixels: Images in memory by node, `(N, C, H, W)`.

    Raises:
        DataFaultsError: Anything is wrong with the table; it lists everything.
        DataError: The table, or what is declared, cannot be read.
        UnknownNameError: A node without a column.
        GraphError: The graph is not valid.
    """
    declared = _of_graph(graph) | read_declarations(variables or {})
    if missing not in ("refuse", "drop"):
        raise DataError(f"Expected missing to be 'refuse' or 'drop'; got {missing!r}.")
    pixels = pixels or {}
    frame = table if isinstance(table, pd.DataFrame) else read_table(table, arrow=True)
    if name is None:
        name = "table" if isinstance(table, pd.DataFrame) else Path(table).name
    folder = _folder(table, root)
    nodes = graph.nodes if isinstance(graph, CausalGraph) else read_edges(graph).nodes
    for extra in declared:
        if extra not in nodes:
            raise UnknownNameError(
                f"Expected variables of the graph ({', '.join(nodes)}); got {extra!r}." + nearest(extra, nodes)
            )
    faults = Faults(name)
    attributes: dict[str, Attribute] = {}
    images: dict[str, ImageColumn | PixelColumn] = {}
    titles = {}
    for node in nodes:
        said = declared.get(node, Declaration())
        if node in pixels:
            images[node] = PixelColumn.of(node, pixels[node])
            continue
        title, unit = _column(node, said, frame)
        titles[node] = title
        if unit and not said.unit and not said.is_image:
            said = Declaration(**{**vars(said), "unit": unit})
        if said.is_image or (said.kind is None and said.labels is None and looks_like_paths(frame[title])):
            image = index_images(node, frame[title], folder, said, faults)
            images |= {} if image is None else {node: image}
        else:
            attribute = read_attribute(node, frame[title], said, faults)
            attributes |= {} if attribute is None else {node: attribute}
    absent = {n: c.missing for n, c in (*attributes.items(), *images.items()) if c.missing.any()}
    if missing == "refuse":
        for node, cells in absent.items():
            faults.rows(titles[node], np.flatnonzero(cells).tolist(), lambda row: "nothing", "a value")
    kept = _kept(len(frame), absent if missing == "drop" else {}, rows, seed)
    if len(kept) < 2 and not faults.found:
        faults.column(
            titles[nodes[0]],
            f"{len(kept)} rows without missing values",
            "at least 2; mind the columns with missing values",
        )
    groups = _groups(frame, group, kept, faults)
    parts = _split(frame, split, group, groups, kept, seed, faults)
    faults.refuse()
    return TableIndex(
        name=name,
        graph=_graph(graph, attributes, images),
        attributes=attributes,
        images=images,
        rows=kept,
        count=len(frame),
        dropped={node: int(cells.sum()) for node, cells in absent.items()},
        split=parts,
        group=groups,
        unused=tuple(str(title) for title in frame.columns if title not in (*titles.values(), group, split)),
        group_meaning=f"one {group}" if group else "",
    )


def _of_graph(graph: EdgesLike | CausalGraph) -> dict[str, Declaration]:
    """What the variables of a graph say themselves."""
    declared = {}
    for name, variable in graph.variables.items() if isinstance(graph, CausalGraph) else ():
        if variable.is_image:
            height, width = variable.shape[1:]
            declared[name] = Declaration(kind="image", size=(height, width), colour=variable.shape[0] == 3)
        elif variable.kind is not None:
            declared[name] = Declaration(variable.kind, variable.labels, variable.support, variable.unit)
    return declared


def describe_columns(table: TableLike) -> dict[str, str]:
    """By column: "attribute", "image", or why it can be neither.

    Raises:
        DataError: The table cannot be read.
    """
    frame = table if isinstance(table, pd.DataFrame) else read_table(table, arrow=True)
    found = {}
    for title in map(str, frame.columns):
        faults = Faults(title)
        if not looks_like_paths(frame[title]):
            read_attribute(title, frame[title], Declaration(), faults)
        if frame[title].is_unique and frame[title].tolist() == list(range(len(frame))):
            faults.column(title, "the numbers of the rows", "something measured")
        fault = next(iter(faults.found), None)
        found[title] = f"{fault.found}; expected {fault.expected}" if fault else "attribute"
        if looks_like_paths(frame[title]):
            found[title] = "image"
    return found


def _folder(table: TableLike, root: str | Path | None) -> Path:
    if root is not None:
        return Path(root)
    if isinstance(table, pd.DataFrame):
        return Path()
    return Path(table) if Path(table).is_dir() else Path(table).parent


def _column(node: str, said: Declaration, frame: pd.DataFrame) -> tuple[str, str | None]:
    """Column of a node, and the unit that its title gives: "age (years)" is a column of age."""
    titles = [str(title) for title in frame.columns]
    if said.column is not None:
        return _known(said.column, node, titles), None
    if node in titles:
        return node, None
    for title in titles:
        for opening, closing in UNIT_MARKS:
            stem, mark, rest = title.partition(opening)
            if mark and rest.endswith(closing) and stem.strip() == node:
                return title, rest[:-1].strip()
    if said.is_image and IMAGE in titles:
        return IMAGE, None
    return _known(node, node, titles), None


def _known(title: str, node: str, titles: list[str]) -> str:
    if title not in titles:
        shown = ", ".join(titles[:30]) + (", ..." if len(titles) > 30 else "")
        raise UnknownNameError(
            f"Expected a column for '{node}' among {shown}; got '{title}'.{nearest(title, titles)} "
            f"Rename the node, or name its column: `variables: {{{node}: {{column: ...}}}}`."
        )
    return title


def _kept(count: int, absent: dict[str, NDArray[np.bool_]], rows: int | None, seed: int) -> NDArray[np.int64]:
    complete = np.flatnonzero(~np.any([*absent.values(), np.zeros(count, bool)], axis=0))
    if rows is None or rows >= len(complete):
        return complete
    return np.sort(np.random.default_rng(seed).choice(complete, rows, replace=False))


def _groups(frame: pd.DataFrame, group: str | None, kept: NDArray[np.int64], faults: Faults) -> NDArray[np.int64]:
    if group is None:
        return np.arange(len(kept))
    column = frame[_known(group, "group", [str(title) for title in frame.columns])].iloc[kept]
    codes, _ = pd.factorize(column)
    if (codes < 0).any():
        faults.rows(group, kept[codes < 0].tolist(), lambda row: "nothing", "a group")
    return codes.astype(np.int64)


def _split(
    frame: pd.DataFrame,
    split: SplitLike | None,
    group: str | None,
    groups: NDArray[np.int64],
    kept: NDArray[np.int64],
    seed: int,
    faults: Faults,
) -> dict[str, Tensor]:
    if split is None:
        split = SPLIT if SPLIT in frame and _names_splits(frame[SPLIT]) else SHARES
    if not isinstance(split, str):
        faults.refuse()  # what is wrong with the columns comes before too few groups
        return split_groups(groups, split, seed)
    column = frame[_known(split, "split", [str(title) for title in frame.columns])].iloc[kept]
    parts = named_splits(column, faults)
    for place, first in enumerate(parts):
        for second in list(parts)[place + 1 :]:
            both = np.intersect1d(groups[parts[first]], groups[parts[second]])
            if group is not None and len(both):
                faults.column(
                    split, f"{len(both)} groups of '{group}' in both {first} and {second}", "each group in one split"
                )
    return parts


def _names_splits(column: pd.Series) -> bool:
    return set(column.dropna().astype(str).str.lower().unique()) <= {
        "train",
        "validation",
        "val",
        "valid",
        "dev",
        "test",
    }


def _graph(
    graph: EdgesLike | CausalGraph, attributes: dict[str, Attribute], images: dict[str, ImageColumn | PixelColumn]
) -> CausalGraph:
    found: Iterable[Variable] = [c.variable for c in (*attributes.values(), *images.values())]
    if isinstance(graph, CausalGraph):
        return CausalGraph(graph.edges, found, graph.confounded)
    return CausalGraph(graph, found)
