"""Generate the pendulum data, or load them from the cache."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ...errors import DataError, UnknownNameError, nearest
from ..cache import cache_folder, cached, content_hash
from ..dataset import Dataset
from ..resources import load_graph
from ..split_names import SPLITS
from .equations import VARIANTS, draw_noise
from .scene import SIZES, Progress
from .truth import PendulumTruth

__all__ = ["ROWS", "load_pendulum", "stored_at"]

SOURCE = (
    "Simulated from known equations and drawn by this library, after the pendulum of CausalVAE "
    "(Yang, Liu, Chen, Shen, Hao and Wang, 2021)."
)
ROWS = 10_000
SHARES = (0.7, 0.1)
SEED = 0


def load_pendulum(
    *,
    root: str | Path | None = None,
    rows: int = ROWS,
    seed: int = SEED,
    size: int = SIZES[0],
    variant: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load the pendulum data, drawing the images if they are not cached.

    Args:
        root: Cache folder; None for CAUSALGEN_CACHE or the user's cache folder.
        rows: Total number of rows, split 70/10/20.
        seed: Seed of all exogenous noise.
        size: Height and width of the images, 64 or 96 pixels.
        variant: None; "hidden", with a hidden cause of light and the shadow's length; "measured", with errors of measurement
            in the table; "spurious", with a wall whose colour agrees with the lamp's side in 95 % of the rows.
        progress: Called with (images drawn, images in all) while generating.

    Raises:
        UnknownNameError: There is no such variant.
        DataError: Fewer than 100 rows, a negative seed, or another size.
    """
    if variant is not None and variant not in VARIANTS:
        raise UnknownNameError(
            f"Expected a variant among {', '.join(VARIANTS)}, or none; got {variant!r}."
            + nearest(str(variant), VARIANTS)
        )
    if rows < 100:
        raise DataError(f"Expected at least 100 rows of pendulum; got {rows}.")
    if seed < 0:
        raise DataError(f"Expected a seed of 0 or more; got {seed}.")
    if size not in SIZES:
        raise DataError(f"Expected a size of {' or '.join(map(str, SIZES))} pixels for pendulum; got {size!r}.")
    noise = draw_noise(rows, np.random.default_rng([0, seed]), variant)
    truth = PendulumTruth(load_graph("pendulum", variant=variant, size=size), noise, variant)
    path = _path(root, rows, seed, size, variant)
    drawn = cached(path, lambda: {"image": truth.draw(torch.arange(rows), {}, progress=progress).numpy()})
    values = truth.attributes(torch.arange(rows), {}) | {"image": torch.from_numpy(drawn["image"])}
    values = {name: values[name] for name in truth.graph.nodes}
    split = dict(zip(SPLITS, torch.arange(rows).split(_sizes(rows))))
    return Dataset("pendulum", truth.graph, values, split, torch.arange(rows), truth, "one scene", SOURCE)


def stored_at() -> Path | None:
    """The file of the default rows in the cache folder; None before they were drawn."""
    path = _path(None, ROWS, SEED, SIZES[0], None)
    return path if path.is_file() else None


def _path(root: str | Path | None, rows: int, seed: int, size: int, variant: str | None) -> Path:
    name = "-".join(str(part) for part in ("pendulum", variant, rows, seed, size, _recipe()) if part is not None)
    return cache_folder(root) / f"{name}.npz"


def _sizes(rows: int) -> list[int]:
    train, validation = (round(share * rows) for share in SHARES)
    return [train, validation, rows - train - validation]


def _recipe() -> str:
    """Hash of the code and the library that generate the images."""
    code = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in ("equations", "scene", "truth")]
    return content_hash([*code, version("numpy").encode()])
