"""Classes of DAGs against enumeration: all 185 classes of the 543 DAGs over four nodes, and random DAGs over five."""

import functools
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest

from causalgen.discovery import Knowledge
from causalgen.discovery.orientation import class_of, colliders, extendable, members

from .cases import Edges, all_dags, classes_of_dags, random_dag

NODES = "abcd"


@functools.cache
def classes() -> list[list[Edges]]:
    return classes_of_dags(NODES)


def test_there_are_as_many_classes_as_the_literature_counts() -> None:
    assert (len(classes()), sum(map(len, classes()))) == (185, 543)


def test_the_class_of_a_dag_is_what_all_equivalent_dags_share() -> None:
    for equivalent in classes():
        for edges in equivalent[:2]:
            directed, undirected = class_of(NODES, edges)
            assert directed == frozenset.intersection(*equivalent)
            assert {frozenset(pair) for pair in undirected} == {frozenset(edge) for edge in edges - directed}


def test_the_members_of_a_class_are_the_equivalent_dags() -> None:
    for equivalent in classes():
        found = list(members(NODES, *class_of(NODES, equivalent[0])))
        assert len(found) == len(equivalent)
        assert set(found) == set(equivalent)


@pytest.mark.parametrize("tiered", [True, False])
def test_knowledge_leaves_the_equivalent_dags_that_agree_with_it(tiered: bool) -> None:
    """Tiers and one edge, and any one or two edges alone: all four of Meek's rules are needed for the second."""
    rng = np.random.default_rng(0)
    for equivalent in classes():
        true = equivalent[rng.integers(len(equivalent))]
        order = list(nx.lexicographical_topological_sort(_graph(true)))
        for required in [*combinations(sorted(true), 1), *combinations(sorted(true), 2)]:
            knowledge = Knowledge(required, tiers=[order[:2], order[2:]] if tiered else ())
            fitting = [dag for dag in equivalent if not any(knowledge.forbids(*edge) for edge in dag)]
            directed, undirected = class_of(NODES, true, knowledge)
            assert directed == frozenset.intersection(*fitting)
            assert set(members(NODES, directed, undirected)) == set(fitting)


def _graph(edges: Edges) -> nx.DiGraph:
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(NODES)
    return graph


@pytest.mark.parametrize("seed", range(20))
def test_five_nodes_by_skeleton_and_colliders(seed: int) -> None:
    """On five nodes equivalence is read from skeleton and colliders (Verma, Pearl 1990), over the DAGs of the skeleton."""
    true = random_dag("abcde", seed)
    signature = (_skeleton(true), colliders("abcde", true))
    equivalent = {dag for dag in _orientations(true) if (_skeleton(dag), colliders("abcde", dag)) == signature}
    directed, undirected = class_of("abcde", true)
    assert directed == frozenset.intersection(*equivalent)
    assert set(members("abcde", directed, undirected)) == equivalent


def _skeleton(edges: Edges) -> set[frozenset[str]]:
    return {frozenset(edge) for edge in edges}


def _orientations(edges: Edges) -> list[Edges]:
    flipped = (
        frozenset(edge if keep else edge[::-1] for edge, keep in zip(sorted(edges), choice))
        for choice in product((True, False), repeat=len(edges))
    )
    return [dag for dag in flipped if nx.is_directed_acyclic_graph(nx.DiGraph(dag))]


def test_what_no_dag_extends_has_no_members() -> None:
    square = [
        ("a", "b"),
        ("b", "c"),
        ("c", "d"),
        ("a", "d"),
    ]  # a cycle without chord has a collider in every orientation
    assert not extendable(NODES, [], square)
    assert list(members(NODES, [], square)) == []
    assert extendable(NODES, [], [*square, ("a", "c")])
    assert not extendable("abc", [("a", "b"), ("b", "c"), ("c", "a")], [])


def test_every_dag_extends_itself() -> None:
    assert all(extendable(NODES, dag, []) for dag in all_dags(NODES))
