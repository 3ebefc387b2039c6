"""Texts that ask for too much get an error with a stated limit, at once; corners of DOT are read as Graphviz reads them."""

import json
import resource

import pytest
from effort import calls_at_most, no_hang

from causalgen.errors import GraphError, StudyError
from causalgen.graph import CausalGraph, parse_graph, read_graph
from causalgen.graph.dot import is_dot
from causalgen.graph.formats import format_graph
from causalgen.graph.limits import LONGEST_NAME
from causalgen.studies.yaml_source import parse_yaml

CALLS, MEGABYTES = 3_000_000, 500


def _group(letter: str, count: int = 1000, between: str = " ") -> str:
    return "{" + between.join(f"{letter}{i}" for i in range(count)) + "}"


GML_NODES = " ".join(f'node [id {i} label "n{i}"]' for i in range(11_000))
GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
GRAPHML += '<node id="{}"/></graph></graphml>'
BIG = _group("a") + " -> " + _group("b")
TEXTS: list[tuple[str, str]] = [
    ("dot", "digraph { " + BIG + " }"),
    ("dot", "digraph { " + _group("a") + " <-> " + _group("b") + " }"),
    ("dot", "digraph { " + " -> ".join(_group(c, 300) for c in "abc") + " }"),
    ("dot", "dag { subgraph x " + BIG + " }"),
    ("dot", "digraph { " + "; ".join(f"{_group('a', 300)} -> {_group(c, 300)}" for c in "bcd") + " }"),
    ("dot", "digraph { " + "{" * 100_000),
    ("dot", "digraph { " + "{" * 5_000 + "a" + "}" * 5_000 + " }"),
    ("dot", "digraph { " + "[" * 100_000),
    ("dot", "digraph { a [" * 30_000),
    ("dot", "digraph { " + "<" * 100_000),
    ("dot", 'digraph { "' + "a" * 200_000),
    ("dot", 'digraph { "' + "a" * 200_000 + '" -> b }'),
    ("dot", "digraph { " + "a" * 2_000 + " -> b }"),
    ("dot", 'digraph { "a" + "' + "b" * 2_000 + '" -> c }'),
    ("dot", 'digraph { "a" + b }'),
    ("dot", "digraph { " + "a;" * 600_000 + " }"),
    ("dot", "digraph { " + " ".join(f"n{i};" for i in range(20_000)) + " }"),
    ("dot", "digraph" + " " * 300_000),
    ("dot", "digraph { a -> b } " + "/*" * 100_000),
    ("dot", "digraph { -x -> b }"),
    ("dot", "digraph { a -- -1 }"),
    ("dot", "dag { a [adjusted] a -> b }"),
    ("dot", "dag { a [adjusted=1] a -> b }"),
    ("edges", _group("a", between=", ") + " -> " + _group("b", between=", ")),
    ("edges", " -> ".join(_group(c, 300, ", ") for c in "abc")),
    ("edges", "{" * 100_000),
    ("edges", "a" * 2_000 + " -> b"),
    ("edges", '"' + "a" * 2_000 + '" -> b'),
    ("edges", "a;" * 600_000),
    ("edges", "; ".join(f"n{i}" for i in range(20_000))),
    ("edges", " " * 900_000 + "->"),
    ("gml", "graph [directed 1 " + GML_NODES + " ]"),
    ("gml", "graph [ " * 20_000),
    ("gml", "graph [directed 1 node [id 0 label \"" + "a" * 2_000 + '"] ]'),
    ("gml", "x" * 500_000),
    ("graphml", "<graphml>" * 20_000),
    ("graphml", "<graphml" + " a='1'" * 10_000 + ">"),
    ("graphml", "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><graphml/>"),
    ("graphml", GRAPHML.format("a" * 2_000)),
    ("json", "[" * 100_000),
    ("json", '{"edges": [], "edges": []}'),
    ("json", json.dumps({"edges": [["a", "b"]] * 110_000})),
    ("json", json.dumps({"edges": [], "variables": [{"name": f"n{i}"} for i in range(11_000)]})),
    ("json", json.dumps({"edges": [["a", "b"]], "variables": [{"name": "a" * 2_000}]})),
    ("json", " " * 2_100_000),
    ("json", json.dumps({"edges": BIG.replace(" ", ", ").replace(",,", ",")})),
    ("yaml", "edges: [a -> b]\nedges: []"),
    ("yaml", "edges: !!python/object/apply:os.system [ls]"),
    ("yaml", "edges: [a -> b]\nvariables: {a: {kind: !!bool x}}"),
    ("yaml", "edges: &a [x -> y]\nconfounded: *a"),
    ("yaml", "edges: " + "[" * 50_000),
    ("yaml", "edges: [a -> b]\nvariables: {a: {support: [0, " + "9" * 5_000 + "]}}"),
    ("yaml", "a: 1\n" * 90_000),
]  # fmt: skip


