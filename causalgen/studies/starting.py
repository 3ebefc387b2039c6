"""Write a starter study about a user's table: commented, complete, and ready to run."""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ..datasets.table import TableIndex, describe_columns, index_table
from ..datasets.table.columns import as_frame, image_folder
from ..datasets.table.declare import Declaration
from ..datasets.table.faults import Faults
from ..datasets.table.files import find_folder, holds_images
from ..datasets.table.images import ImageColumn, index_images
from ..datasets.table.matching import Match, match_columns, name_and_unit, words_of
from ..datasets.table.words import count_words, missing_words
from ..errors import DataError
from ..graph import Variable
from ..graph.parse import read_edges, write_name
from ..mechanisms.catalog import words_for
from .few_images import BATCH, image_epochs, image_mechanism

__all__ = [
    "OfferedColumns",
    "Starter",
    "propose_edges",
    "propose_group",
    "propose_size",
    "starter_study",
    "table_columns",
]

LONGEST_SIDE = 64
"""Larger images are reduced to this size in a starter study, since training time grows with the pixels."""
PERSONS = {"patient", "subject", "person", "participant", "case", "individual", "animal", "mouse", "donor"}
"""Words in the name of a column that suggests which rows belong together."""
NEARLY_SQUARE = 0.12
"""Logarithm of height / width up to which an image counts as square."""
LOOKED_AT = 20
"""Number of first images of a table among which a readable size is searched."""
MOST = 4
"""Number of grids, queries and similar entries to write."""
MOST_CLASSES = 20


@dataclass(frozen=True)
class OfferedColumns:
    """Columns that a table offers to a graph.

    Args:
        attributes: Usable as attributes.
        images: OfferedColumns with paths of images.
        unusable: Column and why it cannot be a variable.
        frame: The table.
        folder: Where image paths start.
    """

    attributes: tuple[str, ...]
    images: tuple[str, ...]
    unusable: dict[str, str]
    frame: pd.DataFrame = field(repr=False)
    folder: Path

    def holds_images(self, title: str) -> bool:
        """Whether a column holds paths of images."""
        return holds_images(self.frame[title], self.folder)


@dataclass(frozen=True)
class Starter:
    """A starter study.

    Args:
        text: The study file.
        notes: Surprising readings of the table, one sentence each.
        unused: OfferedColumns that the graph leaves out.
    """

    text: str
    notes: tuple[str, ...]
    unused: tuple[str, ...]


def table_columns(table: Path, images: Path | None = None) -> OfferedColumns:
    """Which columns of a table can be variables.

    Args:
        table: File or folder.
        images: Where image paths start; None for the folder of the table, or the folder in it that has the files.

    Raises:
        DataError: The table cannot be read, or there is no such folder.
    """
    if images is not None and not images.is_dir():
        raise DataError(
            f"Expected a folder of images; '{images}' is none. Name the folder that image paths start from."
        )
    frame = as_frame(table)
    folder = find_folder(frame, image_folder(table, None)) if images is None else images
    found = describe_columns(frame, folder)
    found |= {name: "a name with a quotation mark or semicolon" for name in found if set(name) & set('";\n')}
    return OfferedColumns(
        attributes=tuple(name for name, what in found.items() if what == "attribute"),
        images=tuple(name for name, what in found.items() if what == "image"),
        unusable={name: what for name, what in found.items() if what not in ("attribute", "image")},
        frame=frame,
        folder=folder,
    )


def propose_edges(attributes: Sequence[str], image: str | None) -> str:
    """The simplest graph: every attribute acts on the image, none on another; units in column names are dropped.

    Raises:
        DataError: The table has no attribute.

    >>> propose_edges(["age (years)", "sex"], "scan")
    '{age, sex} -> scan'
    """
    if not attributes:
        raise DataError("Expected a column that can be an attribute; got none. Add attributes of each image.")
    short = [name_and_unit(title)[0] for title in attributes]
    clear = len({*short, image}) == len({*attributes, image})
    names = [write_name(name) for name in (short if clear else attributes)]
    return "; ".join(names) if image is None else f"{{{', '.join(names)}}} -> {write_name(image)}"


