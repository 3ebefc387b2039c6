from collections import Counter
from dataclasses import FrozenInstanceError
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from matplotlib.mathtext import MathTextParser

from causalgen.errors import GraphError, NotIdentifiableError
from causalgen.graph import CausalGraph, Estimand, Variable, front_door_set, identify

from .discrete_models import DiscreteModel
from .random_graphs import effects, is_front_door, law, subsets, valid_adjustment_sets
from .replay import replay

SMOKING = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")


def _random_graph(rng):
    """Five variables from a to e, up to four hidden causes, often one of a and e."""
    pairs = list(combinations("abcde", 2))
    directed = [pair for pair in pairs if rng.random() < 0.45]
    bidirected = [pairs[i] for i in rng.choice(len(pairs), size=rng.integers(0, 4), replace=False)]
    if rng.random() < 0.7:
        directed, bidirected = [p for p in directed if p != ("a", "e")], [*bidirected, ("a", "e")]
    return CausalGraph(directed, [Variable(name) for name in "abcde"], bidirected)


def test_the_formula_is_the_truncated_factorisation():
    rng = np.random.default_rng(0)
    methods = Counter()
    for _ in range(800):
        graph = _random_graph(rng)
        x, y = ("a", "e") if rng.random() < 0.7 else rng.permutation(list("abcde"))[:2].tolist()
        observed = [name for name in graph if name in (x, y) or rng.random() < 0.85]
        try:
            estimand = identify(graph, treatment=x, outcome=y, observed=observed)
        except NotIdentifiableError:
            methods["not identified"] += 1
            continue
        assert {*estimand.adjustment, *estimand.mediators} <= set(observed)
        methods[estimand.method, estimand.choice, len(estimand.mediators) > 1] += 1
        model = DiscreteModel(graph, rng)
        if sum(methods.values()) <= 100:
            replay(estimand, graph, model)
        truth = model.effect([y], [x])
        found = estimand.evaluate(model.joint(observed), observed)
        np.testing.assert_allclose(found, truth, atol=1e-9, rtol=0, err_msg=f"{graph}: {estimand}")
    several = [
        "not identified",
        ("no effect", "", False),
        ("backdoor", "efficient", False),
        ("frontdoor", "", False),
        ("general", "", False),
    ]
    assert all(methods[kind] >= 5 for kind in several), methods
    assert methods["backdoor", "minimal", False] >= 3, methods
    assert methods["frontdoor", "", True] >= 3, methods


def test_association_is_not_the_effect():
    """The numerical check above can fail: without adjustment it does."""
    graph = CausalGraph("c -> {x, y}; x -> y")
    model = DiscreteModel(graph, np.random.default_rng(1))
    naive = Estimand("backdoor", "x", "y").evaluate(model.joint("cxy"), "cxy")
    assert np.abs(naive - model.effect("y", "x")).max() > 0.01


@law
@example((CausalGraph("c -> y; b <-> c; x"), "x", "y"))  # b can go, and only then c
@given(effects(max_nodes=5))
def test_front_door_sets_satisfy_the_definition_and_are_found_where_there_is_one(effect):
    graph, x, y = effect
    valid = [set(m) for m in subsets(set(graph) - {x, y}) if is_front_door(graph, x, y, m)]
    found = front_door_set(graph, x, y)
    assert (found is None) == (not valid)
    if found is not None:
        assert set(found) in valid
        assert not any(set(found) - {name} in valid for name in found)


@law
@given(effects(max_nodes=5))
def test_the_simplest_method_that_works_is_chosen(effect):
    graph, x, y = effect
    front = any(is_front_door(graph, x, y, m) for m in subsets(set(graph) - {x, y}))
    try:
        method = identify(graph, treatment=x, outcome=y).method
    except NotIdentifiableError:
        method = "none"
    if y not in graph.descendants(x):
        assert method == "no effect"
    elif valid_adjustment_sets(graph, x, y):
        assert method == "backdoor"
    elif front:
        assert method == "frontdoor"
    else:
        assert method in ("general", "none")


