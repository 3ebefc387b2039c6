"""Load user data: a table with paths of images, an image folder, arrays, or a PyTorch dataset."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...graph import CausalGraph
from ...graph.parse import EdgesLike
from ..dataset import Dataset
from ..labels import ROW, numbered
from ..split_names import SPLITS
from ..store import Store
from .columns import TableLike
from .declare import VariablesLike
from .faults import Faults
from .index import Missing, TableIndex, index_table
from .splits import SplitLike
from .words import MissingWord

__all__ = ["load_index", "load_table"]

PIECE = 4096
"""Number of images compared at a time."""


def load_table(
    table: TableLike,
    graph: EdgesLike | CausalGraph,
    *,
    variables: VariablesLike | None = None,
    images: str | Path | None = None,
    tags: Sequence[str] = (),
    group: str | None = None,
    split: SplitLike | None = None,
    missing: Missing = "refuse",
    missing_words: Sequence[MissingWord] = (),
    rows: int | None = None,
    seed: int = 0,
    root: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Load a table of attributes and image paths under a causal graph.

    Undeclared properties are inferred: a column of image paths is an image; words, truth values and up to ten different
    whole numbers (or two numbers of any kind) are labels; other numbers are continuous; "age (years)" is a column of
    age in years.
    `index_table` shows the inferred properties. Images are decoded once, into the cache folder, and read from there as they
    are needed.

    Args:
        table: A .csv, .parquet, .jsonl, .npz or .tar file, an image folder in a standard layout (see `read_folder`), or
            a data frame.
        graph: Edges such as "age -> {volume, image}; volume -> image", or a graph, whose variables may be declared; its nodes
            are columns of the table.
        variables: By node, overriding the graph: kind, labels, support, unit, column; for an image size
            (height, width), colour and fit.
        images: Folder that image paths are relative to, and must stay in; None for the table's own.
        tags: Keywords of DICOM elements, such as PatientAge, that become columns of the table.
        group: Column whose rows belong together, such as the patient: no group is split apart, and intervals are
            bootstrapped over groups.
        split: Shares of train, validation and test, or the column that names each row's split; None for a column
            "split" if there is one, else .7, .15 and .15.
        missing: "refuse" rows with missing values, "drop" them and report their number, or let the "model" infer them:
            training then uses every row, and everything else the complete ones.
        missing_words: Words and numbers that mean missing values in every column, such as "n/a" or -999, except where
            they are declared labels; `variables` may name more for one column.
        rows: Maximum number of rows to use, drawn at random.
        seed: Seed of the split and of the choice of rows.
        root: Cache folder; None for CAUSALGEN_CACHE or the user's cache folder.
        progress: Called with (images decoded, images in all).

    Raises:
        DataFaultsError: The table or its images have faults; the error lists all of them.
        DataError: The table or the declarations cannot be read.
        UnknownNameError: A node has no column.
        GraphError: The graph is not valid.
    """
    index = index_table(
        table,
        graph,
        variables=variables,
        root=images,
        tags=tags,
        group=group,
        split=split,
        missing=missing,
        missing_words=missing_words,
        rows=rows,
        seed=seed,
    )
    index.warn()
    return load_index(index, root=root, progress=progress)


def load_index(
    index: TableIndex, *, root: str | Path | None = None, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """Load an indexed table.

    Raises:
        DataFaultsError: Images cannot be decoded.
    """
    faults = Faults(index.name, index.labels)
    complete = {name: index.rows[index.split[name].numpy()] for name in SPLITS}
    apart = {name: index.incomplete.get(name, np.empty(0, np.int64)) for name in SPLITS}
    # A contiguous split needs no copy of its images, with and without its incomplete rows.
    rows = np.concatenate([part for name in SPLITS for part in (complete[name], apart[name])])
    kept = torch.cat([index.split[name] for name in SPLITS]).sort().values  # in the table's order
    storage = pd.Index(rows)
    place = torch.from_numpy(storage.get_indexer(index.rows[kept.numpy()]).astype(np.int64))
    labels = index.labels[index.rows[kept.numpy()]]
    values: dict[str, Tensor] = {}
    for node in index.graph.nodes:
        if node in index.images:
            values[node] = index.images[node].load(rows.tolist(), faults, root=root, progress=progress)
            if len(values[node]) > 1 and all(
                bool((part == values[node][:1]).all()) for part in values[node].split(PIECE)
            ):
                faults.column(index.titles.get(node, node), "the same pixels in every image", "images that vary")
        else:
            attribute = index.attributes[node]
            column = attribute.values[rows]
            values[node] = torch.from_numpy(column if attribute.variable.is_discrete else column.astype(np.float32))
    faults.refuse()
    return Dataset(
        name=index.name,
        graph=index.graph,
        values=Store(values, None if torch.equal(place, torch.arange(len(rows))) else place),
        split={name: numbered(index.labels[complete[name]]) for name in SPLITS},
        group=torch.from_numpy(index.group)[kept],
        group_names=index.group_names,
        group_meaning=index.group_meaning,
        source=index.source,
        labels=None if labels.equals(pd.RangeIndex(len(labels))) and labels.name == ROW else labels,
        incomplete={
            name: torch.from_numpy(storage.get_indexer(part).astype(np.int64))
            for name, part in index.incomplete.items()
        },
        incomplete_labels={name: numbered(index.labels[part]) for name, part in index.incomplete.items()},
    )
