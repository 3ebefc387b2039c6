"""Tables that hold their images: Parquet with bytes, and tar files of samples, read in order, nothing unpacked."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tifffile
from PIL import Image
from pyarrow import parquet

from causalgen.datasets.formats import read_picture
from causalgen.datasets.table import DataFaultsError, index_table, load_table, read_table
from causalgen.errors import DataError, DataWarning

FEW, MANY = 20, 200


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))


def encoded(image: np.ndarray, kind: str = "png") -> bytes:
    buffer = io.BytesIO()
    if kind == "tif":
        tifffile.imwrite(buffer, image.astype(">f4"), byteorder=">", compression="zlib")
    elif kind == "npy":
        np.save(buffer, image)
    else:
        Image.fromarray(image).save(buffer, format=kind)
    return buffer.getvalue()


def decoded(content: bytes, kind: str) -> np.ndarray:
    """What the format's own library reads."""
    if kind == "tif":
        return tifffile.imread(io.BytesIO(content))
    return np.load(io.BytesIO(content)) if kind == "npy" else np.asarray(Image.open(io.BytesIO(content)))


def pictures(rng: np.random.Generator, count: int) -> tuple[list[bytes], str]:
    kind = ["png", "jpeg", "bmp", "tif", "npy"][rng.integers(5)]
    shape = tuple(rng.integers(4, 12, 2))
    return [encoded(rng.integers(0, 256, shape, dtype=np.uint8), kind) for _ in range(count)], kind


def hugging_face(path: Path, contents: list[Any], group: int = 3, **columns: Any) -> None:
    """A file as `datasets` writes it: a structure of bytes and path, and labels as codes with names."""
    cells = [None if c is None else c if isinstance(c, dict) else {"bytes": c, "path": None} for c in contents]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, kind), **columns})
    names = {"_type": "ClassLabel", "names": ["cat", "dog", "hen"]}
    said = {"info": {"features": {"image": {"_type": "Image"}, "label": names}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(said)}), path, row_group_size=group)


