"""Output folders of commands, checked before any long work."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RunFolderError

__all__ = ["answer_folder", "check_writable", "query_folder", "writing"]

LONGEST_NAME = 80


def check_writable(folder: Path) -> None:
    """Raise `RunFolderError` unless `folder` can be written or created; change nothing."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise _unwritable(folder, f"'{place}' is not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"'{place}' cannot be written")


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Create the folder; failures to write in it become `RunFolderError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from None


def query_folder(parent: Path, words: Iterable[str]) -> Path:
    """Return a folder below `parent` named after a query; each query has a separate folder.

    >>> query_folder(Path("samples"), ["thickness=4", "pen = felt-tip", "n", "16"]).name
    'thickness=4_pen=felt-tip_n_16'
    """
    exact = "_".join(words)
    plain = exact.replace(" = ", "=")
    safe = "".join(character if character.isalnum() or character in "-_.+=" else "-" for character in plain)
    if safe != plain or len(safe) > LONGEST_NAME:
        safe = f"{safe[:LONGEST_NAME]}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"
    return parent / safe


def answer_folder(out: Path | None, parent: Path, words: Iterable[str], table: str) -> Path:
    """Return the folder of an answer: `out`, else one below `parent` named after the query; it is not created.

    An earlier answer in `out`, recognised by its `table`, will be replaced; other pictures will not.

    Raises:
        RunFolderError: The folder cannot be written, or holds such pictures.
    """
    folder = query_folder(parent, words) if out is None else out
    check_writable(folder)
    taken = next((name for name in ("grid.png", "images") if (folder / name).exists()), None)
    if out is not None and taken is not None and not (out / table).exists():
        raise RunFolderError(
            f"Expected an output folder that is empty or holds an earlier answer ({table}); got '{out}' with '{taken}'. "
            "Choose another with --out."
        )
    return folder


def _unwritable(folder: Path, reason: str) -> RunFolderError:
    return RunFolderError(
        f"Expected an output folder that can be written; got '{folder}': {reason}. Choose another with --out."
    )
