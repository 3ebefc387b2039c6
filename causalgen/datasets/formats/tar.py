"""Reads members of a tar file in place, without unpacking it."""

import tarfile
from functools import lru_cache
from pathlib import Path

from .place import stamp

__all__ = ["members", "read_member"]


def members(file: Path) -> dict[str, tuple[int, int]]:
    """The offset and length in bytes of each file in an uncompressed tar file, in its order.

    Raises:
        tarfile.TarError: It is not an uncompressed tar file.
    """
    return _members(file, stamp(file))


@lru_cache(maxsize=1024)
def _members(file: Path, stamped: bytes) -> dict[str, tuple[int, int]]:
    with tarfile.open(file, "r:") as archive:
        return {
            member.name.removeprefix("./"): (member.offset_data, member.size) for member in archive if member.isreg()
        }


def read_member(file: Path, name: str) -> bytes:
    """The bytes of a member.

    Raises:
        KeyError: There is no such member.
    """
    start, size = members(file)[name]
    with file.open("rb") as opened:
        opened.seek(start)
        return opened.read(size)
