"""Mode collapse: does a generator match the variety of the data, or repeat a few images?

Two statistics, since a generator can fail in two ways:

- coverage: share of real images that have a generated image nearby, that is, nearer than their fifth nearest real
  neighbour (Naeem, Oh, Uh, Choi and Yoo, Reliable fidelity and diversity metrics for generative models, 2020). Whole
  kinds of images that are never drawn lower it.
- diversity within conditions: distance between two images drawn for the same parents, relative to that between two real images
  whose parents are as similar as possible. Ignored noise lowers it, even if the parents alone spread the images.

Either statistic is flagged if it is below half of the value for real images.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..graph import CausalGraph
from .bootstrap import bootstrap
from .controls import FLOOR
from .realism import halves
from .result import MetricResult
from .spaces import Space
from .units import ALL

__all__ = ["COVERAGE", "DIVERSITY", "THRESHOLD", "collapsed", "coverage", "mode_collapse", "variety"]

COVERAGE = "coverage of real images"
DIVERSITY = "diversity within conditions"
THRESHOLD = 0.5
"""A statistic below this share of the value for real images is flagged."""
NEIGHBOURS = 5
CHUNK = 1000
"""Number of units whose distances to all others are in memory at once."""
OTHER_LABEL = 100.0
"""Distance between units of different labels, in standard deviations of continuous parents."""


def mode_collapse(
    draws: Mapping[str, tuple[Tensor, Tensor]],
    factual: Mapping[str, Tensor],
    groups: NDArray,
    features: Space,
    *,
    graph: CausalGraph,
    image: str,
    seed: int = 0,
) -> list[MetricResult]:
    """Coverage and diversity of generated images; a flagged result has "mode collapse" in its note.

    Args:
        draws: By row, two batches of images `(N, C, H, W)` drawn for the units' own parents with fresh noise.
        factual: Observed values of the units.
        groups: `(N,)`; real images are compared across groups only.
        features: Where distances are taken.
        graph: The graph, for the kinds of the parents.
        image: Name of the image node.
        seed: Seed of halves and bootstrap.
    """
    points = {row: (features(one), features(two)) for row, (one, two) in draws.items()}
    parents = {name: factual[name] for name in graph.parents(image)}
    return variety(points, features(factual[image]), parents, groups, graph=graph, seed=seed)


def variety(
    points: Mapping[str, tuple[NDArray, NDArray]],
    real: NDArray,
    parents: Mapping[str, Tensor],
    groups: NDArray,
    *,
    graph: CausalGraph,
    seed: int = 0,
) -> list[MetricResult]:
    """`mode_collapse` of images whose features are known.

    Args:
        points: By row, features `(N, D)` of two images drawn for each unit.
        real: Features of the factual images, `(N, D)`.
        parents: Observed values of the parents of the image.
        groups, graph, seed: As for `mode_collapse`.
    """
    first, second = halves(groups, seed=seed)
    best = coverage(real[first], real[second])
    nearest = _most_alike(parents, groups, graph)
    apart = np.linalg.norm(real - real[nearest], axis=1)
    results = []
    for row, one in [(FLOOR, real), *((row, pair[0]) for row, pair in points.items())]:
        value = coverage(one[first], real[second])
        results.append(_result(COVERAGE, row, (value, np.nan, np.nan), len(first), best))
    for row, (one, two) in points.items():
        interval = bootstrap(np.linalg.norm(one - two, axis=1), groups, denominator=apart, seed=seed)
        results.append(_result(DIVERSITY, row, interval, len(groups), 1.0))
    return results


def collapsed(results: list[MetricResult], *, row: str) -> bool:
    """Whether a statistic of that row is below the threshold."""
    return any(result.row == row and result.note.startswith("mode collapse") for result in results)


def coverage(points: NDArray, real: NDArray) -> float:
    """Share of `real` `(M, D)` that have one of `points` `(N, D)` nearer than the fifth nearest other real point."""
    targets, shown, inside = torch.from_numpy(real), torch.from_numpy(points), 0
    for some in targets.split(CHUNK):
        radius = torch.cdist(some, targets).kthvalue(min(NEIGHBOURS + 1, len(real)), dim=1).values
        inside += int((torch.cdist(some, shown).min(dim=1).values <= radius).sum())
    return inside / len(real)


def _most_alike(parents: Mapping[str, Tensor], groups: NDArray, graph: CausalGraph) -> NDArray[np.int64]:
    """Return, for each unit, the unit of another group whose image parents are most similar to its own."""
    columns = {name: column.double().numpy() for name, column in parents.items() if not graph[name].is_image}
    found = []
    for some in np.array_split(np.arange(len(groups)), math.ceil(len(groups) / CHUNK)):
        distance = np.where(groups[some, None] == groups[None], np.inf, 0.0)
        for name, column in columns.items():
            apart = np.abs(column[some, None] - column[None])
            distance += OTHER_LABEL * (apart > 0) if graph[name].is_discrete else apart / max(column.std(), 1e-9)
        found.append(distance.argmin(axis=1))
    return np.concatenate(found)


def _result(metric: str, row: str, interval: tuple[float, float, float], units: int, best: float) -> MetricResult:
    flagged = interval[0] < THRESHOLD * best
    cause = "mode collapse" if metric == DIVERSITY else "mode collapse, or images unlike real ones"
    note = f"{cause}: below {THRESHOLD:g} of real images" if flagged else ""
    return MetricResult(metric, "samples", row, ALL, *interval, units, better="higher", floor=best, note=note)
