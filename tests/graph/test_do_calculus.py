"""The three rules against the separation spelt out path by path, and against exact models."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalgen.errors import GraphError, UnknownNameError
from causalgen.graph import (
    CausalGraph,
    Probability,
    exchange_of_action_and_observation,
    identify,
    insertion_of_actions,
    insertion_of_observations,
)
from causalgen.graph.do_calculus import rule_between

from .discrete_models import DiscreteModel
from .random_graphs import graphs, law, separated

RULES = [insertion_of_observations, exchange_of_action_and_observation, insertion_of_actions]


def _by_definition(graph, rule, y, z, x, w):
    """The mutilated graph, then every path."""
    dag = graph.canonical()
    dag.remove_edges_from(list(dag.in_edges(x)))
    if rule == 2:
        dag.remove_edges_from(list(dag.out_edges(z)))
    if rule == 3:
        free = [name for name in z if name not in w and not nx.descendants(dag, name) & set(w)]
        dag.remove_edges_from(list(dag.in_edges(free)))
    return all(separated(dag, one, other, {*x, *w}) for one in y for other in z)


@st.composite
def statements(draw):
    """A graph, and disjoint sets y, z, x, w of which the first two are not empty."""
    graph = draw(graphs(max_nodes=5))
    roles = {name: draw(st.sampled_from("yzxw-")) for name in graph}
    y, z, *_ = draw(st.permutations(graph.nodes))
    roles.update({y: "y", z: "z"})
    return graph, {role: tuple(name for name in graph if roles[name] == role) for role in "yzxw"}


@law
@given(statements(), st.sampled_from([1, 2, 3]))
def test_a_rule_holds_exactly_where_its_separation_does_and_then_both_sides_are_equal(statement, rule):
    graph, sets = statement
    check = RULES[rule - 1](graph, **sets)
    assert check.rule == rule
    assert check.holds == bool(check) == _by_definition(graph, rule, **sets)
    assert (check.open_path is None) == check.holds
    assert rule_between(graph, check.after, check.before) == check
    model = DiscreteModel(graph, np.random.default_rng(0))
    one, other = (model.value(side, graph.nodes) for side in (check.before, check.after))
    if check:
        np.testing.assert_allclose(one, other, atol=1e-9, rtol=0)
    else:
        assert np.abs(one - other).max() > 1e-9


def test_the_words_name_graph_and_separation():
    graph = CausalGraph("x -> m -> y; x <-> y")
    check = exchange_of_action_and_observation(graph, y="y", z="m", x="x")
    assert str(check) == (
        "P(y | do(x, m)) = P(y | do(x), m) by rule 2, exchange of action and observation: y ⊥ m | x in the graph "
        "without arrows into x or out of m"
    )
    check = exchange_of_action_and_observation(graph, y="y", z="x")
    assert not check
    assert str(check).startswith("P(y | do(x)) ≠ P(y | x) by rule 2")
    assert str(check).endswith("y ⊥ x in the graph without arrows out of x fails: y <-> x is open")
    assert insertion_of_observations(graph, y="y", z="m").graph == "the graph"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("sets", "error", "message"),
    [
        ({"y": "y", "z": "q"}, UnknownNameError, "got 'q'"),
        ({"y": "y", "z": ()}, GraphError, "at least one variable in y and in z; got none"),
        ({"y": (), "z": "x"}, GraphError, "at least one variable in y and in z; got none"),
        ({"y": "y", "z": "x", "w": ["x"]}, GraphError, "share no variable; got 'x' in two of them"),
    ],
)
def test_bad_statements(rule, sets, error, message):
    with pytest.raises(error, match=message):
        rule(CausalGraph("x -> m -> y"), **sets)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Probability(("y",), ("x",)), Probability(("m",), ("x",))),
        (Probability(("y",), ("x", "m")), Probability(("y",), (), ("x",))),
        (Probability(("y",), (), ("x",)), Probability(("y",), (), ("m",))),
        (Probability(("y",)), Probability(("y",))),
    ],
)
def test_two_rules_at_once_are_refused(one, other):
    with pytest.raises(GraphError, match="differ by one rule"):
        rule_between(CausalGraph("x -> m -> y"), one, other)


def test_the_classic_derivations():
    """Pearl's for the back door and the front door: the rules in their order."""

    def rules(graph, **query):
        estimand = identify(CausalGraph(graph), treatment="x", outcome="y", **query)
        return [step.check.rule if step.check else step.law for step in estimand.derivation]

    total = "law of total probability"
    assert rules("y -> x") == [3]
    assert rules("x -> y") == [2]
    assert rules("c -> {x, y}; x -> y") == [total, 2, 3]
    assert rules("x -> m -> y; x <-> y") == [total, 2, 2, 3, total, 2, 3]


def test_a_derivation_reads_as_a_chain_of_equations():
    text = str(identify(CausalGraph("c -> {x, y}; x -> y"), treatment="x", outcome="y").derivation)
    assert text.splitlines() == [
        "P(y | do(x))",
        "= Σ_{c} P(y | do(x), c) P(c | do(x))    [law of total probability]",
        "= Σ_{c} P(y | x, c) P(c | do(x))    [rule 2, exchange of action and observation: "
        "y ⊥ x | c in the graph without arrows out of x]",
        "= Σ_{c} P(y | x, c) P(c)    [rule 3, insertion or deletion of actions: "
        "c ⊥ x in the graph without arrows into x]",
    ]
