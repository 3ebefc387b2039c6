"""Latent projection: removing variables while keeping the dependences that they cause.

Reference:
    Verma and Pearl, Equivalence and synthesis of causal models (1990).
"""

from collections.abc import Collection, Iterable
from itertools import combinations

from .parse import Pair

__all__ = ["latent_projection"]


def latent_projection(
    nodes: Iterable[str], edges: Iterable[Pair], confounded: Iterable[Pair], keep: Collection[str]
) -> tuple[list[Pair], list[Pair]]:
    """Directed and bidirected edges among the nodes in `keep`; `nodes` in topological order.

    Nodes are removed one at a time. The parents of a removed node become parents of its children, and its
    children become confounded with one another and with every node with which it was confounded.

    >>> latent_projection("xlyz", [("x", "l"), ("l", "y"), ("l", "z")], [], keep="xyz")
    ([('x', 'y'), ('x', 'z')], [('y', 'z')])
    """
    order = {node: place for place, node in enumerate(nodes)}
    directed = set(edges)
    bidirected = {frozenset(pair) for pair in confounded}
    for node in (node for node in order if node not in keep):
        parents = {a for a, b in directed if b == node}
        children = {b for a, b in directed if a == node}
        spouses = {other for pair in bidirected if node in pair for other in pair - {node}}
        directed = {pair for pair in directed if node not in pair}
        bidirected = {pair for pair in bidirected if node not in pair}
        # Every path through the node becomes an edge: a chain a directed one, a fork a bidirected one.
        directed |= {(parent, child) for parent in parents for child in children}
        bidirected |= {frozenset(pair) for pair in combinations(children, 2)}
        bidirected |= {frozenset((spouse, child)) for spouse in spouses for child in children - {spouse}}
    pairs = [tuple(sorted(pair, key=order.__getitem__)) for pair in bidirected]

    def place(pair: Pair) -> tuple[int, int]:
        return order[pair[0]], order[pair[1]]

    return sorted(directed, key=place), sorted(((a, b) for a, b in pairs), key=place)
