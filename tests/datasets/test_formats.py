"""Every reader gives what its own library reads, bit for bit, on files with drawn sizes, types and encodings."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

import causalgen as cg
from causalgen.datasets.formats import Header, read_header, read_picture
from causalgen.datasets.table import DataFaultsError, index_table, load_table, read_table
from causalgen.errors import DataError, DataWarning

FEW, MANY = 20, 200
Maker = Callable[[np.random.Generator, Path], tuple[Path, np.ndarray]]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def values(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Numbers from the whole range of a type."""
    dtype, shape = np.dtype(dtype), shape or tuple(rng.integers(4, 20, 2))
    if dtype.kind == "f":
        return (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 4)).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


def png(rng: np.random.Generator, folder: Path) -> tuple[Path, np.ndarray]:
    image = values(rng, rng.choice([np.uint8, np.uint16]))
    Image.fromarray(image).save(folder / "x.png")
    return folder / "x.png", image


def tiff(rng: np.random.Generator, folder: Path) -> tuple[Path, np.ndarray]:
    """Also big-endian, compressed, white as the least and turned: what another library wrote."""
    kinds = [np.uint8, np.uint16, np.int16, np.int8, np.uint32, np.int32, np.float16, np.float32, np.float64]
    image = values(rng, kinds[rng.integers(len(kinds))])
    white = image.dtype.kind == "u" and rng.random() < 0.3
    options: dict[str, Any] = {"photometric": "miniswhite" if white else "minisblack", "metadata": None}
    options["byteorder"] = "<>"[rng.integers(2)]
    options["compression"] = [None, "zlib"][rng.integers(2)] if image.dtype != np.float16 else None
    if rng.random() < 0.3:
        options["rowsperstrip"] = 1
    turned = rng.random() < 0.3
    options["extratags"] = [(274, 3, 1, 6, True)] if turned else []
    path = folder / "x.tif"
    tifffile.imwrite(path, image, **options)
    read = tifffile.imread(path)
    assert np.array_equal(read, image)
    shown = np.iinfo(image.dtype).max - image if white else image
    return path, np.rot90(shown, -1) if turned else shown


def packed(rng: np.random.Generator, folder: Path) -> tuple[Path, np.ndarray]:
    image = values(rng, rng.choice([np.uint16, np.int32, np.float32]))
    Image.fromarray(image).save(folder / "x.tif", compression=["tiff_lzw", "packbits"][rng.integers(2)])
    return folder / "x.tif", image


@pytest.mark.parametrize("compression", [None, "tiff_deflate", "tiff_lzw"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "I;16", "F"])
def test_turned_files_are_upright(tmp_path: Path, mode: str, compression: str | None) -> None:
    """In all eight orientations, of an image that has no symmetry."""
    grey = Image.fromarray(np.arange(6 * 10, dtype=np.uint8).reshape(6, 10) * 4)
    upright = Image.fromarray(np.asarray(grey).astype(np.uint16) * 200) if mode == "I;16" else grey.convert(mode)
    stored = [None, 0, 3, 1, 5, 2, 6, 4]  # how Pillow turns an upright image into each
    for orientation, turn in enumerate(stored, 1):
        exif = Image.Exif()
        exif[274] = orientation
        image = upright if turn is None else upright.transpose(Image.Transpose(turn))
        suffixes = (".tif",) if compression or mode == "F" else (".tif", ".png")
        for suffix in suffixes:
            path = tmp_path / f"{orientation}{suffix}"
            image.save(path, exif=exif, **({} if suffix == ".png" else {"compression": compression}))
            header, found = read_header(path), read_picture(path)
            assert isinstance(header, Header), header
            assert header.size == (6, 10), (path.name, header.size)
            assert np.array_equal(np.asarray(found), np.asarray(upright)), path.name


def npy(rng: np.random.Generator, folder: Path) -> tuple[Path, np.ndarray]:
    kinds = ["u1", "<u2", ">u2", "<i2", "<i4", ">f4", "<f8", "?", "<i8"]
    dtype = np.dtype(kinds[rng.integers(len(kinds))])
    image = values(rng, dtype)
    shape = [image, image[None], image[..., None]][rng.integers(3)]
    np.save(folder / "x.npy", np.asfortranarray(shape) if rng.random() < 0.5 else shape)
    read = np.load(folder / "x.npy").reshape(image.shape)
    return folder / "x.npy", read.astype(np.uint8) * 255 if dtype.kind == "b" else read


def npz(rng: np.random.Generator, folder: Path) -> tuple[Path, np.ndarray]:
    colour = rng.random() < 0.3
    stack = values(rng, rng.choice([np.uint8, np.uint16, np.float32]), (5, 7, 6))
    if colour:
        stack = values(rng, np.uint8, (5, 3, 7, 6) if rng.random() < 0.5 else (5, 7, 6, 3))
    save = np.savez if rng.random() < 0.5 else np.savez_compressed
    save(folder / "x.npz", images=stack, other=np.arange(5))
    row = int(rng.integers(5))
    read = np.load(folder / "x.npz")["images"][row]
    return folder / f"x.npz/images/{row}", read.transpose(1, 2, 0) if read.shape[0] == 3 else read


