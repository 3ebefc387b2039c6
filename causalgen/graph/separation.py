"""d-separation in graphs with hidden common causes.

A bidirected edge a <-> b means that a hidden variable causes both. In the *canonical* DAG that variable is a node
like any other, a <- Latent(a, b) -> b, so every question about the mixed graph is one about a DAG, where networkx
answers it. The functions of this module work on such DAGs.

References:
    Pearl, Causality (2009), 1.2.3.
    Richardson and Spirtes, Ancestral graph Markov models (2002), section 6.
    Kloks and Kratsch, Listing all minimal separators of a graph (1998).
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

import networkx as nx

from .parse import write_name

__all__ = ["Independence", "Latent", "Node", "Square", "canonical_dag", "implied_independencies", "minimal_separators"]


@dataclass(frozen=True)
class Latent:
    """The hidden common cause behind a bidirected edge: a node of the canonical DAG.

    Not a tuple: networkx would take the pair of nodes ("a", "b") for the node Latent("a", "b").
    """

    first: str
    second: str


@dataclass(frozen=True)
class Square:
    """A selection node of the canonical DAG; see `causalgen.graph.selection`."""

    name: str


Node: TypeAlias = str | Latent | Square


class Independence(NamedTuple):
    """`x` is independent of `y` given `given` in every distribution that the graph generates."""

    x: str
    y: str
    given: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.x} ⊥ {self.y}" + (f" | {', '.join(self.given)}" if self.given else "")


def canonical_dag(
    nodes: Iterable[str], edges: Iterable[tuple[str, str]], confounded: Iterable[tuple[str, str]]
) -> nx.DiGraph:
    """The DAG in which each bidirected edge is a `Latent` common cause.

    >>> sorted(canonical_dag("ab", [("a", "b")], [("a", "b")]).predecessors("b"), key=str)
    [Latent(first='a', second='b'), 'a']
    """
    dag = nx.DiGraph()
    dag.add_nodes_from(nodes)
    dag.add_edges_from(edges)
    for a, b in confounded:
        dag.add_edges_from([(Latent(a, b), a), (Latent(a, b), b)])
    return dag


def ancestral_closure(dag: nx.DiGraph, nodes: Iterable[Node]) -> set[Node]:
    """The nodes together with all their ancestors."""
    return set().union(*({node} | nx.ancestors(dag, node) for node in nodes))


def open_path(dag: nx.DiGraph, x: Node, y: Node, given: Collection[Node] = ()) -> list[Node] | None:
    """A shortest path between `x` and `y` that `given` leaves open, or None if it d-separates them.

    A breadth-first search over (node, came in along an arrow). A shortest open walk visits no node twice, since
    cutting out the detour would leave it open and shorter.

    >>> dag = canonical_dag("xzy", [("z", "x"), ("z", "y")], [])
    >>> open_path(dag, "x", "y"), open_path(dag, "x", "y", ["z"])
    (['x', 'z', 'y'], None)
    """
    opens_collider = ancestral_closure(dag, given)
    came_from: dict[tuple[Node, bool], tuple[Node, bool] | None] = {(x, False): None}
    queue = deque(came_from)
    while queue:
        state = queue.popleft()
        node, arrow_in = state
        if node == y:
            return _trace(came_from, state)
        blocked = node in given
        steps = [] if blocked else [(child, True) for child in dag.successors(node)]
        # To a parent: through a collider that `given` opens, or through a node that is not a collider and not given.
        if (arrow_in and node in opens_collider) or (not arrow_in and not blocked):
            steps += [(parent, False) for parent in dag.predecessors(node)]
        for step in steps:
            if step not in came_from:
                came_from[step] = state
                queue.append(step)
    return None


def _trace(came_from: dict, state: tuple[Node, bool] | None) -> list[Node]:
    path = []
    while state is not None:
        path.append(state[0])
        state = came_from[state]
    return path[::-1]


def colliders(dag: nx.DiGraph, path: list[Node]) -> list[Node]:
    """The nodes at which two arrows of the path meet."""
    triples = zip(path, path[1:], path[2:])
    return [middle for a, middle, b in triples if dag.has_edge(a, middle) and dag.has_edge(b, middle)]


def write_node(node: str | Square) -> str:
    """A variable as in an edge string, or a selection node in square brackets."""
    return f"[{write_name(node.name)}]" if isinstance(node, Square) else write_name(node)


def write_path(dag: nx.DiGraph, path: list[Node]) -> str:
    """The path as an edge string.

    >>> dag = canonical_dag("abc", [("a", "b")], [("b", "c")])
    >>> write_path(dag, ["a", "b", Latent("b", "c"), "c"])
    'a -> b <-> c'
    """
    text = ""
    for node, following in zip(path, [*path[1:], None]):
        if isinstance(node, Latent):
            text += " <-> "
        else:
            text += write_node(node)
            if following is not None and not isinstance(following, Latent):
                text += " -> " if dag.has_edge(node, following) else " <- "
    return text


def minimal_separators(
    dag: nx.DiGraph, x: Node, y: Node, allowed: Iterable[Node], given: Collection[Node] = ()
) -> Iterator[frozenset]:
    """Every minimal subset of `allowed` that with `given` d-separates `x` from `y`, lazily, beginning at the side of `x`.

    A minimal d-separator is a minimal vertex cut in the moral graph over the ancestors of x and y (Lauritzen). The
    first cut is the one closest to x; moving one of its nodes to the side of x gives the next ones (Kloks and Kratsch).

    >>> dag = canonical_dag("xaby", [("x", "a"), ("a", "b"), ("b", "y")], [])
    >>> [sorted(separator) for separator in minimal_separators(dag, "x", "y", ["a", "b"])]
    [['a'], ['b']]
    """
    moral = _moral_graph_over(dag, x, y, allowed, given)
    if moral.has_edge(x, y):
        return
    position = {node: place for place, node in enumerate(dag)}
    seen = set()
    sides = deque([{x}])
    while sides:
        cut = _cut_around(moral, sides.popleft(), y)
        if cut in seen:
            continue
        seen.add(cut)
        yield cut
        side = _component(moral, x, without=cut)
        # A neighbour of y stays in the cut: on the side of x, no cut could separate it from y.
        sides += [side | {node} for node in sorted(cut, key=position.__getitem__) if not moral.has_edge(node, y)]


def _moral_graph_over(dag: nx.DiGraph, x: Node, y: Node, allowed: Iterable[Node], given: Collection[Node]) -> nx.Graph:
    """The moral graph over the ancestors of x, y and `given`, without `given` and with other nodes marginalised out."""
    moral = nx.moral_graph(dag.subgraph(ancestral_closure(dag, [x, y, *given])))
    moral.remove_nodes_from(given)
    for node in set(moral) - {x, y, *allowed}:
        moral.add_edges_from(combinations(list(moral[node]), 2))
        moral.remove_node(node)
    return moral


def _cut_around(moral: nx.Graph, side: set[Node], y: Node) -> frozenset:
    """The boundary of `side`, without the nodes that y cannot reach."""
    boundary = {neighbour for node in side for neighbour in moral[node]} - side
    far = _component(moral, y, without=boundary)
    return frozenset(node for node in boundary if not far.isdisjoint(moral[node]))


def _component(moral: nx.Graph, node: Node, *, without: Collection[Node]) -> set[Node]:
    return nx.node_connected_component(nx.restricted_view(moral, without, []), node)


def implied_independencies(
    dag: nx.DiGraph, nodes: Iterable[str], sampling: Collection[Node] = ()
) -> Iterator[Independence]:
    """One independence for each pair of `nodes` that some of the others d-separate, with a minimal such set.

    `nodes` in topological order: the later of a pair comes first, separated near its own side. The nodes in `sampling`
    select the rows of a table, so every independence holds given these nodes.
    """
    order = list(nodes)
    for y, x in combinations(order, 2):
        given = next(minimal_separators(dag, x, y, order, sampling), None)
        if given is not None:
            yield Independence(x, y, tuple(node for node in order if node in given))
