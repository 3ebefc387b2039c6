"""A user's own table: what is inferred, what is kept together, what is decoded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from own_table import GRAPH, make
from PIL import Image

from causalgen.datasets.table import from_arrays, from_torch, index_table, load_table
from causalgen.errors import DataError, UnknownNameError
from causalgen.graph import CausalGraph, Variable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "data")
    return tmp_path / "data"


def test_kinds_labels_units_and_sizes_are_inferred(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").rename(columns={"age": "age (years)"}).assign(grade=[0, 1, 2] * 8)
    table.to_csv(folder / "table.csv", index=False)
    index = index_table(folder / "table.csv", GRAPH + "; grade -> scan")
    kinds = {name: variable.kind for name, variable in index.graph.variables.items()}
    assert kinds == {
        "age": "continuous",
        "size": "continuous",
        "sex": "binary",
        "grade": "categorical",
        "scan": "image",
    }
    assert index.graph["age"].unit == "years"
    assert index.graph["sex"].labels == ("female", "male")
    assert index.graph["grade"].labels == (0, 1, 2)
    assert index.graph["scan"].shape == (1, 12, 10)
    assert index.unused == ("patient",)
    assert set(index.to_frame()["variable"]) == set(kinds)


def test_declarations_win(folder: Path) -> None:
    said = {"sex": {"labels": ["male", "female"]}, "size": {"kind": "continuous", "support": [-1, 9], "unit": "cm"}}
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    data = load_table(folder / "table.csv", GRAPH, variables=said, split=shares, root=folder / "cache")
    assert {name: len(rows) for name, rows in data.split.items()} == {"train": 12, "validation": 6, "test": 6}
    assert data.graph["sex"].labels == ("male", "female")
    assert (data.graph["size"].support, data.graph["size"].unit) == ((-1.0, 9.0), "cm")


def test_a_graph_says_what_its_variables_are(folder: Path) -> None:
    sex, scan = Variable("sex", "binary", labels=("male", "female")), Variable("scan", "image", shape=(3, 6, 5))
    graph = CausalGraph(GRAPH, [Variable("age"), Variable("size", "continuous", unit="mm"), sex, scan])
    data = load_table(folder / "table.csv", graph, variables={"size": {"unit": "cm"}}, root=folder / "cache")
    assert data.graph["sex"] == sex
    assert data.graph["scan"] == scan
    assert data.graph["size"].unit == "cm"


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_every_form_of_a_table_gives_the_same_data(folder: Path, kind: str) -> None:
    frame = pd.read_csv(folder / "table.csv")
    frame.to_parquet(folder / "table.parquet")
    table = frame if kind == "frame" else folder / f"table.{kind}"
    data = load_table(table, GRAPH, images=folder, root=folder / "cache")
    assert len(data) == 24
    assert data.frame()["size"].sort_index().to_numpy() == pytest.approx(frame["size"].to_numpy(np.float32))
    for row in (0, 23):
        pixels = np.asarray(Image.open(folder / frame["scan"][row]))
        assert np.array_equal(data.rows([row])["scan"][0, 0].numpy(), pixels)


def test_images_are_read_from_disk_and_decoded_once(folder: Path) -> None:
    calls: list[tuple[int, int]] = []

    def load() -> torch.Tensor:
        return load_table(
            folder / "table.csv", GRAPH, root=folder / "cache", progress=lambda *counts: calls.append(counts)
        ).values["scan"]

    first, second = load(), load()
    assert torch.equal(first, second)
    assert calls == [(24, 24)]
    Image.fromarray(np.full((12, 10), 7, np.uint8)).save(folder / "scans" / "000.png")
    assert any(int(image.max()) == 7 for image in load())


def test_no_group_is_split_apart_and_shares_are_met() -> None:
    rng = np.random.default_rng(0)
    for groups in (3, 7, 200):
        patient = rng.integers(0, groups, 600)
        values = {"patient": patient, "a": rng.normal(size=600), "b": rng.normal(size=600)}
        data = from_arrays(values, "a -> b", group="patient", seed=groups)
        parts = {name: set(patient[rows.tolist()]) for name, rows in data.split.items()}
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["validation"]
        assert not parts["validation"] & parts["test"]
        assert sum(map(len, data.split.values())) == 600
        if groups == 200:
            assert abs(len(data.split["train"]) / 600 - 0.7) < 0.02


def test_a_column_may_name_the_split(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").assign(split=["train"] * 16 + ["val"] * 4 + ["test"] * 4)
    table.to_csv(folder / "table.csv", index=False)
    data = load_table(folder / "table.csv", GRAPH, root=folder / "cache")
    assert data.split["validation"].tolist() == [16, 17, 18, 19]
    assert data.part("validation")["scan"].data_ptr() == data.values["scan"][16:].data_ptr(), "a view, no copy"
    table["patient"] = [*range(15), 99, 99, *range(17, 24)]
    with pytest.raises(DataError, match="1 groups of 'patient' in both train and validation"):
        index_table(table, GRAPH, root=folder, group="patient")


def test_rows_with_missing_values_are_dropped_and_counted(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv")
    table.loc[[2, 5], "age"] = np.nan
    table.loc[[5, 7], "sex"] = None
    table.to_csv(folder / "table.csv", index=False)
    data = load_table(folder / "table.csv", GRAPH, missing="drop", root=folder / "cache")
    assert len(data) == 21
    assert "rows with missing values were dropped (age 2, sex 2): 21 used" in data.source
    kept = table.drop(index=[2, 5, 7])
    assert data.frame().sort_index()["sex"].to_dict() == kept["sex"].to_dict()
    assert data.rows([8, 3]).labels.tolist() == [8, 3]
    with pytest.raises(
        DataError,
        match=r"Expected rows of .table.csv. among 0..23, some .*; got 5. Choose others, such as 0, 1, 3, 4, 6",
    ):
        data.rows([5])


@pytest.mark.parametrize(
    ("fit", "corner"),
    [("crop", 200), ("stretch", 200), ("pad", 0)],
)
def test_an_image_of_another_shape_is_cut_padded_or_stretched(tmp_path: Path, fit: str, corner: int) -> None:
    for row in range(6):
        Image.new("L", (20, 10), 200 + row).save(tmp_path / f"{row}.png")
    table = pd.DataFrame({"a": np.arange(6) * 1.5, "scan": [f"{row}.png" for row in range(6)]})
    said = {"scan": {"size": [8, 8], "fit": fit}}
    data = load_table(table, "a -> scan", images=tmp_path, variables=said, root=tmp_path / "cache")
    assert data.graph["scan"].shape == (1, 8, 8)
    first = data.rows([0])["scan"][0, 0]
    assert int(first[0, 0]) == corner
    assert abs(int(first[4, 4]) - 200) <= 1


def test_rotated_opaque_and_palette_images_read_as_they_look(tmp_path: Path) -> None:
    upright = np.zeros((6, 4, 3), np.uint8)
    upright[0] = (255, 0, 0)
    exif = Image.Exif()
    exif[274] = 6  # turn clockwise to look at it
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.webp", exif=exif, lossless=True)
    Image.fromarray(upright).convert("RGBA").save(tmp_path / "opaque.png")
    Image.fromarray(upright).convert("P").save(tmp_path / "palette.gif")
    Image.new("L", (4, 6)).save(tmp_path / "black.png")
    table = pd.DataFrame({"a": [0.5, 1.5, 2.5, 3.5], "scan": ["turned.webp", "opaque.png", "palette.gif", "black.png"]})
    data = load_table(table, "a -> scan", images=tmp_path, root=tmp_path / "cache")
    assert data.graph["scan"].shape == (3, 6, 4)
    for image in data.values["scan"][:3]:
        assert image[:, 0, 0].tolist() == [255, 0, 0]
        assert int(image[:, 1:].max()) == 0


@pytest.mark.parametrize("depth", [1, 2])
def test_a_folder_per_class(tmp_path: Path, depth: int) -> None:
    parts = ["train", "val", "test"] if depth == 2 else [""]
    for part in parts:
        for label in ("cat", "dog"):
            for row in range(3):
                place = tmp_path / "pets" / part / label
                place.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8), 10 * row + len(label)).save(place / f"{row}.png")
    data = load_table(tmp_path / "pets", "label -> image", root=tmp_path / "cache")
    assert data.graph["label"].labels == ("cat", "dog")
    assert len(data) == 6 * len(parts)
    if depth == 2:
        assert {name: len(rows) for name, rows in data.split.items()} == {"train": 6, "validation": 6, "test": 6}


def test_a_metadata_file_names_the_images(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").rename(columns={"scan": "file_name"})
    table.to_csv(folder / "metadata.csv", index=False)
    data = load_table(folder, "age -> image", root=folder / "cache")
    assert data.values["image"].shape == (24, 1, 12, 10)


def test_celeba_lists(tmp_path: Path) -> None:
    (tmp_path / "img_align_celeba").mkdir()
    lines, parts = ["6", "Smiling Young"], []
    for row in range(6):
        name = f"{row:06d}.jpg"
        Image.new("RGB", (10, 12), (40 * row, 0, 0)).save(tmp_path / "img_align_celeba" / name)
        lines.append(f"{name} {-1 if row % 2 else 1:>2} {-1 if row < 3 else 1:>2}")
        parts.append(f"{name} {row // 2}")
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    data = load_table(tmp_path, "Young -> Smiling; {Young, Smiling} -> image", root=tmp_path / "cache")
    assert data.frame().sort_index()["Smiling"].tolist() == ["yes", "no"] * 3
    assert data.split["test"].tolist() == [4, 5]
    assert data.values["image"].shape == (6, 3, 12, 10)


class Items(torch.utils.data.Dataset):
    """What torchvision's ToTensor makes of images."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.full((3, 4, 5), row / 10), row % 3


