"""Declarations of a variable; everything that is left out is inferred."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from ...errors import DataError, UnknownNameError, nearest
from ...graph import CausalGraph, Kind
from ...graph.parse import EdgesLike, read_edges
from ..depth import DEPTHS
from ..formats import PLANES

__all__ = ["Declaration", "Fit", "VariablesLike", "check_words", "read_declarations"]

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
"""How an image of another shape is resized: cut the longer sides, fill the shorter ones with black, or distort."""


@dataclass(frozen=True)
class Declaration:
    """The declaration of one variable.

    Args:
        kind: continuous, binary, categorical, ordinal or image.
        labels: Labels of a discrete variable in code order.
        support: Lowest and highest allowed value.
        unit: Unit such as "years".
        column: Column of the table, if its name differs from the variable's.
        size: (height, width) of an image in pixels, or (depth, height, width) of a volume.
        colour: Whether an image has colours.
        fit: How an image of another shape is resized: crop, pad or stretch.
        window: Grey values of an image that become 0 and 255, one pair for the whole column.
        percentiles: Those of the training split's grey values that become 0 and 255, in place of a window.
        bits: Number of bits kept per pixel, 8 or 16.
        slice: (plane, position) of the slice of a volume: axial, coronal or sagittal; a share from 0.0 to 1.0, or a number.
        volume: Whether the images are volumes, read as a whole.
        ground: Colour behind transparent pixels, such as "white" or "#808080".
        missing_words: Words and numbers that mean a missing value, such as "n/a" or -999.
    """

    kind: Kind | None = None
    labels: tuple[Any, ...] | None = None
    support: tuple[float, float] | None = None
    unit: str | None = None
    column: str | None = None
    size: tuple[int, ...] | None = None
    colour: bool | None = None
    fit: Fit | None = None
    window: tuple[float, float] | None = None
    percentiles: tuple[float, float] | None = None
    bits: int | None = None
    slice: tuple[str, float] | None = None
    volume: bool | None = None
    ground: str | None = None
    missing_words: tuple[Any, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether the declaration is that of an image."""
        said = (self.size, self.colour, self.fit, self.window, self.percentiles, self.bits, self.slice, self.volume)
        return self.kind == "image" or self.ground is not None or any(entry is not None for entry in said)

    def check(self, name: str) -> None:
        """Raise `DataError` if the declaration of `name` contradicts itself."""
        for field, choices in (("kind", get_args(Kind)), ("fit", get_args(Fit))):
            value = getattr(self, field)
            if value is not None and value not in choices:
                raise DataError(
                    f"Expected the {field} of '{name}' among {', '.join(choices)}; got {value!r}."
                    + nearest(str(value), choices)
                )
        if self.is_image and self.kind not in (None, "image"):
            raise DataError(
                "Expected size, colour, fit, window, percentiles, bits, slice, volume and ground for images only; "
                f"'{name}' is declared {self.kind}."
            )
        if self.is_image and (self.labels or self.support):
            raise DataError(f"Expected no labels or support for the image '{name}'. Remove them.")
        if self.support is not None and not (len(self.support) == 2 and self.support[0] < self.support[1]):
            raise DataError(f"Expected the support of '{name}' as [low, high]; got {list(self.support)}.")
        axes = ("depth", "height", "width") if self.volume else ("height", "width")
        if self.size is not None and (len(self.size) != len(axes) or min(self.size) < 1):
            more = " Declare `volume: true` for volumes." if len(self.size) == 3 else ""
            raise DataError(
                f"Expected the size of '{name}' as [{', '.join(axes)}] in pixels; got {list(self.size)}.{more}"
            )
        if self.volume:
            self._check_volume(name)
        check_words(self.missing_words, f"the missing words of '{name}'")
        if self.slice is not None and not _is_slice(self.slice):
            raise DataError(
                f"Expected the slice of '{name}' as [plane, position], with a plane among {', '.join(PLANES)} and a share "
                f"from 0.0 to 1.0 or the number of a slice, such as [axial, 0.5]; got {list(self.slice)}."
            )
        self._check_grey(name)
        if self.ground is not None and not _is_colour(self.ground):
            raise DataError(
                f"Expected the ground of '{name}' as a colour such as white, black or '#808080'; got {self.ground!r}."
            )

    def _check_volume(self, name: str) -> None:
        """Raise `DataError` if the declarations about a volume contradict each other."""
        for field, remedy in (("slice", "whole volumes, or one slice of each"), ("colour", ""), ("ground", "")):
            if getattr(self, field):
                remedy = remedy or "grey volumes"
                raise DataError(f"Expected {remedy} for '{name}'; got `volume: true` and `{field}`. Remove one.")

    def _check_grey(self, name: str) -> None:
        """Raise `DataError` if the declarations about grey values contradict each other."""
        if self.window is not None and not _is_span(self.window):
            raise DataError(
                f"Expected the window of '{name}' as [low, high], two grey values with low < high; got "
                f"{list(self.window)}."
            )
        if self.percentiles is not None and not (
            _is_span(self.percentiles) and self.percentiles[0] >= 0 and self.percentiles[1] <= 100
        ):
            raise DataError(
                f"Expected the percentiles of '{name}' as [low, high] within 0 to 100, such as [0.5, 99.5]; got "
                f"{list(self.percentiles)}."
            )
        if self.window is not None and self.percentiles is not None:
            raise DataError(f"Expected a window of '{name}' or percentiles; got both. Remove one.")
        if self.bits not in (None, *DEPTHS):
            raise DataError(f"Expected the bits of '{name}' as 8 or 16; got {self.bits!r}.")


