"""The units whose score an intervention changes most, with their images, kept for a grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .rows import UnitScores

__all__ = ["Movers", "moving_most"]


@dataclass(frozen=True, eq=False)
class Movers:
    """The n units with the greatest absolute change under one intervention, greatest first.

    Scores are means over particles; images are those of the first particle.

    Args:
        intervention, effect: As in the rows of the report.
        rows: Row labels of the data (positions, where units were passed in), `(n,)`.
        factual, null, counterfactual: Scores `(n,)`.
        supported: Bool `(n,)`: within joint support of training.
        factual_images, null_images, counterfactual_images: `(n, C, H, W)`, natural units.
    """

    intervention: str
    effect: str
    rows: NDArray[Any]
    factual: NDArray[np.float64]
    null: NDArray[np.float64]
    counterfactual: NDArray[np.float64]
    supported: NDArray[np.bool_]
    factual_images: Tensor
    null_images: Tensor
    counterfactual_images: Tensor


def moving_most(scores: UnitScores, rows: NDArray[Any], images: Tensor, count: int) -> Movers:
    """Return at most `count` units with the greatest change.

    Args:
        scores: Scores under one intervention and effect.
        rows: Row label of each unit, `(N,)`.
        images: Factual images `(N, C, H, W)`.
        count: Maximum number of units.
    """
    response, redrawn = scores.response, scores.response.effects[scores.effect]
    chosen = np.argsort(-np.abs(scores.changes.mean(0)), kind="stable")[:count]
    return Movers(
        response.label,
        scores.effect,
        rows[chosen],
        scores.factual.values[chosen],
        scores.null.values.mean(0)[chosen],
        scores.counterfactual.values.mean(0)[chosen],
        redrawn.supported[chosen],
        images[chosen],
        response.null.images[0][chosen],
        redrawn.images[0][chosen],
    )
