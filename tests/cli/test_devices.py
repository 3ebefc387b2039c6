"""`causalgen fit --devices 2` starts a second process, gives the model of one, and survives the end of either process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from effort import wait_for
from study_cases import TINY
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

LONG = TINY.replace("images: {epochs: 3,", "images: {epochs: 150, patience: 150,")
COMMAND = [sys.executable, "-m", "causalgen", "fit", "study.yaml", "--out", "run", "--devices"]
TWO_CORES = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes need two cores")


def history(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "tables" / "training.csv")


@pytest.mark.slow
@TWO_CORES
def test_two_processes_fit_the_attributes_of_one_but_for_rounding(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY)
    done = subprocess.run([*COMMAND, "2"], cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 2 of 2: fit the model") == 1  # one process prints
    assert "2 processes train together" in done.stderr
    alone = run_study(load_study(tmp_path / "study.yaml"), tmp_path / "alone", only_fit=True)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["processes"] == {"devices": 2, "num_nodes": 1}
    assert record["study"] == alone.record["study"]
    both = history(tmp_path / "run").merge(history(alone.path), on=["node", "epoch", "split", "objective"])
    assert len(both) == len(history(alone.path))
    attributes = both[both["node"] != "image"]
    assert attributes["value_x"].to_numpy() == pytest.approx(attributes["value_y"].to_numpy(), rel=1e-4, abs=1e-5)
    image = both[(both["node"] == "image") & (both["split"] == "validation") & (both["objective"] == "loss")]
    assert image["value_x"].to_numpy() == pytest.approx(image["value_y"].to_numpy(), rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--devices", "10000"], "the processor cores of this machine; got 10000. Ask for fewer."),
        (["--devices", "0"], "greater than or equal to 1"),
        (["--num-nodes", "2"], "Expected a launcher on each of 2 machines"),
        (["--precision", "16-true"], "'16-true' is not one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message(options: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY)
    arguments = ["fit", str(tmp_path / "study.yaml"), "--device", "cpu", "--out", str(tmp_path / "run"), *options]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "run").exists()


def test_another_number_than_the_launcher_started_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "study.yaml").write_text(TINY)
    done = CliRunner().invoke(
        app, ["fit", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "run"), "--devices", "1"]
    )
    assert done.exit_code == 2
    assert "Expected 2 devices on 1 machines, as the launcher started processes; got 1 on 1." in " ".join(
        done.output.split()
    )


def started(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A fit in two processes that trains the image, and the number of the second process."""
    process = subprocess.Popen(
        [*COMMAND, "2"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in a shell's background ignores it
    )
    checkpoint = folder / "run" / "checkpoints" / "training-attributes.safetensors"
    wait_for(checkpoint.exists, process)
    second = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    return process, int(second[0])


@pytest.mark.slow
@TWO_CORES
def test_a_killed_process_ends_the_run_which_another_number_of_processes_resumes(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(LONG)
    process, second = started(tmp_path)
    os.kill(second, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Process 2 of 2 ({second}) was ended by SIGKILL." in said
    assert "Expected all 2 processes to train until the end" in said
    assert "Traceback" not in said
    resumed = subprocess.run([*COMMAND, "1"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert resumed.returncode == 0, resumed.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["processes"]["devices"], record["attempts"]) == ("fitted", 1, 2)
    assert history(tmp_path / "run").query("node == 'image'")["epoch"].nunique() == 150


@pytest.mark.slow
@TWO_CORES
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_both_processes_and_keeps_the_run(number: signal.Signals, code: int, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(LONG)
    process, second = started(tmp_path)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.count("Finished work is kept in run") == 1
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    resumed = subprocess.run([*COMMAND, "2"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert resumed.returncode == 0, resumed.stderr
    assert history(tmp_path / "run").query("node == 'image'")["epoch"].nunique() == 150
