r"""How near images are to units, relative to the distance of the next units.

.. math:: r(g, u) = \frac{\min_{x \in u} |g - x|}{\frac{1}{k} \sum_{v \in N_k(g) \setminus u} \min_{x \in v} |g - x|}

with the k training units :math:`N_k(g)` nearest to the image g. A copy of u has r near 0 and any other image r near 1, whether
the region is dense or the image blurred, both of which a plain distance confuses with copying. Distances are Euclidean, between
thumbnails.

Source of the ratio: Carlini et al., Extracting training data from diffusion models, 2023, section 4.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .compared_units import ComparedUnits

__all__ = ["Nearness", "closeness", "nearness", "neighbour_distances", "yardstick"]

MOST_NEIGHBOURS = 20
LEAST = 1e-3
"""Minimum relative distance: pixels are rounded, so that smaller ones mean nothing."""
SHARE, FEWEST = 0.01, 3
"""Share of the images by which a unit is judged: those nearest to it, and at least three."""
CHUNK = 256


@dataclass(frozen=True, eq=False)
class Nearness:
    """Images against training and held-out units.

    Args:
        distance: To the nearest training image, `(N,)`, root mean square in grey levels.
        nearest: The nearest training unit, `(N,)`.
        ratio: Relative distance to it, `(N,)`.
        unseen: Relative distance to the nearest held-out unit, among the held-out units, `(N,)`.
        to_training: Log relative distance to every training unit, `(N, units)`.
        to_held_out: Log relative distance to every held-out unit, `(N, units)`; infinite for the image's own unit.
        own: The held-out unit that each image was made from, `(N,)`; None for images of new units.
    """

    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]
    ratio: NDArray[np.float64]
    unseen: NDArray[np.float64]
    to_training: Tensor
    to_held_out: Tensor
    own: NDArray[np.int64] | None = None


def yardstick(training: ComparedUnits, held: ComparedUnits) -> int:
    """Number of neighbouring units whose distance is the yardstick."""
    return max(1, min(MOST_NEIGHBOURS, training.count // 4, held.count // 4))


def nearness(
    points: Tensor, training: ComparedUnits, held: ComparedUnits, *, own: NDArray[np.int64] | None = None
) -> Nearness:
    """Compare images with both sets of units.

    Args:
        points: Thumbnails `(N, D)`.
        training: The training units.
        held: The held-out units.
        own: The held-out unit that each image was made from, `(N,)`; None for images of new units.
    """
    count = yardstick(training, held)
    parts = [
        _part(points[part], training, held, count, None if own is None else torch.from_numpy(own[part]))
        for part in torch.arange(len(points)).split(CHUNK)
    ]
    distance, nearest, ratio, unseen, to_training, to_held_out = map(torch.cat, zip(*parts, strict=True))
    numbers = [column.double().numpy() for column in (distance, ratio, unseen)]
    return Nearness(numbers[0], nearest.numpy(), numbers[1], numbers[2], to_training, to_held_out, own)


def _part(
    points: Tensor, training: ComparedUnits, held: ComparedUnits, count: int, own: Tensor | None
) -> tuple[Tensor, ...]:
    to_training, to_held_out = unit_distances(points, training), unit_distances(points, held)
    if own is not None:
        to_held_out[torch.arange(len(points)), own] = torch.inf
    near, order = to_training.topk(count + 1, largest=False)
    relative = to_training / near[:, :count].mean(1, keepdim=True)
    # The yardstick of a unit leaves that unit out.
    relative.scatter_(1, order, near / ((near.sum(1, keepdim=True) - near) / count))
    others = to_held_out.topk(count + 1, largest=False).values
    return (
        near[:, 0] / points.shape[1] ** 0.5,
        order[:, 0],
        relative.gather(1, order[:, :1])[:, 0],
        others[:, 0] / others[:, 1:].mean(1),
        relative.clamp_min(LEAST).log(),
        (to_held_out / near[:, :count].mean(1, keepdim=True)).clamp_min(LEAST).log(),
    )


def unit_distances(points: Tensor, units: ComparedUnits) -> Tensor:
    """Distance from each image to the nearest image of each unit, `(N, units)`."""
    centre = units.points.mean(0)  # far from the origin, float32 loses the last digits of a small distance
    distance = torch.cdist(points - centre, units.points - centre)
    place = torch.from_numpy(units.unit).expand(len(points), -1)
    return distance.new_full((len(points), units.count), torch.inf).scatter_reduce(1, place, distance, "amin")


def closeness(logs: Tensor, sources: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """For each unit, the mean of the smallest log relative distances: one image in a hundred, and at least three.

    Args:
        logs: `(N, units)`.
        sources: The unit that each image was made from, `(N,)`: its images count once, with the nearest one.
    """
    if sources is not None:
        different, place = np.unique(sources, return_inverse=True)
        places = torch.from_numpy(place)[:, None].expand_as(logs)
        logs = logs.new_full((len(different), logs.shape[1]), torch.inf).scatter_reduce(0, places, logs, "amin")
    count = min(max(FEWEST, round(SHARE * len(logs))), len(logs))
    return logs.topk(count, dim=0, largest=False).values.mean(0).double().numpy()


def neighbour_distances(units: ComparedUnits, training: ComparedUnits, count: int) -> Tensor:
    """Distances from each image of `units`, which may be `training`, to the nearest other training units, `(M, count)`."""
    found = []
    for part in torch.arange(len(units.points)).split(CHUNK):
        distance = unit_distances(units.points[part], training)
        if units is training:
            distance[torch.arange(len(part)), torch.from_numpy(units.unit)[part]] = torch.inf
        found.append(distance.topk(count, largest=False).values)
    return torch.cat(found)
