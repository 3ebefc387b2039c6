"""Hostile and unusual files: bombs are refused at once, and whole numbers beyond 64 bits are not rounded."""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import own_table
import pandas as pd
import pyarrow as pa
import pytest
from effort import no_hang
from pyarrow import parquet

from causalgen.datasets.table import DataFaultsError, index_table, load_table
from causalgen.datasets.table.table_file import read_file
from causalgen.errors import DataError
from causalgen.machine import MemoryMeter

MEGABYTES = 500
IDS = [2**63 + number for number in range(40)]


def _repeated(path: Path, value: object, rows: int) -> None:
    codes = pa.array(np.zeros(rows, dtype=np.int8))
    table = pa.table({"age": pa.DictionaryArray.from_arrays(codes, pa.array([value]))})
    parquet.write_table(table, path, compression="zstd", store_schema=False)


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (150, 1000, 1000)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(150):
            file.write(bytes(1_000_000))


BOMBS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "rows": ("a.parquet", lambda path: _repeated(path, 1.0, 20_000_000), "nearly all cells are alike"),
    "text": ("a.parquet", lambda path: _repeated(path, "x" * 10**6, 10**6), "got 1,000,000,000,000 in 'age'"),
    "pictures": ("a.npz", _archive, "unpack to 150,000,128 in 'images.npy': a decompression bomb"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_unpacks_to_gigabytes_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write, message = BOMBS[name]
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    write(tmp_path / file)
    assert (tmp_path / file).stat().st_size < 1_000_000
    meter = MemoryMeter("cpu")
    before = meter.peak()
    with no_hang(), pytest.raises(DataError, match=message):
        read_file(tmp_path / file)
    assert meter.peak() - before < MEGABYTES
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_an_archive_of_an_unknown_version_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", size=np.arange(9.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(
        DataError, match=r"Expected a NumPy table at .*a.npz'; it cannot be read: zip file version 25.5"
    ):
        read_file(tmp_path / "a.npz")


def test_texts_and_categories_of_a_parquet_file_are_read_as_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"word": ["a", "b", None] * 20, "class": pd.Categorical(["u", "v", "w"] * 20), "number": range(60)}
    )
    frame.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_file(tmp_path / "a.parquet"), frame)


@pytest.mark.parametrize("more", [[], [""], ["NA"], [10**30], [-5]])
def test_whole_numbers_beyond_64_bits_are_not_rounded(more: list[object], tmp_path: Path) -> None:
    """Arrow reads them as floats: persons with such numbers became one."""
    numbers = [*IDS, *more]
    lines = "\n".join(f"{number},{place / 7}" for place, number in enumerate(numbers))
    (tmp_path / "a.csv").write_text(f"person,size\n{lines}\n")
    read = [str(number) for number in read_file(tmp_path / "a.csv")["person"].dropna()]
    assert read == [str(number) for number in numbers if number not in ("", "NA")]
    index = index_table(tmp_path / "a.csv", "size", group="person", missing="drop")
    assert len(np.unique(index.group)) == len(read)
    with pytest.raises(
        DataFaultsError, match=r"(?s)got 1 .*whole numbers up to .* of which double precision cannot distinguish"
    ):
        index_table(tmp_path / "a.csv", "person -> size", missing="drop")


def test_large_floats_stay_floats(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "size\n" + "\n".join(f"{number}e300" for number in range(1, 30)) + "\n" + str(10**19)
    )
    assert read_file(tmp_path / "a.csv")["size"].dtype == float


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, more: bytes = b"") -> bytes:
    """A PNG file of that size by its header, with black pixels for 8 x 8."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(bytes(9 * 8)))
    return b"\x89PNG\r\n\x1a\n" + header + more + pixels + _chunk(b"IEND", b"")


PACKED = zlib.compress(bytes(100_000_000), 9)
PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pixels": (lambda path: path.write_bytes(_png(60_000, 60_000)), "an image of more than 100,000,000 pixels"),
    "text": (
        lambda path: path.write_bytes(_png(8, 8, _chunk(b"zTXt", b"a\0\0" + PACKED))),
        "Decompressed data too large",
    ),
    "profile": (
        lambda path: path.write_bytes(_png(8, 8, _chunk(b"iCCP", b"a\0\0" + PACKED))),
        "Decompressed data too large",
    ),
    "pipe": (os.mkfifo, "no such file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a path that leaves the folder of images"),
    "folder": (Path.mkdir, "a folder"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and devices in folders")
@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_picture_is_named_at_once(name: str, tmp_path: Path) -> None:
    make, message = PICTURES[name]
    own_table.make(tmp_path, 24)
    (tmp_path / "scans" / "005.png").unlink()
    make(tmp_path / "scans" / "005.png")
    meter = MemoryMeter("cpu")
    before = meter.peak()
    with no_hang(), pytest.raises(DataFaultsError, match=f"row 5, column 'scan': found .*{message}"):
        index_table(tmp_path / "table.csv", own_table.GRAPH)
    assert meter.peak() - before < MEGABYTES


def test_files_may_have_any_name(tmp_path: Path) -> None:
    table = own_table.make(tmp_path, 24)
    names = ["a b", "ü", "'q'", "%s", "-rf", "~", "$(x)", "new\nline", "=1+1", "[x]"]
    for row, name in enumerate(names):
        (tmp_path / table["scan"][row]).rename(tmp_path / "scans" / f"{name}.png")
        table.loc[row, "scan"] = f"scans/{name}.png"
    table.to_csv(tmp_path / "odd.csv", index=False)
    assert len(load_table(tmp_path / "odd.csv", own_table.GRAPH, root=tmp_path / "cache")) == 24
