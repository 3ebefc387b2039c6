"""The graph of a study, a data set, a graph file, a run, or edges given as text."""

import os
import re
from pathlib import Path

from ..datasets import DATASETS
from ..datasets.resources import load_graph
from ..errors import GraphError, nearest
from ..graph import CausalGraph, parse_graph, read_graph
from ..graph.dot import is_dot
from ..graph.formats import SUFFIXES
from .library import shipped_studies

__all__ = ["find_graph"]


def find_graph(source: str) -> CausalGraph:
    """The graph that `source` names.

    Tried in turn: a text in DOT, edges such as "a -> b; b <-> c", a graph file or study file, a data set of the catalog, a
    shipped study, a run folder.

    Raises:
        GraphError: `source` is none of them, or the graph is not valid.
        StudyError, RunFolderError, DataError: The study, the run or the data cannot be read.
    """
    if is_dot(source):
        return parse_graph(source, "dot")
    if re.search(r"<-|->|[;\n→←↔]", source):
        return CausalGraph(source)
    if os.path.isfile(source):  # unlike Path.is_file, false for what cannot be a path
        return _in_file(Path(source))
    # Only studies and runs need torch, which takes longer to load than an effect with a graph as text to estimate.
    from .runfolder import read_run
    from .schema import load_study
    from .sources import study_graph

    shipped = shipped_studies()
    if source in DATASETS:
        return load_graph(source)
    if source in shipped:
        return study_graph(load_study(shipped[source]))
    if os.path.isdir(source):
        return study_graph(read_run(source).study)
    known = list(dict.fromkeys([*DATASETS, *shipped]))
    raise GraphError(
        f"Expected a study file, a run folder, a graph file ({', '.join(SUFFIXES)}), one of {', '.join(known)}, or edges such "
        f"as 'a -> b; b <-> c'; got '{source}', and there is no such file." + nearest(source, known)
    )


def _in_file(path: Path) -> CausalGraph:
    """The graph in a graph file, or of the study in a study file, which has no key `edges`."""
    if path.suffix.lower() not in (".yaml", ".yml") or re.search(rb"^edges\s*:", path.read_bytes(), re.MULTILINE):
        return read_graph(path)
    from .schema import load_study
    from .sources import study_graph

    return study_graph(load_study(path))
