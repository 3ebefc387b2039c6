"""Volumes: whole NIfTI and NumPy files, through one window into the cache, or refused in a sentence."""

import tarfile
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from causalgen.datasets import from_arrays, load_table
from causalgen.datasets.formats import read_picture
from causalgen.datasets.formats.nifti import write as write_like
from causalgen.datasets.table import DataFaultsError
from causalgen.datasets.table.resample import resample
from causalgen.errors import CausalgenError

SHAPE = (6, 7, 8)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def affine(size: float = 2.0) -> np.ndarray:
    return np.diag([size, size, size, 1.0])


def write(folder: Path, values: np.ndarray, kind: str) -> list[str]:
    """Volumes `(N, D, H, W)` as files of one kind, and the cells of a table that name them."""
    if kind == "npz":
        np.savez(folder / "all.npz", scans=values)
        return [f"all.npz/scans/{row}" for row in range(len(values))]
    if kind.startswith(("tar", "parquet")):
        return _write_shard(folder, values, *kind.split(" "))
    for row, one in enumerate(values):
        if kind == "npy":
            np.save(folder / f"{row}.npy", one)
        else:  # axes to the right, to the front and up
            nibabel.save(nibabel.Nifti1Image(one[:, ::-1].transpose(2, 1, 0), affine()), folder / f"{row}.{kind}")
    return [f"{row}.{kind}" for row in range(len(values))]


def _write_shard(folder: Path, values: np.ndarray, shard: str, kind: str) -> list[str]:
    """The same as members of one file, in a folder of their own."""
    (folder / "members").mkdir()
    names = write(folder / "members", values, kind)
    if shard == "tar":
        with tarfile.open(folder / "all.tar", "w") as archive:
            for name in names:
                archive.add(folder / "members" / name, f"part/{name}")
        return [f"all.tar/part/{name}" for name in names]
    cells = [(folder / "members" / name).read_bytes() for name in names]
    pd.DataFrame({"scan": cells}).to_parquet(folder / "all.parquet", row_group_size=5)
    return [f"all.parquet/scan/{row}" for row in range(len(names))]


def table(folder: Path, kind: str = "npy", rows: int = 24, dtype: type = np.int16) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 200, (rows, *SHAPE)).astype(dtype)
    frame = pd.DataFrame({"Age (years)": rng.uniform(20, 80, rows), "scan file": write(folder, values, kind)})
    frame["patient"] = [f"P{row // 2}" for row in range(rows)]
    return frame.set_index(pd.Index([f"scan {row}" for row in range(rows)], name="scan name")), values


DECLARED = {"scan": {"column": "scan file", "volume": True, "window": [0, 200], "bits": 16}, "age": {"unit": "years"}}


SHARDS = ["tar npy", "tar nii", "tar nii.gz", "parquet npy", "parquet nii", "parquet nii.gz"]


@pytest.mark.parametrize("kind", ["npy", "npz", "nii", "nii.gz", *SHARDS])
def test_every_format_loads_the_same_volumes(tmp_path: Path, kind: str) -> None:
    frame, values = table(tmp_path, kind)
    data = load_table(frame, "age -> scan", variables=DECLARED, images=tmp_path, group="patient")
    assert data.graph["scan"].shape == (1, *SHAPE)
    found = data.rows(frame.index)["scan"].numpy()
    assert np.abs(found[:, 0] / 255 * 200 - values).max() <= 200 / 65535
    arrays = {"age": frame["Age (years)"].to_numpy(), "scan": values.astype(np.int16)}
    said = {"scan": {key: DECLARED["scan"][key] for key in ("volume", "window", "bits")}}
    again = from_arrays(arrays, "age -> scan", variables=said)
    assert np.array_equal(again.rows(range(len(values)))["scan"].numpy(), found)


def test_the_order_of_the_axes_in_a_file_changes_nothing(tmp_path: Path) -> None:
    """All 48 orders and directions; a volume that is written like a file lies where the file's does."""
    (volume,) = np.random.default_rng(0).integers(0, 200, (1, *SHAPE)).astype(np.float32)
    place = np.array([[2.0, 0, 0, -3], [0, 3, 0, 4], [0, 0, 5, -6], [0, 0, 0, 1]])
    upright = nibabel.Nifti1Image(volume[:, ::-1].transpose(2, 1, 0), place)
    upright.header.set_xyzt_units("micron")
    for axes in product("LR", "PA", "IS"):
        for order in permutations(axes):
            turned = upright.as_reoriented(ornt_transform(io_orientation(place), axcodes2ornt(order)))
            nibabel.save(turned, tmp_path / "scan.nii")
            assert np.array_equal(read_picture(tmp_path / "scan.nii" / "volume"), volume), order
            written = nibabel.load(write_like(tmp_path / "written.nii", volume, tmp_path / "scan.nii"))
            assert np.allclose(written.affine, place)
            assert np.array_equal(written.get_fdata(), upright.get_fdata())
            assert written.header.get_xyzt_units()[0] == "micron"


