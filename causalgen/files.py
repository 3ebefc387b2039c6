"""Write a file atomically: readers see the old content or the new one, and errors name a full disk."""

import errno
from contextlib import suppress
from pathlib import Path

from .errors import StorageError

__all__ = ["FULL", "no_room", "write_whole"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of the disk, not of the content."""
SPACE = "Free some space there"
REMEDIES = {errno.ENOSPC: SPACE, errno.EDQUOT: SPACE, errno.EFBIG: SPACE, errno.EIO: "Check the disk"}


def write_whole(path: Path, content: bytes | str) -> Path:
    """Write a neighbouring file, then move it into place.

    Args:
        path: The file.
        content: Bytes, or text as UTF-8.

    Raises:
        StorageError: The file cannot be written; the earlier file is kept.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise no_room(path, error) from error
    return path


def no_room(path: Path, error: OSError) -> StorageError:
    """The error that names the path, the reason and the remedy."""
    reason = error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0, "Make it writable")
    return StorageError(
        f"Expected to write '{path}'; got: {reason}. {remedy} and run the same command again; a run continues from what it has "
        "kept."
    )
