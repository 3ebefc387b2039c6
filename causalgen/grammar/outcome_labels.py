"""An outcome that is the probability of a label: "severity=severe", or "severity=mild,severe"."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import DataError
from ..graph import CausalGraph, Variable

__all__ = ["OutcomeLabels", "find_outcome_labels", "label_splits"]

SHOWN = 3
"""Up to this many labels stand for "has none of them" by name, so that a reader sees what they are."""


@dataclass(frozen=True)
class OutcomeLabels:
    """Whether a node has a label, or one of several.

    Args:
        name: The node.
        codes: Codes of the labels.
        labels: Words for "has none of them" and "has one of them".
    """

    name: str
    codes: frozenset[int]
    labels: tuple[str, str]

    def graph(self, graph: CausalGraph) -> CausalGraph:
        """The graph with the node as a binary variable, without the nodes that it acts on."""
        left_out = graph.descendants(self.name)
        binary = Variable(self.name, "binary", labels=self.labels)
        variables = [binary if node == self.name else graph[node] for node in graph.nodes]
        return graph.with_parts(variables=variables).project([node for node in graph.nodes if node not in left_out])


def find_outcome_labels(graph: CausalGraph, outcome: str) -> OutcomeLabels | None:
    """Read "node=label" or "node=label,label"; None for the name of a node, or text before no equals sign is one.

    Raises:
        DataError: The node has no labels, not these, or all of them are named.
    """
    if outcome in graph:
        return None
    name, words = next(((name, words) for name, words in label_splits(outcome) if name in graph), ("", ""))
    if not name:
        return None
    variable = graph[name]
    if not variable.is_discrete:
        raise DataError(
            f"Expected a column of labels before the equals sign in '{outcome}'; '{name}' is {variable.kind}. Name "
            f"'{name}' alone for the effect on its mean."
        )
    asked = [words] if words in map(str, variable.labels or ()) else [word.strip() for word in words.split(",")]
    codes = frozenset(variable.encode_all(asked))
    if len(codes) == len(variable.labels or ()):
        raise DataError(f"Expected some labels of '{name}' in '{outcome}'; got all of them. Leave one out.")
    labels = list(enumerate(map(str, variable.labels or ())))
    has, others = ([label for code, label in labels if (code in codes) is wanted] for wanted in (True, False))
    asked_for = " or ".join(has)
    return OutcomeLabels(name, codes, (f"not {asked_for}" if len(others) > SHOWN else " or ".join(others), asked_for))


def label_splits(text: str) -> Iterator[tuple[str, str]]:
    """Text before and after every equals sign of "node=label": names and labels may hold one as well."""
    parts = text.split("=")
    for place in range(1, len(parts)):
        yield "=".join(parts[:place]).strip(), "=".join(parts[place:]).strip()
