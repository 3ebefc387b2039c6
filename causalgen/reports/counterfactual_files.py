"""A counterfactual as files: a table, a PNG for each image, and the grid."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError, RunFolderError
from ..spreadsheets import write_csv
from .counterfactual_plot import plot_counterfactual
from .figure_files import write_figure
from .image_files import write_images

if TYPE_CHECKING:
    from ..scm import Ambiguity, Counterfactual

__all__ = ["HOLDS", "CounterfactualFiles", "file_names", "write_counterfactual"]

ROW = "row"
"""Column of row labels."""
UNSAFE = re.compile(r"[^\w.+=-]|^\.+")
HOLDS = "_holds_down_to"
"""Suffix of the column with the lowest correlation of the noises down to which a claim holds."""
LONGEST_NAME = 80
MOST_SHOWN = 24
"""Number of units in the grid; the table and the images contain all."""


@dataclass(frozen=True)
class CounterfactualFiles:
    """What `write_counterfactual` wrote.

    Args:
        table: One row per unit (and particle): the unit, factual and counterfactual attributes, the true ones where given,
            support, and the file of the counterfactual image.
        csv: The table as CSV.
        grid: The PNG grid; None for a graph without images.
        images: Factual and counterfactual images, one PNG each.
        shown: Units in the grid.
    """

    table: pd.DataFrame
    csv: Path
    grid: Path | None
    images: tuple[Path, ...]
    shown: int


def write_counterfactual(
    folder: str | Path,
    counterfactual: "Counterfactual",
    truth: Mapping[str, Any] | None = None,
    *,
    units: Mapping[str, Sequence[Any]] | None = None,
    names: Sequence[str] | None = None,
    windows: Mapping[str, tuple[float, float]] | None = None,
    ambiguity: "Ambiguity | None" = None,
) -> CounterfactualFiles:
    """Write `counterfactual.csv`, and for a graph with images `grid.png` and `images/`, into a folder, which is created.

    Args:
        folder: The folder; files with these names are replaced, others are kept.
        counterfactual: The counterfactual.
        truth: True counterfactual values by node for the same units.
        units: Column that identifies the units, with a value each; None for their row labels where they have some, else
            "unit" with 0, 1, 2, ...
        names: Name of each unit's files; None for names from `units`, such as "row-17" or "unit-0".
        windows: By image node, the grey values of its files that are 0 and 255; images of these nodes are also written as
            TIFF files with such values.
        ambiguity: How far it survives other couplings of the noise (`Posterior.ambiguity`): adds a column
            `_holds_down_to` per claim.

    Raises:
        DataError: The number of names differs from the number of units.
        RunFolderError: The folder cannot be written.
    """
    folder = Path(folder)
    count = len(next(iter(counterfactual.factual.values())))
    units = units or _units(counterfactual, count)
    names = file_names(*next(iter(units.items()))) if names is None else names
    if len(set(names)) != count:
        raise DataError(f"Expected {count} different names, one per unit; got {len(set(names))}.")
    table = _table(counterfactual, units, truth)
    for claim in ambiguity.claims if ambiguity is not None else ():
        per_unit = ambiguity.units(claim)["holds_down_to"].to_numpy()  # type: ignore[union-attr]
        table[f"{claim}{HOLDS}"] = np.tile(per_unit, counterfactual.particles or 1)
    grid, images = None, []
    nodes = [name for name, variable in counterfactual.graph.variables.items() if variable.is_image]
    shown = min(count, MOST_SHOWN)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for node in nodes:
            stems = [f"{node}-{name}" if len(nodes) > 1 else name for name in names]
            files = _write_images(folder / "images", stems, counterfactual, node, (windows or {}).get(node))
            table[f"{node}_file"] = [path.relative_to(folder).as_posix() for path in files[count:]]
            images += files
        write_csv(table, folder / "counterfactual.csv")
        if nodes:
            grid = folder / "grid.png"
            write_figure(plot_counterfactual(counterfactual, shown, truth, names=names[:shown]), grid, dpi=160)
    except OSError as error:
        raise RunFolderError(
            f"Expected an output folder that can be written; got '{folder}': {error.strerror or error}. Choose another one."
        ) from None
    return CounterfactualFiles(table, folder / "counterfactual.csv", grid, tuple(images), shown)


def file_names(column: str, labels: Sequence[Any]) -> list[str]:
    """Return a distinct file name for each label; characters that a file system might misread are replaced.

    >>> file_names("row", [3, 17]), file_names("row", ["a/b", "a:b"])
    (['row-3', 'row-17'], ['row-a_b', 'row-a_b-2'])
    """
    found: list[str] = []
    taken: set[str] = set()
    for label in labels:
        plain = UNSAFE.sub("_", f"{column}-{label}")[:LONGEST_NAME]
        name, again = plain, 2
        while name.lower() in taken:
            name, again = f"{plain}-{again}", again + 1
        taken.add(name.lower())
        found.append(name)
    return found


def _units(counterfactual: "Counterfactual", count: int) -> dict[str, Sequence[Any]]:
    """Return the column that identifies the units: their row labels, or their numbers."""
    labels = counterfactual.labels
    if labels is None or len(set(labels)) < count:
        return {"unit": range(count)}
    return {ROW: labels.tolist()}


def _table(
    counterfactual: "Counterfactual", units: Mapping[str, Sequence[Any]], truth: Mapping[str, Any] | None
) -> pd.DataFrame:
    """One row per unit and particle."""
    table = counterfactual.to_frame().reset_index(drop=True)
    unit = table.pop("unit")
    for position, (column, values) in enumerate(units.items()):
        table.insert(position, column, [values[number] for number in unit])
    if truth is not None:
        supported = counterfactual.supported.reshape(-1, unit.nunique())[0]
        single = replace(counterfactual, tensors=dict(truth), supported=supported, particles=None)
        true = single.to_frame().filter(regex="_cf$").rename(columns=lambda name: name.removesuffix("_cf") + "_true")
        table = table.join(true.iloc[unit].reset_index(drop=True))
    return table


def _write_images(
    folder: Path,
    stems: Sequence[str],
    counterfactual: "Counterfactual",
    node: str,
    window: tuple[float, float] | None,
) -> list[Path]:
    """Write the factual images, then the counterfactual ones, particle by particle."""
    variable, after = counterfactual.graph[node], counterfactual[node]
    written = [f"{stem}-counterfactual" for stem in stems]
    if counterfactual.particles:
        written = [f"{name}-{k}" for k in range(counterfactual.particles) for name in written]
        after = after.flatten(0, 1)
    before, factual = counterfactual.factual[node], [f"{stem}-factual" for stem in stems]
    files = write_images(folder, factual, before, variable, window=window)
    return files + write_images(folder, written, after, variable, window=window)
