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
    """At most `count` units whose change is greatest.

    Args:
        scores: Scores under one question and effect.
        rows: Row label of each unit, `(N,)`.
        images: Factual images `(N, C, H, W)`.
        count: Greatest number of units.
    """
    question, world = scores.question, scores.question.worlds[scores.effect]
    chosen = np.argsort(-np.abs(scores.change), kind="stable")[:count]
    return Movers(
        question.label,
        scores.effect,
        rows[chosen],
        scores.factual[chosen],
        scores.null.mean(0)[chosen],
        scores.counterfactual.mean(0)[chosen],
        world.supported[chosen],
        images[chosen],
        question.null.images[0][chosen],
        world.images[0][chosen],
    )