MAKERS: dict[str, Maker] = {"png": png, "tiff": tiff, "tiff by Pillow": packed, "npy": npy, "npz": npz}


def agree(make: Maker, folder: Path, count: int) -> None:
    for seed in range(count):
        place = folder / str(seed)
        place.mkdir()
        path, expected = make(np.random.default_rng(seed), place)
        found, header = read_picture(path), read_header(path)
        assert isinstance(header, Header), (seed, header)
        assert not isinstance(found, str), (seed, found)
        assert np.array_equal(np.asarray(found), expected, equal_nan=True), seed
        assert (header.height, header.width) == expected.shape[:2], seed
        assert header.wide == (np.asarray(found).dtype != np.uint8), seed


@pytest.mark.parametrize("name", MAKERS)
def test_readers_agree_with_their_libraries(tmp_path: Path, name: str) -> None:
    agree(MAKERS[name], tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_readers_agree_with_their_libraries_on_many_files(tmp_path: Path, name: str) -> None:
    agree(MAKERS[name], tmp_path, MANY)


def named(folder: Path, images: list[np.ndarray], save: Callable[[Path, np.ndarray], object], end: str) -> pd.DataFrame:
    for row, image in enumerate(images):
        save(folder / f"{row}{end}", image)
    files = [f"{row}{end}" for row in range(len(images))]
    return pd.DataFrame({"a": np.arange(len(images)) ** 1.5, "x": files})


def scans(count: int = 20) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 4096, (6, 5)).astype(np.uint16) for _ in range(count)]


SAVERS: dict[str, tuple[Callable[[Path, np.ndarray], object], str]] = {
    "png": (lambda path, image: Image.fromarray(image).save(path), ".png"),
    "tiff": (lambda path, image: tifffile.imwrite(path, image.astype(np.float32)), ".tif"),
    "npy": (np.save, ".npy"),
}


@pytest.mark.parametrize("name", SAVERS)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_declared_depth_keeps_as_many_values(tmp_path: Path, name: str, bits: int) -> None:
    """With 16 bits the 4,096 values of a scan come back exactly; with 8 to within half a level."""
    images = scans()
    said = {"x": {"window": [0, 4095], "bits": bits}}
    table = named(tmp_path, images, *SAVERS[name])
    data = load_table(table, "a -> x", images=tmp_path, variables=said)
    assert data.values["x"].dtype == (torch.uint16 if bits == 16 else torch.uint8)
    for labels, shown in ((range(20), data.rows(range(20))), (data.split["test"], data.part("test"))):
        original = np.stack([images[int(label)] for label in labels])[:, None]
        back = shown["x"].double().numpy() / 255 * 4095
        assert np.abs(back - original).max() <= (0.04 if bits == 16 else 4095 / 255 / 2 + 1e-9)
        if bits == 16:
            assert np.array_equal(np.round(back), original)


def test_percentiles_are_those_of_the_training_images(tmp_path: Path) -> None:
    images = scans()
    table = named(tmp_path, images, *SAVERS["npy"]).assign(split=["train"] * 12 + ["val"] * 4 + ["test"] * 4)
    images[15][:] = 60_000  # a test image: it must not move the window
    np.save(tmp_path / "15.npy", images[15])
    index = index_table(table, "a -> x", root=tmp_path, variables={"x": {"percentiles": [2, 98], "unit": "HU"}})
    expected = np.percentile(np.stack(images[:12]), [2, 98])
    assert index.images["x"].window == tuple(expected)
    assert "HU of its files: one is" in index.source
    assert "are brighter, and are cut" in index.source
    assert dict(index.to_frame().set_index("variable")["unit"])["x"] == "HU"


@pytest.mark.slow
def test_a_model_of_sixteen_bits_is_trained_asked_and_saved(tmp_path: Path) -> None:
    from causalgen.reports.counterfactual_files import write_counterfactual

    table = named(tmp_path, scans(), *SAVERS["png"])
    variables = {"x": {"window": [0, 4095], "bits": 16}}
    data = load_table(table, "a -> x", images=tmp_path, variables=variables)
    scm = cg.StructuralCausalModel(data.graph)
    stage = cg.Stage(epochs=1, batch_size=4)
    cg.fit(scm, data, cg.FitConfig(attributes=stage, images=stage))
    result = scm.counterfactual(data.rows([0, 1]), {}, seed=0)
    write_counterfactual(tmp_path / "out", result, windows={"x": (0.0, 4095.0)})
    for row in range(2):
        saved = tifffile.imread(tmp_path / "out" / "images" / f"row-{row}-counterfactual.tif")
        assert np.abs(saved - scans()[row]).max() < 4095 / 4096


