"""Which rows are learned from, which say when to stop, and which are asked: no group is split apart."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError, nearest
from ..dataset import SPLITS
from .faults import Faults

__all__ = ["SHARES", "SplitLike", "draw_rows", "named_splits", "names_splits", "split_groups"]

SplitLike: TypeAlias = Mapping[str, float] | str
"""Shares of the rows by split, or the column that names the split of every row."""
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
NAMES = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "dev": "validation"}
NAMES |= {"validation": "validation", "test": "test", "testing": "test"}
"""Words for the splits in a column, in small letters."""


def split_groups(
    group: NDArray[np.int64], shares: Mapping[str, float], seed: int, what: str = "groups"
) -> dict[str, Tensor]:
    """Rows of each split, whole groups drawn at random until a split has its share of the rows.

    Args:
        group: `(N,)` group of each row.
        shares: Shares of "train", "validation" and "test", of sum 1.
        seed: Seed of the draw.
        what: What the groups are, for messages.

    Raises:
        DataError: The shares are none, or there are too few groups.
    """
    for name in shares:
        if name not in SPLITS:
            raise DataError(f"Expected splits among {', '.join(SPLITS)}; got {name!r}." + nearest(str(name), SPLITS))
    if set(shares) != set(SPLITS) or min(shares.values()) <= 0 or not np.isclose(sum(shares.values()), 1):
        shown = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise DataError(f"Expected positive shares of {', '.join(SPLITS)} that add up to 1; got {shown}.")
    groups, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if len(groups) < len(SPLITS):
        raise DataError(
            f"Expected at least {len(SPLITS)} {what} to split; got {len(groups)}. Use more rows, or another group."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    bounds = np.cumsum([shares[name] for name in SPLITS])[:-1] * len(group)
    part = np.searchsorted(bounds, middle)
    part[0], part[-1] = 0, len(SPLITS) - 1  # few large groups: none of the splits may stay empty
    if not (part == 1).any():
        part[len(part) // 2] = 1
    of_group = np.empty(len(groups), np.int64)
    of_group[order] = part
    return {name: torch.from_numpy(np.flatnonzero(of_group[place] == code)) for code, name in enumerate(SPLITS)}


def names_splits(column: pd.Series) -> bool:
    """Whether every word of a column names a split."""
    words = {str(word).strip().lower() for word in column.dropna().unique()}
    return bool(words) and words <= set(NAMES)


def draw_rows(rows: NDArray[np.int64], count: int, names: pd.Series | None, seed: int) -> NDArray[np.int64]:
    """At most `count` of `rows`, drawn at random, in their order; every split that `names` names keeps its share of them."""
    if count >= len(rows):
        return rows
    rng = np.random.default_rng(seed)
    if names is None:
        return np.sort(rng.choice(rows, count, replace=False))
    shuffled = names.iloc[rng.permutation(rows)].astype("string")
    parts = shuffled.groupby(shuffled, dropna=False)
    place = parts.cumcount() / parts.transform("size")
    return np.sort(place.sort_values(kind="stable").index.to_numpy()[:count])


def named_splits(column: pd.Series, faults: Faults) -> dict[str, Tensor]:
    """Rows of each split as a column names them: train, validation (val, valid, dev) and test."""
    words = column.astype("string").str.strip().str.lower()
    names = words.map(NAMES)
    wrong = column.index[(names.isna() & column.notna()).to_numpy(dtype=bool)]
    if len(wrong):
        faults.rows(str(column.name), wrong.tolist(), lambda row: repr(column.loc[row]), "train, validation or test")
    split = {
        name: torch.from_numpy(np.flatnonzero((names == name).to_numpy(dtype=bool, na_value=False))) for name in SPLITS
    }
    for name, rows in split.items():
        if not len(rows) and not len(wrong):
            faults.column(str(column.name), f"no row of {name}", "rows of train, validation and test")
    return split
