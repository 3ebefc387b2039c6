"""The size of images in a starter study."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["propose_size"]

LONGEST_SIDE = 64
"""Larger images are reduced to this size in a starter study, since training time grows with the pixels."""
NEARLY_SQUARE = 0.12
"""Logarithm of height / width up to which an image counts as square."""


def propose_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Height and width for images of the given sizes: theirs where all are small, else at most `LONGEST_SIDE` pixels a side.

    The size follows the usual shape, and is square where that is nearly so.

    >>> propose_size([(28, 28)] * 3), propose_size([(512, 500), (512, 512), (480, 512)]), propose_size([(218, 178)])
    ((28, 28), (64, 64), (64, 52))
    """
    (height, width), count = Counter(sizes).most_common(1)[0]
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
