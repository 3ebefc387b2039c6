"""Properties of a picture that are known before its pixels are decoded."""

import math
from dataclasses import dataclass

__all__ = ["ABSENT", "AS_STORED", "MOST_PIXELS", "UNSPECIFIED", "Header", "too_large"]

ABSENT = "no such file"
AS_STORED, UNSPECIFIED = "as stored", "unspecified"
"""Unit of grey values that are not rescaled and whose unit the file does not state."""
MOST_PIXELS = 100_000_000
"""An image with more pixels counts as a decompression bomb."""


@dataclass(frozen=True)
class Header:
    """The header of a picture.

    Args:
        height: Pixels, upright.
        width: Pixels, upright.
        colour: Whether it has colours.
        wide: Whether its grey values have more than 8 bits.
        alpha: Whether pixels can be transparent.
        cut: Whether its channels have 16 bits, of which the reader keeps the upper 8.
        inks: Whether it is a CMYK image.
        units: Unit of its grey values, if the file states one.
        stated: Window that the file proposes, in grey values.
        depth: Slices of a volume, from below; None for an image.
    """

    height: int
    width: int
    colour: bool
    wide: bool = False
    alpha: bool = False
    cut: bool = False
    inks: bool = False
    units: str = ""
    stated: tuple[float, float] | None = None
    depth: int | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width) of an image, (depth, height, width) of a volume."""
        plane = (self.height, self.width)
        return plane if self.depth is None else (self.depth, *plane)


def too_large(*size: int) -> str:
    """The reason to refuse a picture of that size; empty if there is none."""
    return f"an image of {math.prod(size):,} pixels" if math.prod(size) > MOST_PIXELS else ""
