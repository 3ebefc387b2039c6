from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given

from causalgen.errors import GraphError
from causalgen.graph import CausalGraph, Latent
from causalgen.graph.separation import minimal_separators, open_path

from .random_graphs import effects, graphs, is_open, law, paths, separated, subsets


@law
@given(effects())
def test_d_separation_is_blocking_every_path(effect):
    graph, x, y = effect
    dag = graph.canonical()
    for given_ in subsets(set(graph) - {x, y}):
        expected = separated(dag, x, y, given_)
        assert graph.d_separated(x, y, given_) == graph.d_separated(y, x, given_) == expected
        assert nx.is_d_separator(dag, {x}, {y}, set(given_)) == expected


@law
@given(effects())
def test_an_open_path_is_a_shortest_open_path(effect):
    graph, x, y = effect
    dag = graph.canonical()
    for given_ in subsets(set(graph) - {x, y}):
        lengths = [len(path) for path in paths(dag, x, y) if is_open(dag, path, given_)]
        path = open_path(dag, x, y, given_)
        if path is None:
            assert not lengths
        else:
            assert path in paths(dag, x, y)
            assert is_open(dag, path, given_)
            assert len(path) == min(lengths)


@law
@given(effects())
def test_minimal_separators_are_all_of_them_once(effect):
    graph, x, y = effect
    allowed = [name for name in graph if name not in (x, y)][:-1]
    blocking = [set(s) for s in subsets(allowed) if separated(graph.canonical(), x, y, s)]
    minimal = [s for s in blocking if not any(smaller < s for smaller in blocking)]
    found = [set(s) for s in minimal_separators(graph.canonical(), x, y, allowed)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, minimal))


@law
@given(graphs(max_nodes=5))
def test_implied_independencies_hold_and_none_is_missing(graph):
    found = {frozenset((i.x, i.y)): i.given for i in graph.independencies()}
    dag = graph.canonical()
    for x, y in combinations(graph, 2):
        between = paths(dag, x, y)

        def blocked(given_, between=between):
            return not any(is_open(dag, path, given_) for path in between)

        if (given_ := found.get(frozenset((x, y)))) is None:
            assert not any(map(blocked, subsets(set(graph) - {x, y})))
        else:
            assert blocked(given_)
            assert not any(blocked(set(given_) - {name}) for name in given_)


def test_sets_are_separated_when_all_pairs_are():
    graph = CausalGraph("a -> {b, c}; c <-> d")
    assert graph.d_separated(["b"], ["c", "d"], given="a")
    assert not graph.d_separated("b", ["c", "d"])
    assert graph.d_separated("a", "d")
    assert not graph.d_separated("a", "d", given="c")


@pytest.mark.parametrize("sets", [("a", "a", ()), ("a", "b", "a"), ("a", "b", ["b", "c"])])
def test_overlapping_sets_are_refused(sets):
    with pytest.raises(GraphError, match=r"to share no node; got '[ab]' in two of them"):
        CausalGraph("a -> b -> c").d_separated(*sets)


def test_independencies_read_well():
    graph = CausalGraph("hurry -> pen -> thickness; digit")
    assert [str(i) for i in graph.independencies()] == [
        "thickness ⊥ hurry | pen",
        "digit ⊥ hurry",
        "digit ⊥ pen",
        "digit ⊥ thickness",
    ]


def test_a_pair_of_nodes_is_not_their_hidden_cause():
    dag = CausalGraph("a -> c; b -> c; a <-> b").canonical()
    assert Latent("a", "b") in dag
    assert ("a", "b") not in dag
    assert set(dag.out_edges(("a", "b"))) == {("a", "c"), ("b", "c")}
