"""Image folders in common layouts: metadata files, split folders, CelebA, BIDS and UTKFace, a folder per class."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from ...errors import DataError
from ..formats import is_dicom, names_picture
from .celeba import celeba_lists, read_celeba
from .named_layouts import bids_scans, is_utkface, read_bids, read_utkface
from .names import FILE_NAME, IMAGE, LABEL, SPLIT
from .shards import read_shards, shard_files
from .splits import split_name
from .table_file import read_file, read_part

__all__ = ["read_folder"]

METADATA = ("metadata.csv", "metadata.parquet", "metadata.jsonl")
TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
LOOKED_AT = 20
"""Number of cells examined to recognise a column of image paths."""


def read_folder(folder: Path) -> pd.DataFrame:
    """The table of a folder of images; paths are relative to the folder.

    - `metadata.csv`, `.parquet` or `.jsonl`, or the only table in the folder, with a column of image paths; a column
      `file_name` becomes `image`.
    - `list_attr_celeba` as .txt or .csv (CelebA; Liu et al., 2015): its attributes as labels no and yes, the split from
      `list_eval_partition` where that is there.
    - `participants.tsv` with `sub-*/anat/*_T1w.nii.gz` or the only other suffix, sessions too (BIDS; Gorgolewski et al., 2016):
      a row for each scan.
    - Images called age_gender_race_date (UTKFace; Zhang et al., 2017): these columns, without the date.
    - Folders called train, validation (val, valid, dev) and test: their names become the column `split`. Each holds its
      own metadata file, or a folder per class.
    - Parquet or tar files that hold images, also in a folder `data`: one table, the split from their names (`train-0000.tar`)
      or folders.
    - Tables called after the splits, such as `train.csv` and `valid.csv` (CheXpert; Irvin et al., 2019).
    - DICOM files alone, in any folders: the column `image`; `tags` adds others.
    - Else a folder per class: columns `image` and `label`.

    Raises:
        DataError: The folder has none of these layouts.
    """
    path = _table_in(folder)
    if path is not None:
        return _split_by_folders(_with_metadata(path))
    if celeba_lists(folder):
        return read_celeba(folder)
    if scans := bids_scans(folder):
        return read_bids(folder, scans)
    shards = shard_files(folder) or _split_tables(folder)
    table = read_shards(folder, shards, read_part) if shards else None
    if table is not None:
        return table
    found = sorted(_images(folder))
    if found and all(is_dicom(folder / path) for path in found):  # their folders name persons and visits, not classes
        return pd.DataFrame({IMAGE: [path.as_posix() for path in found]})
    if is_utkface(found):
        return read_utkface(found)
    tops = sorted({path.parts[0] for path in found if len(path.parts) > 1})
    splits = {name: split_name(name) for name in tops}
    if tops and all(splits.values()):
        return _of_splits(folder, found, tops)
    if "train" in splits.values() or max((len(path.parts) for path in found), default=0) == 3:
        other = next((name for name, split in splits.items() if split is None), None)
        if other is not None:
            raise DataError(
                f"Expected split folders among train, val, valid, validation, dev, test in '{folder}'; got '{other}'. "
                "Rename it, or move it away."
            )
    return _classes(folder, found)


def _table_in(folder: Path) -> Path | None:
    """The metadata file of a folder, or its only table if that names images."""
    found = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if found is not None or celeba_lists(folder):
        return found
    tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES and path.is_file()]
    return tables[0] if len(tables) == 1 and any(map(_holds_paths, _columns(tables[0]))) else None


def _split_tables(folder: Path) -> list[tuple[Path, str | None]]:
    """Tables that are called after different splits, such as train.csv and valid.csv, and those splits."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES and split_name(path.stem)]
    splits = [split_name(path.stem) for path in files]
    return list(zip(files, splits)) if len(set(splits)) == len(splits) > 1 else []


def _columns(path: Path) -> list[pd.Series]:
    table = read_file(path).reset_index(drop=True)
    return [table[title] for title in table.columns]


def _holds_paths(column: pd.Series) -> bool:
    words = column.dropna().head(LOOKED_AT).astype(str).str.strip()
    return bool(len(words)) and words.map(names_picture).mean() > 0.5