def test_a_pytorch_dataset() -> None:
    data = from_torch(Items(), ["image", "label"], "label -> image")
    assert data.values["image"].shape == (10, 3, 4, 5)
    item = data.rows([7])
    assert item["image"].unique().tolist() == [round(255 * 0.7)]
    assert item["label"].tolist() == [1]


@pytest.mark.parametrize("layout", [(20, 6, 5), (20, 1, 6, 5), (20, 6, 5, 3), (20, 3, 6, 5)])
def test_arrays_in_any_layout(layout: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, layout, dtype=np.uint8)
    data = from_arrays({"a": np.arange(20) * 0.3, "x": images}, "a -> x")
    assert data.values["x"].shape == (20, 3 if 3 in layout else 1, 6, 5)


def test_names_with_spaces_in_chinese_and_python_keywords(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv").rename(columns={"age": "age at scan", "size": "大小", "sex": "class"})
    graph = '"age at scan" -> {大小, scan}; 大小 -> scan; class -> scan'
    data = load_table(table, graph, images=folder, root=folder / "cache")
    assert data.graph.nodes == ("age at scan", "大小", "class", "scan")


def test_unknown_columns_and_variables(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Expected a column for 'aeg' among .*; got 'aeg'. Did you mean 'age'"):
        index_table(folder / "table.csv", "aeg -> scan")
    with pytest.raises(UnknownNameError, match=r"Expected variables of the graph \(age, scan\); got 'agee'"):
        index_table(folder / "table.csv", "age -> scan", variables={"agee": {"unit": "years"}})
    with pytest.raises(DataError, match=r"Expected declarations of 'age' among kind, .*; got 'units'"):
        index_table(folder / "table.csv", "age -> scan", variables={"age": {"units": "years"}})
