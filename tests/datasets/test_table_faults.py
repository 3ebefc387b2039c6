"""Whatever is wrong with a user's table: one listing that names column, row, found and expected."""

import contextlib
import gzip
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from effort import no_hang
from own_table import GRAPH, make
from PIL import Image
from pyarrow import parquet

from causalgen.datasets.table import (
    DataFaultsError,
    from_arrays,
    from_torch,
    index_table,
    load_table,
    read_table,
    table_file,
)
from causalgen.errors import DataError, DataWarning


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "data")
    return tmp_path / "data"


def test_everything_wrong_comes_in_one_listing(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").astype({"age": object, "size": object})
    table.loc[3, "age"], table.loc[4, "size"], table.loc[5, "sex"] = "old", np.inf, None
    table.loc[6, "scan"] = "scans/nowhere.png"
    (folder / "scans" / "007.png").write_text("no image")
    table.to_csv(folder / "table.csv", index=False)
    with pytest.raises(DataFaultsError) as caught:
        index_table(folder / "table.csv", GRAPH)
    found = {(fault.row, fault.column) for fault in caught.value.faults}
    assert found == {(3, "age"), (4, "size"), (5, "sex"), (6, "scan"), (7, "scan")}
    for part in (
        "got 5",
        "row 3, column 'age': found 'old', expected a number",
        "row 4, column 'size': found inf, expected a finite number",
        "row 5, column 'sex': found nothing, expected a value",
        "row 6, column 'scan': found no such file ('scans/nowhere.png'), expected a file in '",
        "row 7, column 'scan': found not an image ('scans/007.png')",
        "missing: drop",
    ):
        assert part in str(caught.value)


def test_many_faults_of_one_sort_are_counted() -> None:
    table = pd.DataFrame({"a": [str(n) for n in range(3000)], "b": np.arange(3000) * 0.5})
    table.loc[100:599, "a"] = "?"
    with pytest.raises(DataFaultsError, match=r"(?s)got 500 .*and 495 more rows of 'a' for this reason") as caught:
        index_table(table, "a -> b", variables={"a": {"kind": "continuous"}})
    assert "row 100, column 'a': found '?'" in str(caught.value)
    assert len(str(caught.value)) < 1500


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected a header line in '.*own.csv'; got an empty file"),
        ("a,b", "Expected rows below the header of '.*own.csv'; got none"),
        ("a,b\n1,2\n", "Expected rows to learn from in '.*own.csv'; got one row"),
        ("a,a,b\n1,2,3\n4,5,6\n", "Expected every column name once in '.*own.csv'; got 'a' 2 times"),
        ("a,,b\n1,2,3\n4,5,6\n", "Expected a name for every column of '.*own.csv'; column 2 has none"),
        ("a,b\n1,2\n3\n", "Expected a CSV table at '.*own.csv'; it cannot be read"),
        (
            "a,b\n1,f\xfcr\n2,x\n".encode("latin-1"),
            "Expected UTF-8 text in '.*own.csv'; got the byte 0xfc .*Save it as",
        ),
        ("a;b\n1,5;2.5\n2,5;1\n", "Expected one decimal mark in '.*own.csv'"),
        (b"a,b\n\x00\x01,2\n1,2\n", "Expected text in '.*own.csv'; got binary data in line 2"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        index_table(write(tmp_path, text), "a -> b")


@pytest.mark.parametrize(
    ("labels", "index", "said"),
    [
        ("0123", [0, 1, 2, 3], None),
        ("1234", [0, 1, 2, 3], None),
        ("4710", [4, 7, 1, 0], "The first column of 'own.csv' has no name and is read as the labels of the rows"),
        ("pqrs", ["p", "q", "r", "s"], "has no name and is read as the labels of the rows"),
        ("0101", [0, 1, 2, 3], r"has no name and is left out: it does not identify the rows \('0' is repeated\)"),
        (["p", "", "r", "s"], [0, 1, 2, 3], r"left out: it does not identify the rows \(a label is missing\)"),
    ],
)
def test_a_first_column_without_a_name_labels_the_rows(
    tmp_path: Path, labels: list[str], index: list[object], said: str | None
) -> None:
    path = write(tmp_path, "".join([",a,b\n", *(f"{label},{n}.5,{n}\n" for n, label in enumerate(labels))]))
    with pytest.warns(DataWarning, match=said) if said else contextlib.nullcontext():
        table = read_table(path)
    assert table.index.tolist() == index
    assert list(table.columns) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["\ufeffa;b\n1,5;x\n2,25;y\n3;x\n4;y\n5;y\n6;x\n", "a\tb\n1.5\tx\n2.25\ty\n3\tx\n4\ty\n5\ty\n6\tx\n"],
)
def test_byte_order_marks_semicolons_tabs_and_decimal_commas(tmp_path: Path, text: str) -> None:
    index = index_table(write(tmp_path, text), "a -> b", variables={"a": {"kind": "continuous"}})
    assert index.attributes["a"].values.tolist() == [1.5, 2.25, 3, 4, 5, 6]
    assert index.graph["b"].labels == ("x", "y")


@pytest.mark.parametrize(
    ("column", "said", "message"),
    [
        (["1", "2", "x", "3.5", "4", "5"], {}, "row 2, column 'a': found 'x', expected a number"),
        (pd.date_range("2020", periods=6), {}, "column 'a': found dates or times, expected numbers or labels"),
        ([[1], [2], [3], [4], [5], [6]], {}, "column 'a': found a list per cell, expected one value per cell"),
        ([None] * 6, {}, "column 'a': found missing values only"),
        (["x"] * 6, {}, r"column 'a': found the same value \('x'\) in every row"),
        ([7.5] * 6, {}, r"column 'a': found the same value \(7.5\) in every row"),
        ([1.5, 2.5, -np.inf, 3.5, 4.5, 5.5], {}, "row 2, column 'a': found -inf, expected a finite number"),
        (
            [0.5, 9.5, 1.5, 2.5, 3.5, 4.5],
            {"support": [0, 5]},
            "row 1, column 'a': found 9.5, expected a value from 0 to 5",
        ),
        (list("xyxyzx"), {"labels": ["x", "y"]}, "row 4, column 'a': found 'z', expected one of x, y"),
        (list("xyxyzx"), {"kind": "binary"}, "column 'a': found a declaration that does not fit"),
    ],
)
def test_columns_that_do_not_fit(column: Any, said: dict[str, Any], message: str) -> None:
    table = pd.DataFrame({"a": column, "b": np.arange(6) * 0.5})
    with pytest.raises(DataFaultsError, match=message):
        index_table(table, "a -> b", variables={"a": said})


def test_a_million_labels_are_no_labels() -> None:
    table = pd.DataFrame({"a": [f"name {row}" for row in range(3000)], "b": np.arange(3000) * 0.5})
    with pytest.raises(
        DataFaultsError,
        match="found 3,000 different words in 3,000 rows, as in a column of row names, expected at most 50 labels",
    ):
        index_table(table, "a -> b")


def test_nested_parquet(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [{"x": 1}, {"x": 2}], "b": [0.5, 1.5]})
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataFaultsError, match=r"column 'a': found lists or records \(struct<x: int64>\)"):
        index_table(tmp_path / "t.parquet", "a -> b")
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"Expected a Parquet table at '.*t.parquet'; it cannot be read"):
        index_table(tmp_path / "t.parquet", "a -> b")


