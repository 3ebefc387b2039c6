"""Reading edges: from a string, a list of pairs, a dict of children, or a networkx graph."""

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple, TypeAlias

import networkx as nx

from ..errors import GraphError
from .limits import check_count, check_names, check_text

__all__ = ["Edges", "EdgesLike", "Pair", "read_confounded", "read_edges", "write_name"]

Pair: TypeAlias = tuple[str, str]
EdgesLike: TypeAlias = str | Mapping[str, str | Iterable[str]] | Iterable[str | Iterable[str]] | nx.DiGraph
"""Edges as people write them; see `read_edges`."""

EXAMPLE = "Write edges as 'a -> b; b <-> c; x -> {y, z}', and names with spaces or signs in double quotes."
SPACE = r"[^\S\n]*"
BREAK = r"[;\n]"
ARROW = r"<->|->|<-|[→←↔]"
NAME = r'"[^";\n]+"|\w+(?:[.:/-]\w+)*'
UNICODE_ARROWS = {"→": "->", "←": "<-", "↔": "<->"}


class Edges(NamedTuple):
    """Edges as read: every variable in order of appearance, parent-child pairs, bidirected pairs, selection nodes."""

    nodes: tuple[str, ...]
    directed: tuple[Pair, ...]
    bidirected: tuple[Pair, ...]
    squares: tuple[str, ...] = ()


def read_edges(edges: EdgesLike) -> Edges:
    """Read edges in any of the accepted forms.

    Statements of a string are separated by `;` or a new line. A statement is a chain of names or `{groups}`
    joined by `->`, `<-` or `<->`; a name alone is a node without edges. Names with spaces go in double quotes. A name in
    square brackets is a selection node (see `causalgen.graph.selection`).
    The items of a list are pairs (parent, child) or such strings.

    Raises:
        GraphError: The form is unknown, or the string is malformed (the message says where).

    >>> read_edges("hurry -> pen -> thickness; a <-> b").directed
    (('hurry', 'pen'), ('pen', 'thickness'))
    >>> read_edges({"x": ["y", "z"]}) == read_edges("x -> {y, z}") == read_edges([("x", "y"), ("x", "z")])
    True
    """
    if isinstance(edges, str):
        return _read_string(edges)
    if isinstance(edges, nx.Graph):
        return _read_networkx(edges)
    if isinstance(edges, Mapping):
        return _read_children(edges)
    if isinstance(edges, Iterable):
        return _read_list(edges)
    raise GraphError(
        "Expected edges as a string, a list of pairs, a dict of children or a networkx.DiGraph; "
        f"got {type(edges).__name__}. {EXAMPLE}"
    )


def read_confounded(confounded: str | Iterable[str | Iterable[str]]) -> Edges:
    """Read pairs of variables that share a hidden common cause: pairs, or strings with `<->` alone.

    Raises:
        GraphError: The form is neither, or an edge is directed.

    >>> read_confounded([("a", "b"), "b <-> c"]).bidirected
    (('a', 'b'), ('b', 'c'))
    """
    if not isinstance(confounded, Iterable):
        raise GraphError(f"Expected `confounded` as a list of pairs or as 'a <-> b; b <-> c'; got {confounded!r}.")
    pairs: list[Pair] = []
    for place, item in enumerate([confounded] if isinstance(confounded, str) else confounded, start=1):
        if not isinstance(item, str):
            pairs.append(_pair(item, place))
            continue
        found = _read_string(item)
        if found.directed or found.squares or not found.bidirected:
            raise GraphError(f"Expected bidirected edges such as 'a <-> b' as `confounded`; got {item!r}.")
        pairs += found.bidirected
    return _edges([name for pair in pairs for name in pair], (), pairs)


def write_name(name: str) -> str:
    """The name as written in an edge string, quoted if necessary.

    >>> write_name("age"), write_name("age at scan")
    ('age', '"age at scan"')
    """
    plain = re.fullmatch(NAME, name) and not name.startswith('"')
    return name if plain else f'"{name}"'


