"""Names in one line; beyond a limit they are counted."""

from collections.abc import Sequence

__all__ = ["some"]


def some(names: Sequence[str], most: int = 10) -> str:
    """The first names, and the number of the remaining ones.

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
