"""Draw units from the model of a run; the data are not needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError
from ..grammar import parse_do, parse_values
from ..graph import CausalGraph, Variable
from ..reports import plot_samples
from ..reports.figure_files import write_figure
from ..reports.image_files import write_images
from ..scm import Samples
from ..scm.interventions import describe
from ..spreadsheets import write_csv
from .asking import fitted_model, windows_of
from .output import answer_folder, writing
from .saved_model import Asked, seed_of

__all__ = ["Draw", "check_count", "draw_samples", "world_title"]

MOST_UNITS = 10_000
MOST_SHOWN = 48
"""Number of images in the grid."""
OBSERVATIONAL = "observational"


@dataclass(frozen=True)
class Draw:
    """Units drawn from a model and their files.

    Args:
        title: Title of their world, such as "do(thickness = 4 px), given pen = felt-tip".
        samples: The units.
        table: One row per unit, with the file of its image.
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


def draw_samples(
    run: Asked,
    n: int,
    *,
    do: Sequence[str] = (),
    given: Sequence[str] = (),
    seed: int | None = None,
    out: Path | None = None,
) -> Draw:
    """Draw units from the model of a run.

    Args:
        run: A run with a fitted model, or a saved model.
        n: Number of units.
        do: Interventions as text (see `parse_do`).
        given: Observed values as text, in the world under `do`.
        seed: Seed; None for the study's.
        out: Output folder; None for one named after the query below the run's `samples`.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: Fewer than one unit or too many, or a text cannot be read.
        NotObservableError: Evidence on a node whose mechanism has no likelihood.
        RunFolderError: The output cannot be written.
    """
    check_count(n, MOST_UNITS)
    scm = fitted_model(run)
    interventions, evidence = parse_do(scm.graph, do), parse_values(scm.graph, given)
    _check_apart(interventions, evidence)
    seed = seed_of(run) if seed is None else seed
    words = [*(do or ["observational"]), *(f"given {text}" for text in given), "n", str(n), "seed", str(seed)]
    folder = answer_folder(out, run.path / "samples", words, "samples.csv")
    samples = scm.sample(n, do=interventions, given=evidence, seed=seed)
    notes = []
    if evidence:
        size = samples.effective_sample_size
        repeat = " Some of them are copies: ask for fewer units, or likelier values." if size < n else ""
        found = f"{10 * n} weighted proposals, from which {n} were drawn" if do else f"{n} draws"
        notes.append(f"Effective sample size {size:.0f} of {found}, given {', '.join(evidence)}.{repeat}")
    title = world_title(scm.graph, interventions, evidence)
    return _write_draw(folder, title, samples, notes, windows_of(run))


def check_count(n: int, most: int, least: int = 1) -> None:
    """Raise `DataError` unless `n` units can be drawn."""
    if not least <= n <= most:
        raise DataError(f"Expected {least} to {most:,} units; got {n}. Change -n.")


def _check_apart(do: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in given:
        if name in do:
            raise DataError(f"Expected '{name}' in either --do or --given; got it in both. Leave one out.")


def world_title(graph: CausalGraph, do: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Describe the world."""

    def words(values: Mapping[str, Any]) -> str:
        return ", ".join(describe(graph[name], values[name]) for name in graph.nodes if name in values)

    world = f"do({words(do)})" if do else OBSERVATIONAL
    return f"{world}, given {words(given)}" if given else world


def _write_draw(
    folder: Path, title: str, samples: Samples, notes: Sequence[str], windows: Mapping[str, tuple[float, float]]
) -> Draw:
    table, graph = samples.to_frame(), samples.graph
    table.insert(0, "unit", range(len(table)))
    names = [f"unit-{unit}" for unit in table["unit"]]
    pictures = [name for name, variable in graph.variables.items() if variable.is_image]
    grid, images = None, []
    with writing(folder):
        for node in pictures:
            stems = [f"{node}-{name}" if len(pictures) > 1 else name for name in names]
            files = write_images(folder / "images", stems, samples[node], graph[node], window=windows.get(node))
            table[f"{node}_file"] = [str(path.relative_to(folder)) for path in files]
            images += files
        write_csv(table, folder / "samples.csv")
        if pictures:
            grid, shown = folder / "grid.png", min(len(table), MOST_SHOWN)
            captions = _captions(graph, pictures[0], table[:shown])
            figure = plot_samples(samples[pictures[0]][:shown], captions, variable=graph[pictures[0]], title=title)
            write_figure(figure, grid, dpi=160)
            if shown < len(table):
                notes = [*notes, f"The grid shows the first {shown} of {len(table)} units."]
    return Draw(title, samples, table, tuple(notes), folder / "samples.csv", grid, tuple(images))


def _captions(graph: CausalGraph, node: str, table: pd.DataFrame) -> list[str]:
    """The parents of the image in each unit, one per line."""
    names = [name for name in graph.parents(node) if name in table][:4]
    rows = table[names].itertuples(index=False, name=None)
    return ["\n".join(_caption(graph[name], value) for name, value in zip(names, row)) for row in rows]


def _caption(variable: Variable, value: Any) -> str:
    if variable.is_discrete:
        return f"{variable.name} {value}"
    return f"{variable.name} {value:.3g}" + (f" {variable.unit}" if variable.unit else "")
