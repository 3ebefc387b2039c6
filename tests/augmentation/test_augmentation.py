"""Augmentation of a table that nobody designed: holes, integer labels, a string index, several scans a patient."""

import filecmp
import json
from pathlib import Path
from typing import Any

import numpy as np
import own_table
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from causalgen.augmentation import Augmentation, AugmentedImages, AugmentedUnits, units
from causalgen.augmentation.folder_format import DRAW, GROUP, ROW, SET, SPLIT, SUPPORTED
from causalgen.datasets import Dataset, load_table
from causalgen.errors import CausalgenError, DataError, RunFolderError, UnknownNameError
from causalgen.reports.augmented_files import write_augmented
from causalgen.scm import StructuralCausalModel

IMAGE = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 4, "blocks": 1}
SHUFFLE = {"clinic": "shuffle", "size": "shuffle"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("messy")
    own_table.make_messy(folder / "own", 90)
    return load_table(
        folder / "own" / "messy.parquet",
        own_table.MESSY_GRAPH,
        variables=own_table.MESSY,
        group="patient",
        missing="drop",
        root=folder / "cache",
    )


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(data.graph, {"scan": IMAGE})
    model.initialize(data.part("train"))
    model.declare_fitted()
    return model.eval()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "PIECE", 16)


def _made(scm: StructuralCausalModel, data: Dataset, do: Any, **options: Any) -> AugmentedUnits:
    return AugmentedUnits(scm, data, Augmentation(do, **options))


def test_shuffled_values_come_from_another_patient_of_the_same_split(scm: StructuralCausalModel, data: Dataset) -> None:
    drawn = list(_made(scm, data, SHUFFLE, per_unit=3))
    for split in ("train", "validation"):
        own = data.rows(data.split[split])
        groups = data.groups(data.split[split])
        pairs = torch.stack([own[name].double() for name in SHUFFLE], dim=1)
        for number in (1, 2, 3):
            parts = [draw for draw in drawn if (draw.split, draw.number) == (split, number)]
            given = torch.cat([torch.stack([part.values[n].double() for n in SHUFFLE], dim=1) for part in parts])
            assert sorted(map(tuple, given.tolist())) == sorted(map(tuple, pairs.tolist()))  # one permutation of both
            for pair, group in zip(given, groups):
                assert (groups[(pairs == pair).all(1)] != group).any()
        assert {row for part in drawn if part.split == split for row in part.rows} == set(own.labels)


def test_counterfactuals_are_those_of_the_model(scm: StructuralCausalModel, data: Dataset) -> None:
    for draw in _made(scm, data, {"size": "+0.1"}, originals=False):
        factual = data.rows(list(draw.rows))
        world = scm.counterfactual(factual, {"size": "+0.1"}, seed=0)
        for name in data.graph.nodes:  # no mechanism of this model abducts at random
            assert torch.allclose(draw.values[name].float(), world[name].float(), rtol=1e-4, atol=1e-3), name
        assert (draw.supported == world.supported).all()


def test_within_support_leaves_out_exactly_the_others(scm: StructuralCausalModel, data: Dataset) -> None:
    every = [draw for draw in _made(scm, data, SHUFFLE, per_unit=2) if draw.number]
    inside = [draw for draw in _made(scm, data, SHUFFLE, per_unit=2, within_support=True) if draw.number]
    assert any(not draw.supported.all() for draw in every)
    for one, other in zip(every, inside, strict=True):
        assert list(one.rows[one.supported.numpy()]) == list(other.rows)
        assert torch.equal(one.values["scan"][one.supported], other.values["scan"])
        assert other.outside == int((~one.supported).sum())


def test_units_without_a_value_are_left_out_and_counted(scm: StructuralCausalModel, data: Dataset) -> None:
    middle = float(data.values["size"].median())
    do = {"size": f"sqrt(size - {middle}) + 1"}
    draws = [draw for draw in _made(scm, data, do) if draw.number]
    kept = {row for draw in draws for row in draw.rows}
    expected = {
        row
        for split in ("train", "validation")
        for row, size in zip(data.rows(data.split[split]).labels, data.rows(data.split[split])["size"])
        if size >= np.float32(middle)
    }
    assert kept == expected
    assert sum(draw.unanswered for draw in draws) == sum(len(data.split[s]) for s in ("train", "validation")) - len(
        kept
    )


