"""Resolves cells of an image column to files: by path, or by a name without its suffix.

Public data sets spread the images of one table over several folders (NIH chest X-rays, HAM10000), so a bare name may
also refer to the one file of that name in a subfolder.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import pandas as pd

from ..formats import SUFFIXES, is_dicom, names_picture, split_place

__all__ = ["ImageFiles", "as_name", "find_folder", "has_more_zeros", "holds_images", "looks_like_paths", "surplus_top"]

LOOKED_AT = 20
"""Number of cells that decide whether a column holds paths of images."""
TRIED = 3
"""Number of cells that are tried as files before a column counts as holding none."""
FOLDERS = 50
"""Maximum number of folders next to a table in which its images are searched."""
DEEPEST, MOST_FOLDERS = 3, 1000
"""Maximum depth below a folder, and number of folders, in which files are searched by name."""
ENDINGS = (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))


class ImageFiles:
    """The image files below a folder, by the names that cells of a table use.

    Args:
        folder: Folder that paths start from.
        by_number: Whether a column of numbers may hold file names without being declared as an image column.
    """

    def __init__(self, folder: Path, *, by_number: bool = True) -> None:
        self.folder = folder
        self._by_number = by_number

    @classmethod
    def of(cls, frame: pd.DataFrame, folder: Path) -> "ImageFiles":
        """The files of a table; if a column has their paths, numbers do not count as file names."""
        return cls(folder, by_number=not any(looks_like_paths(frame[title]) for title in frame.columns))

    def numbered_by(self, column: pd.Series) -> bool:
        """Whether all cells are file numbers, and together cover most of the files with numbers as names.

        Coverage matters because other numbers, such as ages, would also occur among many file numbers.
        """
        if not self._by_number:
            return False
        words = {as_name(cell) for cell in column.dropna()}
        known = self.numbered or self._numbered_below
        numbers = {int(word): word for word in words if word.isdecimal()}
        return len(words) == len(numbers) > len(known) / 2 and all(
            number in known or any(map(_is_image, self.named(word))) for number, word in numbers.items()
        )

    def named(self, cell: str) -> list[Path]:
        """The files with exactly this bare name: the one next to the table, else those in subfolders."""
        path = _at(self.folder, cell)
        return [path] if _is_file(path) else self._below.get(cell, [])

    def find(self, cell: str, *, number: bool = False) -> list[Path]:
        """The file that a cell names; several files if the name is ambiguous.

        A bare name also matches files in subfolders, and a whole number also matches files whose names have leading
        zeros, which tables lose. The name of a missing file is returned unchanged.

        Args:
            cell: The text of the cell.
            number: Whether the cell is a number, so that `7` may have been `007` even if there is a `7.png`.
        """
        path = _at(self.folder, cell)
        if "/" in cell or "\\" in cell:
            return [path]
        here, found = _is_file(path), self.named(cell)
        if cell.isdecimal() and (number or not found):
            others = self.numbered.get(int(cell), []) or ([] if here else self._numbered_below.get(int(cell), []))
            homes = {file.parent for file in found}
            found = [*found, *(file for file in others if not homes or file.parent in homes)]
        return found or [path]

    @cached_property
    def numbered(self) -> dict[int, list[Path]]:
        """The images in the folder whose names are numbers with leading zeros, by number."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder))
        except OSError:
            names = []
        return _by_number(self.folder / name for name in names if names_picture(name))

    @cached_property
    def _numbered_below(self) -> dict[int, list[Path]]:
        """The same for subfolders."""
        return _by_number(dict.fromkeys(path for paths in self._below.values() for path in paths))

    @cached_property
    def _below(self) -> dict[str, list[Path]]:
        """The images in folders below, by their names with and without suffixes."""
        found: dict[str, list[Path]] = defaultdict(list)
        for number, (place, folders, files) in enumerate(os.walk(self.folder)):
            depth = len(Path(place).relative_to(self.folder).parts)
            folders[:] = sorted(name for name in folders if name[0] != ".") if depth < DEEPEST else []
            for name in sorted(files) if depth else ():
                if names_picture(name) and name[0] != ".":
                    ending = next(end for end in SUFFIXES if name.lower().endswith(end))
                    found[name].append(Path(place, name))
                    found[name[: -len(ending)]].append(Path(place, name))
            if number == MOST_FOLDERS:
                break
        return dict(found)


def has_more_zeros(path: Path, cell: str) -> bool:
    """Whether a file's name is the number of a cell with more leading zeros.

    >>> has_more_zeros(Path("a/007.png"), "7"), has_more_zeros(Path("a/7.png"), "7")
    (True, False)
    """
    stem = path.name.partition(".")[0]
    return cell.isdecimal() and stem.isdecimal() and stem != cell and int(stem) == int(cell)


