"""Tables that would break an algorithm, or make it lie, get one message."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from causalgen.discovery import Knowledge, discover
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable

from .cases import discrete_table, mixed_table, table


def good() -> pd.DataFrame:
    return table("a -> b; c", 100)


BAD: list[tuple[Callable[[], pd.DataFrame], dict, str]] = [
    (lambda: good().assign(c=1.0), {"columns": ["a", "b", "c"]}, "columns that vary; 'c' is always 1.0"),
    (lambda: good().assign(c=lambda t: t.a - 2 * t.b + 3), {}, "'c' is one of a, b. Leave one of them out"),
    (lambda: discrete_table(200).assign(e=lambda t: t.c.str.upper()), {}, "'e' repeats 'c'"),
    (
        lambda: mixed_table(200).assign(e=lambda t: (t.pen == "felt") * 2.5 + 1),
        {"kinds": {"e": "continuous"}},
        "'e' is one of pen",
    ),
    (
        lambda: good().assign(c=lambda t: t.c.where(t.index > 3, np.inf)),
        {},
        "a finite number in every row of column 'c'; got inf in row 0 and 3 more",
    ),
    (lambda: good().head(7), {}, "at least 8 complete rows for 3 columns; got 7"),
    (lambda: good().assign(c=lambda t: t.c.where(t.index > 95)), {}, r"got 4 \(96 rows lack a value\)"),
    (lambda: good()[["a"]], {}, "at least two columns; got a"),
    (lambda: good().rename(columns={"b": "a"}), {}, "every column once; got 'a' twice"),
    (
        lambda: good().assign(c=[f"id {k}" for k in range(100)]),
        {"columns": ["a", "b", "c"]},
        "100 different words in 100 rows, as in a column of row names",
    ),
    (
        lambda: good().assign(c="x").assign(c=lambda t: t.c + t.index.astype(str)),
        {"kinds": {"c": "continuous"}},
        "got 'x0'",
    ),
    (lambda: {"a": [1]}, {}, "pandas DataFrame; got dict"),
    (good, {"algorithm": "lingam", "kinds": {"c": "discrete"}}, "at most 50 levels"),
    (
        discrete_table,
        {"algorithm": "lingam"},
        "Expected continuous columns for DirectLiNGAM; got the discrete a, b, c, d",
    ),
    (
        mixed_table,
        {"algorithm": "ges"},
        "columns of one kind for GES; got the discrete pen together with continuous ones",
    ),
    (discrete_table, {"test": "fisherz"}, "no discrete columns for the test fisherz; got a, b, c, d"),
    (good, {"test": "gsq"}, "no continuous columns for the test gsq; got a, b, c. Use the test mixed"),
    (good, {"test": "gsq", "algorithm": "ges"}, "no test for GES"),
    (good, {"alpha": 1.0}, "alpha between 0 and 1; got 1.0"),
    (good, {"bootstrap": -1}, "0 or more; got -1"),
    (good, {"bootstrap": 1.5}, "resamples as a whole number of 0 or more; got 1.5"),
    (good, {"jobs": 0}, "processes as a whole number of 1 or more; got 0"),
    (good, {"seed": -1}, "a seed as a whole number of 0 or more; got -1"),
    (good, {"columns": "a"}, "at least two columns; got a"),
    (good, {"group": [1] * 100, "bootstrap": 2}, "at least two groups to resample; got one"),
    (good, {"group": "a", "columns": ["a", "b"]}, "got 'a' among the columns too"),
    (good, {"group": [1, 2]}, "one group per row, 100; got 2"),
    (good, {"kinds": {"a": "image"}}, "'a' to be continuous or discrete .*; got 'image'"),
]


@pytest.mark.parametrize(("make", "arguments", "message"), BAD)
def test_a_bad_table_is_refused(make: Callable, arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        discover(make(), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["a", "bb"]}, "Expected a column among a, b, c; got 'bb'. Did you mean 'b'"),
        ({"group": "d"}, "Expected a column among a, b, c; got 'd'"),
        ({"kinds": {"d": "discrete"}}, "Expected kinds for the columns a, b, c; got 'd'"),
        ({"algorithm": "lingham"}, "Did you mean 'lingam'"),
        ({"test": "fisher"}, "Did you mean 'fisherz'"),
    ],
)
def test_an_unknown_name_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        discover(good(), **arguments)


def test_rows_with_missing_values_are_dropped_and_counted() -> None:
    data = table("a -> b; c", 1000)
    data.loc[:199, "a"] = np.nan
    result = discover(data)
    assert (result.rows_used, result.rows_dropped) == (800, 200)
    assert "200 of 1,000 rows lack a value" in result.warnings[0]


def test_what_kind_a_column_is() -> None:
    data = table("a -> b", 200).assign(
        code=np.arange(200) % 4, flag=np.arange(200) % 3 % 2, word=["x", "y", "z", "x", "z"] * 40
    )
    result = discover(data)
    assert result.kinds == {
        "a": "continuous",
        "b": "continuous",
        "code": "discrete",
        "flag": "discrete",
        "word": "discrete",
    }
    assert "code categorical (4 whole-number codes), flag binary (0, 1), word categorical (3 labels)" in result.columns
    many = discover(data.assign(code=np.arange(200) % 20))
    assert many.kinds["code"] == "continuous"
    assert "Column 'code' holds 20 different whole numbers and is read as continuous" in many.warnings[0]
    declared = CausalGraph("", [Variable("code", "categorical", labels=(0, 1, 2, 3))])
    assert discover(data, graph=declared).kinds["code"] == "discrete"
    assert discover(data, graph=declared, kinds={"code": "continuous"}).kinds["code"] == "continuous"


def test_few_rows_are_warned_about() -> None:
    assert "Only 12 rows for 3 columns" in " ".join(discover(table("a -> b; c", 12)).warnings)
    assert "tests that condition on a discrete column have little power" in " ".join(
        discover(discrete_table(60)).warnings
    )


def test_numbers_as_column_names() -> None:
    data = table("a -> b").rename(columns={"a": 0, "b": 1})
    told = {"columns": [0, 1], "kinds": {0: "continuous"}, "knowledge": Knowledge(tiers=[[0], [1]])}
    assert str(discover(data.assign(g=data.index // 2).rename(columns={"g": 2}), group=2, **told).found) == "0 -> 1"
    two_levels = data.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1)
    assert discover(two_levels).found.nodes == ("('a', 1)", "('b', 2)")


def test_resamples_in_which_columns_coincide_do_not_count() -> None:
    """Of twelve rows of four truth values, some resamples leave two columns equal."""
    data = pd.DataFrame(np.random.default_rng(0).integers(0, 2, (12, 4)), columns=list("abcd"))
    result = discover(data, kinds=dict.fromkeys("abcd", "continuous"), bootstrap=60)
    assert result.frequencies is not None
    assert 30 < result.frequencies.resamples < 60


@pytest.mark.parametrize("group", [None, "Patient ID"])
def test_columns_that_no_search_can_use_are_left_out(group: str | None) -> None:
    """Row names, dates and constants; a declared column is searched or refused, never left out."""
    frame = good()
    extra = {
        "scan file": [f"scans/{k}.png" for k in range(100)],
        "visit": pd.date_range("2020-01-01", periods=100).strftime("%d.%m.%Y"),
        "site": "Ulm",
        "empty": None,
        "Patient ID": [f"P{3 * k // 4}" for k in range(100)],
    }
    found = discover(frame.assign(**extra), group=group)
    alone = discover(frame, group=None if group is None else extra["Patient ID"])
    assert found.to_frame().equals(alone.to_frame())
    left_out = next(text for text in found.warnings if text.startswith("Left out of the search"))
    for name in {*extra} - {group}:
        assert f"{name} (" in left_out
    with pytest.raises(DataError, match="'scan file'"):
        discover(frame.assign(**extra), kinds={"scan file": "discrete"})
