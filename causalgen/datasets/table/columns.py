"""Columns of a table for the nodes of a graph."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from ...graph import CausalGraph
from ...graph.parse import EdgesLike
from .attributes import Attribute, read_attribute
from .column_match import match_columns
from .declare import Declaration
from .faults import Faults
from .files import ImageFiles, holds_images
from .images import ImageColumn, PixelColumn
from .inspect_images import index_images
from .reading import read_table
from .spelled import spelled_numbers
from .table_file import numbers_rows
from .words import MissingWord, cells_of, count_words, missing_words, undeclared, without_words

__all__ = [
    "Columns",
    "TableLike",
    "as_frame",
    "as_labelled_frame",
    "describe_columns",
    "image_folder",
    "read_columns",
]

TableLike: TypeAlias = "str | Path | pd.DataFrame"


@dataclass
class Columns:
    """The contents of the columns of a table, by node.

    Args:
        attributes: Attributes.
        images: Images.
        titles: Column of the table; images in memory have none.
        proposed: Nodes whose column has a different name.
        suspects: By node, undeclared words that are likely to mean missing values.
        words: By node, cells that hold each of the declared words.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict)
    images: dict[str, ImageColumn | PixelColumn] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    proposed: tuple[str, ...] = ()
    suspects: dict[str, list[MissingWord]] = field(default_factory=dict)
    words: dict[str, dict[str, int]] = field(default_factory=dict)

    def missing(self) -> dict[str, NDArray[np.bool_]]:
        """Masks of missing values, `(N,)`, of the nodes that have any."""
        both = (*self.attributes.items(), *self.images.items())
        return {node: column.missing for node, column in both if column.missing.any()}

    def graph(self, graph: EdgesLike | CausalGraph) -> CausalGraph:
        """The graph with every variable as it was read."""
        found = [column.variable for column in (*self.attributes.values(), *self.images.values())]
        if isinstance(graph, CausalGraph):
            return graph.with_parts(variables=found)
        return CausalGraph(graph, found)


def as_frame(table: TableLike) -> pd.DataFrame:
    """The table, with text as column names and rows numbered from 0.

    Raises:
        DataError: The table cannot be read, has fewer than two rows, or repeats a column name.
    """
    return as_labelled_frame(table)[0]


def as_labelled_frame(table: TableLike) -> tuple[pd.DataFrame, pd.Index]:
    """The same with the index of a data frame, or that in a file's first, unnamed column."""
    if not isinstance(table, pd.DataFrame):
        read = read_table(table, arrow=True)
        return read.reset_index(drop=True), read.index
    if len(table) < 2:
        raise DataError(f"Expected rows to learn from in the table; got {len(table)}.")
    frame = table.reset_index(drop=True).set_axis([str(title) for title in table.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"Expected every column name once in the table; got '{twice}' again. Rename it.")
    return frame, table.index


def image_folder(table: TableLike, root: str | Path | None) -> Path:
    """The folder that image paths are relative to."""
    if root is not None:
        return Path(root)
    if isinstance(table, pd.DataFrame):
        return Path()
    return Path(table) if Path(table).is_dir() else Path(table).parent


def read_columns(
    frame: pd.DataFrame,
    declared: Mapping[str, Declaration],
    folder: Path,
    pixels: Mapping[str, NDArray[Any]],
    faults: Faults,
    words: Sequence[MissingWord] = (),
) -> Columns:
    """Read the column of every declared node, and record faults.

    Args:
        frame: The table.
        declared: Declarations by node; they may be empty.
        words: Words that mean a missing value in every column.
        folder: Folder to which image paths are relative.
        pixels: Images in memory.
        faults: Collects faults.

    Raises:
        DataError: Several columns match a node.
        UnknownNameError: A node has no column.
    """
    named = {node: said for node, said in declared.items() if node not in pixels}
    files = ImageFiles.of(frame, folder)
    matches = match_columns(named, list(frame.columns), lambda title: holds_images(frame[title], files))
    columns = Columns(proposed=tuple(node for node, match in matches.items() if match.proposed))
    for node, said in declared.items():
        if node in pixels:
            columns.images[node] = PixelColumn.of(node, pixels[node], said)
            continue
        title, unit = matches[node].title, matches[node].unit
        columns.titles[node] = title
        gone = undeclared([*words, *said.missing_words], said.labels or ())
        if counts := count_words(frame[title], gone):
            columns.words[node] = counts
        column = without_words(frame[title], gone)
        if said.is_image or (said.kind is None and said.labels is None and holds_images(column, files)):
            image = index_images(node, column, folder, said, faults)
            columns.images |= {} if image is None else {node: image}
        else:
            said = replace(said, unit=said.unit or unit)
            suspects = missing_words(column, said.labels or ())
            columns.suspects |= {node: suspects} if suspects else {}
            attribute = _read(node, column, said, suspects, faults)
            columns.attributes |= {} if attribute is None else {node: attribute}
    return columns


def _read(
    node: str, column: pd.Series, said: Declaration, suspects: Sequence[MissingWord], faults: Faults
) -> Attribute | None:
    """Read an attribute; words among its numbers that are likely to mean missing values are faults with a remedy."""
    spelled = spelled_numbers(column) if said.labels is None and said.kind in (None, "continuous") else None
    if spelled is not None:
        faults.column(str(column.name), *spelled)
        return None
    words = [word for word in suspects if isinstance(word, str)]
    trial = Faults(faults.source)
    attribute = read_attribute(node, column, said, trial)
    if not words or not any(fault.row is not None for fault in trial.found):
        faults.found += trial.found
        return attribute
    rows = np.flatnonzero(cells_of(column, words)).tolist()
    faults.rows(
        str(column.name),
        rows,
        lambda row: repr(str(column.iloc[row])),
        f"a number; if it means a missing value, declare `missing_words: {json.dumps(words, ensure_ascii=False)}`",
    )
    attribute = read_attribute(node, without_words(column, words), said, faults)
    return attribute and replace(attribute, missing=column.isna().to_numpy(dtype=bool))


def describe_columns(table: TableLike, folder: Path | None = None) -> dict[str, str]:
    """By column: "attribute", "image", or the reason why it can be neither.

    Args:
        table: The table.
        folder: Folder that image paths start from; None for the folder of the table.

    Raises:
        DataError: The table cannot be read.
    """
    frame = as_frame(table)
    files = ImageFiles.of(frame, image_folder(table, folder))
    return {title: _describe(frame[title], files) for title in frame.columns}


def _describe(column: pd.Series, files: ImageFiles) -> str:
    if holds_images(column, files):
        return "image"
    if numbers_rows(column):
        return "the numbers of the rows"
    faults = Faults(str(column.name))
    _read(str(column.name), without_words(column, missing_words(column)), Declaration(), (), faults)
    return f"{faults.found[0].found}; expected {faults.found[0].expected}" if faults.found else "attribute"
