"""CelebA's lists (Liu et al., 2015): attributes and splits, as .txt in the release and as .csv in later copies."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ...errors import DataError
from .names import IMAGE, SPLIT

__all__ = ["celeba_lists", "read_celeba"]

ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"
FOLDERS = ("img_align_celeba", "img_celeba", "images")
SPLITS = {0: "train", 1: "validation", 2: "test"}


def celeba_lists(folder: Path) -> bool:
    """Whether a folder holds CelebA's list of attributes."""
    return _list(folder, ATTRIBUTES) is not None


def read_celeba(folder: Path) -> pd.DataFrame:
    """Attributes as labels no and yes, the path of the image, and the split if there is a list of splits.

    Raises:
        DataError: A list cannot be read, or has other values than CelebA's.
    """
    path = _list(folder, ATTRIBUTES)
    assert path is not None
    try:
        table = _read_csv(path) if path.suffix == ".csv" else _read_text(path)
        names = [str(name) for name in table.columns if name != IMAGE]
        whole = bool(names) and table[names].isin([-1, 1]).all(axis=None)
    except (StopIteration, ValueError) as error:
        raise DataError(f"Expected CelebA's list of attributes in '{path}'; it cannot be read: {error}.") from None
    if not whole:
        raise DataError(f"Expected -1 and 1 for every attribute in '{path}'; got other values. Restore the file.")
    table[names] = table[names].replace({-1: "no", 1: "yes"})
    parts = _list(folder, PARTITION)
    if parts is not None:
        table = table.merge(_read_splits(parts), on=IMAGE, how="left")
    table[IMAGE] = _below(folder, str(table[IMAGE].iloc[0])) + table[IMAGE]
    return table


def _list(folder: Path, stem: str) -> Path | None:
    return next((path for end in (".txt", ".csv") if (path := folder / f"{stem}{end}").is_file()), None)


def _read_text(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8") as lines:
        next(lines)  # the number of images
        names = next(lines).split()
    return pd.read_csv(path, sep=r"\s+", skiprows=2, header=None, names=[IMAGE, *names], index_col=False)


def _read_csv(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path)
    return table.rename(columns={table.columns[0]: IMAGE})


def _read_splits(path: Path) -> pd.DataFrame:
    try:
        table = _read_csv(path) if path.suffix == ".csv" else pd.read_csv(path, sep=r"\s+", header=None)
    except ValueError as error:
        raise DataError(f"Expected CelebA's list of splits in '{path}'; it cannot be read: {error}.") from None
    if table.shape[1] != 2 or not table.iloc[:, 1].isin(list(SPLITS)).all():
        raise DataError(
            f"Expected an image and 0, 1 or 2 in every line of '{path}'; got other values. Restore the file."
        )
    return pd.DataFrame({IMAGE: table.iloc[:, 0], SPLIT: table.iloc[:, 1].map(SPLITS)})


def _below(folder: Path, first: str) -> str:
    """Folder of the images, with a slash; some copies nest it twice."""
    found = next((place for place in _places() if (folder / place / first).is_file()), None)
    return next((f"{name}/" for name in FOLDERS if (folder / name).is_dir()), "") if found is None else found


def _places() -> Iterator[str]:
    for name in FOLDERS:
        yield from (f"{name}/", f"{name}/{name}/")
