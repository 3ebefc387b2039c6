"""One typing rule: what a column is, the same at every door, for every type in which a column may come."""

import datetime
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from causalgen.datasets import load_table
from causalgen.datasets.declared import declare_kinds, type_column
from causalgen.datasets.hints import alike
from causalgen.datasets.kinds import columns_line, read_values
from causalgen.discovery.columns import read_columns
from causalgen.effects.encode import encode_question
from causalgen.effects.question import EffectQuestion
from causalgen.errors import DataError, DataWarning, UnknownNameError
from causalgen.graph import CausalGraph, Variable

ROWS = 240
PLACE = np.arange(ROWS)
DRAWN = np.random.default_rng(0).normal(size=ROWS)


class Case(NamedTuple):
    """A column, what it is, and its labels."""

    values: Any
    kind: str
    labels: tuple | None = None


def cycle(*cells: Any) -> list[Any]:
    return [cells[row % len(cells)] for row in range(ROWS)]


def categories(*cells: Any, ordered: bool = False) -> pd.Categorical:
    return pd.Categorical(cycle(*cells), categories=list(dict.fromkeys(cells)), ordered=ordered)


CASES = {
    "truth": Case(cycle(True, False), "binary", (False, True)),
    "truth with holes": Case(pd.array(cycle(True, False, None), dtype="boolean"), "binary", (False, True)),
    "truth in Arrow": Case(pd.array(cycle(True, False, None), dtype="bool[pyarrow]"), "binary", (False, True)),
    "truth among objects": Case(pd.Series(cycle(True, None, False), dtype=object), "binary", (False, True)),
    "0 and 1": Case(cycle(0, 1, 1), "binary", (0, 1)),
    "1 and 2": Case(cycle(1, 2, 1), "binary", (1, 2)),
    "0.0 and 1.0": Case(cycle(0.0, 1.0, np.nan), "binary", (0, 1)),
    "two doses": Case(cycle(0.5, 1.5), "binary", (0.5, 1.5)),
    "yes and no in German": Case(cycle("Ja", None, "Nein"), "binary", ("Nein", "Ja")),
    "an arm and its control": Case(cycle("control", "aspirin"), "binary", ("control", "aspirin")),
    "a word and its negation": Case(cycle("treated", "untreated"), "binary", ("untreated", "treated")),
    "something and none": Case(cycle("glasses", "no glasses"), "binary", ("no glasses", "glasses")),
    "words with a common end": Case(cycle("high dose", "low dose"), "binary", ("low dose", "high dose")),
    "words with a common start": Case(
        cycle("Kontrast mit", "Kontrast ohne"), "binary", ("Kontrast ohne", "Kontrast mit")
    ),
    "signs": Case(cycle("HIV+", "HIV-"), "binary", ("HIV-", "HIV+")),
    "times": Case(cycle("Post", "Pre"), "binary", ("Pre", "Post")),
    "bounds": Case(cycle(">5", "≤5"), "binary", ("≤5", ">5")),
    "numbers in words": Case(cycle("level 10", "level 2 "), "binary", ("level 2", "level 10")),
    "decimal commas in words": Case(cycle("10,5 mg", "2,5 mg"), "binary", ("2,5 mg", "10,5 mg")),
    "digits that are no numbers": Case(cycle("x³", "x²"), "binary", ("x²", "x³")),
    "no in Polish": Case(cycle("tak", "nie"), "binary", ("nie", "tak")),
    "no opposites": Case(cycle("male", "female"), "binary", ("female", "male")),
    "categories in their order": Case(categories("ja", "nein"), "binary", ("ja", "nein")),
    "clinics": Case(cycle(*range(8)), "categorical", tuple(range(8))),
    "clinics as floats": Case(cycle(*map(float, range(8))), "categorical", tuple(range(8))),
    "small integers": Case(np.array(cycle(3, 1, 2), dtype="int8"), "categorical", (1, 2, 3)),
    "ten codes": Case(cycle(*range(10)), "categorical", tuple(range(10))),
    "eleven numbers": Case(cycle(*range(11)), "continuous"),
    "negative codes": Case(cycle(-1, 0, 1), "categorical", (-1, 0, 1)),
    "whole numbers with holes": Case(pd.array(cycle(1, 2, None, 3), dtype="Int64"), "categorical", (1, 2, 3)),
    "whole numbers in Arrow": Case(pd.array(cycle(1, None, 2), dtype="int64[pyarrow]"), "binary", (1, 2)),
    "text numbers": Case(cycle("1", "2"), "binary", (1, 2)),
    "text numbers with spaces": Case(cycle(" 1", "2 ", "3"), "categorical", (1, 2, 3)),
    "text decimals": Case([f"{value:.4f}" for value in DRAWN], "continuous"),
    "ordered": Case(categories("low", "mid", "high", ordered=True), "ordinal", ("low", "mid", "high")),
    "ordered pair": Case(categories("low", "high", ordered=True), "binary", ("low", "high")),
    "unordered": Case(categories("b", "a", "c"), "categorical", ("b", "a", "c")),
    "coded categories": Case(categories(2, 1, 3), "categorical", (2, 1, 3)),
    "yes and no": Case(cycle("yes", "no"), "binary", ("no", "yes")),
    "words in Arrow": Case(
        pd.array(cycle("b", "a", None, "c"), dtype="string[pyarrow]"), "categorical", ("a", "b", "c")
    ),
    "words with spaces": Case(cycle(" a", "a", "b"), "binary", ("a", "b")),
    "spellings of sex": Case(cycle("M", "male", "F", "female"), "categorical", ("F", "M", "female", "male")),
    "mixed": Case(pd.Series(cycle(1, "a"), dtype=object), "binary", (1, "a")),
    "decimals": Case(DRAWN, "continuous"),
    "half precision": Case(DRAWN.astype("float16"), "continuous"),
    "Decimal": Case([Decimal(f"{value:.3f}") for value in DRAWN], "continuous"),
    "decimal in Arrow": Case(
        pd.Series([Decimal(f"{value:.3f}") for value in DRAWN], dtype=pd.ArrowDtype(pa.decimal128(9, 3))), "continuous"
    ),
    "counts": Case(PLACE * 7 % 41, "continuous"),
    "numbers of the rows": Case(PLACE, "continuous"),
    "sparse": Case(pd.arrays.SparseArray(cycle(0, 1)), "binary", (0, 1)),
    "intervals": Case(pd.cut(DRAWN, [-9, 0, 9]), "binary", ("(-9, 0]", "(0, 9]")),
    "large ids": Case(np.array(cycle(0, 1), dtype="uint64") + np.uint64(2**63), "binary", (2**63, 2**63 + 1)),
    "huge ids": Case(pd.Series(cycle(2**70, 2**70 + 1), dtype=object), "binary", (2**70, 2**70 + 1)),
}
REFUSED = {
    "dates": (pd.date_range("2020", periods=ROWS), "dates or times.*Turn dates into a number"),
    "dates with a zone": (pd.date_range("2020", periods=ROWS, tz="UTC"), "dates or times"),
    "dates as text": ([f"2020-01-{1 + row % 28:02}" for row in range(ROWS)], "dates or times"),
    "dates of a spreadsheet": ([f"{1 + row % 28}/1/2020" for row in range(ROWS)], "dates or times"),
    "dates as objects": ([datetime.date(2020, 1, 1 + row % 28) for row in range(ROWS)], "dates or times"),
    "dates as categories": (pd.Series(pd.to_datetime(cycle("2020", "2021"))).astype("category"), "dates or times"),
    "durations": (pd.to_timedelta(PLACE, unit="h"), "dates or times.*durations into hours"),
    "durations as objects": ([datetime.timedelta(row) for row in range(ROWS)], "dates or times"),
    "periods": (pd.period_range("2000", periods=ROWS, freq="M"), "dates or times"),
    "times in Arrow": (
        pd.Series(pd.date_range("2020", periods=ROWS)).astype("timestamp[ns][pyarrow]"),
        "dates or times",
    ),
    "complex": (DRAWN + 1j, "complex numbers.*a column each"),
    "complex objects": (pd.Series([complex(value) for value in DRAWN], dtype=object), "complex numbers"),
    "lists": (pd.Series([[row] for row in range(ROWS)]), "a list per cell.*Spread them"),
    "names of rows": (
        [f"patient {row}" for row in range(ROWS)],
        "240 different words in 240 rows, as in a column of row names",
    ),
    "infinite": (np.where(PLACE == 3, np.inf, DRAWN), "a finite number in every row of column 'a'; got inf in row 3"),
    "infinite Decimal": ([Decimal("Infinity"), *map(Decimal, range(ROWS - 1))], "a finite number in every row"),
    "numbers with a word": (np.where(PLACE % 50, DRAWN.astype(object), "?"), "a number in every row.*'\\?' in row 0"),
    "1e300": (DRAWN * 1e300, "too large to compute with"),
    "1e300 once": (np.where(PLACE == 5, 1e300, DRAWN), "too large to compute with"),
    "denormal": (DRAWN * 1e-310, "differ by too little to compute with"),
    "close together": (1e15 + DRAWN, "too large for how little they differ.*Subtract one number"),
    "uint64": (
        np.uint64(2**63) + PLACE.astype("uint64"),
        "double precision cannot distinguish 239 from others.*categorical",
    ),
    "beyond every float": (pd.Series([10**400 + row for row in range(ROWS)], dtype=object), "a finite number"),
    "nothing": (pd.Series([None] * ROWS, dtype=object), "missing values only|at least 50 rows"),
}


