"""Compares a user's graph with the data, by classes, so that edges that no data can orient are not errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ..errors import DataError, GraphError
from ..graph import CausalGraph, GraphLike, Variable, as_graph
from .equivalence import ClassKind, EquivalenceClass, from_partial
from .frequencies import Frequencies
from .knowledge import Knowledge
from .orientation import class_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "PairComparison", "class_of_graph", "compare", "shd"]

OPEN = "open"


@dataclass(frozen=True)
class PairComparison:
    """One pair of columns.

    Args:
        a: First column.
        b: Second column.
        graph: The edge in the user's graph, as read from a to b; "" for none, "-> <->" for both.
        expected: The mark in the class of that graph.
        found: The mark that the data gave.
        adjacent: Share of resamples in which the two are adjacent; None without resamples.
        as_expected: Share of resamples with the expected mark, or without an edge where none is expected.
        reading: The comparison as text.
    """

    a: str
    b: str
    graph: str
    expected: str
    found: str
    adjacent: float | None
    as_expected: float | None
    reading: str


@dataclass(frozen=True, repr=False)
class Comparison:
    """A user's graph and a found class, pair by pair. Agreement does not prove the graph, nor disagreement disprove it.

    Args:
        expected: The class of the user's graph: what the algorithm would find from infinite data if the graph were right.
        found: The class that the algorithm found.
        pairs: Every pair that is adjacent in one of the two.
        shd: Structural Hamming distance: pairs whose marks differ between the classes.
        precision: Share of the found adjacencies that the graph has; None if nothing was found.
        recall: Share of the graph's adjacencies that were found; None if the graph has none.
        consistency: Mean share of resamples in which an adjacency of the graph is found; None without resamples.
    """

    expected: EquivalenceClass
    found: EquivalenceClass
    pairs: tuple[PairComparison, ...]
    shd: int
    precision: float | None
    recall: float | None
    consistency: float | None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall of the adjacencies; None if neither graph has any."""
        hits = len(self.expected.skeleton & self.found.skeleton)
        both = len(self.expected.skeleton) + len(self.found.skeleton)
        return 2 * hits / both if both else None

    def to_frame(self) -> "pd.DataFrame":
        """One row per pair, the fields of `PairComparison`."""
        import pandas as pd

        return pd.DataFrame([vars(pair) for pair in self.pairs], columns=list(PairComparison.__dataclass_fields__))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "expected": self.expected.to_dict(),
            "pairs": [dict(vars(pair)) for pair in self.pairs],
            "shd": self.shd,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "consistency": self.consistency,
        }

    def __repr__(self) -> str:
        return f"Comparison({self})"

    def __str__(self) -> str:
        adjacencies = (
            f"adjacencies: precision {_share(self.precision)}, recall {_share(self.recall)}, F1 {_share(self.f1)}"
        )
        again = (
            ""
            if self.consistency is None
            else f"; the graph's adjacencies are found again in {self.consistency:.0%} of resamples"
        )
        return (
            f"SHD {self.shd} of {len(self.found.nodes) * (len(self.found.nodes) - 1) // 2} pairs; {adjacencies}{again}"
        )


def compare(
    found: EquivalenceClass,
    graph: GraphLike,
    *,
    knowledge: Knowledge | None = None,
    frequencies: Frequencies | None = None,
) -> Comparison:
    """Compare a found class with a graph.

    Args:
        found: The class.
        graph: The user's graph; its nodes that are not columns are projected out.
        knowledge: The background knowledge of the search; it refines the graph's class, too.
        frequencies: Shares of resamples.

    Raises:
        DataError: A column is not in the graph.
        GraphError: The graph contradicts the knowledge, or has hidden common causes that the algorithm assumes away.

    >>> found = EquivalenceClass("CPDAG", ("a", "b", "c"), (("a", "---", "b"), ("b", "---", "c")))
    >>> comparison = compare(found, CausalGraph("a -> b -> c"))
    >>> comparison.shd, comparison.pairs[0].reading
    (0, 'agrees; no data of this kind can determine the rest')
    """
    graph = as_graph(graph)
    knowledge = knowledge or Knowledge()
    projected = _project(graph, found.nodes)
    expected = class_of_graph(projected, found.kind, found.nodes, knowledge)
    pairs = [
        _pair(a, b, projected, expected, found, frequencies)
        for a, b in combinations(found.nodes, 2)
        if expected.mark(a, b) or found.mark(a, b)
    ]
    hits = len(expected.skeleton & found.skeleton)
    stable = [frequencies.adjacent(*pair) for pair in map(sorted, expected.skeleton)] if frequencies else []
    return Comparison(
        expected,
        found,
        tuple(pairs),
        shd(expected, found),
        hits / len(found.skeleton) if found.skeleton else None,
        hits / len(expected.skeleton) if expected.skeleton else None,
        sum(stable) / len(stable) if stable else None,
    )


