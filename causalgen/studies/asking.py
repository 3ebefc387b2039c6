"""Ask the model of a run about rows of its data, and keep the answer in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ..datasets import Dataset
from ..errors import CheckpointError, DataError, RunFolderError
from ..reports import plot_counterfactual
from ..scm import Counterfactual, StructuralCausalModel, load
from .interventions import parse_do
from .queries import ask, true_counterfactual
from .runfolder import RunFolder
from .sources import load_data

__all__ = ["Answer", "answer", "fitted_data", "fitted_model"]

MOST_ROWS = 200


@dataclass(frozen=True)
class Answer:
    """A counterfactual of some rows and where it was written.

    Args:
        counterfactual: The answer of the model.
        table: One row a unit: row number, factual and counterfactual attributes, the true ones where known, support.
        grid: The PNG grid; None for a graph without images.
        csv: The table as CSV.
    """

    counterfactual: Counterfactual
    table: pd.DataFrame
    grid: Path | None
    csv: Path


def answer(run: RunFolder, rows: Sequence[int], do: Sequence[str], out: Path | None = None) -> Answer:
    """What rows of the run's data would have been under `do`.

    Args:
        run: A run with a fitted model.
        rows: Row numbers of the data.
        do: Interventions as text, "thickness=4" (see `parse_do`).
        out: Folder for grid and table; None for one named after the query below the run's `counterfactuals`.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: A row that the data do not have, or an intervention that cannot be read.
        RunFolderError: The output cannot be written.
    """
    scm = fitted_model(run)
    interventions = parse_do(scm.graph, do)
    data = fitted_data(run, scm)
    _check_rows(rows, len(data))
    index = torch.tensor(list(rows))
    result = ask(scm, data, index, interventions, seed=run.study.seed)
    truth = true_counterfactual(data, index, interventions)
    folder = out or run.path / "counterfactuals" / _slug(rows, interventions)
    return _write(folder, result, rows, truth)


def fitted_model(run: RunFolder) -> StructuralCausalModel:
    """The fitted model of a run.

    Raises:
        CheckpointError: The run has none yet, or a corrupted one.
    """
    if not run.model.is_dir():
        raise CheckpointError(
            f"Expected a fitted model in '{run.model}'; the run is {run.status} and has none yet. Let it finish first."
        )
    return load(run.model)


def fitted_data(run: RunFolder, scm: StructuralCausalModel) -> Dataset:
    """The data of a run.

    Raises:
        CheckpointError: The run's model has another graph.
    """
    data = load_data(run.study)
    if data.graph != scm.graph:
        raise CheckpointError(
            f"Expected a model of the graph of '{data.name}' in '{run.model}'; got one of another graph."
        )
    return data


def _check_rows(rows: Sequence[int], count: int) -> None:
    if not 1 <= len(rows) <= MOST_ROWS:
        raise DataError(f"Expected 1 to {MOST_ROWS} rows; got {len(rows)}. Write them as 3,7 or 3-7.")
    for row in rows:
        if not 0 <= row < count:
            raise DataError(f"Expected rows among 0..{count - 1}; got {row}. Choose rows that the data have.")


def _write(folder: Path, result: Counterfactual, rows: Sequence[int], truth: Mapping[str, Any] | None) -> Answer:
    table = result.to_frame().rename(columns={"unit": "row"})
    table["row"] = list(rows)
    if truth is not None:
        true = Counterfactual(result.graph, result.factual, dict(truth), result.do, result.supported).to_frame()
        names = [column for column in true.columns if column.endswith("_cf")]
        table = table.join(true[names].rename(columns=lambda name: name.removesuffix("_cf") + "_true"))
    csv, grid = folder / "counterfactual.csv", None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(csv, index=False)
        if any(variable.is_image for variable in result.graph.variables.values()):
            grid = folder / "grid.png"
            plot_counterfactual(result, len(rows), truth).savefig(grid, dpi=160)
    except OSError as error:
        raise RunFolderError(
            f"Expected a folder that can be written; got '{folder}': {error.strerror}. Choose another with --out."
        ) from None
    return Answer(result, table, grid, csv)


def _slug(rows: Sequence[int], do: Mapping[str, Any]) -> str:
    text = "_".join([*(f"{name}-{value}" for name, value in do.items()), "rows", *map(str, rows)])
    safe = "".join(character if character.isalnum() or character in "-_." else "-" for character in text)
    return safe[:100]
