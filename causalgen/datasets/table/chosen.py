"""The rows of a table that are used, and their splits: rows can be dropped, sampled and kept together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ..split_names import SPLITS
from .attributes import Attribute
from .columns import Columns
from .faults import Faults
from .splits import DRAWN, SplitLike, draw_rows, named_splits, split_groups

__all__ = ["Choice", "ChosenRows", "choose_rows", "groups_of", "without_holes"]

SHOWN = 5
FEW = 10
"""With fewer training rows, all may have one label by chance."""


@dataclass(frozen=True)
class Choice:
    """The rules for choosing rows.

    Args:
        split: Shares of the splits, or the column that names them.
        group: Column whose rows belong together.
        rows: Maximum number of rows.
        seed: Seed of every draw.
    """

    split: SplitLike
    group: str | None
    rows: int | None
    seed: int


@dataclass(frozen=True)
class ChosenRows:
    """The rows that are used.

    Args:
        kept: `(n,)` rows of the table.
        groups: `(n,)` group of each.
        split: Positions among `kept`, by split.
    """

    kept: NDArray[np.int64]
    groups: NDArray[np.int64]
    split: dict[str, Tensor]


def choose_rows(
    frame: pd.DataFrame, columns: Columns, usable: NDArray[np.bool_], choice: Choice, faults: Faults, notes: list[str]
) -> ChosenRows:
    """Split the usable rows, then sample each split down to its share.

    Args:
        frame: The table.
        columns: The columns read from it.
        usable: `(N,)`: rows without missing values, or all.
        choice: The rules for choosing rows.
        faults: Collects faults.
        notes: Collects remarks that a user may not expect.

    Raises:
        DataError: There are too few rows or groups, or the shares are invalid.
    """
    kept = np.flatnonzero(usable)
    if not faults.found:
        _refuse_few(kept, faults.source)
        _vary(columns, kept, f"rows that are used, out of {len(frame)}", faults)
    groups = np.arange(len(kept)) if choice.group is None else groups_of(frame[choice.group].iloc[kept])[0]
    chosen = ChosenRows(kept, groups, _split(frame, kept, groups, choice, faults, notes))
    if faults.found or not chosen.split:
        return chosen
    if choice.rows is not None and choice.rows < len(kept):
        chosen = _drawn(chosen, columns.attributes, choice.rows, choice.seed)
    train = chosen.kept[chosen.split["train"].numpy()]
    if len(train) >= FEW:
        _vary(columns, train, "training rows", faults)
    notes += _unseen(columns, chosen)
    return chosen


def without_holes(
    chosen: ChosenRows, columns: Columns, holes: NDArray[np.bool_], faults: Faults
) -> tuple[ChosenRows, dict[str, NDArray[np.int64]]]:
    """The chosen rows that are complete, and the rows of the table with missing attributes by split, if there are any.

    Args:
        chosen: The rows that are used.
        columns: The columns of the table.
        holes: `(N,)`: rows of the table with missing attributes.
        faults: Collects faults.
    """
    incomplete = holes[chosen.kept]
    if faults.found or not incomplete.any():
        return chosen, {}
    split, apart = {}, {}
    position = np.cumsum(~incomplete) - 1
    for name, places in chosen.split.items():
        lacks = incomplete[places.numpy()]
        split[name] = torch.from_numpy(position[places.numpy()[~lacks]])
        apart[name] = chosen.kept[places.numpy()[lacks]]
        if lacks.all():
            faults.column("split", f"no complete row for {name}", "complete rows in every split, to evaluate with")
    kept = chosen.kept[~incomplete]
    if not faults.found:
        _vary(columns, kept, "complete rows, with which the model is evaluated", faults)
    return ChosenRows(kept, pd.factorize(chosen.groups[~incomplete])[0].astype(np.int64), split), apart


def _refuse_few(kept: NDArray[np.int64], name: str) -> None:
    if len(kept) < 2:
        raise DataError(
            f"Expected at least 2 rows without missing values in {name}; got {len(kept)}. "
            "Use more rows, or leave out the column with missing values."
        )


def groups_of(column: pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    """The number of every row's group in order of appearance, and the groups' names without surrounding spaces."""
    whole = column.convert_dtypes(convert_string=False, convert_boolean=False)  # 17 next to a hole is not 17.0
    numbers, names = pd.factorize(whole.astype("string").str.strip())
    return numbers.astype(np.int64), pd.Index(names.astype(object))


def _split(
    frame: pd.DataFrame,
    kept: NDArray[np.int64],
    groups: NDArray[np.int64],
    choice: Choice,
    faults: Faults,
    notes: list[str],
) -> dict[str, Tensor]:
    if not isinstance(choice.split, str):
        what = "rows" if choice.group is None else f"groups of '{choice.group}'"
        try:
            return split_groups(groups, choice.split, choice.seed, what)
        except DataError as error:
            if not faults.found:
                raise
            faults.column(choice.group or "split", str(error), "rows that can be split")
            return {}
    parts = named_splits(frame[choice.split].iloc[kept], groups, choice.seed, faults, notes)
    for place, first in enumerate(parts):
        for second in list(parts)[place + 1 :]:
            both = np.intersect1d(groups[parts[first]], groups[parts[second]])
            if choice.group is not None and len(both):
                found = f"{len(both)} groups of '{choice.group}' in both {first} and {second}"
                faults.column(choice.split, found, f"each group in one split; `split: {DRAWN}` draws such splits")
    return parts


def _drawn(chosen: ChosenRows, attributes: Mapping[str, Attribute], count: int, seed: int) -> ChosenRows:
    """Draw at most `count` of the rows; each split keeps its share, and attributes still vary in training."""
    part = np.empty(len(chosen.kept), np.int64)
    for code, name in enumerate(SPLITS):
        part[chosen.split[name].numpy()] = code
    places = draw_rows(np.arange(len(part)), count, pd.Series(part), seed)
    places = _varying(places, chosen, attributes)
    split = {name: torch.from_numpy(np.flatnonzero(part[places] == code)) for code, name in enumerate(SPLITS)}
    return ChosenRows(chosen.kept[places], pd.factorize(chosen.groups[places])[0].astype(np.int64), split)


def _varying(places: NDArray[np.int64], chosen: ChosenRows, attributes: Mapping[str, Attribute]) -> NDArray[np.int64]:
    """Exchange training rows if an attribute, such as one with a rare label, would not vary."""
    train = chosen.split["train"].numpy()
    drawn = [place for place in places.tolist() if place in set(train.tolist())]
    wanted: list[int] = []
    for attribute in attributes.values():
        values, known = attribute.values[chosen.kept], ~attribute.missing[chosen.kept]
        seen = [place for place in drawn if known[place]]
        if seen and (values[seen] == values[seen[0]]).all():
            wanted += train[known[train] & (values[train] != values[seen[0]])][:1].tolist()
    wanted = list(dict.fromkeys(wanted))[: max(0, len(drawn) - 1)]
    given_up = drawn[len(drawn) - len(wanted) :] if wanted else []
    return np.array(sorted({*places.tolist(), *wanted} - set(given_up)), np.int64)


def _vary(columns: Columns, rows: NDArray[np.int64], what: str, faults: Faults) -> None:
    """Record attributes with a single value in the rows, unless they have a fault already."""
    known = {fault.column for fault in faults.found}
    for node, attribute in columns.attributes.items():
        values = attribute.values[rows][~attribute.missing[rows]]
        if columns.titles[node] in known or not len(rows):
            continue
        if not len(values):
            faults.column(columns.titles[node], f"no value in the {len(rows)} {what}", "values to learn from")
        elif (values == values[0]).all():
            faults.column(columns.titles[node], f"the same value in all {len(values)} {what}", "values that vary")


def _unseen(columns: Columns, chosen: ChosenRows) -> list[str]:
    """Note labels that occur in validation or test rows and in no training row."""
    train = chosen.kept[chosen.split["train"].numpy()]
    notes = []
    for node, attribute in columns.attributes.items():
        labels = attribute.variable.labels
        if labels is not None:
            codes = np.setdiff1d(attribute.values[chosen.kept], attribute.values[train])
            names = [repr(str(labels[int(code)])) for code in codes if code >= 0]
            if names:
                shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
                which, what = ("1 label", "it does") if len(names) == 1 else (f"{len(names)} labels", "they do")
                notes.append(
                    f"{which} of '{node}' in no training row ({shown}): the model cannot learn what {what}. Merge rare "
                    "labels, or name splits that hold every label."
                )
    return notes
