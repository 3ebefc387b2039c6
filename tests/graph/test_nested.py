"""Nested counterfactuals against models whose every latent state is enumerated."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from causalgen.errors import DataError, GraphError, NotIdentifiableError, UnknownNameError
from causalgen.graph import (
    CausalGraph,
    NestedQuestion,
    Variable,
    causal_paths,
    causation_bounds,
    identify_nested,
)

from .functional_models import FunctionalModel, evaluate, evaluate_stages
from .random_graphs import graphs

MEDIATION = CausalGraph("z -> {x, m, y}; x -> m -> y; x -> y")
CHAIN = CausalGraph("x -> l -> {m, y}; m -> y; x -> y")
seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
"""Sixty questions that are identified: the others are drawn again."""


@st.composite
def effects(draw, **options):
    """A graph with a treatment that acts on an outcome."""
    graph = draw(graphs(min_nodes=4, **options))
    pairs = [(x, y) for x in graph for y in graph.descendants(x)]
    assume(pairs)
    return graph, *draw(st.sampled_from(pairs))


def identify(query, graph, *, treatment, outcome, observed=None, **question):
    return identify_nested(graph, NestedQuestion(query, treatment, outcome, **question), observed=observed)


def natural(graph, **options):
    return identify("natural", graph, treatment="x", outcome="y", **options)


def path_specific(graph, paths, **options):
    return identify("path", graph, treatment="x", outcome="y", paths=paths, **options)


# -- laws ------------------------------------------------------------------------------------------------------------


@law
@given(effects(max_nodes=5), seeds)
def test_the_natural_formula_is_the_nested_counterfactual(question, seed):
    """Estimand: E[Y(b, M(a))] with M all nodes between, on random mixed graphs."""
    graph, x, y = question
    try:
        estimand = identify("natural", graph, treatment=x, outcome=y)
    except (GraphError, NotIdentifiableError):
        assume(False)
    model = FunctionalModel(graph, np.random.default_rng(seed))
    mediators = {m: model.world({x: 0})[m] for m in estimand.mediators}
    truth = model.mean(model.world({x: 1, **mediators})[y])
    assert evaluate(estimand, model) == pytest.approx(truth, abs=1e-9)
    if estimand.stages:
        assert evaluate_stages(estimand, model) == pytest.approx(truth, abs=1e-9)


@law
@given(effects(max_nodes=5), seeds, st.data())
def test_the_path_formula_is_the_nested_counterfactual(question, seed, data):
    """Estimand: E[Y] with X=b along a random set of paths and X=a along the others."""
    graph, x, y = question
    paths = causal_paths(graph, x, y)
    active = data.draw(st.sets(st.sampled_from(paths), min_size=1))
    try:
        estimand = identify("path", graph, treatment=x, outcome=y, paths=active)
    except NotIdentifiableError:
        assume(False)
    model = FunctionalModel(graph, np.random.default_rng(seed))
    truth = model.mean(model.along(x, y, active))
    assert evaluate(estimand, model) == pytest.approx(truth, abs=1e-9)
    if estimand.stages:
        assert evaluate_stages(estimand, model) == pytest.approx(truth, abs=1e-9)


@law
@given(effects(max_nodes=5), seeds)
def test_the_controlled_formula_is_the_interventional_distribution(question, seed):
    """Estimand: E[Y | do(X=b, M=m)] for each m, M one node between."""
    graph, x, y = question
    between = [name for name in graph.descendants(x) if name in graph.ancestors(y)]
    assume(between)
    m = between[seed % len(between)]
    try:
        estimand = identify("controlled", graph, treatment=x, outcome=y, mediators=m)
    except NotIdentifiableError:
        assume(False)
    model = FunctionalModel(graph, np.random.default_rng(seed))
    by_formula = np.broadcast_to(evaluate(estimand, model, held=(m,)), 2)
    for value in (0, 1):
        truth = model.mean(model.world({x: 1, m: value})[y])
        assert by_formula[value] == pytest.approx(truth, abs=1e-9)
        if estimand.stages:
            assert evaluate_stages(estimand, model, {m: value}) == pytest.approx(truth, abs=1e-9)


@law
@given(effects(max_nodes=6))
def test_the_complete_criterion_accepts_what_the_mediation_formula_answers(question):
    graph, x, y = question
    try:
        estimand = identify("natural", graph, treatment=x, outcome=y)
    except (GraphError, NotIdentifiableError):
        assume(False)
    direct = [path for path in causal_paths(graph, x, y) if not set(path) & set(estimand.mediators)]
    if direct:
        identify("path", graph, treatment=x, outcome=y, paths=direct)


@law
@given(effects(max_nodes=5), seeds)
def test_the_effect_on_the_treated_is_the_counterfactual_mean_among_them(question, seed):
    """Estimand: E[Y(a) | X=b] = Σ_z E[Y | X=a, z] P(z | X=b), z the adjustment set."""
    graph, x, y = question
    try:
        estimand = identify("treated", graph, treatment=x, outcome=y)
    except NotIdentifiableError:
        assume(False)
    model = FunctionalModel(graph, np.random.default_rng(seed))
    values = model.world()
    truth = model.mean(model.world({x: 0})[y], given=values[x] == 1)
    table = model.joint((*estimand.adjustment, x, y)).reshape(-1, 2, 2)
    mean = table[:, 0, 1] / table[:, 0].sum(axis=1)
    weight = table[:, 1].sum(axis=1) / table[:, 1].sum()
    assert float(mean @ weight) == pytest.approx(truth, abs=1e-9)


def causation_truth(model):
    """PN, PS, PNS by enumeration, and what Tian and Pearl's bounds are made of."""
    values, a, b = model.world(), model.world({"x": 0})["y"], model.world({"x": 1})["y"]
    truth = {
        "PN": model.mean(a == 0, given=(values["x"] == 1) & (values["y"] == 1)),
        "PS": model.mean(b == 1, given=(values["x"] == 0) & (values["y"] == 0)),
        "PNS": model.mean((a == 0) & (b == 1)),
    }
    return truth, (model.joint(("x", "y")), model.mean(a), model.mean(b))


