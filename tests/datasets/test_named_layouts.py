"""BIDS folders and UTKFace file names: the table that they are, and what lacks a part."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets import load_table
from causalgen.datasets.table import read_table
from causalgen.errors import DataError, DataWarning
from causalgen.studies.schema import load_study

PERSONS = 12


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path_factory.mktemp("cache")))


def _bids(folder: Path, sessions: int, *, listed: int = PERSONS) -> Path:
    rng = np.random.default_rng(0)
    for person in range(PERSONS):
        for session in range(sessions):
            part = f"ses-{session}/anat" if sessions > 1 else "anat"
            place = folder / f"sub-{person:02d}" / part
            place.mkdir(parents=True)
            volume = nibabel.Nifti1Image(rng.integers(0, 900, (4, 5, 6)).astype(np.int16), np.eye(4))
            nibabel.save(volume, place / f"sub-{person:02d}_T1w.nii.gz")
            (place / f"sub-{person:02d}_T2w.nii.gz").write_bytes(b"not looked at")
    table = pd.DataFrame({"participant_id": [f"sub-{person:02d}" for person in range(listed)]})
    table["age"] = ["n/a" if row == 3 else 20 + 3.5 * row for row in range(listed)]
    table["sex"] = ["F", "M"] * (listed // 2)
    table.to_csv(folder / "participants.tsv", sep="\t", index=False)
    return folder


def _faces(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    names = [f"{1 + 3 * row}_{row % 2}_{row % 5}_2017010423{row:07d}.jpg.chip.jpg" for row in range(30)]
    for row, name in enumerate([*names, "61_1_20170109142408075.jpg.chip.jpg"]):
        Image.new("RGB", (6, 6), (8 * row, 0, 0)).save(folder / name)
    return folder


@pytest.mark.parametrize("sessions", [1, 2])
def test_every_scan_of_bids_is_a_row_of_its_person(tmp_path: Path, sessions: int) -> None:
    table = read_table(_bids(tmp_path, sessions))
    assert len(table) == PERSONS * sessions
    assert ("session" in table) == (sessions > 1)
    assert table["age"].isna().sum() == sessions
    assert (table["image"].str.split("/").str[0] == table["participant_id"]).all()


def test_the_only_kind_of_scan_is_taken_and_several_are_listed(tmp_path: Path) -> None:
    for scan in _bids(tmp_path, 2).rglob("*_T1w.nii.gz"):
        scan.with_name(scan.name.replace("T1w", "FLAIR")).write_bytes(scan.read_bytes())
        scan.unlink()
    with pytest.raises(DataError, match="got 24 FLAIR, 24 T2w"):
        read_table(tmp_path)
    for scan in tmp_path.rglob("*_T2w.nii.gz"):
        scan.unlink()
    table = read_table(tmp_path)
    assert len(table) == 2 * PERSONS
    assert table["image"].str.endswith("_FLAIR.nii.gz").all()


def test_the_scans_of_a_person_stay_together(tmp_path: Path) -> None:
    said = {"image": {"volume": True, "window": [0, 900]}}
    data = load_table(_bids(tmp_path, 2), "{age, sex} -> image", variables=said, group="participant_id", missing="drop")
    homes = [set(data.groups(rows).tolist()) for rows in data.split.values()]
    assert data.graph["image"].shape == (1, 6, 5, 4)
    assert sum(map(len, homes)) == len(set().union(*homes)) == PERSONS - 1


@pytest.mark.parametrize(
    ("listed", "message"), [(14, "without a T1w scan .2.: sub-12, sub-13"), (10, "not in .*sub-10")]
)
def test_persons_of_one_place_only_are_named(tmp_path: Path, listed: int, message: str) -> None:
    with pytest.warns(DataWarning, match=message):
        read_table(_bids(tmp_path, 1, listed=listed))


def test_a_participant_listed_twice_is_refused(tmp_path: Path) -> None:
    path = _bids(tmp_path, 1) / "participants.tsv"
    path.write_text(path.read_text(encoding="utf-8") + "sub-00\t30\tF\n", encoding="utf-8")
    with pytest.raises(DataError, match="one row for each 'participant_id'"):
        read_table(tmp_path)


def test_names_of_utkface_are_columns(tmp_path: Path) -> None:
    table = read_table(_faces(tmp_path)).sort_values("age")
    assert table["age"].tolist() == [1 + 3 * row for row in range(30)]
    assert table["gender"].tolist() == ["male", "female"] * 15
    assert table["race"].tolist() == ["White", "Black", "Asian", "Indian", "Others"] * 6


@pytest.mark.parametrize(
    ("make", "graph"),
    [(lambda place: _bids(place, 2), "{session, age, sex} -> image"), (_faces, "{age, gender, race} -> image")],
)
def test_new_proposes_a_study(tmp_path: Path, make: Callable[[Path], Path], graph: str) -> None:
    make(tmp_path)
    study = tmp_path / "study.yaml"
    done = CliRunner().invoke(app, ["new", str(tmp_path), "--yes", "--out", str(study)])
    assert done.exit_code == 0, done.output
    data = load_study(study).data
    assert str(data.graph).strip() == graph
    assert data.group == ("participant_id" if "session" in graph else None)
