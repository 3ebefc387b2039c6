"""Loading of a study's data: a data set of the catalog, or the user's own table."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress, TaskID

from ..datasets import Dataset, check_options, load
from ..errors import DataError, StudyError, UnknownNameError
from ..graph import CausalGraph
from .data_section import DataSource, OwnData
from .schema import Study

if TYPE_CHECKING:
    from ..datasets.table import TableIndex

__all__ = ["lacking_rows", "load_data", "own_index", "split_rows", "study_graph"]

ROWS = 10_000
"""Default number of rows of a data set of the catalog."""


def study_graph(study: Study) -> CausalGraph:
    """The graph of the study's data; catalog data are not loaded, but a table is read and its images indexed.

    Raises:
        StudyError: There is no data set of that name, it has no such option, or a node has no column.
        DataFaultsError: The user's table has faults; the message lists all.
    """
    data = study.data
    if isinstance(data, OwnData):
        return _index_of(data, study.error).graph
    from ..datasets.resources import load_graph

    for key, options in [("name", []), *((option, [option]) for option in data.options)]:
        try:
            check_options(data.name, options)
        except UnknownNameError as error:
            raise study.error(("data", key), str(error)) from None
    if data.volume and data.size is not None:
        raise study.error(("data", "size"), f"Expected no size with volume: true; got {data.size}. Remove it.")
    variant = "colour" if data.colour else "volume" if data.volume else data.variant
    return load_graph(data.name, variant=variant, size=data.size)


def load_data(data: DataSource | OwnData, bars: Progress | None = None, *, warns: bool = True) -> Dataset:
    """The data that a study names; a bar shows the progress of generating or decoding them.

    Args:
        data: The section `data` of the study.
        bars: Progress bars.
        warns: Whether surprising readings of the table raise warnings.
    """
    progress = None
    if bars is not None:
        verb = "make" if isinstance(data, DataSource) else "decode the images of"
        task = bars.add_task(f"{verb} {data.label}", total=None, note="", visible=False)
        progress = partial(_show_progress, bars, task)
    if isinstance(data, OwnData):
        from ..datasets.table import load_index

        index = own_index(data)
        if warns:
            index.warn()
        return load_index(index, progress=progress)
    options = data.options
    if progress is not None:
        options["progress"] = progress
    return load(data.name, **options)


def own_index(data: OwnData) -> "TableIndex":
    """The index of a user's own table; the same table is read once.

    Raises:
        DataFaultsError, DataError, UnknownNameError, ValueError: The table or its graph cannot be read, or do not fit.
    """
    files = [Path(name) for name in (data.table, data.graph_file) if name is not None]
    return _indexed(data.model_dump_json(), tuple(map(_stamp, files)))


def split_rows(data: DataSource | OwnData) -> dict[str, int]:
    """Rows of each split, those of a data set of the catalog by the usual shares; nothing is loaded."""
    if isinstance(data, OwnData):
        return {name: len(part) for name, part in own_index(data).split.items()}
    rows = data.rows or ROWS
    return {"train": round(0.7 * rows), "validation": round(0.15 * rows), "test": round(0.15 * rows)}


def lacking_rows(data: DataSource | OwnData) -> int:
    """Training rows with missing attributes, which training infers and `split_rows` does not count."""
    return len(own_index(data).incomplete.get("train", ())) if isinstance(data, OwnData) else 0


def _index_of(data: OwnData, fault: Callable[[tuple, str], StudyError]) -> "TableIndex":
    """`own_index`, whose errors name the line of the study."""
    from ..datasets.table import DataFaultsError

    try:
        return own_index(data)
    except DataFaultsError:
        raise
    except UnknownNameError as error:
        raise fault(("data", "graph"), str(error)) from None
    except (DataError, ValueError) as error:
        raise fault(("data",), str(error)) from None


@lru_cache(maxsize=1)
def _indexed(said: str, stamps: tuple[int, ...]) -> "TableIndex":
    from ..datasets.table import index_table

    data = OwnData.model_validate_json(said)
    return index_table(
        data.table,
        data.graph if data.graph_file is None else CausalGraph.read(data.graph_file),
        variables={name: dict(variable) for name, variable in data.variables.items()},
        root=data.images,
        tags=data.tags,
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