def _by_number(paths: Iterable[Path]) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        stem = path.name.partition(".")[0]
        if stem.isdecimal() and stem[0] == "0" and len(stem) > 1:
            found[int(stem)].append(path)
    return dict(found)


def as_name(cell: object) -> str:
    """The text of a cell; a whole number, which is a float in a column with holes, has no decimal point.

    >>> as_name(" a.png"), as_name(7.0), as_name(0.5)
    ('a.png', '7', '0.5')
    """
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _at(folder: Path, cell: str) -> Path:
    """The file at a path; for a name without a suffix, such as ISIC_0024306, the image file of that name."""
    path = folder / cell.replace("\\", "/").replace("\0", "?")  # which paths must not contain
    try:
        if not path.name or names_picture(cell) or path.is_file():
            return path
        return next((file for ending in ENDINGS if (file := path.parent / (path.name + ending)).is_file()), path)
    except OSError:  # a text that no file can be called
        return path


def surplus_top(cells: Iterable[str], folder: Path) -> str:
    """The common first folder of all paths, with a slash, if the paths lead to files in `folder` only without it.

    Public tables often begin paths with the name of the data set.
    """
    paths = [cell.replace("\\", "/") for cell in cells]
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    if len(tops) != 1 or not all("/" in path for path in paths):
        return ""
    top = f"{tops.pop()}/"
    if top in ("/", "./", "../") or (folder / top).exists():
        return ""
    return top if any((folder / path.removeprefix(top)).exists() for path in paths[:TRIED]) else ""


def looks_like_paths(column: pd.Series) -> bool:
    """Whether most of the first words of a column have suffixes of image files."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    words = [str(word).lower() for word in column.dropna().head(LOOKED_AT)]
    return sum(map(names_picture, words)) > len(words) / 2


def holds_images(column: pd.Series, files: ImageFiles) -> bool:
    """Whether a column holds paths of images, or names of `files` without their suffix."""
    return looks_like_paths(column) or _names_files(column, files)


def find_folder(frame: pd.DataFrame, folder: Path) -> Path:
    """The folder that image paths in a table start from: `folder`, or the one folder in it that has the files."""
    columns = [frame[title] for title in frame.columns if looks_like_paths(frame[title]) or _names_rows(frame[title])]
    columns = columns[:FOLDERS]
    here = ImageFiles(folder)
    if any(_found(column.head(TRIED), here) for column in columns):
        return folder
    inside = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())[:FOLDERS] if folder.is_dir() else []
    # Images of later rows may lie in a different folder from those of the first rows.
    apart = [column.iloc[:: max(1, len(column) // LOOKED_AT)] for column in columns]
    files = [ImageFiles(Path(path)) for path in inside]
    having = [known.folder for known in files if any(_found(column, known) for column in apart)]
    return having[0] if len(having) == 1 else folder


def _names_rows(column: pd.Series) -> bool:
    """Whether every cell has a different text or whole number, like file names without suffixes."""
    present = column.dropna()
    whole = pd.api.types.is_float_dtype(column) and bool((present.astype("float64") % 1 == 0).all())
    if (
        not whole
        and not pd.api.types.is_integer_dtype(column)
        and not all(isinstance(x, str) for x in present.head(TRIED))
    ):
        return False
    try:
        return bool(present.is_unique)
    except (TypeError, NotImplementedError):  # lists and structures among the cells
        return False


def _names_files(column: pd.Series, files: ImageFiles) -> bool:
    """Whether most of the first cells name image files in the folder, or in subfolders if all cells differ."""
    unique = _names_rows(column)
    if not unique and (pd.api.types.is_numeric_dtype(column) or not _found(column.head(TRIED), files)):
        return False
    words = [as_name(word) for word in column.dropna().head(LOOKED_AT)]
    places = [files.named(word) if unique else [_at(files.folder, word)] for word in words]
    exact = sum(any(map(_is_image, found)) for found in places) > len(words) / 2
    return exact or (unique and bool(words) and files.numbered_by(column))


def _found(column: pd.Series, files: ImageFiles) -> bool:
    """Whether one of the cells is an image file in the folder."""
    return any(
        _is_image(_at(files.folder, word)) or (word.isdecimal() and int(word) in files.numbered)
        for word in map(as_name, column.dropna())
        if word
    )


def _is_file(path: Path) -> bool:
    try:
        return split_place(path)[0].is_file()
    except (OSError, ValueError):  # a text that no file can be called
        return False


def _is_image(path: Path) -> bool:
    try:
        file = split_place(path)[0]
        return file.is_file() and (names_picture(path.as_posix()) or is_dicom(file))
    except (OSError, ValueError):  # a text that no file can be called
        return False
