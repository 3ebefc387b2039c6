"""Archives of a model: written with its few files, and unpacked without trusting their content."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from ..errors import DataError
from ..files import no_room

__all__ = ["MOST_BYTES", "pack", "unpack"]

E = TypeVar("E")
MOST_BYTES = 4 * 2**30
"""Maximum size of all files of an archive together, unpacked."""
MOST_MEMBERS = 64
PIECE = 2**20

Member = tuple[str, bool, int]
"""Name, whether it is a plain file, and declared bytes."""


def pack(folder: Path, target: Path, files: Sequence[str]) -> Path:
    """Write the files of a folder that exist among `files` into a .zip, .tar, .tar.gz or .tgz archive."""
    present = [name for name in files if (folder / name).is_file()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() == ".zip":
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
                for name in present:
                    # A fixed date, so that equal models give equal archives.
                    archive.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED, 9)
        else:
            with tarfile.open(target, "w" if target.suffix.lower() == ".tar" else "w:gz") as archive:
                for name in present:
                    archive.add(folder / name, name)
    except OSError as error:
        raise no_room(target, error) from error
    return target


def unpack(source: Path, target: Path, files: Sequence[str]) -> Path:
    """Unpack an archive that contains only some of `files`, at its top or all in one folder, into a new folder.

    Links, paths that leave the folder, other files, files that occur twice, and more bytes than `MOST_BYTES` are
    refused before anything is written to `target`.

    Raises:
        DataError: The archive cannot be read, or holds something else.
        StorageError: A file cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".unpacking-"))
    try:
        with _opened(source) as (members, open_member):
            _check(source, members, files)
            room = MOST_BYTES
            for name, plain, _ in members:
                if plain:
                    room = _copy(source, open_member(name), scratch / PurePosixPath(name).name, room)
        scratch.chmod(0o755)
        scratch.rename(target)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"Expected a .zip or .tar archive of a model in '{source}'; it cannot be read: {error}."
        ) from None
    except OSError as error:
        raise no_room(target, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _check(source: Path, members: Sequence[Member], files: Sequence[str]) -> None:
    if len(members) > MOST_MEMBERS:
        raise _foreign(source, f"{len(members)} entries")
    seen: set[PurePosixPath] = set()
    for name, plain, size in members:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or len(path.parts) > 2:
            raise _foreign(source, f"the path {name!r}")
        if not plain:
            if name.endswith("/") and len(path.parts) == 1:
                continue
            raise _foreign(source, f"{name!r}, which is not a plain file")
        if path.name not in files:
            raise _foreign(source, f"{name!r}")
        if path in seen:
            raise _foreign(source, f"{name!r} twice")
        seen.add(path)
        if size > MOST_BYTES:
            raise _foreign(source, f"{name!r} with {size:,} bytes")
    if len({path.parent for path in seen}) > 1:
        raise _foreign(source, "files in several folders")


def _foreign(source: Path, what: str) -> DataError:
    return DataError(f"Expected an archive of the files of one model in '{source}'; got {what}. Nothing was unpacked.")


def _copy(source: Path, stream: IO[bytes], target: Path, room: int) -> int:
    """Copy at most `room` bytes, whatever the archive declares; return what is left of it."""
    with stream, target.open("xb") as file:
        while piece := stream.read(PIECE):
            room -= len(piece)
            if room < 0:
                raise _foreign(source, f"more than {MOST_BYTES:,} bytes")
            file.write(piece)
    return room


@contextmanager
def _opened(source: Path) -> Iterator[tuple[list[Member], Callable[[str], IO[bytes]]]]:
    """Members of an archive, and what opens one."""
    if source.suffix.lower() == ".zip":
        with zipfile.ZipFile(source) as archive:
            yield [_zip_member(entry) for entry in _few(archive.infolist())], archive.open
        return
    with tarfile.open(source, "r:*") as tape:
        members = [(member.name + "/" * member.isdir(), member) for member in _few(tape)]
        listed = [(name, member.isreg() and not member.issparse(), member.size) for name, member in members]
        by_name = dict(members)

        def open_member(name: str) -> IO[bytes]:
            stream = tape.extractfile(by_name[name])
            if stream is None:
                raise tarfile.TarError(f"{name!r} is not a file")
            return stream

        yield listed, open_member


def _few(members: Iterable[E]) -> list[E]:
    """The members, up to one more than allowed: a list of millions is not read."""
    return list(islice(members, MOST_MEMBERS + 1))


def _zip_member(entry: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was made on Windows, or in memory
    return entry.filename, not entry.is_dir() and kind in (0, stat.S_IFREG), entry.file_size
