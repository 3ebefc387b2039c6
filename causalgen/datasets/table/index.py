"""Indexes a table and finds its faults, without decoding images or training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError, DataNote, warn
from ...graph import CausalGraph
from ...graph.parse import EdgesLike
from ..at_random import AT_RANDOM
from .attributes import Attribute
from .chosen import Choice, choose_rows, groups_of, without_holes
from .column_match import find_column, match_one
from .columns import Columns, TableLike, as_labelled_frame, image_folder, read_columns
from .declare import VariablesLike, check_words, read_declarations
from .dicom_tags import with_tags
from .faults import Faults
from .images import ImageColumn, PixelColumn
from .path_persons import PATIENT, with_persons
from .persons import note_persons
from .row_labels import row_labels
from .splits import SHARES, SplitLike, given_split
from .unlisted import unlisted_images
from .words import MissingWord, without_words

__all__ = ["Missing", "TableIndex", "index_table"]

Missing: TypeAlias = Literal["refuse", "drop", "model"]


@dataclass(frozen=True)
class TableIndex:
    """The contents of a table.

    Args:
        name: Name of the table.
        graph: The graph, every variable declared or inferred.
        attributes: Attributes by node, all rows of the table.
        images: Image columns by node.
        rows: Rows that are kept, out of the table's `count`.
        count: Rows in the table.
        labels: Labels of the table's rows, `(count,)`: 0, 1, 2, ..., or the data frame's own index.
        dropped: Rows dropped for a missing value, by node; a row may miss several.
        split: Rows of each split, as positions among `rows`.
        incomplete: Rows of each split with missing attributes, which training infers; empty unless `missing` is "model".
        group: `(len(rows),)` group of each kept row.
        every_group: `(count,)` group of each row of the table, -1 where it is missing; None if every row is a group.
        group_names: Name of every group by its number; None if every row is a group.
        unused: Columns that are not part of the graph.
        group_meaning: Meaning of a group.
        titles: Column of the table by node; images in memory have none.
        group_by: Column of the groups; None if every row is a group.
        split_by: Column of the splits; None if they were drawn.
        proposed: Nodes whose column has a different name.
        notes: Readings that a user may not expect, one sentence each.
        suspects: By node, undeclared words that are likely to mean missing values.
        words: By node, number of cells with each of the declared missing words.
    """

    name: str
    graph: CausalGraph
    attributes: dict[str, Attribute] = field(repr=False)
    images: dict[str, ImageColumn | PixelColumn] = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)
    count: int
    labels: pd.Index = field(repr=False)
    dropped: dict[str, int]
    split: dict[str, Tensor] = field(repr=False)
    group: NDArray[np.int64] = field(repr=False)
    every_group: NDArray[np.int64] | None = field(repr=False)
    group_names: pd.Index | None = field(repr=False)
    unused: tuple[str, ...]
    group_meaning: str
    titles: dict[str, str] = field(default_factory=dict, repr=False)
    group_by: str | None = None
    split_by: str | None = None
    proposed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)
    suspects: dict[str, list[MissingWord]] = field(default_factory=dict, repr=False)
    words: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)
    incomplete: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row per variable: column, kind, labels or range, unit, missing cells, and inferred fields."""
        return pd.DataFrame([self._row(node) for node in self.graph.nodes])

    def _row(self, node: str) -> dict[str, object]:
        variable = self.graph[node]
        row: dict[str, object] = {"variable": node, "kind": variable.kind}
        if node in self.images:
            image = self.images[node]
            shape = "x".join(map(str, variable.shape))
            scale = "" if image.window is None else ", grey values {:g} to {:g}".format(*image.window)
            row |= {
                "values": f"{shape}, from {image.sizes}{scale}",
                "missing": int(image.missing.sum()),
                "inferred": "",
            }
        else:
            column = self.attributes[node]
            row |= {"values": column.summary(), "missing": int(column.missing.sum())}
            row["inferred"] = ", ".join(column.guessed)
        unit = self.images[node].unit if node in self.images else variable.unit
        return row | {"unit": unit or ""}

    def warn(self) -> None:
        """Issue every note as a `DataNote`."""
        for note in self.notes:
            warn(note, DataNote)

    @property
    def source(self) -> str:
        """The table and the rows left out of it, in a sentence for reports."""
        left = self.count - len(self.rows)
        said = f"{self.name}, {self.count:,} rows"
        if self.incomplete:
            said += f". {_inferred_words(self.dropped, self.incomplete, len(self.rows))}"
        elif self.dropped:
            names = ", ".join(f"{name} {count:,}" for name, count in self.dropped.items())
            said += f"; rows with missing values were dropped ({names}): {len(self.rows):,} used."
        else:
            said += f", {len(self.rows):,} of them used." if left else "."
        return said + "".join(_window_words(node, image) for node, image in self.images.items())


