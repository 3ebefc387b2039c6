"""The grey values of a column of images that become black and white: declared, or the range of its files."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..formats import Header, short_name
from .declare import Declaration
from .faults import Faults
from .window import find_window

__all__ = ["choose_window", "window_note"]


def choose_window(
    name: str,
    title: str,
    paths: Sequence[Path],
    headers: Sequence[Header],
    declared: Declaration,
    faults: Faults,
) -> tuple[tuple[float, float] | None, list[str]]:
    """The window of a column of grey images, and a note if undeclared; None if percentiles will determine it.

    Args:
        name: The image node.
        title: Its column.
        paths: Files that can be read.
        headers: Their headers.
        declared: What the user declared.
        faults: Collects faults.
    """
    wide = sum(header.wide for header in headers)
    narrow = len(headers) - wide
    if wide and narrow:
        found = f"{wide:,} image{'s' * (wide > 1)} with 16 bits or more and {narrow:,} with 8 bits"
        fewer = next(path for path, header in zip(paths, headers, strict=True) if header.wide == (wide <= narrow))
        remedy = f"convert the files of one, such as '{short_name(fewer)}'"
        faults.column(title, found, f"one depth: their grey values have different units; {remedy}")
    units = Counter(header.units for header in headers if header.wide)
    if len(units) > 1:
        shown = " and ".join(f"{unit or 'of unknown unit'} ({count:,} images)" for unit, count in units.most_common())
        faults.column(title, f"grey values {shown}", "one unit: rescale the files, or leave out those of one")
    said = [word for word in ("window", "percentiles", "bits") if getattr(declared, word) is not None]
    if said and any(header.colour for header in headers):
        faults.column(title, "colour images", f"grey images for `{said[0]}`; remove it, or convert the files")
    if declared.bits == 16 and not wide:
        faults.column(title, "grey values of 8 bits", "files of 16 bits or more for `bits: 16`; remove it")
    if declared.window is not None and not wide and not 0 <= declared.window[0] < declared.window[1] <= 255:
        low, high = declared.window
        faults.column(title, f"grey values of 8 bits for the window {low:g} to {high:g}", "a window within 0 to 255")
    if declared.window is not None or declared.percentiles is not None or not wide or narrow:
        return declared.window, []
    window = find_window(paths)
    if window is None:
        faults.column(title, "one grey value in all images", "grey values that vary; check the files")
        return None, []
    stated = headers[0].stated
    common = stated is not None and all(header.stated == stated for header in headers)
    own = " All files state the window [{:g}, {:g}].".format(*stated) if stated and common else ""
    return window, [window_note(name, window, declared.bits or 8) + own]


def window_note(name: str, window: tuple[float, float], bits: int = 8) -> str:
    """The note about an undeclared window."""
    low, high = window
    lost = ", and finer differences are lost (`bits: 16` keeps them)" if bits == 8 else f", stored with {bits} bits"
    return (
        f"'{name}' has grey values from {low:g} to {high:g}, which are stored as 0 to 255: one level is "
        f"{(high - low) / 255:.3g}{lost}. Confirm or correct it: `variables: {{{name}: {{window: [{low:g}, {high:g}]}}}}`."
    )
