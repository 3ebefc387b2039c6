"""Figures that are built and not drawn: drawing takes more than half of the time of a small run with its report."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

__all__ = ["blank_pictures"]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel."""


@contextmanager
def blank_pictures() -> Iterator[None]:
    """Every figure that is saved inside as a PNG file is one pixel there."""
    drawn = Figure.savefig

    def savefig(self: Figure, file: Any, *, format: str = "", **options: Any) -> None:
        if (format or Path(str(file)).suffix.removeprefix(".") or "png") != "png":
            drawn(self, file, format=format or None, **options)
        elif isinstance(file, str | Path):
            Path(file).write_bytes(PNG)
        else:
            file.write(PNG)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Figure, "savefig", savefig)
        yield
