"""Find the cards and graphs of the data sets: in the repository, or in an installed wheel."""

from dataclasses import replace
from pathlib import Path

from ..errors import DataError
from ..graph import CausalGraph, read_graph

__all__ = ["card", "load_graph", "resource"]


def resource(dataset: str, file: str) -> Path:
    """Path of `file` in the folder of `dataset`.

    Raises:
        DataError: Neither the repository nor the installed package has the file.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "_data" / "datasets", package.parent / "datasets"]
    for place in places:
        if (path := place / dataset / file).is_file():
            return path
    raise DataError(
        f"Expected {dataset}/{file} in {' or '.join(map(str, places))}; found neither. Reinstall causalgen."
    )


def card(dataset: str) -> str:
    """The data card: source, licence, splits, units, causal assumptions."""
    return resource(dataset, "README.md").read_text(encoding="utf-8")


def load_graph(dataset: str, *, variant: str | None = None, size: int | None = None) -> CausalGraph:
    """The assumed graph of a data set, its variables declared.

    Args:
        dataset: Its name.
        variant: One of its variants, such as "colour"; None for the data set itself.
        size: Height and width of its images; None for those in the file.

    Raises:
        DataError: There is no such variant.
    """
    graph = read_graph(resource(dataset, f"graph-{variant}.yaml" if variant else "graph.yaml"))
    if size is None:
        return graph
    shapes = {name: (graph[name].shape[0], *[size] * (len(graph[name].shape) - 1)) for name in graph.images}
    variables = [replace(v, shape=shapes[v.name]) if v.is_image else v for v in graph.variables.values()]
    return graph.with_parts(variables=variables)
