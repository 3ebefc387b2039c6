"""Rows for training, for early stopping and for evaluation: all rows of a group are in one split."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError, nearest
from ..split_names import SPLITS
from .faults import Faults

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DRAWN", "SHARES", "SplitLike", "draw_rows", "given_split", "named_splits", "split_groups", "split_name"]

SplitLike: TypeAlias = Mapping[str, float] | str
"""Shares of the rows by split, or the column that names the split of every row."""
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
NAMES = {"train": "train", "training": "train", "trn": "train"}
NAMES |= {"val": "validation", "valid": "validation", "validation": "validation", "dev": "validation"}
NAMES |= {"tune": "validation", "tuning": "validation", "holdout": "test", "hold-out": "test", "held-out": "test"}
NAMES |= {"test": "test", "testing": "test", "tst": "test"}
"""Names of the splits in a column or in folders, in lower case."""
CODES = {"0": "train", "1": "validation", "2": "test"}
"""Numbers for the splits in a column, as used by CelebA and WILDS."""
CODED = ("split", "splits", "partition", "set", "subset", "data split")
"""Names of columns in which the numbers 0, 1 and 2 may stand for the splits."""
DRAWN = "{train: 0.7, validation: 0.15, test: 0.15}"
FEW_WORDS, LOOKED_AT = 10, 1_000
"""A column with more different words than this, in its first rows, names no splits."""
HELD_OUT = 0.15
"""Share of the training groups that become the validation split if a column names none."""


def split_groups(
    group: NDArray[np.int64], shares: Mapping[str, float], seed: int, what: str = "groups"
) -> "dict[str, Tensor]":
    """Rows of each split, whole groups drawn at random until a split has its share of the rows.

    Args:
        group: `(N,)` group of each row.
        shares: Shares of "train", "validation" and "test", of sum 1.
        seed: Seed of the draw.
        what: Name of the groups, for messages.

    Raises:
        DataError: The shares are invalid, or there are too few groups.
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
    part[0], part[-1] = 0, len(SPLITS) - 1  # with few large groups, no split may remain empty
    if not (part == 1).any():
        part[len(part) // 2] = 1
    of_group = np.empty(len(groups), np.int64)
    of_group[order] = part
    import torch  # a table alone is read without

    return {name: torch.from_numpy(np.flatnonzero(of_group[place] == code)) for code, name in enumerate(SPLITS)}


def split_name(word: object) -> str | None:
    """The split that a word names.

    >>> split_name(" Val "), split_name("folder")
    ('validation', None)
    """
    return NAMES.get(str(word).strip().lower())


def names_splits(column: pd.Series) -> bool:
    """Whether every non-empty cell of a column names a split, as a word or as 0, 1 or 2."""
    found = set(_words(column).dropna().unique())
    return bool(found) and (found <= set(NAMES) or found <= set(CODES))


def given_split(frame: pd.DataFrame, nodes: Collection[str], notes: list[str] | None = None) -> str | None:
    """The column that names the split of every row, if there is one.

    Args:
        frame: The table.
        nodes: Columns that are part of the graph.
        notes: Collects a note about a column that names the split of some rows only.

    Raises:
        DataError: There are several, or a column named "split" has other contents.
    """
    found = []
    for title in frame.columns:
        if title in nodes:
            continue
        called = title.strip().lower().replace("_", " ")
        column = frame[title]
        partly = _has_train_and_test(column)
        if (called in CODED or partly) and names_splits(column):
            found.append(title)
        elif called == "split":
            raise DataError(
                f"Expected the splits train, validation and test (or 0, 1 and 2) in the column '{title}'; got "
                f"{_some(column)}. Name the splits so, draw them with `split: {DRAWN}`, or add the column to the graph."
            )
        elif partly and notes is not None:
            notes.append(
                f"Column '{title}' names training and test rows but is not the split, since it also holds {_others(column)}. "
                "To use it, name every split train, validation or test."
            )
    if len(found) > 1:
        raise DataError(
            f"Expected one column that names the splits; got {' and '.join(map(repr, found))}. Choose one: "
            f"`split: {found[0]}`."
        )
    return found[0] if found else None


def draw_rows(rows: NDArray[np.int64], count: int, names: pd.Series | None, seed: int) -> NDArray[np.int64]:
    """Draw at most `count` of `rows` at random, in their order; every split in `names` keeps its share."""
    if count >= len(rows):
        return rows
    rng = np.random.default_rng(seed)
    if names is None:
        return np.sort(rng.choice(rows, count, replace=False))
    shuffled = names.iloc[rng.permutation(rows)].astype("string")
    parts = shuffled.groupby(shuffled, dropna=False)
    place = parts.cumcount() / parts.transform("size")
    return np.sort(place.sort_values(kind="stable").index.to_numpy()[:count])


def named_splits(
    column: pd.Series, groups: NDArray[np.int64], seed: int, faults: Faults, notes: list[str]
) -> "dict[str, Tensor]":
    """Rows of each split according to a column.

    If it names no validation rows, or no test rows, these are drawn from the training rows, with a note.

    Args:
        column: `(N,)`: train, validation (val, valid, dev) and test; or 0, 1 and 2.
        groups: `(N,)` group of each row: none is split apart by a draw.
        seed: Seed of that draw.
        faults: Collects faults.
        notes: Collects a note about drawn rows.
    """
    title, words = str(column.name), _words(column)
    coded = set(words.dropna().unique()) <= set(CODES)
    names = words.map(CODES if coded else NAMES)
    wrong = column.index[(names.isna() & column.notna()).to_numpy(dtype=bool)]
    if len(wrong):
        faults.rows(title, wrong.tolist(), lambda row: repr(column.loc[row]), "train, validation or test; or 0, 1, 2")
    rows = {name: np.flatnonzero((names == name).to_numpy(dtype=bool, na_value=False)) for name in SPLITS}
    lacking = [name for name in ("validation", "test") if not len(rows[name])]
    trained = np.unique(groups[rows["train"]])
    if not len(wrong) and len(lacking) == 1 and len(trained) > 1:
        count = min(max(1, round(HELD_OUT * len(trained))), len(trained) - 1)
        drawn = np.random.default_rng(seed).permutation(trained)[:count]
        apart = np.isin(groups[rows["train"]], drawn)
        rows |= {lacking[0]: rows["train"][apart], "train": rows["train"][~apart]}
        notes.append(
            f"Column '{title}' names no {lacking[0]} rows: {len(rows[lacking[0]]):,} of its training rows were drawn as such."
        )
    for name, found in rows.items():
        if not len(found) and not len(wrong):
            faults.column(
                title, f"no row of {name}", f"rows of train, validation and test; `split: {DRAWN}` draws others"
            )
    import torch

    return {name: torch.from_numpy(found) for name, found in rows.items()}


def _words(column: pd.Series) -> pd.Series:
    """Cells in lower case; whole numbers without a decimal point."""
    return column.astype("string").str.strip().str.lower().str.removesuffix(".0")


def _has_train_and_test(column: pd.Series) -> bool:
    """Whether some cells name the training and others the test split."""
    first = column.first_valid_index()
    if first is None or not isinstance(column.loc[first], str) or column.head(LOOKED_AT).nunique() > FEW_WORDS:
        return False
    return {"train", "test"} <= {split_name(word) for word in column.dropna().unique()}


def _some(column: pd.Series) -> str:
    words = column.dropna().unique()[:4]
    return ", ".join(repr(str(word)) for word in words) or "empty cells only"


def _others(column: pd.Series) -> str:
    """Some of the words that name no split."""
    return _some(column[[split_name(word) is None for word in column]])
