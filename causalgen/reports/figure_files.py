"""Figures as files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from ..files import write_whole

__all__ = ["write_figure"]


def write_figure(figure: Figure, path: Path, *, dpi: int) -> Path:
    """Write a figure atomically, in the format of the path's suffix.

    Raises:
        StorageError: The file cannot be written; what was there before is still there.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=dpi)
    return write_whole(path, buffer.getvalue())
