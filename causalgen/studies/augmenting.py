"""Counterfactual images of the units of a run's data, in a folder for training programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..augmentation import Augmentation, AugmentedUnits
from ..grammar import parse_do
from ..reports.augmented_files import AugmentedFiles, Progress, write_augmented
from .asking import fitted_data, fitted_model
from .output import check_writable, query_folder
from .runfolder import RunFolder

__all__ = ["augment"]


def augment(
    run: RunFolder,
    do: Sequence[str],
    out: Path | None = None,
    *,
    label: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> AugmentedFiles:
    """Write counterfactual images of all units of some splits.

    Args:
        run: A run with a fitted model.
        do: Interventions as text (see `parse_do`); "thickness=shuffle" is the value of another unit of the same split.
        out: The folder; None for one named after the interventions below the run's `augmentations`.
        label: A discrete attribute whose labels become folders of classes.
        progress: Called with (pieces done, pieces in all).
        **options: Fields of `Augmentation`; the default seed is the study's.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError, UnknownNameError, SupportError: The interventions cannot be read or made.
        RunFolderError: The folder holds something else, or cannot be written.
    """
    scm = fitted_model(run)
    plan = Augmentation(parse_do(scm.graph, do, shuffle=True), **{"seed": run.study.seed, **options})
    folder = query_folder(run.path / "augmentations", [*do, "per-unit", str(plan.per_unit)]) if out is None else out
    check_writable(folder)
    units = AugmentedUnits(scm, fitted_data(run, scm), plan)
    return write_augmented(folder, units, label=label, progress=progress)
