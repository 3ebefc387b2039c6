"""Folders as public data sets have them: the names of split folders are splits, and nothing in them is lost in silence."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets.table import DataFaultsError, index_table, load_table, read_table
from causalgen.datasets.table.path_persons import with_persons
from causalgen.errors import DataError, DataWarning
from causalgen.studies.data_section import OwnData
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph

Maker = Callable[[Path], None]
COUNTS = {"train": 12, "validation": 4, "test": 4}


def image(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (5, 6), grey % 256).save(path)


def ages(first: int, count: int) -> list[float]:
    return [20 + 1.7 * number for number in range(first, first + count)]


def split_folders(names: dict[str, str], suffix: str = "csv", classes: bool = False) -> Maker:
    """Folders `names` by split, metadata in each; or a folder per class in each."""

    def make(folder: Path) -> None:
        first = 0
        for split, count in COUNTS.items():
            place = folder / names[split]
            files = [f"{'cat/' if n % 2 else 'dog/'}{n}.png" if classes else f"{n}.png" for n in range(count)]
            for number, file in enumerate(files):
                image(place / file, 10 * (first + number))
            table = pd.DataFrame({"file_name": files, "age": ages(first, count)})
            if classes:
                continue
            if suffix == "csv":
                table.to_csv(place / "metadata.csv", index=False)
            elif suffix == "jsonl":
                table.to_json(place / "metadata.jsonl", orient="records", lines=True)
            else:
                table.to_parquet(place / "metadata.parquet")
            first += count

    return make


def one_table(name: str, column: str, below: str = "", **more: list[object]) -> Maker:
    def make(folder: Path) -> None:
        parts = [part for part, count in COUNTS.items() for _ in range(count)]
        files = [f"{below or part}/{number}.png" for number, part in enumerate(parts)]
        for number, file in enumerate(files):
            image(folder / file, 10 * number)
        pd.DataFrame({column: files, "age": ages(0, 20), **more}).to_csv(folder / name, index=False)

    return make


def celeba(ending: str, nested: bool) -> Maker:
    def make(folder: Path) -> None:
        below = "img_align_celeba/" * (1 + nested)
        names = [f"{row:06d}.jpg" for row in range(20)]
        for row, name in enumerate(names):
            (folder / below).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (5, 6), (10 * row, 0, 0)).save(folder / below / name)
        smiling = [1 if row % 2 else -1 for row in range(20)]
        split = [0] * 12 + [1] * 4 + [2] * 4
        if ending == "csv":
            attributes = pd.DataFrame({"image_id": names, "Smiling": smiling})
            attributes.to_csv(folder / "list_attr_celeba.csv", index=False)
            partition = pd.DataFrame({"image_id": names, "partition": split})
            partition.to_csv(folder / "list_eval_partition.csv", index=False)
        else:
            lines = ["20", "Smiling", *(f"{name} {smile:>2}" for name, smile in zip(names, smiling))]
            (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
            lines = [f"{name} {part}" for name, part in zip(names, split)]
            (folder / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")

    return make


USUAL = {"train": "train", "validation": "validation", "test": "test"}
CODES: list[object] = [0] * 12 + [1] * 4 + [2] * 4
LAYOUTS: dict[str, tuple[Maker, str]] = {
    "Hugging Face": (split_folders(USUAL), "age -> image"),
    "Hugging Face, JSON lines": (split_folders(USUAL, "jsonl"), "age -> image"),
    "Hugging Face, Parquet": (split_folders(USUAL, "parquet"), "age -> file_name"),
    "val": (split_folders({"train": "Train", "validation": "val", "test": "TEST"}), "age -> image"),
    "dev": (split_folders({"train": "training", "validation": "dev", "test": "testing"}), "age -> image"),
    "valid, classes": (split_folders(USUAL | {"validation": "valid"}, classes=True), "label -> image"),
    "WILDS": (one_table("metadata.csv", "img_filename", "001", split=CODES), "age -> img_filename"),
    "WILDS, node image": (one_table("metadata.csv", "img_filename", "001", split=CODES), "age -> image"),
    "table above split folders": (one_table("metadata.csv", "file_name"), "age -> image"),
    "only table": (one_table("labels.csv", "path", "all", partition=CODES), "age -> path"),
    "split in words": (
        one_table("metadata.csv", "file_name", "all", fold=["train"] * 12 + ["val"] * 4 + ["test"] * 4),
        "age -> image",
    ),
    "tune and holdout": (
        one_table("metadata.csv", "file_name", "all", cohort=["train"] * 12 + ["tune"] * 4 + ["Holdout"] * 4),
        "age -> image",
    ),
    "CelebA": (celeba("txt", nested=False), "Smiling -> image"),
    "CelebA as CSV": (celeba("csv", nested=True), "Smiling -> image"),
}


@pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
@pytest.mark.parametrize("name", LAYOUTS)
def test_given_splits_are_kept(tmp_path: Path, name: str) -> None:
    make, graph = LAYOUTS[name]
    make(tmp_path / "data")
    index = index_table(tmp_path / "data", graph)
    assert {split: len(rows) for split, rows in index.split.items()} == COUNTS
    assert index.split_by is not None
    data = load_table(tmp_path / "data", graph, root=tmp_path / "cache")
    if graph.startswith("age"):
        node = next(node for node in data.graph.nodes if data.graph[node].is_image)
        for split, first in (("train", 0), ("validation", 12), ("test", 16)):
            part = data.part(split)
            expected = [10 * round((age - 20) / 1.7) for age in part["age"].tolist()]
            assert part[node].flatten(1)[:, 0].tolist() == expected
            assert min(expected) == 10 * first


def test_a_column_that_names_some_splits_only_is_noted(tmp_path: Path) -> None:
    words = ["pilot"] * 4 + ["train"] * 12 + ["test"] * 4
    one_table("metadata.csv", "file_name", "all", cohort=words)(tmp_path / "data")
    index = index_table(tmp_path / "data", "age -> image")
    assert index.split_by is None
    assert any("'cohort'" in note and "'pilot'" in note and "'train'" not in note for note in index.notes)


def images_alone(folder: Path) -> None:
    for split in USUAL:
        image(folder / split / "a.png", 1)


def half_described(folder: Path) -> None:
    split_folders(USUAL)(folder)
    (folder / "test" / "metadata.csv").unlink()


def other_folder(folder: Path) -> None:
    split_folders(USUAL, classes=True)(folder)
    image(folder / "extra" / "cat" / "a.png", 1)


def loose_image(folder: Path) -> None:
    split_folders(USUAL)(folder)
    image(folder / "a.png", 1)


def other_split(folder: Path) -> None:
    split_folders(USUAL)(folder)
    path = folder / "test" / "metadata.csv"
    pd.read_csv(path).assign(split="train").to_csv(path, index=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            images_alone,
            "got images alone. The name of the folder is their split, not a label. Write the columns file_name",
        ),
        (half_described, "got one in train, validation and none in 'test'. Add 'test/metadata.csv'"),
        (other_folder, "Expected split folders among train, val, .*; got 'extra'. Rename it"),
        (loose_image, "got 'a.png' next to them"),
        (other_split, "its metadata contradict this"),
        (one_table("metadata.csv", "file_name", "all", split=["a", "b"] * 10), "got 'a', 'b'. Name the splits so"),
        (one_table("metadata.csv", "file_name", "all", split=CODES, partition=CODES), "got 'split' and 'partition'"),
    ],
)
def test_splits_that_cannot_be_taken_are_refused(tmp_path: Path, make: Maker, message: str) -> None:
    make(tmp_path / "data")
    with pytest.raises(DataError, match=message):
        index_table(tmp_path / "data", "age -> image")


def test_folders_called_test_and_control_are_classes(tmp_path: Path) -> None:
    for number in range(8):
        image(tmp_path / "data" / ("test" if number % 2 else "control") / f"{number}.png", 9 * number)
    table = read_table(tmp_path / "data")
    assert sorted(table["label"].unique()) == ["control", "test"]
    assert "split" not in table


def test_validation_rows_are_drawn_from_the_training_groups_where_none_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=60),
            "b": rng.normal(size=60),
            "p": np.arange(60) // 3,
            "split": ["train"] * 42 + ["test"] * 18,
        }
    )
    with pytest.warns(DataWarning, match="Column 'split' names no validation rows: 6 of its training rows were drawn"):
        data = load_table(table, "a -> b", group="p")
    assert {name: len(rows) for name, rows in data.split.items()} == {"train": 36, "validation": 6, "test": 18}
    index = index_table(table, "a -> b", group="p")
    assert not set(index.group[index.split["train"]]) & set(index.group[index.split["validation"]])


def test_images_without_a_row_are_counted_and_named(tmp_path: Path) -> None:
    one_table("metadata.csv", "file_name", "all")(tmp_path / "data")
    for number in range(5):
        image(tmp_path / "data" / "all" / f"more{number}.png", 3)
    with pytest.warns(DataWarning, match=r"5 images in .* without a row in the table: all/more0.png, all/more1.png, "):
        load_table(tmp_path / "data", "age -> image", root=tmp_path / "cache")
    table = read_table(tmp_path / "data")
    table["mask"] = [f"all/more{number % 5}.png" for number in range(20)]
    assert index_table(table, "age -> image", root=tmp_path / "data").notes == ()


def test_whole_folders_without_rows_are_named(tmp_path: Path) -> None:
    one_table("metadata.csv", "file_name", "scans/clinic")(tmp_path)
    for place in ("scans/other", "scans", "elsewhere", "scans/.hidden"):
        image(tmp_path / place / "a.png", 3)
    notes = index_table(tmp_path, "age -> image").notes
    assert any(
        f"2 images in '{tmp_path}' without a row in the table: scans/a.png, scans/other/a.png." in n for n in notes
    )


def test_a_split_that_is_asked_for_is_drawn_without_a_word() -> None:
    table = pd.DataFrame({"a": np.arange(20) * 0.5, "b": np.arange(20) ** 1.5, "split": CODES})
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_table(table, "a -> b", split=shares)
    assert {name: len(rows) for name, rows in data.split.items()} == {"train": 10, "validation": 5, "test": 5}


def chexpert(folder: Path, parts: tuple[str, ...] = ("train", "valid")) -> Path:
    """Paths begin with the name of the data set, whatever the folder is called here; two views of every patient."""
    row = 0
    for part in parts:
        paths = []
        for number in range(row, row + 20):
            below = f"{part}/patient{number // 2:05d}/study1/view{number % 2 + 1}_frontal.jpg"
            image(folder / below, 6 * number)
            paths.append(f"CheXpert-v1.0-small/{below}")
        table = pd.DataFrame({"Path": paths, "Sex": ["Male", "Female"] * 10, "Age": ages(row, 20)})
        table.to_csv(folder / f"{part}.csv", index=False)
        row += 20
    return folder


def test_chexpert_s_tables_bring_splits_and_patients(tmp_path: Path) -> None:
    folder = chexpert(tmp_path / "chexpert")
    index = index_table(folder, "{Sex, Age} -> Path")
    assert index.split_by == "split"
    assert {name: len(rows) for name, rows in index.split.items()} == {"train": 17, "validation": 20, "test": 3}
    notes = " ".join(index.notes)
    assert "Paths of 'Path' begin with 'CheXpert-v1.0-small/'" in notes
    assert "Paths name 20 patients for 40 rows: `group: patient`" in notes
    assert "Column 'split' names no test rows: 3 of its training rows were drawn as such" in notes
    grouped = index_table(folder, "{Sex, Age} -> Path", group="patient")
    persons = [{*grouped.group[rows].tolist()} for rows in grouped.split.values()]
    assert sum(map(len, persons)) == len(set.union(*persons)) == 20


def test_new_proposes_the_patients_of_paths(tmp_path: Path) -> None:
    out = tmp_path / "study.yaml"
    asked = ["new", str(chexpert(tmp_path / "x")), "--edges", "{Sex, Age} -> Path", "--out", str(out)]
    made = CliRunner().invoke(app, asked)
    assert made.exit_code == 0, made.output
    data = load_study(out).data
    assert isinstance(data, OwnData)
    assert (data.group, data.split) == ("patient", "split")
    assert study_graph(load_study(out)).images == ("Path",)


def test_a_person_in_two_splits_is_refused(tmp_path: Path) -> None:
    folder = chexpert(tmp_path / "x", ("train", "valid", "test"))
    table = pd.read_csv(folder / "valid.csv")
    table.loc[0, "Path"] = pd.read_csv(folder / "train.csv")["Path"][0]
    table.to_csv(folder / "valid.csv", index=False)
    with pytest.raises(DataError, match="1 groups of 'patient' in both train and validation"):
        index_table(folder, "{Sex, Age} -> Path", group="patient")


PATHS: dict[str, tuple[list[str], list[str] | None]] = {
    "BIDS": ([f"sub-{n // 2:02d}/anat/{n}.png" for n in range(8)], [f"sub-{n // 2:02d}" for n in range(8)]),
    "MIMIC": ([f"p10/p1000003{n // 2}/s1/{n}.png" for n in range(8)], [f"p1000003{n // 2}" for n in range(8)]),
    "one image a person": ([f"patient{n}/a.png" for n in range(8)], None),
    "two persons": ([f"patient{n % 2}/{n}.png" for n in range(8)], None),
    "no person": ([f"p{n // 2}/{n}.png" for n in range(8)], None),
    "two names in a path": ([f"patient{n // 2}/sub-{n}/a.png" for n in range(8)], None),
}


@pytest.mark.parametrize("name", PATHS)
def test_persons_are_read_from_paths_that_name_them(name: str) -> None:
    paths, expected = PATHS[name]
    table = pd.DataFrame({"path": paths})
    found = with_persons(table)
    assert ("patient" in found) == (expected is not None)
    assert expected is None or found["patient"].tolist() == expected
    own = table.assign(**{"Patient ID": 1})
    assert list(with_persons(own).columns) == list(own.columns)


def test_folders_of_paths_that_do_not_exist_are_not_left_out_unless_it_helps(tmp_path: Path) -> None:
    image(tmp_path / "1.png", 3)
    table = pd.DataFrame({"a": [0.5, 1.5, 2.5], "x": ["left/1.png", "right/1.png", "left/2.png"]})
    with pytest.raises(DataError, match=r"found no such file \('left/1.png'\)"):
        index_table(table, "a -> x", root=tmp_path)


def test_celeba_s_missing_and_surplus_images_are_named(tmp_path: Path) -> None:
    celeba("csv", nested=True)(tmp_path)
    place = tmp_path / "img_align_celeba" / "img_align_celeba"
    (place / "000007.jpg").rename(place / "surplus.jpg")
    with pytest.raises(DataFaultsError) as caught:
        index_table(tmp_path, "Smiling -> image")
    assert [(fault.column, fault.row) for fault in caught.value.faults] == [("image", 7)]
    partition = tmp_path / "list_eval_partition.csv"
    pd.read_csv(partition)[:-1].to_csv(partition, index=False)
    (place / "000007.jpg").write_bytes((place / "surplus.jpg").read_bytes())
    with pytest.raises(DataFaultsError, match="row 19, column 'split': found nothing"):
        index_table(tmp_path, "Smiling -> image")
    found = index_table(tmp_path, "Smiling -> image", missing="drop")
    assert any("1 image in " in note and "surplus.jpg" in note for note in found.notes)
