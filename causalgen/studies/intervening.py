"""Comparison of two worlds of a fitted model: what an intervention does to every attribute, and to images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, t

from ..errors import DataError
from ..grammar import parse_do
from ..graph import CausalGraph
from ..reports import plot_worlds
from ..reports.figure_files import write_figure
from ..scm import Samples, StructuralCausalModel, attribute_model
from ..spreadsheets import write_csv
from .asking import fitted_model
from .output import answer_folder, writing
from .sampling import check_count, world_title
from .saved_model import Asked, seed_of

__all__ = ["WorldComparison", "compare_worlds", "world_table"]

MOST_DRAWS = 1_000_000
SHOWN = 8
"""Number of images per world in the grid."""
LEVEL = 0.95
CLAIM = (
    "This is the model's answer, which is right if its graph and mechanisms are. It is not an estimate from data, and "
    "the intervals show "
    "only how much the simulation varies; more draws make them narrower."
)


@dataclass(frozen=True)
class WorldComparison:
    """Comparison of two worlds of one model, and its files.

    Args:
        titles: The reference world, and the world under the intervention.
        table: One row per continuous attribute and per label, where an intervention reaches it: mean or share in each
            world and their difference, with 95 % intervals of the simulation.
        notes: What a reader must know, in sentences.
        csv: The table as CSV.
        grid: The PNG grid; None for a graph without images.
    """

    titles: tuple[str, str]
    table: pd.DataFrame
    notes: tuple[str, ...]
    csv: Path
    grid: Path | None


def compare_worlds(
    run: Asked,
    do: Sequence[str],
    *,
    against: Sequence[str] = (),
    n: int = 1000,
    seed: int | None = None,
    out: Path | None = None,
) -> WorldComparison:
    """The interventional distribution next to the observational one, or to another interventional one.

    Args:
        run: A run with a fitted model, or a saved model.
        do: Interventions as text (see `parse_do`).
        against: Interventions of the world to compare with; none for the observational one.
        n: Number of draws in each world.
        seed: Seed; None for the study's.
        out: Output folder; None for one named after the query below the run's `interventions`.

    Raises:
        CheckpointError, DataError, RunFolderError: As `draw_samples`.
    """
    check_count(n, MOST_DRAWS, least=2)
    scm = fitted_model(run)
    worlds = [parse_do(scm.graph, against), parse_do(scm.graph, do)]
    titles = (world_title(scm.graph, worlds[0], {}), world_title(scm.graph, worlds[1], {}))
    if titles[0] == titles[1]:
        raise DataError(f"Expected two different worlds; got {titles[0]} twice. Change --do or --against.")
    seed = seed_of(run) if seed is None else seed
    words = [*do, *(["against", *against] if against else []), "n", str(n), "seed", str(seed)]
    folder = answer_folder(out, run.path / "interventions", words, "intervene.csv")
    table = world_table(scm, worlds, n, seed=seed)
    reached = _reached(scm.graph, worlds)
    notes = [CLAIM]
    if same := [name for name in scm.graph.nodes if name not in reached]:
        notes.append(f"The same in both worlds, because not downstream: {', '.join(same)}.")
    grid = None
    with writing(folder):
        write_csv(table, folder / "intervene.csv")
        for node in scm.graph.images[:1]:
            grid = folder / "grid.png"
            shown = _draws(scm, worlds, SHOWN, seed)
            images = {title: samples[node] for title, samples in zip(titles, shown, strict=True)}
            write_figure(plot_worlds(images, variable=scm.graph[node]), grid, dpi=160)
    return WorldComparison(titles, table, tuple(notes), folder / "intervene.csv", grid)


def world_table(scm: StructuralCausalModel, worlds: Sequence[Mapping[str, Any]], n: int, *, seed: int) -> pd.DataFrame:
    """Compare two worlds of a model.

    Args:
        scm: The model.
        worlds: Interventions of the world to compare with, and of the other one.
        n: Number of draws in each.
        seed: Seed.

    Returns:
        One row per continuous attribute and per label of a discrete one, where an intervention reaches it: attribute,
        label, unit, statistic; and `against`, `do` and `difference`, each with the ends `_low` and `_high` of a 95 %
        interval of the simulation.
    """
    drawn = _draws(attribute_model(scm), worlds, n, seed)
    frames, reached = [samples.to_frame() for samples in drawn], _reached(scm.graph, worlds)
    rows = []
    for name in (name for name in frames[0].columns if name in reached):
        variable = scm.graph[name]
        fixed = [name in samples.do and not callable(samples.do[name]) for samples in drawn]
        for label in variable.labels or (None,):
            what = {"attribute": name, "label": "" if label is None else str(label), "unit": variable.unit or ""}
            what["statistic"] = "mean" if label is None else "share"
            rows.append(what | _estimates([_numbers(frame[name], label) for frame in frames], fixed, label is not None))
    return pd.DataFrame(rows)


def _draws(scm: StructuralCausalModel, worlds: Sequence[Mapping[str, Any]], n: int, seed: int) -> list[Samples]:
    """Independent draws of each world."""
    return [scm.sample(n, do=world, seed=seed + position) for position, world in enumerate(worlds)]


def _reached(graph: CausalGraph, worlds: Sequence[Mapping[str, Any]]) -> set[str]:
    """Nodes that an intervention in either world sets or affects."""
    return {below for world in worlds for name in world for below in (name, *graph.descendants(name))}


def _numbers(column: pd.Series, label: Any) -> np.ndarray:
    """Values of a continuous attribute, or whether each unit has the label."""
    return column.to_numpy(np.float64) if label is None else (column == label).to_numpy(np.float64)


def _estimates(values: Sequence[np.ndarray], fixed: Sequence[bool], shares: bool) -> dict[str, float]:
    """Mean of each world and their difference, each with the interval of the simulation; a fixed value has none."""
    found: dict[str, float] = {}
    for world, column, is_fixed in zip(("against", "do"), values, fixed, strict=True):
        mean = float(column.mean())
        low, high = _share_interval(column) if shares else _mean_interval(mean, _error(column), len(column))
        found |= {world: mean} | {
            f"{world}_low": mean if is_fixed else low,
            f"{world}_high": mean if is_fixed else high,
        }
    difference = values[1].mean() - values[0].mean()
    low, high = _mean_interval(difference, math.hypot(*map(_error, values)), len(values[0]))
    return found | {"difference": difference, "difference_low": low, "difference_high": high}


def _error(column: np.ndarray) -> float:
    """Standard error of a mean."""
    return float(column.std(ddof=1) / math.sqrt(len(column)))


def _mean_interval(mean: float, error: float, count: int) -> tuple[float, float]:
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * error
    return mean - half, mean + half


def _share_interval(column: np.ndarray) -> tuple[float, float]:
    """Wilson's interval, which also holds for shares near 0 and 1."""
    interval = binomtest(int(column.sum()), len(column)).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
