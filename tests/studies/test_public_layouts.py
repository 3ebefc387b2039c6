"""Tables in the layouts of public data sets: spread images, names without suffixes, identifiers of lesions and patients."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from causalgen.datasets.table import DataFaultsError, load_table
from causalgen.datasets.table.path_persons import with_persons
from causalgen.errors import DataWarning
from causalgen.studies.offered_columns import propose_group, table_columns

ROWS = 60


def number_of(row: int) -> str:
    return f"ISIC_{24306 + row}"


PLACES: dict[str, Callable[[int], tuple[object, str]]] = {
    "a folder": lambda row: (number_of(row), f"pictures/{number_of(row)}.jpg"),
    "parts, by turns": lambda row: (number_of(row), f"part_{row % 2}/{number_of(row)}.jpg"),
    "parts, one after the other": lambda row: (number_of(row), f"part_{row // 50}/{number_of(row)}.jpg"),
    "folders in parts": lambda row: (f"{row:08d}_000.png", f"images_{row % 3:03d}/images/{row:08d}_000.png"),
    "numbers": lambda row: (1377 + 3 * row, f"training-set/{1377 + 3 * row}.png"),
    "numbers in parts": lambda row: (1377 + 3 * row, f"part_{row % 2}/{1377 + 3 * row}.PNG"),
    "folders of one image": lambda row: (number_of(row), f"{number_of(row)}/{number_of(row)}.jpg"),
    "row numbers": lambda row: (row, f"scans/{row}.png"),
}


def written(folder: Path, place: Callable[[int], tuple[object, str]], **columns: object) -> Path:
    """A table whose images are in different shades, by row."""
    cells = []
    for row in range(ROWS):
        cell, file = place(row)
        cells.append(cell)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 4 * row, np.uint8)).save(folder / file, "png")
    age = np.random.default_rng(0).integers(20, 90, ROWS)
    pd.DataFrame({"picture": cells, "age": age} | columns).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
def test_every_row_gets_the_image_of_its_name(tmp_path: Path, kind: str) -> None:
    table = written(tmp_path, PLACES[kind])
    columns = table_columns(table)
    assert (columns.images, columns.attributes) == (("picture",), ("age",))
    data = load_table(table, "age -> picture", root=columns.folder)
    shades = data.rows(range(ROWS))["picture"][:, 0, 0, 0]
    assert np.array_equal(np.asarray(shades), 4 * np.arange(ROWS))


@pytest.mark.parametrize("kind", ["parts, by turns", "numbers in parts"])
@pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
def test_holes_among_the_names_are_no_names(tmp_path: Path, kind: str) -> None:
    table = written(tmp_path, PLACES[kind])
    frame = pd.read_csv(table)
    frame.loc[[3, 4, 9], "picture"] = None  # numbers are floats from here on
    frame.to_csv(table, index=False)
    columns = table_columns(table)
    assert (columns.images, columns.attributes) == (("picture",), ("age",))
    for source in (table, frame.set_index(frame["age"].map("unit {}".format) + frame.index.astype(str))):
        data = load_table(source, "age -> picture", images=tmp_path, missing="drop")
        kept = np.setdiff1d(np.arange(ROWS), [3, 4, 9])
        rows = kept if isinstance(source, Path) else source.index[kept]
        assert np.array_equal(np.asarray(data.rows(rows)["picture"][:, 0, 0, 0]), 4 * kept)


def test_a_name_of_two_files_is_refused_with_its_rows(tmp_path: Path) -> None:
    table = written(tmp_path, PLACES["parts, by turns"])
    (tmp_path / "part_1" / f"{number_of(4)}.png").write_bytes(
        (tmp_path / "part_0" / f"{number_of(4)}.jpg").read_bytes()
    )
    with pytest.raises(
        DataFaultsError, match=r"row 4, column 'picture': found a name of several files \('ISIC_24310'\)"
    ):
        load_table(table, "age -> picture")


def test_spread_images_are_noted(tmp_path: Path) -> None:
    table = written(tmp_path, PLACES["numbers in parts"])
    with pytest.warns(DataWarning, match="Images of 'picture' are found by their names in 2 folders below"):
        load_table(table, "age -> picture")


@pytest.mark.parametrize(
    ("identifiers", "group"),
    [
        ({"Patient ID": np.arange(ROWS) // 3, "Patient Sex": ["f", "m"] * 30}, "Patient ID"),
        ({"lesion_id": [f"HAM_{row // 2}" for row in range(ROWS)]}, "lesion_id"),
        ({"lesion_id": np.arange(ROWS) // 2, "patient_id": np.arange(ROWS) // 4}, "patient_id"),
        ({"case no": np.arange(ROWS) // 2, "Subject": [f"S{row // 4}" for row in range(ROWS)]}, "Subject"),
        ({"Patient": np.arange(ROWS) // 3, "subject_id": 100 + np.arange(ROWS) // 3}, "Patient"),
        ({"patient": np.arange(ROWS) // 3, "case no": np.arange(ROWS) // 4}, None),
        ({"RID": np.arange(ROWS) // 3, "exam_id": np.arange(ROWS) // 2}, "RID"),
        ({"eid": 1000000 + np.arange(ROWS) // 2}, "eid"),
        ({"Case": np.arange(ROWS) // 2}, "Case"),
        ({"case": np.arange(ROWS) % 3, "exam_id": np.arange(ROWS) // 2}, "exam_id"),
        ({"Patient Weight": 50 + np.arange(ROWS) // 3}, None),
        ({"site_id": np.arange(ROWS) % 4}, None),
        ({"exam_id": 1000 + 7 * np.arange(ROWS)}, None),
    ],
)
def test_identifiers_are_groups_and_no_attributes(tmp_path: Path, identifiers: dict[str, object], group: str) -> None:
    columns = table_columns(written(tmp_path, PLACES["a folder"], **identifiers))
    assert propose_group(columns, ()) == group
    attributes = {"age", "case", "Patient Sex", "Patient Weight", "site_id"} & {"age", *identifiers}
    assert set(columns.attributes) == attributes


def test_an_outcome_case_is_no_name_of_persons() -> None:
    paths = [f"patient{row // 2:05d}/view{row % 2}.png" for row in range(ROWS)]
    frame = pd.DataFrame({"picture": paths, "case": np.arange(ROWS) % 2})
    assert "patient" in with_persons(frame)
    assert "patient" not in with_persons(frame.assign(case=np.arange(ROWS) // 2))


def test_files_are_listed_once_for_all_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = written(
        tmp_path,
        PLACES["parts, by turns"],
        **{f"note {number}": [f"{number}-{row}" for row in range(ROWS)] for number in range(5)},
    )
    walked, walk = [], os.walk
    monkeypatch.setattr(os, "walk", lambda *given, **words: walked.append(given) or walk(*given, **words))
    assert table_columns(table).images == ("picture",)
    assert len(walked) == 1


def test_columns_of_lists_are_no_groups(tmp_path: Path) -> None:
    frame = pd.read_csv(written(tmp_path, PLACES["a folder"]))
    frame["regions"], frame["patient"] = [[row // 2] for row in range(ROWS)], np.arange(ROWS) // 3
    frame.to_parquet(tmp_path / "lists.parquet")
    assert propose_group(table_columns(tmp_path / "lists.parquet"), ("age", "picture")) == "patient"