def shd(first: EquivalenceClass, second: EquivalenceClass) -> int:
    """Structural Hamming distance: the number of pairs of nodes whose marks differ.

    Reference: Tsamardinos, Brown, Aliferis, Machine Learning 65, 2006.

    Raises:
        GraphError: The classes are over different nodes.
    """
    if set(first.nodes) != set(second.nodes):
        raise GraphError(
            f"Expected classes over the same nodes; got {', '.join(first.nodes)} and {', '.join(second.nodes)}."
        )
    return sum(first.mark(a, b) != second.mark(a, b) for a, b in combinations(first.nodes, 2))


def class_of_graph(
    graph: GraphLike, kind: ClassKind, columns: Iterable[str], knowledge: Knowledge | None = None
) -> EquivalenceClass:
    """The class of this kind that an algorithm would find from infinite data if the graph were right.

    Raises:
        GraphError: The graph contradicts the knowledge, or has bidirected edges and the kind allows none.
    """
    graph = as_graph(graph)
    names, knowledge = tuple(columns), knowledge or Knowledge()
    _refuse_contradiction(graph, knowledge)
    if kind == "PAG":
        from .constraint import fci
        from .independence import Oracle

        return fci(names, Oracle(graph, names), 0.5, knowledge)
    if graph.confounded:
        a, b = graph.confounded[0]
        raise GraphError(
            f"Expected a graph without hidden common causes, which this algorithm assumes away; got {a} <-> {b} among the "
            "columns. Use fci."
        )
    if kind == "CPDAG":
        return from_partial(kind, names, class_of(names, graph.edges, knowledge), ())
    return EquivalenceClass(kind, names, tuple((a, "->", b) for a, b in graph.edges))


def _project(graph: CausalGraph, columns: tuple[str, ...]) -> CausalGraph:
    unknown = [name for name in columns if name not in graph]
    if unknown:
        raise DataError(
            f"Expected a graph with all the columns; it lacks {', '.join(unknown)}. Add them to the graph, or search only "
            "the others."
        )
    projected = graph.project(columns)
    return CausalGraph(projected.edges, [Variable(name) for name in projected], projected.confounded)


def _refuse_contradiction(graph: CausalGraph, knowledge: Knowledge) -> None:
    for a, b in graph.edges:
        if knowledge.forbids(a, b):
            raise GraphError(f"Expected a graph that agrees with the knowledge; it has {a} -> {b}, which is ruled out.")
    for a, b in knowledge.required:
        if (a, b) not in graph.edges:
            raise GraphError(
                f"Expected a graph that agrees with the knowledge; it lacks {a} -> {b}, which is required."
            )


def _pair(
    a: str,
    b: str,
    graph: CausalGraph,
    expected: EquivalenceClass,
    found: EquivalenceClass,
    frequencies: Frequencies | None,
) -> PairComparison:
    own = [arrow for arrow, edge in (("->", (a, b)), ("<-", (b, a))) if edge in graph.edges]
    own += ["<->"] if {(a, b), (b, a)} & set(graph.confounded) else []
    wanted, got = expected.mark(a, b), found.mark(a, b)
    adjacent = frequencies.adjacent(a, b) if frequencies else None
    as_expected = None
    if frequencies:
        as_expected = frequencies.share(a, wanted, b) if wanted else 1.0 - frequencies.adjacent(a, b)
    return PairComparison(
        a, b, " ".join(own), wanted, got, adjacent, as_expected, _reading(wanted, got, _why(a, b, found))
    )


def _why(a: str, b: str, found: EquivalenceClass) -> str:
    return next((f": {entry}" for entry in found.separations if {entry.a, entry.b} == {a, b}), "")


def _reading(wanted: str, got: str, why: str) -> str:
    if not got:
        return f"not found{why}; no effect, effects that cancel, too few rows, or the wrong test"
    if not wanted:
        return "not in the graph: found dependent, but independent in the graph"
    if wanted == got:
        return "agrees" + (
            "; no data of this kind can determine the rest" if OPEN in _ends(got) else ", with its direction"
        )
    pairs = list(zip(_ends(wanted), _ends(got)))
    if any(x != y and OPEN not in (x, y) for x, y in pairs):
        return "adjacent as in the graph, with another direction"
    if any(y == OPEN and x != OPEN for x, y in pairs):
        return "adjacent as in the graph; the direction that the graph implies was not found"
    return "adjacent as in the graph; a direction was found that the graph leaves open"


def _ends(mark: str) -> tuple[str, str]:
    """The marks at the two ends: tail, arrowhead, or open."""
    if mark == "---":
        return OPEN, OPEN
    names = {"-": "tail", "<": "arrowhead", ">": "arrowhead", "o": OPEN}
    return names[mark[0]], names[mark[-1]]


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
