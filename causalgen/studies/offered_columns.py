"""What a user's table offers for a causal graph: columns, the simplest graph, and grouping columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from ..datasets.table import describe_columns
from ..datasets.table.column_match import Match, match_columns, name_and_unit
from ..datasets.table.columns import as_frame, image_folder
from ..datasets.table.declare import Declaration
from ..datasets.table.dicom_tags import with_tags
from ..datasets.table.files import ImageFiles, find_folder, holds_images
from ..datasets.table.path_persons import distinct, identifies, numbers_persons, with_persons
from ..errors import DataError
from ..graph.parse import write_name

__all__ = ["OfferedColumns", "propose_edges", "propose_group", "table_columns"]

IDENTIFIERS = "identifiers, which name rows or groups of rows; expected an attribute"


@dataclass(frozen=True)
class OfferedColumns:
    """Columns of a table that a graph can use.

    Args:
        attributes: Columns usable as attributes.
        images: Columns with paths of images.
        unusable: Columns that cannot be variables, with the reason.
        frame: The table.
        folder: Folder that image paths start from.
        tags: Keywords of elements of DICOM files that are columns.
    """

    attributes: tuple[str, ...]
    images: tuple[str, ...]
    unusable: dict[str, str]
    frame: pd.DataFrame = field(repr=False)
    folder: Path
    tags: tuple[str, ...] = ()

    def holds_images(self, title: str) -> bool:
        """Whether a column holds paths of images."""
        return holds_images(self.frame[title], self._files)

    @cached_property
    def _files(self) -> ImageFiles:
        """The files below the folder, which are listed once for all columns."""
        return ImageFiles.of(self.frame, self.folder)

    def matches(self, nodes: Sequence[str]) -> dict[str, Match]:
        """Return the column of every node."""
        return match_columns({node: Declaration() for node in nodes}, list(self.frame.columns), self.holds_images)


def table_columns(table: Path, images: Path | None = None, tags: Sequence[str] = ()) -> OfferedColumns:
    """Which columns of a table can be variables.

    Args:
        table: File or folder.
        images: Folder that image paths start from; None for the folder of the table, or the folder in it that has the
            files.
        tags: Keywords of elements of its DICOM files that become columns.

    Raises:
        DataError: The table cannot be read, or there is no such folder.
    """
    if images is not None and not images.is_dir():
        raise DataError(
            f"Expected a folder of images; '{images}' is none. Name the folder that image paths start from."
        )
    frame = as_frame(table)
    folder = find_folder(frame, image_folder(table, None)) if images is None else images
    frame = with_persons(with_tags(frame, tags, folder))
    found = describe_columns(frame, folder)
    found |= {name: IDENTIFIERS for name in found if found[name] == "attribute" and identifies(frame[name])}
    found |= {name: "a name with a quotation mark or semicolon" for name in found if set(name) & set('";\n')}
    return OfferedColumns(
        attributes=tuple(name for name, what in found.items() if what == "attribute"),
        images=tuple(name for name, what in found.items() if what == "image"),
        unusable={name: what for name, what in found.items() if what not in ("attribute", "image")},
        frame=frame,
        folder=folder,
        tags=tuple(tags),
    )


def propose_edges(attributes: Sequence[str], image: str | None) -> str:
    """Propose the simplest graph: every attribute acts on the image, none on another; units in names are dropped.

    Raises:
        DataError: The table has no attribute.

    >>> propose_edges(["age (years)", "sex"], "scan")
    '{age, sex} -> scan'
    """
    if not attributes:
        raise DataError("Expected a column that can be an attribute; got none. Add attributes of each image.")
    short = [name_and_unit(title)[0] for title in attributes]
    clear = len({*short, image}) == len({*attributes, image})
    names = [write_name(name) for name in (short if clear else attributes)]
    return "; ".join(names) if image is None else f"{{{', '.join(names)}}} -> {write_name(image)}"


def propose_group(columns: OfferedColumns, nodes: Sequence[str]) -> str | None:
    """A column of repeated identifiers that the graph does not use; None if there is none or several.

    Identifiers of persons come first, then others with few rows each, such as `lesion_id`. If several columns identify
    persons, the one is chosen whose groups contain those of all others.
    """
    frame, used = columns.frame, {match.title for match in columns.matches(nodes).values()}
    free = [
        title for title in frame.columns if title not in used and 3 <= distinct(frame[title]) < frame[title].count()
    ]
    if persons := [title for title in free if numbers_persons(frame[title])]:
        outer = (title for title in persons if all(_lies_in(frame, other, title) for other in persons))
        return next(outer, None)
    found = [title for title in free if identifies(frame[title])]
    return found[0] if len(found) == 1 else None


def _lies_in(frame: pd.DataFrame, inner: str, outer: str) -> bool:
    """Return whether the rows of each group of one column all lie in one group of another."""
    return inner == outer or bool(frame.groupby(inner)[outer].nunique().max() <= 1)