def check_words(words: Sequence[Any], what: str) -> None:
    """Raise `DataError` unless `words` is a list of words and numbers."""
    wrong = isinstance(words, str) or not all(isinstance(word, str | int | float) for word in words)
    if wrong:
        raise DataError(f"Expected {what} as a list such as ['n/a', -999]; got {words!r}.")


def _is_span(window: Sequence[Any]) -> bool:
    numbers = len(window) == 2 and all(isinstance(bound, int | float) for bound in window)
    return numbers and math.isfinite(window[1] - window[0]) and window[0] < window[1]


def _is_slice(taken: Sequence[Any]) -> bool:
    plane, position = taken if len(taken) == 2 else ("", -1)
    if isinstance(position, bool) or not isinstance(position, int | float) or position < 0:
        return False
    return plane in PLANES and (isinstance(position, int) or position <= 1)


def _is_colour(word: object) -> bool:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(str(word))
    except ValueError:
        return False
    return isinstance(word, str)


VariablesLike: TypeAlias = Mapping[str, Declaration | Mapping[str, Any]]


def read_declarations(variables: VariablesLike, graph: EdgesLike | CausalGraph) -> dict[str, Declaration]:
    """A declaration for every node of the graph: the user's, else the graph's, else an empty one.

    Raises:
        DataError: A field is unknown, or contradicts another.
        UnknownNameError: A variable is not a node.

    >>> read_declarations({"age": {"unit": "years"}}, "age -> scan")["age"].unit
    'years'
    """
    declared = _of_graph(graph)
    for name, given in variables.items():
        if name not in declared:
            known = ", ".join(declared)
            raise UnknownNameError(
                f"Expected variables of the graph ({known}); got {name!r}." + nearest(name, declared)
            )
        declared[name] = given if isinstance(given, Declaration) else _read(name, given)
        declared[name].check(name)
    return declared


def _read(name: str, given: Mapping[str, Any]) -> Declaration:
    known = [field.name for field in fields(Declaration)]
    for key in given:
        if key not in known:
            raise DataError(
                f"Expected declarations of '{name}' among {', '.join(known)}; got {key!r}." + nearest(str(key), known)
            )
    entries: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    return Declaration(**entries)


def _of_graph(graph: EdgesLike | CausalGraph) -> dict[str, Declaration]:
    if not isinstance(graph, CausalGraph):
        return {name: Declaration() for name in read_edges(graph).nodes}
    declared = {}
    for name, variable in graph.variables.items():
        if variable.is_image:
            volume = True if variable.is_volume else None
            declared[name] = Declaration(
                kind="image", size=variable.shape[1:], colour=variable.shape[0] == 3, volume=volume
            )
        else:
            declared[name] = Declaration(variable.kind, variable.labels, variable.support, variable.unit)
    return declared