@pytest.mark.parametrize("edges", ["x -> y", "x -> y; x <-> y", "z -> {x, y}; x -> m -> y; x -> y"])
def test_bounds_of_causation_hold_the_truth_and_meet_it_under_monotonicity(edges):
    """x -> y, with hidden or drawn common causes: 60 random models each. Estimand: PN, PS, PNS."""
    graph = CausalGraph(edges)
    for seed in range(60):
        truth, known = causation_truth(FunctionalModel(graph, np.random.default_rng(seed)))
        for name, bounds in causation_bounds(*known).items():
            assert bounds.low - 1e-9 <= truth[name] <= bounds.high + 1e-9
        if "m" not in graph:
            monotone = FunctionalModel(graph, np.random.default_rng(seed), monotone=("x", "y"))
            truth, known = causation_truth(monotone)
            for name, bounds in causation_bounds(*known).items():
                assert bounds.low == pytest.approx(truth[name], abs=1e-9)
                assert bounds.monotone == pytest.approx(truth[name], abs=1e-9)


def test_both_bounds_of_causation_are_attained():
    """x -> y, x randomised: for given P(y | do(x)) one coupling of Y(a), Y(b) reaches the lower, one the upper end."""
    low, high = [], []
    for seed in range(200):
        p = np.random.default_rng(seed).dirichlet(np.ones(4)).reshape(2, 2)  # P(Y(a), Y(b))
        a, b = p[1].sum(), p[:, 1].sum()
        joint = 0.5 * np.array([[1 - a, a], [1 - b, b]])
        bounds = causation_bounds(joint, a, b)["PNS"]
        assert bounds.low - 1e-9 <= p[0, 1] <= bounds.high + 1e-9
        low.append(bounds.low - max(0, b - a))  # comonotone coupling
        high.append(bounds.high - min(b, 1 - a))  # countermonotone coupling
    assert np.allclose(low, 0)
    assert np.allclose(high, 0)


def test_bounds_take_many_rows_at_once():
    """A row without a unit that PS is about has no bounds of it, and no numpy warning."""
    joint = np.random.default_rng(0).dirichlet(np.ones(4), size=5).reshape(5, 2, 2)
    joint[4] = [[0, 0.5], [0.3, 0.2]]
    a, b = joint[:, 0, 1] / joint[:, 0].sum(1), joint[:, 1, 1] / joint[:, 1].sum(1)
    many = causation_bounds(joint, a, b)
    for i in range(5):
        one = causation_bounds(joint[i], a[i], b[i])
        for name in many:
            assert np.allclose([column[i] for column in many[name]], one[name], equal_nan=True)
    assert np.isnan(many["PS"].low).tolist() == [False] * 4 + [True]


# -- known cases -----------------------------------------------------------------------------------------------------


