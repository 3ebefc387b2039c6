"""Tables as they come: odd types, labels, names, groups and splits with holes, photographs from phones."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from own_table import GRAPH, make
from PIL import Image

from causalgen.datasets.table import DataFaultsError, describe_columns, from_arrays, index_table, load_table
from causalgen.datasets.table.reading import read_table
from causalgen.errors import DataError

ROWS = 30


def table(column: Any, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": column, "b": np.random.default_rng(0).normal(size=ROWS), **more})


@pytest.mark.parametrize(
    ("column", "said", "labels", "codes"),
    [
        (pd.Categorical([2.0, 0.0, 1.0] * 10), None, (0.0, 1.0, 2.0), [2, 0, 1]),
        (pd.Categorical(["2", "0", "1"] * 10), None, ("0", "1", "2"), [2, 0, 1]),
        (pd.Categorical(["x", "y", "x"] * 10, ["y", "z", "x"]), None, ("y", "x"), [1, 0, 1]),
        (pd.Categorical(["x", "y", "x"] * 10, ["y", "x"]), ["y", "z", "x"], ("y", "z", "x"), [2, 0, 2]),
        (["01", "03", "02"] * 10, ["01", "02", "03"], ("01", "02", "03"), [0, 2, 1]),
        ([1.0, 0.5, 1.5] * 10, [0.5, 1.0, 1.5], (0.5, 1.0, 1.5), [1, 0, 2]),
        (np.array([True, False, True] * 10, dtype=object), None, (False, True), [1, 0, 1]),
        ([" male", "male", "female"] * 10, None, ("female", "male"), [1, 1, 0]),
        (pd.cut(np.arange(ROWS) % 3, [-1, 0, 2]), None, ("(-1, 0]", "(0, 2]"), [0, 1, 1]),
        ([Decimal("1.50"), Decimal(2), Decimal(3)] * 10, [1.5, 2, 3], (1.5, 2, 3), [0, 1, 2]),
        (pd.array([1, 2, 3] * 10, dtype="Int64"), None, (1, 2, 3), [0, 1, 2]),
    ],
)
def test_labels_are_matched_by_value_whatever_their_type(column: Any, said: Any, labels: tuple, codes: Any) -> None:
    index = index_table(table(column), "a -> b", variables={"a": {} if said is None else {"labels": said}})
    assert index.graph["a"].labels == labels
    assert index.attributes["a"].values[:3].tolist() == codes


@pytest.mark.parametrize(
    ("column", "said", "message"),
    [
        (["low", "high", "mid"] * 10, {"kind": "ordinal"}, "found words whose order is not known, expected `labels"),
        (np.arange(ROWS) + 1e12, {}, "found 1000000000000 to 1000000000029, too large for how little they differ"),
        (
            np.r_[1e39, np.arange(ROWS - 1) * 0.1],
            {},
            r"found 0 to 1e\+39, too large to compute with in single precision",
        ),
        ([None, [1], [2]] * 10, {}, "found a list per cell"),
        (pd.period_range("2020", periods=ROWS, freq="D"), {}, "found dates or times"),
        (np.arange(ROWS) * 1j, {}, "found complex numbers"),
        (["x", "y", "z"] * 10, {"kind": "continuous"}, "row 0, column 'a': found 'x', expected a number"),
    ],
)
def test_columns_that_cannot_be_taken(column: Any, said: dict[str, Any], message: str) -> None:
    with pytest.raises(DataFaultsError, match=message):
        index_table(table(column), "a -> b", variables={"a": said})


def test_years_and_timestamps_are_exact_enough() -> None:
    for column in (np.linspace(1990, 2020, ROWS), np.linspace(1.5e9, 1.6e9, ROWS)):
        assert index_table(table(column), "a -> b").graph["a"].kind == "continuous"


def test_a_support_may_end_where_the_data_do() -> None:
    column = np.linspace(0, 0.1, ROWS)
    assert float(np.float32(0.1)) > 0.1
    data = load_table(table(column), "a -> b", variables={"a": {"support": [0, 0.1]}})
    assert len(data) == ROWS


def test_series_are_taken_by_position_not_by_their_index() -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    a = pd.Series(np.arange(ROWS) * 0.5, index=order)
    data = from_arrays({"a": a, "b": -a.to_numpy()}, "a -> b")
    assert torch.equal(data.values["a"], -data.values["b"])


def test_arrays_are_taken_as_they_are() -> None:
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 6, 5), dtype=np.uint8)
    values = {"a": torch.rand(ROWS, dtype=torch.bfloat16), "x": images}
    assert from_arrays(values, "a -> x").values["x"].shape == (ROWS, 1, 6, 5)
    for said in ({"size": [3, 3]}, {"colour": True}, {"kind": "continuous"}):
        with pytest.raises(DataError, match=r"Expected 'x' with .*; its arrays have .*\. Convert them first"):
            from_arrays(values, "a -> x", variables={"x": said})


def test_rows_without_group_or_split_are_dropped_too() -> None:
    patient = np.repeat(np.arange(15.0), 2)
    patient[3] = np.nan
    split = np.array(["train"] * 20 + ["val"] * 6 + ["test"] * 4, dtype=object)
    split[7] = None
    frame = table(np.arange(ROWS) * 0.5, patient=patient, split=split)
    with pytest.raises(DataFaultsError, match=r"(?s)row 3, column 'patient': found nothing.*row 7, column 'split'"):
        index_table(frame, "a -> b", group="patient", split="split")
    index = index_table(frame, "a -> b", group="patient", split="split", missing="drop")
    assert index.rows.tolist() == [row for row in range(ROWS) if row not in (3, 7)]
    assert index.dropped == {"patient": 1, "split": 1}


def test_spaces_make_no_other_group() -> None:
    patient = [f"p{row // 2}" + " " * (row % 2) for row in range(ROWS)]
    data = load_table(table(np.arange(ROWS) * 0.5, patient=patient), "a -> b", group="patient")
    assert len(data.group.unique()) == ROWS // 2


@pytest.mark.parametrize("how", [{}, {"rows": 17}, {"missing": "drop"}, {"missing": "model"}], ids=str)
@pytest.mark.parametrize("ids", [[f"P-{n:03d} " for n in range(15)], [*range(900, 915)], [7.0, *range(14)]], ids=str)
def test_groups_keep_their_names(ids: list[Any], how: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    patient = pd.Series(ids).sample(ROWS, replace=True, random_state=2).to_numpy()
    frame = table(np.arange(ROWS) * 0.5, patient=patient).set_index(pd.Index([f"v{n}" for n in rng.permutation(ROWS)]))
    frame.loc[frame.index[[4, 9]], "b"] = np.nan if "missing" in how else 0.5
    if how.get("missing") == "drop":
        frame.loc[frame.index[1], "patient"] = None
    data = load_table(frame, "a -> b", group="patient", **how)
    assert data.group_names is not None
    named = data.group_names[data.group.numpy()]
    wanted = [
        name.strip() if isinstance(name, str) else f"{name:g}" for name in frame.loc[data.frame().index, "patient"]
    ]
    assert list(named) == wanted
    assert len(data.group_names) == len(set(wanted))


def test_a_graph_without_nodes_and_a_support_upside_down() -> None:
    with pytest.raises(DataError, match="got one without nodes"):
        index_table(table(np.arange(ROWS) * 0.5), "")
    with pytest.raises(DataError, match=r"Expected the support of 'a' as \[low, high\]; got \[9, 1\]"):
        index_table(table(np.arange(ROWS) * 0.5), "a -> b", variables={"a": {"support": [9, 1]}})


def test_what_is_left_out_is_counted() -> None:
    split = np.array(["train"] * 20 + ["val"] * 5 + ["test"] * 5, dtype=object)
    split[7] = None
    index = index_table(table(np.arange(ROWS) * 0.5, split=split), "a -> b", missing="drop")
    assert (index.dropped, len(index.rows), index.unused) == ({"split": 1}, 29, ())
    with pytest.raises(DataFaultsError, match="found the same value in all 10 rows that are used, out of 30"):
        index_table(table(["x"] * 10 + ["y"] * 20).assign(b=[0.5, 1.5] * 5 + [None] * 20), "a -> b", missing="drop")


def test_a_small_named_split_keeps_rows_in_a_small_draw() -> None:
    rng = np.random.default_rng(0)
    names = ["train"] * 2900 + ["val"] * 90 + ["test"] * 10
    frame = pd.DataFrame({"a": rng.normal(size=3000), "b": rng.normal(size=3000), "split": names})
    index = index_table(frame, "a -> b", rows=100)
    assert {name: len(rows) for name, rows in index.split.items()} == {"train": 96, "validation": 3, "test": 1}
    assert np.array_equal(index.rows, index_table(frame, "a -> b", rows=100).rows)
    assert not np.array_equal(index.rows, index_table(frame, "a -> b", rows=100, seed=1).rows)


def test_a_node_called_split_is_no_split() -> None:
    frame = table(np.arange(ROWS) * 0.5, split=["train", "val", "test"] * 10)
    index = index_table(frame, "split -> b")
    assert {name: len(rows) for name, rows in index.split.items()} != {"train": 10, "validation": 10, "test": 10}


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a, b \n1.5, x\n2.5,y\n3.5,x\n", ["a", "b"]),
        ("a;b;\n1,5;x;\n2,5;y;\n3,5;x;\n", ["a", "b"]),
        ("a|b\n1.5|x\n2.5|y\n3.5|x\n", ["a", "b"]),
    ],
)
def test_spreadsheets_leave_spaces_bars_and_empty_columns(tmp_path: Path, text: str, columns: list[str]) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert describe_columns(tmp_path / "t.csv") == dict.fromkeys(columns, "attribute")
    assert index_table(tmp_path / "t.csv", "a -> b").graph["b"].labels == ("x", "y")


@pytest.mark.parametrize(
    "cells",
    [
        ["1.5", "n/a", "-2.5", "30"],
        ["1.5", '"n/a"', '"2.5"', "-9"],
        ["1.5e3", "?", "2.5", ""],
        ["low", "high", "1.5", "low"],
        ["v1.5", "v2.0", "v1.5", "2.5"],
    ],
)
def test_a_decimal_comma_reads_as_a_point_does_next_to_words_as_well(tmp_path: Path, cells: list[str]) -> None:
    text = "a;b\n" + "".join(f"{cell};{row}.5\n" for row, cell in enumerate(cells))
    (tmp_path / "point.csv").write_text(text)
    (tmp_path / "comma.csv").write_text(re.sub(r"(\d)\.(\d)", r"\1,\2", text))
    point, comma = read_table(tmp_path / "point.csv"), read_table(tmp_path / "comma.csv")
    numbers = pd.to_numeric(point["a"], errors="coerce")
    if 2 * numbers.notna().sum() > point["a"].notna().sum():
        pd.testing.assert_frame_equal(comma, point)
    else:  # labels stay as they are written
        pd.testing.assert_series_equal(comma["a"], point["a"].str.replace(".", ",", regex=False))


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["", "2.5", "3.5", "4.5"], "attribute"),
        (["", "1", "2", "3"], "attribute"),
        (["1", "", "3", "4"], "attribute"),
        (["", "true", "false", "true"], "attribute"),
        (["", "x", "y", "x"], "attribute"),
        (["", "", "", ""], "missing values only; expected values"),
        (["0", "1", "2", "3"], "the numbers of the rows"),
        (["1.0", "2.0", "3.0", "4.0"], "the numbers of the rows"),
    ],
)
def test_a_column_may_begin_with_an_empty_cell(tmp_path: Path, cells: list[str], found: str) -> None:
    lines = [f"{cell},{0.5 * row}" for row, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *lines]) + "\n")
    assert describe_columns(tmp_path / "t.csv")["a"] == found
    assert describe_columns(pd.read_csv(tmp_path / "t.csv"))["a"] == found


def test_photographs_from_phones_are_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
    for name in ("p.png", "p.jpg", "p.tif", "p.webp"):
        picture.save(tmp_path / name, exif=exif)
    picture.save(
        tmp_path / "preview.jpg", format="MPO", exif=exif, save_all=True, append_images=[picture.resize((3, 2))]
    )
    names = ["p.png", "p.jpg", "p.tif", "p.webp", "preview.jpg", ".\\p.png", str(tmp_path / "p.png"), " p.png"]
    frame = pd.DataFrame({"a": np.arange(len(names)) * 0.5, "x": names})
    data = load_table(frame, "a -> x", images=tmp_path, root=tmp_path / "cache")
    assert data.graph["x"].shape == (3, 6, 4)
    assert torch.equal(data.rows([0])["x"], data.rows([6])["x"])


@pytest.mark.parametrize(
    "cell", ["x" * 300 + ".png", "scans/000\0.png", "pipe.png", "loop.png", "~/0.png", "http://a/b.png"]
)
def test_paths_of_no_file(tmp_path: Path, cell: str) -> None:
    frame = make(tmp_path / "data")
    os.mkfifo(tmp_path / "data" / "pipe.png")
    os.symlink(tmp_path / "data" / "loop.png", tmp_path / "data" / "loop.png")
    frame.loc[2, "scan"] = cell
    with pytest.raises(DataFaultsError, match="row 2, column 'scan': found"):
        index_table(frame, GRAPH, root=tmp_path / "data")


def test_links_to_folders_are_named_not_passed_over(tmp_path: Path) -> None:
    for name in ("cats/猫", "cats/Hund ö", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
        for row in range(3):
            Image.new("L", (4, 4), 40 * row + len(name)).save(tmp_path / name / f"{row}.PNG")
    (tmp_path / "cats" / ".DS_Store").write_text("")
    (tmp_path / "cats" / "猫" / "Thumbs.db").write_text("")
    (tmp_path / "cats" / "猫" / "._0.PNG").write_text("")
    index = index_table(tmp_path / "cats", "label -> image")
    assert index.graph["label"].labels == ("Hund ö", "猫")
    assert index.count == 6
    (tmp_path / "cats" / "bird").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"'bird' is a symbolic link. Put the folder itself there"):
        index_table(tmp_path / "cats", "label -> image")
    table = pd.DataFrame({"a": [0.5, 1.5], "x": ["bird/0.PNG", "bird/1.PNG"]})
    with pytest.raises(DataFaultsError, match=r"a path that leaves the folder of images .* `images` names another"):
        index_table(table, "a -> x", root=tmp_path / "cats")


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    make(tmp_path / "data")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"Expected 0.0 MB for decoded images in .*file.* Set CAUSALGEN_CACHE"):
        load_table(tmp_path / "data" / "table.csv", GRAPH, root=tmp_path / "file")


def test_another_size_or_fit_is_decoded_anew(tmp_path: Path) -> None:
    make(tmp_path / "data")
    shapes = []
    for said in ({"size": [6, 6]}, {"size": [6, 6], "fit": "pad"}, {"size": [5, 6]}):
        data = load_table(tmp_path / "data" / "table.csv", GRAPH, variables={"scan": said}, root=tmp_path / "cache")
        shapes.append(tuple(data.values["scan"].shape[1:]))
    assert shapes == [(1, 6, 6), (1, 6, 6), (1, 5, 6)]
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 3


def test_runs_at_once_and_damaged_files_in_the_cache_do_no_harm(tmp_path: Path) -> None:
    make(tmp_path / "data")

    def load() -> torch.Tensor:
        return load_table(tmp_path / "data" / "table.csv", GRAPH, root=tmp_path / "cache").values["scan"]

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: load(), range(4))
    assert all(torch.equal(first, other) for other in others)
    first = first.clone()
    (store,) = (tmp_path / "cache" / "images").iterdir()
    for damaged in (b"", store.read_bytes()[:100], store.read_bytes()[:-9]):
        store.unlink()
        store.write_bytes(damaged)
        assert torch.equal(load(), first)
