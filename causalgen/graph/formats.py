"""Reads and writes graphs as DOT, GML, GraphML, YAML and JSON. No format runs or fetches anything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ..errors import GraphError, nearest
from .annotated import annotate, interpret
from .dot import read_dot, write_dot
from .graph_parts import GraphParts, parts_of
from .limits import MOST_CHARACTERS, check_count, check_names, check_text
from .networks import read_gml, read_graphml, write_gml, write_graphml
from .strict_yaml import BROKEN_YAML, StrictLoader

if TYPE_CHECKING:
    from .graph import CausalGraph

__all__ = ["FORMATS", "format_graph", "format_of", "parse_text", "read_file", "write_graph"]


class Format(NamedTuple):
    """A way to write a graph as text."""

    parse: Callable[[str], GraphParts]
    write: Callable[["CausalGraph"], str]


def read_file(path: str | Path) -> GraphParts:
    """The parts of the graph in a file; see `CausalGraph.read`."""
    path = Path(path)
    name = format_of(path)
    most = 4 * MOST_CHARACTERS[name]  # bytes of a character in UTF-8
    try:
        if path.stat().st_size > most:
            raise GraphError(
                f"Expected a graph file of at most {most:,} bytes at '{path}'; got {path.stat().st_size:,}."
            )
        text = path.read_bytes().decode("utf-8-sig")  # line ends may be part of a name
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise GraphError(f"Expected a graph file at '{path}'; it cannot be read: {reason}.") from None
    try:
        return parse_text(text, name)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None


def write_graph(graph: "CausalGraph", path: str | Path) -> None:
    """Write a graph to a file, in the format of its suffix; `CausalGraph.read` gives an equal graph.

    Raises:
        GraphError: The suffix belongs to no format, or the format cannot hold a name, a unit or a label.
    """
    text = format_graph(graph, format_of(path))
    Path(path).write_bytes(text.encode())


def parse_text(text: str, format: str) -> GraphParts:
    """The parts of the graph in a text; see `CausalGraph.parse`."""
    chosen = _format(format)
    check_text(text, format)
    return chosen.parse(text)


def format_graph(graph: "CausalGraph", format: str) -> str:
    """The graph as a text that `CausalGraph.parse` reads.

    Args:
        graph: The graph.
        format: "dot", "gml", "graphml", "yaml" or "json".

    Raises:
        GraphError: The format cannot hold a name, a unit or a label.

    >>> from causalgen.graph import CausalGraph
    >>> print(format_graph(CausalGraph("x -> y; x <-> y"), "dot"))
    digraph {
      x;
      y;
      x -> y;
      x -> y [dir=both, style=dashed];
    }
    """
    chosen = _format(format)
    try:
        text = chosen.write(graph)
        text.encode()
        if graph.of_parts(chosen.parse(text)) == graph:
            return text
    except (GraphError, TypeError, ValueError, yaml.YAMLError):
        pass  # reported below, in terms of the graph
    raise GraphError(
        f"Expected names, units and labels that {format} can hold; got a graph that would read back as another. "
        "Remove control characters, and use labels that are text, numbers, true or false."
    )


def format_of(path: str | Path) -> str:
    """The name of the format that belongs to the suffix of a file.

    Raises:
        GraphError: The suffix belongs to no format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise GraphError(
            f"Expected a graph file ending in {', '.join(SUFFIXES)}; got '{path}'." + nearest(suffix, SUFFIXES)
        )
    return SUFFIXES[suffix]


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise GraphError(f"Expected a format among {', '.join(FORMATS)}; got {name!r}." + nearest(str(name), FORMATS))
    return FORMATS[name]


class _Loader(StrictLoader):
    """The strict loader without dates, repeated keys, and words other than true and false for booleans."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in known:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} again", key.start_mark)
            known |= {key.value} if isinstance(key.value, str) else set()
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, words) for tag, words in known if not tag.endswith(":timestamp" if first not in "yYnNoO" else ":bool")
    ]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse_yaml(text: str) -> GraphParts:
    try:
        data = yaml.load(text, Loader=_Loader)
    except BROKEN_YAML as error:
        raise GraphError(f"Expected YAML; it cannot be read: {' '.join(str(error).split())}.") from None
    return _from_plain(data)


def _parse_json(text: str) -> GraphParts:
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"Expected JSON; it cannot be read: {error}.") from None
    return _from_plain(data)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The mapping of a JSON object, whose keys must be distinct."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} appears twice")
    return found


def _from_plain(data: Any) -> GraphParts:
    """The parts of `CausalGraph.to_dict`; variables may also be a mapping from names to the rest."""
    if not isinstance(data, dict):
        raise GraphError(f"Expected a mapping with the keys edges, variables and confounded; got {str(data)[:60]!r}.")
    variables = data.get("variables") or []
    if isinstance(variables, dict):
        variables = [{"name": name, **_mapping(name, entry)} for name, entry in variables.items()]
    if not isinstance(variables, list):
        raise GraphError(f"Expected the variables as a mapping from names to their fields; got {variables!r}.")
    if isinstance(edges := data.get("edges"), list | str):
        check_count(len(edges) if isinstance(edges, list) else 0, len(variables))
    check_names(str(entry["name"]) for entry in variables if isinstance(entry, dict) and "name" in entry)
    entries = [_mapping(f"variable {place}", entry) for place, entry in enumerate(variables, start=1)]
    return parts_of(data | {"variables": entries})


def _mapping(name: Any, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict | None):
        raise GraphError(f"Expected {name} as a mapping such as {{kind: continuous, unit: px}}; got {entry!r}.")
    return entry or {}


def _write_yaml(graph: "CausalGraph") -> str:
    data = graph.to_dict()
    variables = {entry.pop("name"): entry for entry in data.pop("variables")}
    data = {key: value for key, value in data.items() if value or key == "edges"} | {"variables": variables}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


FORMATS: dict[str, Format] = {
    "dot": Format(lambda text: interpret(read_dot(text)), lambda graph: write_dot(annotate(graph))),
    "gml": Format(lambda text: interpret(read_gml(text)), lambda graph: write_gml(annotate(graph))),
    "graphml": Format(lambda text: interpret(read_graphml(text)), lambda graph: write_graphml(annotate(graph))),
    "yaml": Format(_parse_yaml, _write_yaml),
    "json": Format(_parse_json, lambda graph: json.dumps(graph.to_dict(), indent=2, ensure_ascii=False) + "\n"),
}
SUFFIXES = {f".{name}": name for name in FORMATS} | {".gv": "dot", ".yml": "yaml"}
