"""Every fault of a question or a table has a message that names thing, place and remedy."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from effort import calls_at_most, no_hang

from causalgen.effects import estimate_effect
from causalgen.errors import DataError, GraphError, NotIdentifiableError, SupportError, UnknownNameError
from causalgen.graph import CausalGraph

from .generator import binary_table, digits_graph, digits_table, exploding_table, linear_table

GRAPH = CausalGraph("z -> {t, y}; t -> y")
SHORT = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
Spoil = Callable[[pd.DataFrame], pd.DataFrame]
PEN = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}
THICKNESS = {"treatment": "thickness", "outcome": "intensity", "contrast": (2, 3)}


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        (PEN | {"treatment": "pem"}, UnknownNameError, "Did you mean 'pen'"),
        (PEN | {"outcome": "intensty"}, UnknownNameError, "Did you mean 'intensity'"),
        (PEN | {"outcome": "pen"}, DataError, "Expected two different variables"),
        (PEN | {"outcome": "image"}, DataError, "got the image 'image'.*Measure or predict"),
        (PEN | {"contrast": ("felt-tip",)}, DataError, r"Expected contrast=\(a, b\)"),
        (PEN | {"contrast": "felt-tip"}, DataError, r"Expected contrast=\(a, b\)"),
        (PEN | {"contrast": ("ballpoint", "felt tip")}, DataError, "Did you mean 'felt-tip'"),
        (PEN | {"contrast": ("felt-tip", "felt-tip")}, DataError, "Expected two different values of 'pen'"),
        (THICKNESS | {"contrast": (2, 2.0)}, DataError, "Expected two different values of 'thickness'"),
        (THICKNESS | {"contrast": (2, "thick")}, DataError, "finite numbers in the contrast.*got 'thick'"),
        (THICKNESS | {"contrast": (2, np.nan)}, DataError, "finite numbers in the contrast.*got nan"),
        (THICKNESS | {"contrast": (2, 30)}, SupportError, r"inside the support \[0, 15\] of 'thickness'; got 30"),
        (PEN | {"methods": ["double robust"]}, UnknownNameError, "Did you mean 'doubly robust'"),
        (THICKNESS | {"methods": ["doubly robust"]}, DataError, "continuous treatment 'thickness'.*g-computation"),
        (PEN | {"methods": ["g-computation"]}, DataError, "binary treatment 'pen'.*doubly robust"),
        (PEN | {"level": 95}, DataError, "Expected level between 0 and 1"),
        (PEN | {"simulations": 1}, DataError, "Expected at least 10 simulations"),
    ],
)
def test_bad_question(question: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        estimate_effect(digits_graph(), digits_table(100, seed=0), **question)


@pytest.mark.parametrize(
    ("question", "spoil", "error", "message"),
    [
        (PEN, lambda t: t.rename(columns={"hurry": "hury"}), DataError, "'hurry' has none. Did you mean 'hury'"),
        (PEN, lambda t: t.drop(columns="thickness"), DataError, r"'thickness' has none.*graph.project"),
        (PEN, lambda t: pd.concat([t, t[["pen"]]], axis=1), DataError, r"distinct column names; got \['pen'\]"),
        (PEN, lambda t: t.to_dict("list"), DataError, "pandas DataFrame; got dict. Convert it"),
        (PEN, lambda t: t.set_axis(pd.MultiIndex.from_product([["a"], t]), axis=1), DataError, "got 2, .* Join them"),
        (PEN, lambda t: t.assign(pen="felt-tip"), DataError, "Expected 'pen' to vary; every row has 'felt-tip'"),
        (PEN, lambda t: t.assign(intensity=80.0), DataError, "Expected 'intensity' to vary"),
        (
            PEN,
            lambda t: t.assign(pen="marker"),
            DataError,
            "one of ballpoint, felt-tip in every row of column 'pen'; got 'marker'",
        ),
        (PEN, lambda t: t.assign(hurry="low"), DataError, "a number in every row of column 'hurry'; got 'low'"),
        (PEN, lambda t: t.assign(hurry=np.inf), DataError, "a finite number in every row of column 'hurry'; got inf"),
        (PEN, lambda t: t.assign(hurry=np.nan), DataError, r"at least 50 rows.*got 0 \(100 of 100 rows lack one"),
        (PEN, lambda t: t.head(20), DataError, "Expected at least 50 rows"),
        (
            PEN,
            lambda t: t.assign(intensity=t["intensity"] * 4),
            SupportError,
            r"'intensity' inside its support \[0, 255",
        ),
        (
            PEN,
            lambda t: t.assign(pen=["felt-tip"] * 5 + ["ballpoint"] * 95),
            DataError,
            "at least 10 rows with each compared value of 'pen'; got .* 5",
        ),
    ],
)
def test_bad_table(question: dict, spoil: Spoil, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        estimate_effect(digits_graph(), spoil(digits_table(100, seed=0)), **question)


def test_categorical_outcomes_are_refused() -> None:
    table = digits_table(100, seed=0)
    table["pen"] = np.resize(["a", "b", "c"], 100)
    with pytest.raises(DataError, match="Expected a continuous or binary outcome; 'pen' is categorical"):
        estimate_effect(CausalGraph("thickness -> pen"), table, treatment="thickness", outcome="pen", contrast=(2, 3))


def test_names_that_dowhy_takes_are_refused() -> None:
    table = binary_table(100, seed=0).rename(columns={"z": "placebo"})
    with pytest.raises(DataError, match=r"got 'placebo'\. Rename it"):
        estimate_effect(CausalGraph("placebo -> {t, y}; t -> y"), table, treatment="t", outcome="y", contrast=(0, 1))


def test_labels_by_the_hundred_need_rows() -> None:
    table = digits_table(200, seed=0)
    table["site"] = [f"site {i % 100}" for i in range(200)]
    graph = CausalGraph("site -> {pen, intensity}; pen -> intensity")
    with pytest.raises(DataError, match="100 different words in 200 rows, as in a column of row names"):
        estimate_effect(graph, table, **PEN)
    with pytest.raises(DataError, match="at least 5 rows for each of 100 columns"):
        estimate_effect(graph, table, **PEN, variables={"site": "categorical"})


def test_effects_that_no_estimator_can_reach_are_refused() -> None:
    table = binary_table(100, seed=0).assign(m=np.arange(100.0), w=0.0, x=1.0)
    with pytest.raises(NotIdentifiableError, match="t <-> y"):
        estimate_effect(CausalGraph("t -> y; t <-> y"), table, **SHORT)
    hidden = CausalGraph("z -> {t, y}; t -> y").project(["t", "y"])
    with pytest.raises(NotIdentifiableError):
        estimate_effect(hidden, table, **SHORT)


def test_a_given_set_is_checked_and_the_opened_path_shown() -> None:
    table = binary_table(100, seed=0).assign(c=np.arange(100.0))
    with pytest.raises(NotIdentifiableError, match="'c' is a descendant of 'y'"):
        estimate_effect(CausalGraph("z -> {t, y}; t -> {y, c}; y -> c"), table, **SHORT, adjustment=["z", "c"])
    m_graph = CausalGraph("t -> y; t <-> c; c <-> y; z -> t")
    with pytest.raises(NotIdentifiableError, match="t <-> c <-> y"):
        estimate_effect(m_graph, table, **SHORT, adjustment=["c"])
    with pytest.raises(NotIdentifiableError, match="t <- z -> y stays open"):
        estimate_effect(GRAPH, table, **SHORT, adjustment=[])
    with pytest.raises(UnknownNameError, match="zz"):
        estimate_effect(GRAPH, table, **SHORT, adjustment=["zz"])


def test_cyclic_graphs_and_unknown_nodes_never_reach_an_estimator() -> None:
    with pytest.raises(GraphError, match="cycle"):
        CausalGraph("t -> y -> t")
    with pytest.raises(UnknownNameError, match="'q'"):
        estimate_effect(GRAPH, binary_table(100, seed=0), **SHORT | {"treatment": "q"})


def test_a_false_instrument_is_refused_with_its_path() -> None:
    table = binary_table(100, seed=0)
    with pytest.raises(NotIdentifiableError, match="the path z -> y stays open"):
        estimate_effect(GRAPH, table, **SHORT, instrument="z")
    with pytest.raises(DataError, match="got both"):
        estimate_effect(GRAPH, table, **SHORT, instrument="z", adjustment=["z"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contrast": (0,)}, r"Expected contrast=\(a, b\)"),
        ({"population": "treatd"}, "Expected population among whole.*Did you mean 'treated'"),
        ({"interval": "boot"}, "Expected interval among analytic, bootstrap; got 'boot'"),
        ({"interval": "bootstrap", "resamples": 3}, "at least 100 resamples"),
        ({"interval": "bootstrap", "methods": ["matching"]}, "not valid or not offered for 'matching'"),
        ({"weights": "w"}, "Expected a column for weights and cluster; 'w' has none"),
        ({"weights": "z"}, "Expected positive sampling weights in column 'z'"),
        ({"weights": "one", "methods": ["matching"]}, "sampling weights; 'matching' does not: a neighbour"),
        ({"cluster": "few"}, "at least 10 clusters in column 'few'; got 2"),
        ({"methods": ["generalized linear adjustment"]}, "binary outcome.*'y' is neither"),
        ({"population": "overlap", "methods": ["matching"]}, "averages over the overlap population.*doubly robust"),
        ({"methods": ["front-door"]}, "identified by backdoor; got 'front-door'"),
        ({"methods": ["double machine learning"]}, "binary treatment 't'; got 'double machine learning'"),
        ({"methods": []}, r"methods as a list of names; got \[\]"),
        ({"methods": "doubly robust"}, "methods as a list of names; got 'doubly robust'"),
        ({"level": "0.9"}, "Expected level between 0 and 1, such as 0.95; got '0.9'"),
        ({"simulations": 10.5, "refute": True}, "simulations as a whole number of at least 0; got 10.5"),
        ({"seed": "a"}, "seed as a whole number of at least 0; got 'a'"),
        ({"seed": 2**32}, "a seed below"),
        ({"interval": "bootstrap", "level": 0.999}, "at least 4000 resamples for a bootstrap at level 0.999; got 400"),
        ({"weights": "y"}, "a separate column for weights and cluster; got 'y'"),
        (
            {"cluster": "rare", "treatment": ("t", "rare"), "contrast": ((0, 0), (1, 1))},
            "a separate column for weights and cluster; got 'rare'",
        ),
        ({"weights": ["one"]}, "name of a column for weights and cluster; got list"),
        ({"weights": "uneven"}, "size of at least 50; got weights so unequal .* it is 1.0"),
        ({"cluster": "twenty", "treatment": "rare"}, "rare=1 in at least 5 clusters of 'twenty'; got 3"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    table = binary_table(100, seed=0).assign(
        one=1.0,
        few=np.resize([0, 1], 100),
        uneven=np.where(np.arange(100) == 7, 1e9, 1.0),
        twenty=np.arange(100) // 5,
        rare=lambda frame: (frame["twenty"] < 3).astype(int),
    )
    graph = CausalGraph("z -> {t, rare, y}; {t, rare} -> y")
    with pytest.raises(DataError, match=message):
        estimate_effect(graph, table, **SHORT | {"refute": False} | arguments)


@pytest.mark.parametrize("population", ["overlap", "treated", "control"])
def test_a_continuous_treatment_has_one_population(population: str) -> None:
    with pytest.raises(DataError, match=f"population='whole' for the continuous treatment 't'; got '{population}'"):
        estimate_effect(
            GRAPH, linear_table(100, 0), **SHORT, methods=["linear adjustment"], population=population, refute=False
        )


def test_a_forest_takes_neither_weights_nor_clusters() -> None:
    pytest.importorskip("econml")
    table = binary_table(100, seed=0).assign(w=1.0, c=np.arange(100) // 5)
    for given, reason in (({"weights": "w"}, "not when it averages"), ({"cluster": "c"}, "treats rows as independent")):
        with pytest.raises(DataError, match=f"'causal forest' does not: econml .*{reason}"):
            estimate_effect(GRAPH, table, **SHORT, **given, methods=["causal forest"], refute=False)


def test_unknown_methods_are_named_even_where_nothing_is_estimated() -> None:
    with pytest.raises(UnknownNameError, match="got 'nonsense'"):
        estimate_effect(CausalGraph("z -> {t, y}"), binary_table(100, 0), **SHORT, methods=["nonsense"])


def test_a_given_set_without_a_path_to_the_outcome_says_no_effect() -> None:
    report = estimate_effect(CausalGraph("z -> {t, y}"), binary_table(100, 0), **SHORT, adjustment=["z"])
    assert report.estimand.method == "no effect"
    assert "by assumption the effect is 0" in report.warnings[-1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "one value per cell in column 'z'; got a list per cell. Spread them"),
        ("a", "Expected 'z' to vary.*leave it out"),
    ],
)
def test_columns_that_are_neither_labels_nor_numbers(value: object, message: str) -> None:
    table = binary_table(100, seed=0)
    table["z"] = pd.Series([value] * 100, dtype=object)
    with pytest.raises(DataError, match=message):
        estimate_effect(GRAPH, table, **SHORT, refute=False)


def test_an_outcome_that_copies_the_treatment_is_refused() -> None:
    table = binary_table(100, seed=0).assign(y=lambda frame: frame["t"])
    with pytest.raises(DataError, match="column 'y' equals 't' in every row"):
        estimate_effect(GRAPH, table, **SHORT)


def test_a_million_labels_are_refused_at_once() -> None:
    table = pd.concat([binary_table(1_000, seed=0)] * 1_000, ignore_index=True)
    table["z"] = np.char.add("unit ", np.arange(len(table)).astype(str))
    with (
        calls_at_most(200_000),
        no_hang(),
        pytest.raises(
            DataError,
            match=r"column 'z'; got 1,000,000 different words in 1,000,000 rows, as in a column of row names.*cluster=",
        ),
    ):
        estimate_effect(GRAPH, table, **SHORT)


def test_fewer_rows_than_covariates_are_refused() -> None:
    names = [f"z{i}" for i in range(80)]
    table = binary_table(60, seed=0).assign(**{name: np.random.default_rng(0).normal(size=60) for name in names})
    graph = CausalGraph([*((name, "t") for name in names), *((name, "y") for name in names), ("t", "y")])
    with pytest.raises(DataError, match="at least 5 rows for each of 81 columns"):
        estimate_effect(graph, table, **SHORT)


def test_a_rule_with_few_exceptions_is_answered_where_they_are() -> None:
    table = binary_table(2_000, seed=0)
    follows = np.random.default_rng(0).random(2_000) > 0.02
    table["t"] = np.where(follows, table["z"] > 0.1, table["t"] == 1).astype(int)
    table["y"] = table["t"] + table["z"] + np.random.default_rng(1).normal(size=2_000)
    report = estimate_effect(GRAPH, table, **SHORT, methods=["doubly robust"], refute=False)
    assert report.estimate.population == "overlap"
    assert report.estimate.covers(1.0)
    assert "Exploding weights" in report.warnings[0]


def test_perfect_separation_is_named() -> None:
    table = binary_table(400, seed=0).assign(t=lambda frame: (frame["z"] > 0.1).astype(int))
    with pytest.raises(DataError, match=r"perfect separation: z > 0\.09.* predicts 't'.*population='overlap'"):
        estimate_effect(GRAPH, table, **SHORT, refute=False)


def test_where_weights_explode_a_bent_outcome_does_not_mislead() -> None:
    """The line of the linear adjustment is far from the truth of 1, and is not the answer."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=3000)
    t = (rng.random(3000) < 1 / (1 + np.exp(-5 * z))).astype(float)
    table = pd.DataFrame({"z": z, "t": t, "y": t + 3 * np.tanh(2 * z) + rng.normal(size=3000)})
    report = estimate_effect(GRAPH, table, **SHORT, refute=False)
    assert not report["linear adjustment"].covers(1.0)
    assert report.estimate.population == "overlap"
    assert report.estimate.covers(1.0)


def test_exploding_weights_are_answered_in_the_overlap_population() -> None:
    """Whether or not another method answers in the whole population."""
    table = exploding_table()
    alone = estimate_effect(GRAPH, table, **SHORT, methods=["doubly robust"], simulations=10)
    assert [row.source for row in alone.estimates] == ["naive", "doubly robust, overlap population"]
    assert {row.estimate for row in alone.refutations} == {"doubly robust, overlap population"}
    report = estimate_effect(GRAPH, table, **SHORT, refute=False)
    assert report.estimate.source == "doubly robust, overlap population"
    assert "only extrapolation would answer" in report.recommended
    assert [row.source for row in report.others] == ["linear adjustment", "naive"]
    assert report["linear adjustment"].caution == "an extrapolation to rows without counterparts"
    assert report.estimate.covers(1.0)
    assert report.concerns[0].startswith(
        "Exploding weights: in the whole population those of doubly robust would leave"
    )
    report = estimate_effect(GRAPH, table, **SHORT, population="overlap", refute=False)
    assert report["doubly robust"].population == "overlap"
    assert report["doubly robust"].covers(1.0)
