"""Draw units from the model of a run, and set the world under an intervention beside another; the data are not needed."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, t

from ..errors import DataError
from ..graph import CausalGraph, Variable
from ..reports import plot_samples, plot_worlds
from ..scm import Samples, attribute_model
from ..scm.interventions import describe
from .asking import fitted_model
from .interventions import parse_do, parse_values
from .output import check_writable, query_folder, writing
from .pictures import write_images
from .runfolder import RunFolder

__all__ = ["Comparison", "Draw", "compare_worlds", "draw_samples"]

MOST_UNITS, MOST_DRAWS = 10_000, 1_000_000
MOST_SHOWN, SHOWN_BESIDE = 48, 8
"""Images in a grid of samples, and of each world in a comparison."""
LEVEL = 0.95
OBSERVATIONAL = "observational"
CLAIM = (
    "This is the model's answer: right if graph and mechanisms are. It is no estimate from data, and the intervals tell "
    "only how much the simulation varies; more draws make them narrower."
)


@dataclass(frozen=True)
class Draw:
    """Units drawn from a model and where they were written.

    Args:
        title: Of which world, such as "do(thickness = 4 px), given pen = felt-tip".
        samples: The units.
        table: One row a unit, with the file of its image.
        notes: What a reader must know, in sentences.
        csv: The table as CSV.
        grid: The PNG grid; None for a graph without images.
        images: A PNG per unit and image node.
    """

    title: str
    samples: Samples
    table: pd.DataFrame
    notes: tuple[str, ...]
    csv: Path
    grid: Path | None
    images: tuple[Path, ...]


@dataclass(frozen=True)
class Comparison:
    """Two worlds of one model beside each other, and where they were written.

    Args:
        titles: The world that is compared with, and the world under the intervention.
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


def draw_samples(
    run: RunFolder,
    n: int,
    *,
    do: Sequence[str] = (),
    given: Sequence[str] = (),
    seed: int | None = None,
    out: Path | None = None,
) -> Draw:
    """Draw units from the model of a run.

    Args:
        run: A run with a fitted model.
        n: Number of units.
        do: Interventions as text (see `parse_do`).
        given: Observed values as text, in the world under `do`.
        seed: Seed; None for the study's.
        out: Folder for what is written; None for one named after the query below the run's `samples`.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: Fewer than one unit or too many, or what cannot be read.
        NotObservableError: Evidence on a node whose mechanism has no likelihood.
        RunFolderError: The output cannot be written.
    """
    _check_count(n, MOST_UNITS)
    scm = fitted_model(run)
    interventions, evidence = parse_do(scm.graph, do), parse_values(scm.graph, given)
    _check_apart(interventions, evidence)
    seed = run.study.seed if seed is None else seed
    words = [*(do or ["observational"]), *(f"given {text}" for text in given), "n", str(n), "seed", str(seed)]
    folder = out or query_folder(run.path / "samples", words)
    check_writable(folder)
    samples = scm.sample(n, do=interventions, given=evidence, seed=seed)
    notes = []
    if evidence:
        size = samples.effective_sample_size
        repeat = " Some of them are copies: ask for fewer units, or likelier values." if size < n else ""
        notes.append(
            f"Effective sample size {size:.0f}: what {10 * n} weighted proposals are worth in independent draws given "
            f"{', '.join(evidence)}. {n} were drawn from them.{repeat}"
        )
    return _write_draw(folder, _title(scm.graph, interventions, evidence), samples, notes)


def compare_worlds(
    run: RunFolder,
    do: Sequence[str],
    *,
    against: Sequence[str] = (),
    n: int = 1000,
    seed: int | None = None,
    out: Path | None = None,
) -> Comparison:
    """The interventional distribution beside the observational one, or beside another interventional one.

    Args:
        run: A run with a fitted model.
        do: Interventions as text (see `parse_do`).
        against: Interventions of the other world; none for the observational one.
        n: Draws in each world.
        seed: Seed; None for the study's.
        out: Folder for what is written; None for one named after the query below the run's `interventions`.

    Raises:
        CheckpointError, DataError, RunFolderError: As `draw_samples`.
    """
    _check_count(n, MOST_DRAWS, least=2)
    scm = fitted_model(run)
    worlds = [parse_do(scm.graph, against), parse_do(scm.graph, do)]
    titles = (_title(scm.graph, worlds[0], {}), _title(scm.graph, worlds[1], {}))
    if titles[0] == titles[1]:
        raise DataError(f"Expected two different worlds; got {titles[0]} twice. Change --do or --against.")
    seed = run.study.seed if seed is None else seed
    words = [*do, *(["against", *against] if against else []), "n", str(n), "seed", str(seed)]
    folder = out or query_folder(run.path / "interventions", words)
    check_writable(folder)
    attributes = attribute_model(scm)
    drawn = [attributes.sample(n, do=world, seed=seed + k) for k, world in enumerate(worlds)]
    reached = _reached(scm.graph, {*worlds[0], *worlds[1]})
    table = _compare(drawn, reached)
    notes = [CLAIM]
    if same := [name for name in scm.graph.nodes if name not in reached]:
        notes.append(f"The same in both worlds, since not downstream: {', '.join(same)}.")
    grid = None
    with writing(folder):
        table.to_csv(folder / "intervene.csv", index=False)
        if node := next((name for name in scm.graph.nodes if scm.graph[name].is_image), None):
            grid = folder / "grid.png"
            shown = [scm.sample(SHOWN_BESIDE, do=world, seed=seed + k) for k, world in enumerate(worlds)]
            images = {title: samples[node] for title, samples in zip(titles, shown, strict=True)}
            plot_worlds(images, variable=scm.graph[node]).savefig(grid, dpi=160)
    return Comparison(titles, table, tuple(notes), folder / "intervene.csv", grid)


