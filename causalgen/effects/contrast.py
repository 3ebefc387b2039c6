"""The two compared values of a treatment, as its variable declares them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..datasets.hints import declare_remedy
from ..errors import DataError, SupportError
from ..graph import Variable

__all__ = ["as_declared", "read_contrast", "read_joint_contrast"]


def read_contrast(treatment: Variable, contrast: Any) -> tuple[tuple[Any, Any], float, float]:
    """The contrast as labels or floats, and as numbers; None compares the two labels of a binary treatment."""
    if contrast is None and treatment.kind == "binary":
        contrast = treatment.labels
    if not isinstance(contrast, (tuple, list)) or len(contrast) != 2:
        raise DataError(
            f"Expected contrast=(a, b), which compares do({treatment.name}=b) with do({treatment.name}=a); "
            f"got {contrast!r}. Only a treatment with two labels may leave it out."
        )
    shown = (as_declared(treatment, contrast[0]), as_declared(treatment, contrast[1]))
    control, treated = map(treatment.encode, shown) if treatment.is_discrete else shown
    if control == treated:
        raise DataError(f"Expected two different values of '{treatment.name}' in the contrast; got {contrast!r}.")
    return shown, float(control), float(treated)


def read_joint_contrast(treatments: Sequence[Variable], contrast: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Both sides of the contrast of several treatments, each value as a label or float."""
    sides = tuple(contrast) if isinstance(contrast, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, tuple | list) and len(side) == len(treatments) for side in sides):
        a, b = (", ".join(f"{letter}{place + 1}" for place in range(len(treatments))) for letter in "ab")
        raise DataError(
            f"Expected contrast=(({a}), ({b})), one value for each of {', '.join(one.name for one in treatments)} on both "
            f"sides; got {contrast!r}."
        )
    control, treated = (
        tuple(as_declared(variable, value) for variable, value in zip(treatments, side, strict=True)) for side in sides
    )
    if control == treated:
        raise DataError(f"Expected two different sides of the contrast; got {contrast!r}.")
    return control, treated


def as_declared(treatment: Variable, value: Any) -> Any:
    """A value of the contrast as the declared label, or as a number inside the support.

    Raises:
        DataError: The value is neither a label nor a finite number.
        SupportError: It lies outside the support.
    """
    if treatment.is_discrete:
        return treatment.decode(_code(treatment, value))
    number = _finite(treatment.name, value)
    low, high = treatment.support or (-np.inf, np.inf)
    if not low <= number <= high:
        raise SupportError(
            f"Expected the contrast inside the support [{low:g}, {high:g}] of '{treatment.name}'; got {number:g}."
        )
    return number


def _code(treatment: Variable, value: Any) -> int:
    """Code of a label, which may be given as text: "1" or "1.0" for 1."""
    value = value.strip() if isinstance(value, str) else value
    if str(value).lower() in ("false", "true") and set(treatment.labels or ()) == {False, True}:
        value = str(value).capitalize()  # shells write true
    if value not in (treatment.labels or ()) and isinstance(value, str):
        with suppress(ValueError, OverflowError):
            value = float(value) if float(value) in (treatment.labels or ()) else value
    try:
        return treatment.encode(value)
    except DataError as error:
        if not all(isinstance(label, int | float) and not isinstance(label, bool) for label in treatment.labels or ()):
            raise
        remedy = (
            f" Or declare it continuous, if its numbers are quantities: {declare_remedy(treatment.name, 'continuous')}."
        )
        raise DataError(f"{error}{remedy}") from None


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise DataError(f"Expected finite numbers in the contrast of the continuous variable '{name}'; got {value!r}.")
    return number
