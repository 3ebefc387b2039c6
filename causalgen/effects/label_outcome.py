"""Whether a column has a label, as the outcome of an effect: `severity=severe`."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..datasets.declared import type_columns
from ..errors import DataError
from ..grammar.outcome_labels import find_outcome_labels, label_splits
from ..graph import CausalGraph, GraphLike, as_graph

__all__ = ["label_outcome"]


def label_outcome(
    graph: GraphLike, table: pd.DataFrame, outcome: str, *, used: Iterable[str] = ()
) -> tuple[CausalGraph, pd.DataFrame, str]:
    """Graph and table in which a column of labels is binary: it has the label, or not. Its mean is the label's probability.

    Nodes that the column acts on are left out of the graph, since the effect on the column does not depend on them.

    Args:
        graph: The assumed graph.
        table: One row per unit.
        outcome: "column=label", or "column=label,label" for any of several labels; the name of a node is unchanged.
        used: Other columns of the question, such as the treatment, to check that the outcome does not act on them.

    Returns:
        Graph, table and name of the column, for `estimate_effect` and the other functions here.

    Raises:
        UnknownNameError: No node has the name before an equals sign.
        DataError: The column has no labels, not these, or all of them are named; or it acts on a column of `used`.

    >>> table = pd.DataFrame({"drug": [0, 1] * 3, "pain": ["none", "mild", "severe"] * 2})
    >>> graph, table, outcome = label_outcome("drug -> pain", table, "pain=mild,severe")
    >>> outcome, graph["pain"].labels, table["pain"].tolist()[:3]
    ('pain', ('none', 'mild or severe'), ['none', 'mild or severe', 'mild or severe'])
    """
    graph = as_graph(graph)
    if outcome in graph:
        return graph, table, outcome
    name = next((name for name, _ in label_splits(outcome) if name in graph), outcome)
    graph.require(name)
    column = type_columns(graph, table, [name])[1][name]
    typed = graph.with_parts(variables=[column.variable if v.name == name else v for v in graph.variables.values()])
    label = find_outcome_labels(typed, outcome)
    assert label is not None
    later = graph.descendants(name)
    for other in used:
        if other in later:
            raise DataError(
                f"Expected columns that '{name}' does not act on in the graph; got '{other}', which comes after the outcome. "
                "Leave it out, or correct the graph."
            )
    has = np.where(np.isin(column.reading.values, list(label.codes)), *label.labels[::-1]).astype(object)
    has[column.reading.missing] = None
    return label.graph(typed), table.assign(**{name: has}), name
