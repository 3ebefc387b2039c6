"""Open a run folder: create it, resume an unfinished run, or refuse with a remedy."""

import os
import shutil
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import RunFolderError, StorageError
from ..files import write_whole
from .lock import LOCK, FolderLock
from .output import check_writable
from .runfolder import RUN, STUDY, RunFolder, now, read_run
from .schema import Study

__all__ = ["inspect_run", "open_run"]


def open_run(
    path: Path | str,
    study: Study,
    *,
    smoke: bool = False,
    fresh: bool = False,
    command: list[str] | None = None,
    lock: FolderLock | None = None,
) -> RunFolder:
    """Create the run folder of a resolved study, or resume its unfinished run.

    Args:
        path: The folder.
        study: The resolved study.
        smoke: Whether the study was shrunk.
        fresh: Move an earlier causalgen run aside, to the first free of `path`.1, `path`.2, ..., and start over.
        command: Command line, for the record.
        lock: The folder's lock, where this process already holds it.

    Raises:
        RunFolderError: The folder cannot be written, is in use, or holds other content, a finished run, or a run of
            another study.
    """
    path = Path(path)
    earlier, moved = inspect_run(path, study, fresh=fresh), None
    lock = lock or FolderLock(path)
    if earlier is not None and fresh:
        earlier, moved = None, _move_aside(path)
        lock.release()
        lock = FolderLock(path)
    record = _record(study, smoke, command) if earlier is None else earlier.record
    folder = RunFolder(path, record, trust_code=study.trust_code)
    try:
        folder.lock = lock
        write_whole(path / STUDY, study.to_yaml())
        folder.update(status="running", attempts=int(record["attempts"]) + 1, error=None, moved_aside=moved)
    except StorageError:
        lock.release()
        raise
    return folder


def inspect_run(path: Path | str, study: Study, *, fresh: bool = False) -> RunFolder | None:
    """Return the earlier run that `open_run` would resume or move aside, None for a new folder; change nothing.

    Raises:
        RunFolderError: As `open_run`.
    """
    path = Path(path)
    check_writable(path)
    try:
        if not path.exists() or all(thing.name == LOCK for thing in path.iterdir()):
            return None
    except OSError as error:
        raise RunFolderError(
            f"Expected an output folder; got '{path}': {error.strerror}. Choose another with --out."
        ) from None
    if not (path / RUN).exists():
        raise RunFolderError(
            f"Expected an empty folder or an earlier run in '{path}'; got a folder with other content. "
            "Choose another with --out."
        )
    earlier = read_run(path, trust_code=study.trust_code)
    if not fresh:
        _refuse_finished_or_different(earlier, study)
    return earlier


def _refuse_finished_or_different(earlier: RunFolder, study: Study) -> None:
    path, same = earlier.path, earlier.record["study"] == study.fingerprint
    if same and earlier.status != "finished":
        return
    what = "the finished run of this study" if same else _differences(earlier, study)
    raise RunFolderError(
        f"Expected a new folder or an unfinished run of this study in '{path}'; got {what}. "
        "Choose another folder with --out, or start over with --fresh, which keeps the earlier run next to it."
    )


def _differences(earlier: RunFolder, study: Study) -> str:
    """Describe the earlier run, with the entries that differ."""
    try:
        before, after = _flat(earlier.study.plain()), _flat(study.plain())
    except RunFolderError:
        return "a run of another study (its study.resolved.yaml cannot be read)"
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names:  # the fingerprint covers defaults, which differ between versions
        return "a run of this study that another version of causalgen began"
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    return f"a run of another study (it differs in {shown})"


def _flat(plain: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, value in plain.items():
        entries |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return entries


def _move_aside(path: Path) -> str:
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    try:
        shutil.move(path, aside)
    except OSError as error:
        raise RunFolderError(
            f"Expected to move the earlier run to '{aside}'; got: {error.strerror}. Choose another folder with --out."
        ) from None
    return str(aside)


def _record(study: Study, smoke: bool, command: list[str] | None) -> dict[str, Any]:
    return {
        "causalgen": __version__,
        "name": study.name,
        "study": study.fingerprint,
        "seed": study.seed,
        "smoke": smoke,
        "status": "running",
        "attempts": 0,
        "command": command,
        "folder": os.getcwd(),
        "started": now(),
        "steps": {},
    }
