"""Transport and selection bias: sets against the definitions, path by path, and formulas on exact distributions."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalgen.errors import GraphError, NotIdentifiableError
from causalgen.graph import CausalGraph, Estimand, Variable, format_graph, identify, selection_bias, transport
from causalgen.graph.separation import Square

from .discrete_models import DiscreteModel
from .random_graphs import forbidden, graphs, is_causal, is_open, law, paths, separated, subsets

SAMPLED = "sampled"


@st.composite
def populations(draw):
    """A graph with selection nodes, treatment and outcome; the same graph whose sampling node is a variable."""
    graph = draw(graphs(max_nodes=5, min_nodes=3))
    treatment, outcome = draw(st.permutations(graph.nodes))[:2]
    differing = draw(st.sets(st.sampled_from(graph.nodes), max_size=2))
    deciding = draw(st.sets(st.sampled_from(graph.nodes), max_size=2))
    edges = [f"[site] -> {name}" for name in sorted(differing)]
    edges += [f"{name} -> [{SAMPLED}]" for name in sorted(deciding)]
    if not edges:
        edges = [f"[site] -> {treatment}"]
        differing = {treatment}
    drawn = CausalGraph(graph.edges, graph.variables.values(), graph.confounded, edges)
    extra = [(name, SAMPLED) for name in sorted(deciding)]
    variables = [*graph.variables.values(), *[Variable(SAMPLED)] * bool(deciding)]
    whole = CausalGraph([*graph.edges, *extra], variables, graph.confounded)
    return drawn, whole, treatment, outcome, differing, bool(deciding)


def _squares(drawn):
    """The DAG with every selection node as a plain node, and their names."""
    dag = drawn.canonical()
    for a, b in drawn.selection.edges:
        dag.add_edge(a, b)
    return dag, list(drawn.selection.squares)


def _brute_force(drawn, x, y):
    """The minimal sets that separate the outcome from every selection node and can be adjusted for; all adjustable sets."""
    dag, squares = _squares(drawn)
    late = {x, *drawn.descendants(x)}
    allowed = [name for name in drawn if name not in forbidden(drawn.canonical(), x, y) | late]
    sampling = set(drawn.selection.sampling)
    cut = dag.copy()
    cut.remove_edges_from([(path[0], path[1]) for path in paths(dag, x, y) if is_causal(dag, path)])
    spurious = [path for path in paths(dag, x, y) if not is_causal(dag, path)]
    adjustable = [set(z) for z in subsets(allowed) if not any(is_open(dag, path, {*z, *sampling}) for path in spurious)]
    admissible = [set(z) for z in subsets(allowed) if all(separated(cut, square, y, set(z)) for square in squares)]
    minimal = [z for z in admissible if not any(smaller < z for smaller in admissible)]
    return [z for z in minimal if any(z <= other for other in adjustable)], adjustable


@law
@given(populations(), st.integers(0, 999))
def test_a_found_formula_gives_the_effect_in_the_target(case, seed):
    drawn, whole, x, y, differing, is_sampled = case
    sets, adjustable = _brute_force(drawn, x, y)
    try:
        found = transport(drawn, treatment=x, outcome=y)
    except NotIdentifiableError:
        assert not sets
        return
    assert sorted(found.sets, key=sorted) == sorted((drawn.select(z) for z in sets), key=sorted)
    assert set(found.adjustment) in adjustable
    assert set(found.carriers) <= set(found.adjustment)
    rng = np.random.default_rng(seed)
    here, names = DiscreteModel(whole, rng), list(drawn.nodes)
    there = DiscreteModel(whole, rng)
    there.sizes = here.sizes
    there.tables = here.tables | {node: there.tables[node] for node in differing}
    table = here.joint([*names, *[SAMPLED] * is_sampled])
    table = table[..., 1] / table[..., 1].sum() if is_sampled else table
    value = found.evaluate(table, there.joint(names), names)
    np.testing.assert_allclose(value, there.effect([y], [x]), atol=1e-10)


DRUG = "age -> {drug, relief}; drug -> relief"


@pytest.mark.parametrize(
    ("edges", "carriers", "adjustment", "text"),
    [
        ("[site] -> age", ("age",), ("age",), "carries over to the other population through age"),
        ("[site] -> drug", (), ("age",), "is the same in the table and in the other population: adjust for age"),
        ("age -> [clinic]", ("age",), ("age",), "carries over to the whole population through age"),
        ("[site] -> sex; sex -> age", ("sex",), ("sex", "age"), "with equal sex, adjusting for age as well"),
    ],
)
def test_what_carries_an_effect_over(edges, carriers, adjustment, text):
    found = transport(CausalGraph(f"{DRUG}; {edges}"), treatment="drug", outcome="relief")
    assert (found.carriers, found.adjustment) == (carriers, adjustment)
    assert text in found.text
    assert r"P^*(\mathrm{relief} \mid \mathrm{do}(\mathrm{drug})) = " in found.latex


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ("[site] -> relief", {}, r"got the path \[site\] -> relief, .*Measure treatment and outcome in the target"),
        ("drug -> dose -> relief; [site] -> dose", {}, r"the path \[site\] -> dose -> relief"),
        ("relief -> [clinic]", {}, r"the path \[clinic\] <- relief"),
        ("[site] -> age", {"in_target": []}, r"Record \{age\} in the target"),
        ("[site] -> sex; sex -> relief", {"observed": ["drug", "relief", "age"]}, r"Use \{sex\}, measured in both"),
        ("[site] -> age; drug <-> relief", {}, "the path drug <-> relief stays open"),
    ],
)
def test_what_does_not_carry_over_shows_the_open_path(edges, options, message):
    with pytest.raises(NotIdentifiableError, match=message):
        transport(CausalGraph(f"{DRUG}; {edges}"), treatment="drug", outcome="relief", **options)


def test_a_selection_node_that_opens_a_collider_is_left_closed():
    """Adjusting for the collider would open [site] -> c <- u -> y: c is no carrier, and needs not be one."""
    found = transport(CausalGraph("u -> {c, y}; t -> y; [site] -> c"), treatment="t", outcome="y")
    assert (found.carriers, found.adjustment) == ((), ("u",))


@pytest.mark.parametrize(
    ("edges", "kind", "path", "carriers"),
    [
        (
            "drug -> relief; {drug, age} -> [c]; age -> relief",
            "collider bias",
            "drug -> [c] <- age -> relief",
            ("age",),
        ),
        (f"{DRUG}; age -> [c]", "unrepresentative sample", "[c] <- age -> relief", ("age",)),
        (f"{DRUG}; relief -> [c]", "outcome-dependent selection", "[c] <- relief", None),
        ("drug -> dose -> relief; dose -> [c]", "treatment-dependent selection", "[c] <- dose -> relief", None),
        (f"{DRUG}; drug <-> relief; age -> [c]", "confounding", "drug <-> relief", None),
        ("drug -> relief; drug -> [c]", "", "", None),
    ],
)
def test_selection_bias_is_named_with_its_path_and_what_recovers_the_effect(edges, kind, path, carriers):
    graph = CausalGraph(edges)
    found = selection_bias(graph, treatment="drug", outcome="relief")
    recovered = None if found.recovery is None else found.recovery.carriers
    assert (found.kind, found.open_path, recovered) == (kind, path, carriers)
    if kind:
        assert kind in found.text.lower()
        with pytest.raises(NotIdentifiableError, match=kind.capitalize()):
            identify(graph, treatment="drug", outcome="relief")
    else:
        assert identify(graph, treatment="drug", outcome="relief").adjustment == ()


@law
@given(populations(), st.integers(0, 999))
def test_selected_rows_give_the_effect_averaged_over_them(case, seed):
    drawn, whole, x, y, _, is_sampled = case
    if not is_sampled:
        return
    found = selection_bias(drawn, treatment=x, outcome=y)
    if found.adjustment is None:
        return
    model, names = DiscreteModel(whole, np.random.default_rng(seed)), list(drawn.nodes)
    rows = model.joint([*names, SAMPLED])[..., 1]
    value = Estimand("backdoor", x, y, adjustment=found.adjustment).evaluate(rows / rows.sum(), names)
    if not found:
        wanted = model.effect([y], [x])
    elif not found.follows:
        wanted = model.effect([y], [x], [SAMPLED])[..., 1]
    else:
        kept = list(found.recovery.carriers)
        shares = model.joint([*kept, SAMPLED])[..., 1]
        wanted = (model.effect([y], [x], kept) * shares / shares.sum()).sum(axis=tuple(range(2, 2 + len(kept))))
    np.testing.assert_allclose(value, wanted, atol=1e-10)


@law
@given(graphs(max_nodes=5), st.data())
def test_selection_nodes_survive_every_format_and_a_projection(graph, data):
    names = st.sampled_from(graph.nodes)
    edges = [f'["site one"] -> {name}' for name in data.draw(st.sets(names))]
    edges += [f"{name} -> [clinic]" for name in data.draw(st.sets(names))]
    drawn = CausalGraph(graph.edges, graph.variables.values(), graph.confounded, edges)
    assert CausalGraph(str(drawn), drawn.variables.values()) == drawn
    for format in ("dot", "gml", "graphml", "yaml", "json"):
        assert CausalGraph.parse(format_graph(drawn, format), format) == drawn
    kept = data.draw(st.sets(names, min_size=1))
    dag, smaller = drawn.with_selection(), drawn.project(kept).with_selection()
    squares = [Square(name) for name in drawn.project(kept).selection.squares]
    for square in squares:
        for name in kept:
            others = [other for other in kept if other != name]
            for given_names in subsets(others):
                both = (nx.is_d_separator(g, {square}, {name}, set(given_names)) for g in (dag, smaller))
                assert len(set(both)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("[site] -> a; site -> b",),
            "'site' either as a variable or, in square brackets, as a selection node; got both",
        ),
        (("a -> b; [site]",), r"an arrow from or into the selection node \[site\]"),
        (("[site] -> a; b -> [site]",), r"either from or into the selection node \[site\]; got both"),
        (("a -> [x] -> [y] -> [x]",), "selection nodes without a cycle"),
        (("a -> [b",), r"Expected '\]' at line 1, column 8"),
        (("a -> b", (), (), "a -> b"), "a selection node in square brackets in every edge of `selection`"),
        (("a -> b", (), (), "[site] -> c"), "next to variables of the graph; got 'c'"),
        (("a -> b", (), "a <-> [s]"), "Expected bidirected edges such as 'a <-> b'"),
    ],
)
def test_wrong_selection_nodes_are_named(arguments, message):
    with pytest.raises(GraphError, match=message):
        CausalGraph(*arguments)


@pytest.mark.parametrize("ask", [transport, selection_bias])
def test_a_graph_without_selection_nodes_has_nothing_to_carry_over(ask):
    with pytest.raises(GraphError, match="Expected a graph with selection nodes"):
        ask(CausalGraph("a -> b"), treatment="a", outcome="b")
