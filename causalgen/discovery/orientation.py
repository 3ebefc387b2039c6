"""Which orientations a skeleton, its colliders and background knowledge imply: Meek's rules.

A partially directed graph is a pair of sets here: directed edges (a, b) for a -> b, and undirected pairs. Meek's four rules
(Causal inference and causal explanation with background knowledge, UAI 1995) orient every edge on which all members of the
class agree. They are implemented here because causal-learn lacks the fourth, without which knowledge is not fully used.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations

from ..graph.parse import Pair
from .knowledge import Knowledge

__all__ = ["Partial", "class_of", "colliders", "complete", "extendable", "members"]

Partial = tuple[frozenset[Pair], frozenset[Pair]]
"""Directed edges, and undirected pairs in sorted order."""
Collider = tuple[Pair, Pair]


def class_of(nodes: Iterable[str], edges: Iterable[Pair], knowledge: Knowledge | None = None) -> Partial:
    """The CPDAG of a DAG: edges are directed where every Markov equivalent DAG (that agrees with `knowledge`) agrees.

    >>> directed, undirected = class_of("abcd", [("a", "c"), ("b", "c"), ("c", "d")])
    >>> sorted(directed), sorted(undirected)
    ([('a', 'c'), ('b', 'c'), ('c', 'd')], [])
    """
    edges = set(edges)
    kept = {edge for collider in colliders(nodes, edges) for edge in collider}
    return complete(kept, edges - kept, knowledge)


def colliders(nodes: Iterable[str], directed: Iterable[Pair], undirected: Iterable[Pair] = ()) -> set[Collider]:
    """The unshielded colliders a -> c <- b, each as its two edges."""
    arrows = set(directed)
    joined = {frozenset(pair) for pair in (*arrows, *undirected)}
    return {
        ((a, c), (b, c))
        for c in nodes
        for a, b in combinations(sorted(parent for parent, child in arrows if child == c), 2)
        if frozenset((a, b)) not in joined
    }


def complete(directed: Iterable[Pair], undirected: Iterable[Pair], knowledge: Knowledge | None = None) -> Partial:
    """Orient edges by knowledge, then close under Meek's rules; directed edges stay unchanged."""
    arrows = set(directed)
    lines = {_pair(a, b) for a, b in undirected}
    if knowledge:
        for a, b in sorted(lines):
            if knowledge.forbids(b, a) or knowledge.forbids(a, b):
                lines.discard((a, b))
                arrows.add((a, b) if knowledge.forbids(b, a) else (b, a))
    joined = {frozenset(pair) for pair in arrows | lines}
    while found := _next(arrows, lines, joined):
        arrows.add(found)
        lines.discard(_pair(*found))
    return frozenset(arrows), frozenset(lines)


def members(nodes: Iterable[str], directed: Iterable[Pair], undirected: Iterable[Pair]) -> Iterator[frozenset[Pair]]:
    """The DAGs of a class, one at a time: every orientation of the undirected pairs without a cycle or new collider.

    Yields nothing for a graph that no DAG extends, which finite data can produce.
    """
    nodes = tuple(nodes)
    arrows, lines = complete(directed, undirected)
    yield from _members(nodes, arrows, lines, colliders(nodes, arrows, lines))


def extendable(nodes: Iterable[str], directed: Iterable[Pair], undirected: Iterable[Pair]) -> bool:
    """Whether some orientation of the undirected pairs gives a DAG without further colliders (Dor, Tarsi 1992)."""
    left, arrows, lines = set(nodes), set(directed), set(undirected)
    while left:
        sink = next((node for node in sorted(left) if _may_be_sink(node, arrows, lines)), None)
        if sink is None:
            return False
        left.discard(sink)
        arrows = {pair for pair in arrows if sink not in pair}
        lines = {pair for pair in lines if sink not in pair}
    return True


def _may_be_sink(node: str, arrows: set[Pair], lines: set[Pair]) -> bool:
    """No arrow leaves the node, and each node joined to it by a line is adjacent to all its neighbours."""
    if any(a == node for a, _ in arrows):
        return False
    joined = {frozenset(pair) for pair in arrows | lines}
    around = {other for pair in joined if node in pair for other in pair if other != node}
    joined_by_line = {other for pair in lines if node in pair for other in pair if other != node}
    return all(frozenset((x, y)) in joined for x in joined_by_line for y in around - {x})


def _members(
    nodes: tuple[str, ...], arrows: frozenset[Pair], lines: frozenset[Pair], allowed: set[Collider]
) -> Iterator[frozenset[Pair]]:
    if not colliders(nodes, arrows, lines) <= allowed or not extendable(nodes, arrows, lines):
        return
    if not lines:
        yield arrows
        return
    a, b = min(lines)
    for edge in ((a, b), (b, a)):
        yield from _members(nodes, *complete(arrows | {edge}, lines - {(a, b)}), allowed)


def _next(arrows: set[Pair], lines: set[Pair], joined: set[frozenset[str]]) -> Pair | None:
    """An orientation that one of the rules implies."""
    for line in sorted(lines):
        for a, b in (line, line[::-1]):
            if _implied(a, b, arrows, lines, joined):
                return a, b
    return None


def _implied(a: str, b: str, arrows: set[Pair], lines: set[Pair], joined: set[frozenset[str]]) -> bool:
    into_a = {x for x, y in arrows if y == a}
    into_b = {x for x, y in arrows if y == b}
    from_a = {y for x, y in arrows if x == a}
    beside_a = {x for line in lines if a in line for x in line if x != a}

    def apart(x: str, y: str) -> bool:
        return x != y and frozenset((x, y)) not in joined

    return (
        any(apart(x, b) for x in into_a)  # 1: x -> a - b would become a collider
        or bool(from_a & into_b)  # 2: a -> x -> b would become a cycle
        or any(apart(x, y) for x, y in combinations(sorted(beside_a & into_b), 2))  # 3: two ways to the same collider
        or any(  # 4: a - x -> y -> b, with x and b not adjacent, and a and y adjacent
            apart(x, b) and (x, y) in arrows and not apart(a, y) and a != y for x in beside_a for y in into_b
        )
    )


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)
