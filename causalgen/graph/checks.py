"""Checks of a causal graph: declared and distinct names, no loop, no cycle."""

from collections.abc import Iterable

import networkx as nx

from ..errors import GraphError, nearest
from .parse import Pair, write_name
from .variable import Variable

__all__ = ["declare", "refuse_loops", "topological_order"]


def declare(variables: Iterable[Variable], mentioned: Iterable[str]) -> dict[str, Variable]:
    """Name -> Variable, in order of declaration, covering every name that the edges mention."""
    declared: dict[str, Variable] = {}
    for variable in variables:
        if not isinstance(variable, Variable):
            raise GraphError(f"Expected variables as Variable(name, kind); got {variable!r}.")
        if variable.name in declared:
            raise GraphError(f"Expected distinct variable names; got '{variable.name}' twice. Rename one of them.")
        declared[variable.name] = variable
    if not declared:
        return {name: Variable(name) for name in mentioned}
    for name in mentioned:
        if name not in declared:
            raise GraphError(
                f"Expected edges between the declared variables {', '.join(declared)}; got '{name}'."
                + (nearest(name, declared) or " Declare it, or remove its edges.")
            )
    return declared


def refuse_loops(pairs: Iterable[Pair]) -> None:
    """Raise for an edge of either kind from a variable to itself."""
    for a, b in pairs:
        if a == b:
            raise GraphError(f"Expected edges between two variables; got one from '{a}' to itself. Remove it.")


def topological_order(dag: nx.DiGraph) -> tuple[str, ...]:
    """Topological order in which ties follow the order of the nodes in `dag`."""
    place = {node: index for index, node in enumerate(dag)}
    try:
        return tuple(nx.lexicographical_topological_sort(dag, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        cycle = [a for a, _ in nx.find_cycle(dag)]
        start = cycle.index(min(cycle, key=place.__getitem__))
        shown = " -> ".join(map(write_name, [*cycle[start:], *cycle[:start], cycle[start]]))
        raise GraphError(f"Expected an acyclic graph; got the cycle {shown}. Remove one of its edges.") from None
