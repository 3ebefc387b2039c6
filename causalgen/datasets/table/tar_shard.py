"""The table of a tar file of samples, as WebDataset writes them: files with one stem belong together.

`a/0001.png`, `a/0001.json` and `a/0001.cls` belong to the sample `a/0001`; the text after the first dot of a name gives
the role of the file.
"""

import json
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError, DataWarning, warn
from ..formats import names_picture, names_volume
from ..formats.tar import members, read_member
from .names import IMAGE, LABEL

__all__ = ["read_shard"]

KEY = "key"
TEXTS = ("txt", "text", "caption", "id")


def read_shard(path: Path) -> pd.DataFrame:
    """One row per sample, in the order of the file: `key`, paths of its images, the fields of its .json, its .cls and .txt.

    `0001.png` is the column `image`, `0001.mask.png` is `mask`, and `0001.cls` is `label`. A sample without one of them has an
    empty cell.

    Raises:
        DataError: The file is not an uncompressed tar file, or a sample cannot be read.
    """
    try:
        names = [name for name in members(path) if not Path(name).name.startswith(".")]
    except tarfile.TarError as error:
        raise DataError(f"Expected an uncompressed tar file at '{path}'; it cannot be read: {error}.") from None
    samples: dict[str, dict[str, Any]] = defaultdict(dict)
    left: set[str] = set()
    for name in names:
        place, _, base = name.rpartition("/")
        stem, _, ending = base.partition(".")
        key = f"{place}/{stem}" if place else stem
        for column, value in _fields(path, name, ending, left).items():
            if column in samples[key]:
                raise DataError(f"Expected one '{column}' of the sample '{key}' in '{path}'; got several. Rename one.")
            samples[key][column] = value
    if left:
        warn(f"In {path.name}, these parts of samples are left out: {', '.join(sorted(left))}.", DataWarning)
    return pd.DataFrame([{KEY: key} | fields for key, fields in samples.items()])


def _fields(path: Path, name: str, ending: str, left: set[str]) -> dict[str, Any]:
    """The columns that one file of a sample fills; suffixes and fields that fill no column are added to `left`."""
    if names_picture(name):
        short = ending.removesuffix(".gz") if names_volume(name) else ending
        return {short.rpartition(".")[0] or IMAGE: f"{path.name}/{name}"}
    if ending not in ("json", "cls", *TEXTS):
        left.add(f".{ending}")
        return {}
    try:
        text = read_member(path, name).decode()
        if ending == "cls":
            return {LABEL: int(text)}
        if ending != "json":
            return {ending: text.strip()}
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is not an object of fields")
    except ValueError as error:
        raise DataError(
            f"Expected a sample in '{name}' of '{path}'; it cannot be read: {error}. Write it again."
        ) from None
    left |= {f"{field} (of .json)" for field, value in found.items() if isinstance(value, dict | list)}
    return {field: value for field, value in found.items() if not isinstance(value, dict | list)}
