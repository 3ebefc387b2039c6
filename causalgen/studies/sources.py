"""Loading of a study's data: a data set of the catalog, or the user's own table."""

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from ..datasets import Dataset, check_options, load
from ..errors import DataError, StudyError, UnknownNameError
from ..graph import CausalGraph
from .schema import DataSource, OwnData, Study

__all__ = ["load_data", "own_index", "study_graph"]


def study_graph(study: Study) -> CausalGraph:
    """The graph of the study's data; catalog data are not loaded, but a table is read and its images indexed.

    Raises:
        StudyError: There is no data set of that name, it has no such option, or a node has no column.
        DataFaultsError: The user's table has faults; the message lists all.
    """
    if isinstance(study.data, OwnData):
        return own_index(study).graph
    from ..datasets.resources import load_graph

    data = study.data
    for key, options in [("name", []), *((option, [option]) for option in data.options)]:
        try:
            check_options(data.name, options)
        except UnknownNameError as error:
            raise study.error(("data", key), str(error)) from None
    return load_graph(data.name, colour=bool(data.colour))


def load_data(study: Study, bars: Progress | None = None, *, warns: bool = True) -> Dataset:
    """The data of a study; a bar shows the progress of generating or decoding them.

    Args:
        study: The study.
        bars: Progress bars.
        warns: Whether surprising readings of the table raise warnings.
    """
    progress = None
    if bars is not None:
        verb = "make" if isinstance(study.data, DataSource) else "decode the images of"
        task = bars.add_task(f"{verb} {study.data.label}", total=None, note="", visible=False)
        progress = partial(_show_progress, bars, task)
    if isinstance(study.data, OwnData):
        from ..datasets.table import load_index

        index = own_index(study)
        if warns:
            index.warn()
        return load_index(index, progress=progress)
    options = study.data.options
    if progress is not None:
        options["progress"] = progress
    return load(study.data.name, **options)


def own_index(study: Study) -> Any:
    """The `TableIndex` of a study's own table; the same table is read once.

    Raises:
        StudyError, DataFaultsError: As `study_graph`.
    """
    assert isinstance(study.data, OwnData)
    from ..datasets.table import DataFaultsError

    try:
        files = [Path(name) for name in (study.data.table, study.data.graph_file) if name is not None]
        return _indexed(study.data.model_dump_json(), tuple(map(_stamp, files)))
    except DataFaultsError:
        raise
    except UnknownNameError as error:
        raise study.error(("data", "graph"), str(error)) from None
    except (DataError, ValueError) as error:
        if isinstance(error, StudyError):
            raise
        raise study.error(("data",), str(error)) from None


@lru_cache(maxsize=1)
def _indexed(said: str, stamps: tuple[int, ...]) -> Any:
    from ..datasets.table import index_table

    data = OwnData.model_validate_json(said)
    return index_table(
        data.table,
        data.graph if data.graph_file is None else CausalGraph.read(data.graph_file),
        variables={name: dict(variable) for name, variable in data.variables.items()},
        root=data.images,
        group=data.group,
        split=data.split,
        missing=data.missing,
        missing_words=data.missing_words,
        rows=data.rows,
        seed=data.seed,
        thorough=True,
    )


def _stamp(path: Path) -> int:
    """Time of a table's last change; 0 if there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _show_progress(bars: Progress, task: TaskID, done: int, total: int) -> None:
    bars.update(task, completed=done, total=total, visible=True)
