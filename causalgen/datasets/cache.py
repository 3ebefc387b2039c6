"""Keeps generated arrays in the user's cache folder, named by a hash of their inputs."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cache_folder", "cached", "content_hash"]

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]


def cache_folder(root: str | Path | None = None) -> Path:
    """`root`, else the environment variable CAUSALGEN_CACHE, else the user's cache folder."""
    if root is None:
        root = os.environ.get("CAUSALGEN_CACHE")
    if root is None:
        from platformdirs import user_cache_path

        root = user_cache_path("causalgen")
    return Path(root).expanduser()


def content_hash(parts: Iterable[bytes | NDArray]) -> str:
    """Hash of bytes and arrays, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def cached(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays stored at `path`; if they are missing or damaged, make and store them.

    A folder that cannot be written only causes a warning.
    """
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("The cached file %s is damaged (%s); it is generated again.", path, error)
    arrays = make()
    try:
        _write(path, arrays)
    except OSError as error:
        logger.warning("Cannot keep %s (%s); set CAUSALGEN_CACHE to a writable folder.", path, error)
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Write to a neighbouring file, then move it into place: readers see the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
