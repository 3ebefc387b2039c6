"""Lists that the user writes on the command line."""

__all__ = ["names"]


def names(text: str) -> list[str]:
    """Names separated by commas.

    >>> names("a, b,")
    ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]