def starter_study(
    table: Path, columns: OfferedColumns, edges: str, *, name: str, image: str | None, group: str | None, below: Path
) -> Starter:
    """A study file about `table`.

    Args:
        table: File or folder.
        columns: Its columns.
        edges: The graph.
        name: Name of the study.
        image: Column of images that does not look like one, or None.
        group: Column whose rows belong together.
        below: Folder that paths in the study are relative to.

    Raises:
        DataFaultsError: The table has faults; the message lists all.
        DataError, UnknownNameError, GraphError: The table or the graph cannot be read, or do not fit.
    """
    nodes = read_edges(edges).nodes
    variables, notes = _with_words(columns, nodes, _images(columns, nodes, image))
    elsewhere = None if columns.folder == image_folder(table, None) else _relative(columns.folder, below)
    if elsewhere is not None:
        notes.append(f"Image paths start from '{elsewhere}': `images: {_flow(elsewhere)}`.")
    proposed = group or propose_group(columns, nodes)
    if proposed is not None and group is None:
        notes.append(
            f"Rows with the same '{proposed}' are kept in one split: `group: \"{proposed}\"`. Remove it where each row is a "
            "separate unit."
        )
    index = index_table(
        columns.frame,
        edges,
        variables=variables,
        root=columns.folder,
        group=proposed,
        missing="drop",
        name=table.absolute().name,
    )
    parts = [
        _head(name),
        _data(index, {"table": _relative(table, below), "images": elsewhere}, edges, variables),
        _training(index),
        _questions(index),
        _effects(index),
        "seed: 0\n",
    ]
    return Starter("\n".join(part for part in parts if part), (*notes, *index.notes), index.unused)


def _images(columns: OfferedColumns, nodes: Sequence[str], image: str | None) -> dict[str, dict[str, Any]]:
    """A declaration of every image: the usual size of the first ones that can be read, since there may be several."""
    frame, matches = columns.frame, _matches(columns, nodes)
    said: dict[str, dict[str, Any]] = {}
    for node, match in matches.items():
        if match.title == image or columns.holds_images(match.title):
            cells = frame[match.title].dropna().head(LOOKED_AT)
            found = index_images(node, cells, columns.folder, Declaration(), Faults("the table"))
            size = {} if found is None else {"size": Counter(found.found).most_common(1)[0][0]}
            said[node] = {"kind": "image"} | size
    return said


