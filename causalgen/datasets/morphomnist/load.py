"""Load MorphoMNIST: the released files, or new ones made from MNIST."""

from collections.abc import Callable
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DataError, UnknownNameError, nearest
from ...morphology import set_hue
from ..cache import cache_folder, cached, content_hash
from ..dataset import Dataset
from ..resources import load_graph
from .equations import attributes, draw_noise, hue_of
from .files import COUNTERFACTUALS, MNIST, RELEASED, check, find, read_idx, search
from .process import draw
from .truth import MorphomnistTruth

__all__ = ["ROWS", "load_morphomnist", "released_counterfactuals", "stored_at"]

ROWS = 70_000
TRAIN = 60_000
"""Number of digits in MNIST's training set, which comes first."""
VALIDATION = 0.1
"""Share of the training rows that becomes the validation split."""
SEED = 0
SOURCES = ("released", "generated")
ORIGIN = (
    "Handwriting: MNIST (LeCun and Cortes), CC BY-SA 3.0, redrawn; attributes: simulated from known equations; "
    "thickness and intensity set of Deep Structural Causal Models (Pawlowski, Castro and Glocker, 2020), MIT."
)

Progress = Callable[[int, int], None]
Columns = dict[str, NDArray]


def load_morphomnist(
    *,
    root: str | Path | None = None,
    source: str = "released",
    rows: int = ROWS,
    seed: int = SEED,
    colour: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Load MorphoMNIST; files are looked for below CAUSALGEN_DATA and the cache folder, then downloaded.

    Args:
        root: Cache folder; None for CAUSALGEN_CACHE or the user's cache folder.
        source: "released" for the released images, or "generated" for new attributes of the MNIST digits, drawn by the
            same process and kept in the cache folder.
        rows: Total number of rows: the first six sevenths of them from MNIST's training set, the rest from its test set.
        seed: Seed of the validation split, of the noise of hue, and of all noise of generated rows. Rows do not
            depend on their number.
        colour: Add the attribute hue, and paint the images in it.
        progress: Called with (images drawn, images in all) while generating.

    Raises:
        UnknownNameError: There is no such source.
        DataError: Fewer than 20 or more than 70,000 rows, or a negative seed; files are missing or damaged.
    """
    if source not in SOURCES:
        raise UnknownNameError(
            f"Expected a source among {', '.join(SOURCES)}; got {source!r}." + nearest(source, SOURCES)
        )
    if not 20 <= rows <= ROWS:
        raise DataError(f"Expected 20 to {ROWS:,} rows of morphomnist; got {rows:,}.")
    if seed < 0:
        raise DataError(f"Expected a seed of 0 or more; got {seed}.")
    train = round(rows * TRAIN / ROWS)
    base = np.concatenate([np.arange(train), np.arange(TRAIN, TRAIN + rows - train)])
    noise = {name: column[base] for name, column in draw_noise(ROWS, np.random.default_rng([0, seed])).items()}
    if source == "released":
        columns = _released(find(RELEASED, root), base)
    else:
        columns = _generated(find(MNIST, root), base, noise, seed, root, progress)
    graph = load_graph("morphomnist", variant="colour" if colour else None)
    grey = columns.pop("image")
    if colour:
        columns["hue"] = hue_of(columns["thickness"], columns["intensity"], noise["v"]).astype(np.float32)
    image = set_hue(grey, columns["hue"]) if colour else grey[:, None]
    values = {name: torch.from_numpy(columns[name]) for name in graph.nodes if name != "image"}
    values["image"] = torch.from_numpy(image)
    truth = MorphomnistTruth(graph, values, base, partial(_handwriting, root), noise["v"] if colour else None)
    group = torch.from_numpy(base)
    return Dataset(
        "morphomnist", graph, values, _split(train, rows, seed), group, truth, "one handwritten digit", ORIGIN
    )


def stored_at() -> Path | None:
    """The folder of the released files, below CAUSALGEN_DATA or the cache folder; None if neither has them."""
    return search(RELEASED)


def released_counterfactuals(root: str | Path | None = None) -> dict[str, NDArray]:
    """True counterfactuals of the first 1,000 rows of the test set, made independently of this library.

    Returns:
        Factual "thickness", "intensity" and "eps_intensity"; "do_thickness" with "intensity_after_do_thickness", and
        "do_intensity", each `(1000,)`; the images "x_do_thickness" (intensity follows), "x_do_intensity" and
        "x_do_thickness_keep_intensity", uint8 `(1000, 28, 28)`.

    Raises:
        DataError: The file is missing or damaged.
    """
    folder = search(COUNTERFACTUALS, root)
    if folder is None:
        raise DataError(
            f"Expected {', '.join(COUNTERFACTUALS.files)} in {COUNTERFACTUALS.folder} below CAUSALGEN_DATA; found none. "
            "Set CAUSALGEN_DATA to the folder of the real data sets, or ask truth.counterfactual."
        )
    check(COUNTERFACTUALS, folder)
    with np.load(folder / next(iter(COUNTERFACTUALS.files)), allow_pickle=False) as stored:
        return dict(stored)


def _released(folder: Path, base: NDArray) -> Columns:
    tables = [np.genfromtxt(folder / f"{part}-morpho.csv", np.float32, delimiter=",", skip_header=1) for part in PARTS]
    _, thickness, intensity = np.concatenate(tables)[base].T
    images, digits = (_both(folder, kind)[base] for kind in KINDS)
    return _columns(thickness, intensity, digits) | {"image": images}


def _generated(
    folder: Path, base: NDArray, noise: Columns, seed: int, root: str | Path | None, progress: Progress | None
) -> Columns:
    drawn = attributes(noise)
    columns = _columns(drawn["thickness"], drawn["intensity"], _both(folder, "labels-idx1")[base])
    path = cache_folder(root) / f"morphomnist-{len(base)}-{seed}-{_recipe()}.npz"

    def make() -> Columns:
        wanted = columns["thickness"], columns["intensity"]
        return {"image": draw(_digits(folder)[base], *wanted, progress=progress)}

    return columns | {"image": cached(path, make)["image"]}


def _columns(thickness: NDArray, intensity: NDArray, digits: NDArray) -> Columns:
    """The attributes in the types of a data set, each in separate memory."""
    floats = {"thickness": thickness, "intensity": intensity}
    columns = {name: np.array(column, np.float32) for name, column in floats.items()}
    return columns | {"digit": digits.astype(np.int64)}


PARTS = ("train", "t10k")
KINDS = ("images-idx3", "labels-idx1")


def _both(folder: Path, kind: str) -> NDArray[np.uint8]:
    """Images or labels of the training set, then of the test set."""
    return np.concatenate([read_idx(folder / f"{part}-{kind}-ubyte.gz") for part in PARTS])


def _handwriting(root: str | Path | None) -> NDArray[np.uint8]:
    return _digits(find(MNIST, root))


@lru_cache(maxsize=1)
def _digits(folder: Path) -> NDArray[np.uint8]:
    return _both(folder, "images-idx3")


def _split(train: int, rows: int, seed: int) -> dict[str, torch.Tensor]:
    """A random tenth of the training rows is the validation split; test rows are MNIST's test set, in its order."""
    shuffled = np.random.default_rng([2, seed]).permutation(train)
    held = round(VALIDATION * train)
    parts = {"train": np.sort(shuffled[held:]), "validation": np.sort(shuffled[:held]), "test": np.arange(train, rows)}
    return {name: torch.from_numpy(part) for name, part in parts.items()}


def _recipe() -> str:
    """Hash of the digits, the code and the libraries that generate the images."""
    here = Path(__file__).parent
    code = [(here / f"{name}.py").read_bytes() for name in ("equations", "process")]
    libraries = [version(name).encode() for name in ("numpy", "scipy", "scikit-image")]
    return content_hash([*code, *libraries, *(digest.encode() for digest in MNIST.files.values())])
