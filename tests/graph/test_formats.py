"""Graphs as DOT, GML, GraphML, YAML and JSON: what is written reads back, and other programs' texts mean what they say."""

from contextlib import suppress
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causalgen.datasets.resources import load_graph
from causalgen.errors import GraphError
from causalgen.graph import CausalGraph, Variable, format_graph, parse_graph, read_graph
from causalgen.graph.annotated import annotate
from causalgen.graph.dot import is_dot, read_dot
from causalgen.graph.formats import FORMATS

from .random_graphs import law

ODD = [
    "age at scan",
    'the "true" dose',
    "it's",
    "年龄",
    "класс",
    "class",
    "None",
    "node",
    "Graph",
    "strict",
    "<b>dose</b>",
    "&lt;&amp;",
    "a:b",
    "a:n",
    "C:\\new\\table",
    "ends in \\",
    "\\",
    "a->b",
    "a <-> b",
    "{x}",
    "[y]",
    "a; b",
    "a, b",
    "# no comment",
    "// nor this",
    "/* or this */",
    "1.5",
    "-1",
    "007",
    "true",
    "no",
    "null",
    "~",
    "2020-01-01",
    "12:30",
    "1e3",
    "<<",
    "=",
    " leading",
    "trailing ",
    "name",
    "label",
    "id",
    "latent",
    "😀",
    "e\u0301",
    "%d {0} $x$",
]
TEXT = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
NUMBERS = st.floats(allow_nan=False, width=32)
FINITE = NUMBERS.filter(lambda x: abs(x) != float("inf"))
LABELS = st.one_of(TEXT, st.integers(), st.booleans(), FINITE)


@st.composite
def variables(draw, name):
    kind = draw(st.sampled_from([None, "continuous", "binary", "categorical", "ordinal", "image"]))
    fields = {"unit": draw(st.none() | TEXT)}
    if kind == "image":
        fields["shape"] = draw(st.tuples(*[st.integers(1, 300)] * 3))
    if kind in ("continuous", "image") and draw(st.booleans()):
        numbers = FINITE if kind == "image" else NUMBERS
        fields["support"] = tuple(sorted(draw(st.tuples(numbers, numbers).filter(lambda x: x[0] != x[1]))))
    if kind in ("binary", "categorical", "ordinal"):
        size = (2, 2) if kind == "binary" else (2, 4)
        fields["labels"] = tuple(draw(st.lists(LABELS, min_size=size[0], max_size=size[1], unique=True)))
    return Variable(name, kind, **fields)


@st.composite
def described_graphs(draw):
    """Graphs over oddly named, fully described variables."""
    names = draw(st.lists(TEXT, unique=True, min_size=1, max_size=5))
    edges = {pair: draw(st.sampled_from(["", "->", "<->", "both"])) for pair in combinations(names, 2)}
    directed = [pair for pair, edge in edges.items() if edge in ("->", "both")]
    confounded = [pair for pair, edge in edges.items() if edge in ("<->", "both")]
    return CausalGraph(directed, [draw(variables(name)) for name in draw(st.permutations(names))], confounded)


@pytest.mark.parametrize("format", FORMATS)
@law
@given(graph=described_graphs())
def test_what_is_written_reads_back(format, graph):
    again = parse_graph(format_graph(graph, format), format)
    assert again == graph
    assert [v.labels for v in map(again.__getitem__, graph)] == [v.labels for v in map(graph.__getitem__, graph)]
    assert list(map(type, again.nodes)) == [str] * len(graph)


@pytest.mark.parametrize("format", FORMATS)
def test_all_odd_names_at_once(format):
    graph = CausalGraph(list(pairwise(ODD)), [Variable(name, unit=name) for name in ODD], [(ODD[0], ODD[-1])])
    assert parse_graph(format_graph(graph, format), format) == graph


