"""Whether a column has a label, as the outcome of an effect: `severity=severe`."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..datasets.declared import type_columns
from ..datasets.kinds import describe
from ..errors import DataError
from ..graph import CausalGraph, GraphLike, Variable, as_graph

__all__ = ["label_outcome"]


def label_outcome(graph: GraphLike, table: pd.DataFrame, outcome: str) -> tuple[CausalGraph, pd.DataFrame, str]:
    """Graph and table in which a column of labels is binary: it has the label, or not. Its mean is the label's probability.

    Nodes that the column acts on are left out of the graph, since the effect on the column does not depend on them.

    Args:
        graph: The assumed graph.
        table: One row per unit.
        outcome: "column=label", or "column=label,label" for any of several labels; the name of a node is unchanged.

    Returns:
        Graph, table and name of the column, for `estimate_effect` and the other functions here.

    Raises:
        UnknownNameError: No node has the name before an equals sign.
        DataError: The column has no labels, not these, or all of them are named.

    >>> table = pd.DataFrame({"drug": [0, 1] * 3, "pain": ["none", "mild", "severe"] * 2})
    >>> graph, table, outcome = label_outcome("drug -> pain", table, "pain=mild,severe")
    >>> outcome, graph["pain"].labels, table["pain"].tolist()[:3]
    ('pain', ('none', 'mild,severe'), ['none', 'mild,severe', 'mild,severe'])
    """
    graph = as_graph(graph)
    if outcome in graph:
        return graph, table, outcome
    name, words = next(((name, words) for name, words in _splits(outcome) if name in graph), (outcome, ""))
    graph.require(name)
    column = type_columns(graph, table, [name])[1][name]
    variable = column.variable
    if not variable.is_discrete:
        raise DataError(
            f"Expected a column of labels before the equals sign in '{outcome}'; '{name}' is {describe(variable)}. Name "
            f"'{name}' alone for the effect on its mean."
        )
    asked = [words] if words in map(str, variable.labels or ()) else [word.strip() for word in words.split(",")]
    codes = set(variable.encode_all(asked))
    if len(codes) == len(variable.labels or ()):
        raise DataError(f"Expected some labels of '{name}' in '{outcome}'; got all of them. Leave one out.")
    others = [str(label) for code, label in enumerate(variable.labels or ()) if code not in codes]
    labels = (others[0] if len(others) == 1 else f"not {words}", words)
    has = np.where(np.isin(column.reading.values, list(codes)), *labels[::-1]).astype(object)
    has[column.reading.missing] = None
    variables = [Variable(name, "binary", labels=labels) if node == name else graph[node] for node in graph.nodes]
    left_out = graph.descendants(name)
    kept = graph.with_parts(variables=variables).project([node for node in graph.nodes if node not in left_out])
    return kept, table.assign(**{name: has}), name


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Text before and after every equals sign: names and labels may hold one as well."""
    parts = text.split("=")
    for place in range(1, len(parts)):
        yield "=".join(parts[:place]).strip(), "=".join(parts[place:]).strip()
