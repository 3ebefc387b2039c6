"""Names in one line, the last of many counted."""

from collections.abc import Sequence

__all__ = ["some"]


def some(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many there are more.

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
