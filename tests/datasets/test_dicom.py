"""DICOM: grey values as pydicom rescales them, white and black the right way round, and no person's data anywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, pixel_array
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets.formats import Header, read_header, read_picture
from causalgen.datasets.table import DataFaultsError, index_table, load_table
from causalgen.errors import DataError

FEW, MANY = 20, 200
NAME, NUMBER, BIRTH = "Doe^Jane", "MRN-4711", "19600229"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def scan(pixels: np.ndarray, *, syntax: Any = ExplicitVRLittleEndian, **elements: Any) -> Dataset:
    """A file of one image, with a person's data as hospitals write them."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = CTImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3"
    found.PatientName, found.PatientID, found.PatientBirthDate, found.Modality = NAME, NUMBER, BIRTH, "CT"
    colour = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    found.SamplesPerPixel = 3 if colour else 1
    found.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        found.PlanarConfiguration = 0
    shape = pixels.shape[:2] if colour or pixels.ndim == 2 else pixels.shape[1:]
    found.Rows, found.Columns = shape
    if pixels.ndim == 3 and not colour:
        found.NumberOfFrames = len(pixels)
    found.BitsAllocated = 8 * pixels.dtype.itemsize
    found.BitsStored, found.HighBit = found.BitsAllocated, found.BitsAllocated - 1
    found.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    found.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if len(found.PixelData) % 2:
        found.PixelData += b"\0"
    found["PixelData"].VR = "OB" if found.BitsAllocated == 8 else "OW"
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    if syntax == RLELossless:
        found.compress(RLELossless)
    return found


def write(found: Dataset, path: Path) -> Path:
    found.save_as(path, enforce_file_format=True)
    return path


