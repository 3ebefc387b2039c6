"""What a user may say about a variable; everything that is left out is inferred."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from ...errors import DataError, nearest
from ...graph import Kind

__all__ = ["Declaration", "Fit", "VariablesLike", "read_declarations"]

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
"""How an image gets a size of another shape: cut the longer sides, fill the shorter ones with black, or distort."""


@dataclass(frozen=True)
class Declaration:
    """What is declared about one variable.

    Args:
        kind: continuous, binary, categorical, ordinal or image.
        labels: Labels of a discrete variable in code order.
        support: Least and greatest allowed value.
        unit: Unit such as "years".
        column: Column of the table, where it is not called as the variable.
        size: (height, width) of an image in pixels.
        colour: Whether an image has colours.
        fit: How an image of another shape gets that size: crop, pad or stretch.
    """

    kind: Kind | None = None
    labels: tuple[Any, ...] | None = None
    support: tuple[float, float] | None = None
    unit: str | None = None
    column: str | None = None
    size: tuple[int, int] | None = None
    colour: bool | None = None
    fit: Fit | None = None

    @property
    def is_image(self) -> bool:
        """Whether it speaks of an image."""
        return self.kind == "image" or (self.size, self.colour, self.fit) != (None, None, None)

    def check(self, name: str) -> None:
        """Raise `DataError` where the declaration of `name` contradicts itself."""
        for field, choices in (("kind", get_args(Kind)), ("fit", get_args(Fit))):
            value = getattr(self, field)
            if value is not None and value not in choices:
                raise DataError(
                    f"Expected the {field} of '{name}' among {', '.join(choices)}; got {value!r}."
                    + nearest(str(value), choices)
                )
        if self.is_image and self.kind not in (None, "image"):
            raise DataError(f"Expected size, colour and fit for images only; '{name}' is declared {self.kind}.")
        if self.is_image and (self.labels or self.support or self.unit):
            raise DataError(f"Expected no labels, support or unit for the image '{name}'. Remove them.")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise DataError(f"Expected the size of '{name}' as [height, width] in pixels; got {list(self.size)}.")


VariablesLike: TypeAlias = Mapping[str, Declaration | Mapping[str, Any]]


def read_declarations(variables: VariablesLike) -> dict[str, Declaration]:
    """Declarations by variable, checked.

    Raises:
        DataError: A field is unknown, or contradicts another.

    >>> read_declarations({"age": {"unit": "years"}})["age"].unit
    'years'
    """
    known = [field.name for field in fields(Declaration)]
    read = {}
    for name, given in variables.items():
        if not isinstance(given, Declaration):
            for key in given:
                if key not in known:
                    raise DataError(
                        f"Expected what is said about '{name}' among {', '.join(known)}; got {key!r}."
                        + nearest(str(key), known)
                    )
            entries: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
            given = Declaration(**entries)
        given.check(name)
        read[name] = given
    return read