def _megabytes(read) -> float:
    """The growth of the largest memory; fails where the work grows with more than the length of the text."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with calls_at_most(CALLS), no_hang():
        read()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


@pytest.mark.parametrize(("format", "text"), TEXTS, ids=[f"{f}-{t[:18]!r}-{len(t)}" for f, t in TEXTS])
def test_texts_that_ask_for_too_much_are_refused_at_once(format: str, text: str) -> None:
    def refused() -> None:
        with pytest.raises(GraphError, match=r"Expected|acyclic") as caught:
            CausalGraph(text) if format == "edges" else parse_graph(text, format)
        assert len(str(caught.value)) < 1_000

    assert _megabytes(refused) < MEGABYTES
    is_dot(text[:300_000])


def test_a_file_that_is_too_large_is_not_read(tmp_path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(" " * 2_000_000)
    with pytest.raises(GraphError, match="at most 1,600,000 bytes"):
        read_graph(path)


@pytest.mark.parametrize(("format", "count"), [("edges", 300), ("dot", 300), ("edges", 316), ("dot", 316)])
def test_graphs_within_the_limits_are_read(format: str, count: int) -> None:
    between = ", " if format == "edges" else " "
    text = _group("a", count, between) + " -> " + _group("b", count, between)

    def read() -> None:
        graph = CausalGraph(text) if format == "edges" else parse_graph(f"digraph {{ {text} }}", "dot")
        assert len(graph.edges) == count * count

    _megabytes(read)
    CausalGraph([("a" * LONGEST_NAME, "b")])


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("digraph { -1 -> x }", {("-1", "x")}),
        ("digraph { a->-1 }", {("a", "-1")}),
        ("digraph { -.5 -> -2.; 3 -> 4.5 }", {("-.5", "-2."), ("3", "4.5")}),
        ("digraph { a <- -1 }", {("-1", "a")}),
        ("digraph { {-1 -2} -> {0} }", {("-1", "0"), ("-2", "0")}),
        ('digraph { "a" + "b" -> c }', {("ab", "c")}),
        ('digraph { c -> "a b" + " c"\n + "d" }', {("c", "a b cd")}),
        ('digraph { "a" [unit="k" + "g"] "a" -> b }', {("a", "b")}),
        ('digraph { "-1" -> "+" }', {("-1", "+")}),
        ("digraph -1 { a -> b }", {("a", "b")}),
        ("dag { a [adjusted=no] a -> b }", {("a", "b")}),
    ],
)
def test_numerals_and_joined_texts_are_names(text: str, edges: set[tuple[str, str]]) -> None:
    graph = parse_graph(text, "dot")
    assert set(graph.edges) == edges
    assert is_dot(text)
    assert parse_graph(format_graph(graph, "dot"), "dot") == graph


STUDIES = [
    *(f"data: !!{tag} x" for tag in ("int", "float", "bool", "null", "str", "timestamp", "set", "python/name:os.system", "x")),
    "data: !own x", "data: ! x", "!!int data: x", "data: !!binary aaaa", "data: !!omap [a: 1, a: 2]", "data: !!merge {}",
    "data: " + "[" * 50_000, "{data: " * 20_000, "- " * 20_000, "data: {a: &x 1, b: *x}",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "name: a\nname: b", "data: {rows: 1, rows: 2}", "data: " + "9" * 5_000,
    "? [a]\n: b", "a: 1\n---\nb: 2", "a: \x00", "name: " + "a" * 500_000, "a: 1\n" * 90_000,
]  # fmt: skip


@pytest.mark.parametrize("text", STUDIES, ids=[f"{t[:24]!r}-{len(t)}" for t in STUDIES])
def test_study_files_are_refused_with_their_line(text: str) -> None:
    def refused() -> None:
        where = (
            r"s\.yaml, line \d+: Expected|s\.yaml: Expected at most|s\.yaml: Expected YAML; got something else \(unacc"
        )
        with pytest.raises(StudyError, match=where):
            parse_yaml(text, "s.yaml")

    assert _megabytes(refused) < MEGABYTES
