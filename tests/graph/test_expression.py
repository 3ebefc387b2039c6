"""Formulas: how they read, what they are worth, and that shortening keeps their worth."""

import numpy as np
import pytest

from causalgen.errors import DataError, NotIdentifiableError
from causalgen.graph import CausalGraph, Estimand, Probability, Product, Quotient, Sum, identify
from causalgen.graph.simplification import simplify

from .discrete_models import DiscreteModel

P_Z = Probability(("z",))
P_Y = Probability(("y",), ("x", "z"))
BACK_DOOR = Sum(("z",), Product((P_Y, P_Z)))


@pytest.mark.parametrize(
    ("expression", "text", "latex"),
    [
        (BACK_DOOR, "Σ_{z} P(y | x, z) P(z)", r"\sum_{z} P(y \mid x, z)\, P(z)"),
        (Probability(("y",), ("z",), ("x",)), "P(y | do(x), z)", r"P(y \mid \mathrm{do}(x), z)"),
        (Product(()), "1", "1"),
        (Quotient(P_Z, P_Y), "[P(z)] / [P(y | x, z)]", r"\frac{P(z)}{P(y \mid x, z)}"),
        (Product((Sum(("z",), P_Z), P_Y)), "P(y | x, z) Σ_{z′} P(z′)", r"P(y \mid x, z)\, \sum_{z'} P(z')"),
        (
            Product((Sum(("z",), P_Z), Sum(("z",), P_Z))),
            "[Σ_{z} P(z)] Σ_{z} P(z)",
            r"\left[\sum_{z} P(z)\right]\, \sum_{z} P(z)",
        ),
        (
            Sum(("z",), Product((P_Z, Sum(("z",), P_Z)))),
            "Σ_{z} P(z) Σ_{z′} P(z′)",
            r"\sum_{z} P(z)\, \sum_{z'} P(z')",
        ),
    ],
)
def test_how_it_reads(expression, text, latex):
    assert str(expression) == text
    assert expression.latex.replace(r"\mathrm{x}", "x").replace(r"\mathrm{y}", "y").replace(r"\mathrm{z}", "z") == latex


def test_the_order_of_names_does_not_count():
    assert Probability(("a", "b"), ("c", "d")) == Probability(("b", "a"), ("d", "c"))
    assert Probability(("a",), ("b",)) != Probability(("a",), (), ("b",))
    assert len({Probability(("a", "b")), Probability(("b", "a"))}) == 1


def test_bound_variables_are_not_free():
    assert BACK_DOOR.free == {"x", "y"}
    assert Quotient(BACK_DOOR, P_Z).free == {"x", "y", "z"}


def test_the_value_is_the_arithmetic():
    model = DiscreteModel(CausalGraph("z -> {x, y}; x -> y"), np.random.default_rng(0), values=(2, 3))
    joint = model.joint("zxy")
    y_given = joint / joint.sum(axis=2, keepdims=True)
    expected = np.einsum("zxy,z->yx", y_given, joint.sum(axis=(1, 2)))
    np.testing.assert_allclose(BACK_DOOR.evaluate(joint, "zxy", axes="yx"), expected, atol=1e-15)
    swapped = BACK_DOOR.evaluate(joint.transpose(2, 0, 1), "yzx", axes="xy")
    np.testing.assert_allclose(swapped, expected.T, atol=1e-15)
    constant = Sum(("z",), Product(())).evaluate(joint, "zxy", axes="x")
    assert (constant == joint.shape[0]).all()
    assert constant.shape == joint.shape[1:2]
    first = P_Y.evaluate(joint, "zxy", axes="yx")
    np.testing.assert_allclose(first, y_given[0].T)


def test_a_condition_that_never_happens_has_no_value_unless_nothing_hangs_on_it():
    joint = np.array([[[0.2, 0.2], [0.3, 0.3]], [[0, 0], [0, 0]]])  # z = 1 never happens
    assert np.isfinite(BACK_DOOR.evaluate(joint, "zxy", axes="yx")).all()
    joint = np.array([[[0.2, 0.2], [0, 0]], [[0.1, 0.1], [0.2, 0.2]]])  # x = 1 never with z = 0
    found = BACK_DOOR.evaluate(joint, "zxy", axes="yx")
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()


def test_shortening_keeps_the_value():
    rng = np.random.default_rng(0)
    names, shorter = list("abcd"), 0
    joint = rng.dirichlet(np.ones(16)).reshape(2, 2, 2, 2)

    def some(*, depth):
        kind = rng.integers(4) if depth else 0
        if kind == 0:
            of, given = np.split(rng.permutation(names)[: rng.integers(1, 5)], [1])
            return Probability(tuple(map(str, of)), tuple(map(str, given)))
        if kind == 1:
            return Product(tuple(some(depth=depth - 1) for _ in range(rng.integers(1, 4))))
        if kind == 2:
            return Quotient(some(depth=depth - 1), some(depth=depth - 1))
        return Sum(tuple(map(str, rng.permutation(names)[: rng.integers(1, 3)])), some(depth=depth - 1))

    for _ in range(400):
        expression = some(depth=4)
        simple = simplify(expression)
        assert simple.free <= expression.free
        np.testing.assert_allclose(
            simple.evaluate(joint, names, axes=names),
            expression.evaluate(joint, names, axes=names),
            err_msg=f"{expression} -> {simple}",
        )
        shorter += len(simple.text) < len(expression.text)
    assert shorter >= 50


@pytest.mark.parametrize(
    ("expression", "simple"),
    [
        (Sum(("z", "y"), Product((P_Z, P_Y))), "1"),
        (Quotient(Product((P_Z, P_Y)), P_Z), "P(y | x, z)"),
        (Sum(("y",), Probability(("x", "y"), ("z",))), "P(x | z)"),
        (BACK_DOOR, BACK_DOOR.text),
    ],
)
def test_shorter_forms(expression, simple):
    assert simplify(expression).text == simple


@pytest.mark.parametrize(
    ("joint", "names", "message"),
    [
        (np.full((2, 2), 0.25), "zxy", "one axis for each of .* got 2 axes"),
        (np.full((2, 2), 0.25), "xx", "one axis for each"),
        (np.full((2, 2, 2), 0.25), "zxy", "sum to 1; they sum to 2"),
        (np.array([[1.2, -0.2]]), "xy", "the least is -0.2"),
        (np.full((2, 2), 0.25), "xy", "'z' is not among"),
    ],
)
def test_bad_distributions(joint, names, message):
    with pytest.raises(DataError, match=message):
        BACK_DOOR.evaluate(joint, names, axes="yx")


def test_interventions_have_no_value_in_observational_data():
    with pytest.raises(DataError, match=r"observational distribution; got P\(y \| do\(x\)\)"):
        Probability(("y",), (), ("x",)).evaluate(np.full((2, 2), 0.25), "xy", axes="yx")


def test_an_instrument_is_no_distribution():
    estimand = identify(CausalGraph("z -> x -> y; x <-> y"), treatment="x", outcome="y", assume="linear")
    with pytest.raises(NotIdentifiableError, match="an instrument gives a slope"):
        estimand.evaluate(np.full((2, 2, 2), 0.125), "zxy")


def test_an_estimand_by_hand_has_its_formula():
    assert Estimand("frontdoor", "x", "y", mediators=("m",)).expression.free == {"x", "y"}
    assert Estimand("no effect", "x", "y", given=("z",)).formula == "P(y | do(x), z) = P(y | z)"
