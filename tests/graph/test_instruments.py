"""Instruments against the definition, and against linear models with known slopes."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from matplotlib.mathtext import MathTextParser

from causalgen.errors import GraphError, NotIdentifiableError, UnknownNameError
from causalgen.graph import CausalGraph, Latent, check_instrument, identify, instruments

from .random_graphs import effects, forbidden, is_causal, is_open, law, paths, subsets


def _is_instrument(graph, x, y, z, held):
    """Not forbidden, associated with the treatment, and no open path to the outcome but causal ones after it."""
    dag = graph.canonical()
    if {z, *held} & forbidden(dag, x, y):
        return False
    if not any(is_open(dag, path, held) for path in paths(dag, x, z)):
        return False
    firsts = {(path[0], path[1]) for path in paths(dag, x, y) if is_causal(dag, path)}
    dag.remove_edges_from(firsts)
    return not any(is_open(dag, path, held) for path in paths(dag, z, y))


@law
@given(effects(max_nodes=5))
def test_instruments_satisfy_the_definition_and_are_found_where_there_is_one(effect):
    graph, x, y = effect
    found = instruments(graph, x, y)
    for estimand in found:
        assert estimand.method == "instrument"
        assert _is_instrument(graph, x, y, estimand.instrument, estimand.adjustment)
    others = set(graph) - {x, y}
    some = any(_is_instrument(graph, x, y, z, held) for z in others for held in subsets(others - {z}))
    assert bool(found) == (some and y in graph.descendants(x))


@law
@given(effects(max_nodes=5))
def test_the_check_is_the_definition(effect):
    graph, x, y = effect
    for z in set(graph) - {x, y}:
        for held in subsets(set(graph) - {x, y, z}):
            check = check_instrument(graph, x, y, z, given=held)
            assert bool(check) == _is_instrument(graph, x, y, z, held), str(check)


def _covariance(graph, rng):
    """A linear model with independent noise: the covariance of all nodes, and the total slopes."""
    dag = graph.canonical()
    order = list(nx.topological_sort(dag))
    slopes = np.zeros((len(order), len(order)))
    for a, b in dag.edges:
        slopes[order.index(b), order.index(a)] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    total = np.linalg.inv(np.eye(len(order)) - slopes)
    return order, total @ total.T, total


def test_the_ratio_is_the_slope_of_a_linear_model():
    rng, seen, conditional = np.random.default_rng(0), 0, 0
    for _ in range(300):
        names = list("abcde")
        pairs = list(combinations(names, 2))
        directed = [pair for pair in pairs if rng.random() < 0.4] + [("c", "e")]
        graph = CausalGraph(directed, confounded=[("c", "e"), *(pair for pair in pairs if rng.random() < 0.15)])
        for estimand in instruments(graph, "c", "e"):
            order, sigma, total = _covariance(graph, rng)
            y, x, z = (order.index(name) for name in ("e", "c", estimand.instrument))
            w = [order.index(name) for name in estimand.adjustment]
            partial = sigma - sigma[:, w] @ np.linalg.solve(sigma[np.ix_(w, w)], sigma[w])
            assert partial[z, y] / partial[z, x] == pytest.approx(total[y, x], abs=1e-8), f"{graph}: {estimand}"
            seen += 1
            conditional += bool(w)
            assert not any(isinstance(name, Latent) for name in estimand.adjustment)
    assert seen >= 50
    assert conditional >= 15


def test_an_instrument_answers_only_when_asked():
    graph = CausalGraph("z -> x -> y; x <-> y")
    with pytest.raises(NotIdentifiableError):
        identify(graph, treatment="x", outcome="y")
    estimand = identify(graph, treatment="x", outcome="y", assume="linear")
    assert (estimand.method, estimand.instrument, estimand.adjustment) == ("instrument", "z", ())
    assert estimand.formula == "E(y | do(x + 1)) - E(y | do(x)) = [Cov(z, y)] / [Cov(z, x)]"
    MathTextParser("path").parse(f"${estimand.latex}$")
    assert "if the effect is linear" in estimand.text
    assert any("Linearity" in assumption and "monotonicity" in assumption for assumption in estimand.assumptions)
    assert estimand.derivation is None


def test_a_formula_without_linearity_comes_first():
    graph = CausalGraph("z -> x -> m -> y; x <-> y")
    assert identify(graph, treatment="x", outcome="y", assume="linear").method == "frontdoor"


def test_hidden_variables_are_no_instruments():
    graph = CausalGraph("z -> x -> y; x <-> y")
    assert instruments(graph, "x", "y", observed=["x", "y"]) == ()
    with pytest.raises(NotIdentifiableError, match="hedge"):
        identify(graph, treatment="x", outcome="y", observed=["x", "y"], assume="linear")


@pytest.mark.parametrize(
    ("graph", "given", "message"),
    [
        ("z -> x -> y; x <-> y; z -> y", (), "past the effect of 'x': the path z -> y stays open"),
        ("z -> x -> y; x <-> y; z <-> y", (), "the path z <-> y stays open"),
        ("z; x -> y; x <-> y", (), "It is not associated with 'x'"),
        ("x -> z -> y; x <-> y", (), "'z' is the treatment, the outcome, on a causal path"),
        ("z -> x -> y -> w; x <-> y", "w", "'w' is the treatment, the outcome, on a causal path"),
        ("z -> x -> y; z -> w <-> y; x <-> y", "w", "the path z -> w <-> y stays open"),
    ],
)
def test_what_is_no_instrument_says_why(graph, given, message):
    check = check_instrument(CausalGraph(graph), "x", "y", "z", given=given)
    assert not check
    assert message in str(check)


def test_bad_names():
    graph = CausalGraph("z -> x -> y; x <-> y")
    with pytest.raises(GraphError, match="got 'x' for both"):
        instruments(graph, "x", "x")
    with pytest.raises(
        GraphError, match="an instrument other than treatment, outcome and conditioning variables; got 'x'"
    ):
        check_instrument(graph, "x", "y", "x")
    with pytest.raises(UnknownNameError, match="got 'q'"):
        check_instrument(graph, "x", "y", "q")
