"""Images of every mode become the bytes that they show: one scale for a column, a ground behind transparency, upright."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
import pytest
import torch
from PIL import Image

from causalgen.datasets import Dataset
from causalgen.datasets.table import DataFaultsError, from_arrays, index_table, load_table
from causalgen.errors import DataError, DataWarning
from causalgen.studies.image_size import propose_size

pytestmark = pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
SHAPE = (5, 4)
ROWS = 12
OLD_PILLOW = pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="older Pillows cut these files short")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def table_of(folder: Path, save: Callable[[int, Path], None], suffix: str) -> pd.DataFrame:
    for row in range(ROWS):
        save(row, folder / f"{row}{suffix}")
    return pd.DataFrame({"a": np.arange(ROWS) * 0.5, "x": [f"{row}{suffix}" for row in range(ROWS)]})


def in_order(data: Dataset) -> torch.Tensor:
    """Images by their attribute, which follows the rows of the table."""
    parts = [data.part(split) for split in data.split]
    return torch.cat([part["x"] for part in parts])[torch.cat([part["a"] for part in parts]).argsort()]


def pixels(folder: Path, save: Callable[[int, Path], None], suffix: str = ".png", **said: Any) -> torch.Tensor:
    table = table_of(folder, save, suffix)
    return in_order(load_table(table, "a -> x", images=folder, variables={"x": said}, root=folder / "cache"))


def grey(row: int, dtype: Any, low: float = 500, step: float = 300) -> np.ndarray:
    values = np.full(SHAPE, low + step * row, np.float64)
    values[0, 0] = low
    return values.astype(dtype)


WIDE = {
    "png uint16": (np.uint16, ".png", {}),
    "tiff uint16": (np.uint16, ".tif", {}),
    "tiff int32": (np.int32, ".tif", {}),
    "tiff float32": (np.float32, ".tif", {}),
    "tiff deflate": (np.uint16, ".tiff", {"compression": "tiff_deflate"}),
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("window", [None, (0, 4095), (1000, 2000)])
def test_grey_values_go_through_one_window(tmp_path: Path, name: str, window: tuple[int, int] | None) -> None:
    dtype, suffix, options = WIDE[name]
    said = {} if window is None else {"window": list(window)}
    shown = pixels(tmp_path, lambda row, path: Image.fromarray(grey(row, dtype)).save(path, **options), suffix, **said)
    low, high = window or (500, 500 + 300 * (ROWS - 1))
    for row in range(ROWS):
        expected = np.round(np.clip((500 + 300 * row - low) / (high - low), 0, 1) * 255)
        assert int(shown[row, 0, 1, 1]) == expected


@pytest.mark.parametrize("low", [-1024.0, 0.25])
def test_negative_and_fractional_values(tmp_path: Path, low: float) -> None:
    shown = pixels(tmp_path, lambda row, path: Image.fromarray(grey(row, np.float32, low, 0.5)).save(path), ".tif")
    assert shown[:, 0, 1, 1].tolist() == [round(255 * row / (ROWS - 1)) for row in range(ROWS)]


def test_the_window_is_said_declared_and_reported(tmp_path: Path) -> None:
    table = table_of(tmp_path, lambda row, path: Image.fromarray(grey(row, np.uint16)).save(path), ".png")
    said = (
        r"'x' has grey values from 500 to 3800, .* one level is 12.9, and .*`variables: {x: {window: \[500, 3800\]}}`"
    )
    with pytest.warns(DataWarning, match=said):
        data = load_table(table, "a -> x", images=tmp_path)
    assert "Values 0 to 255 of 'x' stand for grey values 500 to 3800 of its files: one is 12.9." in data.source
    index = index_table(table, "a -> x", root=tmp_path, variables={"x": {"window": [500, 3800]}})
    assert index.notes == ()
    assert "grey values 500 to 3800" in index.to_frame()["values"][1]
    narrow = index_table(table, "a -> x", root=tmp_path, variables={"x": {"window": [700, 3800]}})
    darker = 100 * np.mean([grey(row, np.uint16) < 700 for row in range(ROWS)])
    assert f"; {darker:.2g} % of the pixels are darker and 0 % are brighter, and are cut to 0" in narrow.source
    assert "Widen its window" in narrow.notes[0]


def upright() -> np.ndarray:
    picture = np.zeros((*SHAPE, 3), np.uint8)
    picture[0], picture[:, 0] = (250, 10, 10), (10, 10, 250)
    return picture


def save_mode(mode: str, path: Path, row: int, **options: Any) -> None:
    picture = Image.fromarray(upright())
    picture.putpixel((3, 4), (row, row, row))
    (picture.quantize(16) if mode == "P" else picture.convert(mode)).save(path, **options)


@pytest.mark.parametrize(
    ("mode", "suffix", "near"),
    [
        ("RGB", ".png", 0),
        ("RGBA", ".png", 0),
        ("P", ".png", 0),
        ("P", ".gif", 0),
        ("CMYK", ".tif", 0),
        ("CMYK", ".jpg", 40),
        pytest.param("YCbCr", ".tif", 3, marks=OLD_PILLOW),
        ("YCbCr", ".jpg", 60),
        ("RGBA", ".webp", 3),
    ],
)
def test_colours_look_as_they_are(tmp_path: Path, mode: str, suffix: str, near: int) -> None:
    options = (
        {"lossless": True} if suffix == ".webp" else {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}
    )
    shown = pixels(tmp_path, lambda row, path: save_mode(mode, path, row, **options), suffix)
    assert shown.shape == (ROWS, 3, *SHAPE)
    error = (shown[:, :, :4, :3].int() - torch.from_numpy(upright()).permute(2, 0, 1)[:, :4, :3].int()).abs()
    assert int(error.max()) <= near


@pytest.mark.parametrize(
    ("mode", "suffix"), [("1", ".png"), ("1", ".tif"), ("L", ".bmp"), ("L", ".pgm"), ("P", ".png")]
)
def test_greys_of_few_bits(tmp_path: Path, mode: str, suffix: str) -> None:
    def save(row: int, path: Path) -> None:
        image = Image.new("L", SHAPE[::-1], 255)
        image.putpixel((row % 4, row // 4), 0)
        image.convert(mode).save(path)

    shown = pixels(tmp_path, save, suffix)
    assert shown.shape == (ROWS, 1, *SHAPE)
    assert shown.unique().tolist() == [0, 255]
    assert all(int(shown[row, 0, row // 4, row % 4]) == 0 for row in range(ROWS))


def transparent(mode: str, path: Path, row: int) -> None:
    if mode == "tRNS":
        image = Image.new("RGB", SHAPE[::-1], (1, 2, 3))
        image.putpixel((1, 1), (row, 0, 0))
        image.save(path, transparency=(1, 2, 3))
        return
    image = Image.new("RGBA", SHAPE[::-1], (0, 0, 0, 0))
    image.putpixel((1, 1), (row, row, row, 255))
    if mode == "P":
        image = image.convert("P") if row % 2 else image.quantize(8)
    image.convert(mode).save(path)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "tRNS"])
@pytest.mark.parametrize(("ground", "level"), [(None, 255), ("white", 255), ("black", 0), ("#808080", 128)])
def test_transparent_pixels_show_the_ground(tmp_path: Path, mode: str, ground: str | None, level: int) -> None:
    said = {} if ground is None else {"ground": ground}
    shown = pixels(tmp_path, lambda row, path: transparent(mode, path, row), **said)
    assert shown[:, :, 0, 0].unique().tolist() == [level]
    assert (shown[:, 0, 1, 1].int() - torch.arange(ROWS)).abs().max() <= 1


def test_half_transparent_pixels_are_mixed_and_mixed_columns_are_said(tmp_path: Path) -> None:
    def save(row: int, path: Path) -> None:
        colour = (100, 100, 100, 128) if row % 3 == 0 else (row, row, row)
        Image.new("RGBA" if row % 3 == 0 else "RGB", SHAPE[::-1], colour).save(path)

    table = table_of(tmp_path, save, ".png")
    with pytest.warns(DataWarning, match=r"4 of 12 images of 'x' may be transparent, .*\(mixed transparency\).*white"):
        shown = load_table(table, "a -> x", images=tmp_path, root=tmp_path / "cache")
    assert shown.values["x"].max() == round(100 * 128 / 255 + 255 * 127 / 255)


def test_grey_and_colour_images_in_one_column_are_said(tmp_path: Path) -> None:
    table = table_of(tmp_path, lambda row, path: save_mode("L" if row % 2 else "RGB", path, row), ".png")
    assert (
        index_table(table, "a -> x", root=tmp_path)
        .notes[0]
        .startswith("6 of 12 images of 'x' have colours, the others are")
    )
    assert index_table(table, "a -> x", root=tmp_path, variables={"x": {"colour": False}}).notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_wide_images_are_turned_too(tmp_path: Path, dtype: Any) -> None:
    exif = Image.Exif()
    exif[274] = 6

    def save(row: int, path: Path) -> None:
        values = np.zeros(SHAPE, dtype)
        values[0, :] = 100 + row
        Image.fromarray(np.ascontiguousarray(np.rot90(values))).save(path, exif=exif)

    shown = pixels(tmp_path, save, ".png", **({"window": [0, 255]} if dtype == np.uint16 else {}))
    assert shown.shape[2:] == SHAPE
    assert shown[:, 0, 0, 0].tolist() == [100 + row for row in range(ROWS)]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_wide_images_of_another_size(tmp_path: Path, fit: str) -> None:
    def save(row: int, path: Path) -> None:
        Image.fromarray(np.full((20, 10), 1000 + 100 * row, np.uint16)).save(path)

    shown = pixels(tmp_path, save, size=[8, 8], fit=fit, window=[1000, 2100])
    assert shown[:, 0, 4, 4].tolist() == [round(255 * row / 11) for row in range(ROWS)]
    assert int(shown[-1, 0, 4, 0]) == (0 if fit == "pad" else 255)


def nan_tiff(row: int, path: Path) -> None:
    values = grey(row, np.float32)
    values[2, 2] = np.nan
    Image.fromarray(values).save(path)


def clear_sixteen(row: int, path: Path) -> None:
    Image.fromarray(grey(row, np.uint16)).save(path, transparency=500)


@pytest.mark.parametrize(
    ("save", "suffix", "said", "message"),
    [
        (nan_tiff, ".tif", {}, "found grey values that are not finite"),
        (clear_sixteen, ".png", {}, "transparent pixels in an image of 16 bits; fill them"),
        (
            lambda row, path: Image.fromarray(np.full(SHAPE, 7, np.uint16)).save(path),
            ".png",
            {},
            "one grey value in all",
        ),
        (
            lambda row, path: save_mode("RGB", path, row),
            ".png",
            {"window": [0, 9]},
            "expected grey images for `window`",
        ),
        (
            lambda row, path: save_mode("L", path, row),
            ".png",
            {"window": [9, 1]},
            r"Expected the window of 'x' as \[low",
        ),
        (lambda row, path: save_mode("L", path, row), ".png", {"window": [0, np.inf]}, "Expected the window of 'x'"),
        (
            lambda row, path: save_mode("L", path, row),
            ".png",
            {"ground": "wite"},
            "Expected the ground of 'x' as a colour",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(
    tmp_path: Path, save: Callable[[int, Path], None], suffix: str, said: dict[str, Any], message: str
) -> None:
    with pytest.raises((DataFaultsError, DataError), match=message):
        pixels(tmp_path, save, suffix, **said)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "said", "warned"),
    [
        (np.uint16, 500, 3800, {}, True),
        (np.uint16, 500, 3800, {"window": [0, 4095]}, False),
        (np.float32, -2.0, 2.0, {}, True),
        (np.int16, -1024, 3000, {"window": [-1024, 3000]}, False),
        (np.float64, 0.0, 1.0, {}, False),
        (np.uint16, 0, 255, {}, False),
    ],
)
def test_arrays_of_any_range(dtype: Any, low: float, high: float, said: dict[str, Any], warned: bool) -> None:
    images = np.linspace(low, high, 20).astype(dtype)[:, None, None] * np.ones((1, 4, 4), dtype)
    with pytest.warns(DataWarning, match="grey values from") if warned else np.errstate():
        data = from_arrays({"a": np.arange(20) * 0.3, "x": images}, "a -> x", variables={"x": said})
    first, last = said.get("window", (low, high))
    expected = np.round((images[:, 0, 0].astype(float) - first) / (last - first) * 255)
    assert in_order(data)[:, 0, 0, 0].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("sizes", "proposed"),
    [
        ([(64, 64)] * 5, (64, 64)),
        ([(512, 512)] * 5, (64, 64)),
        ([(300, 320), (512, 512), (480, 500)], (64, 64)),
        ([(218, 178)] * 5, (64, 52)),
        ([(12, 10)] * 4 + [(30, 20)], (12, 10)),
        ([(1000, 20)] * 3, (64, 4)),
        ([(48, 96), (96, 200), (50, 100)], (32, 64)),
    ],
)
def test_proposed_sizes_are_square_where_images_are(sizes: list[tuple[int, int]], proposed: tuple[int, int]) -> None:
    assert propose_size(sizes) == proposed
