"""Options of a mechanism, checked before it is built."""

from collections.abc import Mapping
from typing import Any

from ..errors import UnknownNameError, nearest
from .base import Mechanism

__all__ = ["check_options"]

GREATEST, LONGEST = 16_384, 64
"""Upper bound of a whole number without an entry in `Mechanism.limits`, and of the length of a list of them."""
GREATEST_NUMBER = 1e6
"""Upper bound of any other number, such as a weight of the loss."""


def check_options(cls: type[Mechanism], name: str, variable: str, options: Mapping[str, Any]) -> None:
    """Check names and types of options.

    Args:
        cls: The mechanism.
        name: Its word.
        variable: Name of the variable that it assigns.
        options: Options by name.

    Raises:
        UnknownNameError: No option of that name.
        ValueError: An option of another type, or out of range.
    """
    known = cls.__init__.__kwdefaults__ or {}
    for option, value in options.items():
        if option not in known:
            raise UnknownNameError(
                f"Expected an option of '{name}' among {', '.join(known) or '(none)'}; got {option!r} "
                f"for '{variable}'." + nearest(option, known)
            )
        if option in (*cls.parts, *cls.by_parent) and isinstance(value, Mapping):
            continue  # checked where the part is built, and where the parents are known
        wanted = _wanted(known[option], value, cls.limits.get(option, GREATEST))
        if wanted:
            raise ValueError(
                f"Expected {wanted} for the option '{option}' of '{name}'; got {value!r} for '{variable}'."
            )


def _wanted(default: Any, value: Any, most: int) -> str:
    """What an option with this default expects, if `value` does not fit; else an empty string."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str):
        return "" if isinstance(value, str) else "a word"
    if isinstance(default, int):
        least = min(default, 1)  # 0 switches an optional part off
        fits = isinstance(value, int) and number and least <= value <= most
        return "" if fits else f"a whole number of at least {least} and at most {most}"
    if isinstance(default, float):
        fits = number and 0 <= value <= GREATEST_NUMBER
        return "" if fits else f"a number of at least 0 and at most {GREATEST_NUMBER:g}"
    widths = isinstance(value, list | tuple) and len(value) <= LONGEST
    widths = widths and all(isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= GREATEST for v in value)
    return "" if widths else f"a list of at most {LONGEST} whole numbers of at least 1 and at most {GREATEST}"