def test_an_interrupted_folder_continues_to_the_same_bytes(
    scm: StructuralCausalModel, data: Dataset, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    made = _made(scm, data, SHUFFLE, per_unit=2)
    whole = write_augmented(tmp_path / "whole", made, label="clinic")
    with pytest.raises(KeyboardInterrupt):
        write_augmented(tmp_path / "parts", made, label="clinic", progress=stop)
    with pytest.raises(RunFolderError, match=r"unfinished one. Run the command that writes it again"):
        AugmentedImages(tmp_path / "parts")
    with pytest.raises(RunFolderError, match="differs in seed"):
        write_augmented(tmp_path / "parts", _made(scm, data, SHUFFLE, per_unit=2, seed=1), label="clinic")
    done = write_augmented(tmp_path / "parts", made, label="clinic")
    assert done.counts.equals(whole.counts)
    files = [path.relative_to(whole.folder) for path in whole.folder.rglob("*") if path.is_file()]
    assert len(files) == sum(len(pd.read_csv(table)) + 1 for table in whole.tables.values()) + 1
    same, differing, missing = filecmp.cmpfiles(whole.folder, done.folder, files, shallow=False)
    assert len(same) == len(files), (differing, missing)
    with pytest.raises(RunFolderError, match="got a finished one"):
        write_augmented(tmp_path / "parts", made, label="clinic")


def test_a_training_program_reads_what_was_made(scm: StructuralCausalModel, data: Dataset, tmp_path: Path) -> None:
    made = _made(scm, data, SHUFFLE, per_unit=2)
    write_augmented(tmp_path / "out", made)
    for split in ("train", "validation"):
        images = AugmentedImages(tmp_path / "out", split, "clinic")
        drawn = [draw for draw in made if draw.split == split]
        pixels = torch.cat([draw.values["scan"] for draw in drawn]).float().round().clamp(0, 255) / 255
        (loaded, targets) = next(iter(DataLoader(images, batch_size=len(images))))
        assert torch.equal(loaded, pixels)
        assert torch.equal(targets, torch.cat([draw.values["clinic"] for draw in drawn]))
        table = images.table
        assert list(table[ROW]) == [row for draw in drawn for row in draw.rows]
        assert list(table[DRAW]) == [draw.number for draw in drawn for _ in range(len(draw))]
        origin = data.rows(table[ROW].tolist())
        assert data.group_names is not None
        assert list(table[GROUP]) == list(data.group_names[data.groups(table[ROW].tolist()).numpy()])
        assert np.allclose(table["age"], origin["age"])  # no descendant of what was set
        inside = AugmentedImages(tmp_path / "out", split, within_support=True)
        assert inside.table["within_support"].all()
        assert len(inside) == table["within_support"].sum() < len(table)
    first = images.table[images.table[DRAW] == 1].iloc[0]
    said = {"clinic": f"clinic = {first['clinic']}", "size": f"size = {first['size']:g}"}
    assert first[SET] == ", ".join(said[name] for name in data.graph.nodes if name in said)


def test_targets_may_come_by_origin_row(scm: StructuralCausalModel, data: Dataset, tmp_path: Path) -> None:
    write_augmented(tmp_path / "out", _made(scm, data, {"size": "shuffle"}))
    rows = data.frame("train").index
    images = AugmentedImages(tmp_path / "out", "train", {row: place for place, row in enumerate(rows)})
    assert [rows[target] for target in images.targets] == list(images.table[ROW])
    with pytest.raises(DataError, match="Expected a target of every row; got none of row"):
        AugmentedImages(tmp_path / "out", "train", {rows[0]: 1})
    with pytest.raises(UnknownNameError, match="Did you mean 'clinic'"):
        AugmentedImages(tmp_path / "out", "train", "clinc")


@pytest.mark.parametrize("label", [None, "clinic"])
def test_the_folder_is_a_table_of_images_with_its_splits(
    scm: StructuralCausalModel, data: Dataset, tmp_path: Path, label: str | None
) -> None:
    made = _made(scm, data, {"size": "shuffle"}, splits=("train", "validation", "test"))
    out = write_augmented(tmp_path / "out", made, label=label)
    again = load_table(
        out.folder, "age -> {size, image}; size -> image; clinic -> image", group=GROUP, root=tmp_path / "cache",
        variables={"clinic": {"kind": "categorical"}},
    )  # fmt: skip
    assert {name: len(rows) for name, rows in again.split.items()} == {
        name: 2 * len(rows) for name, rows in data.split.items()
    }


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "Expected an intervention"),
    ({"sise": "shuffle"}, {}, "Did you mean 'size'"),
    ({"scan": "shuffle"}, {}, "got the image 'scan'"),
    ({"size": [1.0, 2.0]}, {}, "got one value per unit"),
    ({"size": 2.0}, {"per_unit": 2}, "gives the same one each time; got 2"),
    ({"size": "shuffle"}, {"per_unit": 0}, "at least one counterfactual per unit"),
    ({"size": "shuffle"}, {"splits": ("train", "train")}, "each once; got train, train"),
    ({"size": "shuffle"}, {"splits": ("tran",)}, "Did you mean 'train'"),
    ({"clinic": 9}, {}, "clinic"),
    ({"size": "4 apples"}, {}, "size"),
]


@pytest.mark.parametrize(("do", "options", "message"), BAD, ids=[str(entry[:2]) for entry in BAD])
def test_what_cannot_be_made_is_refused_before_any_work(
    scm: StructuralCausalModel, data: Dataset, do: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CausalgenError, match=message):
        _made(scm, data, do, **options)


def test_a_folder_with_other_content_is_left_alone(scm: StructuralCausalModel, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(RunFolderError, match="got other content"):
        write_augmented(tmp_path / "mine", _made(scm, data, {"size": "shuffle"}))
    with pytest.raises(DataError, match="Expected a discrete attribute for the folders of classes; got 'age'"):
        write_augmented(tmp_path / "new", _made(scm, data, {"size": "shuffle"}), label="age")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]
    for text in ("{}", "[]", "nonsense", json.dumps({"asked": 3, "finished": True})):
        (tmp_path / "mine" / "augmentation.json").write_text(text)
        with pytest.raises(RunFolderError, match="got other content"):
            write_augmented(tmp_path / "mine", _made(scm, data, {"size": "shuffle"}))
    with pytest.raises(RunFolderError, match=r"has no augmentation\.json"):
        AugmentedImages(tmp_path / "nowhere")


def test_supported_and_split_columns_agree_with_the_units(
    scm: StructuralCausalModel, data: Dataset, tmp_path: Path
) -> None:
    out = write_augmented(tmp_path / "out", _made(scm, data, SHUFFLE, originals=False))
    rows = out.counts.set_index("split")
    for split, path in out.tables.items():
        part = pd.read_csv(path)
        assert (part[SPLIT] == split).all()
        assert len(part) == rows.loc[split, "counterfactual"] == len(data.split[split])
        assert part[SUPPORTED].sum() == rows.loc[split, "within_support"]
    assert (rows["observed"] == 0).all()
