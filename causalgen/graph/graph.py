"""The causal graph: variables, arrows, and bidirected edges for hidden common causes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import networkx as nx

from ..errors import GraphError, UnknownNameError, nearest
from .checks import declare, refuse_loops, topological_order
from .formats import parse_text, read_file, write_graph
from .graph_parts import GraphParts, parts_of
from .parse import EdgesLike, Pair, read_confounded, read_edges, write_name
from .projection import latent_projection
from .selection import Selection, read_selection
from .separation import Independence, canonical_dag, implied_independencies
from .variable import Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CausalGraph"]

MOST_SAID, MOST_DRAWN = 24, 40
"""Maximum number of nodes for `repr` to list a graph and for a notebook to draw it."""


@dataclass(frozen=True, init=False, repr=False, eq=False)
class CausalGraph:
    """A directed acyclic graph over variables, with a bidirected edge for each hidden common cause of two of them.

    Nodes, parents, edges and all other lists are in one topological order, in which ties follow the order of
    declaration (of first mention, when no variables are declared).

    Args:
        edges: A string "hurry -> pen -> thickness; a <-> b; x -> {y, z}", a list of pairs (parent, child), a dict
            parent -> children, or a networkx.DiGraph.
        variables: The variables, in order of declaration; those without edges are isolated nodes. When none is
            given, every name among the edges becomes a `Variable` without a kind.
        confounded: Further pairs of variables with a hidden common cause.
        selection: Further edges with selection nodes, such as "[site] -> scanner": the mechanism of `scanner` differs between
            sites; or "pain -> [recruited]": `pain` decides which units are in the table. They may also be listed among
            the edges.

    Raises:
        GraphError: The edges are malformed, form a cycle, join a variable to itself or name an undeclared
            variable; or two variables share a name.

    >>> graph = CausalGraph("hurry -> {pen, thickness}; pen -> thickness")
    >>> graph.nodes, graph.parents("thickness")
    (('hurry', 'pen', 'thickness'), ('hurry', 'pen'))
    >>> CausalGraph("a -> b -> c -> a")
    Traceback (most recent call last):
        ...
    causalgen.errors.GraphError: Expected an acyclic graph; got the cycle a -> b -> c -> a. Remove one of its edges.
    """

    nodes: tuple[str, ...]
    edges: tuple[Pair, ...]
    confounded: tuple[Pair, ...]
    selection: Selection
    _variables: dict[str, Variable]

    def __init__(
        self,
        edges: EdgesLike,
        variables: Iterable[Variable] = (),
        confounded: str | Iterable[str | Iterable[str]] = (),
        selection: str | Iterable[str] = (),
    ) -> None:
        read, extra = read_edges(edges), read_confounded(confounded)
        declared = declare(variables, (*read.nodes, *extra.nodes))
        squares = read_selection(read, selection, declared)
        directed = [pair for pair in read.directed if pair not in squares.edges]
        bidirected = [pair for pair in (*read.bidirected, *extra.bidirected) if pair not in squares.confounded]
        dag = nx.DiGraph()
        dag.add_nodes_from(declared)
        dag.add_edges_from(directed)
        refuse_loops((*directed, *bidirected))
        nodes = topological_order(dag)
        place = {node: index for index, node in enumerate(nodes)}

        def ordered(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
            return tuple(sorted(set(pairs), key=lambda pair: (place[pair[0]], place[pair[1]])))

        set_field = object.__setattr__  # frozen: the fields are set only here
        set_field(self, "nodes", nodes)
        set_field(self, "edges", ordered(directed))
        set_field(self, "confounded", ordered((a, b) if place[a] < place[b] else (b, a) for a, b in bidirected))
        set_field(self, "selection", squares)
        set_field(self, "_variables", {node: declared[node] for node in nodes})

    # -- variables -----------------------------------------------------------------------------------------------

    @property
    def variables(self) -> Mapping[str, Variable]:
        """Name -> Variable, in topological order; read-only."""
        return MappingProxyType(self._variables)

    @property
    def images(self) -> tuple[str, ...]:
        """The image nodes, in topological order."""
        return tuple(name for name in self.nodes if self._variables[name].is_image)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The nodes that are not images, in topological order."""
        return tuple(name for name in self.nodes if not self._variables[name].is_image)

    def require(self, name: str) -> str:
        """Return `name`.

        Raises:
            UnknownNameError: No node has that name; the message proposes the nearest one.
        """
        if not isinstance(name, str) or name not in self._variables:
            raise UnknownNameError(
                f"Expected a node among {', '.join(self.nodes)}; got {name!r}." + nearest(str(name), self.nodes)
            )
        return name

    def select(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """One name or several, checked, without duplicates, in topological order.

        Raises:
            UnknownNameError: A name is not a node.

        >>> CausalGraph("a -> b -> c").select(["c", "a"])
        ('a', 'c')
        """
        if isinstance(names, str) or not isinstance(names, Iterable):
            names = [names]
        chosen = {self.require(name) for name in names}
        return tuple(node for node in self.nodes if node in chosen)

    def __getitem__(self, name: str) -> Variable:
        return self._variables[self.require(name)]

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    # -- kinship -------------------------------------------------------------------------------------------------

    @cached_property
    def _dag(self) -> nx.DiGraph:
        return canonical_dag(self.nodes, self.edges, ())

    @cached_property
    def _canonical(self) -> nx.DiGraph:
        return canonical_dag(self.nodes, self.edges, self.confounded)

    def parents(self, name: str) -> tuple[str, ...]:
        """The direct causes of a node."""
        return self.select(self._dag.predecessors(self.require(name)))

    def children(self, name: str) -> tuple[str, ...]:
        """The nodes that a node causes directly."""
        return self.select(self._dag.successors(self.require(name)))

    def ancestors(self, name: str) -> tuple[str, ...]:
        """All direct and indirect causes of a node, without the node."""
        return self.select(nx.ancestors(self._dag, self.require(name)))

    def descendants(self, name: str) -> tuple[str, ...]:
        """All nodes that a node causes directly or indirectly, without the node."""
        return self.select(nx.descendants(self._dag, self.require(name)))

    # -- other graphs --------------------------------------------------------------------------------------------

    def do(self, nodes: str | Iterable[str]) -> "CausalGraph":
        """The graph under an intervention: nothing points into the intervened nodes.

        >>> print(CausalGraph("hurry -> pen -> thickness; pen <-> thickness").do("pen"))
        hurry; pen -> thickness
        """
        cut = self.select(nodes)
        edges = [(a, b) for a, b in self.edges if b not in cut]
        confounded = [(a, b) for a, b in self.confounded if a not in cut and b not in cut]
        return CausalGraph(edges, self._variables.values(), confounded, self.selection.cut(cut).statements())

    def project(self, keep: str | Iterable[str]) -> "CausalGraph":
        """The latent projection on `keep`: the other nodes become hidden, and dependences through them are kept.

        >>> print(CausalGraph("x -> image -> {score, label}").project(["x", "score", "label"]))
        x -> {score, label}; score <-> label
        """
        kept = self.select(keep)
        edges, confounded = latent_projection(self.nodes, self.edges, self.confounded, kept)
        selection = self.selection.project(self.nodes, self.edges, self.confounded, kept)
        return CausalGraph(edges, [self._variables[name] for name in kept], confounded, selection.statements())

    def with_parts(
        self,
        *,
        edges: Iterable[Pair] | None = None,
        variables: Iterable[Variable] | None = None,
        confounded: Iterable[Pair] | None = None,
    ) -> "CausalGraph":
        """The same graph, selection nodes included, with some of its parts replaced."""
        return CausalGraph(
            self.edges if edges is None else edges,
            self._variables.values() if variables is None else variables,
            self.confounded if confounded is None else confounded,
            self.selection.statements(),
        )

    def networkx(self) -> nx.DiGraph:
        """A copy of the directed edges as a networkx graph; bidirected edges are left out."""
        return self._dag.copy()

    def canonical(self) -> nx.DiGraph:
        """A copy as a DAG in which each bidirected edge a <-> b is a node `Latent(a, b)` with two children."""
        return self._canonical.copy()

    def with_selection(self) -> nx.DiGraph:
        """The canonical DAG with every selection node as a node `Square(name)`."""
        return self.selection.draw(self.canonical())

    # -- separation ----------------------------------------------------------------------------------------------

    def d_separated(self, x: str | Iterable[str], y: str | Iterable[str], given: str | Iterable[str] = ()) -> bool:
        """Whether `given` blocks every path between `x` and `y`, and so makes them independent.

        Raises:
            UnknownNameError: A name is not a node.
            GraphError: Two of the three sets share a node.

        >>> graph = CausalGraph("hurry -> {pen, thickness}")
        >>> graph.d_separated("pen", "thickness"), graph.d_separated("pen", "thickness", given="hurry")
        (False, True)
        """
        left, right, blockers = set(self.select(x)), set(self.select(y)), set(self.select(given))
        for name in sorted(left & right | left & blockers | right & blockers):
            raise GraphError(f"Expected x, y and given to share no node; got '{name}' in two of them.")
        return nx.is_d_separator(self._canonical, left, right, blockers)

    def independencies(self) -> tuple[Independence, ...]:
        """The testable content of the graph: an independence for each pair that some set d-separates.

        Each comes with a minimal separating set. Pairs that no set of nodes separates are left out. Where selection nodes
        decide which units are in the table, the independencies are those among its rows.

        >>> [str(independence) for independence in CausalGraph("hurry -> pen -> thickness").independencies()]
        ['thickness ⊥ hurry | pen']
        """
        return tuple(implied_independencies(self.with_selection(), self.nodes, self.selection.conditions))

    # -- reading and writing -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, which `from_dict` reads."""
        return {
            "variables": [variable.to_dict() for variable in self._variables.values()],
            "edges": [list(pair) for pair in self.edges],
            "confounded": [list(pair) for pair in self.confounded],
        } | ({"selection": self.selection.statements()} if self.selection else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CausalGraph":
        """The graph that `to_dict` wrote; the edges may also be a string.

        Raises:
            GraphError: A key is missing or unknown, or the graph is not valid.

        >>> graph = CausalGraph("a -> b; b <-> c")
        >>> CausalGraph.from_dict(graph.to_dict()) == graph
        True
        """
        return cls.of_parts(parts_of(data))

    @classmethod
    def of_parts(cls, parts: GraphParts) -> "CausalGraph":
        """The graph of its parts; hidden nodes are projected out.

        Raises:
            GraphError: The graph is not valid.
        """
        graph = cls(parts.edges, parts.variables, parts.confounded, parts.selection)
        return graph.project([name for name in graph if name not in parts.hidden]) if parts.hidden else graph

    @classmethod
    def read(cls, path: str | Path) -> "CausalGraph":
        """The graph in a file; the suffix gives the format: .dot, .gv, .gml, .graphml, .yaml, .yml or .json.

        How files of other programs are read (DOT with the arrows and words of DAGitty and DoWhy):

        - `<->`, or the attribute `dir=both`, is a bidirected edge; `dir=back` reverses an edge.
        - A hidden node (`latent`, `unobserved`, `observed=no`, or DoWhy's label "Unobserved Confounders") is projected
          out: a hidden common cause becomes a bidirected edge, and a hidden intermediate variable becomes a direct
          edge.
        - The attributes `kind`, `unit`, and, as JSON, `labels`, `support` and `image_shape` declare a variable. Other
          attributes, ports and the borders of subgraphs have no causal meaning and are left out.
        - A node `selected` by DAGitty is a selection node `[name]`: its parents decide which units are in the table. So is a
          node with the attribute `selection`: an arrow from it leads to a mechanism that differs between populations.
        - A repeated edge counts once. Undirected edges, cycles, and nodes `adjusted` by DAGitty are errors: what to adjust
          for belongs to the question, not to the graph.
        - A text has at most 100,000 edges, 10,000 nodes, 1,000 characters a name, and 400,000 (YAML, GML) to 2,000,000
          (JSON) characters.

        Raises:
            GraphError: The file cannot be read, is malformed, or holds no valid graph.
        """
        parts = read_file(path)
        try:
            return cls.of_parts(parts)
        except GraphError as error:
            raise GraphError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, text: str, format: str) -> "CausalGraph":
        """The graph in a text.

        Args:
            text: The text.
            format: "dot", "gml", "graphml", "yaml" or "json"; see `read` for how they are read.

        Raises:
            GraphError: The text is malformed, or the graph is not valid.

        >>> print(CausalGraph.parse("dag { x -> y; U [latent]; x <- U -> y }", "dot"))
        x -> y; x <-> y
        """
        return cls.of_parts(parse_text(text, format))

    def write(self, path: str | Path) -> None:
        """Write the graph to a file in the format of its suffix; `read` gives an equal graph.

        Raises:
            GraphError: The suffix belongs to no format, or the format cannot hold a name, a unit or a label.
        """
        write_graph(self, path)

    def __eq__(self, other: object) -> bool:
        """Same variables and same edges; the order of declaration does not matter."""
        return isinstance(other, CausalGraph) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @cached_property
    def _content(self) -> tuple[frozenset, ...]:
        spouses = frozenset(frozenset(pair) for pair in (*self.confounded, *self.selection.confounded))
        edges = frozenset((*self.edges, *self.selection.edges))
        return frozenset(self._variables.values()), edges, spouses, frozenset(self.selection.squares)

    def __str__(self) -> str:
        """The graph as an edge string, which builds it again."""
        parts = []
        for node in self.nodes:
            children = ", ".join(map(write_name, self.children(node)))
            if children:
                parts.append(f"{write_name(node)} -> " + (f"{{{children}}}" if "," in children else children))
            elif not self.parents(node):
                parts.append(write_name(node))
        parts += [f"{write_name(a)} <-> {write_name(b)}" for a, b in self.confounded]
        parts += self.selection.statements()
        return "; ".join(parts)

    def __repr__(self) -> str:
        if len(self) > MOST_SAID:
            ends = f"{', '.join(self.nodes[:4])}, ..., {self.nodes[-1]}"
            hidden = f", {len(self.confounded)} bidirected" if self.confounded else ""
            return f"CausalGraph(<{len(self)} nodes: {ends}; {len(self.edges)} edges{hidden}>)"
        kinds = ", ".join(f"{v.name}: {v.kind}" for v in self._variables.values() if v.kind is not None)
        return f"CausalGraph({str(self)!r}" + (f", {{{kinds}}})" if kinds else ")")

    def plot(self, do: Iterable[str] | Mapping[str, Any] = (), **options: Any) -> "Figure":
        """Draw the graph, also under an intervention; see `causalgen.reports.plot_graph`."""
        from ..reports import plot_graph

        return plot_graph(self, do, **options)

    def _repr_svg_(self) -> str | None:
        """The drawing, in a notebook."""
        if not 0 < len(self) <= MOST_DRAWN:
            return None
        from ..reports.display import as_svg

        return as_svg(self.plot())
