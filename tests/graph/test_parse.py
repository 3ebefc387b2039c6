import networkx as nx
import pytest
from hypothesis import given

from causalgen.errors import GraphError
from causalgen.graph import CausalGraph
from causalgen.graph.parse import read_confounded, read_edges

from .random_graphs import graphs, law

SAME = CausalGraph([("x", "y"), ("x", "z")], confounded=[("y", "z")])


@pytest.mark.parametrize(
    "edges",
    [
        "x -> y; x -> z; y <-> z",
        "x->{y,z};y<->z;",
        "\n  x → y \n {z} ← x\n\n y ↔ z \n",
        "y <- x -> z; x -> y; z <-> y",
        ["x -> y", ("x", "z"), "y <-> z"],
    ],
)
def test_one_graph_has_many_spellings(edges):
    assert CausalGraph(edges) == SAME


@pytest.mark.parametrize(
    "edges", [{"x": ["y", "z"]}, {"x": ["y"], "z": ()}, nx.DiGraph([("x", "y")]), [["x", "y"]], "z; x -> y"]
)
def test_every_form_is_read(edges):
    assert ("x", "y") in CausalGraph(edges).edges


@pytest.mark.parametrize("confounded", ["y <-> z", ["z <-> y"], [("z", "y")], [["y", "z"], ("z", "y")]])
def test_confounded_pairs_are_read_in_every_form(confounded):
    assert CausalGraph("x -> {y, z}", confounded=confounded) == SAME


def test_groups_multiply():
    assert read_edges("{a, b} -> {c, d}").directed == (("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"))


def test_names_may_hold_dots_hyphens_and_quoted_spaces():
    found = read_edges('felt-tip->scan.volume; "age at scan" -> felt-tip')
    assert found.nodes == ("felt-tip", "scan.volume", "age at scan")


@law
@given(graphs())
def test_the_string_of_a_graph_builds_it_again(graph):
    assert CausalGraph(str(graph)) == graph


def test_the_string_of_a_graph_quotes_what_it_must():
    graph = CausalGraph([("age at scan", "x"), ("x", "y z")], confounded=[("x", "y z")])
    assert CausalGraph(str(graph)) == graph


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("a -> -> b", "Expected a name at line 1, column 6 .* got '-> b'"),
        ("a b", "Expected '->', '<-', '<->' or ';' at line 1, column 3 .* got 'b'"),
        ("a -> b\nc ->", "Expected a name at line 2, column 5 .* got the end of the line"),
        ("a -> {b, c", "Expected ',' or '}' at line 1, column 11"),
        ("a - b", "line 1, column 3 .* got '- b'"),
        ("a -> b; -> c", "Expected a name at line 1, column 9"),
        ("a --> b", "line 1, column 3"),
        ([("a", "b", "c")], r"Expected a pair of names as item 1 .* got \('a', 'b', 'c'\)"),
        ([("a", "b"), ("a", 3)], "Expected a pair of names as item 2"),
        (("a", "b"), "Expected an edge as item 1 of the edges; got 'a'"),
        ({"a": None}, "Expected the children of 'a' as a name or a list of names; got None"),
        ({1: ["b"]}, "Expected names of nodes as non-empty strings; got 1"),
        (nx.Graph([("a", "b")]), "Expected a networkx.DiGraph; got Graph. Give every edge its direction"),
        (nx.MultiDiGraph([("a", "b")]), r"got MultiDiGraph. Convert it with networkx.DiGraph\(graph\)"),
        (nx.DiGraph([(0, 1)]), "Expected names of nodes as non-empty strings; got 0. Name them after the columns"),
        (7, "Expected edges as a string, a list of pairs, .* got int"),
    ],
)
def test_malformed_edges_say_where_and_what(edges, message):
    with pytest.raises(GraphError, match=message):
        CausalGraph(edges)


@pytest.mark.parametrize("confounded", ["a -> b", ["a -> b"], ["a", "b"], "a <-> b -> c", 5])
def test_confounded_takes_no_arrows(confounded):
    with pytest.raises(GraphError, match=r"Expected (bidirected edges|`confounded` as)"):
        read_confounded(confounded)
