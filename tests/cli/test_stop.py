"""SIGTERM ends a run as Ctrl-C does, and a folder in use is refused before data are loaded."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from effort import wait_for
from study_cases import TINY

from causalgen.benchmark import BenchmarkOptions, run_benchmark
from causalgen.cli.signals import Terminated, exit_code
from causalgen.errors import RunFolderError
from causalgen.studies.lock import LOCK, FolderLock, in_use
from causalgen.studies.opening import open_run
from causalgen.studies.runfolder import read_run
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study
from causalgen.studies.settings import resolve

LONG = TINY.replace("images: {epochs: 3,", "images: {epochs: 4000,")
HOLDER = """
import sys, time
from pathlib import Path
from causalgen.studies.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_default_signals,
    )


def _wait(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    wait_for(ready, process)
    assert ready(), process.communicate()


@pytest.fixture(scope="module")
def terminated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.Popen[str], str, str]:
    """A run that got SIGTERM in the image stage, and at once two further signals; a second run met its folder in use."""
    folder = tmp_path_factory.mktemp("terminated")
    (folder / "study.yaml").write_text(LONG)
    process = _start(folder, "-m", "causalgen", "run", "study.yaml", "--out", "run")
    _wait((folder / "run" / "checkpoints" / "training-attributes.safetensors").exists, process)
    study = load_study(folder / "study.yaml")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("causalgen.studies.runner.load_data", lambda *_: pytest.fail("data were loaded"))
        with pytest.raises(RunFolderError) as refused:
            run_study(study, folder / "run")
        assert read_run(folder / "run").status == "running"
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
        time.sleep(0.02)
    _, stderr = process.communicate(timeout=60)
    return folder, process, stderr, str(refused.value)


def test_sigterm_ends_like_ctrl_c(terminated: tuple[Path, subprocess.Popen[str], str, str]) -> None:
    folder, process, stderr, _ = terminated
    assert process.returncode == 143, stderr
    assert "Interrupted by SIGTERM. Finished work is kept in run; the same command continues from there." in stderr
    assert "Traceback" not in stderr
    record = json.loads((folder / "run" / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert record["error"] == "Terminated: SIGTERM"
    assert not list(folder.rglob("*.part"))


def test_a_folder_in_use_is_refused_before_data_are_loaded(
    terminated: tuple[Path, subprocess.Popen[str], str, str],
) -> None:
    _, process, _, refused = terminated
    assert f"another process ({process.pid} on " in refused
    assert "Wait for it, or choose another folder with --out." in refused


def test_the_run_that_was_terminated_goes_on(terminated: tuple[Path, subprocess.Popen[str], str, str]) -> None:
    folder, *_ = terminated
    study = resolve(load_study(folder / "study.yaml"))
    with open_run(folder / "run", study) as run:
        assert run.record["attempts"] == 2
        assert (run.checkpoints / "training-attributes.safetensors").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_lock_ends_with_its_process_even_when_it_is_killed(tmp_path: Path) -> None:
    process = _start(tmp_path, "-c", HOLDER, "run")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert in_use(tmp_path / "run")
    with pytest.raises(RunFolderError, match=f"another process \\({process.pid} on "):
        FolderLock(tmp_path / "run")
    process.kill()
    process.communicate()
    assert not in_use(tmp_path / "run")
    with FolderLock(tmp_path / "run"):
        assert in_use(tmp_path / "run")


def test_a_run_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TINY)
    folder = open_run(tmp_path / "run", resolve(load_study(tmp_path / "study.yaml")))
    assert read_run(tmp_path / "run").status == "running"
    assert folder.lock is not None
    folder.lock.file.close()  # as the system does when the process is killed
    assert read_run(tmp_path / "run").record["status"] == "running"
    assert read_run(tmp_path / "run").status == "interrupted"


@pytest.mark.parametrize("deep", ["run", "a/b/run"])
def test_a_folder_made_for_a_run_that_never_began_goes_again(tmp_path: Path, deep: str) -> None:
    with FolderLock(tmp_path / deep):
        assert (tmp_path / deep / LOCK).stat().st_size > 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "word", "999999999 elsewhere", "1 2 3", "-1 here"])
def test_a_file_left_by_a_dead_process_holds_nothing(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a file system without locks, where only the process in the file can tell."""

    def without(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", without)
    (tmp_path / LOCK).write_text(text)
    assert not in_use(tmp_path)
    with FolderLock(tmp_path):
        pass


def test_without_locks_the_process_in_the_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", without)
    import platform

    (tmp_path / LOCK).write_text(f"{os.getppid()} {platform.node()}")
    assert in_use(tmp_path)
    with pytest.raises(RunFolderError, match="another process"):
        FolderLock(tmp_path)


def test_a_benchmark_refuses_a_folder_in_use(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "b"), pytest.raises(RunFolderError, match=r"another process .* is running in it"):
        run_benchmark("morphodigits", tmp_path / "b", options=BenchmarkOptions(smoke=True, device="cpu"))
    assert not (tmp_path / "b").exists()


def test_exit_codes_say_which_signal_came() -> None:
    assert [exit_code(error) for error in (KeyboardInterrupt(), Terminated(), None)] == [130, 143, 130]
