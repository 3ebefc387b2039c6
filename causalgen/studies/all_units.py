"""Counterfactuals of all units of a run's data, in shards that several processes write."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import pandas as pd
from joblib import Parallel, delayed

from ..augmentation import Augmentation, AugmentedUnits
from ..grammar import parse_do
from ..reports.counterfactual_shards import CounterfactualShards
from .asking import fitted_data, fitted_model
from .lock import LOCK, FolderLock
from .on_ray import require_ray, run_tasks
from .output import check_writable, query_folder
from .runfolder import RunFolder, read_run

__all__ = ["AllUnits", "answer_all"]

Progress = Callable[[int, int], None]
Where = Literal["ray"]


@dataclass(frozen=True)
class AllUnits:
    """A question about all units, with what a process needs to answer a part of them.

    Args:
        run: Folder of the run.
        do: Interventions as text (see `parse_do`).
        splits: Splits of the units; none for all.
        seed: Seed of all noise.
        trust_code: Whether code that the study or its model names may be imported.
        folder: The folder of the answer.
    """

    run: Path
    do: tuple[str, ...]
    splits: tuple[str, ...]
    seed: int
    trust_code: bool
    folder: Path

    def shards(self) -> CounterfactualShards:
        """The folder with model and data; errors as in `answer_all`."""
        run = read_run(self.run, trust_code=self.trust_code)
        scm = fitted_model(run)
        interventions = parse_do(scm.graph, self.do)
        data = fitted_data(run, scm)
        plan = Augmentation(interventions, splits=self.splits or tuple(data.split), seed=self.seed)
        return CounterfactualShards(self.folder, AugmentedUnits(scm, data, plan), ignored=LOCK)


def answer_all(
    run: RunFolder,
    do: Sequence[str],
    out: Path | None = None,
    *,
    splits: Sequence[str] = (),
    processes: int | None = None,
    on: Where | None = None,
    progress: Progress | None = None,
) -> tuple[Path, pd.DataFrame]:
    """Write counterfactuals under `do` of all units of a run's data; an interrupted folder is continued.

    Args:
        run: A run with a fitted model.
        do: Interventions as text (see `parse_do`).
        out: The folder; None for one named after the query below the run's `counterfactuals`.
        splits: Splits of the units; none for all.
        processes: Number of parallel processes; each holds the model and the attributes of all units. None for one, or
            on a cluster for one per processor.
        on: "ray" for tasks of Ray, on the cluster of the environment variable `RAY_ADDRESS` or on this machine, which write the
            same bytes; all machines see `run` and `out` under the same paths. None for processes of this machine.
        progress: Called with (shards done, shards in all).

    Returns:
        The folder, and its shards with their numbers of units, one row each.

    Raises:
        CheckpointError: The run has no fitted model yet, or a corrupted one.
        DataError, UnknownNameError, SupportError: The interventions cannot be read or made.
        RunFolderError: The folder holds something else, is finished, in use, or has an altered shard, or cannot be written.
        StorageError: The disk is full; the same call continues.
        LostProcessError: Ray lost a task for good; the same call continues.
        ImportError: `on` is "ray", and the extra `ray` is not installed.
    """
    if on == "ray":
        require_ray()
    folder = query_folder(run.path / "counterfactuals", [*do, "all", *splits]) if out is None else out
    check_writable(folder)
    place = run.path.absolute(), folder.absolute()  # tasks of Ray have another working directory
    asked = AllUnits(place[0], tuple(do), tuple(splits), run.study.seed, run.trust_code, place[1])
    with FolderLock(folder):
        shards = asked.shards()
        missing = [shards.shards.index(shard) for shard in shards.begin()]
        done = len(shards.shards) - len(missing)
        for _ in (
            _on_ray(asked, missing, processes) if on == "ray" else _written(asked, shards, missing, processes or 1)
        ):
            done += 1
            if progress is not None:
                progress(done, len(shards.shards))
        return folder, shards.finish()


def _written(asked: AllUnits, shards: CounterfactualShards, missing: Sequence[int], processes: int) -> Iterator[None]:
    """Write the missing shards, and yield one item for each."""
    if processes == 1 or len(missing) < 2:
        for number in missing:
            shards.write(shards.shards[number])
            yield
        return
    workers = Parallel(n_jobs=min(processes, len(missing)), return_as="generator_unordered")
    yield from workers(delayed(_write)(asked, number) for number in missing)


def _on_ray(asked: AllUnits, missing: Sequence[int], processes: int | None) -> Iterator[None]:
    """Write the missing shards by tasks of Ray."""
    return run_tasks(partial(_write, asked), missing, processes)


def _write(asked: AllUnits, number: int) -> None:
    shards = _opened(asked)
    shards.write(shards.shards[number])


@lru_cache(maxsize=1)
def _opened(asked: AllUnits) -> CounterfactualShards:
    """Return model and data, which a process reads once."""
    return asked.shards()
