"""Ctrl-C in training: a message, exit code 130, and a folder from which the same model comes out."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from effort import wait_for
from safetensors.torch import load_file
from study_cases import TINY

from causalgen.errors import CheckpointError
from causalgen.studies.modelling import fit_model
from causalgen.studies.opening import open_run
from causalgen.studies.run_plan import RunPlan
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data

pytestmark = (
    pytest.mark.slow
)  # the default run has the same with SIGTERM, in test_stop.py, and resumes in test_resume.py
LONG = TINY.replace("images: {epochs: 3,", "images: {epochs: 150,")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run that got SIGINT while it trained the image, and what it said."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "study.yaml").write_text(LONG)
    command = [sys.executable, "-m", "causalgen", "run", "study.yaml", "--out", "run"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in a shell's background ignores it
    )
    attributes_done = folder / "run" / "checkpoints" / "training-attributes.safetensors"
    wait_for(attributes_done.exists, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return folder, subprocess.CompletedProcess(command, process.returncode, out, err)


def test_ctrl_c_says_how_to_go_on(interrupted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = interrupted
    assert done.returncode == 130, done.stderr
    assert "Interrupted. Finished work is kept in run; the same command continues from there." in done.stderr
    assert "Traceback" not in done.stderr
    record = json.loads((folder / "run" / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert record["steps"]["load the data"]["finished"]
    assert not record["steps"]["fit the model"]["finished"]


def test_a_damaged_checkpoint_is_refused(interrupted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = interrupted
    checkpoint = folder / "run" / "checkpoints" / "training-attributes.safetensors"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:100])
    with pytest.raises(CheckpointError, match="Delete the file to train from scratch"):
        run_study(load_study(folder / "study.yaml"), folder / "run")
    checkpoint.write_bytes(content)


def test_the_resumed_run_gives_the_same_model_as_an_uninterrupted_one(
    interrupted: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = interrupted
    study = load_study(folder / "study.yaml")
    resumed = run_study(study, folder / "run")
    assert resumed.status == "finished"
    assert resumed.record["attempts"] == 3
    plan = RunPlan.of(study)
    with open_run(folder / "straight", plan.study) as straight:
        fit_model(plan.build_model, load_data(study.data), straight, plan.config, study.training)
    ours, theirs = (load_file(run.model / "model.safetensors") for run in (resumed, straight))
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    tables = [(run.tables / "training.csv").read_text() for run in (resumed, straight)]
    assert tables[0] == tables[1]
