"""Write a file as a whole: readers see the old content or the new one, and a full disk is named."""

import errno
from contextlib import suppress
from pathlib import Path

from .errors import StorageError

__all__ = ["FULL", "no_room", "write_whole"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of the disk, not of what is written."""
SPACE = "Free some space there"
REMEDIES = {errno.ENOSPC: SPACE, errno.EDQUOT: SPACE, errno.EFBIG: SPACE, errno.EIO: "Check the disk"}


def write_whole(path: Path, content: bytes | str) -> Path:
    """Write a neighbouring file, then move it into place.

    Args:
        path: The file.
        content: Bytes, or text as UTF-8.

    Raises:
        StorageError: The file cannot be written; what was there before is still there.
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
    """The error that says which path cannot be written, why, and what to do."""
    reason = error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0, "Make it writable")
    return StorageError(
        f"Expected to write '{path}'; got: {reason}. {remedy} and run the same command again; a run goes on from what it has "
        "kept."
    )
