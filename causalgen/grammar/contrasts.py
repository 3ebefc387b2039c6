"""The two interventions that a contrast of one or several treatments compares."""

from typing import Any

__all__ = ["compared_worlds"]


def compared_worlds(treatment: str | tuple[str, ...], contrast: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return do(a) and do(b) as mappings; with several treatments, both sides of the contrast have a value for each.

    >>> compared_worlds("drug", ("no", "yes"))
    ({'drug': 'no'}, {'drug': 'yes'})
    >>> compared_worlds(("drug", "dose"), (("no", 0), ("yes", 2)))
    ({'drug': 'no', 'dose': 0}, {'drug': 'yes', 'dose': 2})
    """
    a, b = contrast
    if isinstance(treatment, str):
        return {treatment: a}, {treatment: b}
    return dict(zip(treatment, a, strict=True)), dict(zip(treatment, b, strict=True))
