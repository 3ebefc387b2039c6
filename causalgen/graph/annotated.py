"""A graph as stored by DOT, GML and GraphML: names and arrows with text attributes, and their interpretation."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import GraphError
from .graph_parts import GraphParts
from .limits import check_count, check_names
from .parse import Pair, write_name
from .variable import Variable

if TYPE_CHECKING:
    from .graph import CausalGraph

__all__ = ["AnnotatedGraph", "annotate", "interpret"]

Attributes = dict[str, str]

AS_JSON = {"labels": "labels", "support": "support", "image_shape": "shape"}
"""Attributes whose text is JSON, and the field of `Variable` that each holds; Graphviz already uses `shape`."""
HIDDEN_BY_DOWHY = "Unobserved Confounders"
"""DoWhy's label of a hidden node."""


class AnnotatedGraph(NamedTuple):
    """Nodes with their attributes, and edges from the first to the second name with theirs."""

    nodes: dict[str, Attributes]
    edges: list[tuple[str, str, Attributes]]


def annotate(graph: "CausalGraph") -> AnnotatedGraph:
    """Write the graph with all declarations of its variables as text attributes.

    >>> from causalgen.graph import CausalGraph
    >>> annotate(CausalGraph("a -> b; b <-> c", [Variable("a", unit="px"), Variable("b"), Variable("c")]))
    AnnotatedGraph(nodes={'a': {'unit': 'px'}, 'b': {}, 'c': {}},
        edges=[('a', 'b', {}), ('b', 'c', {'dir': 'both', 'style': 'dashed'})])
    """
    arrows: list[tuple[str, str, Attributes]] = [(a, b, {}) for a, b in graph.edges]
    arcs = [(a, b, {"dir": "both", "style": "dashed"}) for a, b in graph.confounded]
    nodes = {name: _describe(graph[name]) for name in graph}
    squares = graph.selection
    nodes |= {name: {"selection": "yes", "shape": "square"} for name in squares.differing}
    nodes |= {name: {"selected": "yes", "shape": "square"} for name in squares.sampling}
    arrows += [(a, b, {}) for a, b in squares.edges]
    arcs += [(a, b, {"dir": "both", "style": "dashed"}) for a, b in squares.confounded]
    return AnnotatedGraph(nodes, arrows + arcs)


def interpret(annotated: AnnotatedGraph) -> GraphParts:
    """Interpret the attributes as parts of a graph.

    Raises:
        GraphError: An attribute has an invalid value, or an edge has no direction.
    """
    check_count(len(annotated.edges), len(annotated.nodes))
    check_names(annotated.nodes)
    directed, bidirected = [], []
    for a, b, attributes in annotated.edges:
        match attributes.get("dir", "forward").lower():
            case "forward":
                directed.append((a, b))
            case "back":
                directed.append((b, a))
            case "both":
                bidirected.append((a, b))
            case other:
                raise GraphError(
                    f"Expected the dir of the edge from '{a}' to '{b}' to be forward, back or both; got '{other}'."
                )
    squares = {name for name, attributes in annotated.nodes.items() if _is_square(attributes)}
    own = {name: attributes for name, attributes in annotated.nodes.items() if name not in squares}
    variables = [_variable(name, attributes) for name, attributes in own.items()]
    hidden = {name for name, attributes in own.items() if _is_hidden(name, attributes)}

    def write(pairs: list[Pair], arrow: str) -> list[str]:
        named = ((f"[{write_name(n)}]" if n in squares else write_name(n) for n in p) for p in pairs if squares & {*p})
        return [arrow.join(pair) for pair in named]

    selection = [*write(directed, " -> "), *write(bidirected, " <-> "), *_alone(squares, directed + bidirected)]
    directed, bidirected = ([pair for pair in pairs if not squares & {*pair}] for pairs in (directed, bidirected))
    return GraphParts(directed, variables, bidirected, frozenset(hidden), selection)


def _alone(squares: set[str], pairs: list[Pair]) -> list[str]:
    """Selection nodes without an edge, which the graph refuses with a reason."""
    return [f"[{write_name(name)}]" for name in sorted(squares - {end for pair in pairs for end in pair})]


def _describe(variable: Variable) -> Attributes:
    fields = variable.to_dict()
    plain = {key: fields[key] for key in ("kind", "unit") if key in fields}
    return plain | {key: json.dumps(fields[field]) for key, field in AS_JSON.items() if field in fields}


def _variable(name: str, attributes: Mapping[str, str]) -> Variable:
    if _says_yes(attributes.get("adjusted", "no")):
        raise GraphError(
            f"Expected a graph without adjustment; got '{name}', which DAGitty marks as adjusted. An adjustment set "
            f"belongs to the question: remove the word from the graph, and pass adjustment=['{name}'] in Python or in "
            "a study, where the set is checked, or let a set be found."
        )
    fields: dict[str, Any] = {key: attributes[key] for key in ("kind", "unit") if key in attributes}
    fields |= {field: _listed(name, key, attributes[key]) for key, field in AS_JSON.items() if key in attributes}
    return Variable(name, **fields)


def _listed(name: str, key: str, text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise GraphError(f"Expected the {key} of '{name}' as a list in JSON, such as [1, 28, 28]; got {text!r}.")
    return value


def _is_square(attributes: Mapping[str, str]) -> bool:
    return any(_says_yes(attributes.get(key, "no")) for key in ("selection", "selected"))


def _is_hidden(name: str, attributes: Mapping[str, str]) -> bool:
    said = any(_says_yes(attributes.get(key, "no")) for key in ("latent", "unobserved"))
    return (
        said or not _says_yes(attributes.get("observed", "yes")) or HIDDEN_BY_DOWHY in (name, attributes.get("label"))
    )


def _says_yes(text: str) -> bool:
    return text.lower() not in ("no", "false", "0")
