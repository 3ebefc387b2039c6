"""Scores of how well the weights remember an image: the bound of its likelihood, and its reconstruction error."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..mechanisms import Abductive, Observable
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..typing import Values
from .compared_units import ComparedUnits, thumbnails
from .images import as_stored
from .protocol import with_residual

__all__ = [
    "BOUND",
    "RECONSTRUCTION",
    "bounds",
    "calibrated",
    "difficulty",
    "reconstruction_errors",
    "score_fault",
    "unavailable",
]

BOUND, RECONSTRUCTION = "bound", "reconstruction"

PIECE = 500
LEAST = 0.1
"""Minimum error and contrast in grey levels: pixels are rounded."""
Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def unavailable(scm: StructuralCausalModel, image: str) -> dict[str, str]:
    """Scores that the image mechanism does not have, each with the reason."""
    mechanism, missing = scm.mechanisms[image], {}
    if not isinstance(mechanism, Observable):
        missing[BOUND] = f"{type(mechanism).__name__} has no likelihood"
    if not isinstance(mechanism, Abductive):
        missing[RECONSTRUCTION] = f"{type(mechanism).__name__} has no abduction"
    elif mechanism.composes:
        missing[RECONSTRUCTION] = f"{type(mechanism).__name__} reconstructs every image by construction"
    return missing


def score_fault(scores: NDArray) -> str:
    """Return why scores of units, `(N,)`, cannot distinguish units; empty if they can."""
    if not np.isfinite(scores).all():
        return "it is not finite for some units"
    low, high = np.quantile(scores, (0.25, 0.75))
    return "" if low < high else "it is equal for most units, as when every image is reconstructed exactly"


@torch.no_grad()
def bounds(
    scm: StructuralCausalModel, data: Dataset, units: ComparedUnits, *, image: str, seed: int
) -> NDArray[np.float64]:
    """Log likelihood of one image of each unit given its parents, or a draw of its evidence lower bound, `(units,)` nats."""
    found = []
    with seeded(seed, scm.like.device):
        for values in _values(scm, data, units.rows[np.unique(units.unit, return_index=True)[1]]):
            parents = {name: values[name] for name in scm.graph.parents(image)}
            found.append(scm.log_likelihood(image, values[image], parents))
    return torch.cat(found).cpu().double().numpy()


@torch.no_grad()
def reconstruction_errors(
    scm: StructuralCausalModel, data: Dataset, units: ComparedUnits, *, image: str, seed: int
) -> NDArray[np.float64]:
    """Mean log distance from the images of each unit to their reconstructions, `(units,)`, root mean square in grey levels.

    The mechanism reconstructs without a pixel residual, which would copy the image.
    """
    bare, found, start = with_residual(scm, image, 0.0), [], 0
    for values in _values(bare, data, units.rows):
        noise = bare.abduct(values, seed=seed).noise[image]
        parents = {name: values[name] for name in bare.graph.parents(image)}
        redrawn = thumbnails(as_stored(bare.assign(image, noise, parents), data.bits(image)))
        found.append((redrawn - units.points[start : (start := start + len(redrawn))]).square().mean(1).sqrt())
    return units.means(torch.cat(found).clamp_min(LEAST).log().double().numpy())


def difficulty(units: ComparedUnits, neighbours: Tensor) -> NDArray[np.float64]:
    """Difficulty of a unit for any model, `(units, 2)`: mean log distance to its neighbours, and mean log contrast.

    Args:
        units: The units.
        neighbours: Distance from each image to the nearest other training units, `(M, k)`.
    """
    apart = (neighbours.mean(1) / units.points.shape[1] ** 0.5).clamp_min(LEAST)
    return units.means(torch.stack([apart, units.points.std(1).clamp_min(LEAST)], dim=1).log().double().numpy())


def calibrated(scores: Pair, hard: Pair) -> Pair:
    """Return the part of the scores of training and held-out units that their difficulty does not explain.

    A quadratic function of the difficulty is fitted to all units by least squares. Source: Watson, Guo, Cormode and
    Sablayrolles, On the importance of difficulty calibration in membership inference attacks, 2022; here the difficulty is
    measured on the images themselves.
    """
    terms = PolynomialFeatures(2).fit_transform(StandardScaler().fit_transform(np.concatenate(hard)))
    every = np.concatenate(scores)
    rest = every - terms @ np.linalg.lstsq(terms, every, rcond=None)[0]
    return rest[: len(scores[0])], rest[len(scores[0]) :]


def _values(scm: StructuralCausalModel, data: Dataset, rows: RowLabels) -> Iterator[Values]:
    """The values of the rows, some at a time, on the device of the model."""
    for start in range(0, len(rows), PIECE):
        values = data.rows(rows[start : start + PIECE])
        yield {name: scm.tensor(name, values[name]) for name in scm.graph.nodes}
