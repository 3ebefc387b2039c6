"""The front-door criterion: variables that carry the whole effect and share no hidden cause with either end.

References:
    Pearl, Causality (2009), 3.3.2.
    Jeong, Tian and Bareinboim, Finding and listing front-door adjustment sets (2022).
"""

from collections.abc import Iterable, Iterator

import networkx as nx

from .accepted import GraphLike, as_graph
from .adjustment import causal_nodes, check_pair, observed_nodes

__all__ = ["front_door_set"]


def front_door_set(
    graph: GraphLike, treatment: str, outcome: str, *, observed: Iterable[str] | None = None
) -> tuple[str, ...] | None:
    """A set M of observed variables that satisfies the front-door criterion, or None; no member can be dropped.

    (i) M intercepts every directed path from treatment to outcome; (ii) no back-door path from the treatment to M
    is open; (iii) the treatment blocks every back-door path from M to the outcome.

    Conditions (ii) and (iii) exclude variables one after another, and an excluded one never returns, so the rest is the
    largest set that satisfies both; if it misses a directed path, every set does.

    Raises:
        UnknownNameError: A name is not a node.
        GraphError: Treatment and outcome are the same.

    >>> from causalgen.graph import CausalGraph
    >>> front_door_set(CausalGraph("x -> a -> b -> y; x <-> y"), "x", "y")
    ('a',)
    """
    graph = as_graph(graph)
    check_pair(graph, treatment, outcome)
    dag = graph.canonical()
    candidates = [name for name in observed_nodes(graph, observed) if name not in (treatment, outcome)]
    unconfounded = _without_edges_out_of(dag, [treatment])
    kept = [name for name in candidates if nx.is_d_separator(unconfounded, treatment, name, set())]
    while exposed := _exposed(dag, kept, treatment, outcome):
        kept = [name for name in kept if name not in exposed]
    if not _intercepts(dag, kept, treatment, outcome):
        return None
    causal = causal_nodes(graph, treatment, outcome)
    # Drop nodes off the causal paths first, then those nearest to the outcome.
    kept.sort(key=lambda name: (name in causal, -graph.nodes.index(name)))
    while (smaller := next(_one_less(dag, kept, treatment, outcome), None)) is not None:
        kept = smaller
    return graph.select(kept)


def _one_less(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> Iterator[list[str]]:
    """The front-door sets that lack one of the mediators; a drop can make another possible."""
    for name in mediators:
        rest = [other for other in mediators if other != name]
        if _intercepts(dag, rest, treatment, outcome) and not _exposed(dag, rest, treatment, outcome):
            yield rest


def _without_edges_out_of(dag: nx.DiGraph, nodes: Iterable[str]) -> nx.DiGraph:
    return nx.restricted_view(dag, [], list(dag.out_edges(nodes)))


def _exposed(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> set[str]:
    """The mediators with a back-door path to the outcome that the treatment does not block."""
    back_doors = _without_edges_out_of(dag, mediators)
    return {name for name in mediators if not nx.is_d_separator(back_doors, name, outcome, {treatment})}


def _intercepts(dag: nx.DiGraph, mediators: list[str], treatment: str, outcome: str) -> bool:
    return not nx.has_path(nx.restricted_view(dag, mediators, []), treatment, outcome)
