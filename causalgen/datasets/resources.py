"""Find the cards and graphs of the data sets: in the repository, or in an installed wheel."""

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


def load_graph(dataset: str, *, colour: bool = False) -> CausalGraph:
    """The assumed graph of a data set or of its colour variant, its variables declared."""
    return read_graph(resource(dataset, "graph-colour.yaml" if colour else "graph.yaml"))
