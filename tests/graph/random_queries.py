"""Random mixed graphs of four to seven variables, and effects to ask of them."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from causalgen.graph import CausalGraph, Variable


class Ask(NamedTuple):
    """One query: the names as `identify` takes them."""

    graph: CausalGraph
    treatment: tuple[str, ...]
    outcome: tuple[str, ...]
    given: tuple[str, ...]

    def __str__(self):
        return f"{self.graph}: P({', '.join(self.outcome)} | do({', '.join(self.treatment)}), {', '.join(self.given)})"


def random_query(rng):
    """A query in which the treatment reaches the outcome, nine times in ten; hidden causes abound."""
    trivial = rng.random() < 0.1
    while True:
        names = list("abcdefg"[: rng.integers(4, 8)])
        pairs = list(combinations(names, 2))
        density = rng.uniform(0.25, 0.55)
        directed = [pair for pair in pairs if rng.random() < density]
        bidirected = [pairs[i] for i in rng.choice(len(pairs), size=rng.integers(1, 6), replace=False)]
        graph = CausalGraph(directed, [Variable(name) for name in names], bidirected)
        sizes = rng.choice([1, 1, 1, 2]), rng.choice([1, 1, 1, 2]), rng.choice([0, 0, 0, 1, 2])
        x, y, z, _ = (tuple(part) for part in np.split(rng.permutation(names), np.cumsum(sizes)))
        reached = {late for name in x for late in graph.descendants(name)}
        if trivial or not reached.isdisjoint(y):
            return Ask(graph, *(tuple(map(str, part)) for part in (x, y, z)))


def random_queries(count, seed=0):
    """The same queries for the same seed."""
    rng = np.random.default_rng(seed)
    return [random_query(rng) for _ in range(count)]