def _with_metadata(path: Path) -> pd.DataFrame:
    columns = _columns(path)
    titles = [str(column.name) for column in columns]
    if FILE_NAME not in titles and not any(map(_holds_paths, columns)):
        raise DataError(
            f"Expected a column '{FILE_NAME}', or another one with image paths, in '{path}'; got {', '.join(titles)}. "
            "Add it."
        )
    table = pd.concat(columns, axis=1)
    return table.rename(columns={FILE_NAME: IMAGE}) if IMAGE not in table else table


def _split_by_folders(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column of splits, if the paths of the images begin with train/, validation/ and test/."""
    if SPLIT in table:
        return table
    for title in table.columns:
        if _holds_paths(table[title]):
            first = [str(cell).strip().replace("\\", "/").partition("/") for cell in table[title]]
            splits = [split_name(name) if below else None for name, below, _ in first]
            if None not in splits and len(set(splits)) > 1:
                return table.assign(split=pd.Series(splits, table.index))
    return table


def _of_splits(folder: Path, found: Sequence[Path], tops: Sequence[str]) -> pd.DataFrame:
    """One table of the split folders, each with a metadata file or a folder per class."""
    loose = [path.name for path in found if len(path.parts) == 1]
    if loose:
        raise DataError(
            f"Expected images within the split folders {', '.join(tops)} of '{folder}'; got '{loose[0]}' next to them. "
            "Move it into one."
        )
    described = [name for name in tops if _table_in(folder / name) is not None]
    if described and len(described) < len(tops):
        lacking = next(name for name in tops if name not in described)
        raise DataError(
            f"Expected a metadata file in each split folder of '{folder}'; got one in {', '.join(described)} and none "
            f"in '{lacking}'. Add '{lacking}/{METADATA[0]}', or move the folder away."
        )
    return pd.concat([_of_split(folder, name, found) for name in tops], ignore_index=True)


def _of_split(folder: Path, name: str, found: Sequence[Path]) -> pd.DataFrame:
    path, split = _table_in(folder / name), split_name(name)
    if path is None:
        below = [Path(*path.parts[1:]) for path in found if path.parts[0] == name]
        if {len(path.parts) for path in below} == {1}:
            raise DataError(
                f"Expected attributes of the images in '{folder / name}'; got images alone. The name of the folder is "
                f"their split, not a label. Write the columns {FILE_NAME} and your attributes into "
                f"'{folder / name / METADATA[0]}', and likewise for the other splits."
            )
        table = _classes(folder / name, below)
    else:
        table = _with_metadata(path)
    if SPLIT in table and {split_name(word) for word in table[SPLIT].dropna().unique()} - {split}:
        raise DataError(
            f"Expected the split '{split}' for all images in '{folder / name}'; its metadata contradict this. Remove "
            f"their column '{SPLIT}', or move the images."
        )
    for title in table.columns:
        if _holds_paths(table[title]):
            table[title] = f"{name}/" + table[title].astype("string")
    table[SPLIT] = split
    return table


def _classes(folder: Path, found: Sequence[Path]) -> pd.DataFrame:
    depths = {len(path.parts) for path in found}
    if depths != {2}:
        shown = "no images" if not found else f"images {' and '.join(str(d - 1) for d in sorted(depths))} folders down"
        raise DataError(
            f"Expected {METADATA[0]}, list_attr_celeba.txt, or a folder per class in '{folder}'; got {shown}. "
            "Name a table of attributes with a column of image paths instead."
        )
    return pd.DataFrame({IMAGE: [path.as_posix() for path in found], LABEL: [path.parts[0] for path in found]})


def _images(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked = next((name for name in folders if (Path(place) / name).is_symlink()), None)
        if linked is not None:  # otherwise its images would be left out silently
            raise DataError(
                f"Expected folders in '{place}'; '{linked}' is a symbolic link. Put the folder itself there."
            )
        for name in files:
            if not name.startswith(".") and (names_picture(name) or is_dicom(Path(place) / name)):
                yield (Path(place) / name).relative_to(folder)