def wrong_image(place: Path, what: str) -> None:
    grey = Image.fromarray(np.full((12, 10), 9, np.uint8))
    if what == "folder":
        place.unlink()
        place.mkdir()
    elif what == "16-bit":
        Image.fromarray(np.full((12, 10), 999, np.uint16)).save(place)
    elif what == "LAB":
        Image.new("LAB", (10, 12)).save(place, format="TIFF")
    elif what == "animated":
        grey.save(
            place, format="GIF", save_all=True, append_images=[Image.fromarray(np.eye(12, 10, dtype=np.uint8) * 255)]
        )
    elif what == "empty":
        place.write_bytes(b"")
    elif what == "bomb":
        Image.new("1", (20_000, 20_000)).save(place)
    elif what == "larger":
        grey.resize((30, 30)).save(place)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("folder", "a folder"),
        ("16-bit", "found 1 image with 16 bits or more and 23 with 8 bits, expected one depth.*'001.png'"),
        ("LAB", "an image in the colour space LAB; save it as RGB"),
        ("animated", "2 images in one file; save each as a file with a row of the table"),
        ("empty", "an empty file"),
        ("bomb", "an image of"),
        ("larger", r"images of 2 sizes: 12x10 \(23 images\), 30x30 \(1 image\), expected one size; declare `size"),
    ],
)
def test_images_that_are_none_show_before_decoding(folder: Path, what: str, found: str) -> None:
    wrong_image(folder / "scans" / "001.png", what)
    with pytest.raises(DataFaultsError, match=found):
        index_table(folder / "table.csv", GRAPH)


