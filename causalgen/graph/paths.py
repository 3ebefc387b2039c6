"""Directed paths from a treatment to an outcome, and which of them a path-specific effect activates."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeAlias

import networkx as nx

from ..errors import GraphError
from .accepted import GraphLike, as_graph
from .adjustment import check_pair
from .graph import CausalGraph
from .parse import BREAK, EdgesLike, read_edges, write_name

__all__ = ["Path", "PathsLike", "active_paths", "causal_paths", "write_directed"]

Path: TypeAlias = tuple[str, ...]
PathsLike: TypeAlias = str | Iterable[str | Iterable[str]]


def causal_paths(graph: GraphLike, treatment: str, outcome: str) -> tuple[Path, ...]:
    """All directed paths from treatment to outcome, shortest first.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> causal_paths(CausalGraph("pen -> thickness -> intensity; pen -> intensity"), "pen", "intensity")
    (('pen', 'intensity'), ('pen', 'thickness', 'intensity'))
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    found = [tuple(path) for path in nx.all_simple_paths(graph.networkx(), treatment, outcome)]
    return tuple(sorted(found, key=lambda path: (len(path), [graph.nodes.index(name) for name in path])))


def active_paths(
    graph: GraphLike,
    treatment: str,
    outcome: str,
    *,
    paths: PathsLike | None = None,
    edges: EdgesLike | None = None,
) -> frozenset[Path]:
    """The active paths of a path-specific effect: those named, or those made of the named edges only.

    Args:
        graph: The causal graph.
        treatment: Where every path begins.
        outcome: Where every path ends.
        paths: Paths such as "pen -> thickness -> intensity", or sequences of names; one string may hold several
            paths, separated by `;`.
        edges: Active edges, in any form that `CausalGraph` reads.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: A path is not a chain, a path or an edge is not in the graph, a path does not lead from treatment to
            outcome, none is active, or not exactly one of `paths` and `edges` is given.

    >>> graph = CausalGraph("pen -> thickness -> intensity; pen -> intensity")
    >>> active_paths(graph, "pen", "intensity", paths=["pen -> intensity"])
    frozenset({('pen', 'intensity')})
    """
    graph = as_graph(graph)
    known = causal_paths(graph, treatment, outcome)
    if (paths is None) == (edges is None):
        example = f"{write_name(treatment)} -> ... -> {write_name(outcome)}"
        raise GraphError(f"Expected the active paths, such as '{example}', or the active edges; got both or neither.")
    if edges is not None:
        pairs = set(read_edges(edges).directed)
        _refuse_missing(graph, pairs)
        chosen = [path for path in known if set(pairwise(path)) <= pairs]
    else:
        assert paths is not None
        listed = filter(str.strip, re.split(BREAK, paths)) if isinstance(paths, str) else paths
        chosen = [_read_path(path) for path in listed]
        for path in chosen:
            _refuse_missing(graph, pairwise(path))
            if path[0] != treatment or path[-1] != outcome:
                raise GraphError(
                    f"Expected paths from '{treatment}' to '{outcome}'; got {write_directed(path)}. "
                    f"The paths are {'; '.join(map(write_directed, known)) or 'none'}."
                )
    if not chosen:
        raise GraphError(
            f"Expected at least one active path from '{treatment}' to '{outcome}'; got none. "
            f"The paths are {'; '.join(map(write_directed, known)) or 'none'}."
        )
    return frozenset(chosen)


def write_directed(path: Iterable[str]) -> str:
    """A directed path as an edge string: a -> b -> c."""
    return " -> ".join(map(write_name, path))


def _read_path(path: str | Iterable[str]) -> Path:
    if isinstance(path, str):
        pairs = read_edges(path).directed
        names = (*(pair[0] for pair in pairs[:1]), *(child for _, child in pairs))
        chained = pairs == tuple(pairwise(names))
    else:
        names = tuple(path) if isinstance(path, Iterable) else ()
        chained = True
    if len(names) < 2 or not chained:
        raise GraphError(f"Expected a path as 'a -> b -> c' or as a sequence of names; got {path!r}.")
    return names


def _refuse_missing(graph: CausalGraph, pairs: Iterable[tuple[str, str]]) -> None:
    for parent, child in pairs:
        graph.require(parent)
        if graph.require(child) not in graph.children(parent):
            children = ", ".join(graph.children(parent))
            raise GraphError(
                f"Expected paths along the arrows of the graph; got {write_directed((parent, child))}, which is none. "
                f"'{parent}' has {'the children ' + children if children else 'no children'}."
            )
