"""What data can reveal about a graph: a class of graphs, represented by marks on edges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..errors import NotIdentifiableError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable
from ..graph.parse import Pair, write_name
from .orientation import Partial, members

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClassKind", "Edge", "EquivalenceClass", "Mark", "Separation", "from_partial", "reverse"]

ClassKind = Literal["CPDAG", "PAG", "DAG under LiNGAM's assumptions"]
Mark = Literal["->", "---", "<->", "o->", "o-o"]
Edge = tuple[str, Mark, str]
"""An edge in reading order: ("a", "->", "b")."""

MEANING = {
    "->": "{a} causes {b}",
    "---": "{a} causes {b} or {b} causes {a}; the data do not show which",
    "<->": "neither causes the other; a hidden common cause acts on both",
    "o->": "{b} does not cause {a}; {a} causes {b}, or a hidden common cause acts on both",
    "o-o": "some causal connection; the data do not show which",
}


def reverse(mark: str) -> str:
    """The mark as read from the other end.

    >>> reverse("o->"), reverse("---")
    ('<-o', '---')
    """
    return {"->": "<-", "<-": "->", "o->": "<-o", "<-o": "o->"}.get(mark, mark)


class Separation(NamedTuple):
    """Why two columns are not adjacent: a test given these others did not reject their independence."""

    a: str
    b: str
    given: tuple[str, ...]
    p_value: float

    def __str__(self) -> str:
        given = f" given {', '.join(self.given)}" if self.given else ""
        return f"{self.a} and {self.b} independent{given}: not rejected (p = {self.p_value:.2g})"


@dataclass(frozen=True, repr=False)
class EquivalenceClass:
    """The graphs that the data cannot distinguish, under stated assumptions.

    Args:
        kind: "CPDAG": DAGs without hidden common causes. "PAG": graphs that may have them. "DAG under LiNGAM's
            assumptions": one DAG, which linearity and non-Gaussian noise single out.
        nodes: The columns.
        edges: `(a, mark, b)`, one for each adjacent pair: "->", "---" (a or b is the cause), "<->" (hidden common
            cause), "o->" and "o-o" (a circle: unknown whether arrowhead or tail). Other pairs are not adjacent:
            some set of columns made the two independent.
        conflicts: Contradictions that rule out a class, as text; finite data can contradict themselves.
        separations: Why pairs are not adjacent, from the algorithms that test.

    >>> found = EquivalenceClass("CPDAG", ("a", "b", "c"), (("a", "---", "b"), ("b", "---", "c")))
    >>> print(found)
    a --- b; b --- c
    >>> found
    EquivalenceClass(CPDAG: a --- b; b --- c)
    >>> [str(graph) for graph in found.graphs()]
    ['a -> b; b -> c', 'b -> {a, c}', 'c -> b; b -> a']
    """

    kind: ClassKind
    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]
    conflicts: tuple[str, ...] = ()
    separations: tuple[Separation, ...] = ()

    def __post_init__(self) -> None:
        place = {name: index for index, name in enumerate(self.nodes)}

        def key(edge: Edge) -> tuple[int, int]:
            return place[edge[0]], place[edge[2]]

        symmetric = {"---", "<->", "o-o"}
        turned = [(b, m, a) if m in symmetric and place[a] > place[b] else (a, m, b) for a, m, b in self.edges]
        object.__setattr__(self, "edges", tuple(sorted(turned, key=key)))

    # -- reading ---------------------------------------------------------------------------------------------------

    def mark(self, a: str, b: str) -> str:
        """The edge as read from `a` to `b`: one of the marks, "<-", "<-o", or "" if the two are not adjacent.

        Raises:
            UnknownNameError: A name is not a node.
        """
        for name in (a, b):
            if name not in self.nodes:
                raise UnknownNameError(
                    f"Expected a node among {', '.join(self.nodes)}; got {name!r}." + nearest(str(name), self.nodes)
                )
        for x, mark, y in self.edges:
            if (x, y) == (a, b):
                return mark
            if (x, y) == (b, a):
                return reverse(mark)
        return ""

    @property
    def directed(self) -> tuple[Pair, ...]:
        """Pairs (a, b) with a -> b in every member: a causes b."""
        return tuple((a, b) for a, mark, b in self.edges if mark == "->")

    @property
    def undirected(self) -> tuple[Pair, ...]:
        """Pairs a --- b: some members have a -> b, others b -> a."""
        return tuple((a, b) for a, mark, b in self.edges if mark == "---")

    @property
    def bidirected(self) -> tuple[Pair, ...]:
        """Pairs a <-> b of a PAG: a hidden common cause, neither causes the other."""
        return tuple((a, b) for a, mark, b in self.edges if mark == "<->")

    @property
    def skeleton(self) -> frozenset[frozenset[str]]:
        """The adjacent pairs."""
        return frozenset(frozenset((a, b)) for a, _, b in self.edges)

    # -- graphs ----------------------------------------------------------------------------------------------------

    def graph(self, variables: Iterable[Variable] = ()) -> CausalGraph:
        """The one causal graph of the class, where every orientation is implied.

        Args:
            variables: Declarations for the nodes.

        Raises:
            NotIdentifiableError: An edge is not oriented, the class is a PAG, or no graph fits; the message proposes how to
                orient it.
        """
        self._refuse_pag()
        if self.undirected:
            pairs = ", ".join(f"{a} --- {b}" for a, b in self.undirected)
            raise NotIdentifiableError(
                f"Expected every edge oriented; got {pairs}. Orient them by knowledge (an order in time, required or "
                "forbidden edges) or by an experiment on one end; graphs() lists the members of the class."
            )
        found = next(self.graphs(), None)
        if found is None:
            reasons = self.conflicts or ("its arrows form a cycle or a collider that the tests do not support.",)
            raise NotIdentifiableError("Expected a class with a member; got none: " + " ".join(reasons))
        return CausalGraph(found.edges, tuple(variables) or found.variables.values())

    def graphs(self, limit: int | None = None) -> Iterator[CausalGraph]:
        """The members of the class, found one at a time; at most `limit` of them.

        Raises:
            NotIdentifiableError: The class is a PAG, which has infinitely many members: hidden causes may be anywhere.
        """
        self._refuse_pag()
        variables = [Variable(name) for name in self.nodes]
        found = members(self.nodes, self.directed, self.undirected)
        return (CausalGraph(sorted(edges), variables) for edges in islice(found, limit))

    def _refuse_pag(self) -> None:
        if self.kind == "PAG":
            raise NotIdentifiableError(
                "Expected a class without hidden causes; got a PAG, where even a -> b may be confounded. Read its "
                "marks, and draw the graph yourself."
            )

    # -- writing ---------------------------------------------------------------------------------------------------

    def to_frame(self) -> "pd.DataFrame":
        """One row for each edge: a, mark, b, and the mark's meaning."""
        import pandas as pd

        rows = [(a, mark, b, MEANING[mark].format(a=a, b=b)) for a, mark, b in self.edges]
        return pd.DataFrame(rows, columns=["a", "mark", "b", "meaning"])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "kind": self.kind,
            "nodes": list(self.nodes),
            "edges": [list(edge) for edge in self.edges],
            "conflicts": list(self.conflicts),
            "separations": [entry._asdict() | {"given": list(entry.given)} for entry in self.separations],
        }

    def __str__(self) -> str:
        joined = {name for a, _, b in self.edges for name in (a, b)}
        parts = [f"{write_name(a)} {mark} {write_name(b)}" for a, mark, b in self.edges]
        return "; ".join(parts + [write_name(name) for name in self.nodes if name not in joined])

    def __repr__(self) -> str:
        return f"EquivalenceClass({self.kind}: {self})"


def from_partial(kind: ClassKind, nodes: Iterable[str], partial: Partial, conflicts: Iterable[str]) -> EquivalenceClass:
    """The class of a partially directed graph."""
    directed, undirected = partial
    edges: list[Edge] = [(a, "->", b) for a, b in directed]
    edges += [(a, "---", b) for a, b in undirected]
    return EquivalenceClass(kind, tuple(nodes), tuple(edges), tuple(conflicts))
