"""The range of grey values in a column of images: the proposed window, computed from all files and cached.

Pixels outside a declared window, which become black and white, are counted.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..cache import cache_folder, content_hash
from ..formats import split_place, stamp
from .pixels import grey_range, read_grey

__all__ = ["Outside", "count_outside", "find_window", "percentile_window"]

MUCH = 0.01
"""Share of pixels outside a window at or above which a note is issued."""
MOST_VALUES = 20_000_000
"""Number of grey values from which percentiles are taken, evenly spaced if there are more pixels."""


@dataclass(frozen=True)
class Outside:
    """Pixels outside a window.

    Args:
        below: Number of pixels below it, which become 0.
        above: Number of pixels above it, which become 255.
        pixels: Number of all pixels.
    """

    below: int
    above: int
    pixels: int

    @property
    def much(self) -> bool:
        """Whether the share of pixels outside suggests a wrong window."""
        return self.below + self.above > MUCH * self.pixels

    def __str__(self) -> str:
        """The shares of pixels outside as text; empty if there are none."""
        if not self.below + self.above:
            return ""
        shares = f"{_percent(self.below, self.pixels)} of the pixels are darker and {_percent(self.above, self.pixels)}"
        return f"{shares} are brighter, and are cut to 0 and 255"

    @classmethod
    def of(cls, values: NDArray[Any], window: tuple[float, float]) -> "Outside":
        """Pixels of an array of images, or of one."""
        low, high = window
        return cls(int(np.count_nonzero(values < low)), int(np.count_nonzero(values > high)), values.size)


def find_window(paths: Sequence[Path]) -> tuple[float, float] | None:
    """Lowest and highest grey value in all of the files; None if all pixels are equal. Damaged files are skipped."""
    files = sorted({path for path in paths if split_place(path)[0].is_file()})
    store = cache_folder() / "windows" / f"{content_hash(map(stamp, files))}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        low, high = json.loads(store.read_text())
        return (float(low), float(high)) if low < high else None
    ranges = [found for found in Parallel(n_jobs=-1, prefer="threads")(map(delayed(grey_range), files)) if found]
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    _keep(store, [low, high])
    return (low, high) if low < high else None


def percentile_window(paths: Sequence[Path], percentiles: tuple[float, float]) -> tuple[float, float] | None:
    """Percentiles of the grey values of all files; None if they are equal. Damaged files are skipped."""
    files = [path for path in paths if split_place(path)[0].is_file()]
    store = cache_folder() / "windows" / f"{content_hash([f'{percentiles}'.encode(), *map(stamp, files)])}-shares.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        low, high = json.loads(store.read_text())
        return (float(low), float(high)) if low < high else None
    most = max(1, MOST_VALUES // max(1, len(files)))
    found = Parallel(n_jobs=-1, prefer="threads")(delayed(_spread_values)(path, most) for path in files)
    values = np.concatenate([np.empty(0), *found])
    if not len(values):
        return None
    low, high = map(float, np.percentile(values, percentiles))
    _keep(store, [low, high])
    return (low, high) if low < high else None


def _spread_values(path: Path, most: int) -> NDArray[np.float64]:
    """Finite grey values of a file, evenly spaced, `most` of them at most."""
    values = read_grey(path)
    flat = np.empty(0) if values is None else values[np.isfinite(values)]
    return flat[:: max(1, -(-len(flat) // most))]


def count_outside(paths: Sequence[Path], window: tuple[float, float]) -> Outside:
    """Pixels of all files outside a window; damaged files are skipped."""
    files = [path for path in paths if split_place(path)[0].is_file()]
    key = content_hash([f"{window}".encode(), *map(stamp, files)])
    store = cache_folder() / "windows" / f"{key}-outside.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Outside(*map(int, json.loads(store.read_text())))
    counts = Parallel(n_jobs=-1, prefer="threads")(delayed(_outside)(path, window) for path in files)
    found = Outside(*map(sum, zip((0, 0, 0), *map(astuple, counts))))
    _keep(store, list(astuple(found)))
    return found


def _outside(path: Path, window: tuple[float, float]) -> Outside:
    values = read_grey(path)
    return Outside(0, 0, 0) if values is None else Outside.of(values, window)


def _percent(count: int, total: int) -> str:
    """A share in percent, shown as 0 only if it is 0.

    >>> _percent(0, 10), _percent(1, 8), _percent(1, 10_000_000)
    ('0 %', '12 %', 'less than 0.01 %')
    """
    share = 100 * count / total
    return "less than 0.01 %" if 0 < share < 0.01 else f"{share:.2g} %"


def _keep(store: Path, window: list[Any]) -> None:
    """Write to a neighbouring file, then move it into place; without a writable folder, nothing is cached."""
    temporary = store.with_name(f"{store.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(window))
        temporary.replace(store)
