"""Style transfer by the model of a run: rows or an image file with attributes of another row or file."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..errors import DataError, SupportWarning
from ..grammar import parse_values
from ..metrics import transfer_report
from ..reports.counterfactual_files import file_names
from ..scm import Posterior, StructuralCausalModel
from ..scm.interventions import describe
from ..scm.transfer import find_noise_part
from ..spreadsheets import write_csv
from .asking import (
    MOST_ROWS,
    UNKNOWN_FILES,
    CounterfactualAnswer,
    abducted,
    answer_place,
    check_particles,
    file_unit,
    fitted_data,
    fitted_model,
    windows_of,
    write_answer,
)
from .model_on_data import true_counterfactual
from .outside import OVERRIDE
from .readers import readers_of
from .reading_rows import read_rows
from .saved_model import Asked, SavedModel, seed_of

__all__ = ["transfer"]


def transfer(
    run: Asked,
    content: Sequence[str],
    style: str,
    take: Sequence[str],
    out: Path | None = None,
    *,
    values: Sequence[str] = (),
    hold: bool = False,
    particles: int | None = None,
) -> CounterfactualAnswer:
    """Answer what some units would have been with attributes of another unit.

    Args:
        run: A run with a fitted model, or a saved model.
        content: Row labels of the data, or one image file; attributes of a file are measured or inferred.
        style: A row label, or an image file.
        take: Attributes to take from it, and parts of the noise, as `Posterior.transfer` takes them.
        out: As in `answer`.
        values: Attributes of the content's file as text, "digit=7".
        hold: Whether all other attributes keep their values.
        particles: As in `answer_outside`.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        UnknownNameError: An attribute or part of the noise to take does not exist.
        DataError: A row is not in the data, a file cannot be read, or there is nothing to take.
        RunFolderError: The output cannot be written, or a saved model comes without data.
    """
    scm = fitted_model(run)
    parts = [part for part in (find_noise_part(scm, name) for name in take) if part is not None]
    check_particles(particles)
    given = parse_values(scm.graph, values)
    words = [*content, *values, "style", style, "take", *take, *(["hold"] if hold else [])]
    folder = answer_place(run, words, particles, out)
    source = _Source(run, scm, tuple(name for name in take if name in scm.graph), particles)
    units, model = source.units(content, given), source.units([style])
    if len(model.labels) != 1:
        raise DataError(f"Expected one row or image file as the style; got {len(model.labels)} rows. Name one.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        result = units.posterior.transfer(model.posterior, take, hold=hold, seed=seed_of(run))
    nodes = dict.fromkeys([*(name for name in take if name in scm.graph), *(node for node, _ in parts)])
    taken = ", ".join(describe(scm.graph[name], result.do[name]) for name in nodes)
    notes = (
        f"Taken from {style}: {taken}.",
        *units.notes,
        *(f"Style: {note}" for note in model.notes if note not in units.notes),
    )
    if units.column == "file":
        names = [Path(content[0]).stem]
        answer = write_answer(folder, result, {"file": units.labels}, names, None, notes, windows_of(run))
    else:
        # The generator does not know a model's noise.
        truth = None if parts else true_counterfactual(source.data, units.labels, result.do)
        names = file_names("row", units.labels)
        answer = write_answer(folder, result, {"row": units.labels}, names, truth, notes, windows_of(run))
    return _with_report(answer, run, units.posterior, model.posterior, take, hold=hold)


def _with_report(
    answer: CounterfactualAnswer,
    run: Asked,
    content: Posterior,
    style: Posterior,
    take: Sequence[str],
    *,
    hold: bool,
) -> CounterfactualAnswer:
    """Add a table of what the images show to the answer, and write it; unchanged if nothing reads the images."""
    graph = content.scm.graph
    if not graph.images or content.particles or style.particles or isinstance(run, SavedModel):
        return answer
    readers = readers_of(run, graph, graph.images[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SupportWarning)
        report = transfer_report(content, style, take, readers.measure, readers.trained, hold=hold)
    if report.empty:
        return answer
    write_csv(report, answer.folder / "transfer.csv")
    return replace(answer, report=report)


@dataclass(frozen=True)
class _Units:
    """Units with their abducted noise.

    Args:
        column: What identifies the units, "row" or "file".
        labels: Row labels, or the name of the file.
        posterior: Their noise.
        notes: What was measured, inferred or resized.
    """

    column: str
    labels: Sequence[Any]
    posterior: Posterior
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """Source of units: rows of the data, which are loaded once when needed, or image files."""

    run: Asked
    scm: StructuralCausalModel
    take: tuple[str, ...]
    particles: int | None

    @cached_property
    def data(self) -> Dataset:
        """The data of the run."""
        return fitted_data(self.run, self.scm)

    def units(self, words: Sequence[str], given: Mapping[str, Any] | None = None) -> _Units:
        """Return the units that words name; `given` holds values of an image file, if the user may set some."""
        files = [word for word in words if Path(word).is_file()]
        if files and len(words) > 1:
            raise DataError(
                f"Expected rows of the data, or one image file; got {', '.join(words)}. Ask about each separately."
            )
        if files:
            return self._file(Path(files[0]), given)
        if given:
            raise DataError("Expected --set together with an image file as the content; rows have their values.")
        rows = read_rows(self.data, words)
        if not 1 <= len(rows) <= MOST_ROWS:
            raise DataError(f"Expected 1 to {MOST_ROWS} rows; got {len(rows)}. Write them as 3,7 or 3-7.")
        posterior, notes = abducted(self.scm, self.data.rows(rows), self.particles, seed_of(self.run))
        return _Units("row", rows, posterior, notes)

    def _file(self, path: Path, given: Mapping[str, Any] | None) -> _Units:
        override = "" if given is None else OVERRIDE
        if len(self.scm.graph.images) != 1:
            raise DataError(
                f"Expected a model with one image for a file; this one has {len(self.scm.graph.images)}. Name rows of its data."
            )
        paths = {self.scm.graph.images[0]: path}
        unit = file_unit(self.run, self.scm, paths, given or {}, asked=self.take, override=override)
        posterior, notes = abducted(unit.scm, unit.factual, self.particles, seed_of(self.run), override=override)
        unknown = (UNKNOWN_FILES,) if isinstance(self.run, SavedModel) else ()
        return _Units("file", [path.name], posterior, (*unknown, *unit.notes, *notes))
