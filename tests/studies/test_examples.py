"""The examples about a user's own pictures: prepared from the real data, checked, run in smoke form."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, source: Path | str, folder: Path, study: str = "study.yaml") -> Path:
    """Prepare a copy of an example and run it; the run folder."""
    shutil.copytree(EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("faces", "xrays", "scans"))
    subprocess.run([sys.executable, folder / example / "prepare.py", source], check=True)
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
