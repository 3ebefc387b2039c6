"""Write a starter study about a user's table: commented, complete, and ready to run."""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ..datasets.formats import names_volume
from ..datasets.hints import maybe_counts
from ..datasets.table import TableIndex, index_table
from ..datasets.table.columns import image_folder
from ..datasets.table.declare import Declaration
from ..datasets.table.faults import Faults
from ..datasets.table.images import ImageColumn
from ..datasets.table.inspect_images import index_images
from ..datasets.table.splits import SHARES, given_split
from ..datasets.table.words import count_words, missing_words
from ..graph import Variable
from ..graph.parse import read_edges
from ..mechanisms.catalog import words_for
from ..moved import keep_old_names
from .few_images import BATCH, image_epochs, image_mechanism
from .image_size import propose_size
from .offered_columns import OfferedColumns, propose_group
from .study_sections import MOST_CLASSES

__all__ = ["Starter", "starter_study"]

TEMPLATE = "starter.yaml.j2"
LOOKED_AT = 20
"""Number of images at the start of a table that are tried for their size."""
MIDDLE = ("axial", 0.5)
"""Default slice of volumes."""
MOST = 4
"""Maximum number of grids, queries and similar entries to write."""


@dataclass(frozen=True)
class Starter:
    """A starter study.

    Args:
        text: The study file.
        notes: Surprising readings of the table, one sentence each.
        unused: Columns that the graph leaves out.
    """

    text: str
    notes: tuple[str, ...]
    unused: tuple[str, ...]


def starter_study(
    table: Path, columns: OfferedColumns, edges: str, *, name: str, image: str | None, group: str | None, below: Path
) -> Starter:
    """A study file about `table`.

    Args:
        table: File or folder.
        columns: Its columns.
        edges: The graph.
        name: Name of the study.
        image: Image column that would not be recognised as one, or None.
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
    split = _drawn_split(columns, nodes, proposed, notes)
    index = index_table(
        columns.frame,
        edges,
        variables=variables,
        root=columns.folder,
        split=split,
        group=proposed,
        missing="drop",
        name=table.absolute().name,
    )
    text = _template().render(
        name=name,
        table=_relative(table, below),
        images=elsewhere,
        tags=list(columns.tags),
        edges=edges,
        index=index,
        split=split,
        variables=[(node, _said(index, node, variables), _sizes(index, node)) for node in index.graph.nodes],
        dropped=", ".join(f"{node} {count:,}" for node, count in index.dropped.items()),
        **_training(index),
        **_questions(index),
        effects=_effects(index),
    )
    counts = [maybe_counts(index.titles[node], index.graph[node].labels or ()) for node in index.attributes]
    return Starter(text, (*notes, *filter(None, counts), *index.notes), index.unused)


def _drawn_split(
    columns: OfferedColumns, nodes: Sequence[str], group: str | None, notes: list[str]
) -> dict[str, float] | None:
    """The shares of a split to draw, with a note, if the split of the table would put rows of one group apart."""
    titles = [match.title for match in columns.matches(nodes).values()]
    given = given_split(columns.frame, titles)
    if given is None or group not in columns.frame or given == group:
        return None
    if not (columns.frame.groupby(group)[given].nunique() > 1).any():
        return None
    notes.append(
        f"Column '{given}' puts rows with the same '{group}' in several splits, so others are drawn. Where each row is a "
        f"separate unit, remove `group` and write `split: {_flow(given)}`."
    )
    return SHARES


def _images(columns: OfferedColumns, nodes: Sequence[str], image: str | None) -> dict[str, dict[str, Any]]:
    """Declare every image, with the most frequent size among the first readable ones."""
    frame, matches = columns.frame, columns.matches(nodes)
    said: dict[str, dict[str, Any]] = {}
    for node, match in matches.items():
        if match.title == image or columns.holds_images(match.title):
            cells = frame[match.title].dropna().head(LOOKED_AT)
            taken = MIDDLE if any(names_volume(str(cell).strip()) for cell in cells) else None
            found = index_images(node, cells, columns.folder, Declaration(slice=taken), Faults("the table"))
            whole: dict[str, Any] = {}
            if found is None and taken is None:  # NumPy files may hold volumes, which only a declaration distinguishes
                found = index_images(node, cells, columns.folder, Declaration(volume=True), Faults("the table"))
                whole = {} if found is None else {"volume": True}
            size = {} if found is None else {"size": Counter(found.found).most_common(1)[0][0]}
            said[node] = {"kind": "image"} | ({} if taken is None else {"slice": taken}) | whole | size
    return said


def _with_words(
    columns: OfferedColumns, nodes: Sequence[str], variables: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The declarations with likely words for missing values, and a sentence for each column that has some."""
    frame, notes = columns.frame, []
    for node, match in columns.matches(nodes).items():
        words = [] if node in variables else missing_words(frame[match.title])
        if words:
            variables = variables | {node: {"missing_words": tuple(words)}}
            counts = ", ".join(f"{word} {count:,}" for word, count in count_words(frame[match.title], words).items())
            notes.append(
                f"Proposed as missing in '{match.title}': {counts}. Remove `missing_words` where they are values."
            )
    return variables, notes


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["flow"] = _flow
    return environment.get_template(TEMPLATE)


