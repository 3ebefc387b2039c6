"""Declarations of where the columns of a table come from, checked against graph and table."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import pandas as pd

from ...errors import DataError, GraphError, UnknownNameError, nearest
from ...graph import CausalGraph, GraphLike, Variable, as_graph
from ..question import EffectQuestion

__all__ = ["Column", "Source", "check_columns", "marked_rows", "with_proxies"]

Source = Literal["assigned", "measured", "predicted"]
MARKS = dict.fromkeys(("yes", "true", "1", "1.0"), True) | dict.fromkeys(("no", "false", "0", "0.0"), False)


@dataclass(frozen=True)
class Column:
    """Where the values of one attribute come from.

    Args:
        name: Node of the graph. The table's column of this name holds assigned values, missing where unknown.
        source: "assigned" in the table, "measured" on the image, or "predicted" from the image by a fitted model.
        proxy: Column that holds the measurement or prediction, in every row.
        by: Name of the measurement or predictor, for reports.
        labelled_at_random: Whether the rows whose assigned value is known are a random sample of all rows.
        fitted_on: For a prediction: index labels of the table's rows on which the predictor was fitted; empty when it
            was fitted on other data.

    Raises:
        DataError: The declaration contradicts itself or lacks what its source needs.

    >>> Column("volume", "measured", proxy="volume_mri", by="the segmentation").reading
    "volume: measured as 'volume_mri' by the segmentation; ..."
    """

    name: str
    source: Source = "assigned"
    proxy: str | None = field(default=None, kw_only=True)
    by: str = field(default="", kw_only=True)
    labelled_at_random: bool = field(default=False, kw_only=True)
    fitted_on: Collection[Hashable] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.source not in get_args(Source):
            raise DataError(
                f"Expected the source of '{self.name}' among {', '.join(get_args(Source))}; got {self.source!r}."
                + nearest(str(self.source), get_args(Source))
            )
        if self.source == "assigned":
            if self.proxy is not None or self.fitted_on is not None or self.labelled_at_random:
                raise DataError(
                    f"Expected no proxy for the assigned column '{self.name}'; got one, or options of one. "
                    "Declare the source as 'measured' or 'predicted'."
                )
            return
        if not self.proxy or self.proxy == self.name:
            raise DataError(
                f"Expected the column of the {self.source} values of '{self.name}' as proxy, next to the assigned values; "
                f"got {self.proxy!r}. Without assigned values for some rows its bias cannot be known."
            )
        if self.source == "predicted" and self.fitted_on is None:
            raise DataError(
                f"Expected fitted_on for the predicted column '{self.name}': index labels of the rows on which the "
                "predictor was fitted, () when it was fitted on other data."
            )
        if self.source == "measured" and self.fitted_on is not None:
            raise DataError(f"Expected no fitted_on for the measured column '{self.name}'. Declare it as 'predicted'.")

    @property
    def reading(self) -> str:
        """The column's source, as text."""
        if self.source == "assigned":
            return f"{self.name}: assigned in the table."
        by = f" by {self.by}" if self.by else ""
        sample = "a random sample of rows" if self.labelled_at_random else "some rows, not declared a random sample"
        return f"{self.name}: {self.source} as '{self.proxy}'{by}; assigned values are known for {sample}."


def marked_rows(table: pd.DataFrame, name: str | None) -> pd.Index:
    """Labels of the rows that a column of yes and no marks; none for "none".

    Raises:
        DataError: The table has no such column, or the column holds something else.
    """
    if name in (None, "none"):
        return table.index[:0]
    if name not in table.columns:
        raise DataError(
            f"Expected a column that marks the rows on which a predictor was fitted, or 'none'; got {name!r}."
            + nearest(str(name), map(str, table.columns))
        )
    cells = table[name].map(lambda cell: MARKS.get(str(cell).strip().lower()))
    if cells.isna().any():
        raise DataError(
            f"Expected yes and no (or 1 and 0) in column '{name}', which marks rows; got "
            f"{table[name][cells.isna()].tolist()[0]!r}."
        )
    return table.index[cells.astype(bool)]


def check_columns(graph: CausalGraph, question: EffectQuestion, columns: Sequence[Column]) -> None:
    """Check declarations against graph, table and question.

    Args:
        graph: The graph with its images and, where they are drawn, the proxies.
        question: The question.
        columns: The declarations.

    Raises:
        UnknownNameError: A declared name is not a node.
        DataError: A name is declared twice, a proxy has no column, or treatment or outcome is a proxy.
        GraphError: A proxy in the graph is not a child of an image.
    """
    names, known = [column.name for column in columns], list(map(str, question.table.columns))
    if len(set(names)) < len(names):
        raise DataError(f"Expected every column declared once; got {', '.join(names)}.")
    for column in columns:
        if column.proxy == question.treatment:
            raise DataError(
                f"Expected an attribute as treatment; '{column.proxy}' is a proxy of '{column.name}', a child of the image: "
                f"do({column.proxy}) would change the reading and nothing that it reads. Ask for do({column.name})."
            )
        if column.proxy == question.outcome:
            raise DataError(
                f"Expected a reading of '{column.name}' as its proxy; got the outcome '{column.proxy}'. Name the column of "
                "the readings, or declare the outcome's proxy."
            )
        graph.require(column.name)
        if column.proxy is None:
            continue
        if column.proxy not in known:
            raise DataError(
                f"Expected a column '{column.proxy}', the proxy of '{column.name}'; got {', '.join(known)}."
                + nearest(column.proxy, known)
            )
        if column.proxy in graph:
            parents, children = graph.parents(column.proxy), graph.children(column.proxy)
            if not parents or not all(graph[parent].is_image for parent in parents) or children:
                raise GraphError(
                    f"Expected the proxy '{column.proxy}' as a child of an image, and without children; got parents "
                    f"{list(parents)} and children {list(children)}. A reading causes nothing here."
                )


def with_proxies(graph: GraphLike, columns: Sequence[Column], *, image: str) -> CausalGraph:
    """The graph with every proxy as a child of the image on which it is read, for drawing and for queries.

    Raises:
        UnknownNameError: `image` is not an image of the graph.

    >>> graph = CausalGraph("age -> scan", [Variable("age"), Variable("scan", "image", shape=(1, 8, 8))])
    >>> with_proxies(graph, [Column("age", "predicted", proxy="age_hat", fitted_on=())], image="scan").edges
    (('age', 'scan'), ('scan', 'age_hat'))
    """
    graph = as_graph(graph)
    images = [name for name in graph.nodes if graph[name].is_image]
    if image not in images:
        raise UnknownNameError(f"Expected an image among {images}; got {image!r}." + nearest(str(image), images))
    proxies = [column.proxy for column in columns if column.proxy is not None and column.proxy not in graph]
    edges = [*graph.edges, *((image, proxy) for proxy in proxies)]
    variables = [*graph.variables.values(), *(Variable(proxy) for proxy in proxies)]
    return graph.with_parts(edges=edges, variables=variables)
