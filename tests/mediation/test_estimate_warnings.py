"""Nested effects from tables: what the answer warns of, how a report words it, and which questions are refused."""

import re

import numpy as np
import pandas as pd
import pytest
from mediation_cases import (
    ASK,
    CHAIN,
    MEDIATION,
    causation,
    chain,
    controlled,
    interacting,
    linear,
    natural,
    on_treated,
    path_specific,
)

from causalgen.errors import DataError, GraphError, NotIdentifiableError, UnknownNameError
from causalgen.graph import CausalGraph
from causalgen.reports.mediation import MediationFindings, mediation_answer


def test_few_rows_that_carry_the_estimate_are_a_warning():
    """The mediator moves by 1.5 of its standard deviations, or hardly: only the first is a matter of few rows."""
    far = natural(MEDIATION, linear(1_000, 1), **ASK)
    near = natural(MEDIATION, interacting(1_000, 1)[0], **ASK)
    assert any("Poor overlap" in text for text in far.warnings)
    assert not near.warnings
    sentences = [mediation_answer(MediationFindings(answer.title, [answer])) for answer in (far, near)]
    assert ["Before using these numbers: poor overlap." in sentence for sentence in sentences] == [True, False]


@pytest.mark.parametrize(("noise", "warned"), [(2.0, False), (0.1, True)])
def test_mediators_that_the_other_treatment_hardly_has_are_a_warning(noise, warned):
    """m = 1.5 x + noise: with little noise, no row with x near 1 has the mediators of one with x near 0."""
    table = linear(1_000, 4, continuous=True)
    table["m"] = 1.5 * table["x"] + table["z"] + noise * np.random.default_rng(0).normal(size=1_000)
    for estimate in (natural, path_specific):
        question = ASK | ({"paths": "x -> m -> y"} if estimate is path_specific else {})
        warnings = " ".join(estimate(MEDIATION, table, **question).warnings)
        assert ("Poor overlap" in warnings) is warned
    assert "rows with x near 0 have m that" in warnings or not warned


@pytest.mark.parametrize("continuous", [False, True])
def test_a_direct_effect_without_a_direct_path_speaks_against_the_graph(continuous):
    """y = 0.7 x + 2 m + z + e has one; without x in it there is none."""
    missing_edge = CausalGraph("z -> {x, m, y}; x -> m -> y")
    table = linear(1_000, 2, continuous=continuous)
    none = table.assign(y=table["y"] - 0.7 * table["x"])
    for data, graph, told in ((table, missing_edge, True), (none, missing_edge, False), (table, MEDIATION, False)):
        warnings = natural(graph, data, **ASK).warnings
        assert any("Against the graph" in text for text in warnings) is told


@pytest.mark.parametrize("estimate", [natural, on_treated], ids=["natural", "treated"])
def test_a_treatment_that_covariates_determine_is_a_warning(estimate):
    """Perfect separation: clipped probabilities are even, and so are the weights."""
    table = linear(500, 0)
    table["z"] += np.where(table["x"] == 1, 9.0, -9.0)
    assert "nearly determine the treatment" in " ".join(estimate(MEDIATION, table, **ASK).warnings)
    assert not estimate(MEDIATION, interacting(500, 0)[0], **ASK).warnings


def test_the_report_says_what_it_rests_on():
    table = linear(300, 13)
    table.loc[:9, "m"] = np.nan
    report = natural(MEDIATION, table, **ASK, level=0.9, seed=3)
    again = natural(MEDIATION, table, **ASK, level=0.9, seed=3)
    pd.testing.assert_frame_equal(report.to_frame(), again.to_frame())
    assert report.to_frame().columns.tolist() == ["name", "value", "low", "high", "definition"]
    assert (report.rows_used, report.rows_dropped) == (290, 10)
    assert "10 rows were dropped" in report.warnings[0]
    assert "No experiment can test it" in report.reading
    wide = natural(MEDIATION, table, **ASK, level=0.99, seed=3)["total"]
    assert wide.high - wide.low > report["total"].high - report["total"].low


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"outcome": "x"}, DataError, "two different variables"),
        ({"treatment": "q"}, UnknownNameError, "got 'q'"),
        ({"contrast": (0,)}, DataError, r"contrast=\(a, b\).*got \(0,\)"),
        ({"contrast": (1, 1)}, DataError, "two different values"),
        ({"mediators": "z"}, GraphError, "on a causal path from 'x' to 'y': m; got 'z'"),
        ({"treatment": "m"}, GraphError, "Expected a mediator between 'm' and 'y'"),
        ({"level": 95}, DataError, "between 0 and 1"),
        ({"table": linear(40, 0)}, DataError, "at least 50 rows"),
        ({"table": linear(100, 0).drop(columns="m")}, DataError, "'m' has none"),
    ],
)
def test_bad_questions_get_one_clear_message(change, error, message):
    table = change.pop("table", linear(100, 0))
    with pytest.raises(error, match=message):
        natural(MEDIATION, table, **{**ASK, **change})


