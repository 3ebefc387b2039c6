"""DOT, the language of Graphviz, with the arrows of DAGitty.

The reader is written here because readers of plain DOT lose the direction of edges: pydot 4.0.1 reads `x <-> y`
as three nodes without an edge, and an undirected `--` as an arrow.

References:
    The DOT language, https://graphviz.org/doc/info/lang.html.
    Textor et al., Robust causal inference using directed acyclic graphs: the R package 'dagitty' (2016).
"""

import re
from itertools import product

from ..errors import GraphError
from .annotated import AnnotatedGraph, Attributes
from .limits import check_count

__all__ = ["is_dot", "read_dot", "write_dot"]

STRICT = r"(?i:strict)(?!\w)"
KIND = r"(?i:digraph|dag|graph|pdag|mag|pag)(?!\w)"
SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|(?m:^)#[^\n]*)*", re.DOTALL)
TEXT = r'"(?:\\.|[^"\\])*"|<(?!-)(?:[^<>]|<[^<>]*>)*>'
NAME = rf"{TEXT}|-(?:\.\d+|\d+(?:\.\d*)?)(?![\w.])|[\w.]+"
VALUE = rf"{TEXT}|[-+\w.]+"
ARROW = r"<->|->|<-|--"
KEYWORDS = ("node", "edge", "graph", "digraph", "subgraph", "strict")


def is_dot(text: str) -> bool:
    """Whether a text begins like a graph in DOT.

    >>> is_dot("dag { x -> y }"), is_dot("dag -> y")
    (True, False)
    """
    return re.match(rf'\s*(?:{STRICT}\s*)?{KIND}\s*(?:(?:"[^"]*"|[-\w.]+)\s*)?\{{', text) is not None


def read_dot(text: str) -> AnnotatedGraph:
    """Names and arrows of a graph in DOT.

    Raises:
        GraphError: The text is malformed (the message gives the place), or an edge has no direction.

    >>> read_dot('dag { u [latent, pos="0,1"]; x <- u -> {y z} }').edges
    [('u', 'x', {}), ('u', 'y', {}), ('u', 'z', {})]
    """
    reader = _Reader(text)
    try:
        reader.graph()
    except RecursionError:
        raise GraphError("Expected a few levels of braces at most; got too many to read.") from None
    return AnnotatedGraph(reader.nodes, reader.edges)


def write_dot(annotated: AnnotatedGraph) -> str:
    """The graph in DOT; Graphviz draws bidirected edges dashed.

    >>> print(write_dot(AnnotatedGraph({"age at scan": {"unit": "years"}, "b": {}}, [("age at scan", "b", {})])))
    digraph {
      "age at scan" [unit=years];
      b;
      "age at scan" -> b;
    }
    """
    nodes = [f"{_quote(name)}{_list(attributes)}" for name, attributes in annotated.nodes.items()]
    edges = [f"{_quote(a)} -> {_quote(b)}{_list(attributes)}" for a, b, attributes in annotated.edges]
    return "\n".join(["digraph {", *(f"  {line};" for line in nodes + edges), "}", ""])


def _quote(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) and text.lower() not in KEYWORDS:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _list(attributes: Attributes) -> str:
    pairs = ", ".join(f"{key}={_quote(value)}" for key, value in attributes.items())
    return f" [{pairs}]" if pairs else ""