def test_damaged_images_show_when_decoded(folder: Path) -> None:
    for row in (3, 4):
        whole = (folder / "scans" / f"00{row}.png").read_bytes()
        (folder / "scans" / f"00{row}.png").write_bytes(whole[: len(whole) - 30])
    with pytest.raises(DataFaultsError, match="got 2") as caught:
        load_table(folder / "table.csv", GRAPH, root=folder / "cache")
    assert "row 3, column 'scan': found a damaged image ('003.png'" in str(caught.value)
    assert "row 4, column 'scan': found a damaged image ('004.png'" in str(caught.value)
    assert not list((folder / "cache").rglob("*.np*")), "nothing half decoded stays behind"


@pytest.mark.parametrize("cell", ["../secret.png", "/etc/hostname", "link.png"])
def test_paths_stay_in_the_data_folder(folder: Path, cell: str) -> None:
    Image.new("L", (10, 12), 5).save(folder.parent / "secret.png")
    os.symlink(folder.parent / "secret.png", folder / "link.png")
    table = pd.read_csv(folder / "table.csv")
    table.loc[2, "scan"] = cell
    with pytest.raises(DataFaultsError, match=r"row 2, column 'scan': found a path that leaves the folder"):
        index_table(table, GRAPH, root=folder)


def test_links_within_the_data_folder_are_followed(folder: Path) -> None:
    os.symlink(folder / "scans" / "000.png", folder / "link.png")
    table = pd.read_csv(folder / "table.csv")
    table.loc[2, "scan"] = "link.png"
    assert index_table(table, GRAPH, root=folder).graph["scan"].shape == (1, 12, 10)


