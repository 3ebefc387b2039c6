"""Realism: how far the distribution of generated images is from that of real ones, in the project's own features.

Two distances, each with a floor (real images against other real images): the Frechet distance between Gaussians fitted to
the features (Heusel et al., GANs trained by a two time-scale update rule, 2017), and the kernel distance, an unbiased squared
maximum mean discrepancy with the kernel (x'y / d + 1)^3 (Binkowski et al., Demystifying MMD GANs, 2018). Neither is comparable
to a figure in Inception features, and the Frechet distance grows as images get fewer: read it against the floor.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from ..errors import DataError
from ..nn import seeded
from .controls import FLOOR
from .result import MetricResult
from .spaces import Space
from .units import ALL

__all__ = ["distances", "frechet_distance", "halves", "kernel_distance", "realism"]

NOTE = "own feature network: not comparable to Inception FID"
SUBSETS, SUBSET = 50, 200


class _Given(nn.Module):
    """Replaces the feature network of torchmetrics; its inputs are features already."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.num_features = dimensions

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(points: NDArray, others: NDArray) -> float:
    """Frechet distance between Gaussians fitted to points `(N, D)` and `(M, D)`; 0 for equal moments."""
    metric = FrechetInceptionDistance(feature=_Given(points.shape[1]))
    metric.set_dtype(torch.float64)
    return _distance(metric, points, others)


def kernel_distance(points: NDArray, others: NDArray, *, seed: int = 0) -> float:
    """Kernel distance between points `(N, D)` and `(M, D)`; for equal distributions near 0, and often negative."""
    size = min(SUBSET, len(points), len(others))
    with warnings.catch_warnings(), seeded(seed):
        warnings.simplefilter("ignore", UserWarning)  # it warns that it keeps all features, as intended here
        metric = KernelInceptionDistance(feature=_Given(points.shape[1]), subsets=SUBSETS, subset_size=size)
        return _distance(metric, points, others)


def _distance(metric: FrechetInceptionDistance | KernelInceptionDistance, points: NDArray, others: NDArray) -> float:
    if min(len(points), len(others)) < 2:
        raise DataError(
            f"Expected at least two images on each side of a distance; got {len(points)} and {len(others)}."
        )
    for real, side in ((True, others), (False, points)):
        metric.update(torch.from_numpy(side), real=real)
    value = metric.compute()
    return float(value[0] if isinstance(value, tuple) else value)


def realism(
    images: Mapping[str, Tensor], factual: Tensor, groups: NDArray, features: Space, *, query: str, seed: int = 0
) -> list[MetricResult]:
    """Frechet and kernel distance of generated images to real ones.

    Units are split into two halves of whole groups. Images generated for the first half are compared with the factual images of
    the second; the floor uses the factual images of the first half.

    Args:
        images: Generated images of the units by row, `(N, C, H, W)` each.
        factual: Their factual images.
        groups: `(N,)`.
        features: Feature space in which distances are computed.
        query: Label of the query, or "samples".
        seed: Seed of the halves and of the kernel distance's subsets.
    """
    first, _ = halves(groups, seed=seed)
    points = {row: features(generated[first]) for row, generated in images.items()}
    return distances(points, features(factual), groups, query=query, seed=seed)


def distances(
    points: Mapping[str, NDArray], real: NDArray, groups: NDArray, *, query: str, seed: int = 0
) -> list[MetricResult]:
    """`realism` of images whose features are known.

    Args:
        points: By row, features of the images generated for the first half of the units.
        real: Features of all factual images, `(N, D)`.
        groups, query, seed: As for `realism`.
    """
    first, second = halves(groups, seed=seed)
    points = {**points, FLOOR: real[first]}
    results = []
    for metric, distance in (("Frechet distance", frechet_distance), ("kernel distance", kernel_distance)):
        floor = distance(real[first], real[second])
        for row, side in points.items():
            value = floor if row == FLOOR else distance(side, real[second])
            results.append(
                MetricResult(
                    metric, query, row, ALL, value, np.nan, np.nan, len(first), better="lower", floor=floor, note=NOTE
                )
            )
    return results


def halves(groups: NDArray, *, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the groups into two random halves, and return the positions of their units.

    >>> first, second = halves(np.array([0, 0, 1, 1]))
    >>> len(first), len(second)
    (2, 2)
    """
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    inside = np.isin(groups, names[: len(names) // 2])
    return np.flatnonzero(inside), np.flatnonzero(~inside)