def frame(values: Any) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"b": rng.normal(size=ROWS), "c": rng.normal(size=ROWS)})
    return table.assign(a=values if isinstance(values, pd.Series) else pd.Series(values))


def by_estimation(table: pd.DataFrame) -> Variable:
    return encode_question(
        EffectQuestion(CausalGraph("a -> {b, c}; b -> c"), table, "b", "c", (0.0, 1.0)), ["a"]
    ).variables[2]


def by_discovery(table: pd.DataFrame) -> Variable:
    return read_columns(table, columns=["a", "b", "c"]).variables[0]


def by_load_table(table: pd.DataFrame) -> Variable:
    return load_table(table, "a -> {b, c}", missing="drop").graph["a"]


DOORS = {"estimation": by_estimation, "discovery": by_discovery, "load_table": by_load_table}
Door = Callable[[pd.DataFrame], Variable]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_door_reads_a_column_alike(door: Door, case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        variable = door(frame(case.values))
    assert (variable.kind, variable.labels) == (case.kind, case.labels)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_every_door_refuses_what_no_variable_can_be_read_from(door: Door, values: Any, message: str) -> None:
    table = frame(values)
    expected = message if door is not by_load_table else "column 'a': found"  # which lists all faults of a table
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(DataError, match=f"(?s){expected}"):
            door(table)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_categories_that_a_filter_left_behind_are_no_labels(door: Door) -> None:
    cells = pd.Series(pd.Categorical(cycle("low", "high", None), categories=["low", "mid", "high"], ordered=True))
    with pytest.warns(DataWarning, match="Column 'a' has categories that no row has: mid. They are left out"):
        variable = door(frame(cells))
    assert (variable.kind, variable.labels) == ("binary", ("low", "high"))
    assert read_values(cells, labels=["low", "mid", "high"]).labels == ("low", "mid", "high")


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_a_declared_kind_goes_before_the_rule(kind: str) -> None:
    table, graph = frame(cycle(*range(8))), CausalGraph("a -> {b, c}; b -> c")
    declared = declare_kinds(graph, table, {"a": kind})
    assert declared["a"].kind == kind
    assert encode_question(EffectQuestion(declared, table, "b", "c", (0.0, 1.0)), ["a"]).variables[2].kind == kind
    assert read_columns(table, kinds={"a": kind}).kinds[2] == ("continuous" if kind == "continuous" else "discrete")
    assert load_table(table, "a -> {b, c}", variables={"a": {"kind": kind}}).graph["a"].kind == kind


def test_declarations_take_several_forms_and_name_their_faults() -> None:
    table, graph = frame(cycle("low", "high", "mid")), CausalGraph("a -> b", [Variable("a"), Variable("b", unit="mm")])
    listed = declare_kinds(
        graph, table, {"a": {"kind": "ordinal", "labels": ("low", "mid", "high")}, "b": "continuous"}
    )
    assert listed["a"].labels == ("low", "mid", "high")
    assert listed["b"].unit == "mm"
    assert declare_kinds(graph, table, {"a": listed["a"]})["a"] is listed["a"]
    for said, error, message in (
        ({"z": "continuous"}, UnknownNameError, "variables of the graph"),
        ({"a": "categoric"}, DataError, "Did you mean 'categorical'"),
        ({"a": "continuous"}, DataError, "a number in every row of column 'a'; got 'low'"),
        ({"a": "ordinal"}, DataError, "whose order is not known"),
        ({"a": {"kinds": "ordinal"}}, DataError, "Did you mean 'kind'"),
        ("a", DataError, "as a mapping"),
    ):
        with pytest.raises(error, match=message):
            declare_kinds(graph, table, said)  # type: ignore[arg-type]


def test_numbers_that_may_be_codes_are_named_with_the_remedy() -> None:
    many = pd.Series(np.arange(400) % 20, name="site")
    (note,) = read_values(many).notes
    assert "Column 'site' holds 20 different whole numbers and is read as continuous" in note
    assert "variables={'site': 'categorical'}" in note
    assert "--kind site=categorical" in note
    assert not read_values(many, kind="continuous").notes
    assert not read_values(many + 0.5).notes
    assert not read_values(pd.Series(np.arange(400), name="age")).notes


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["F", "M", "female", "male"], "F and female; M and male"),
        (["M", "male", "F", "female", "f "], "M and male; F and f  and female"),
        (["Yes", "no", "yes"], "Yes and yes"),
        (["y", "yes", "n", "no"], "y and yes; n and no"),
        (["stage-1", "Stage 1", "stage 2"], "stage-1 and Stage 1"),
        (["A", "AB", "B", "O"], ""),
        (["low", "lower", "lowest"], ""),
        (["1", "10", "100"], ""),
        (["a", "b"], ""),
    ],
)
def test_labels_that_may_mean_the_same_are_named(labels: list[str], said: str) -> None:
    text = alike("sex", labels)
    assert (f"Column 'sex' has labels that may mean the same: {said}." in text) if said else not text


def test_a_column_is_read_whole_whatever_rows_an_estimate_uses() -> None:
    values = np.where(PLACE < 200, PLACE % 3, PLACE)
    table = frame(values)
    table.loc[200:, "b"] = np.nan
    assert by_estimation(table).kind == by_discovery(table).kind == "continuous"


def test_what_columns_are_is_told_in_one_line() -> None:
    values = {"clinic": cycle(*range(8)), "t": cycle("no", "yes"), "y": DRAWN, "k": cycle("a", "b", "c")}
    columns = [type_column(Variable(name), pd.Series(cells)).variable for name, cells in values.items()]
    line = "Columns: clinic categorical (8 whole-number codes), t binary (no, yes), y continuous, k categorical (3 labels)."
    assert columns_line(columns) == line
    assert columns_line(()) == ""
