"""Selection nodes, drawn as squares in a causal graph, which describe where the units of a table come from.

A name in square brackets is not a variable and has no column. The direction of its arrows gives its meaning:

- `[site] -> scanner`: the mechanism of `scanner` differs between populations, here between sites.
- `pain -> [recruited]`: `pain` helps to decide which units are in the table.

References:
    Pearl and Bareinboim, External validity: from do-calculus to transportability across populations (2014).
    Bareinboim, Tian and Pearl, Recovering from selection bias in causal and statistical inference (2014).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import networkx as nx

from ..errors import GraphError, nearest
from .parse import Edges, Pair, read_edges, write_name
from .projection import latent_projection
from .separation import Latent, Node, Square

__all__ = ["Selection", "read_selection"]


@dataclass(frozen=True)
class Selection:
    """The selection nodes of a graph.

    Args:
        squares: Names of the selection nodes.
        edges: Arrows that begin or end at one of them.
        confounded: Pairs with a hidden common cause of which one is a selection node.
    """

    squares: tuple[str, ...] = ()
    edges: tuple[Pair, ...] = ()
    confounded: tuple[Pair, ...] = ()

    @property
    def sampling(self) -> tuple[str, ...]:
        """The selection nodes with an arrow in: they decide which units are in the table."""
        entered = {b for _, b in self.edges} | {name for pair in self.confounded for name in pair}
        return tuple(name for name in self.squares if name in entered)

    @property
    def conditions(self) -> tuple[Square, ...]:
        """The same as nodes of a DAG; everything in a table is conditional on them."""
        return tuple(map(Square, self.sampling))

    @property
    def differing(self) -> tuple[str, ...]:
        """The selection nodes without an arrow in: they mark what differs between populations."""
        return tuple(name for name in self.squares if name not in self.sampling)

    def __bool__(self) -> bool:
        return bool(self.squares)

    def statements(self) -> list[str]:
        """The edges as strings that `CausalGraph` reads."""
        arrows = [f"{self._write(a)} -> {self._write(b)}" for a, b in self.edges]
        return arrows + [f"{self._write(a)} <-> {self._write(b)}" for a, b in self.confounded]

    def only_sampling(self) -> "Selection":
        """Without the selection nodes that mark differences between populations."""
        own = set(self.differing)
        return _kept(self.sampling, [pair for pair in self.edges if not own & set(pair)], self.confounded)

    def cut(self, nodes: Collection[str]) -> "Selection":
        """The selection nodes when nothing points into `nodes` any more."""
        edges = [pair for pair in self.edges if pair[1] not in nodes]
        return _kept(self.squares, edges, [pair for pair in self.confounded if not set(pair) & set(nodes)])

    def project(
        self, nodes: Iterable[str], edges: Iterable[Pair], confounded: Iterable[Pair], keep: Collection[str]
    ) -> "Selection":
        """The selection nodes of the latent projection of the graph with these nodes and edges."""
        if not self:
            return self
        entered = set(self.sampling)
        order = [*self.differing, *nodes, *(name for name in self.squares if name in entered)]
        every = [*edges, *self.edges], [*confounded, *self.confounded]
        arrows, arcs = latent_projection(order, *every, keep={*keep, *self.squares})
        own = set(self.squares)
        return _kept(
            self.squares, [pair for pair in arrows if own & set(pair)], [pair for pair in arcs if own & set(pair)]
        )

    def draw(self, dag: nx.DiGraph) -> nx.DiGraph:
        """Add the selection nodes, as `Square`, to a canonical DAG."""

        def node(name: str) -> Node:
            return Square(name) if name in self.squares else name

        dag.add_nodes_from(map(node, self.squares))
        dag.add_edges_from((node(a), node(b)) for a, b in self.edges)
        for a, b in self.confounded:
            dag.add_edges_from([(Latent(a, b), node(a)), (Latent(a, b), node(b))])
        return dag

    def _write(self, name: str) -> str:
        return f"[{write_name(name)}]" if name in self.squares else write_name(name)


def read_selection(read: Edges, given: str | Iterable[str], nodes: Collection[str]) -> Selection:
    """The selection nodes among the edges of a graph, and those given separately.

    Raises:
        GraphError: A selection node is also a variable, is isolated or in a cycle, or its edge names no variable.
    """
    extra = read_edges(given) if given else Edges((), (), ())
    squares = tuple(dict.fromkeys([*read.squares, *extra.squares]))
    own = set(squares)
    for a, b in (*extra.directed, *extra.bidirected):
        if not own & {a, b}:
            raise GraphError(
                f"Expected a selection node in square brackets in every edge of `selection`, such as '[site] -> {b}'; got "
                f"'{a}' and '{b}' without one."
            )
    for name in squares:
        if name in nodes:
            raise GraphError(
                f"Expected '{name}' either as a variable or, in square brackets, as a selection node; got both. Rename one."
            )
    edges = [pair for pair in dict.fromkeys([*read.directed, *extra.directed]) if own & set(pair)]
    arcs = [pair for pair in dict.fromkeys([*read.bidirected, *extra.bidirected]) if own & set(pair)]
    for name in {name for pair in (*edges, *arcs) for name in pair} - own - set(nodes):
        raise GraphError(
            f"Expected selection nodes next to variables of the graph; got '{name}'."
            + (nearest(name, nodes) or " Declare it, or remove its edges.")
        )
    found = _kept(squares, edges, arcs)
    if not nx.is_directed_acyclic_graph(nx.DiGraph([pair for pair in edges if own >= set(pair)])):
        raise GraphError("Expected selection nodes without a cycle; got one. Remove one of its edges.")
    for name in squares:
        if name not in found.squares:
            raise GraphError(
                f"Expected an arrow from or into the selection node [{name}], such as '[{name}] -> x' where the mechanism of x "
                f"differs between populations, or 'x -> [{name}]' where x decides which units are in the table; got none."
            )
        after = {b for a, b in edges if a == name}
        if name in found.sampling and after - set(found.sampling):
            raise GraphError(
                f"Expected arrows either from or into the selection node [{name}]; got both. Draw two: one for what differs "
                "between populations, one for what decides which units are in the table."
            )
    return found


def _kept(squares: Iterable[str], edges: Iterable[Pair], arcs: Iterable[Pair]) -> Selection:
    """The selection nodes that still have an edge."""
    edges, arcs = tuple(edges), tuple(arcs)
    joined = {name for pair in (*edges, *arcs) for name in pair}
    return Selection(tuple(name for name in squares if name in joined), edges, arcs)