def _said(index: TableIndex, node: str, declared: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    variable = index.graph[node]
    said: dict[str, Any]
    column: dict[str, Any] = {"column": index.titles[node]} if node in index.proposed else {}
    words = list(declared.get(node, {}).get("missing_words", ()))
    if variable.is_image:
        image = index.images[node]
        said = column | {"kind": "image", "size": list(propose_size(image.found))}
        said |= {"volume": True} if variable.is_volume else {"colour": variable.shape[0] == 3}
        said |= {"fit": "crop"} | ({} if image.window is None else {"window": [_plain(n) for n in image.window]})
        said |= {"slice": list(declared[node]["slice"])} if "slice" in declared.get(node, {}) else {}
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


def _sizes(index: TableIndex, node: str) -> str:
    """The sizes of the image files of a node, as text; empty for an attribute."""
    return index.images[node].sizes if node in index.images else ""


def _training(index: TableIndex) -> dict[str, Any]:
    """The mechanism of the first image, and how it is trained."""
    rows = len(index.split["train"])
    return {
        "image": next(iter(index.graph.images), None),
        "image_words": words_for("image"),
        "mechanism": image_mechanism(rows),
        "epochs": image_epochs(rows),
        "batch": BATCH,
    }


def _questions(index: TableIndex) -> dict[str, Any]:
    """Queries, what reads their images, and grids: about the parents of the images."""
    graph = index.graph
    parents = [p for image in graph.images for p in graph.parents(image) if not graph[p].is_image]
    parents = list(dict.fromkeys(parents))[:MOST]
    return {
        "queries": [[p] for p in parents],
        "classes": [p for p in parents if len(graph[p].labels or ()) in range(2, MOST_CLASSES + 1)],
        "numbers": [p for p in parents if graph[p].kind == "continuous"],
        "grids": [{p: _another(index, graph[p])} for p in parents],
    }


def _effects(index: TableIndex) -> list[tuple[str, str, list[Any]]]:
    """Treatment, outcome and contrast of an effect for each of the first arrows between attributes."""
    graph = index.graph
    pairs = [
        (cause, outcome)
        for cause, outcome in graph.edges
        if not graph[cause].is_image and graph[outcome].kind in ("continuous", "binary")
    ]
    return [(cause, outcome, _contrast(index, graph[cause])) for cause, outcome in pairs[:MOST]]


def _contrast(index: TableIndex, variable: Variable) -> list[Any]:
    return _frequent(index, variable) if variable.labels else _quantiles(index, variable, (0.25, 0.75))


def _another(index: TableIndex, variable: Variable) -> Any:
    """Return a value to ask about: the last of two frequent labels, or a high number."""
    return _frequent(index, variable)[-1] if variable.labels else _quantiles(index, variable, (0.5, 0.9))[1]


def _frequent(index: TableIndex, variable: Variable) -> list[Any]:
    """Return the two most frequent labels of the training rows, in code order: a model knows most about these."""
    train = index.rows[index.split["train"].numpy()]
    codes = index.attributes[variable.name].values[train].astype(int)
    counts = np.bincount(codes[codes >= 0], minlength=len(variable.labels or ()))
    return [variable.labels[code] for code in sorted(np.argsort(-counts, kind="stable")[:2])] if variable.labels else []


def _quantiles(index: TableIndex, variable: Variable, at: tuple[float, float]) -> list[float]:
    """Return two different values, as round as possible."""
    values = index.attributes[variable.name].values[index.rows]
    low, high = np.quantile(values, at)
    if low == high:  # most rows have the same value
        low, high = values.min(), values.max()
    digits = 2 - math.floor(math.log10(high - low))
    return [round(float(value), digits) for value in (low, high)]


def _relative(table: Path, below: Path) -> str:
    """Return the table's path relative to the study's folder if that is simple, else the absolute path; keep links."""
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


keep_old_names(__name__)
