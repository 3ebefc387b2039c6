"""Every form of a causal graph that the functions of this package accept."""

from collections.abc import Mapping
from typing import TypeAlias

import networkx as nx

from ..errors import GraphError
from .graph import CausalGraph
from .parse import EXAMPLE, EdgesLike

__all__ = ["GraphLike", "as_graph"]

GraphLike: TypeAlias = CausalGraph | EdgesLike
"""A graph, or its edges as people write them; see `as_graph`."""


def as_graph(graph: GraphLike) -> CausalGraph:
    """The causal graph from a `CausalGraph`, from text, or from any other form of edges that `CausalGraph` reads.

    Args:
        graph: A `CausalGraph`, which is returned unchanged; text such as "a -> b; b <-> c"; a list of pairs (parent,
            child); a dict parent -> children; or a networkx.DiGraph.

    Raises:
        GraphError: It is none of these, or not a valid graph.

    >>> as_graph("a -> b; c -> b").parents("b")
    ('a', 'c')
    """
    if isinstance(graph, CausalGraph):
        return graph
    if isinstance(graph, str | Mapping | list | tuple | set | nx.Graph):
        return CausalGraph(graph)
    raise GraphError(
        f"Expected a graph as a CausalGraph, as text, as a list of pairs, as a dict of children or as a networkx.DiGraph; got "
        f"{type(graph).__name__}. {EXAMPLE}"
    )
