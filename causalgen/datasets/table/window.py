"""The range of grey values in a column of images: the proposed window, computed from all files and cached."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from joblib import Parallel, delayed

from ..cache import cache_folder, content_hash
from .pixels import grey_range

__all__ = ["find_window"]


def find_window(paths: Sequence[Path]) -> tuple[float, float] | None:
    """Least and greatest grey value in all of the files; None if all pixels are equal. Damaged files are skipped."""
    files = sorted({path for path in paths if path.is_file()})
    store = cache_folder() / "windows" / f"{content_hash(map(_stamp, files))}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        low, high = json.loads(store.read_text())
        return (float(low), float(high)) if low < high else None
    ranges = [found for found in Parallel(n_jobs=-1, prefer="threads")(map(delayed(grey_range), files)) if found]
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    _keep(store, [low, high])
    return (low, high) if low < high else None


def _stamp(path: Path) -> bytes:
    stat = path.stat()
    return f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}".encode()


def _keep(store: Path, window: list[float]) -> None:
    """Write to a neighbouring file, then move it into place; without a writable folder, nothing is cached."""
    temporary = store.with_name(f"{store.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(window))
        temporary.replace(store)
