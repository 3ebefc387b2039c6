"""The fingerprint of a run's model and study, by which a user recognises the run that its author meant.

The checksums within a saved model show damage only, because whoever changes a file can change its checksum. A
fingerprint received through another channel, such as a paper or a message, also shows forgery.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..errors import CheckpointError
from ..files import sha256_of
from .runfolder import STUDY
from .saved_model import Asked, SavedModel

__all__ = ["fingerprint", "require_fingerprint"]


def fingerprint(run: Asked) -> str:
    """SHA-256, in hexadecimal, of the names and contents of a run's resolved study and of all files of its model.

    For a saved model, only its files are covered.

    Raises:
        CheckpointError: The run has no model yet, or a file cannot be read.
    """
    if isinstance(run, SavedModel):
        return _joined(run.model, sorted(run.model.glob("model.*")))
    if not run.model.is_dir():
        raise CheckpointError(f"Expected a fitted model in '{run.model}'; got none. Let the run finish first.")
    files = sorted(path for path in run.model.rglob("*") if not path.is_dir())
    return _joined(run.path, [run.path / STUDY, *files])


def _joined(folder: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of the relative names and contents of some files in a folder."""
    found = hashlib.sha256()
    for path in files:
        found.update(f"{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    return found.hexdigest()


def require_fingerprint(run: Asked, expected: str | None) -> None:
    """Refuse a run with another fingerprint; None accepts any.

    Raises:
        CheckpointError: The run has another fingerprint.
    """
    if expected is None:
        return
    found = fingerprint(run)
    if found != expected.strip().lower():
        place = run.model if isinstance(run, SavedModel) else run.path
        raise CheckpointError(
            f"Expected '{place}' to have the fingerprint {expected}; got {found}. Its model or study is not the "
            "expected one: get it again from its author."
        )


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise CheckpointError(
            f"Expected '{path}' to be a file that can be read; got: {error.strerror or error}. Restore the folder."
        ) from None