def test_folders_that_are_no_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected metadata.csv, .* or a folder per class in '.*'; got no images"):
        index_table(tmp_path, "label -> image")
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="got images 0 folders down"):
        index_table(tmp_path, "label -> image")
    with pytest.raises(DataError, match=r"Expected a table at '.*no.csv'; it cannot be read: No such file"):
        index_table(tmp_path / "no.csv", "label -> image")
    with pytest.raises(DataError, match=r"Expected a table at '.*scans'; it cannot be read: No such file"):
        index_table(tmp_path / "scans", "label -> image")
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"Expected a .csv or .parquet file, or a folder of images"):
        index_table(tmp_path / "t.xlsx", "label -> image")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": {"train": 0.5, "validation": 0.2, "test": 0.2}}, "Expected positive shares of .* that add up to 1"),
        ({"split": {"train": 0.5, "dev": 0.5}}, "Expected splits among train, validation, test; got 'dev'"),
        ({"split": "sex"}, "row 0, column 'sex': found '.*', expected train, validation or test"),
        ({"split": "fold"}, "Expected a column for the split among"),
        ({"group": "pateint"}, "got 'pateint'. Did you mean 'patient'"),
        ({"group": "sex"}, "Expected at least 3 groups of 'sex' to split; got 2"),
        ({"missing": "impute"}, "Expected missing to be one of refuse, drop, model"),
        (
            {"variables": {"scan": {"kind": "continuous", "size": [3, 3]}}},
            "Expected size, colour, .*slice, volume and ground for images only",
        ),
        ({"variables": {"scan": {"fit": "zoom"}}}, "Expected the fit of 'scan' among crop, pad, stretch; got 'zoom'"),
    ],
)
def test_options_that_do_not_fit(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        index_table(folder / "table.csv", GRAPH, **options)


def test_arrays_that_do_not_fit() -> None:
    numbers = np.arange(6) * 0.5
    for values, message in (
        ({"a": numbers, "b": numbers[:5]}, "Expected one length for all arrays"),
        ({"a": numbers, "b": np.zeros((6, 4))}, r"Expected one value of 'b' for each unit, \(N,\) or \(N, 1\); got"),
        ({"a": numbers, "b": np.zeros((6, 2, 4, 7))}, "with 1 or 3 channels"),
        ({"a": numbers, "b": np.full((6, 4, 4), np.nan)}, "Expected finite pixels of 'b'; got NaN or infinity"),
        ({"a": numbers, "b": np.full((6, 4, 4), 999)}, "Expected pixels of 'b' that vary; got 999 in all of them"),
        ({"a": numbers, "b": np.full((6, 4, 4), "x")}, "Expected numbers as pixels of 'b'; got <U1"),
    ):
        with pytest.raises(DataError, match=message):
            from_arrays(values, "a -> b")
    with pytest.raises(DataError, match=r"Expected items of 2 entries \(x, y\); item 0 is 3 entries"):
        from_torch([(1, 2, 3)], ["x", "y"], "x -> y")
    with pytest.raises(DataError, match=r"Expected 'x' of one shape in every item; got \(2,\) and \(3,\)"):
        from_torch([(np.zeros(2), 1), (np.zeros(3), 2)], ["x", "y"], "x -> y")


def crafted_parquet() -> bytes:
    """Two billion equal rows in a few kilobytes, as run-length encoding allows."""
    file = io.BytesIO()
    one = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["x"])})
    with parquet.ParquetWriter(file, one.schema) as writer:
        for _ in range(3):
            writer.write_table(one)
    return file.getvalue()


def not_utf8() -> bytes:
    """Text that is not UTF-8, which Arrow writes unchecked."""
    file, values = io.BytesIO(), pa.py_buffer(b"x\xed")
    texts = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()), values)
    parquet.write_table(pa.table({"a": [1.0, 2.0], "b": texts}), file)
    return file.getvalue()


