"""The training and held-out units that the tests of memorisation compare, and thumbnails of their images.

A unit is a group of the data set, such as a person with all their visits. Groups that share a picture, or a near copy
of one, count as one unit, so that a person under two names is not in both splits. Blank images are left out: any two
are equal, no matter which person they show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, adaptive_avg_pool3d

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from .cohort import Cohort, choose

__all__ = ["ComparedUnits", "compared_units", "thumbnails"]

SIDE = 32
"""Longest side of a thumbnail, in pixels."""
MOST_IMAGES = 10_000
"""Maximum number of training images that are compared; more are drawn by the seed."""
NEAR_COPY = 0.1
"""Images nearer than this share of the typical distance to the nearest other group, and of their contrast, match."""
LEAST_CONTRAST = 1
"""Minimum difference between the brightest and darkest points of a thumbnail, in grey levels; else it is blank."""
REFERENCES, COPIES, CHUNK = 500, 10, 512


@dataclass(frozen=True, eq=False)
class ComparedUnits:
    """Units with their images.

    Args:
        rows: Label of each image's row, `(M,)`.
        points: Thumbnail of each image, `(M, D)`, grey levels.
        unit: Unit of each image, `(M,)`, counted from 0.
    """

    rows: RowLabels
    points: Tensor
    unit: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0

    def means(self, numbers: NDArray) -> NDArray[np.float64]:
        """Mean over each unit of the numbers of its images, `(M,)` or `(M, D)`; `(count,)` or `(count, D)`."""
        sums = np.zeros((self.count, *numbers.shape[1:]))
        np.add.at(sums, self.unit, numbers)
        return sums / np.bincount(self.unit).reshape(-1, *[1] * (numbers.ndim - 1))

    def rows_of(self, unit: Any) -> list:
        """Labels of the rows of a unit."""
        return np.asarray(self.rows)[self.unit == unit].tolist()


def thumbnails(images: Tensor) -> Tensor:
    """Images `(N, C, ...)` averaged to at most 32 pixels a side, `(N, D)` float32 on the CPU.

    >>> thumbnails(torch.zeros(2, 3, 64, 96)).shape
    torch.Size([2, 2016])
    """
    shrink = max(1.0, max(images.shape[2:]) / SIDE)
    size = [max(1, round(side / shrink)) for side in images.shape[2:]]
    pieces = [piece.cpu().float() for piece in images.split(CHUNK)]
    if len(size) == 3:
        pooled = [adaptive_avg_pool3d(piece, (size[0], size[1], size[2])) for piece in pieces]
    else:
        pooled = [adaptive_avg_pool2d(piece, (size[0], size[1])) for piece in pieces]
    return torch.cat(pooled).flatten(1)


def compared_units(cohort: Cohort) -> tuple[ComparedUnits, ComparedUnits, tuple[str, ...]]:
    """Training units, held-out units, and notes on what was left out.

    Held-out units are those of the cohort that share neither a group nor a picture with the training split.
    """
    data, train, held = cohort.data, choose(cohort.data.split["train"], MOST_IMAGES, cohort.seed), cohort.rows
    notes, compared = [], len(train)
    if (total := len(data.split["train"])) > compared:
        notes.append(f"{compared:,} of {total:,} training images were compared, drawn by the seed.")
    if incomplete := len(data.incomplete.get("train", ())):
        notes.append(
            f"{incomplete:,} training rows with missing attributes were not compared; copies of their images would be missed."
        )
    (train, known), (held, unseen) = (_with_content(data, rows, cohort.image) for rows in (train, held))
    if blank := len(cohort.rows) - len(held) + compared - len(train):
        notes.append(f"{blank:,} blank images were left out, since any two are equal.")
    points = torch.cat([known, unseen])
    groups = torch.cat([data.groups(train), data.groups(held)]).numpy()
    all_training = np.unique(data.groups(data.split["train"]).numpy())
    unit = _joined(points, np.unique(groups, return_inverse=True)[1], cohort.seed)
    inside = np.arange(len(points)) < len(train)
    same_group = np.isin(groups, all_training) & ~inside
    same_picture = np.isin(unit, unit[inside]) & ~inside & ~same_group
    if same_group.any():
        notes.append(
            f"{same_group.sum():,} held-out images belong to groups that are in the training split too, and were left out. "
            "Split the data by group."
        )
    if same_picture.any():
        notes.append(
            f"{same_picture.sum():,} held-out images are copies of training images under another group, and were left out: "
            "metrics on the test split are too good there. Give copies one group."
        )
    if joined := len(np.unique(groups[inside])) - len(np.unique(unit[inside])):
        notes.append(
            f"{joined:,} training groups share a picture with another one, and count as one unit with it. "
            "Models memorise repeated images first: drop the copies, or give them one group."
        )
    outside = ~inside & ~same_group & ~same_picture
    return (
        _units(train, points[inside], unit[inside]),
        _units(held[outside[len(train) :]], points[outside], unit[outside]),
        tuple(notes),
    )


def _units(rows: RowLabels, points: Tensor, unit: NDArray) -> ComparedUnits:
    return ComparedUnits(rows, points, np.unique(unit, return_inverse=True)[1])


def _with_content(data: Dataset, rows: RowLabels, image: str) -> tuple[RowLabels, Tensor]:
    """The rows whose image is not blank, and their thumbnails."""
    pieces = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    points = torch.cat([thumbnails(data.rows(piece)[image]) for piece in pieces])
    drawn = points.amax(1) - points.amin(1) >= LEAST_CONTRAST
    return rows[drawn.numpy()], points[drawn]


def _joined(points: Tensor, group: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A number for each image, equal for groups that are linked by copies of a picture."""
    if not len(points):
        return group
    distinct, where = np.unique(points.numpy(), axis=0, return_inverse=True)
    first = np.full(len(distinct), -1)
    first[where.reshape(-1)[::-1]] = np.arange(len(points))[::-1]
    same = np.stack([np.arange(len(points)), first[where.reshape(-1)]], axis=1)
    links = np.concatenate([same, _near_copies(points, np.unique(first), group, seed)])
    ends = group[links].T
    count = int(group.max()) + 1
    return connected_components(coo_array((np.ones(len(links)), (ends[0], ends[1])), shape=(count, count)))[1][group]


def _near_copies(points: Tensor, distinct: NDArray[np.int64], group: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return pairs of images of different groups that are nearly identical, `(P, 2)`."""
    images, groups = points[distinct], torch.from_numpy(group[distinct])
    if len(images) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:REFERENCES]
    nearest = _between(images[chosen], groups[chosen], images, groups).min(dim=1).values
    usual = nearest[nearest.isfinite()].median() if nearest.isfinite().any() else torch.tensor(0.0)
    contrast = (images - images.mean(1, keepdim=True)).norm(dim=1)  # nearly empty images resemble one another
    limit = NEAR_COPY * torch.minimum(usual, contrast)
    pairs = []
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        found = _between(images[part], groups[part], images, groups).topk(min(COPIES, len(images)), largest=False)
        near, place = torch.nonzero(found.values < limit[part, None], as_tuple=True)
        pairs.append(torch.stack([near + start, found.indices[near, place]], dim=1))
    return distinct[torch.cat(pairs).numpy()]


def _between(some: Tensor, their: Tensor, images: Tensor, groups: Tensor) -> Tensor:
    """Distances to images of other groups; infinite within a group."""
    centre = images.mean(0)  # far from the origin, float32 loses the last digits of a small distance
    return torch.cdist(some - centre, images - centre).masked_fill(their[:, None] == groups[None], torch.inf)