class _Reader:
    """Reads a graph from left to right, statement by statement, and keeps its position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.nodes: dict[str, Attributes] = {}
        self.edges: list[tuple[str, str, Attributes]] = []

    def graph(self) -> None:
        self.take(STRICT)
        kind = self.expect(KIND, "'digraph {' or 'dag {'")
        if kind.lower() not in ("digraph", "dag"):
            raise GraphError(
                f"Expected a directed graph, 'digraph' or 'dag'; got '{kind}', whose edges have no direction."
            )
        self.take(VALUE)
        self.expect(r"\{", "'{'")
        self.block({}, {})
        if not self.at_end():
            raise self.error("the end after the graph's '}'")

    def block(self, node_defaults: Attributes, edge_defaults: Attributes) -> list[str]:
        """The statements up to the closing brace; the names in them."""
        defaults = {"node": dict(node_defaults), "edge": dict(edge_defaults), "graph": {}}
        names: list[str] = []
        while not self.take(r"\}"):
            if self.at_end():
                raise self.error("'}'")
            names += self.statement(defaults)
            self.take("[;,]")
        return list(dict.fromkeys(names))

    def statement(self, defaults: dict[str, Attributes]) -> list[str]:
        """A statement; the names in it."""
        if kind := self.take(r"(?i:node|edge|graph)(?=\s*\[)"):
            defaults[kind.lower()] |= self.attributes()
            return []
        if self.take(rf"(?:{NAME})\s*=(?!=)"):  # of the graph as a whole, such as rankdir=LR
            self.text_of(VALUE, "a value")
            return []
        left = self.operand(defaults)
        names = list(left)
        found: list[tuple[str, str, Attributes]] = []
        while arrow := self.arrow():
            right = self.operand(defaults)
            pairs = product(right, left) if arrow == "<-" else product(left, right)
            check_count(len(self.edges) + len(found) + len(left) * len(right))
            found += [(a, b, {"dir": "both"} if arrow == "<->" else {}) for a, b in pairs]
            names += right
            left = right
        attributes = self.attributes()
        if found:
            self.edges += [(a, b, defaults["edge"] | attributes | own) for a, b, own in found]
        else:
            for name in names:
                self.nodes[name] |= attributes
        return names

    def operand(self, defaults: dict[str, Attributes]) -> list[str]:
        """One end of an arrow: a name, or a group in braces."""
        if self.take(r"(?i:subgraph)(?=\W)"):
            self.take(VALUE)
            self.expect(r"\{", "'{'")
            return self.block(defaults["node"], defaults["edge"])
        if self.take(r"\{"):
            return self.block(defaults["node"], defaults["edge"])
        name = self.text_of(NAME, "a name")
        while self.take(":"):  # where a line meets its node
            self.text_of(NAME, "a port")
        self.nodes.setdefault(name, dict(defaults["node"]))
        return [name]

    def arrow(self) -> str | None:
        start = self.position
        arrow = self.take(ARROW)
        if arrow == "--":
            self.position = start
            raise self.error("'->' for a cause or '<->' for a hidden common cause, since '--' has no direction,")
        return arrow

    def attributes(self) -> Attributes:
        found: Attributes = {}
        while self.take(r"\["):
            while not self.take(r"\]"):
                key = self.text_of(NAME, "an attribute or ']'")
                found[key] = self.text_of(VALUE, "a value") if self.take("=") else "true"
                self.take("[;,]")
        return found

    def text_of(self, pattern: str, wanted: str) -> str:
        text = self.expect(pattern, wanted)
        if not text.startswith('"'):
            return text
        parts = [text]
        while self.take(r"\+"):  # "a" + "b" is "ab"
            parts.append(self.expect(r'"(?:\\.|[^"\\])*"', "a text in double quotes after '+'"))
        return "".join(re.sub(r'\\(["\\]|\n)', lambda m: m[1].strip("\n"), part[1:-1]) for part in parts)

    def expect(self, pattern: str, wanted: str) -> str:
        text = self.take(pattern)
        if text is None:
            raise self.error(wanted)
        return text

    def take(self, pattern: str) -> str | None:
        self.skip()
        match = re.compile(pattern, re.DOTALL).match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match[0]

    def at_end(self) -> bool:
        self.skip()
        return self.position == len(self.text)

    def skip(self) -> None:
        space = SPACE.match(self.text, self.position)
        self.position = space.end() if space else self.position

    def error(self, wanted: str) -> GraphError:
        self.skip()
        line = self.text.count("\n", 0, self.position) + 1
        column = self.position - self.text.rfind("\n", 0, self.position)
        rest = self.text[self.position :].split("\n")[0]
        return GraphError(
            f"Expected {wanted} at line {line}, column {column} of the DOT text; got {repr(rest[:30]) if rest else 'its end'}."
        )