UNREADABLE: dict[str, tuple[str, bytes, str]] = {
    "zip": ("t.csv", b"PK\x03\x04" + bytes(400), "got a zip archive or a workbook. Unpack it"),
    "gzip": ("t.csv", gzip.compress(b"a,b\n1,2\n3,4\n"), "got a gzip archive"),
    "parquet called csv": ("t.csv", crafted_parquet(), "got a Parquet file"),
    "workbook": ("t.csv", b"\xd0\xcf\x11\xe0" + bytes(400), "got a workbook"),
    "one line": ("t.csv", b"1," * 30_000_000, "got more than 17 MB without a line break"),
    "one quoted line": ("t.csv", b'"' + b"x" * 30_000_000, "got more than 17 MB without a line break"),
    "giant cell": ("t.csv", b"a,b\n1,2\n" + b"x" * 18_000_000, "Expected a CSV table at .* it cannot be read"),
    "deep JSON": ("t.jsonl", b"[" * 1_000_000, "Expected a JSON Lines table"),
    "JSON that is not UTF-8": (
        "t.jsonl",
        b'{"a":1,"b":"x"}\n{"a":2,"b":"\xed"}\n',
        "Expected UTF-8 text in the column 'b'",
    ),
    "Parquet that is not UTF-8": ("t.parquet", not_utf8(), "Expected UTF-8 text in the column 'b'"),
    "half a parquet": ("t.parquet", crafted_parquet()[:-40], "Expected a Parquet table"),
    "turned bytes": ("t.parquet", crafted_parquet()[:-60] + crafted_parquet()[-60:][::-1], "Expected a Parquet table"),
    "no header": ("t.csv", b"\n1,2\n3,4\n", "Expected a header line"),
    "UTF-16 cut short": ("t.csv", "a,b\n1,2\n3,4\n".encode("utf-16")[:-1], "Expected UTF-8 text"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_are_no_tables_are_refused_at_once(tmp_path: Path, name: str) -> None:
    file, content, message = UNREADABLE[name]
    (tmp_path / file).write_bytes(content)
    with no_hang(), pytest.raises(DataError, match=message) as caught:
        index_table(tmp_path / file, "a -> b")
    assert len(str(caught.value)) < 1000


def test_a_parquet_of_too_many_cells_is_refused_by_its_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(crafted_parquet())
    monkeypatch.setattr(table_file, "MOST_CELLS", 2999)
    with pytest.raises(DataError, match=r"Expected at most 2,999 cells in .*; got 3,000 rows of 1 columns"):
        index_table(tmp_path / "t.parquet", "a -> b")


@pytest.mark.parametrize("place", range(0, 1000, 37))
def test_damaged_bytes_in_a_parquet_lead_to_our_error_or_to_a_table(tmp_path: Path, place: int) -> None:
    content = bytearray(crafted_parquet())
    content[-1 - place % len(content)] ^= 0xFF
    (tmp_path / "t.parquet").write_bytes(content)
    with contextlib.suppress(DataError):
        read_table(tmp_path / "t.parquet")


def test_utf_16_and_long_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("größe;b\n1,5;x\n2,5;y\n3,5;x\n".encode("utf-16"))
    index = index_table(tmp_path / "t.csv", "größe -> b", variables={"größe": {"kind": "continuous"}})
    assert index.attributes["größe"].values.tolist() == [1.5, 2.5, 3.5]
    long = "x" * 700_000
    (tmp_path / "long.csv").write_text("a,b,c\n" + "".join(f"{row * 0.5},{row % 2},{long}\n" for row in range(4)))
    assert index_table(tmp_path / "long.csv", "a -> b").count == 4


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([f'"{n},5"' for n in range(30)], r"numbers with commas \('0,5'\), expected numbers with a decimal point"),
        ([f'"1,{n:03d}"' for n in range(30)], r"numbers with commas \('1,000'\)"),
        ([f"{n}.5%" for n in range(30)], r"numbers with '%' .*the unit in the name of the column: 'a \(%\)'"),
        ([f"{n}.5 px" for n in range(30)], r"numbers with 'px' \('0.5 px'\)"),
    ],
)
def test_numbers_written_as_words_are_no_labels(tmp_path: Path, cells: list[str], found: str) -> None:
    text = "a,b\n" + "".join(f"{cell},{row * 0.5}\n" for row, cell in enumerate(cells))
    with pytest.raises(DataFaultsError, match=found):
        index_table(write(tmp_path, text), "a -> b")


@pytest.mark.parametrize("cells", [["3T", "1.5T", "7T"] * 10, ["1a", "2b", "3c"] * 10, ["2,3", "2;3"] * 15])
def test_labels_may_hold_numbers(cells: list[str]) -> None:
    assert index_table(pd.DataFrame({"a": cells, "b": np.arange(30) * 0.5}), "a -> b").graph["a"].is_discrete


def test_spreadsheets_say_their_separator(tmp_path: Path) -> None:
    text = "sep=;\r\na;b\r\n" + "".join(f"{n},5;{n % 2}\r\n" for n in range(20))
    assert index_table(write(tmp_path, text), "a -> b").attributes["a"].values[1] == 1.5
    with pytest.raises(DataError, match="Line 1 has to hold the column names, and every row as many cells"):
        index_table(write(tmp_path, "# made today\na,b\n1,2\n3,4\n"), "a -> b")
