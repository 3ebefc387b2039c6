"""The size of images in a starter study."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["propose_size"]

LONGEST_SIDE, LONGEST_OF_VOLUME = 64, 32
"""Larger images, and volumes, are reduced to this size in a starter study, since training time grows with the pixels."""
NEARLY_SQUARE = 0.12
"""Logarithm of height / width up to which an image counts as square."""


def propose_size(sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Propose height and width for images: their own if all are small, else at most `LONGEST_SIDE` pixels a side.

    Depth, height and width for volumes: the most frequent size, with at most `LONGEST_OF_VOLUME` voxels a side.

    The size follows the most frequent shape, and is square if that is nearly square.

    >>> propose_size([(28, 28)] * 3), propose_size([(512, 500), (512, 512), (480, 512)]), propose_size([(218, 178)])
    ((28, 28), (64, 64), (64, 52))
    """
    usual, count = Counter(sizes).most_common(1)[0]
    if len(usual) == 3:
        share = min(1.0, LONGEST_OF_VOLUME / max(usual))
        return tuple(max(1, round(side * share)) for side in usual)
    height, width = usual
    if 2 * count < len(sizes):
        height, width = (round(float(np.median(sides))) for sides in zip(*sizes))
    if max(height, width) <= LONGEST_SIDE and 2 * count >= len(sizes):
        return height, width
    side = min(LONGEST_SIDE, max(height, width))
    if abs(math.log(height / width)) < NEARLY_SQUARE:
        return side, side
    scale = side / max(height, width)
    return _in_fours(height * scale), _in_fours(width * scale)


def _in_fours(side: float) -> int:
    return max(4, 4 * round(side / 4))