def _inferred_words(absent: Mapping[str, int], incomplete: Mapping[str, NDArray[np.int64]], complete: int) -> str:
    names = ", ".join(f"{name} {count:,}" for name, count in absent.items())
    lacking = sum(map(len, incomplete.values()))
    return (
        f"{lacking:,} of {lacking + complete:,} used rows lack a value ({names}): training infers it, and everything else, "
        f"such as evaluation, uses the {complete:,} complete rows. {AT_RANDOM}"
    )


def _window_words(node: str, image: ImageColumn | PixelColumn) -> str:
    if image.window is None:
        return ""
    low, high = image.window
    unit = f" {image.unit}" if image.unit else ""
    cut = str(image.outside or "") if isinstance(image, ImageColumn) else ""
    deep = ", stored with 16 bits," if image.bits == 16 else ""
    stand = f" Values 0 to 255 of '{node}'{deep} stand for grey values {low:g} to {high:g}{unit} of its files"
    return f"{stand}: one is {(high - low) / 255:.3g}{unit}" + (f"; {cut}." if cut else ".")


def index_table(
    table: TableLike,
    graph: EdgesLike | CausalGraph,
    *,
    variables: VariablesLike | None = None,
    root: str | Path | None = None,
    tags: Sequence[str] = (),
    group: str | None = None,
    split: SplitLike | None = None,
    missing: Missing = "refuse",
    missing_words: Sequence[MissingWord] = (),
    rows: int | None = None,
    seed: int = 0,
    name: str | None = None,
    pixels: Mapping[str, NDArray[Any]] | None = None,
    thorough: bool = False,
) -> TableIndex:
    """Index the contents of a table.

    Args:
        table, graph, variables, tags, group, split, missing, missing_words, rows, seed: As in `load_table`.
        root: Folder that image paths are relative to; None for the table's own.
        name: Name of the table; None for that of its file.
        pixels: Images in memory by node, `(N, C, H, W)`.
        thorough: If there are faults, decode every image too, so that the list includes damaged ones.

    Raises:
        DataFaultsError: The table has faults; the error lists all of them.
        DataError: The table or the declarations cannot be read.
        UnknownNameError: A node has no column.
        GraphError: The graph is not valid.
    """
    if missing not in get_args(Missing):
        raise DataError(f"Expected missing to be one of {', '.join(get_args(Missing))}; got {missing!r}.")
    check_words(missing_words, "the missing words")
    frame, labels = as_labelled_frame(table)
    if name is None:
        name = "table" if isinstance(table, pd.DataFrame) else Path(table).absolute().name
    labels = row_labels(table, labels)
    faults = Faults(name, labels)
    declared = read_declarations(variables or {}, graph)
    if not declared:
        raise DataError("Expected a graph over columns of the table; got one without nodes. Write 'age -> image'.")
    folder = image_folder(table, root)
    given = set(frame.columns)
    frame = with_persons(with_tags(frame, tags, folder))
    columns = read_columns(frame, declared, folder, pixels or {}, faults, missing_words)
    notes = _matched(columns)
    shown = [columns.titles[node] for node in columns.attributes]
    notes += note_persons([*shown, *(str(level) for level in labels.names if level is not None)])
    group = None if group is None else _option(group, "group", frame, notes)
    if split is None:
        found = given_split(frame, {*columns.titles.values()}, notes)
        if found is not None and found != "split":
            notes.append(f"Column '{found}' names the split of every row; `split` draws another one.")
        split = SHARES if found is None else found
    elif isinstance(split, str):
        split = _option(split, "split", frame, notes)
    notes += [note for column in (*columns.attributes.values(), *columns.images.values()) for note in column.notes]
    if group is None and PATIENT in frame and PATIENT not in given:
        count = frame[PATIENT].nunique()
        notes.append(
            f"Paths name {count:,} patients for {len(frame):,} rows: `group: {PATIENT}` keeps each in one split."
        )
    notes += unlisted_images(frame, columns.images, folder)
    notes += _suspected(columns)
    for title in {group, split if isinstance(split, str) else None} - {None, *columns.titles.values()}:
        frame = frame.assign(**{str(title): without_words(frame[title], missing_words)})
    absent = columns.missing() | _without_key(frame, group, split, columns)
    holes = {node: cells for node, cells in absent.items() if missing == "model" and node in columns.attributes}
    if missing != "drop":
        for node in [node for node in absent if node not in holes]:
            title = columns.titles.get(node, node)
            expected = "a value" if missing == "refuse" else "a value: `missing: model` infers attributes alone"
            faults.rows(title, np.flatnonzero(absent[node]).tolist(), lambda row: "nothing", expected)
    if holes and not columns.images and holes.keys() == columns.attributes.keys():
        nothing = np.flatnonzero(np.all([*holes.values()], axis=0)).tolist()
        faults.rows(", ".join(columns.titles.values()), nothing, lambda row: "nothing", "at least one value")
    lost = [*absent.values()] if missing == "drop" else []
    usable = ~np.any([np.zeros(len(frame), bool), *lost], axis=0)
    chosen = choose_rows(frame, columns, usable, Choice(split, group, rows, seed), faults, notes)
    if chosen.split:
        train = chosen.kept[chosen.split["train"].numpy()].tolist()
        columns.images = {node: image.trained_on(train, faults) for node, image in columns.images.items()}
    chosen, incomplete = without_holes(chosen, columns, np.any([~usable, *holes.values()], axis=0), faults)
    if faults.found and thorough:
        for image in columns.images.values():
            image.verify(faults)
    faults.refuse()
    used = {*columns.titles.values(), group, split if isinstance(split, str) else None}
    counted = {node: int(cells.sum()) for node, cells in absent.items()}
    if incomplete:
        notes.append(_inferred_words(counted, incomplete, len(chosen.kept)))
    return TableIndex(
        name=name,
        graph=columns.graph(graph),
        attributes=columns.attributes,
        images=columns.images,
        rows=chosen.kept,
        count=len(frame),
        labels=labels,
        dropped=counted,
        split=chosen.split,
        group=chosen.groups,
        every_group=None if group is None else groups_of(frame[group])[0],
        group_names=None if group is None else groups_of(frame[group].iloc[chosen.kept])[1],
        unused=tuple(title for title in frame.columns if title not in used),
        group_meaning=f"one {group}" if group else "",
        titles=columns.titles,
        group_by=group,
        split_by=split if isinstance(split, str) else None,
        proposed=columns.proposed,
        notes=tuple(notes),
        suspects=columns.suspects,
        words=columns.words,
        incomplete=incomplete,
    )


