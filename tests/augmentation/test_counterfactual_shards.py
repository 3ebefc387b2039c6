"""`causalgen counterfactual --all`: every unit exactly once, whatever kills the program and however often."""

import io
import json
import multiprocessing
import os
import random
import time
from pathlib import Path

import numpy as np
import own_table
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result
from untrained_run import write_untrained_run

from causalgen.augmentation import units
from causalgen.cli.app import app
from causalgen.datasets import load_table
from causalgen.errors import RunFolderError
from causalgen.reports import counterfactual_shards
from causalgen.studies.all_units import answer_all
from causalgen.studies.asking import fitted_data, fitted_model
from causalgen.studies.lock import FolderLock
from causalgen.studies.runfolder import read_run

STUDY = """\
name: messy
data:
  table: messy.parquet
  graph: age -> {size, scan}; size -> scan; clinic -> scan
  variables: {age: {column: Age at scan (years)}, clinic: {kind: categorical}}
  group: patient
  missing: drop
mechanisms:
  scan: {mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}
"""
DO = "size=sqrt(size - 2) + 1"
"""It has no value for the smaller half of the units."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a string index, holes, integer codes and a header with spaces."""
    home = tmp_path_factory.mktemp("messy")
    own_table.make_messy(home / "own", 90)
    (home / "own" / "study.yaml").write_text(STUDY)
    (home / "own" / "run").mkdir()
    write_untrained_run(home / "own" / "run", home / "own" / "study.yaml")
    return home / "own" / "run"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "PIECE", 16)
    monkeypatch.setattr(counterfactual_shards, "PIECES", 1)


@pytest.fixture
def whole(run: Path, tmp_path: Path) -> Path:
    return answer_all(read_run(run), [DO], tmp_path / "whole")[0]


def _ask(run: Path, *words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["counterfactual", str(run), "--all", *map(str, words)])


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"
    }


def test_every_unit_has_the_counterfactual_that_the_model_gives(run: Path, whole: Path) -> None:
    scm = fitted_model(read_run(run))
    data = fitted_data(read_run(run), scm)
    found = pd.read_parquet(whole / "data").set_index("row")
    assert sorted(found.index) == sorted(data.frame().index)
    assert found.loc[list(data.split["test"]), "split"].eq("test").all()
    assert found["clinic"].map(type).eq(int).all()
    answered = found[found["answered"]]
    assert (found["size"] >= 2).equals(found["answered"])
    assert 0 < len(answered) < len(found)
    assert found.loc[~found["answered"], ["size_cf", "scan_cf", "supported"]].isna().all().all()
    factual = data.rows(list(answered.index))
    world = scm.counterfactual(factual, {"size": torch.sqrt(factual["size"] - 2) + 1})
    for name in ("age", "size"):
        assert np.allclose(answered[name], factual[name])
        assert np.allclose(answered[f"{name}_cf"], world[name], atol=1e-4)
    assert (answered["supported"].to_numpy(bool) == world.supported.numpy()).all()
    images = [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in answered["scan_cf"]]
    assert np.abs(np.stack(images) - world["scan"][:, 0].numpy()).max() <= 0.51


def test_the_manifest_describes_the_shards_and_the_folder_is_a_table(run: Path, whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["finished"]
    assert manifest["asked"]["do"] == "do(size = sqrt(size - 2) + 1)"
    assert {f"data/{entry['file']}" for entry in manifest["shards"]} | {"manifest.json"} == set(_files(whole))
    assert sum(entry["units"] for entry in manifest["shards"]) == manifest["units"] > 60
    read = load_table(whole, "age_cf -> scan_cf", missing="drop", root=whole.parent / "cache")
    assert {name: len(rows) for name, rows in read.split.items()} == {
        name: sum(entry["answered"] for entry in manifest["shards"] if entry["split"] == name) for name in read.split
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")
def test_kill_at_any_moment_leaves_a_folder_that_continues_to_the_same_bytes(
    run: Path, tmp_path: Path, whole: Path
) -> None:
    """The process forks, so that a kill costs no import. It comes up to 50 ms after another shard was written."""
    context, draw, out = multiprocessing.get_context("fork"), random.Random(0), tmp_path / "killed"
    torch.set_num_threads(1)  # threads do not survive a fork
    killed = 0
    while not _finished(out):
        before = _names(out)
        child = context.Process(target=answer_all, args=(read_run(run), [DO], out))
        child.start()
        while child.is_alive() and _names(out) <= before:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.05))
        killed += child.is_alive()
        child.kill()
        child.join()
        for shard in (out / "data").glob("*.parquet"):
            assert shard.read_bytes() == (whole / "data" / shard.name).read_bytes()
    assert killed
    assert _files(out) == _files(whole)


