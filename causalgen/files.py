"""Write a file atomically: readers see the old content or the new one, and errors name a full disk; read small text files."""

import errno
import hashlib
import stat
from contextlib import suppress
from pathlib import Path

from .errors import StorageError

__all__ = ["FULL", "no_room", "read_text", "require_regular", "sha256_of", "write_whole"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Error codes of the disk, not of the content."""
SPACE = "Free some space there"
REMEDIES = {errno.ENOSPC: SPACE, errno.EDQUOT: SPACE, errno.EFBIG: SPACE, errno.EIO: "Check the disk"}


def write_whole(path: Path, content: bytes | str) -> Path:
    """Write a temporary file next to the target, then move it into place.

    Args:
        path: The file.
        content: Bytes, or text as UTF-8.

    Raises:
        StorageError: The file cannot be written; the earlier file is kept.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.unlink(missing_ok=True)  # it may be a link to another file, which opening would overwrite
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise no_room(path, error) from error
    return path


def read_text(path: Path, most: int) -> str:
    """Return the text of a file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file, or a link to it.
        most: Greatest number of bytes.

    Raises:
        OSError: The file cannot be read, is a pipe or a device, or has more bytes.
        UnicodeDecodeError: The file is not in UTF-8.
    """
    if (size := require_regular(path)) > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {most:,}", str(path))
    return path.read_text(encoding="utf-8-sig")


def require_regular(path: Path) -> int:
    """Return the size in bytes of a regular file; raise an error for a pipe or a device, which may be endless.

    Raises:
        OSError: The file does not exist, or is something else.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return found.st_size


def sha256_of(path: Path) -> str:
    """SHA-256, in hexadecimal, of the content of a file.

    Raises:
        OSError: The file cannot be read, or is a pipe or a device.
    """
    require_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def no_room(path: Path, error: OSError) -> StorageError:
    """Return the error that names the path, the reason and the remedy."""
    reason = error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0, "Make it writable")
    return StorageError(
        f"Expected to write '{path}'; got: {reason}. {remedy} and run the same command again; a run continues from what it has "
        "kept."
    )