def test_other_bad_questions_get_one_clear_message():
    table = linear(300, 0)
    with pytest.raises(NotIdentifiableError, match="recanting witness 'l'"):
        path_specific(CHAIN, chain(100, 0), **ASK, paths="x -> l -> y")
    with pytest.raises(GraphError, match="got m -> x, which is none"):
        path_specific(MEDIATION, table, **ASK, paths="m -> x")
    front_door = CausalGraph("x -> m -> y; x <-> y")
    with pytest.raises(NotIdentifiableError, match="No estimator here computes it"):
        natural(front_door, table[["x", "m", "y"]], **ASK)
    with pytest.raises(DataError, match="binary outcome for probabilities of causation; 'y' is continuous"):
        causation(MEDIATION, table, **ASK)
    with pytest.raises(DataError, match="Expected units that PN is about"):  # no unit has treatment and outcome
        causation(MEDIATION, table.assign(y=(table["x"] == 0) & (table["z"] > 0)), **ASK)
    with pytest.raises(DataError, match="mediators as a mapping"):
        controlled(MEDIATION, table, **ASK, mediators="m")
    with pytest.raises(DataError, match="Expected a number to set 'm' to; got 'high'"):
        controlled(MEDIATION, table, **ASK, mediators={"m": "high"})
    with pytest.raises(DataError, match="binary treatment for the effect on the treated"):
        on_treated(MEDIATION, linear(300, 0, continuous=True), **ASK)
    with pytest.raises(UnknownNameError, match="Expected one of total"):
        natural(MEDIATION, table, **ASK)["direct"]


FEW, SOME = linear(200, 31, continuous=True), linear(200, 32).round(1)
CODED = SOME.assign(
    m=np.where(SOME["x"] == 1, np.where(SOME["m"] > 1, "high", "mid"), np.where(SOME["m"] > 1, "high", "low"))
)
LOWERED = SOME.assign(y=((SOME["m"] < 1) | (SOME["z"] > 1)).astype(int))


@pytest.mark.parametrize(
    ("ask", "table", "question", "said"),
    [
        (natural, FEW, ASK, "'x' acts along a straight line by assumption"),
        (natural, FEW, ASK | {"contrast": (0, 90)}, "x = 90 lies outside the"),
        (controlled, SOME, ASK | {"mediators": {"m": 1}}, "is the same at every value of m by assumption"),
        (controlled, SOME, ASK | {"mediators": {"m": 90}}, "m = 90 lies outside the .* of the rows with x = 1"),
        (controlled, CODED, ASK | {"mediators": {"m": "low"}}, "m = low occurs in 0 rows with x = 1"),
        (causation, LOWERED, ASK, "swap the values of the contrast"),
    ],
)
def test_an_answer_that_rests_on_more_than_the_data_says_so(ask, table, question, said):
    """Few rows fit no bend and no product, values that no row has are extrapolated, and no probability is below 0."""
    assert any(re.search(said, text) for text in ask(MEDIATION, table, **question).warnings)


def test_values_that_the_rows_have_raise_no_such_warning():
    """1,000 rows carry bends and products."""
    report = controlled(MEDIATION, linear(1_000, 33, continuous=True), **ASK, mediators={"m": 0.5})
    assert report.warnings == ()