def test_bytes_are_kept_and_holes_are_dropped(tmp_path: Path) -> None:
    frame, values = table(tmp_path, dtype=np.uint8)
    frame.loc["scan 3", "scan file"] = None
    said = {"scan": {"column": "scan file", "volume": True}}
    data = load_table(frame, "age -> scan", variables=said, images=tmp_path, missing="drop")
    kept = [row for row in range(len(values)) if row != 3]
    found = data.rows(frame.index[kept])["scan"].numpy()[:, 0]
    assert found.dtype == np.uint8
    assert np.array_equal(found, values[kept])


def test_volumes_of_other_sizes_are_resampled(tmp_path: Path) -> None:
    frame, values = table(tmp_path)
    said = {"scan": {**DECLARED["scan"], "size": [3, 7, 4], "fit": "stretch"}}
    data = load_table(frame, "age -> scan", variables=said, images=tmp_path)
    halves = values.reshape(len(values), 3, 2, 7, 4, 2).mean((2, 5))
    assert np.abs(data.rows(frame.index)["scan"].numpy()[:, 0] / 255 * 200 - halves).max() <= 200 / 65535


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(2, 9)] * 3),
    st.tuples(*[st.integers(2, 9)] * 3),
    st.sampled_from(["crop", "pad", "stretch"]),
)
def test_resampling_keeps_grey_values_in_range_and_sizes_exact(there, wanted, fit) -> None:
    values = np.random.default_rng(0).uniform(1, 200, there)
    found = resample(values, wanted, fit)
    assert found.shape == wanted
    inside = found[found > 0]
    assert values.min() - 1e-9 <= inside.min() <= inside.max() <= values.max() + 1e-9
    if fit != "pad":
        assert (found > 0).all()
    if there == wanted:
        assert np.allclose(found, values)


WRONG = {
    "an image": ({"scan": {"column": "picture", "volume": True}}, r"save \(depth, height, width\)"),
    "two sizes": ({"scan": {"column": "mixed", "volume": True}}, r"declare `size: \[depth, height, width\]`"),
    "no volume declared": ({"scan": {"column": "scan file"}}, "declare `volume: true`, or"),
    "a slice as well": ({"scan": {"column": "scan file", "volume": True, "slice": ["axial", 0.5]}}, "whole volumes, or one"),
    "a flat size": ({"scan": {"column": "scan file", "volume": True, "size": [6, 7]}}, r"as \[depth, height, width\]"),
    "a deep size": ({"scan": {"column": "scan file", "size": [6, 7, 8]}}, "Declare `volume: true` for volumes"),
    "colours": ({"scan": {"column": "scan file", "volume": True, "colour": True}}, "Expected grey volumes"),
    "two depths": ({"scan": {"column": "depths", "volume": True}}, r"convert the files of one, such as 'bytes\.npy'"),
    "NaN": ({"scan": {"column": "broken", "volume": True, "window": [0, 1]}}, "not finite"),
    "four dimensions": ({"scan": {"column": "stack", "volume": True}}, r"save \(depth, height, width\)"),
}  # fmt: skip


@pytest.mark.parametrize(("variables", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_no_volume_is_refused(tmp_path: Path, variables: dict[str, Any], message: str) -> None:
    frame, values = table(tmp_path)
    np.save(tmp_path / "flat.npy", values[0, 0])
    np.save(tmp_path / "small.npy", values[0, 1:])
    np.save(tmp_path / "nan.npy", np.where(values[0] > 100, np.nan, 0.5))
    np.save(tmp_path / "stack.npy", values)
    frame["picture"], frame["stack"] = "flat.npy", "stack.npy"
    np.save(tmp_path / "half.npy", values[0] / 200)
    frame["mixed"] = ["small.npy" if row else "0.npy" for row in range(len(frame))]
    np.save(tmp_path / "bytes.npy", values[0].astype(np.uint8))
    frame["depths"] = [f"{row}.npy" if row else "bytes.npy" for row in range(len(frame))]
    frame["broken"] = ["nan.npy" if row == 2 else "half.npy" for row in range(len(frame))]
    with pytest.raises((DataFaultsError, CausalgenError), match=message):
        load_table(frame, "age -> scan", variables=variables, images=tmp_path)
