"""The run folder, which holds one run of one study, and its record `run.json`.

    run.json             study hash, status, seeds, versions, command, steps with their seconds, peak memory
    study.resolved.yaml  the study with every default filled in; can be run as it is
    checkpoints/         unfinished training
    model/               the fitted model
    readers/             classifiers and regressors that read attributes from the images
    tables/ figures/ report.html
    effects/             a separate report for each effect
    audits/ repairs/     results of audits, in the study or by `causalgen audit`, and of `causalgen repair`
    augmentations/       images of `causalgen augment`
    counterfactuals/     answers of `causalgen counterfactual`

Only the checkpoints of finished training are ever deleted.
"""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..datasets import Dataset
from ..errors import CausalgenError, RunFolderError, StorageError, StudyError
from ..files import FULL, no_room, read_text, write_whole
from .data_section import OwnData
from .lock import FolderLock, in_use
from .schema import Study, load_study

__all__ = ["RUN", "STUDY", "RunFolder", "now", "read_run"]

RUN = "run.json"
STUDY = "study.resolved.yaml"
MOST_BYTES = 16_000_000
"""Maximum size of a `run.json`."""
ENTRIES = {"causalgen": str, "name": str, "status": str, "study": str, "steps": dict, "attempts": int}
"""Entries that every `run.json` has, with their types."""


class RunFolder:
    """A run folder; as a context manager it records how the run ended.

    Args:
        path: The folder.
        record: Content of `run.json`.
        trust_code: Whether the code that study and model name may be imported.
    """

    def __init__(self, path: Path, record: dict[str, Any], *, trust_code: bool = False) -> None:
        self.path = path
        self.record = record
        self.trust_code = trust_code
        self.lock: FolderLock | None = None
        self.ends_as = "finished"

    @property
    def checkpoints(self) -> Path:
        """Folder of unfinished training."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """Folder of the fitted model."""
        return self.path / "model"

    @property
    def readers(self) -> Path:
        """Folder of the classifiers and regressors that the metrics step trained."""
        return self.path / "readers"

    @property
    def predictors(self) -> Path:
        """Folder of the attribute predictors that `causalgen evaluate` trained."""
        return self.path / "predictors"

    @property
    def tables(self) -> Path:
        """Folder of the CSV tables."""
        return self.path / "tables"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def status(self) -> str:
        """running, interrupted, failed, fitted or finished; a run whose process is gone is interrupted."""
        status = str(self.record["status"])
        return "interrupted" if status == "running" and not in_use(self.path) else status

    @property
    def resumes(self) -> bool:
        """Whether an earlier attempt at this run left something to continue from."""
        return int(self.record["attempts"]) > 1

    @property
    def study(self) -> Study:
        """The resolved study of this run.

        Raises:
            RunFolderError: The study cannot be read any more.
        """
        try:
            return load_study(self.path / STUDY, trust_code=self.trust_code)
        except StudyError as error:
            raise RunFolderError(f"Expected the study of a run in '{self.path}'; got: {error}") from error

    def finished_step(self, name: str) -> bool:
        """Whether a step succeeded in this or an earlier attempt."""
        return bool(self.record["steps"].get(name, {}).get("finished"))

    def check_rows(self, data: Dataset) -> None:
        """Refuse a user's own table whose rows, or split, changed since the run began.

        Raises:
            RunFolderError: The rows changed: a test row may have become a training row.
        """
        if isinstance(self.study.data, OwnData) and self.record.get("data", data.digest()) != data.digest():
            raise RunFolderError(
                f"Expected the rows of '{data.name}' that the run in '{self.path}' began with; got others, or another split "
                "of them. Restore them, or start over with --fresh. For pictures that are not in the table, use "
                "`causalgen counterfactual --image`."
            )

    def update(self, **entries: Any) -> None:
        """Change entries of `run.json`, atomically."""
        self.record |= entries
        write_whole(self.path / RUN, json.dumps(self.record, indent=2, default=str) + "\n")

    def record_step(self, name: str, seconds: float, *, finished: bool) -> None:
        """Add the seconds of a step over all attempts, and whether one of them succeeded."""
        before = self.record["steps"].get(name, {}).get("seconds", 0.0)
        finished = finished or self.finished_step(name)
        self.update(steps=self.record["steps"] | {name: {"seconds": round(before + seconds, 2), "finished": finished}})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = self.ends_as if kind is None else "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed"
        if self.lock is not None:
            self.lock.give_room()
        with suppress(StorageError):  # the disk may be full; the status on file already marks the run as unfinished
            self.update(status=status, ended=now(), error=None if kind is None else f"{kind.__name__}: {error}")
        if self.lock is not None:
            self.lock.release()
        if isinstance(error, OSError) and not isinstance(error, CausalgenError) and error.errno in FULL:
            raise no_room(Path(error.filename or self.path), error) from error


def read_run(path: Path | str, *, trust_code: bool = False) -> RunFolder:
    """The run in a folder.

    Args:
        path: The folder.
        trust_code: Whether Python code that its study and its model name may be imported.

    Raises:
        RunFolderError: The folder holds no run, or its `run.json` cannot be read.
    """
    path = Path(path)
    try:
        record = json.loads(read_text(path / RUN, MOST_BYTES))
        _check_record(record)
    except (FileNotFoundError, NotADirectoryError):
        what = "a folder without one" if path.is_dir() else "a file" if path.exists() else "no such folder"
        raise RunFolderError(
            f"Expected a run folder with a run.json in '{path}'; got {what}. `causalgen run STUDY` makes one."
        ) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise RunFolderError(
            f"Expected a run.json that causalgen wrote in '{path}'; it cannot be read: {error}."
        ) from None
    _refuse_linked_folders(path)
    return RunFolder(path, record, trust_code=trust_code)


def _check_record(record: Any) -> None:
    if not isinstance(record, dict):
        raise TypeError("it is not a mapping")
    if wrong := [name for name, kind in ENTRIES.items() if not isinstance(record.get(name), kind)]:
        raise ValueError(f"the entry '{wrong[0]}' is missing or of another type")
    for name, step in record["steps"].items():
        if not isinstance(step, dict) or not isinstance(step.get("seconds", 0.0), int | float):
            raise ValueError(f"the step '{name}' has no seconds")


def _refuse_linked_folders(path: Path) -> None:
    """Refuse a run whose subfolders are links: its results would overwrite files elsewhere."""
    for folder, names, _ in os.walk(path):
        for name in names:
            if (link := Path(folder, name)).is_symlink():
                raise RunFolderError(
                    f"Expected a run folder without links to other folders; got '{link}', which is a link to "
                    f"'{link.readlink()}', where results would be written. Replace it by the folder itself."
                )


def now() -> str:
    """The time, as `run.json` writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