def shard(path: Path, samples: list[dict[str, Any]]) -> None:
    """A file as WebDataset writes it: `key` and its parts by ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for sample in samples:
            for ending, value in sample.items():
                if ending == "key":
                    continue
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                member = tarfile.TarInfo(f"{sample['key']}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def agree(folder: Path, count: int) -> None:
    for seed in range(count):
        rng = np.random.default_rng(seed)
        contents, kind = pictures(rng, 4)
        row = int(rng.integers(4))
        if seed % 2:
            column: Any = pa.array(contents, pa.large_binary() if rng.random() < 0.5 else pa.binary())
            path = folder / f"{seed}.parquet"
            if rng.random() < 0.5:
                hugging_face(path, contents, group=int(rng.integers(1, 5)))
            else:
                parquet.write_table(pa.table({"image": column}), path)
            cell = read_table(path)["image"][row]
        else:
            path = folder / f"{seed}.tar"
            shard(path, [{"key": f"s/{n}", kind: content, "cls": n} for n, content in enumerate(contents)])
            cell = read_table(path)["image"][row]
            with tarfile.open(path) as archive:
                assert archive.extractfile(f"s/{row}.{kind}").read() == contents[row]  # type: ignore[union-attr]
        read = read_picture(folder / str(cell))
        assert not isinstance(read, str), (seed, read)
        assert np.array_equal(np.asarray(read), decoded(contents[row], kind)), seed


def test_pictures_are_those_of_their_own_libraries(tmp_path: Path) -> None:
    agree(tmp_path, FEW)


@pytest.mark.slow
def test_pictures_are_those_of_their_own_libraries_in_many_files(tmp_path: Path) -> None:
    agree(tmp_path, MANY)


def flat(grey: int) -> bytes:
    return encoded(np.full((6, 5), grey, np.uint8))


PARTS = {"train": 24, "validation": 8, "test": 8}


def parquet_folder(folder: Path) -> None:
    row = 0
    for split, count in PARTS.items():
        for number, size in enumerate((count - 2, 2)):
            greys = range(row, row + size)
            labels = pa.array([grey % 3 for grey in greys], pa.int64())
            file = folder / "data" / f"{split}-{number:05d}-of-00002.parquet"
            hugging_face(
                file, [flat(5 * grey) for grey in greys], age=pa.array([20 + 1.5 * g for g in greys]), label=labels
            )
            row += size


def tar_folder(folder: Path) -> None:
    row = 0
    for split, count in PARTS.items():
        place = "val" if split == "validation" else split
        for number in range(0, count, 2):  # shards 0, 2, ..., 10: by number, not by letter
            greys = (row, row + 1)
            samples = [
                {"key": f"{g:04d}", "png": flat(5 * g), "json": {"age": 20 + 1.5 * g}, "cls": g % 3} for g in greys
            ]
            shard(folder / f"{place}-{number}.tar", samples)
            row += 2


def split_tar_folders(folder: Path) -> None:
    tar_folder(folder / "all")
    for path in sorted((folder / "all").iterdir()):
        part, _, number = path.name.partition("-")
        (folder / part).mkdir(exist_ok=True)
        path.rename(folder / part / number)
    (folder / "all").rmdir()


@pytest.mark.parametrize("make", [parquet_folder, tar_folder, split_tar_folders])
@pytest.mark.filterwarnings("ignore::causalgen.errors.DataWarning")
def test_shards_are_read_in_order_and_keep_their_splits(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "data")
    data = load_table(tmp_path / "data", "{age, label} -> image")
    assert {split: len(rows) for split, rows in data.split.items()} == PARTS
    ages = []
    for split in PARTS:
        part = data.part(split)
        number = ((part["age"] - 20) / 1.5).round()
        assert part["image"].flatten(1)[:, 0].tolist() == [5 * n for n in number.tolist()]
        assert (number.diff() == 1).all()
        ages += number.tolist()
    assert sorted(ages) == list(range(40))
    labels = sorted(map(str, data.graph["label"].labels))
    assert labels == (["cat", "dog", "hen"] if make is parquet_folder else ["0", "1", "2"])


def test_one_file_is_a_table(tmp_path: Path) -> None:
    shard(tmp_path / "one.tar", [{"key": f"{n}", "png": flat(n), "json": {"age": 1.5 * n}} for n in range(40)])
    hugging_face(tmp_path / "one.parquet", [flat(n) for n in range(40)], age=pa.array([1.5 * n for n in range(40)]))
    for name in ("one.tar", "one.parquet"):
        data = load_table(tmp_path / name, "age -> image")
        assert data.rows([7, 31])["image"][:, 0, 0, 0].tolist() == [7, 31]


def test_samples_without_a_part_have_empty_cells(tmp_path: Path) -> None:
    samples: list[dict[str, Any]] = [{"key": f"{n}", "png": flat(n), "json": {"age": 1.5 * n}} for n in range(40)]
    del samples[3]["png"], samples[5]["json"]
    shard(tmp_path / "x.tar", samples)
    hugging_face(
        tmp_path / "x.parquet",
        [None if n == 3 else flat(n) for n in range(40)],
        age=pa.array([None if n == 5 else 1.5 * n for n in range(40)]),
    )
    for name in ("x.tar", "x.parquet"):
        with pytest.raises(DataFaultsError) as caught:
            index_table(tmp_path / name, "age -> image")
        assert [(fault.column, fault.row) for fault in caught.value.faults] == [("age", 5), ("image", 3)]
        assert index_table(tmp_path / name, "age -> image", missing="drop").dropped == {"age": 1, "image": 1}


def test_bytes_may_be_kept_next_to_the_file(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"{n}.png").write_bytes(flat(n))
    cells = [
        {"bytes": None, "path": f"{n}.png"} if n % 2 else {"bytes": flat(n), "path": "gone.png"} for n in range(20)
    ]
    hugging_face(tmp_path / "x.parquet", cells, age=pa.array([1.5 * n for n in range(20)]))
    data = load_table(tmp_path / "x.parquet", "age -> image")
    assert data.rows(range(20))["image"][:, 0, 0, 0].tolist() == list(range(20))


def test_several_images_and_texts_of_a_sample(tmp_path: Path) -> None:
    samples = [
        {
            "key": f"a/{n}",
            "input.png": flat(n),
            "mask.png": flat(2 * n),
            "txt": b" word \n",
            "bin": b"?",
            "json": {"b": [1]},
        }
        for n in range(4)
    ]
    shard(tmp_path / "x.tar", samples)
    with pytest.warns(DataWarning, match=r"left out: \.bin, b \(of \.json\)"):
        table = read_table(tmp_path / "x.tar")
    assert list(table.columns) == ["key", "input", "txt", "mask"] or set(table.columns) == {
        "key",
        "input",
        "mask",
        "txt",
    }
    assert table["txt"].unique().tolist() == ["word"]


def broken_image(folder: Path) -> None:
    samples = [
        {"key": f"{n}", "png": b"\x89PNG broken" if n == 4 else flat(n), "json": {"age": n * 1.5}} for n in range(40)
    ]
    shard(folder / "x.tar", samples)


def other_columns(folder: Path) -> None:
    shard(folder / "x-0.tar", [{"key": f"{n}", "png": flat(n), "json": {"age": n}} for n in range(4)])
    shard(folder / "x-1.tar", [{"key": f"{n}", "png": flat(n), "json": {"years": n}} for n in range(4)])


def half_named(folder: Path) -> None:
    for name in ("train-0.tar", "x-1.tar"):
        shard(folder / name, [{"key": f"{n}", "png": flat(n), "json": {"age": n}} for n in range(4)])


def wrong_json(folder: Path) -> None:
    shard(
        folder / "x.tar", [{"key": f"{n}", "png": flat(n), "json": b"{age: 1" if n else {"age": 1}} for n in range(4)]
    )


def list_json(folder: Path) -> None:
    shard(folder / "x.tar", [{"key": f"{n}", "png": flat(n), "json": [1]} for n in range(4)])


def twice(folder: Path) -> None:
    shard(folder / "x.tar", [{"key": f"{n}", "png": flat(n), "jpg": flat(n)} for n in range(4)])


def compressed(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / "x.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.png"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (broken_image, "row 4, column 'image': found .*x.tar/4.png"),
        (other_columns, "got age, years in only some"),
        (half_named, "to name a split, as train-0000 does, or none; got both"),
        (wrong_json, "Expected a sample in '1.json' of"),
        (list_json, "it is not an object of fields"),
        (twice, "Expected one 'image' of the sample '0'"),
        (compressed, "Expected an uncompressed tar file"),
    ],
)
def test_shards_that_cannot_be_read_are_refused(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "data")
    with pytest.raises(DataError, match=message):
        load_table(tmp_path / "data", "age -> image")


def test_a_table_without_images_is_read_as_before(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5], "raw": [b"a", b"b", None]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["a"].tolist() == [1.5, 2.5, 3.5]
