"""PC and FCI with the separations of a known graph in place of tests: what infinite data would give."""

from collections import defaultdict
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest

from causalgen.discovery import EquivalenceClass, Knowledge, class_of_graph
from causalgen.discovery.constraint import pc
from causalgen.discovery.independence import Oracle
from causalgen.graph import CausalGraph

from .cases import graph_of, random_dag, separations


@pytest.mark.parametrize("seed", range(15))
def test_pc_finds_the_class_of_a_random_dag(seed: int) -> None:
    nodes = tuple("abcdef")
    graph = graph_of("abcdef", random_dag("abcdef", seed, 0.4))
    found = pc(nodes, Oracle(graph, nodes), 0.5, Knowledge())
    assert found == class_of_graph(graph, "CPDAG", nodes)
    assert graph in list(found.graphs())


@pytest.mark.parametrize(
    ("graph", "pag"),
    [
        (
            "a -> c <- b; c -> d",
            "a o-> c; b o-> c; c -> d",
        ),  # d is unconfounded with c: a and b would be seen in d given c
        ("a -> b <-> c <- d", "a o-> b; b <-> c; d o-> c"),
        ("z -> x -> y; x <-> y", "x o-o y; x o-o z; y o-o z"),  # an instrument: z and y are never independent
        ("a -> b -> c", "a o-o b; b o-o c"),
        # a o-> d gets its tail because a - e - c -> d would otherwise be a new collider somewhere
        ("b -> e; e -> {a, c}; a -> d; c -> d; e <-> c", "a -> d; a o-o e; b o-o c; b o-o e; c -> d; c o-o e"),
        (  # d and a are separated by columns that are neighbours of neither: FCI's second search
            "a -> g; b -> g; f -> c; c -> d; a <-> b; b <-> f; b <-> d; c <-> g",
            "a o-> b; a -> g; b -> g; b <-> d; f o-> b; f o-> c; c <-> g; c -> d",
        ),
    ],
)
def test_fci_on_structures_from_the_textbook(graph: str, pag: str) -> None:
    read = CausalGraph(graph)
    assert set(str(class_of_graph(read, "PAG", sorted(read.nodes))).split("; ")) == set(pag.split("; "))


@pytest.mark.parametrize("seed", range(25))
def test_every_mark_of_fci_is_right(seed: int) -> None:
    """An arrowhead says "no cause of the other", a tail says "a cause": both hold in the graph the separations came from."""
    nodes = "abcdef"
    rng = np.random.default_rng(seed)
    pairs = [pair for pair in combinations(nodes, 2) if rng.random() < 0.15]
    graph = graph_of(nodes, random_dag(nodes, seed, 0.35), tuple(pairs))
    found = class_of_graph(graph, "PAG", nodes)
    assert {(a, b) for a, b, _ in separations(nodes, frozenset(graph.edges), graph.confounded)} == {
        (a, b) for a, b in combinations(nodes, 2) if not found.mark(a, b)
    }
    for a, mark, b in found.edges:
        assert mark[-1] != ">" or b not in graph.ancestors(a)
        assert mark[0] != "<" or a not in graph.ancestors(b)
        assert mark[0] != "-" or a in graph.ancestors(b)


@pytest.mark.slow
def test_fci_equals_enumeration_on_four_nodes() -> None:
    """Every mark that all equivalent maximal ancestral graphs share, and no other: 248 classes of 2,492 graphs, 20 s."""
    nodes, classes = "abcd", defaultdict(list)
    for choice in product(range(4), repeat=6):
        edges, confounded = _ancestral(nodes, choice)
        if edges is None:
            continue
        implied = separations(nodes, edges, confounded)
        if {(a, b) for a, b, _ in implied} == {pair for pair, k in zip(combinations(nodes, 2), choice) if not k}:
            classes[implied].append((choice, edges, confounded))
    assert (len(classes), sum(map(len, classes.values()))) == (248, 2492)
    for equivalent in classes.values():
        _, edges, confounded = equivalent[0]
        found = class_of_graph(graph_of(nodes, edges, confounded), "PAG", nodes)
        assert found.edges == _shared(nodes, [choice for choice, *_ in equivalent]).edges


def _ancestral(nodes: str, choice: tuple[int, ...]) -> tuple:
    """0 none, 1 ->, 2 <-, 3 <-> by pair; no cycles, and no bidirected edge to an ancestor."""
    pairs = list(combinations(nodes, 2))
    edges = frozenset(pair if k == 1 else pair[::-1] for pair, k in zip(pairs, choice) if k in (1, 2))
    confounded = tuple(pair for pair, k in zip(pairs, choice) if k == 3)
    closed = nx.transitive_closure(nx.DiGraph(edges), reflexive=False)
    cyclic = any(closed.has_edge(node, node) for node in closed)
    if cyclic or any(closed.has_edge(a, b) or closed.has_edge(b, a) for a, b in confounded):
        return None, ()
    return edges, confounded


def _shared(nodes: str, choices: list[tuple[int, ...]]) -> EquivalenceClass:
    marks = {"->": "->", "<>": "<->", "o>": "o->", "oo": "o-o"}
    edges = []
    for (a, b), kinds in zip(combinations(nodes, 2), map(set, zip(*choices))):
        if kinds == {0}:
            continue
        at_a = "-" if kinds == {1} else "<" if kinds <= {2, 3} else "o"
        at_b = "-" if kinds == {2} else ">" if kinds <= {1, 3} else "o"
        if at_a == "<" and at_b != ">":
            a, b, at_a, at_b = b, a, at_b, ">"
        edges.append((a, marks[at_a + at_b], b))
    return EquivalenceClass("PAG", tuple(nodes), tuple(edges))
