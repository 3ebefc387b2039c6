"""The parts of a graph in a text or a dictionary, before the graph is built."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import GraphError, nearest
from .parse import EdgesLike
from .variable import Variable

__all__ = ["GraphParts", "parts_of"]


class GraphParts(NamedTuple):
    """Arguments of a `CausalGraph`, and the nodes to project out of it.

    Args:
        edges: Edges, as `CausalGraph` takes them.
        variables: Variables in order of declaration.
        confounded: Pairs with a hidden common cause.
        hidden: Names of nodes that are not observed.
        selection: Edges from and into selection nodes, as strings.
    """

    edges: EdgesLike
    variables: Sequence[Variable] = ()
    confounded: str | Iterable[str | Iterable[str]] = ()
    hidden: frozenset[str] = frozenset()
    selection: str | Iterable[str] = ()


def parts_of(data: Mapping[str, Any]) -> GraphParts:
    """The parts of a graph in the form of `CausalGraph.to_dict`; the edges may also be a string.

    Raises:
        GraphError: A key is missing or unknown, or a variable is not valid.
    """
    known = ("variables", "edges", "confounded", "selection")
    for key in data:
        if key not in known:
            raise GraphError(
                f"Expected keys of a graph among {', '.join(known)}; got {key!r}." + nearest(str(key), known)
            )
    if "edges" not in data:
        raise GraphError(f"Expected a graph with the key 'edges'; got only {', '.join(data) or 'nothing'}.")
    variables = [Variable.from_dict(entry) for entry in data.get("variables", ())]
    return GraphParts(data["edges"], variables, data.get("confounded", ()), selection=data.get("selection", ()))
