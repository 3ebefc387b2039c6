"""Counterfactuals of rows of a run's data or of an outside image, answered by its model and kept in a folder."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from torch import Tensor

from ..datasets import Dataset
from ..datasets.catalog import entry
from ..datasets.table.images import ImageColumn
from ..datasets.table.pixels import Rendering, rendering_of
from ..errors import CheckpointError, DataError, SupportWarning
from ..grammar import parse_do, parse_values
from ..graph import CausalGraph, Variable
from ..reports.counterfactual_files import file_names, write_counterfactual
from ..scm import Ambiguity, Counterfactual, Posterior, StructuralCausalModel, load
from ..scm.ambiguity import counted_counterfactual
from ..scm.values import MISSING, check_finite
from .certainty import certainty_notes
from .data_section import OwnData
from .model_on_data import true_counterfactual
from .output import answer_folder
from .outside import OVERRIDE, OutsideUnit, outside_unit, read_paths
from .reading_rows import read_rows
from .runfolder import RunFolder
from .saved_model import Asked, SavedModel, measurements_of, seed_of
from .sources import load_data, own_index
from .surviving import what_survives

__all__ = [
    "UNKNOWN_FILES",
    "CounterfactualAnswer",
    "abducted",
    "answer",
    "answer_outside",
    "answer_place",
    "check_particles",
    "file_unit",
    "fitted_data",
    "fitted_model",
    "inferred_notes",
    "renderings_of",
    "windows_of",
    "write_answer",
]

UNKNOWN_FILES = (
    "A saved model does not record how files become pixels: the image was read with 8 bits, as it is. Give an image "
    "with the grey levels or colours of the model's training images."
)
WHOLE = (0.0, 65_535.0)
"""Window of images that the catalog stores with 16 bits."""
MOST_ROWS = 200
MOST_PARTICLES = 1000
DRAWS = 100
"""Number of draws per unit if attributes have to be inferred."""


@dataclass(frozen=True)
class CounterfactualAnswer:
    """A counterfactual of some units and its files.

    Args:
        counterfactual: The answer of the model.
        table: One row per unit (and particle): the unit, factual and counterfactual attributes, the true ones where known,
            support, and the file of the counterfactual image.
        notes: What a reader must know, in sentences.
        folder: The folder of all files.
        csv: The table as CSV.
        grid: The PNG grid; None for a graph without images.
        images: Factual and counterfactual images, one PNG each.
        report: For a style transfer, what the images show (`causalgen.metrics.transfer_report`); None if nothing reads
            them.
        ambiguity: How far it survives other couplings of the noise; None if not requested, or if it would take too
            long.
    """

    counterfactual: Counterfactual
    table: pd.DataFrame
    notes: tuple[str, ...]
    folder: Path
    csv: Path
    grid: Path | None
    images: tuple[Path, ...]
    report: pd.DataFrame | None = None
    ambiguity: Ambiguity | None = None


def answer(
    run: Asked, rows: Sequence[Any], do: Sequence[str], out: Path | None = None, *, particles: int | None = None
) -> CounterfactualAnswer:
    """Counterfactuals under `do` of rows of the run's data; where the study trains on incomplete rows, of those too.

    Args:
        run: A run with a fitted model.
        rows: Row labels of the data, as values or as text (see `read_rows`); duplicates count once.
        do: Interventions as text, "thickness=4" (see `parse_do`).
        out: Output folder; None for one named after the query below the run's `counterfactuals`.
        particles: Number of draws of each unit's noise; None for one, or for 100 if attributes have to be inferred.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: A row is not in the data, or an intervention cannot be read.
        RunFolderError: The output cannot be written, or a saved model comes without data.
    """
    scm = fitted_model(run)
    interventions = parse_do(scm.graph, do)
    check_particles(particles)
    words = [*do, "rows", *map(str, dict.fromkeys(rows))]
    folder = answer_place(run, words, particles, out)
    data = fitted_data(run, scm)
    asked = read_rows(data, rows, incomplete=True)
    if not 1 <= len(asked) <= MOST_ROWS:
        raise DataError(f"Expected 1 to {MOST_ROWS} rows; got {len(asked)}. Write them as 3,7 or 3-7.")
    units = data.evidence(asked)
    found = _counterfactual(scm, units, interventions, particles, run, override="")
    truth = None if is_partial(scm.graph, units) else true_counterfactual(data, asked, interventions)
    return write_answer(
        folder, found.counterfactual, {"row": asked}, file_names("row", asked), truth, found.notes, windows_of(run),
        found.ambiguity,
    )  # fmt: skip


def answer_outside(
    run: Asked,
    images: Sequence[str],
    values: Sequence[str],
    do: Sequence[str],
    out: Path | None = None,
    *,
    particles: int | None = None,
) -> CounterfactualAnswer:
    """Counterfactual under `do` of an image from outside the data; the data are not needed.

    Args:
        run: A run with a fitted model, or a saved model.
        images: The image file; node=file for each where the model has several images.
        values: Attributes of the image as text, "thickness=2.1".
        do: Interventions as text (see `parse_do`).
        out: As in `answer`.
        particles: As in `answer`; where attributes have to be inferred, None for 100.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError: A file, value or intervention cannot be read.
        MissingValueError: The model cannot infer some of the missing attributes; the message lists them all.
        SupportError: The model cannot produce the image with the given attributes.
        RunFolderError: The output cannot be written.
    """
    scm = fitted_model(run)
    interventions = parse_do(scm.graph, do)
    paths = read_paths(scm.graph, images)
    given = parse_values(scm.graph, values)
    check_particles(particles)
    folder = answer_place(run, [*do, *map(str, paths.values()), *values], particles, out)
    unit = file_unit(run, scm, paths, given, asked=interventions)
    found = _counterfactual(unit.scm, unit.factual, interventions, particles, run)
    name = next(iter(paths.values()))
    unknown = (UNKNOWN_FILES,) if isinstance(run, SavedModel) else ()
    notes = (*unknown, *unit.notes, *found.notes)
    return write_answer(
        folder, found.counterfactual, {"file": [name.name]}, [name.stem], None, notes, windows_of(run), found.ambiguity
    )


def file_unit(
    run: Asked,
    scm: StructuralCausalModel,
    paths: Mapping[str, Path],
    given: Mapping[str, Any],
    *,
    asked: Collection[str],
    override: str = OVERRIDE,
) -> OutsideUnit:
    """Make a unit from image files, read and measured as in the run's study.

    Args:
        run: The run, or the saved model.
        scm: Its model.
        paths: Image files by node.
        given: Values of attributes.
        asked: Nodes that the query intervenes on.
        override: How to set a value that was measured, for its note.

    Raises:
        DataError, MissingValueError: As `outside_unit`.
    """
    return outside_unit(
        scm,
        paths,
        given,
        asked=asked,
        measurements=measurements_of(run),
        renderings=renderings_of(run),
        override=override,
    )


def fitted_model(run: Asked) -> StructuralCausalModel:
    """The fitted model of a run, or a saved one.

    Raises:
        CheckpointError: The run has none yet, or a corrupted one.
    """
    if isinstance(run, RunFolder) and not run.model.is_dir():
        raise CheckpointError(
            f"Expected a fitted model in '{run.model}'; the run is {run.status} and has none yet. Let it finish first."
        )
    return load(run.model, trust_code=run.trust_code)


def fitted_data(run: Asked, scm: StructuralCausalModel) -> Dataset:
    """The data of a run.

    Raises:
        CheckpointError: The run's model has another graph.
        RunFolderError: The rows of the table changed since the run began, or a saved model comes without data.
    """
    if isinstance(run, SavedModel):
        raise run.lacks("rows of its data")
    data = load_data(run.study.data)
    if data.graph != scm.graph:
        other = [name for name in data.graph.nodes if name in scm.graph and data.graph[name] != scm.graph[name]]
        changed = f": {scm.graph[other[0]]} has become {data.graph[other[0]]}" if other else ""
        raise CheckpointError(
            f"Expected a model of the graph of '{data.name}' in '{run.model}'; got one of another graph{changed}. "
            "Restore the data of the run, or fit again with --fresh."
        )
    run.check_rows(data)
    return data


def answer_place(
    run: Asked,
    words: Sequence[str],
    particles: int | None,
    out: Path | None,
    *,
    parent: str = "counterfactuals",
    table: str = "counterfactual.csv",
) -> Path:
    """Return the output folder, `out` or one below `parent` in the run, checked before any long work."""
    asked = [*words, *([f"{particles} particles"] if particles else [])]
    return answer_folder(out, run.path / parent, asked, table)


def check_particles(particles: int | None) -> None:
    if particles is not None and not 2 <= particles <= MOST_PARTICLES:
        raise DataError(
            f"Expected 2 to {MOST_PARTICLES} particles; got {particles}. Leave --particles out for a single answer."
        )


def renderings_of(run: Asked) -> dict[str, Rendering] | None:
    """Return how image files become pixels, by node; None for 8-bit data that do not come from files.

    None for a saved model too, which does not record it: files with 8 bits are then read as they are.
    """
    if isinstance(run, SavedModel):
        return None
    data = run.study.data
    if not isinstance(data, OwnData):
        known = entry(data.name)
        return dict.fromkeys(known.graph.images, Rendering(window=WHOLE, bits=16)) if known.bits == 16 else None
    if any(variable.percentiles is not None or variable.bits == 16 for variable in data.variables.values()):
        columns = own_index(data).images.items()  # the images give the window
        return {name: column.rendering for name, column in columns if isinstance(column, ImageColumn)}
    return {name: rendering_of(variable, variable.window) for name, variable in data.variables.items()}


def windows_of(run: Asked) -> dict[str, tuple[float, float]]:
    """The windows of a run's images, by node, where the study declares them or the images have 16 bits."""
    renderings = renderings_of(run) or {}
    return {name: rendering.window for name, rendering in renderings.items() if rendering.window is not None}


