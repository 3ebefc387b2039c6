"""Lists that the user writes on the command line."""

from collections.abc import Iterable

from ..errors import DataError, nearest

__all__ = ["kinds", "names"]

KINDS = ("continuous", "binary", "categorical", "ordinal")


def names(text: str) -> list[str]:
    """Names separated by commas.

    >>> names("a, b,")
    ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def kinds(texts: Iterable[str]) -> dict[str, str]:
    """Kinds of columns, each written as column=kind; several may share a text, with commas between them.

    Raises:
        DataError: A text is not of that form, or a kind is unknown.

    >>> kinds(["visits=continuous, clinic=categorical"])
    {'visits': 'continuous', 'clinic': 'categorical'}
    """
    found = {}
    for text in (part for one in texts for part in names(one)):
        name, sign, kind = (part.strip() for part in text.rpartition("="))
        if not sign or not name or kind not in KINDS:
            raise DataError(
                f"Expected a kind as column=kind, such as clinic=categorical, with a kind among {', '.join(KINDS)}; got "
                f"{text!r}." + nearest(kind, KINDS)
            )
        found[name] = kind
    return found
