"""Tests of implied independencies: about 5 % rejected on true graphs, planted missing edges found."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, kstest

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.effects.diagnostics.implied import check_independencies
from causalgen.effects.diagnostics.independence import independence_p_value
from causalgen.effects.diagnostics.words import holm
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable

from .generator import sigmoid


def continuous(name: str) -> Variable:
    return Variable(name, "continuous")


def linear(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    z = rng.normal(size=rows)
    return pd.DataFrame({"z": z, "x": z + rng.normal(size=rows), "y": z + rng.normal(size=rows)})


def curved(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    z = rng.normal(size=rows)
    x, y = np.sin(2 * z), z**2
    return pd.DataFrame({"z": z, "x": x + 0.5 * rng.normal(size=rows), "y": y + 0.5 * rng.normal(size=rows)})


def labelled(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    z = rng.normal(size=rows)
    labels = np.array(["no", "yes"])
    return pd.DataFrame(
        {
            "z": z,
            "x": labels[(rng.random(rows) < sigmoid(2 * z)).astype(int)],
            "y": np.where(rng.random(rows) < sigmoid(z), "one", np.where(rng.random(rows) < 0.5, "two", "three")),
        }
    )


def unequal(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    z = rng.normal(size=rows)
    x, y = np.exp(z / 2) * rng.normal(size=(2, rows))
    return pd.DataFrame({"z": z, "x": x, "y": y})


@pytest.mark.parametrize("draw", [linear, curved, labelled, unequal])
def test_size_is_about_five_percent_where_the_independence_holds(draw) -> None:
    """120 tables of 400 rows: at most what 120 tests of true size 7 % would show (99.9 %), p-values near uniform."""
    given = [Variable("z")]
    x, y = Variable("x"), Variable("y")
    tables = (draw(np.random.default_rng([7, seed]), 400) for seed in range(120))
    p_values = np.array([independence_p_value(table, x, y, given) for table in tables])
    rejected = int((p_values <= 0.05).sum())
    assert binomtest(rejected, 120, 0.07, alternative="greater").pvalue > 0.001
    assert kstest(p_values, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(
    "tie",
    [
        lambda x, z, e: 0.4 * x + z + e,
        lambda x, z, e: x**2 + z + e,
        lambda x, z, e: np.exp(x / 2) * e,
        lambda x, z, e: (x + z + e > 0).astype(float),
    ],
    ids=["linear", "square", "spread", "binary"],
)
def test_power_against_a_planted_edge(tie) -> None:
    found = 0
    for seed in range(10):
        z, x, e = np.random.default_rng([8, seed]).normal(size=(3, 500))
        x = x + z
        table = pd.DataFrame({"z": z, "x": x, "y": tie(x, z, e)})
        found += independence_p_value(table, Variable("x"), Variable("y"), [Variable("z")]) <= 0.01
    assert found >= 9


def test_a_missing_edge_is_found_and_the_others_are_not_blamed() -> None:
    rng = np.random.default_rng(0)
    a, b, c, d = rng.normal(size=(4, 2_000))
    b = b + a
    c = c + b + 0.3 * a  # the planted edge a -> c
    table = pd.DataFrame({"a": a, "b": b, "c": c, "d": d + c})
    found = check_independencies(CausalGraph("a -> b -> c -> d"), table)
    (rejected,) = found.rejected
    assert str(rejected.independence) == "c ⊥ a | b"
    assert rejected.hypothesis == "c is independent of a among rows with equal b"
    assert "lacks an edge" in rejected.reading
    assert found.reading.startswith("1 of 3 independencies that the graph implies are rejected: c ⊥ a | b.")
    assert not check_independencies(CausalGraph("a -> b -> c -> d; a -> c"), table).rejected


def test_images_are_projected_out_and_hidden_causes_imply_nothing() -> None:
    rng = np.random.default_rng(0)
    u, x, y = rng.normal(size=(3, 500))
    table = pd.DataFrame({"x": x, "score": x + u, "y": y + u})
    image = Variable("image", "image", shape=(1, 8, 8))
    names = [continuous(name) for name in ("x", "score", "y")]
    graph = CausalGraph("x -> image -> score; score <-> y", [*names, image])
    found = check_independencies(graph, table)
    assert [str(row.independence) for row in found.tests] == ["y ⊥ x"]
    assert not found.rejected
    without = check_independencies(CausalGraph("x -> image -> score; y", [*names, image]), table)
    assert "score" in without.reading
    assert without.rejected


def test_a_graph_without_missing_edges_can_not_be_contradicted() -> None:
    found = check_independencies(CausalGraph("a -> b"), pd.DataFrame({"a": range(100), "b": range(100)}))
    assert found.tests == ()
    assert "no table can contradict it" in found.reading
    assert found.to_frame().empty


def test_what_does_not_vary_gets_no_verdict() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": 1.0, "b": rng.normal(size=100), "c": rng.normal(size=100)})
    found = check_independencies(CausalGraph("a; b; c"), table)
    assert sorted(row.verdict for row in found.tests) == ["no verdict", "no verdict", "not rejected"]
    assert "no verdict on: b is independent of a" in next(r.reading for r in found.tests if r.p_value is None)


def test_missing_values_drop_rows_of_that_test_only() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    table.loc[:49, "a"] = np.nan
    found = check_independencies(CausalGraph("a; b; c"), table)
    assert sorted(row.rows for row in found.tests) == [150, 150, 200]


def test_columns_that_cannot_be_read_or_compared_are_left_out_and_said() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    table["when"], table["empty"], table["many"] = pd.date_range("2020", periods=200), np.nan, [[1]] * 200
    table.loc[40:, "c"] = np.nan
    found = check_independencies(CausalGraph("a -> when -> b; empty; many; c"), table)
    assert {row.hypothesis: row.p_value is None for row in found.tests} == {
        "c is independent of a": True,
        "c is independent of b": True,
    }  # a and b stay tied through the column that is left out
    assert (
        "no verdict on: c is independent of a. Only 40 rows have all of these columns."
        in found.to_frame()["reading"][0]
    )
    for name, why in (
        ("when", "got dates or times"),
        ("empty", "got missing values only"),
        ("many", "got a list per cell"),
    ):
        assert f"'{name}' is left out of these tests. Expected" in found.reading
        assert why in found.reading


def test_bad_tables() -> None:
    graph = CausalGraph("alpha; beta")
    with pytest.raises(DataError, match="'beta' has none\\. Did you mean 'betta'"):
        check_independencies(graph, pd.DataFrame({"alpha": range(99), "betta": range(99)}))
    with pytest.raises(DataError, match="at least 50 rows with beta, alpha; got 20"):
        check_independencies(graph, pd.DataFrame({"alpha": range(20), "beta": range(20)}))


def test_holm_is_stepwise_and_ignores_what_was_not_tested() -> None:
    assert holm([0.01, None, 0.03, 0.04]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([None]) == [None]


def test_an_estimate_that_the_table_cannot_make_again_is_a_remark() -> None:
    """The missing edge w -> y asks for an adjustment for w, which is known for too few control rows."""
    rng = np.random.default_rng(0)
    z, w = rng.normal(size=(2, 500))
    t = (rng.random(500) < sigmoid(z + w)).astype(int)
    table = pd.DataFrame({"z": z, "w": w, "t": t, "y": t + z + 2 * w + rng.normal(size=500)})
    few = table.index.isin([*table.index[table.t == 1][:80], *table.index[table.t == 0][:8]])
    table.loc[~few, "w"] = np.nan
    graph = CausalGraph("z -> {t, y}; w -> t -> y")
    report = estimate_effect(graph, table, treatment="t", outcome="y", contrast=(0, 1), refute=False)
    found = examine(graph, table, report).independencies.rejected
    assert ["this table does not allow it" in row.consequence for row in found] == [True]
