"""Ages as DICOM writes them (the value representation AS): three digits and D, W, M or Y, such as 058Y."""

import re

__all__ = ["AGE", "years_of"]

AGE = re.compile(r"(?P<number>\d{3})(?P<part>[DWMY])")
PARTS = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1}
"""Parts of a year, by the letter at the end of an age."""


def years_of(text: str) -> float | None:
    """An age in years; None for any other text.

    >>> years_of("058Y"), years_of("018M"), years_of("58")
    (58.0, 1.5, None)
    """
    found = AGE.fullmatch(text.strip())
    return int(found["number"]) / PARTS[found["part"]] if found else None
