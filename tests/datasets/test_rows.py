"""A row has one name at every door: what `frame` shows is what `rows` returns, what `split` holds and what is saved."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from own_table import MESSY, MESSY_GRAPH, make_messy
from PIL import Image

import causalgen as cg
from causalgen.audit.images import counterfactual_images
from causalgen.errors import DataError, DataWarning
from causalgen.reports import DataSummary
from causalgen.reports.counterfactual_files import file_names
from causalgen.studies.reading_rows import read_rows

ROWS = 60


@dataclass(frozen=True)
class Case:
    """A data set and what its rows are, by label, read without the library."""

    data: cg.Dataset
    number: pd.Series
    """One attribute of every row that is used, in the table's order."""
    picture: dict[Any, np.ndarray]
    column: str
    image: str
    left_out: tuple[Any, ...] = (-1, 10_000, "nobody")


class Items(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, row: int) -> tuple[torch.Tensor, float]:
        return torch.full((1, 6, 6), row, dtype=torch.uint8), row * 0.5


def morphodigits(folder: Path) -> Case:
    data = cg.load("morphodigits", rows=100)
    pictures = {row: image[0].numpy() for row, image in enumerate(data.values["image"])}
    return Case(data, data.frame()["hurry"].copy(), pictures, "hurry", "image")


def _messy(folder: Path, form: str) -> Case:
    table = make_messy(folder, ROWS)
    numbered = table.reset_index(drop=True)
    forms: dict[str, tuple[Any, pd.DataFrame]] = {
        "csv": (folder / "messy.csv", numbered),
        "parquet": (folder / "messy.parquet", table),
        "labelled csv": (folder / "labelled.csv", table),
        "string index": (table, table),
        "filtered": (filtered := numbered.iloc[5:].query("size > 1"), filtered),
        "dates": (dated := table.set_index(pd.date_range("2020-01-01", periods=ROWS)), dated),
        "levels": (levels := table.set_index(["patient", table.index], drop=False), levels),
    }
    table.rename_axis(None).to_csv(folder / "labelled.csv")
    source, shown = forms[form]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # pictures of the rows that were left out
        data = cg.load_table(
            source,
            MESSY_GRAPH,
            variables=MESSY,
            images=folder,
            group="patient",
            missing="drop",
            root=folder / "cache",
        )
    whole = shown["Age at scan (years)"].notna() & shown["scan"].notna()
    kept = shown[whole]
    pictures = {label: np.asarray(Image.open(folder / path)) for label, path in kept["scan"].items()}
    return Case(data, kept["size"], pictures, "size", "scan", (*shown.index[~whole], "nobody", -1))


