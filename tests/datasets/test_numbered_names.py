"""Names of images that are numbers with leading zeros, and ages as DICOM writes them: how tables lose and keep them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from causalgen.datasets import load_table
from causalgen.datasets.declared import type_column
from causalgen.datasets.kinds import read_values
from causalgen.datasets.table import DataFaultsError, describe_columns
from causalgen.errors import DataError, DataWarning
from causalgen.graph import Variable

ROWS = 12
PLACES = {"next to the table": ".", "in a folder": "images", "further below": "a/b"}
CELLS = {"numbers": int, "numbers of a column with holes": float, "text": str}


def _write(folder: Path, names: list[str], place: str = ".") -> None:
    (folder / place).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(np.full((4, 5), int(name.partition(".")[0]), np.uint8) + number % 2).save(folder / place / name)


def _table(cells: list) -> pd.DataFrame:
    return pd.DataFrame({"scan": cells, "age": np.linspace(20, 80, len(cells))})


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)
def test_a_number_finds_the_only_file_with_more_zeros(tmp_path: Path, kind: type, place: str) -> None:
    _write(tmp_path, [f"{row:03d}.png" for row in range(ROWS)], place)
    with pytest.warns(DataWarning, match=r"found by their numbers, without leading zeros: 0 is '000.png'"):
        data = load_table(_table([kind(row) for row in range(ROWS)]), "age -> scan", images=tmp_path)
    pixels = data.rows(range(ROWS))["scan"][:, 0, 0, 0].tolist()
    assert pixels == [row + row % 2 for row in range(ROWS)]


def test_numbers_with_and_without_zeros_are_names_of_one_column(tmp_path: Path) -> None:
    """Of 007 and 107, a table keeps all digits of the second alone."""
    numbers = [*range(98, 98 + ROWS)]
    _write(tmp_path, [f"{row:03d}.png" for row in numbers])
    assert describe_columns(_table(numbers), tmp_path)["scan"] == "image"
    assert describe_columns(_table([*range(10, 10 + ROWS)]), tmp_path)["scan"] != "image"


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("rival", ["7.png", "0007.png"])
def test_a_number_of_two_files_is_refused_with_both(tmp_path: Path, rival: str, place: str) -> None:
    _write(tmp_path, [*(f"{row:03d}.png" for row in range(ROWS)), rival], place)
    with pytest.raises(
        DataFaultsError, match=rf"row 7, .*several files \('7'\): (.*007.png.*{rival}|.*{rival}.*007.png)"
    ):
        load_table(_table(list(range(ROWS))), "age -> scan", images=tmp_path)


@pytest.mark.filterwarnings("error:Images of 'scan' are found by their numbers")
def test_names_as_text_are_exact(tmp_path: Path) -> None:
    _write(tmp_path, [*(f"{row:03d}.png" for row in range(ROWS)), "7.png"])
    data = load_table(_table([f"{row:03d}" for row in range(ROWS)]), "age -> scan", images=tmp_path)
    assert data.rows([7])["scan"][0, 0, 0, 0] == 8


@pytest.mark.parametrize(
    "numbers", [pytest.param(range(20, 32), id="ages"), pytest.param(range(1, ROWS + 1), id="rows from 1")]
)
def test_numbers_of_other_things_are_no_names_of_files(tmp_path: Path, numbers: range) -> None:
    """All images have a number, and so have people's ages and rows."""
    _write(tmp_path, [f"{row:03d}.png" for row in range(ROWS if 1 in numbers else 100)])
    frame = pd.DataFrame({"age": list(numbers), "volume": np.arange(ROWS) * 0.5})
    assert load_table(frame, "age -> volume", images=tmp_path).graph["age"].kind == "continuous"


def test_numbers_next_to_paths_are_no_names_of_files(tmp_path: Path) -> None:
    names = [f"{row:03d}.png" for row in range(ROWS)]
    _write(tmp_path, names)
    kinds = describe_columns(pd.DataFrame({"scan": names, "visit": range(ROWS)}), tmp_path)
    assert kinds["scan"] == "image"
    assert kinds["visit"] != "image"


AGES = ["058Y", "003M", "012D", "002W", None, "101Y"]
YEARS = [58, 3 / 12, 12 / 365.25, 14 / 365.25, np.nan, 101]


@pytest.mark.parametrize("kind", [None, "continuous"])
def test_ages_of_dicom_are_years(kind: str | None) -> None:
    typed = type_column(Variable("age", kind), pd.Series(AGES, name="age"))  # type: ignore[arg-type]
    assert (typed.variable.kind, typed.reading.notes) == (
        "continuous",
        ("Ages of 'age' such as 058Y are read as years.",),
    )
    assert np.allclose(typed.reading.values, YEARS, rtol=1e-3, equal_nan=True)
    assert kind or typed.variable.unit == "years"


def test_a_table_of_ages_is_one_of_years() -> None:
    table = pd.DataFrame({"age": [f"{20 + row % 60:03d}Y" for row in range(120)], "volume": np.arange(120) * 0.5})
    with pytest.warns(DataWarning, match="Ages of 'age' such as 020Y are read as years"):
        data = load_table(table, "age -> volume")
    assert data.graph["age"] == Variable("age", "continuous", unit="years")
    assert data.frame()["age"].tolist() == [20.0 + row % 60 for row in range(120)]


@pytest.mark.parametrize("other", ["58", "58Y", "058y", "0058Y", "unknown"])
@pytest.mark.parametrize("kind", [None, "continuous"])
def test_anything_else_among_ages_is_a_fault(other: str, kind: str | None) -> None:
    column = pd.Series(["058Y", None, "003M"] * 20 + [other, "010W"], name="age")
    found = rf"an age such as 060Y.* in every row of column 'age'; got '{other}' in row 60\. Write every age"
    with pytest.raises(DataError, match=found):
        type_column(Variable("age", kind), column)  # type: ignore[arg-type]
    labels = read_values(column, kind="categorical").labels
    assert labels == tuple(sorted({"058Y", "003M", "010W", other}))


def test_words_with_one_that_looks_like_an_age_are_labels() -> None:
    assert read_values(pd.Series(["101D", "east", "west"] * 5, name="ward")).labels == ("101D", "east", "west")


def test_declared_labels_stay_labels() -> None:
    column = pd.Series(["101D", "102D", "103W"] * 5, name="ward")
    assert read_values(column, kind="categorical").labels == ("101D", "102D", "103W")
