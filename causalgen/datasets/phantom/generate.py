"""Generate the scan phantom, or load it from the cache."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ..cache import cache_folder, cached, content_hash
from ..dataset import Dataset
from ..resources import load_graph
from ..split_names import SPLITS
from .equations import draw_visits
from .head import SIZES, VOLUME_SIZE, Progress, draw_shapes
from .truth import PhantomTruth

__all__ = ["ROWS", "load_phantom", "stored_at"]

SOURCE = "Simulated from known equations and drawn by this library; no scan of a person is used."
ROWS, VOLUMES = 6_000, 1_500
"""Default number of slices, or of volumes."""
SHARES = (0.7, 0.1)
SEED = 0


def load_phantom(
    *,
    root: str | Path | None = None,
    rows: int | None = None,
    seed: int = SEED,
    size: int | None = None,
    volume: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Load the scan phantom, drawing the images if they are not cached.

    Args:
        root: Cache folder; None for CAUSALGEN_CACHE or the user's cache folder.
        rows: Total number of scans; persons, who have one to four, are split 70/10/20. None for 6,000, or 1,500 volumes.
        seed: Seed of all exogenous noise.
        size: Height and width of the images, 64, 96 or 128 pixels; None for 64.
        volume: Draw whole heads of 32 x 32 x 32 voxels in place of slices.
        progress: Called with (images drawn, images in all) while generating.

    Raises:
        DataError: Fewer than 100 rows, a negative seed, or another size.
    """
    rows = (VOLUMES if volume else ROWS) if rows is None else rows
    if rows < 100:
        raise DataError(f"Expected at least 100 rows of phantom; got {rows}.")
    if seed < 0:
        raise DataError(f"Expected a seed of 0 or more; got {seed}.")
    sizes = (VOLUME_SIZE,) if volume else SIZES
    size = sizes[0] if size is None else size
    if size not in sizes:
        what = "volumes of phantom" if volume else "phantom"
        raise DataError(f"Expected a size of {', '.join(map(str, sizes))} pixels for {what}; got {size!r}.")
    noise, person = draw_visits(rows, np.random.default_rng([0, seed]))
    shapes = draw_shapes(person, np.random.default_rng([2, seed]))
    truth = PhantomTruth(load_graph("phantom", variant="volume" if volume else None, size=size), noise, shapes)
    every = torch.arange(rows)
    drawn = cached(
        _path(root, rows, seed, size, volume=volume), lambda: {"image": truth.scans(every, {}, progress=progress)}
    )
    values = truth.attributes(every, {}) | {"image": torch.from_numpy(drawn["image"])}
    values = {name: values[name] for name in truth.graph.nodes}
    return Dataset(
        "phantom", truth.graph, values, _split(person), torch.from_numpy(person), truth, "one person", SOURCE
    )


def stored_at() -> Path | None:
    """The file of the default rows in the cache folder; None before they were drawn."""
    path = _path(None, ROWS, SEED, SIZES[0])
    return path if path.is_file() else None


def _path(root: str | Path | None, rows: int, seed: int, size: int, *, volume: bool = False) -> Path:
    return cache_folder(root) / f"phantom-{rows}-{seed}-{size}{'-volume' * volume}-{_recipe()}.npz"


def _split(person: NDArray[np.int64]) -> dict[str, Tensor]:
    """The first persons train; persons are independent, and their scans stay together."""
    ends = np.cumsum(SHARES) * (person[-1] + 1)
    part = (person >= ends[0]).astype(int) + (person >= ends[1])
    return {name: torch.from_numpy(np.flatnonzero(part == number)) for number, name in enumerate(SPLITS)}


def _recipe() -> str:
    """Hash of the code and the library that generate the images."""
    names = ("anatomy", "equations", "head", "truth")
    return content_hash(
        [*((Path(__file__).parent / f"{name}.py").read_bytes() for name in names), version("numpy").encode()]
    )