def test_the_mediation_formula_in_plain_text():
    estimand = natural(MEDIATION)
    assert estimand.method == "mediation formula"
    assert estimand.formula == "P(y(x=b, m(x=a))) = Σ_{z, m} P(y | x=b, z, m) P(m | x=a, z) P(z)"
    assert estimand.stages == ((("m",), "a"), (("y",), "b"))
    assert any("No experiment can test it" in sentence for sentence in estimand.assumptions)


def test_natural_and_direct_path_effects_agree():
    assert path_specific(MEDIATION, "x -> y").stages == natural(MEDIATION).stages
    by_edges = identify("path", MEDIATION, treatment="x", outcome="y", edges="x -> m -> y")
    assert by_edges == path_specific(MEDIATION, [("x", "m", "y")])


def test_interleaved_worlds_come_in_stages():
    """x -> {l, m, y}; l -> m -> y: x=b acts on l and y, x=a on m."""
    graph = CausalGraph("x -> {l, m, y}; l -> m -> y")
    estimand = path_specific(graph, ["x -> l -> m -> y", "x -> y"])
    assert estimand.stages == ((("l",), "b"), (("m",), "a"), (("y",), "b"))


def test_a_treatment_induced_confounder_is_a_recanting_witness():
    """x -> l -> {m, y}, m -> y: l would need two values in one unit."""
    with pytest.raises(NotIdentifiableError, match=r"recanting witness 'l'.*x -> l -> y .*x -> l -> m -> y"):
        natural(CHAIN, mediators="m")
    assert natural(CHAIN).mediators == ("l", "m")  # among the mediators it is no obstacle


def test_the_witness_may_stand_behind_the_first_arrow():
    """x -> c -> w -> {y, d}, d -> y: the paths part at w."""
    with pytest.raises(NotIdentifiableError, match="recanting witness 'w'"):
        path_specific(CausalGraph("x -> c -> w -> {y, d}; d -> y"), "x -> c -> w -> y")


def test_what_a_recanting_witness_hides_is_not_in_the_data():
    """x -> l -> {m, y}; m -> y: two models with one observational law and different E[Y along x -> l -> m -> y].

    m = l, y = l XOR m. A half of the units with l always 0 and a half always 1, or a half that copies x and a half
    that flips it: P(l | x) = 1/2 either way.
    """
    found = []
    for types in [(0, 1), (2, 3)]:
        response = np.array([[0, 0], [1, 1], [0, 1], [1, 0]])[list(types)]  # l by [type, x]
        nested = response[:, 0] != response[:, 1]  # l under a goes straight to y, l under b through m
        found.append((response.mean(axis=0).tolist(), float(nested.mean())))
    assert found[0][0] == found[1][0] == [0.5, 0.5]
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("x -> m -> y; x -> y; m <-> y", "recanting district {m, y} joined by m <-> y"),
        ("x -> m -> y; x -> y; x <-> y", "hidden common causes.*x <-> y"),
        ("x -> m -> y; x -> y; x <-> m", "hidden common causes.*x <-> m"),
    ],
)
def test_hidden_common_causes_are_named(edges, message):
    with pytest.raises(NotIdentifiableError, match=message):
        natural(CausalGraph(edges))


def test_full_mediation_survives_a_hidden_cause_of_treatment_and_outcome():
    estimand = natural(CausalGraph("x -> m -> y; x <-> y"))
    assert estimand.method == "edge g-formula"
    assert "P(y | do(m)) P(m | x=a)" in estimand.formula
    assert not estimand.stages


def test_controlled_effects_need_no_second_world():
    """The recanting witness of the natural effect is an ordinary variable here, averaged over before m is set."""
    estimand = identify("controlled", CHAIN, treatment="x", outcome="y", mediators="m")
    assert estimand.formula == "P(y | do(x=b, m)) = Σ_{l} P(y | x=b, l, m) P(l | x=b)"
    assert estimand.stages == ((("l",), "b"), (("y",), "b"))
    assert not any("Cross-world" in sentence for sentence in estimand.assumptions)


def test_images_are_hidden_and_their_paths_kept():
    """x -> m -> image -> y and x -> image: the path through the image counts as direct."""
    variables = [Variable(n) for n in "xmy"] + [Variable("image", "image", shape=(1, 4, 4))]
    graph = CausalGraph("x -> m -> image -> y; x -> image", variables)
    assert natural(graph).formula == "P(y(x=b, m(x=a))) = Σ_{m} P(y | x=b, m) P(m | x=a)"
    only = CausalGraph("x -> image -> y", [variables[0], *variables[2:]])
    with pytest.raises(GraphError, match=r"got none. Measure or name image"):
        natural(only)


