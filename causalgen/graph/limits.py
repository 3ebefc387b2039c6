"""Bounds on graphs given as text, so that a small file cannot require hours or gigabytes."""

from collections.abc import Collection, Iterable

from ..errors import GraphError

__all__ = ["LONGEST_NAME", "MOST_CHARACTERS", "MOST_EDGES", "MOST_NODES", "check_count", "check_names", "check_text"]

MOST_CHARACTERS = {
    "yaml": 400_000,
    "gml": 400_000,
    "graphml": 1_000_000,
    "json": 2_000_000,
    "dot": 1_000_000,
    "edges": 1_000_000,
}
"""Characters of a text by its format."""
MOST_NODES, MOST_EDGES = 10_000, 100_000
LONGEST_NAME = 1_000


def check_text(text: str, format: str) -> None:
    """Refuse a text that is longer than its format allows.

    Raises:
        GraphError: The text is longer.
    """
    if len(text) > MOST_CHARACTERS[format]:
        raise GraphError(
            f"Expected at most {MOST_CHARACTERS[format]:,} characters of {format}; got {len(text):,}. Leave out "
            "everything except nodes and edges, or build the graph in Python."
        )


def check_count(edges: int, nodes: int = 0) -> None:
    """Refuse more edges or nodes than a graph in a text may have; called before groups are expanded.

    Raises:
        GraphError: There are more.
    """
    for count, most, what in ((edges, MOST_EDGES, "edges"), (nodes, MOST_NODES, "nodes")):
        if count > most:
            raise GraphError(
                f"Expected at most {most:,} {what} in a text; got {count:,} or more. Keep the variables that the question "
                "needs, or build the graph in Python."
            )


def check_names(names: Iterable[str] | Collection[str]) -> None:
    """Refuse names that are too long to read.

    Raises:
        GraphError: A name is longer than `LONGEST_NAME` characters.
    """
    for name in names:
        if len(name) > LONGEST_NAME:
            raise GraphError(
                f"Expected names of at most {LONGEST_NAME:,} characters; got one of {len(name):,}, {name[:40]!r}... "
                "Shorten it."
            )