def _names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "data").glob("*.parquet")}


def _finished(folder: Path) -> bool:
    manifest = folder / "manifest.json"
    return manifest.exists() and json.loads(manifest.read_text())["finished"]


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(run: Path, tmp_path: Path, whole: Path, monkeypatch) -> None:
    """They are started anew, and know nothing of the small shards of these tests: one shard a split, as by default."""
    monkeypatch.undo()
    one = answer_all(read_run(run), [DO], tmp_path / "one")[0]
    two = answer_all(read_run(run), [DO], tmp_path / "two", processes=2)[0]
    assert _files(one) == _files(two)
    frames = [pd.read_parquet(folder / "data").sort_values("row") for folder in (one, whole)]
    assert frames[0]["row"].tolist() == frames[1]["row"].tolist()


def test_a_finished_folder_is_checked_and_repaired(run: Path, whole: Path) -> None:
    files = _files(whole)
    first, second = sorted((whole / "data").iterdir())[:2]
    done = _ask(run, "--do", DO, "--out", whole)
    assert done.exit_code == 2
    assert "got a finished one, whose" in done.stderr
    first.unlink()
    assert _ask(run, "--do", DO, "--out", whole).exit_code == 0
    assert _files(whole) == files
    second.write_bytes(second.read_bytes()[:-1] + b"x")
    done = _ask(run, "--do", DO, "--out", whole)
    assert f"Expected the shard '{second}' as the manifest describes it" in done.stderr
    second.unlink()
    assert _ask(run, "--do", DO, "--out", whole).exit_code == 0
    assert _files(whole) == files


def test_what_a_foreign_file_holds_in_place_of_a_shard_is_written_anew(run: Path, whole: Path) -> None:
    files = _files(whole)
    manifest = json.loads((whole / "manifest.json").read_text()) | {"finished": False}
    (whole / "manifest.json").write_text(json.dumps(manifest))
    first, second, *_ = sorted((whole / "data").iterdir())
    first.write_bytes(b"no Parquet")
    pd.DataFrame({"row": range(8)}).to_parquet(second)
    answer_all(read_run(run), [DO], whole)
    assert _files(whole) == files


def test_a_folder_of_something_else_or_in_use_is_refused(run: Path, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    for folder, do, message in (
        (tmp_path / "other", DO, "got other content"),
        (whole, "size+=1", "differs in do"),
    ):
        before = _files(folder)
        done = _ask(run, "--do", do, "--out", folder)
        assert done.exit_code == 2
        assert message in done.stderr
        assert _files(folder) == before
    with FolderLock(tmp_path / "used"), pytest.raises(RunFolderError, match="another process"):
        answer_all(read_run(run), [DO], tmp_path / "used")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rows", "3", "--do", "size=3"), "Expected one of --rows, --image and --all"),
        (("--particles", "5", "--do", "size=3"), "Expected no particles with --all"),
        (("--split", "holdout", "--do", "size=3"), "Expected a split among"),
        (("--do", "sise=3"), "Expected a node among"),
        ((), "Expected an intervention"),
    ],
)
def test_mistakes_give_one_message(run: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = _ask(run, *words, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()
