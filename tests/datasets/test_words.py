"""Words and numbers that stand for missing values are proposed, never taken in silence."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets.table import DataFaultsError, describe_columns, index_table, load_table, read_table
from causalgen.datasets.table.words import missing_words
from causalgen.errors import DataError, DataWarning
from causalgen.studies.data_section import OwnData
from causalgen.studies.schema import load_study

NUMBERS = [f"{number * 1.7 + 20:.1f}" for number in range(40)]


@pytest.mark.parametrize(
    "word", ["n/a", "N/A ", "-", "unknown", "Unknown", "?", "NULL", "none", ".", "#N/A", "missing", "--"]
)
@pytest.mark.parametrize("quoted", [False, True])
def test_words_among_numbers_are_refused_with_the_remedy(tmp_path: Path, word: str, quoted: bool) -> None:
    cells = [word, *NUMBERS[:20], word, *NUMBERS[20:]]
    lines = [f'"{cell}",{row * 0.5}' if quoted else f"{cell},{row * 0.5}" for row, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["age,y", *lines]))
    if not quoted and word == "NULL":
        assert index_table(tmp_path / "t.csv", "age -> y", missing="drop").dropped == {"age": 2}, (
            "read as missing always"
        )
        return
    with pytest.raises(DataFaultsError, match=r"got 2 (?s:.*)row 0, column 'age': .*missing_words: \[") as caught:
        index_table(tmp_path / "t.csv", "age -> y", missing="drop")
    assert [fault.row for fault in caught.value.faults] == [0, 21]
    index = index_table(tmp_path / "t.csv", "age -> y", missing="drop", missing_words=[word.strip()])
    assert index.dropped == {"age": 2}
    assert list(index.words["age"].values()) == [2]
    assert index.attributes["age"].values[1] == 20
    assert describe_columns(tmp_path / "t.csv")["age"] == "attribute"


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ([*NUMBERS, "-999", "-999"], [-999]),
        ([*range(20, 60), 999], [999]),
        ([*range(60), 99], []),
        ([*range(-30, 30), -99], [-99]),
        ([0.5, 1.5, 2.5, 3.5, -9.0] * 9, [-9]),
        ([-3.0, -1.0, 2.0, 99.0, 30.0] * 9, [99]),
        ([*NUMBERS, "n/a", "x"], ["n/a", "x"]),
        ([*NUMBERS, "n/a", "abc"], ["n/a"]),
        ([0, 1, 2, -9] * 9, [-9]),
        ([0, 1, -9] * 9, []),
        (["F", "M", "unknown"] * 9, ["unknown"]),
        (["yes", "no", "?"] * 9, ["?"]),
        (["+", "-"] * 9, []),
        (["none", "mild", "severe"] * 9, []),
        (["yes", "unknown"] * 9, []),
        ([True, False] * 9, []),
        ([None] * 9, []),
        ([], []),
    ],
)
def test_what_is_proposed(column: list[object], found: list[object]) -> None:
    assert missing_words(pd.Series(column, dtype=object)) == found
    frame = pd.DataFrame({"a": pd.Series(column, dtype=object)})
    if len(frame) and frame["a"].map(type).nunique() == 1 and not isinstance(column[0], bool):
        assert missing_words(frame["a"].convert_dtypes(dtype_backend="pyarrow")) == found


def test_numbers_that_may_stand_for_missing_values_are_said_and_can_be_declared() -> None:
    table = pd.DataFrame(
        {"age": [*np.linspace(20, 80, 58), -999, -999], "sex": ["F", "M", "unknown"] * 20, "y": range(60)}
    )
    table["y"] *= 0.5
    with pytest.warns(DataWarning) as caught:
        load_table(table, "{age, sex} -> y")
    said = "\n".join(str(warning.message) for warning in caught)
    assert "-999 in 'age' may mean missing values" in said
    assert 'variables: {sex: {missing_words: ["unknown"]}}' in said
    declared = {"age": {"missing_words": [-999]}, "sex": {"labels": ["F", "M", "unknown"]}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_table(table, "{age, sex} -> y", variables=declared, missing="drop", missing_words=["unknown"])
    assert len(data) == 58
    assert data.graph["sex"].labels == ("F", "M", "unknown"), "declared labels stay"
    assert load_table(table, "sex -> y", missing="drop", missing_words=["UNKNOWN "]).graph["sex"].labels == ("F", "M")


def test_missing_words_of_the_group_and_what_is_none() -> None:
    table = pd.DataFrame(
        {"a": np.arange(40) * 0.5, "b": np.arange(40) ** 1.5, "p": ["?"] * 4 + [str(n // 2) for n in range(36)]}
    )
    assert index_table(table, "a -> b", group="p", missing="drop", missing_words=["?"]).dropped == {"p": 4}
    for words in ("n/a", [None], [["x"]]):
        with pytest.raises(DataError, match=r"Expected the missing words as a list such as \['n/a', -999\]"):
            index_table(table, "a -> b", missing_words=words)  # type: ignore[arg-type]


def test_new_writes_the_proposal_and_check_counts_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    age = rng.uniform(20, 80, 60).round(1).astype(str)
    age[[0, 7]], age[9] = "n/a", "-999"
    table = pd.DataFrame({"age": age, "dose": rng.normal(size=60), "Patient ID": [f"p{row // 3}" for row in range(60)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    runner, study = CliRunner(), str(tmp_path / "study.yaml")
    made = runner.invoke(app, ["new", str(tmp_path / "t.csv"), "--edges", "age -> dose", "--out", study])
    assert made.exit_code == 0, made.output
    assert "Proposed as missing in 'age': 'n/a' 2, -999 1." in made.output
    assert "Rows with the same 'Patient ID' are kept in one split" in made.output
    assert "Not usable: Patient ID" not in made.output
    data = load_study(tmp_path / "study.yaml").data
    assert isinstance(data, OwnData)
    assert data.variables["age"].missing_words == ("n/a", -999)
    assert (data.group, data.missing) == ("Patient ID", "drop")
    checked = runner.invoke(app, ["check", study])
    assert checked.exit_code == 0, checked.output
    assert "Read as missing in age: 'n/a' 2, -999 1" in checked.output


COLUMNS: dict[str, list[str]] = {
    "numbers": ["1.5", ".", "2.25", "-9", "-9.0", " . ", "7"],
    "whole numbers": ["1", "-9", "20", "3", "-9", "5", "6"],
    "labels": ["yes", "no", "n/a", "N/A ", "no", "yes", "."],
    "codes": ["007", ".", "008", "-9", "009", "010", "011"],
    "long names": ["9007199254740993", ".", "18446744073709551617", "3", "4", "5", "6"],
    "one left": [".", "-9", "n/a", ".", "a", ".", "."],
}
"""Cells of a column, some of which mean nothing."""
GONE = {".", "-9", "-9.0", "n/a"}


@pytest.mark.parametrize("form", ["csv", "semicolons", "string index", "tab", "jsonl"])
def test_declared_words_read_as_empty_cells(tmp_path: Path, form: str) -> None:
    """A table with words equals the same table with empty cells, values and types, in every format of text."""
    rows = [f"p{row}" for row in range(7)]
    words = pd.DataFrame(COLUMNS, index=rows)
    empty = words.mask(words.apply(lambda column: column.str.strip().str.casefold().isin(GONE)), "")
    if form == "semicolons":
        words, empty = (
            table.apply(lambda c: c.str.replace("2.25", "2,25").str.replace("1.5", "1,5")) for table in (words, empty)
        )
        words, empty = (table.replace("-9.0", "-9,0") for table in (words, empty))
    read = []
    for name, table in (("words", words), ("empty", empty)):
        path = tmp_path / f"{name}.{ {'tab': 'tsv', 'jsonl': 'jsonl'}.get(form, 'csv') }"
        if form == "jsonl":
            table.mask(table == "", None).to_json(path, orient="records", lines=True)
        else:
            separator = {"semicolons": ";", "tab": "\t"}.get(form, ",")
            table.to_csv(path, index=form == "string index", sep=separator)
        with warnings.catch_warnings(action="ignore", category=DataWarning):
            read.append(read_table(path, missing_words=["N/A", ".", -9] if name == "words" else []))
    if form == "jsonl":  # whose texts stay texts, with or without words
        read[1] = read[1].apply(
            lambda column: pd.to_numeric(column) if column.name in ("numbers", "whole numbers", "codes") else column
        )
    pd.testing.assert_frame_equal(*read)
    assert read[0]["whole numbers"].tolist()[2:4] == [20, 3]
    assert int(read[0]["numbers"].isna().sum()) == 4


def test_numbers_of_a_typed_table_are_declared_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, -9, 3], "b": [0.5, -9.0, -9.5], "c": ["x", "-9", "y"]})
    table.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet", missing_words=["-9"])
    assert read.isna().to_numpy().tolist() == [[False] * 3, [True] * 3, [False] * 3]
    with pytest.raises(DataError, match="Expected the missing words as a list"):
        read_table(tmp_path / "t.parquet", missing_words="n/a")
