"""NIfTI: slices are those of nibabel's canonical volumes, whatever the order in which the file stores its axes."""

import json
import tarfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets.formats import Header, read_header, read_picture
from causalgen.datasets.table import DataFaultsError, index_table, load_table
from causalgen.errors import DataError
from causalgen.studies.data_section import OwnData
from causalgen.studies.schema import load_study

FEW, MANY = 20, 200
PLANES = ("sagittal", "coronal", "axial")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def affine_of(rng: np.random.Generator) -> np.ndarray:
    """Axes in any order and direction, of any voxel size, a little oblique."""
    turn = rng.uniform(-0.3, 0.3)
    oblique = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    axes = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)
    affine = np.eye(4)
    affine[:3, :3] = oblique @ axes * rng.uniform(0.5, 3, 3)
    affine[:3, 3] = rng.uniform(-90, 90, 3)
    return affine


def volume(rng: np.random.Generator, path: Path) -> nibabel.Nifti1Image:
    dtype = [np.uint8, np.int16, np.uint16, np.float32, np.float64][rng.integers(5)]
    values = (rng.normal(size=tuple(rng.integers(4, 9, 3))) * 50 + 100).astype(dtype)
    image = nibabel.Nifti1Image(values[..., None] if rng.random() < 0.2 else values, affine_of(rng))
    if rng.random() < 0.3:
        image.header.set_slope_inter(0.5, -10)
    nibabel.save(image, path)
    return nibabel.load(path)


def agree(folder: Path, count: int) -> None:
    for seed in range(count):
        rng = np.random.default_rng(seed)
        file = folder / f"{seed}.nii{'.gz' if seed % 2 else ''}"
        canonical = nibabel.as_closest_canonical(volume(rng, file)).get_fdata().reshape(-1)
        shape = nibabel.as_closest_canonical(nibabel.load(file)).shape[:3]
        axis = int(rng.integers(3))
        number = int(rng.integers(shape[axis]))
        taken = canonical.reshape(shape).take(number, axis)
        expected = taken.T[::-1]  # rows from the top: the second axis that is left, from its far end
        path = file / PLANES[axis] / str(number)
        read, header = read_picture(path), read_header(path)
        assert isinstance(header, Header), (seed, header)
        assert not isinstance(read, str), (seed, read)
        assert np.array_equal(np.asarray(read, np.float64), expected), seed
        assert (header.height, header.width) == expected.shape
        share = read_picture(file / PLANES[axis] / "1.0")
        assert np.array_equal(np.asarray(share, np.float64), canonical.reshape(shape).take(-1, axis).T[::-1])


def test_slices_are_those_of_canonical_volumes(tmp_path: Path) -> None:
    agree(tmp_path, FEW)


@pytest.mark.slow
def test_slices_are_those_of_canonical_volumes_in_many_files(tmp_path: Path) -> None:
    agree(tmp_path, MANY)


def test_a_whole_volume_is_the_stack_of_its_axial_slices(tmp_path: Path) -> None:
    for seed in range(20):
        file = tmp_path / f"{seed}.nii{'.gz' if seed % 2 else ''}"
        canonical = nibabel.as_closest_canonical(volume(np.random.default_rng(seed), file)).get_fdata()
        found, header = read_picture(file / "volume"), read_header(file / "volume")
        assert isinstance(header, Header)
        assert not isinstance(found, str)
        values = np.asarray(found, np.float64)
        assert header.size == values.shape
        assert np.array_equal(values, canonical.reshape(canonical.shape[:3]).transpose(2, 1, 0)[:, ::-1])
        slices = [np.asarray(read_picture(file / "axial" / str(number))) for number in range(len(values))]
        assert np.array_equal(values, np.stack(slices).astype(np.float64))


def test_one_head_is_shown_alike_in_every_storage_order(tmp_path: Path) -> None:
    """A mark on the patient's left, at the front and at the top, in files of all 48 orientations."""
    head = np.zeros((6, 7, 8), np.float32)
    head[0, 6, 7] = 1  # right, front and up are the far ends of the axes
    canonical = nibabel.Nifti1Image(head, np.eye(4))
    for code in range(48):
        rng = np.random.default_rng(code)
        turn = np.stack([rng.permutation(3), rng.choice([-1, 1], 3)], 1)
        nibabel.save(canonical.as_reoriented(turn), tmp_path / "x.nii")
        for plane, number, place in (("axial", 7, (0, 0)), ("coronal", 6, (0, 0)), ("sagittal", 0, (0, 6))):
            read = np.asarray(read_picture(tmp_path / "x.nii" / plane / str(number)))
            assert read[place] == 1
            assert read.sum() == 1


