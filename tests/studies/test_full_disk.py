"""A disk that is full, or read-only, is named; the run says so truly and goes on when there is room."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from study_cases import TINY

from causalgen.errors import RenamedWarning, StorageError
from causalgen.files import no_room, write_whole
from causalgen.reports.folder import Picture
from causalgen.studies.lock import in_use
from causalgen.studies.runfolder import read_run
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study

PLACES = ("training-image.safetensors", "model.json", "training.csv", "report.html")
"""Files of a run at which the disk is full."""


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A disk with no room for files whose names begin with what stands under "file": half of one is written, then none."""
    disk: dict[str, Any] = {"file": None, "error": errno.ENOSPC}
    write = Path.write_bytes

    def writes(path: Path, content: bytes) -> int:
        if disk["file"] is None or not path.name.startswith(disk["file"]):
            return write(path, content)
        if disk["error"] == errno.ENOSPC:
            write(path, content[: len(content) // 2])
        raise OSError(disk["error"], os.strerror(disk["error"]))  # as the system does, which does not name the file

    monkeypatch.setattr(Path, "write_bytes", writes)
    return disk


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.reports.folder.ReportFolder.picture", lambda *_, **__: Picture("", "", "", "", 0, 0))
    monkeypatch.setattr("causalgen.training.checkpoint.INTERVAL", 0.0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=[pytest.mark.slow] * (place in PLACES[1:3])) for place in PLACES]
)
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    place: str, full: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    study = load_study(tmp_path / "study.yaml")
    full["file"] = place
    with pytest.raises(StorageError, match=f"{place}'; got: No space left on device. Free some space there and run"):
        run_study(study, tmp_path / "run")
    failed = read_run(tmp_path / "run")
    assert failed.status == "failed"
    assert "No space left" in failed.record["error"]
    assert not list((tmp_path / "run").rglob("*.part"))
    assert not in_use(tmp_path / "run")
    full["file"] = None
    assert run_study(study, tmp_path / "run").status == "finished"


def test_a_disk_without_room_for_the_status_leaves_no_run_that_seems_to_go_on(
    full: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.yaml").write_text(TINY, encoding="utf-8")
    study = load_study(tmp_path / "study.yaml")

    def fills_the_disk(*_: object, **__: object) -> None:
        full["file"] = ""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("causalgen.studies.runner.fit_model", fills_the_disk)
    with (
        pytest.raises(StorageError, match=r"run'; got: No space left on device"),
        pytest.warns(RenamedWarning, match=r"run_study\(command=...\) is now run_study\(invocation="),
    ):
        run_study(study, tmp_path / "run", command=["the earlier way"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
    assert read_run(tmp_path / "run").status == "interrupted"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO])
def test_what_was_there_before_is_still_there(number: int, full: dict[str, Any], tmp_path: Path) -> None:
    path = write_whole(tmp_path / "file", "before")
    full |= {"file": "file", "error": number}
    with pytest.raises(StorageError, match=f"{path}'; got: {os.strerror(number)}"):
        write_whole(path, "afterwards")
    assert path.read_text() == "before"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Make it writable"), (errno.EIO, "Check the disk")],
)
def test_the_remedy_fits_the_fault(number: int, remedy: str) -> None:
    assert remedy in str(no_room(Path("x"), OSError(number, os.strerror(number))))
