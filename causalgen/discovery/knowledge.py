"""Background knowledge: edges that must exist, edges that cannot exist, and an order in time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from ..errors import GraphError, UnknownNameError, nearest
from ..graph import CausalGraph, EdgesLike
from ..graph.parse import Pair, read_edges

__all__ = ["Knowledge"]


@dataclass(frozen=True, init=False)
class Knowledge:
    """Background knowledge. It overrides the data.

    For PC and LiNGAM, which assume no hidden common causes, an edge a -> b means that a is a direct cause of b. For
    FCI, which does not, it means that a is a cause of b, perhaps through columns that were not measured; there,
    forbidding a -> b leaves a <-> b, a hidden common cause, possible.

    Args:
        required: Edges that exist, in any form that `CausalGraph` reads, such as "age -> volume".
        forbidden: Edges that do not exist; "a -> b; b -> a" forbids both directions.
        tiers: Groups of columns in temporal order; a column of a later tier does not cause one of an earlier tier.
            Columns that are left out are unconstrained.

    Raises:
        GraphError: The knowledge contradicts itself: an edge is required and forbidden, required edges form a cycle
            or go back in time, or a column is in two tiers.

    >>> knowledge = Knowledge(required="age -> volume", tiers=[["age", "sex"], ["volume"]])
    >>> knowledge.forbids("volume", "sex"), knowledge.forbids("age", "sex")
    (True, False)
    >>> Knowledge(required="volume -> age", tiers=[["age"], ["volume"]])
    Traceback (most recent call last):
        ...
    causalgen.errors.GraphError: Expected required edges that go forward in time; got volume -> age, from tier 2 to
    tier 1. Drop the edge or move a column to another tier.
    """

    required: tuple[Pair, ...]
    forbidden: tuple[Pair, ...]
    tiers: tuple[tuple[str, ...], ...]

    def __init__(
        self, required: EdgesLike = (), forbidden: EdgesLike = (), tiers: Iterable[str | Iterable[str]] = ()
    ) -> None:
        groups = tuple((tier,) if isinstance(tier, str) else tuple(map(str, tier)) for tier in tiers)
        object.__setattr__(self, "required", _directed(required, "required"))
        object.__setattr__(self, "forbidden", _directed(forbidden, "forbidden"))
        object.__setattr__(self, "tiers", groups)
        self._refuse_contradictions()

    @classmethod
    def from_order(cls, order: CausalGraph | Iterable[str]) -> "Knowledge":
        """Each node as a separate tier, in the order of the graph's nodes or of the names given.

        >>> Knowledge.from_order(CausalGraph("hurry -> pen -> thickness")).tiers
        (('hurry',), ('pen',), ('thickness',))
        """
        return cls(tiers=[(name,) for name in order])

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden or self.tiers)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is mentioned, once."""
        edges = [name for pair in self.required + self.forbidden for name in pair]
        return tuple(dict.fromkeys(edges + [name for tier in self.tiers for name in tier]))

    def requires(self, a: str, b: str) -> bool:
        """Whether a -> b must exist."""
        return (a, b) in self.required

    def forbids(self, a: str, b: str) -> bool:
        """Whether a -> b cannot exist: it is forbidden, goes back in time, or its reverse is required."""
        tier = {name: position for position, names in enumerate(self.tiers) for name in names}
        backwards = a in tier and b in tier and tier[a] > tier[b]
        return (a, b) in self.forbidden or (b, a) in self.required or backwards

    def within(self, columns: Iterable[str]) -> "Knowledge":
        """The same knowledge, after a check that it names these columns only.

        Raises:
            UnknownNameError: It names another column.
        """
        known = tuple(columns)
        for name in self.names:
            if name not in known:
                raise UnknownNameError(
                    f"Expected background knowledge about the columns {', '.join(known)}; got '{name}'."
                    + nearest(name, known)
                )
        return self

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "required": [list(pair) for pair in self.required],
            "forbidden": [list(pair) for pair in self.forbidden],
            "tiers": [list(tier) for tier in self.tiers],
        }

    def _refuse_contradictions(self) -> None:
        place: dict[str, int] = {}
        for position, names in enumerate(self.tiers, start=1):
            for name in names:
                if name in place:
                    raise GraphError(
                        f"Expected every column in one tier; got '{name}' in the tiers {place[name]} and {position}."
                    )
                place[name] = position
        for a, b in self.required:
            if (a, b) in self.forbidden:
                raise GraphError(f"Expected edges either required or forbidden; got {a} -> {b} as both. Drop one.")
            if a in place and b in place and place[a] > place[b]:
                raise GraphError(
                    f"Expected required edges that go forward in time; got {a} -> {b}, from tier {place[a]} to tier "
                    f"{place[b]}. Drop the edge or move a column to another tier."
                )
        _refuse_cycle(self.required, place)


def _refuse_cycle(required: Iterable[Pair], place: Mapping[str, int]) -> None:
    """Refuse required edges with a cycle, on their own or together with the order of the tiers."""
    graph = nx.DiGraph(required)
    graph.add_edges_from((a, b) for a in place for b in place if place[a] < place[b])
    cycles = [cycle for cycle in nx.strongly_connected_components(graph) if len(cycle) > 1]
    if cycles:
        names = ", ".join(sorted(cycles[0]))
        raise GraphError(
            f"Expected required edges without a cycle, also through the tiers; got one among {names}. Drop an edge."
        )


def _directed(edges: EdgesLike, what: str) -> tuple[Pair, ...]:
    read = read_edges(edges)
    if read.bidirected:
        a, b = read.bidirected[0]
        raise GraphError(f"Expected {what} edges as 'a -> b'; got {a} <-> {b}. Write both directions for a pair.")
    for a, b in read.directed:
        if a == b:
            raise GraphError(f"Expected {what} edges between two columns; got {a} -> {b}.")
    lone = set(read.nodes) - {name for pair in read.directed for name in pair}
    if lone:
        raise GraphError(f"Expected {what} edges as 'a -> b'; got '{sorted(lone)[0]}' alone.")
    return read.directed