class _Found(NamedTuple):
    """An answer before it is written."""

    counterfactual: Counterfactual
    ambiguity: Ambiguity | None
    notes: tuple[str, ...]


def _counterfactual(
    scm: StructuralCausalModel,
    factual: Mapping[str, Any],
    do: Mapping[str, Any],
    particles: int | None,
    run: Asked,
    *,
    override: str = OVERRIDE,
) -> _Found:
    """The answer; units outside the joint support are flagged instead of raising a warning."""
    seed = seed_of(run)
    posterior, notes = abducted(scm, factual, particles, seed, override=override)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        answer, operations = counted_counterfactual(posterior, do, seed=seed)
        check_finite(scm.graph, answer)
    ambiguity, further = what_survives(posterior, do, measurements_of(run), seed=seed, operations=operations)
    return _Found(answer, ambiguity, (*notes, *further))


def abducted(
    scm: StructuralCausalModel,
    factual: Mapping[str, Any],
    particles: int | None,
    seed: int,
    *,
    override: str = OVERRIDE,
) -> tuple[Posterior, tuple[str, ...]]:
    """Return the posterior of units and notes; missing attributes are inferred, from 100 particles by default."""
    notes: tuple[str, ...] = ()
    if is_partial(scm.graph, factual):
        particles = particles or DRAWS
    elif particles is not None and not any(m.abduction.is_random for m in scm.mechanisms.values()):
        particles, notes = (
            None,
            ("Every particle would be the same: no mechanism of this model abducts with uncertainty.",),
        )
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        posterior = scm.abduct(factual, particles=particles, seed=seed)
    notes += inferred_notes(posterior, override)
    return posterior, (*notes, *(str(each.message) for each in raised))


