"""The images of an augmentation folder for a training program written in PyTorch."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..datasets.table.pixels import Rendering, decode_image
from ..errors import DataError, RunFolderError, UnknownNameError, nearest
from ..graph import Variable
from ..spreadsheets import restored
from .folder_format import DESCRIPTION, DRAW, ROW, SUPPORTED, TABLE

__all__ = ["AugmentedImages"]


class AugmentedImages(Dataset[tuple[Any, Any]]):
    """The images of one split of a folder that `causalgen augment` wrote, with a target each.

    Items are (image, target): the image a float32 tensor `(C, H, W)` in [0, 1], at the bit depth of its file, the
    target the code of a label, or a number.

    Args:
        folder: The folder.
        split: The split to read.
        target: An attribute of the table; or the target of every observed row by its row label, for a label that is not
            an attribute of the graph and that the intervention does not change. None: the target is the row of the
            table as a dictionary.
        image: The image node; may be left out if there is only one.
        transform: Applied to each image.
        within_support: Whether counterfactuals outside the joint support are left out.

    Attributes:
        table: One row per image (a data frame): its file, split, origin row and group, number of the draw (0: observed),
            what was set, support flag, and attributes.
        variables: The variables of the graph by name; the codes of a target count its `labels`.

    Raises:
        RunFolderError: The folder holds no finished augmentation.
        UnknownNameError: There is no such split, target or image.
        DataError: The target lacks the label of a row.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str = "train",
        target: str | Mapping[Any, Any] | None = None,
        *,
        image: str | None = None,
        transform: Callable[[Tensor], Any] | None = None,
        within_support: bool = False,
    ) -> None:
        self.folder, self.transform = Path(folder), transform
        described = _described(self.folder)
        self.variables = {entry["name"]: Variable.from_dict(entry) for entry in described["variables"]}
        self.image = _known(image or next(iter(described["images"])), described["images"], "an image")
        bits = described.get("bits", {}).get(self.image, 8)
        self.white = 2**bits - 1
        self.rendering = Rendering() if bits == 8 else Rendering(window=(0, self.white), bits=bits)
        _known(split, described["asked"]["splits"], "a split")
        table = _read(self.folder / split / TABLE, self.variables)
        self.table = table[table[SUPPORTED] | (not within_support)].reset_index(drop=True)
        self.files = [self.folder / split / file for file in self.table[described["images"][self.image]]]
        self.targets = _targets(self.table, self.variables, target)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path = self.files[index]
        pixels = decode_image(path, self.variables[self.image].shape, self.rendering)
        if isinstance(pixels, str):
            raise DataError(f"Expected an image in '{path}'; got {pixels}. Write the augmentation again.")
        image = torch.from_numpy(pixels.astype(np.float32) / self.white)
        return image if self.transform is None else self.transform(image), self.targets[index]


def _described(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if not found["finished"]:
            raise RunFolderError(
                f"Expected a finished augmentation in '{folder}'; got an unfinished one. Run the command that writes it "
                "again: it continues."
            )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        raise RunFolderError(
            f"Expected a folder that `causalgen augment` wrote; got '{folder}', which has no {DESCRIPTION}."
        ) from None
    return found


def _read(path: Path, variables: Mapping[str, Variable]) -> pd.DataFrame:
    """Read the table as written, with labels as declared."""
    table = restored(pd.read_csv(path, dtype=str, keep_default_na=False))
    table[DRAW] = table[DRAW].astype("int64")
    table[SUPPORTED] = table[SUPPORTED] == "True"
    for name, variable in variables.items():
        if variable.is_discrete:
            labels = {str(label): label for label in variable.labels or ()}
            table[name] = pd.Series([labels[text] for text in table[name]], dtype=object).infer_objects()
        elif not variable.is_image:
            table[name] = table[name].astype("float64")
    return table


def _targets(table: pd.DataFrame, variables: Mapping[str, Variable], target: Any) -> list[Any]:
    """The target of every image."""
    if target is None:
        return table.to_dict(orient="records")
    if isinstance(target, str):
        name = _known(target, [name for name, variable in variables.items() if not variable.is_image], "a target")
        variable = variables[name]
        return variable.encode_all(table[name].tolist()) if variable.is_discrete else table[name].tolist()
    by_row = {str(row): value for row, value in dict(target).items()}
    if missing := [row for row in table[ROW] if row not in by_row]:
        raise DataError(f"Expected a target of every row; got none of row {missing[0]}. Give it.")
    return [by_row[row] for row in table[ROW]]


def _known(name: str, known: Any, what: str) -> str:
    if name not in known:
        raise UnknownNameError(f"Expected {what} among {', '.join(known)}; got {name!r}." + nearest(name, known))
    return name