def _check_count(n: int, most: int, least: int = 1) -> None:
    if not least <= n <= most:
        raise DataError(f"Expected {least} to {most:,} units; got {n}. Choose another -n.")


def _check_apart(do: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in given:
        if name in do:
            raise DataError(f"Expected '{name}' in either --do or --given; got it in both. Leave one out.")


def _title(graph: CausalGraph, do: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The world in words."""

    def words(values: Mapping[str, Any]) -> str:
        return ", ".join(describe(graph[name], values[name]) for name in graph.nodes if name in values)

    world = f"do({words(do)})" if do else OBSERVATIONAL
    return f"{world}, given {words(given)}" if given else world


def _write_draw(folder: Path, title: str, samples: Samples, notes: Sequence[str]) -> Draw:
    table, graph = samples.to_frame(), samples.graph
    table.insert(0, "unit", range(len(table)))
    names = [f"unit-{unit}" for unit in table["unit"]]
    pictures = [name for name, variable in graph.variables.items() if variable.is_image]
    grid, images = None, []
    with writing(folder):
        for node in pictures:
            stems = [f"{node}-{name}" if len(pictures) > 1 else name for name in names]
            files = write_images(folder / "images", stems, samples[node], graph[node])
            table[f"{node}_file"] = [str(path.relative_to(folder)) for path in files]
            images += files
        table.to_csv(folder / "samples.csv", index=False)
        if pictures:
            grid, shown = folder / "grid.png", min(len(table), MOST_SHOWN)
            captions = _captions(graph, pictures[0], table[:shown])
            figure = plot_samples(samples[pictures[0]][:shown], captions, variable=graph[pictures[0]], title=title)
            figure.savefig(grid, dpi=160)
            if shown < len(table):
                notes = [*notes, f"The grid shows the first {shown} of {len(table)} units."]
    return Draw(title, samples, table, tuple(notes), folder / "samples.csv", grid, tuple(images))


def _captions(graph: CausalGraph, node: str, table: pd.DataFrame) -> list[str]:
    """The parents of the image in each unit, one a line."""
    names = [name for name in graph.parents(node) if name in table][:4]
    rows = table[names].itertuples(index=False, name=None)
    return ["\n".join(_caption(graph[name], value) for name, value in zip(names, row)) for row in rows]


def _caption(variable: Variable, value: Any) -> str:
    if variable.is_discrete:
        return f"{variable.name} {value}"
    return f"{variable.name} {value:.3g}" + (f" {variable.unit}" if variable.unit else "")


def _reached(graph: CausalGraph, do: Collection[str]) -> set[str]:
    """The intervened nodes and what is downstream of them."""
    return {below for name in do for below in (name, *graph.descendants(name))}


def _compare(worlds: Sequence[Samples], reached: Collection[str]) -> pd.DataFrame:
    """One row per continuous attribute and per label of a discrete one, among the nodes that an intervention reaches."""
    frames = [samples.to_frame() for samples in worlds]
    rows = []
    for name in (name for name in frames[0].columns if name in reached):
        variable = worlds[0].graph[name]
        fixed = [name in samples.do and not callable(samples.do[name]) for samples in worlds]
        for label in variable.labels or (None,):
            what = {"attribute": name, "label": "" if label is None else str(label), "unit": variable.unit or ""}
            what["statistic"] = "mean" if label is None else "share"
            rows.append(what | _estimates([_numbers(frame[name], label) for frame in frames], fixed, label is not None))
    return pd.DataFrame(rows)


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
    """Wilson's interval, which holds for shares near 0 and 1, too."""
    interval = binomtest(int(column.sum()), len(column)).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