def inferred_notes(posterior: Posterior, override: str = OVERRIDE, *, damaged: bool = False) -> tuple[str, ...]:
    """A sentence about every value that was inferred, and one about how sure images make them (see `certainty_notes`)."""
    graph, several, inferred = posterior.scm.graph, posterior.units > 1, posterior.inferred()
    found = [
        (f"Unit {row.unit}: " if several else "") + _inferred(graph[str(row.variable)], row) + override
        for row in inferred.itertuples()
    ]
    return (*found, *certainty_notes(posterior, damaged=damaged))


def is_partial(graph: CausalGraph, factual: Mapping[str, Any]) -> bool:
    """Whether a value of units is missing: a node is left out, or a tensor holds NaN or the code -1."""
    if not all(name in factual for name in graph.nodes):
        return True
    columns = {name: factual[name] for name in graph.attributes if isinstance(factual[name], Tensor)}
    return any(
        bool((column == MISSING if graph[name].is_discrete else column.isnan()).any())
        for name, column in columns.items()
    )


def _inferred(variable: Variable, row: Any) -> str:
    """One inferred value as a sentence."""
    unit = f" {variable.unit}" if variable.unit else ""
    shown = str(row.value) if variable.is_discrete else f"{row.value:.3g}{unit}"
    if variable.is_discrete and row.share == row.share:
        found = f"{shown} ({row.share:.0%} of the draws)"
    elif row.low == row.low:
        found = f"{shown} (95 % interval {row.low:.3g} to {row.high:.3g})"
    else:
        found = f"{shown} (how sure is not known: its draws have an effective sample size of {row.effective:.1f})"
    return f"{variable.name} was inferred by the model: {found}."


def write_answer(
    folder: Path,
    result: Counterfactual,
    units: Mapping[str, Sequence[Any]],
    names: Sequence[str],
    truth: Mapping[str, Any] | None,
    notes: Sequence[str],
    windows: Mapping[str, tuple[float, float]],
    ambiguity: Ambiguity | None = None,
) -> CounterfactualAnswer:
    """Write an answer.

    Args:
        folder: The folder.
        result: The counterfactual.
        units: Column that identifies the units, with a value each.
        names: Name of each unit's files.
        truth: True counterfactual values.
        notes: What a reader must know.
        windows: Windows of images, which are also written with the grey values of their files.
        ambiguity: How far it survives other couplings of the noise.
    """
    written = write_counterfactual(
        folder, result, truth, units=units, names=names, windows=windows, ambiguity=ambiguity
    )
    if written.grid is not None and written.shown < len(names):
        notes = (*notes, f"The grid shows the first {written.shown} of {len(names)} units.")
    return CounterfactualAnswer(
        result, written.table, tuple(notes), folder, written.csv, written.grid, written.images, ambiguity=ambiguity
    )