def _with_words(
    columns: OfferedColumns, nodes: Sequence[str], variables: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The declarations with likely words for missing values, and a sentence for each column that has some."""
    frame, notes = columns.frame, []
    for node, match in _matches(columns, nodes).items():
        words = [] if node in variables else missing_words(frame[match.title])
        if words:
            variables = variables | {node: {"missing_words": tuple(words)}}
            counts = ", ".join(f"{word} {count:,}" for word, count in count_words(frame[match.title], words).items())
            notes.append(
                f"Proposed as missing in '{match.title}': {counts}. Remove `missing_words` where they are values."
            )
    return variables, notes


def propose_group(columns: OfferedColumns, nodes: Sequence[str]) -> str | None:
    """A column of repeated person numbers that the graph does not use; None if there is none or several."""
    frame, used = columns.frame, {match.title for match in _matches(columns, nodes).values()}
    found = [title for title in frame.columns if title not in used and set(words_of(title)) & PERSONS]
    found = [title for title in found if 3 <= frame[title].nunique() < frame[title].count()]
    return found[0] if len(found) == 1 else None


def _matches(columns: OfferedColumns, nodes: Sequence[str]) -> dict[str, Match]:
    """The column of every node."""
    return match_columns({node: Declaration() for node in nodes}, list(columns.frame.columns), columns.holds_images)


def _head(name: str) -> str:
    return f"""# A starter study: run it as it is, then adapt it.
#
#   causalgen check THIS_FILE            what is in the data, what will be done, how long it takes
#   causalgen run THIS_FILE --smoke      does everything work? in about a minute
#   causalgen run THIS_FILE              the real thing

name: {_flow(name)}
question: ""                  # shown in the report
"""


def _data(
    index: TableIndex, places: Mapping[str, str | None], edges: str, declared: Mapping[str, dict[str, Any]]
) -> str:
    lines = ["data:", *(f"  {key}: {_flow(place)}" for key, place in places.items() if place is not None)]
    lines += [
        "  # An arrow means 'may act on directly'; no arrow means 'does not'. Every answer rests on these assumptions."
    ]
    lines += [
        f"  graph: {_flow(edges)}",
        "  variables:                  # inferred from the table; correct what is wrong",
    ]
    for node in index.graph.nodes:
        sizes = index.images[node].sizes if node in index.images else ""
        note = f"   # files have {sizes}" if "," in sizes else ""
        lines.append(f"    {_flow(node)}: {_flow(_said(index, node, declared))}{note}")
    lines += [
        f"  group: {_flow(index.group_by)}"
        if index.group_by
        else "  # group: patient            # a column whose rows must not be split apart"
    ]
    if index.split_by:
        lines += [f"  split: {_flow(index.split_by)}               # the column that names train, validation and test"]
    if index.dropped:
        counts = ", ".join(f"{node} {count:,}" for node, count in index.dropped.items())
        lines += [f"  missing: drop               # rows with missing values: {counts}"]
    return "\n".join(lines) + "\n"


def _said(index: TableIndex, node: str, declared: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    variable = index.graph[node]
    said: dict[str, Any]
    column: dict[str, Any] = {"column": index.titles[node]} if node in index.proposed else {}
    words = list(declared.get(node, {}).get("missing_words", ()))
    if variable.is_image:
        image = index.images[node]
        said = column | {"kind": "image", "size": list(propose_size(image.found)), "colour": variable.shape[0] == 3}
        said |= {"fit": "crop"} | ({} if image.window is None else {"window": [_plain(n) for n in image.window]})
        return said | ({"ground": image.rendering.ground} if isinstance(image, ImageColumn) and image.alpha else {})
    said = column | {"kind": variable.kind}
    if variable.labels is not None:
        said["labels"] = list(variable.labels)
    if variable.unit:
        said["unit"] = variable.unit
    return said | ({"missing_words": words} if words else {})


def _plain(number: float) -> float:
    """A whole number without a decimal point."""
    return int(number) if float(number).is_integer() else number


def propose_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Height and width for images of the given sizes: theirs where all are small, else at most `LONGEST_SIDE` pixels a side.

    The size follows the usual shape, and is square where that is nearly so.

    >>> propose_size([(28, 28)] * 3), propose_size([(512, 500), (512, 512), (480, 512)]), propose_size([(218, 178)])
    ((28, 28), (64, 64), (64, 52))
    """
    (height, width), count = Counter(sizes).most_common(1)[0]
    if 2 * count < len(sizes):
        height, width = (round(float(np.median(sides))) for sides in zip(*sizes))
    if max(height, width) <= LONGEST_SIDE and 2 * count >= len(sizes):
        return height, width
    side = min(LONGEST_SIDE, max(height, width))
    if abs(math.log(height / width)) < NEARLY_SQUARE:
        return side, side
    scale = side / max(height, width)
    return _in_fours(height * scale), _in_fours(width * scale)


def _in_fours(side: float) -> int:
    return max(4, 4 * round(side / 4))


def _training(index: TableIndex) -> str:
    images = [node for node in index.graph.nodes if index.graph[node].is_image]
    if not images:
        return ""
    rows = len(index.split["train"])
    epochs, mechanism = image_epochs(rows), image_mechanism(rows)
    why = "# With few images, free latents (free) also encode the parents, and counterfactuals change too little.\n"
    return f"""# x := f(noise, parents), one mechanism for every node; nodes left out have the default of their kind.
# Images: {", ".join(words_for("image"))}.
{why if len(mechanism) > 1 else ""}mechanisms:
  {_flow(images[0])}: {_flow(mechanism)}

training:
  images: {{epochs: {epochs}, batch_size: {BATCH}}}
  # Where counterfactuals change too little: fine-tune with attribute predictors (doubles the training time).
  # tuning: {{epochs: 20, batch_size: {BATCH}, learning_rate: 0.001, margin: 0.3}}
"""


def _questions(index: TableIndex) -> str:
    graph = index.graph
    parents = [p for node in graph.nodes if graph[node].is_image for p in graph.parents(node) if not graph[p].is_image]
    parents = list(dict.fromkeys(parents))[:MOST]
    if not parents:
        return ""
    classes = [p for p in parents if len(graph[p].labels or ()) in range(2, MOST_CLASSES + 1)]
    lines = [
        "# Counterfactual queries that are measured on test units, and what classifiers and regressors, trained on the factual",
        "# images, read from the counterfactual ones.",
    ]
    lines += ["evaluation:", "  rows: 500", f"  queries: {_flow([[p] for p in parents])}"]
    numbers = [p for p in parents if graph[p].kind == "continuous"]
    lines += [f"  classify: {_flow(classes)}"] if classes else []
    lines += [f"  regress: {_flow(numbers)}"] if numbers else []
    lines += [
        "",
        "# Numbers that are read from every image. The report begins with how much each grid below changes them on the image.",
        "# Ready measures: area, mean, contrast, sharpness, gradient, texture, hue, saturation; or a Python function of yours.",
        "# scores:",
        "#   bright: {measure: area, threshold: 140" + f", shows: {_flow(parents[0])}" + "}",
    ]
    lines += ["", "# Grids: factual, counterfactual, what changed.", "gallery:"]
    lines += [f"  - do: {_flow({p: _another(index, graph[p])})}" for p in parents]
    return "\n".join(lines) + "\n"


def _effects(index: TableIndex) -> str:
    graph = index.graph
    pairs = [
        (cause, outcome)
        for cause, outcome in graph.edges
        if not graph[cause].is_image and graph[outcome].kind in ("continuous", "binary")
    ][:MOST]
    if not pairs:
        return "# Effects of one attribute on another need an arrow between attributes; this graph has none.\n"
    lines = ["# Effects on the mean: do(treatment = second value) against do(treatment = first value).", "effects:"]
    for cause, outcome in pairs:
        lines += [f"  - treatment: {_flow(cause)}", f"    outcome: {_flow(outcome)}"]
        lines += [f"    contrast: {_flow(_contrast(index, graph[cause]))}"]
        lines += ["    cluster: group            # rows of one group are not independent"] if index.group_by else []
    return "\n".join(lines) + "\n"


def _contrast(index: TableIndex, variable: Variable) -> list[Any]:
    return list(variable.labels[:2]) if variable.labels else _quantiles(index, variable, (0.25, 0.75))


def _another(index: TableIndex, variable: Variable) -> Any:
    """A value to ask about: the last label, or a high number."""
    return variable.labels[-1] if variable.labels else _quantiles(index, variable, (0.5, 0.9))[1]


def _quantiles(index: TableIndex, variable: Variable, at: tuple[float, float]) -> list[float]:
    """Two different values, as round as possible."""
    values = index.attributes[variable.name].values[index.rows]
    low, high = np.quantile(values, at)
    if low == high:  # most rows have the same value
        low, high = values.min(), values.max()
    digits = 2 - math.floor(math.log10(high - low))
    return [round(float(value), digits) for value in (low, high)]


def _relative(table: Path, below: Path) -> str:
    """The table's path from the study's folder, where that is simple; else the absolute path. Links in it are kept."""
    table, below = Path(os.path.abspath(table)), Path(os.path.abspath(below))
    return (table.relative_to(below) if table.is_relative_to(below) else table).as_posix()


def _flow(value: Any) -> str:
    """YAML on one line; JSON is YAML, and unambiguous about words such as no and on."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(str(key))}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and value.isidentifier() and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