def drawn(rng: np.random.Generator) -> tuple[Dataset, str]:
    kind = rng.choice(["uint8", "uint16", "int16", "rgb", "frames"])
    shape = tuple(int(n) for n in rng.integers(4, 20, 2))
    syntaxes = [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
    syntax = syntaxes[rng.integers(3)]
    if kind == "rgb":
        return scan(rng.integers(0, 256, (*shape, 3), np.uint8), syntax=ExplicitVRLittleEndian), ""
    dtype = np.dtype("uint16" if kind == "frames" else kind)
    info, bits = np.iinfo(dtype), int(rng.integers(9, 17)) if dtype.itemsize == 2 else 8
    half = 2 ** (bits - 1)
    low, high = (-half, half) if info.min else (0, 2 * half)
    elements: dict[str, Any] = {"BitsStored": bits, "HighBit": bits - 1}
    if rng.random() < 0.7:
        slope = [1.0, 0.5, 2.0, -1.0, 0.000171][rng.integers(5)]
        elements |= {"RescaleSlope": str(slope), "RescaleIntercept": str(int(rng.integers(-1024, 10)))}
    if rng.random() < 0.4:
        elements["PhotometricInterpretation"] = "MONOCHROME1"
    frames = (3,) if kind == "frames" else ()
    pixels = rng.integers(low, high, (*frames, *shape)).astype(dtype)
    return scan(pixels, syntax=syntax, **elements), "1" if frames else ""


def expected(found: Dataset, frame: str) -> np.ndarray:
    """pydicom's reading; MONOCHROME1 turned within the stored bits, then rescaled."""
    stored = pixel_array(found, index=int(frame)) if frame else pixel_array(found)
    if found.PhotometricInterpretation == "MONOCHROME1":
        top = -1 if found.PixelRepresentation else 2**found.BitsStored - 1
        stored = top - stored.astype(np.int64)
    return stored if found.PhotometricInterpretation == "RGB" else apply_modality_lut(stored, found)


def agree(folder: Path, count: int) -> None:
    for seed in range(count):
        found, frame = drawn(np.random.default_rng(seed))
        file = write(found, folder / f"{seed}.dcm")
        path = file / frame if frame else file
        read, header = read_picture(path), read_header(path)
        assert isinstance(header, Header), (seed, header)
        assert not isinstance(read, str), (seed, read)
        wanted = expected(found, frame)
        turned = found.PhotometricInterpretation == "MONOCHROME1" and "RescaleSlope" in found
        if turned:  # the sum of the ends is rounded once more
            assert np.allclose(np.asarray(read), wanted, rtol=0, atol=1e-6), seed
        else:
            assert np.array_equal(np.asarray(read), wanted), seed
        assert (header.height, header.width) == wanted.shape[:2]


def test_values_are_those_of_pydicom(tmp_path: Path) -> None:
    agree(tmp_path, FEW)


@pytest.mark.slow
def test_values_are_those_of_pydicom_in_many_files(tmp_path: Path) -> None:
    agree(tmp_path, MANY)


def study(folder: Path, rows: int = 20, **more: Any) -> Path:
    """Patients with two scans each, named as archives name them: without suffix."""
    rng = np.random.default_rng(0)
    for row in range(rows):
        age = 30 + 2 * (row // 2)
        pixels = (rng.integers(0, 50, (6, 5)) + 20 * age).astype(np.int16)
        elements = {"PatientAge": f"{age:03d}Y", "PatientSex": "MF"[row // 2 % 2], "RescaleSlope": "1"}
        elements |= {"RescaleIntercept": "-1024", "RescaleType": "HU", "PatientID": f"{NUMBER}-{row // 2}"}
        place = folder / f"P{row // 2}" / "S1"
        place.mkdir(parents=True, exist_ok=True)
        write(scan(pixels, **elements, **more), place / f"IM{row:04d}")
    return folder


GRAPH = "{age, sex} -> image"


@pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
def test_a_folder_of_scans_becomes_a_table_by_the_tags_that_are_asked_for(tmp_path: Path) -> None:
    tags = ["PatientAge", "PatientSex", "PatientID"]
    folder = study(tmp_path / "archive")
    index = index_table(folder, GRAPH, tags=tags, group="PatientID")
    assert index.images["image"].unit == "HU"
    assert index.images["image"].window[0] >= 600 - 1024
    assert "HU of its files" in index.source
    assert not any("identify persons" in note for note in index.notes)
    data = load_table(folder, GRAPH, tags=tags, group="PatientID", root=tmp_path / "cache")
    assert sorted(data.frame()["age"].unique()) == [30 + 2.0 * person for person in range(10)]
    assert data.group.unique().numel() == 10
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    for secret in (NAME, NUMBER, BIRTH):
        assert not any(secret.encode() in path.read_bytes() or secret in str(path) for path in kept)


def test_persons_in_the_graph_are_warned_of(tmp_path: Path) -> None:
    index = index_table(study(tmp_path / "archive"), "PatientID -> image", tags=["PatientID"])
    assert any("'PatientID' may identify persons, and reports show its values" in note for note in index.notes)
    with pytest.raises(DataError, match=r"Expected keywords of DICOM .*; got 'PatientAgee'.*PatientAge"):
        index_table(tmp_path / "archive", "PatientAgee -> image", tags=["PatientAgee"])


def test_new_reads_a_folder_of_scans(tmp_path: Path) -> None:
    folder, out = study(tmp_path / "archive"), tmp_path / "study.yaml"
    tags = "PatientAge,PatientSex,PatientID"
    made = CliRunner().invoke(app, ["new", str(folder), "--tags", tags, "--edges", GRAPH, "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "tags: [PatientAge, PatientSex, PatientID]" in out.read_text()
    assert "group: PatientID" in out.read_text()
    assert NUMBER not in out.read_text()


@pytest.mark.slow
def test_check_shows_no_person_s_number(tmp_path: Path) -> None:
    folder, out = study(tmp_path / "archive"), tmp_path / "study.yaml"
    tags = "PatientAge,PatientSex,PatientID"
    CliRunner().invoke(app, ["new", str(folder), "--tags", tags, "--edges", GRAPH, "--out", str(out)])
    checked = CliRunner().invoke(app, ["check", str(out)])
    assert checked.exit_code == 0, checked.output
    assert NUMBER not in checked.output


def test_the_window_that_all_files_state_is_named(tmp_path: Path) -> None:
    folder = study(tmp_path / "archive", WindowCenter="40", WindowWidth="400")
    notes = index_table(folder, "age -> image", tags=["PatientAge"]).notes
    assert any("All files state the window [-160, 239]." in note for note in notes)


def no_decoder(path: Path) -> None:
    found = scan(np.zeros((6, 5), np.uint16))
    found.file_meta.TransferSyntaxUID = JPEGLSLossless
    found.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(40)])
    write(found, path)


def of(**elements: Any) -> Callable[[Path], None]:
    return lambda path: write(scan(np.arange(30, dtype=np.uint16).reshape(6, 5), **elements), path)  # type: ignore[func-returns-value]


def without_image(path: Path) -> None:
    found = scan(np.zeros((6, 5), np.uint16))
    del found.Rows, found.PixelData
    write(found, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_decoder, r"pixels that need pylibjpeg>=2.0 and pylibjpeg-libjpeg>=2.1"),
        (of(PhotometricInterpretation="PALETTE COLOR"), "a palette of colours; save it as RGB"),
        (of(PhotometricInterpretation="RGB"), "a DICOM image in RGB with 16 bits"),
        (lambda path: write(scan(np.zeros((4, 6, 5), np.uint16)), path), "4 frames in one file; name one in the path"),
        (without_image, r"a DICOM file without an image \(CT\)"),
        (lambda path: path.write_bytes(b"text, not a scan" * 20), "not a DICOM file"),
        (lambda path: path.write_bytes(b""), "an empty file"),
    ],
)
def test_files_that_cannot_be_read_are_listed(tmp_path: Path, make: Callable[[Path], Any], message: str) -> None:
    for row in range(12):
        (make if row == 5 else of())(tmp_path / f"{row}.dcm")
    table = pd.DataFrame({"a": np.arange(12) * 0.5, "x": [f"{row}.dcm" for row in range(12)]})
    with pytest.raises(DataFaultsError, match=f"row 5, column 'x': found .*{message}"):
        index_table(table, "a -> x", root=tmp_path)


def test_scans_with_and_without_a_rescale_slope_are_refused(tmp_path: Path) -> None:
    for row in range(12):
        of(**({"RescaleSlope": "2", "RescaleIntercept": "0"} if row % 3 else {}))(tmp_path / f"{row}.dcm")
    table = pd.DataFrame({"a": np.arange(12) * 0.5, "x": [f"{row}.dcm" for row in range(12)]})
    with pytest.raises(
        DataFaultsError, match=r"grey values HU \(8 images\) and as stored \(4 images\), expected one unit"
    ):
        index_table(table, "a -> x", root=tmp_path)


def test_a_table_names_frames_and_other_columns_come_from_tags(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 4000, (12, 6, 5)).astype(np.uint16)
    write(scan(frames, PatientAge="018M", SliceThickness="1.5", AcquisitionDate="20260131"), tmp_path / "cine.dcm")
    table = pd.DataFrame({"a": np.arange(12) * 0.5, "x": [f"cine.dcm/{row}" for row in range(12)]})
    index = index_table(table, "a -> x", root=tmp_path, variables={"x": {"window": [0, 3999], "bits": 16}})
    data = load_table(table, "a -> x", images=tmp_path, variables={"x": {"window": [0, 3999], "bits": 16}})
    assert np.array_equal((data.rows(range(12))["x"][:, 0].double() / 255 * 3999).round().numpy(), frames)
    from causalgen.datasets.formats.dicom import read_tags

    found = read_tags(tmp_path / "cine.dcm", ["PatientAge", "SliceThickness", "AcquisitionDate", "Manufacturer"])
    assert found == {"PatientAge": 1.5, "SliceThickness": 1.5, "AcquisitionDate": "2026-01-31", "Manufacturer": None}
    assert index.count == 12


def test_colours_are_read_as_they_are(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    write(scan(picture), tmp_path / "x.dcm")
    read = read_picture(tmp_path / "x.dcm")
    assert isinstance(read, Image.Image)
    assert np.array_equal(np.asarray(read), picture)