@pytest.mark.parametrize("compressed", [False, True])
def test_medmnist_archives_bring_labels_and_splits(tmp_path: Path, compressed: bool) -> None:
    rng, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 30), ("val", 8), ("test", 9)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = rng.integers(0, 3, (count, 1))
    (np.savez_compressed if compressed else np.savez)(tmp_path / "organ.npz", **arrays)
    data = load_table(tmp_path / "organ.npz", "label -> image")
    for split, own in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert np.array_equal(data.part(split)["image"].permute(0, 2, 3, 1).numpy(), arrays[f"{own}_images"])
        assert np.array_equal(data.frame(split)["label"], arrays[f"{own}_labels"][:, 0])


def test_archives_of_several_labels_and_of_python_objects(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "dsprites.npz",
        imgs=rng.random((40, 6, 6)) < 0.5,
        latents=rng.random((40, 2)),
        metadata=np.array({"author": "a"}, dtype=object),
    )
    with pytest.warns(
        DataWarning, match=r"Arrays of dsprites.npz without rows are left out: metadata \(Python objects"
    ):
        table = read_table(tmp_path / "dsprites.npz")
    assert list(table.columns) == ["imgs", "latents_0", "latents_1"]
    with pytest.warns(DataWarning):
        data = load_table(tmp_path / "dsprites.npz", "{latents_0, latents_1} -> imgs")
    assert data.rows([0])["imgs"].unique().tolist() == [0, 255]


def wrong_archives(folder: Path) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 4, 4), dtype=np.uint8)
    np.savez(folder / "lengths.npz", images=images, labels=np.arange(9))
    yield "lengths.npz", "one row per picture in .*; got images 10, labels 9"
    np.savez(folder / "splits.npz", train_images=images, train_labels=np.arange(10), test_images=images)
    yield "splits.npz", "the same arrays for each split"
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    yield "broken.npz", "Expected a NumPy table at .*it cannot be read"
    with zipfile.ZipFile(folder / "empty.npz", "w"):
        pass
    yield "empty.npz", "got none"


def test_archives_that_are_no_table_are_refused(tmp_path: Path) -> None:
    for name, message in wrong_archives(tmp_path):
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("image", "end", "said", "message"),
    [
        (np.zeros((3, 4, 5, 6)), ".npy", {}, "an array of 3x4x5x6 float64 numbers; save grey values"),
        (np.zeros((4, 5, 3)), ".npy", {}, "save colours as bytes"),
        (np.zeros((4, 5), complex), ".npy", {}, "complex128 numbers; save grey values"),
        (np.full((4, 5), np.nan), ".npy", {"window": [0, 1]}, "grey values that are not finite"),
        (np.zeros((4, 5), np.uint8), ".npy", {"bits": 16}, "files of 16 bits or more for `bits: 16`"),
        (np.zeros((4, 5, 3), np.uint8), ".npy", {"percentiles": [1, 99]}, "grey images for `percentiles`"),
        (
            np.zeros((4, 5), np.uint16),
            ".npy",
            {"percentiles": [1, 99]},
            "one grey value between the percentiles 1 and 99",
        ),
        (np.zeros((4, 5), np.uint16), ".npy", {"window": [9, 1]}, r"Expected the window of 'x' as \[low, high\]"),
        (np.zeros((4, 5), np.uint16), ".npy", {"percentiles": [1, 101]}, "within 0 to 100"),
        (np.zeros((4, 5), np.uint16), ".npy", {"percentiles": [1, 9], "window": [0, 1]}, "or percentiles; got both"),
        (np.zeros((4, 5), np.uint16), ".npy", {"bits": 12}, "as 8 or 16; got 12"),
        (np.zeros((4, 5, 3), np.float32), ".tif", {}, "an array of 4x5x3 float32 numbers"),
        (np.zeros((2, 4, 5), np.float32), ".tif", {}, "2 images in one file"),
    ],
)
def test_pictures_that_cannot_be_read_are_refused(
    tmp_path: Path, image: np.ndarray, end: str, said: dict[str, Any], message: str
) -> None:
    save = np.save if end == ".npy" else (lambda path, values: tifffile.imwrite(path, values, metadata=None))
    table = named(tmp_path, [image] * 12, save, end)
    with pytest.raises((DataError, DataFaultsError), match=message):
        load_table(table, "a -> x", images=tmp_path, variables={"x": said})


def test_eight_and_sixteen_bits_in_one_column_are_refused(tmp_path: Path) -> None:
    images = [image if row % 2 else image.astype(np.uint8) for row, image in enumerate(scans())]
    table = named(tmp_path, images, *SAVERS["png"])
    with pytest.raises(
        DataFaultsError, match="found 10 images with 16 bits or more and 10 with 8 bits, expected one depth"
    ):
        index_table(table, "a -> x", root=tmp_path)


def test_rows_of_an_archive_that_do_not_exist_are_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((5, 4, 4), np.uint8))
    files = [f"x.npz/{name}" for name in ("images/0", "images/7", "masks/0", "images/a", "images/1")]
    table = pd.DataFrame({"a": np.arange(5) * 0.5, "x": files})
    with pytest.raises(DataFaultsError) as caught:
        index_table(table, "a -> x", root=tmp_path)
    assert [fault.row for fault in caught.value.faults if fault.row is not None] == [1, 2, 3]
