"""`causalgen counterfactual --all --on ray`: the bytes that one process writes, also after a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from effort import wait_for
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.errors import DataError, LostProcessError, RunFolderError
from causalgen.studies.all_units import answer_all
from causalgen.studies.on_ray import ADDRESS, run_tasks
from causalgen.studies.runfolder import read_run

from .test_counterfactual_shards import DO, _files, run

__all__ = ["run"]

COMMAND = [sys.executable, "-m", "causalgen", "counterfactual"]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A cluster of this machine, which the tests of this module join."""
    found = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    found.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield found
    found.shutdown()


def one_process(run: Path, folder: Path) -> Path:
    return answer_all(read_run(run), [DO], folder)[0]


@pytest.mark.slow
def test_ray_writes_the_bytes_of_one_process(
    run: Path, ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = one_process(run, tmp_path / "whole")
    monkeypatch.chdir(tmp_path)
    folder, table = answer_all(read_run(run), [DO], Path("shards"), on="ray", processes=2)
    assert _files(folder) == _files(whole)
    assert len(table) == 3


@pytest.mark.slow
def test_a_lost_process_costs_nothing_and_a_task_that_always_loses_it_is_named(ray: Any, tmp_path: Path) -> None:
    def killed_once(number: int) -> None:
        if not (mark := tmp_path / f"{number}").exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (tmp_path / f"{number}.done").touch()

    assert len(list(run_tasks(killed_once, range(3), 2))) == 3
    assert len(list(tmp_path.glob("*.done"))) == 3
    with pytest.raises(LostProcessError, match="the same command continues"):
        list(run_tasks(lambda _: os.kill(os.getpid(), signal.SIGKILL), range(1), 1))

    def wrong(number: int) -> None:
        raise DataError(f"Expected an even number; got {number}.")

    with pytest.raises(DataError, match=r"^Expected an even number; got 3\.$"):
        list(run_tasks(wrong, [3], None))


@pytest.mark.slow
def test_a_killed_command_continues_to_the_same_bytes(run: Path, ray: Any, tmp_path: Path) -> None:
    """Killed after its first shard; its cluster, which the test does not join, ends with it."""
    whole, out = one_process(run, tmp_path / "whole"), tmp_path / "killed"
    words = [str(run), "--all", "--do", DO, "--out", str(out), "--on", "ray", "--processes", "1"]
    environment = {name: value for name, value in os.environ.items() if name != ADDRESS}
    with subprocess.Popen([*COMMAND, *words], env=environment, stderr=subprocess.DEVNULL, text=True) as process:
        wait_for(lambda: bool(list((out / "data").glob("*.parquet"))), process, 500)
        process.kill()
    assert not json.loads((out / "manifest.json").read_text())["finished"]
    answer_all(read_run(run), [DO], out, on="ray")
    assert _files(out) == _files(whole)


def test_an_altered_shard_and_another_question_are_refused_before_ray_starts(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causalgen.studies.all_units.require_ray", lambda: None)
    monkeypatch.setattr("causalgen.studies.all_units.run_tasks", lambda *_: pytest.fail("a task was started"))
    whole = one_process(run, tmp_path / "whole")
    shard = sorted((whole / "data").iterdir())[0]
    with pytest.raises(RunFolderError, match="differs in do"):
        answer_all(read_run(run), ["size+=1"], whole, on="ray")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(RunFolderError, match=f"Expected the shard '{shard}' as the manifest describes it"):
        answer_all(read_run(run), [DO], whole, on="ray")


def test_without_ray_one_message_names_the_extra(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["counterfactual", str(run), "--all", "--do", DO, "--out", str(tmp_path / "out"), "--on", "ray"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "pip install 'causalgen[ray]'" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_ray_answers_all_units_only(run: Path) -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["counterfactual", str(run), "--rows", "1", "--do", DO, "--on", "ray"]
    )
    assert done.exit_code == 2
    assert "Expected --split, --processes and --on together with --all" in done.output