def table_of(folder: Path, rows: int = 20, **more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    for row in range(rows):
        values = (rng.normal(size=(6, 7, 8)) * 5 + 10 * row).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, more.get("affine", np.eye(4))), folder / f"sub-{row:02d}.nii.gz")
    table = pd.DataFrame({"age": 20 + 1.5 * np.arange(rows), "scan": [f"sub-{row:02d}.nii.gz" for row in range(rows)]})
    table.to_csv(folder / "scans.csv", index=False)
    return table


def test_new_check_and_load_take_a_slice(tmp_path: Path) -> None:
    table_of(tmp_path)
    out = tmp_path / "study.yaml"
    made = CliRunner().invoke(app, ["new", str(tmp_path / "scans.csv"), "--edges", "age -> scan", "--out", str(out)])
    assert made.exit_code == 0, made.output
    data = load_study(out).data
    assert isinstance(data, OwnData)
    assert data.variables["scan"].slice == ("axial", 0.5)
    assert data.variables["scan"].size == (7, 6)
    checked = CliRunner().invoke(app, ["check", str(out)])
    assert checked.exit_code == 0, checked.output
    assert "without a row" not in checked.output
    said = {"scan": {"slice": ["coronal", 6], "window": [-30, 230], "bits": 16}}
    loaded = load_table(tmp_path / "scans.csv", "age -> scan", variables=said)
    original = nibabel.load(tmp_path / "sub-03.nii.gz").get_fdata()[:, 6].T[::-1]
    assert np.abs(loaded.rows([3])["scan"][0, 0].numpy() / 255 * 260 - 30 - original).max() < 260 / 65535


def test_slices_of_volumes_in_a_tar_file_are_those_of_the_files(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    with tarfile.open(tmp_path / "scans.tar", "w") as tar:
        for name, age in zip(table["scan"], table["age"], strict=True):
            (tmp_path / name.replace("nii.gz", "json")).write_text(json.dumps({"age": age}))
            for file in (name, name.replace("nii.gz", "json")):
                tar.add(tmp_path / file, file)
    said = {"slice": ["coronal", 6], "window": [-30, 230], "bits": 16}
    whole = load_table(tmp_path / "scans.csv", "age -> scan", variables={"scan": said})
    packed = load_table(tmp_path / "scans.tar", "age -> scan", variables={"scan": said | {"column": "image"}})
    assert torch.equal(packed.values["scan"][:].float(), whole.values["scan"][:].float())


SHEARED = np.eye(4)
SHEARED[0, 1] = 0.4
FLAT = np.diag([1.0, 1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("said", "more", "message"),
    [
        ({}, {}, r"a volume of 6x7x8 voxels; declare `slice: \[axial, 0.5\]`"),
        ({"slice": ["axial", 8]}, {}, "no axial slice 8 in a volume of 8"),
        ({"slice": ["axial", 0.5]}, {"affine": SHEARED}, "sheared voxel axes; resample the volume"),
        ({"slice": ["axial", 1.5]}, {}, "Expected the slice of 'scan' as"),
        ({"slice": ["top", 1]}, {}, "Expected the slice of 'scan' as"),
        ({"slice": ["axial"]}, {}, "Expected the slice of 'scan' as"),
    ],
)
def test_slices_that_do_not_exist_are_refused(
    tmp_path: Path, said: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    table_of(tmp_path, 4, **more)
    with pytest.raises((DataFaultsError, DataError), match=message):
        index_table(tmp_path / "scans.csv", "age -> scan", variables={"scan": said})


def save(values: np.ndarray, path: Path, affine: np.ndarray | None = None) -> None:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((6, 7, 8, 3), np.float32), "an array of 6x7x8x3 voxels; save one volume"),
        (np.zeros((6, 7, 8), np.complex64), "voxels of complex64; save one grey value"),
        (np.full((6, 7, 8), np.nan, np.float32), "grey values that are not finite"),
        (b"no volume", "a damaged image|not a NIfTI volume"),
    ],
)
def test_volumes_that_cannot_be_read_are_listed(tmp_path: Path, values: Any, message: str) -> None:
    table_of(tmp_path, 12)
    path = tmp_path / "sub-05.nii.gz"
    path.write_bytes(values) if isinstance(values, bytes) else save(values, path)
    said = {"scan": {"slice": ["axial", 2], "window": [-50, 150]}}
    with pytest.raises(DataFaultsError, match=f"row 5, column 'scan': found ({message})"):
        load_table(tmp_path / "scans.csv", "age -> scan", variables=said)
