"""Generate morphodigits, or load it from the cache."""

import math
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from ...errors import DataError
from ...morphology import set_all
from ..cache import cache_folder, cached, content_hash
from ..dataset import Dataset
from ..resources import load_graph
from ..split_names import SPLITS
from .equations import NOISES, attributes, draw_noise
from .truth import MorphodigitsTruth

__all__ = ["ROWS", "load_morphodigits", "stored_at"]

SOURCE = (
    "Handwriting: scikit-learn's copy of the UCI Optical Recognition of Handwritten Digits test set "
    "(Alpaydin and Kaynak, 1998), CC BY 4.0, redrawn; attributes: simulated from known equations."
)
ROWS = 10_000
SHARES = (0.7, 0.1, 0.2)
SEED = 2

Progress = Callable[[int, int], None]


def load_morphodigits(
    *,
    root: str | Path | None = None,
    rows: int = ROWS,
    seed: int = SEED,
    planted_bias: float | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load morphodigits, generating it if it is not cached.

    Args:
        root: Cache folder; None for CAUSALGEN_CACHE or the user's cache folder.
        rows: Total number of rows, split 70/10/20 so that no base digit is in two splits.
        seed: Seed of the split, of all exogenous noise, and of the selection of `planted_bias`.
        planted_bias: A shortcut for classifiers: the log odds, for each standard deviation of thickness above the median,
            with which a digit of 5 or more is kept for training and validation, and a smaller one is dropped. About
            half of these rows remain; the test rows stay as they are.
        progress: Called with (images drawn, images in all) while generating.

    Raises:
        DataError: Fewer than 100 rows, or a bias that is not a finite number.
    """
    if rows < 100:
        raise DataError(f"Expected at least 100 rows of morphodigits; got {rows}.")
    if planted_bias is not None and not math.isfinite(planted_bias):
        raise DataError(f"Expected a finite planted_bias of morphodigits; got {planted_bias}.")
    arrays = cached(_path(root, rows, seed), lambda: _generate(rows, seed, progress))
    graph, base = load_graph("morphodigits"), arrays["base"]
    noise = {name: arrays[f"noise_{name}"] for name in NOISES}
    columns = {name: torch.from_numpy(column) for name, column in _columns(noise).items()}
    columns |= {"digit": torch.from_numpy(arrays["digits"][base]), "image": torch.from_numpy(arrays["image"])[:, None]}
    split = dict(zip(SPLITS, torch.arange(rows).split(_sizes(rows))))
    if planted_bias is not None:
        chosen = _selected(columns["thickness"].numpy(), columns["digit"].numpy(), planted_bias, seed)
        split |= {name: split[name][chosen[split[name]]] for name in SPLITS[:2]}
    truth = MorphodigitsTruth(graph, noise, base, arrays["digits"], arrays["strokes"])
    values = {name: columns[name] for name in graph.nodes}
    return Dataset(
        "morphodigits", graph, values, split, torch.from_numpy(base), truth, "one handwritten digit, redrawn", SOURCE
    )


def stored_at() -> Path | None:
    """The file of the default rows in the cache folder; None before they were generated."""
    path = _path(None, ROWS, SEED)
    return path if path.is_file() else None


def _path(root: str | Path | None, rows: int, seed: int) -> Path:
    return cache_folder(root) / f"morphodigits-{rows}-{seed}-{_recipe()}.npz"


def _generate(rows: int, seed: int, progress: Progress | None) -> dict[str, NDArray]:
    from .handwriting import SIZE, base_digits, trace  # scikit-learn takes a second to load

    sources, digits = base_digits()
    rng = np.random.default_rng(seed)
    base = np.concatenate([np.resize(part, size) for part, size in zip(_deal(digits, rng), _sizes(rows))])
    noise = draw_noise(rows, rng)
    strokes = np.zeros((len(digits), SIZE, SIZE), np.uint8)
    for index in np.unique(base):
        strokes[index] = trace(sources[index])
    columns = _columns(noise)
    image = set_all(strokes[base], columns["thickness"], columns["intensity"], progress=progress)
    stored = {f"noise_{name}": column for name, column in noise.items()}
    return stored | {"base": base, "digits": digits, "strokes": strokes, "image": image}


def _columns(noise: dict[str, NDArray]) -> dict[str, NDArray]:
    columns = attributes(noise)
    return {name: column if name == "pen" else column.astype(np.float32) for name, column in columns.items()}


def _selected(thickness: NDArray, digit: NDArray, bias: float, seed: int) -> Tensor:
    """Select rows such that thick strokes are associated with digits of 5 or more, bool `(N,)`."""
    deviation = (thickness - np.median(thickness)) / thickness.std()
    keep = expit(bias * np.where(digit >= 5, 1, -1) * deviation)
    return torch.from_numpy(np.random.default_rng([2, seed]).random(len(digit)) < keep)


def _deal(digits: NDArray, rng: np.random.Generator) -> list[NDArray]:
    """Base digits of each split, shuffled; stratified by digit."""
    hands: list[list[NDArray]] = [[] for _ in SPLITS]
    for digit in np.unique(digits):
        members = rng.permutation(np.flatnonzero(digits == digit))
        cuts = np.rint(np.cumsum(SHARES)[:-1] * len(members)).astype(int)
        for hand, part in zip(hands, np.split(members, cuts)):
            hand.append(part)
    return [rng.permutation(np.concatenate(hand)) for hand in hands]


def _sizes(rows: int) -> list[int]:
    train, validation = (round(share * rows) for share in SHARES[:2])
    return [train, validation, rows - train - validation]


def _recipe() -> str:
    """Hash of the code and the libraries that generate the images."""
    here = Path(__file__).parent
    sources = [
        *(here.parents[1] / "morphology" / f"{name}.py" for name in ("batch", "measure", "raster", "redraw")),
        here / "equations.py",
        here / "handwriting.py",
        here / "generate.py",
    ]
    libraries = ("numpy", "scipy", "scikit-image", "scikit-learn")
    return content_hash([*(path.read_bytes() for path in sources), *(version(name).encode() for name in libraries)])