def _matched(columns: Columns) -> list[str]:
    """Note nodes that were matched with columns of other names."""
    if not columns.proposed:
        return []
    pairs = [(node, columns.titles[node]) for node in columns.proposed]
    said = ", ".join(f"{node}: {{column: {json.dumps(title, ensure_ascii=False)}}}" for node, title in pairs)
    shown = ", ".join(f"'{node}' from '{title}'" for node, title in pairs)
    return [f"Columns were matched by their short names: {shown}. Confirm or correct it: `variables: {{{said}}}`."]


def _suspected(columns: Columns) -> list[str]:
    """Note words that may mean missing values; words among numbers are faults instead."""
    notes = []
    for node, attribute in columns.attributes.items():
        words = [
            word for word in columns.suspects.get(node, []) if not isinstance(word, str) or attribute.variable.labels
        ]
        if words:
            said = json.dumps(words, ensure_ascii=False)
            shown = " and ".join(map(str, words))
            notes.append(
                f"{shown} in '{node}' may mean missing values, and the cells were read as they are. If so, declare "
                f"`variables: {{{node}: {{missing_words: {said}}}}}`."
            )
    return notes


def _option(name: str, what: str, frame: pd.DataFrame, notes: list[str]) -> str:
    """The column of the group or the split."""
    if not isinstance(name, str):
        raise DataError(
            f"Expected the name of a column for the {what}; got a {type(name).__name__}. Add it as a column."
        )
    match = match_one(name, f"the {what}", list(frame.columns))
    if match.proposed:
        notes.append(f"The {what} '{name}' was read from '{match.title}': `{what}: \"{match.title}\"`.")
    return match.title


def _without_key(
    frame: pd.DataFrame, group: str | None, split: SplitLike, columns: Columns
) -> dict[str, NDArray[np.bool_]]:
    """Masks of missing groups or splits, by column, for columns that are not nodes."""
    absent = {}
    for what, title in (("the group", group), ("the split", split)):
        if isinstance(title, str):
            cells = frame[find_column(title, what, frame.columns)].isna().to_numpy(dtype=bool)
            if cells.any() and title not in columns.titles.values():
                absent[title] = cells
    return absent