def test_the_efficient_set_is_preferred_and_named():
    graph = CausalGraph("a -> x -> y; a -> b -> y")
    estimand = identify(graph, treatment="x", outcome="y")
    assert (estimand.adjustment, estimand.choice) == (("b",), "efficient")
    assert "the most efficient set" in estimand.text
    fallback = identify(CausalGraph("a -> x -> y; a <-> y"), treatment="x", outcome="y")
    assert (fallback.adjustment, fallback.choice) == (("a",), "minimal")
    assert "a minimal set" in fallback.text


@pytest.mark.parametrize(
    ("graph", "formula"),
    [
        ("y -> x", "P(y | do(x)) = P(y)"),
        ("x -> y", "P(y | do(x)) = P(y | x)"),
        ("c -> {x, y}; x -> y", "P(y | do(x)) = Σ_{c} P(y | x, c) P(c)"),
        ("x -> m -> y; x <-> y", "P(y | do(x)) = Σ_{m} P(m | x) Σ_{x′} P(y | m, x′) P(x′)"),
    ],
)
def test_formula_text_and_assumptions(graph, formula):
    estimand = identify(CausalGraph(graph), treatment="x", outcome="y")
    assert estimand.formula == formula
    assert estimand.formula in str(estimand)
    assert all(f"'{name}'" in estimand.text for name in "xy")
    assert len(estimand.assumptions) == {"no effect": 1, "backdoor": 3, "frontdoor": 4}[estimand.method]
    MathTextParser("path").parse(f"${estimand.latex}$")


def test_latex_escapes_names():
    estimand = Estimand("backdoor", "wearing_hat", "age at scan", adjustment=("a_1", "b"))
    assert r"\mathrm{wearing\_hat}" in estimand.latex
    MathTextParser("path").parse(f"${estimand.latex}$")


def test_the_estimand_is_frozen():
    with pytest.raises(FrozenInstanceError):
        identify(SMOKING, treatment="smoking", outcome="cancer").method = "backdoor"


def test_an_image_is_hidden_unless_it_is_the_outcome_or_called_observed():
    graph = CausalGraph(
        "x -> scan; u -> {x, scan}", [Variable("u"), Variable("x"), Variable("scan", "image", shape=(1, 8, 8))]
    )
    assert identify(graph, treatment="x", outcome="scan").adjustment == ("u",)
    proxy = CausalGraph(
        "x -> scan -> y; x <-> y", [Variable("x"), Variable("scan", "image", shape=(1, 8, 8)), Variable("y")]
    )
    with pytest.raises(NotIdentifiableError, match="x <-> y stays open"):
        identify(proxy, treatment="x", outcome="y")
    assert identify(proxy, treatment="x", outcome="y", observed=proxy).mediators == ("scan",)


@pytest.mark.parametrize(
    ("graph", "observed", "message"),
    [
        ("x -> y; x <-> y", "xy", "x <-> y stays open, .* Measure the hidden common cause behind x <-> y"),
        ("x -> y; c -> {x, y}", "xy", r"x <- c -> y stays open, .* Measure {c}: then the effect"),
        ("x -> y; {c, z} -> {x, y}", "xyz", "x <- c -> y stays open even given {z}, "),
        ("x -> y", "x", "Expected treatment, outcome and given to be observed; got 'y' hidden"),
    ],
)
def test_what_is_not_identified_says_why_and_what_would_help(graph, observed, message):
    with pytest.raises(NotIdentifiableError, match=message):
        identify(CausalGraph(graph), treatment="x", outcome="y", observed=list(observed))


def test_treatment_and_outcome_differ():
    with pytest.raises(GraphError, match="got 'tar' for both"):
        identify(SMOKING, treatment="tar", outcome="tar")