class _Reader:
    """Reads a string from left to right and keeps its position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.squares: list[str] = []

    def take(self, pattern: str) -> str | None:
        match = re.compile(f"{SPACE}({pattern})").match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match[1]

    def at_end(self) -> bool:
        return re.compile(r"[ \t]*\Z").match(self.text, self.position) is not None

    def name(self) -> str:
        if self.take(r"\["):
            name = self.plain_name()
            if not self.take(r"\]"):
                raise self.error("']'")
            self.squares.append(name)
            return name
        return self.plain_name()

    def plain_name(self) -> str:
        name = self.take(NAME)
        if name is None:
            raise self.error("a name")
        return name.strip('"')

    def group(self) -> list[str]:
        if not self.take(r"\{"):
            return [self.name()]
        names = [self.name()]
        while self.take(","):
            names.append(self.name())
        if not self.take(r"\}"):
            raise self.error("',' or '}'")
        return names

    def error(self, wanted: str) -> GraphError:
        self.take("")  # the fault begins after the space
        position = self.position
        line = self.text.count("\n", 0, position) + 1
        column = position - (self.text.rfind("\n", 0, position) + 1) + 1
        rest = self.text[position:].split("\n")[0]
        got = f"'{rest[:30]}'" if rest else "the end of the line"
        return GraphError(f"Expected {wanted} at line {line}, column {column} of the edges; got {got}. {EXAMPLE}")


def _read_string(text: str) -> Edges:
    check_text(text, "edges")
    reader = _Reader(text)
    nodes: list[str] = []
    directed: list[Pair] = []
    bidirected: list[Pair] = []
    while not reader.at_end():
        if reader.take(BREAK):
            continue
        left = reader.group()
        nodes += left
        while arrow := reader.take(ARROW):
            right = reader.group()
            nodes += right
            check_count(len(directed) + len(bidirected) + len(left) * len(right))
            for a, b in product(left, right):
                match UNICODE_ARROWS.get(arrow, arrow):
                    case "->":
                        directed.append((a, b))
                    case "<-":
                        directed.append((b, a))
                    case _:
                        bidirected.append((a, b))
            left = right
        if not reader.take(BREAK) and not reader.at_end():
            raise reader.error("'->', '<-', '<->' or ';'")
    check_count(0, len(set(nodes)))
    check_names(nodes)
    squares = dict.fromkeys(reader.squares)
    for name in squares:
        if nodes.count(name) > reader.squares.count(name):
            raise GraphError(
                f"Expected '{name}' either as a variable or, in square brackets, as a selection node; got both. Rename one."
            )
    return _edges(nodes, directed, bidirected)._replace(
        nodes=tuple(name for name in dict.fromkeys(nodes) if name not in squares), squares=tuple(squares)
    )


def _read_networkx(graph: nx.Graph) -> Edges:
    if not graph.is_directed() or graph.is_multigraph():
        remedy = "Convert it with networkx.DiGraph(graph)" if graph.is_directed() else "Give every edge its direction"
        raise GraphError(f"Expected a networkx.DiGraph; got {type(graph).__name__}. {remedy}.")
    unnamed = [node for node in graph.nodes if not isinstance(node, str)]
    if unnamed:
        raise GraphError(
            f"Expected names of nodes as non-empty strings; got {unnamed[0]!r}. Name them after the columns: "
            "networkx.relabel_nodes(graph, names), where `names` maps each node to its name."
        )
    return _edges(graph.nodes, graph.edges)


def _read_children(children: Mapping[str, str | Iterable[str]]) -> Edges:
    nodes: list[str] = []
    directed: list[Pair] = []
    for parent, kids in children.items():
        if not isinstance(kids, Iterable):
            raise GraphError(
                f"Expected the children of '{parent}' as a name or a list of names; got {kids!r}. {EXAMPLE}"
            )
        kids = [kids] if isinstance(kids, str) else list(kids)
        nodes += [parent, *kids]
        directed += [(parent, kid) for kid in kids]
    return _edges(nodes, directed)


def _read_list(items: Iterable[str | Iterable[str]]) -> Edges:
    nodes: list[str] = []
    directed: list[Pair] = []
    bidirected: list[Pair] = []
    squares: list[str] = []
    for place, item in enumerate(items, start=1):
        if isinstance(item, str):
            found = _read_string(item)
            if not found.directed and not found.bidirected:
                raise GraphError(f"Expected an edge as item {place} of the edges; got {item!r}. {EXAMPLE}")
        else:
            pair = _pair(item, place)
            found = Edges(pair, (pair,), ())
        nodes += found.nodes
        directed += found.directed
        bidirected += found.bidirected
        squares += found.squares
    return _edges(nodes, directed, bidirected)._replace(squares=tuple(dict.fromkeys(squares)))


def _pair(item: object, place: int) -> Pair:
    match item:
        case (str(), str()):
            return item[0], item[1]
    raise GraphError(f"Expected a pair of names as item {place} of the edges; got {item!r}. {EXAMPLE}")


def _edges(nodes: Iterable[str], directed: Iterable[Pair], bidirected: Iterable[Pair] = ()) -> Edges:
    """Every entry once, in order of appearance."""
    nodes = list(nodes)
    for name in nodes:
        if not isinstance(name, str) or not name.strip():
            raise GraphError(f"Expected names of nodes as non-empty strings; got {name!r}. Rename it.")
    once = dict.fromkeys
    return Edges(tuple(once(nodes)), tuple(once(directed)), tuple(once(bidirected)))
