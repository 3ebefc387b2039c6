"""The sizes of images as text."""

from collections import Counter
from collections.abc import Iterable

__all__ = ["most_common"]


def most_common(sizes: Iterable[tuple[int, ...]]) -> str:
    """The sizes of images as text, the most frequent first.

    >>> most_common([(60, 64), (60, 64), (28, 28)])
    '60x64 (2 images), 28x28 (1 image)'
    """
    counts = Counter(sizes)
    shown = [f"{'x'.join(map(str, size))} ({n} image{'s' * (n > 1)})" for size, n in counts.most_common(3)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more sizes" if more > 0 else "")