def folder_of_images(folder: Path) -> Case:
    for label in ("cat", "dog"):
        (folder / "images" / label).mkdir(parents=True)
        for number in range(ROWS // 2):
            level = number * 3 + (100 if label == "dog" else 0)
            Image.fromarray(np.full((6, 6), level, np.uint8)).save(folder / "images" / label / f"{number:02d}.png")
    data = cg.load_table(folder / "images", "label -> image", root=folder / "cache")
    files = sorted((folder / "images").glob("*/*.png"))
    pictures = {row: np.asarray(Image.open(file)) for row, file in enumerate(files)}
    words = pd.Series([float(file.parent.name == "dog") for file in files])
    return Case(data, words, pictures, "label", "image")


def arrays(folder: Path) -> Case:
    images = np.arange(ROWS, dtype=np.uint8)[:, None, None] * np.ones((1, 6, 6), np.uint8)
    values = {"x": np.arange(ROWS) * 0.5, "image": images, "who": np.arange(ROWS) // 2}
    data = cg.from_arrays(values, "x -> image", group="who")
    return Case(data, pd.Series(values["x"]), dict(enumerate(images)), "x", "image")


def torch_items(folder: Path) -> Case:
    data = cg.from_torch(Items(), ["image", "x"], "x -> image")
    pictures = {row: np.full((6, 6), row, np.uint8) for row in range(ROWS)}
    return Case(data, pd.Series(np.arange(ROWS) * 0.5), pictures, "x", "image")


MAKERS: dict[str, Any] = {
    "morphodigits": morphodigits,
    "own csv": lambda folder: _messy(folder, "csv"),
    "own parquet": lambda folder: _messy(folder, "parquet"),
    "labels in a csv": lambda folder: _messy(folder, "labelled csv"),
    "string index": lambda folder: _messy(folder, "string index"),
    "numbers of a filter": lambda folder: _messy(folder, "filtered"),
    "dates": lambda folder: _messy(folder, "dates"),
    "two levels": lambda folder: _messy(folder, "levels"),
    "image folder": folder_of_images,
    "arrays": arrays,
    "pytorch": torch_items,
}


@pytest.fixture(scope="module", params=MAKERS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAUSALGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield MAKERS[request.param](tmp_path_factory.mktemp("rows") / "own")


def numbers(case: Case, values: Any) -> list[float]:
    return [float(value) for value in values[case.column]]


def asked(case: Case) -> pd.Index:
    """Some test rows, in another order than the table's."""
    return case.data.frame("test").index[:4][::-1]


def test_frame_shows_the_rows_of_the_table_in_its_order(case: Case) -> None:
    frame = case.data.frame()
    assert frame.index.tolist() == case.number.index.tolist()
    assert numbers(case, case.data.values) == pytest.approx(case.number.tolist())
    assert len(case.data.values[case.image]) == len(frame)


def test_rows_are_those_that_frame_shows_in_the_order_asked(case: Case) -> None:
    labels = asked(case)
    forms = [labels, labels.tolist(), np.asarray(labels), case.data.split["test"][:4]]
    for form in forms:
        found = case.data.rows(form)
        wanted = form.tolist() if hasattr(form, "tolist") else form
        assert found.labels.tolist() == wanted
        assert numbers(case, found) == pytest.approx(case.number.loc[wanted].tolist())
        for label, image in zip(wanted, found[case.image]):
            assert (image[0].numpy() == case.picture[label]).all()
    one = labels[0]
    assert numbers(case, case.data.rows([one])) == pytest.approx([case.number.loc[[one]].iloc[0]])


def test_splits_hold_the_labels_that_frame_shows(case: Case) -> None:
    held: list[Any] = []
    for name, rows in case.data.split.items():
        assert case.data.frame(name).index.tolist() == rows.tolist()
        part, same = case.data.part(name), case.data.rows(rows)
        assert all(torch.equal(part[node], same[node]) for node in case.data.graph.nodes)
        assert case.data.groups(rows).tolist() == case.data.group[case.data.frame().index.isin(rows.tolist())].tolist()
        held += rows.tolist()
    assert sorted(held, key=str) == sorted(case.number.index.tolist(), key=str)


def test_rows_that_are_not_there_are_refused(case: Case) -> None:
    for label in case.left_out:
        with pytest.raises(DataError, match=f"Expected rows of '{case.data.name}'.*got "):
            case.data.rows([label])
    with pytest.raises(DataError, match="truth values"):
        case.data.rows(case.data.frame()[case.column] == 0)
    with pytest.raises(DataError, match="slice"):
        case.data.rows(slice(3))


def test_words_of_the_command_line_mean_the_same_rows(case: Case) -> None:
    labels = asked(case).tolist()
    assert read_rows(case.data, [str(label) for label in labels]) == labels
    if case.data.frame().index.inferred_type == "integer":
        assert read_rows(case.data, ["17", "3-5"]) == [17, 3, 4, 5]
        with pytest.raises(DataError, match="Expected row numbers such as 3,7 or 3-7"):
            read_rows(case.data, ["p012"])


def test_results_files_and_report_name_the_rows(case: Case, tmp_path: Path) -> None:
    labels = asked(case)
    scm = cg.StructuralCausalModel(case.data.graph)
    scm.initialize(case.data.part("train"))
    scm.declare_fitted()
    result = scm.counterfactual(case.data.rows(labels), {}, seed=0)
    table = result.to_frame()
    assert table.index.tolist() == labels.tolist()
    saved = result.save(tmp_path / "saved")
    assert saved.table["row"].tolist() == labels.tolist()
    pd.DataFrame({"row": labels.tolist()}).to_csv(tmp_path / "labels.csv", index=False)
    assert pd.read_csv(saved.csv)["row"].tolist() == pd.read_csv(tmp_path / "labels.csv")["row"].tolist()
    for label, name in zip(labels, file_names("row", labels.tolist())):
        file = next(path for path in saved.images if path.name == f"{name}-factual.png")
        assert (np.asarray(Image.open(file)) == case.picture[label]).all()
    shown = DataSummary.of(case.data, samples=3)
    known = {f"row {label}": label for label in case.number.index}
    for caption, image in zip(shown.captions, shown.images[case.image]):
        assert (image[0] == case.picture[known[caption]]).all()


def test_an_audit_names_the_test_rows_that_it_shows(case: Case) -> None:
    scm = cg.StructuralCausalModel(case.data.graph)
    scm.initialize(case.data.part("train"))
    scm.declare_fitted()
    value = case.data.frame()[case.column].iloc[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("causalgen.scm.posterior.warn", lambda *_: None)  # the model is no more than initialised
        found = counterfactual_images(scm, case.data, interventions=[{case.column: value}], rows=4)
    assert set(found.rows.tolist()) < set(case.data.split["test"].tolist())
    for row, image in zip(found.rows.tolist(), found.images):
        assert (image[0].numpy() == case.picture[row]).all()


def test_a_column_of_images_keeps_the_order_of_the_table(case: Case) -> None:
    for label, image in zip(case.number.index, case.data.values[case.image]):
        assert (image[0].numpy() == case.picture[label]).all()


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ([0] * 30, "the label '0' is repeated"),
        ([*range(29), 28], "the label '28' is repeated"),
        (["p"] * 2 + [f"q{n}" for n in range(28)], "the label 'p' is repeated"),
        ([None, *map(str, range(29))], "a label is missing"),
        ([float("nan"), *np.arange(29.0)], "a label is missing"),
    ],
)
def test_labels_that_cannot_name_rows_are_replaced_by_numbers_with_a_warning(index: list[Any], reason: str) -> None:
    table = pd.DataFrame({"a": np.arange(30) * 0.5, "b": np.arange(30) * 1.5 + 0.1}, index=pd.Index(index))
    with pytest.warns(DataWarning, match=f"The rows are numbered from 0.*{reason}"):
        data = cg.load_table(table, "a -> b")
    assert data.frame().index.tolist() == list(range(30))
    assert data.rows([7])["a"].tolist() == [3.5]


def test_faults_are_named_by_the_labels_of_the_table() -> None:
    table = pd.DataFrame({"a": np.arange(30) * 0.5, "b": np.arange(30) * 1.5}, index=[f"p{n}" for n in range(30)])
    table.loc["p4", "a"] = np.nan
    with pytest.raises(DataError, match=r"rows by the table's index[\s\S]*row p4, column 'a'"):
        cg.load_table(table, "a -> b")
    with pytest.raises(DataError, match=r"row 0 is the first below the header[\s\S]*row 4, column 'a'"):
        cg.load_table(table.reset_index(drop=True), "a -> b")


def test_names_of_files_are_safe_and_differ() -> None:
    labels = ["../../x", "a/b", "a:b", "A:B", "", ".", "p 1", ("P-1", "p2"), pd.Timestamp("2020-01-01"), "x" * 300]
    names = file_names("row", labels)
    assert len({name.lower() for name in names}) == len(labels)
    assert all(Path(name).name == name and len(name) < 100 for name in names)


def test_the_true_counterfactual_means_the_same_rows() -> None:
    data = cg.load("morphodigits", rows=100)
    labels = data.frame("test").index[[5, 2, 9]]
    for form in (labels, labels.tolist(), torch.as_tensor(labels.tolist()), np.asarray(labels)):
        world = data.truth.counterfactual(form, {})  # type: ignore[union-attr]
        assert torch.equal(world["image"], data.rows(labels)["image"])
    for wrong in ([-1], [100], ["p1"], [True], slice(3)):
        with pytest.raises(DataError, match="Expected"):
            data.truth.counterfactual(wrong, {})  # type: ignore[union-attr]


def test_frames_give_their_index_to_results() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=30), "b": rng.normal(size=30)}, index=[f"p{n}" for n in range(30)])
    data = cg.load_table(table, "a -> b")
    scm = cg.StructuralCausalModel(data.graph, {"a": "linear-gaussian", "b": "linear-gaussian"})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    test = data.frame("test")
    for factual in (test, data.part("test"), data.rows(test.index)):
        assert scm.counterfactual(factual, {"a": 0.1}).to_frame().index.tolist() == test.index.tolist()
    for factual in (test.reset_index(drop=True), dict(data.part("test"))):
        assert scm.counterfactual(factual, {"a": 0.1}).to_frame().index.tolist() == list(range(len(test)))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_name_rows_in_every_unit(unit: str) -> None:
    times = pd.date_range("2020-01-01", periods=40, unit=unit)
    data = cg.load_table(pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) ** 2}, times), "a -> b")
    for form in (times[[7, 3]], times[[7, 3]].to_numpy(), times[[7, 3]].tolist()):
        assert data.rows(form)["a"].tolist() == [7.0, 3.0]
