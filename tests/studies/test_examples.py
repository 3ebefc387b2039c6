"""The examples about a user's own pictures: prepared from the real data, checked, run in smoke form."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner
from untrained_run import write_untrained_run

from causalgen.cli.app import app
from causalgen.studies.runfolder import read_run
from causalgen.studies.sources import own_index

EXAMPLES = Path(__file__).parents[2] / "examples"


def prepared(example: str, source: Path | str, folder: Path) -> Path:
    """A copy of an example with its data."""
    shutil.copytree(EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("faces", "xrays", "scans"))
    subprocess.run([sys.executable, folder / example / "prepare.py", source], check=True)
    return folder / example


def run(example: str, source: Path | str, folder: Path, study: str = "study.yaml") -> Path:
    """Prepare a copy of an example and run it; the run folder."""
    prepared(example, source, folder)
    done = CliRunner().invoke(app, ["run", str(folder / example / study), "--smoke", "--out", str(folder / "run")])
    assert done.exit_code == 0, done.output
    assert (folder / "run" / "report.html").exists()
    return folder / "run"


@pytest.mark.slow
def test_faces(real_data: Path, tmp_path: Path) -> None:
    """About 30 s on an idle core."""
    found = run("own_table", real_data / "faces_cmu", tmp_path)
    table = pd.read_csv(tmp_path / "own_table" / "faces" / "faces.csv")
    assert len(table) == 624
    assert table.groupby("person").ngroups == 20
    metrics = pd.read_csv(found / "tables" / "metrics.csv")
    assert {"eyes shown", "pose shown", "pose kept"} <= set(metrics["metric"])
    effect = pd.read_csv(next((found / "tables").glob("effect-*.csv")))
    assert "read from generated images" in set(effect["source"])


@pytest.mark.slow
def test_faces_with_holes_and_scarves(real_data: Path, tmp_path: Path) -> None:
    """A row with empty cells, and a masked picture of which no attribute is known, each under do(eyes).

    The model is small and untrained: drawing missing cells in training asks its likelihood for minutes.
    """
    study = prepared("own_table", real_data / "faces_cmu", tmp_path) / "partial.yaml"
    text = study.read_text()
    assert "conv-vae," in text
    study.write_text(text.replace("conv-vae,", "conv-vae, latent: 2, local: 1, width: 8, blocks: 1,"))
    faces, found = study.parent / "faces", tmp_path / "run"
    found.mkdir()
    write_untrained_run(found, study)
    whole, partial = (pd.read_csv(faces / f"{name}.csv") for name in ("faces", "partial"))
    attributes = ["person", "pose", "expression", "eyes"]
    holes = partial[attributes].isna()
    assert 0.27 < holes.to_numpy().mean() < 0.33
    pd.testing.assert_frame_equal(whole[attributes].mask(holes), partial[attributes])
    used = own_index(read_run(found).study.data).incomplete["test"]
    row = next(int(label) for label in used if holes.loc[label, ["eyes", "person"]].all())
    done = CliRunner().invoke(
        app, ["counterfactual", str(found), "--rows", str(row), "--do", "eyes=sunglasses", "--particles", "4", "--json"]
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert {note.split(" was")[0] for note in answer["notes"] if "inferred" in note} >= {"person", "eyes"}
    assert {unit["eyes_cf"] for unit in answer["table"]} == {"sunglasses"}
    picture, mask = faces / "masked" / "an2i_straight_happy_open_2.png", faces / "scarf.png"
    asked = ["--image", str(picture), "--mask", str(mask), "--do", "eyes=sunglasses", "--particles", "4", "--json"]
    done = CliRunner().invoke(app, ["restore", str(found), *asked])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert {unit["attribute"] for unit in answer["table"] if unit["inferred"]} == set(attributes)
    restored = np.asarray(Image.open(next(file for file in answer["files"]["images"] if file.endswith("restored.png"))))
    hidden = np.asarray(Image.open(mask)) > 0
    assert hidden.mean() == 0.25
    assert np.array_equal(restored[~hidden], np.asarray(Image.open(picture))[~hidden])


@pytest.mark.slow
def test_xrays(real_data: Path, tmp_path: Path) -> None:
    """About 15 s on an idle core."""
    found = run("pneumonia", real_data / "pneumonia" / "pneumoniamnist_balanced3166.npz", tmp_path)
    metrics = pd.read_csv(found / "tables" / "metrics.csv")
    assert "label shown" in set(metrics["metric"])


@pytest.mark.slow
def test_head_scans(tmp_path: Path) -> None:
    """The study of the DICOM files, about a minute on an idle core."""
    found = run("phantom", "300", tmp_path, "dicom.yaml")
    effect = pd.read_csv(next((found / "tables").glob("effect-*.csv")))
    assert {"naive", "g-computation"} <= set(effect["source"])
    metrics = pd.read_csv(found / "tables" / "metrics.csv")
    assert "scanner shown" in set(metrics["metric"])
    assert not any("Nobody" in path.read_text("utf-8", "ignore") for path in found.rglob("*") if path.is_file())