@pytest.mark.parametrize("suffix", [".dot", ".gv", ".gml", ".graphml", ".yaml", ".yml", ".json", ".DOT"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_files_in_the_format_of_their_suffix(tmp_path, suffix, line_end):
    graph = load_graph("morphodigits")
    path = tmp_path / f"graph{suffix}"
    graph.write(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", line_end.encode()))
    assert CausalGraph.read(path) == graph


DATASETS = Path(__file__).parents[2] / "datasets"


@pytest.mark.parametrize(
    "file", sorted(path.relative_to(DATASETS).as_posix() for path in DATASETS.glob("*/graph*.yaml"))
)
def test_graphs_of_the_data_sets_are_such_files(file):
    folder, name = file.split("/")
    path = DATASETS / file
    assert read_graph(path) == load_graph(folder, variant=name.removesuffix(".yaml").partition("-")[2] or None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "text", ["a\x00b", "a\nb", "a\rb", "a\\\nb", "a\tb", "\x1b[0m", "a\x85b", "a\u2028b", "a\ud800b"]
)
def test_control_characters_are_kept_or_refused(format, text, tmp_path):
    graph = CausalGraph([(text, "y")], [Variable(text, unit=text), Variable("y")])
    path = tmp_path / f"graph.{format}"
    with suppress(GraphError):
        graph.write(path)
    assert not path.exists() or CausalGraph.read(path) == graph


@pytest.mark.parametrize("format", FORMATS)
def test_labels_that_no_text_can_hold_are_refused(format):
    graph = CausalGraph([], [Variable("cell", "categorical", labels=((0, 1), (1, 0)))])
    with pytest.raises(GraphError, match="labels that are text, numbers, true or false"):
        format_graph(graph, format)


# -- texts of other programs -----------------------------------------------------------------------------------------

CONFOUNDED = "x -> y; x <-> y"
EXPORTED = """dag {
bb="0,0,1,1"
U [latent,pos="-1.2,0.3"]
x [exposure,pos="0,1"]
y [outcome]
U -> {x y}
x -> y [beta=-0.3]
}"""


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("dag { x -> y ; x <-> y }", CONFOUNDED),
        ("dag { x -> y x <- U -> y U [latent] }", CONFOUNDED),
        (EXPORTED, CONFOUNDED),
        ("digraph { U[label=\"Unobserved Confounders\"]; U->x; U->y; x->y; }", CONFOUNDED),
        ('digraph G { x -> y; U [observed="no"]; U -> x; U -> y }', CONFOUNDED),
        ("digraph { x -> y; x -> y [dir=both, style=dashed] }", CONFOUNDED),
        ("digraph { x -> y; edge [dir=both]; y -> x }", CONFOUNDED),
        ("digraph { x -> y; subgraph hidden { node [unobserved=true]; u } u -> {x, y} }", CONFOUNDED),
        ("dag { x -> m -> y; m [latent] }", "x -> y"),
        ("dag { u [latent]; u -> x -> y }", "x -> y"),
        ("dag { u [latent]; x -> y; u -> {x y z} }", "x -> y; x <-> y; x <-> z; y <-> z"),
        ("dag { a <-> b -> c <- d }", "a <-> b; b -> c; d -> c"),
        ("dag { x -> {z -> y} }", "x -> {z, y}; z -> y"),
        ("digraph { {a b} -> {c; d} -> e }", "{a, b} -> {c, d} -> e"),
        ("digraph { a:n -> b:port:se; a -> b; a -> b }", "a -> b"),
        ("digraph { y -> x [dir=back] }", "x -> y"),
        ('strict DiGraph "my graph" { rankdir=LR; graph [bgcolor="white"]; node [shape=box]; a -> b [weight=-1.5] }', "a -> b"),
        ("// one\n# two\ndigraph { /* three -> */ a -> b // four\n}", "a -> b"),
        ('digraph { a [label=<<b>A</b> &amp; <i>more</i>>, tooltip="x -> y"]; a -> b }', "a -> b"),
        ("digraph { age.at.scan -> 年龄; 1 -> 2.5; z }", "age.at.scan -> 年龄; \"1\" -> \"2.5\"; z"),
        ('digraph { "edge" -> "a:b"; "say \\"hi\\"" -> "edge" }', [('say "hi"', "edge"), ("edge", "a:b")]),
        ("digraph { node -> edge }", "node -> edge"),
        ("digraph { }", ""),
    ],
)  # fmt: skip
def test_dot_is_read_as_its_writers_mean_it(text, edges):
    assert is_dot(text) or text.startswith("//")
    assert parse_graph(text, "dot") == CausalGraph(edges)


def test_dot_attributes_declare_variables():
    text = 'digraph { dose [kind=continuous, unit="mg/l", support="[0, 5]"]; sex [kind=binary, labels="[\\"f\\", \\"m\\"]"] }'
    graph = parse_graph(text, "dot")
    assert graph["dose"] == Variable("dose", "continuous", unit="mg/l", support=(0, 5))
    assert graph["sex"].labels == ("f", "m")


@settings(law, max_examples=25)
@given(graph=described_graphs())
def test_pydot_reads_what_is_written(graph):
    pydot = pytest.importorskip("pydot")
    text = format_graph(graph, "dot")
    (found,) = pydot.graph_from_dot_data(text)
    ours = read_dot(text)
    spelled = {f"{name}": name for name in ours.nodes} | {_quoted(name): name for name in ours.nodes}
    edges = sorted((spelled[edge.get_source()], spelled[edge.get_destination()]) for edge in found.get_edges())
    assert [spelled[node.get_name()] for node in found.get_nodes()] == list(ours.nodes)
    assert edges == sorted((a, b) for a, b, _ in annotate(graph).edges)


def _quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ('graph[directed 1node[ id "x" label "x"]node[ id "y" label "y"]edge[source "x" target "y"]]', "x -> y"),
        (
            'graph [directed 1 node [id 0 label "x"] node [id 1 label "y"] node [id 2 label "Unobserved Confounders"] '
            "edge [source 2 target 0] edge [source 2 target 1] edge [source 0 target 1]]",
            CONFOUNDED,
        ),
        (
            'graph [directed 1 node [id 0 label "x"] node [id 1 label "y" graphics [x 1.0 y 2.0]] node [id 2 label "U" '
            'observed "no"] edge [source 2 target 0] edge [source 2 target 1] edge [source 0 target 1]]',
            CONFOUNDED,
        ),
    ],
)
def test_gml_is_read_as_dowhy_means_it(text, edges):
    assert parse_graph(text, "gml") == CausalGraph(edges)


GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="n" for="node" attr.name="name" attr.type="string"/>
  <key id="l" for="node" attr.name="latent" attr.type="boolean"/>
  <graph edgedefault="directed">
    <node id="n0"><data key="n">x</data></node><node id="n1"><data key="n">y</data></node>
    <node id="n2"><data key="n">u</data><data key="l">true</data></node>
    <edge source="n2" target="n0"/><edge source="n2" target="n1"/><edge source="n0" target="n1"/>
  </graph>
</graphml>"""


def test_graphml_calls_nodes_by_their_names():
    assert parse_graph(GRAPHML, "graphml") == CausalGraph(CONFOUNDED)


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [
        ("dot", "", "Expected 'digraph {' or 'dag {' at line 1, column 1 .* got its end"),
        ("dot", "x -> y", "Expected 'digraph {' or 'dag {' at line 1, column 1"),
        ("dot", "graph { a -- b }", "Expected a directed graph, 'digraph' or 'dag'; got 'graph'"),
        ("dot", "pdag { a -- b }", "got 'pdag'"),
        ("dot", "digraph { a -> c\n  a -- b }", "'--' has no direction, at line 2, column 5"),
        ("dot", "digraph { a -> b", "Expected '}' at line 1, column 17 .* got its end"),
        ("dot", "digraph { a -> }", "Expected a name at line 1, column 16 .* got '}'"),
        ("dot", "digraph { a-b }", "Expected a name at line 1, column 12"),
        ("dot", "digraph { a -> <-> b }", "Expected a name at line 1, column 16"),
        ("dot", "digraph { a [kind=] }", "Expected a value at line 1, column 19"),
        ("dot", 'digraph { "a -> b }', "Expected a name at line 1, column 11"),
        ("dot", "digraph { a /* b }", "Expected a name at line 1, column 13"),
        ("dot", "digraph { a } digraph { b }", "Expected the end after the graph's '}' at line 1, column 15"),
        ("dot", "digraph " + "{" * 5000, "a few levels of braces"),
        ("dot", "digraph { a -> b -> a }", "got the cycle a -> b -> a"),
        ("dot", "digraph { a -> a }", "got one from 'a' to itself"),
        ("dot", 'digraph { "" -> a }', "non-empty string"),
        ("dot", "digraph { a -> b [dir=none] }", "dir of the edge from 'a' to 'b' to be forward, back or both; got 'none'"),
        ("dot", "digraph { a [kind=continous] }", "Did you mean 'continuous'?"),
        ("dot", "digraph { a [kind=binary, labels=no] }", "Expected the labels of 'a' as a list in JSON"),
        ("dot", "dag { a -> s -> b; s [selected] }", r"either from or into the selection node \[s\]; got both"),
        ("dot", "dag { a -> b; s [selected] }", "Expected an edge as item 1 of the edges"),
        ("gml", "graph [node [id 0 label \"a\"] node [id 1 label \"b\"] edge [source 0 target 1]]", "write 'directed 1'"),
        ("gml", "graph [directed 1 edge [source 0 target 1]]", "in GML; it cannot be read"),
        ("gml", "digraph { a -> b }", "in GML; it cannot be read"),
        ("gml", "", "in GML; it cannot be read"),
        ("gml", 'graph [directed 1 node [id 0 label "a"] node [id 1 label "a"]]', "in GML; it cannot be read"),
        ("graphml", "", "in GraphML; it cannot be read"),
        ("graphml", "<graphml>", "in GraphML; it cannot be read"),
        ("graphml", "<html/>", "in GraphML; it cannot be read"),
        ("graphml", GRAPHML.replace('"directed"', '"undirected"'), 'write edgedefault="directed"'),
        ("graphml", GRAPHML.replace(">y<", ">x<"), "two nodes have the same name"),
        ("graphml", '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>' + GRAPHML, "without a document type"),
        ("graphml", '<!DOCTYPE a SYSTEM "file:///etc/passwd">' + GRAPHML, "without a document type"),
        ("yaml", "edges: [", "Expected YAML; it cannot be read"),
        ("yaml", "a -> b", "Expected a mapping with the keys edges"),
        ("yaml", "", "Expected a mapping with the keys edges"),
        ("yaml", "variables: {a: }", "Expected a graph with the key 'edges'"),
        ("yaml", "edges: a -> b\nvariable: {}", "Did you mean 'variables'?"),
        ("yaml", "edges: a -> b\nvariables: {a: continuous}", "Expected a as a mapping .* got 'continuous'"),
        ("yaml", "edges: a -> b\nvariables: a", "Expected the variables as a mapping"),
        ("yaml", "edges: a -> b\nvariables: {a: {kind: continuous}}", "declared variables a; got 'b'"),
        ("yaml", "edges: []\nvariables: {1: {}}", "variable name that is a non-empty string; got 1"),
        ("yaml", "edges: &e [a -> b]\nconfounded: *e", "an alias"),
        ("yaml", "edges: !!python/object/apply:os.system [ls]", "Expected YAML; it cannot be read"),
        ("yaml", "[" * 5000, "Expected YAML; it cannot be read"),
        ("json", "{", "Expected JSON; it cannot be read"),
        ("json", "[]", "Expected a mapping with the keys edges"),
        ("json", '{"edges": [], "variables": [3]}', "Expected variable 1 as a mapping"),
        ("json", '{"edges": 3}', "Expected edges as a string"),
        ("json", "[" * 100_000, "Expected JSON; it cannot be read"),
    ],
)  # fmt: skip
def test_malformed_texts_say_what_is_wrong(format, text, message):
    with pytest.raises(GraphError, match=message):
        parse_graph(text, format)


def test_words_of_yaml_stay_words():
    graph = parse_graph("edges: no -> on\nvariables: {no: {kind: binary, labels: [no, yes]}, on: {}}", "yaml")
    assert graph["no"].labels == ("no", "yes")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("graph.txt", b"", "Expected a graph file ending in .dot, .gml, .graphml, .yaml, .json, .gv, .yml; got"),
        ("graph.graphm", b"", "Did you mean '.graphml'?"),
        ("graph.dot", b"\xff\xfe", "it is not UTF-8 text"),
        ("graph.dot", None, "No such file"),
        ("graph.dot", b"digraph { a -> b -> a }", "graph.dot: Expected an acyclic graph"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GraphError, match=message):
        CausalGraph.read(path)


def test_a_folder_is_no_graph(tmp_path):
    (tmp_path / "graph.dot").mkdir()
    with pytest.raises(GraphError, match="Is a directory"):
        CausalGraph.read(tmp_path / "graph.dot")


def test_an_unknown_format_is_named():
    with pytest.raises(GraphError, match="Expected a format among dot, gml, graphml, yaml, json; got 'graphm'"):
        parse_graph("", "graphm")
    with pytest.raises(GraphError, match="Expected a format among"):
        format_graph(CausalGraph("a -> b"), "xml")