def test_hidden_mediators_that_would_tell_paths_apart_are_asked_for():
    graph = CausalGraph("x -> g -> y; x -> h -> y")
    with pytest.raises(NotIdentifiableError, match="Measure g or h"):
        path_specific(graph, "x -> g -> y", observed=["x", "y"])


def test_one_string_may_hold_several_paths():
    assert path_specific(MEDIATION, "x -> y; x -> m -> y;").paths == (("x", "y"), ("x", "m", "y"))


def test_causation_says_what_is_assumed_for_a_point():
    estimand = identify("causation", MEDIATION, treatment="x", outcome="y")
    assert not estimand.point
    assert estimand.adjustment == ("z",)
    assert "monotonicity" in estimand.assumptions[-1]


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: identify("natural", MEDIATION, treatment="x", outcome="x"), GraphError, "two different"),
        (
            lambda: identify("natural", MEDIATION, treatment="x", outcome="yy"),
            UnknownNameError,
            "Did you mean|got 'yy'",
        ),
        (lambda: natural(CausalGraph("x -> y")), GraphError, "Expected a mediator"),
        (lambda: natural(MEDIATION, mediators="z"), GraphError, "on a causal path from 'x' to 'y': m; got 'z'"),
        (
            lambda: natural(MEDIATION, mediators="m", observed=["x", "y", "z"]),
            NotIdentifiableError,
            "got 'm', which is not",
        ),
        (lambda: natural(MEDIATION, observed=["x", "m", "z"]), NotIdentifiableError, "got 'y' hidden"),
        (lambda: path_specific(MEDIATION, "x -> z -> y"), GraphError, "got x -> z, which is none"),
        (lambda: path_specific(MEDIATION, "m -> y"), GraphError, "Expected paths from 'x' to 'y'; got m -> y"),
        (lambda: path_specific(MEDIATION, "x -> q -> y"), UnknownNameError, "got 'q'"),
        (lambda: path_specific(MEDIATION, []), GraphError, "at least one active path"),
        (lambda: path_specific(MEDIATION, ""), GraphError, "at least one active path"),
        (lambda: path_specific(MEDIATION, "x -> {m, y}"), GraphError, "Expected a path as 'a -> b -> c'"),
        (lambda: path_specific(MEDIATION, "y <- m <- x"), GraphError, "got 'y <- m <- x'"),
        (lambda: path_specific(MEDIATION, ("x", "m", "y")), GraphError, "sequence of names; got 'x'"),
        (lambda: path_specific(MEDIATION, [1]), GraphError, "sequence of names; got 1"),
        (lambda: natural(CausalGraph("x; y")), GraphError, "'x' has no effect on 'y'"),
        (lambda: path_specific(MEDIATION, "x -> y", edges="x -> y"), GraphError, "both or neither"),
        (lambda: path_specific(MEDIATION, None), GraphError, "both or neither"),
        (lambda: NestedQuestion("naturel", "x", "y"), UnknownNameError, "Did you mean 'natural'"),
        (lambda: NestedQuestion("path", "x", "y", mediators="m"), DataError, "Expected no mediators for the path"),
        (lambda: NestedQuestion("natural", "x", "y", paths="x -> y"), DataError, "Expected no paths for the natural"),
        (
            lambda: NestedQuestion("natural", "x", "y", mediators={"m": 3}),
            DataError,
            "got values. Ask for 'controlled'",
        ),
        (lambda: NestedQuestion("controlled", "x", "y"), DataError, "mediators that a controlled direct effect sets"),
        (lambda: identify("natural", MEDIATION, treatment="y", outcome="x"), GraphError, "did you swap"),
        (
            lambda: identify("treated", CausalGraph("x -> y; x <-> y"), treatment="x", outcome="y"),
            NotIdentifiableError,
            "x <-> y, which stays open",
        ),
        (
            lambda: identify("treated", CausalGraph("y -> x"), treatment="x", outcome="y"),
            GraphError,
            "so the effect on the treated is 0",
        ),
        (
            lambda: identify(
                "causation",
                CausalGraph("x -> y", [Variable("x", "continuous"), Variable("y", "binary")]),
                treatment="x",
                outcome="y",
            ),
            GraphError,
            "'x' is continuous",
        ),
    ],
)
def test_bad_questions_get_one_clear_message(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
