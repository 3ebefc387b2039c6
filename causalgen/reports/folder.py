"""The folder of a report: writes figures as PNG and tables as CSV, and returns their form on the page."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ..errors import RunFolderError
from ..files import write_whole
from ..spreadsheets import csv_text

__all__ = ["Group", "Picture", "ReportFolder", "Row", "Table", "slug"]

DOTS_PER_INCH = 160
PIXELS_PER_INCH = 112
"""Natural size on the page; a narrow page shrinks pictures further."""
WIDEST, LONGEST = 6, 14
"""Maximum columns and rows of an unfolded table on a page; larger tables are folded."""
NUMERIC = re.compile(r"(< |[−+])?[\d∞\[].*|–?")
"""Matches a cell of a right-aligned column."""
NARROWEST, BROADEST = 5, 40
"""Minimum and maximum letters by which the width of a column is computed."""


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it, the image itself embedded."""

    uri: str
    alt: str
    caption: str
    file: str
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """Cells of one row, with a note below it; `strong` rows are highlighted."""

    cells: Sequence[str]
    note: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under a common heading, with a note below it."""

    rows: Sequence[Row]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table as the page shows it."""

    caption: str
    header: Sequence[str]
    groups: Sequence[Group] = ()
    file: str = ""
    heading: str = ""

    @property
    def wide(self) -> bool:
        """Whether the table is too large to be shown unfolded."""
        return len(self.header) > WIDEST or sum(len(group.rows) for group in self.groups) > LONGEST

    @property
    def numeric(self) -> list[bool]:
        """By column, whether its cells are numbers; the first column names the rows."""
        return [
            place > 0 and any(cells) and all(NUMERIC.fullmatch(cell) for cell in cells)
            for place, cells in enumerate(self._columns)
        ]

    @property
    def shares(self) -> list[float]:
        """By column, the share of the width that its longest cell needs."""
        letters = [
            max(NARROWEST, min(BROADEST, max(map(len, cells), default=0)), *map(len, name.split()))
            for name, cells in zip(self.header, self._columns, strict=True)
        ]
        return [count / sum(letters) for count in letters]

    @property
    def _columns(self) -> list[list[str]]:
        rows = [row.cells for group in self.groups for row in group.rows]
        return [[row[place] for row in rows] for place in range(len(self.header))]


class ReportFolder:
    """Writes figures and tables below a folder, which is created.

    Args:
        root: The folder.
        figures: Whether to draw and write figures.
        tables: Whether to write tables.

    Raises:
        RunFolderError: The folder cannot be written.
    """

    def __init__(self, root: str | Path, *, figures: bool = True, tables: bool = True) -> None:
        self.root, self.figures, self.tables = Path(root), figures, tables
        self._names: dict[str, str] = {}
        try:
            for name, wanted in {".": True, "figures": figures, "tables": tables}.items():
                if wanted:
                    (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"Expected a writable folder for the report; got '{self.root}' ({error}).") from error

    def _file(self, kind: str, name: str, suffix: str) -> str:
        """Return a path inside the folder; names that a file system would treat as equal get numbers."""
        stem = f"{kind}/{slug(name)}"
        numbered = (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}" for number in count(1))
        return next(path for path in numbered if self._names.setdefault(path, name) == name)

    def picture(self, figure: Figure, name: str, alt: str, caption: str = "") -> Picture:
        """Write a figure and return it for the page."""
        if not self.figures:
            return Picture("", alt, caption, "", 0, 0)
        buffer = io.BytesIO()
        figure.savefig(
            buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        file = self._file("figures", name, ".png")
        self.write(file, buffer.getvalue())
        width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
        uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        return Picture(uri, alt, caption, file, width, height)

    def table(self, frame: pd.DataFrame, name: str, *, index: bool = False) -> str:
        """Write a data frame and return its path inside the folder; empty where tables are switched off."""
        if not self.tables:
            return ""
        file = self._file("tables", name, ".csv")
        self.write(file, csv_text(frame, index=index).encode())
        return file

    def write(self, file: str, content: bytes) -> Path:
        """Write a file atomically: a reader sees either the old file or the new one."""
        return write_whole(self.root / file, content)


def slug(text: str) -> str:
    """Turn text into a file name: letters of any alphabet, digits and hyphens.

    >>> slug("do(pen = felt-tip) / <b>"), slug("Größe_1")
    ('do-pen-felt-tip-b', 'größe-1')
    """
    return re.sub(r"[\W_]+", "-", str(text).lower()).strip("-")[:60].strip("-") or "x"
