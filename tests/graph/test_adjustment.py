import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causalgen.errors import GraphError
from causalgen.graph import (
    CausalGraph,
    Variable,
    adjustment_sets,
    check_adjustment_set,
    efficient_adjustment_set,
)
from causalgen.graph.adjustment import best_attempt

from .random_graphs import effects, forbidden, is_causal, is_open, law, paths, subsets, valid_adjustment_sets


@law
@given(effects())
def test_a_set_is_valid_exactly_when_the_definition_says_so(effect):
    graph, x, y = effect
    valid = valid_adjustment_sets(graph, x, y)
    for chosen in subsets(graph):
        check = check_adjustment_set(graph, x, y, chosen)
        assert bool(check) == check.valid == (set(chosen) in valid)
        assert set(check.forbidden) == set(chosen) & forbidden(graph.canonical(), x, y)
        assert len(check.problems) == len(check.forbidden) + (check.open_path is not None)


@law
@given(effects())
def test_the_path_it_names_is_open_and_not_causal(effect):
    graph, x, y = effect
    dag = graph.canonical()
    for chosen in subsets(set(graph) - forbidden(dag, x, y)):
        path = check_adjustment_set(graph, x, y, chosen).open_path
        if path is not None:
            spurious = [p for p in paths(dag, x, y) if not is_causal(dag, p) and is_open(dag, p, chosen)]
            visible = [[node for node in p if isinstance(node, str)] for p in spurious]
            assert re.split(" <-> | <- | -> ", path) in visible
            named = CausalGraph(path)
            assert set(named.edges) <= set(graph.edges)
            assert {frozenset(pair) for pair in named.confounded} <= {frozenset(p) for p in graph.confounded}


@law
@given(effects(), st.data())
def test_the_listing_is_every_minimal_set_once(effect, data):
    graph, x, y = effect
    observed = data.draw(st.sets(st.sampled_from(graph.nodes)))
    valid = [s for s in valid_adjustment_sets(graph, x, y) if s <= observed]
    minimal = [s for s in valid if not any(smaller < s for smaller in valid)]
    found = list(adjustment_sets(graph, x, y, observed=observed))
    assert sorted(found) == sorted(graph.select(s) for s in minimal)
    assert bool(best_attempt(graph, x, y, observed)) == bool(valid)


@law
@given(effects(confounded=False), st.data())
def test_without_hidden_variables_the_efficient_set_is_valid_and_has_the_least_variance(effect, data):
    graph, x, y = effect
    chosen = efficient_adjustment_set(graph, x, y)
    if y not in graph.descendants(x):
        assert chosen in (None, ())
        return
    covariance = _linear_gaussian_covariance(graph, seed=data.draw(st.integers(0, 99)))
    valid = valid_adjustment_sets(graph, x, y)
    assert set(chosen) in valid
    best = min(_asymptotic_variance(graph, covariance, x, y, s) for s in valid)
    assert _asymptotic_variance(graph, covariance, x, y, chosen) <= best * (1 + 1e-9)


def _linear_gaussian_covariance(graph, seed):
    rng = np.random.default_rng(seed)
    size = len(graph)
    weights = np.zeros((size, size))
    for a, b in graph.edges:
        weights[graph.nodes.index(b), graph.nodes.index(a)] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    mixing = np.linalg.inv(np.eye(size) - weights)
    return mixing @ np.diag(rng.uniform(0.5, 2, size)) @ mixing.T


def _asymptotic_variance(graph, covariance, x, y, adjustment):
    """var(y | x, z) / var(x | z): n times the variance of the least-squares coefficient of x."""

    def residual(name, regressors):
        i, js = graph.nodes.index(name), [graph.nodes.index(r) for r in regressors]
        cross = covariance[i, js]
        return covariance[i, i] - cross @ np.linalg.solve(covariance[np.ix_(js, js)], cross)

    return residual(y, [x, *adjustment]) / residual(x, list(adjustment))


@law
@given(effects(), st.data())
def test_the_efficient_set_is_observed_and_valid_or_absent(effect, data):
    graph, x, y = effect
    observed = data.draw(st.sets(st.sampled_from(graph.nodes)))
    chosen = efficient_adjustment_set(graph, x, y, observed=observed)
    if chosen is not None:
        assert set(chosen) <= observed
        assert set(chosen) in valid_adjustment_sets(graph, x, y)


M_BIAS = CausalGraph("x -> y; x <-> c; c <-> y; c -> d")


@pytest.mark.parametrize(
    ("graph", "chosen", "sentence"),
    [
        ("x -> m -> y", ["m"], "'m' lies on the causal path x -> m -> y."),
        ("x -> m -> y; m -> d", ["d"], "'d' is a descendant of 'm', which is on a causal path."),
        ("x -> y -> d", ["d"], "'d' is a descendant of 'y', which is the outcome."),
        ("x -> y", ["x"], "'x' is the treatment itself."),
        ("x -> y", ["y"], "'y' is the outcome itself."),
        ("x -> y; c -> {x, y}", [], "The path x <- c -> y stays open."),
        ("x -> y; x <-> y", [], "The path x <-> y stays open."),
        (
            str(M_BIAS),
            ["c"],
            "The path x <-> c <-> y stays open; adjusting for 'c' opens it at the collider 'c'.",
        ),
        (
            str(M_BIAS),
            ["d"],
            "The path x <-> c <-> y stays open; adjusting for 'd', a descendant of 'c', opens it at the collider 'c'.",
        ),
    ],
)
def test_the_check_says_why_a_set_is_invalid(graph, chosen, sentence):
    check = check_adjustment_set(CausalGraph(graph), "x", "y", chosen)
    assert check.problems == (sentence,)
    assert str(check) == f"{{{', '.join(chosen)}}} is not valid: {sentence}"


def test_a_descendant_of_the_treatment_off_every_causal_path_is_allowed():
    check = check_adjustment_set(CausalGraph("x -> y; x -> d"), "x", "y", "d")
    assert str(check) == "{d} is valid."


def test_images_are_not_adjusted_for_unless_called_observed():
    graph = CausalGraph(
        "scan -> {x, y}; x -> y", [Variable("scan", "image", shape=(1, 8, 8)), Variable("x"), Variable("y")]
    )
    assert list(adjustment_sets(graph, "x", "y")) == []
    assert list(adjustment_sets(graph, "x", "y", observed=graph)) == [("scan",)]


def test_listing_is_lazy_and_stops_at_the_limit():
    diamonds = [f"x <- a{i} <- b{i} -> y" for i in range(40)]  # 2 ** 40 minimal sets
    graph = CausalGraph(["x -> y", *diamonds])
    assert len(set(adjustment_sets(graph, "x", "y", limit=7))) == 7
    assert len(efficient_adjustment_set(graph, "x", "y")) == 40


@pytest.mark.parametrize("ask", [adjustment_sets, efficient_adjustment_set])
def test_treatment_and_outcome_differ(ask):
    with pytest.raises(GraphError, match=r"Expected two different variables .* got 'a' for both"):
        ask(CausalGraph("a -> b"), "a", "a")
