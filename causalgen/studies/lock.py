"""One process at a time in a run folder: a lock that ends with its process."""

import os
import platform
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..errors import RunFolderError

__all__ = ["LOCK", "FolderLock", "in_use", "refuse_in_use"]

LOCK = "run.lock"
RESERVE = 65536
"""Bytes that the lock file reserves, so that the status of a run can be written when the disk is full."""


class FolderLock:
    """Holds a folder for this process, and creates the folder if it does not exist.

    The system releases the lock with the process, so that `kill -9` leaves nothing to clean up. Where a file system
    has no locks, the process named in the file decides. As a context manager, it releases the lock at the end and
    removes a folder that it created and that is still empty.

    Args:
        folder: The folder.

    Raises:
        RunFolderError: Another process holds it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = _missing(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file: IO[str] | None = _locked(folder / LOCK)
            self._sign()
        except RunFolderError:
            raise
        except OSError as error:
            raise RunFolderError(
                f"Expected an output folder that can be written; got '{folder}': {error.strerror}. Choose another with "
                "--out."
            ) from None

    def _sign(self) -> None:
        """Write which process holds the folder, and reserve some room on the disk."""
        assert self.file is not None
        self.file.seek(0)
        self.file.truncate()
        self.file.write(f"{os.getpid()} {platform.node()}\n".ljust(RESERVE))
        self.file.flush()

    def give_room(self) -> None:
        """Free the reserve on the disk."""
        if self.file is not None:
            with suppress(OSError):
                self.file.truncate(0)

    def release(self) -> None:
        """Release the folder for other processes."""
        self.give_room()
        if self.file is not None:
            self.file.close()
            self.file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self.made and [path.name for path in self.folder.iterdir()] == [LOCK]:
                (self.folder / LOCK).unlink()
                for folder in self.made:
                    folder.rmdir()
        self.release()


def in_use(folder: Path) -> bool:
    """Whether a process holds the folder."""
    try:
        with open(folder / LOCK, encoding="utf-8") as file:
            return not _flock(file, shared=True, path=folder / LOCK)
    except OSError:
        return False


def refuse_in_use(folder: Path) -> None:
    """Raise `RunFolderError` where another process holds the folder."""
    if in_use(folder):
        raise _refusal(folder)


def _missing(folder: Path) -> list[Path]:
    """Return the folders to create, the innermost first."""
    return [place for place in (folder, *folder.parents) if not place.exists()]


def _locked(path: Path) -> IO[str]:
    """The lock file, held."""
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - held open until the run ends
        if not _flock(file, shared=False, path=path):
            file.close()
            raise _refusal(path.parent)
        with suppress(FileNotFoundError):
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                return file
        file.close()  # its former holder removed it in the meantime


def _flock(file: IO[str], *, shared: bool, path: Path) -> bool:
    """Lock an open file; False where another process holds it."""
    try:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows, or a file system without locks
        return not _lives(path)
    return True


def _refusal(folder: Path) -> RunFolderError:
    return RunFolderError(
        f"Expected '{folder}' for this run alone; another process{_holder(folder / LOCK)} is running in it. Wait for it, or "
        "choose another folder with --out."
    )


def _holder(path: Path) -> str:
    """Describe the process that holds the lock, if its file names one."""
    with suppress(OSError, ValueError):
        process, node = path.read_text(encoding="utf-8").split()
        return f" ({process} on {node})"
    return ""


def _lives(path: Path) -> bool:
    """Return whether the process that the file names runs on this machine and is not this one."""
    try:
        process, node = path.read_text(encoding="utf-8").split()
        number = int(process)
        if os.name == "nt" or node != platform.node() or number < 1 or number == os.getpid():
            return False
        os.kill(number, 0)
    except PermissionError:  # it runs under another user
        return True
    except (OSError, ValueError):
        return False
    return True
