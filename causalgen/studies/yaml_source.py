"""YAML with line numbers: plain data, and the line of every key and value, for error messages.

Plain words are read by the rules of YAML 1.2: only `true` and `false` are booleans, so that the labels `no`, `on` and
`off` stay text, and `1e-3` is a number. One difference: a plus sign makes text, since `+1` is a shift (see
`causalgen.grammar`).
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..errors import StudyError
from ..graph.strict_yaml import BROKEN_YAML, StrictLoader

__all__ = ["Loc", "YamlSource", "parse_yaml"]

MOST_CHARACTERS, MOST_DIGITS = 400_000, 300
Loc = tuple[Hashable, ...]
"""Path to an entry: keys and list positions."""


@dataclass(frozen=True)
class YamlSource:
    """Parsed data of one file and the lines of its entries; instances compare equal, so studies compare by content.

    Args:
        path: Name of the file, for messages.
        data: The parsed content.
        lines: Line, from 1, of every entry by its path: of its key in a mapping, of the item in a list.
    """

    path: str = field(compare=False)
    data: Any = field(default=None, compare=False)
    lines: dict[Loc, int] = field(default_factory=dict, compare=False)

    def line(self, loc: Loc) -> int:
        """Line of an entry, from 1; an entry that does not exist has the line of the section that lacks it."""
        while loc not in self.lines and loc:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def place(self, loc: Loc) -> str:
        """File and line of an entry."""
        return f"{self.path}, line {self.line(loc)}"

    def error(self, loc: Loc, message: str) -> StudyError:
        """A `StudyError` that starts with the place of the entry."""
        return StudyError(f"{self.place(loc)}: {message}")


class _Loader(StrictLoader):
    """The strict loader with the plain words of YAML 1.2."""

    def plain_int(self, node: Any) -> int:
        text = self.construct_scalar(node)
        if len(text) > MOST_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, f"a number of {len(text)} digits", node.start_mark)
        return int(text)

    def plain_float(self, node: Any) -> float:
        return float(str(self.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?[0-9]+", "-0123456789"),
    (
        "float",
        r"-?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|-?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-.0123456789",
    ),
):
    _characters = [*_first, ""] if _tag == "null" else list(_first)
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _characters)

_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.plain_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.plain_float)


def parse_yaml(text: str, path: str) -> YamlSource:
    """Read YAML text.

    Raises:
        StudyError: Not YAML, too long, nested too deep, a tag or alias, a duplicate key, or a key that is not text.

    >>> source = parse_yaml("training:\\n  rate: 1e-3\\n  labels: [no, on]", "study.yaml")
    >>> source.data
    {'training': {'rate': 0.001, 'labels': ['no', 'on']}}
    >>> source.place(("training", "rate"))
    'study.yaml, line 2'
    """
    if len(text) > MOST_CHARACTERS:
        raise StudyError(f"{path}: Expected at most {MOST_CHARACTERS:,} characters; got {len(text):,}. Shorten it.")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        source = YamlSource(path, None if node is None else loader.construct_document(node), {(): 1})
    except BROKEN_YAML as error:
        raise _not_yaml(error, path) from None
    if node is not None:
        _record(node, (), source)
    return source


def _record(node: yaml.Node, loc: Loc, source: YamlSource) -> None:
    """Enter the lines of all entries below `node`."""
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            source.lines[(*loc, position)] = item.start_mark.line + 1
            _record(item, (*loc, position), source)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            entry = (*loc, key.value)
            if key.tag != "tag:yaml.org,2002:str":
                raise StudyError(
                    f"{source.path}, line {line}: Expected a word as key; got {_text(key)}. "
                    "Put it in quotes if it is intended."
                )
            if entry in source.lines:
                raise StudyError(
                    f"{source.path}, line {line}: Expected every key once; got '{key.value}' again "
                    f"(first on line {source.lines[entry]}). Remove one of them."
                )
            source.lines[entry] = line
            _record(value, entry, source)


def _text(node: yaml.Node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"


def _not_yaml(error: Exception, path: str) -> StudyError:
    mark = getattr(error, "problem_mark", None)
    place = path if mark is None else f"{path}, line {mark.line + 1}"
    problem = getattr(error, "problem", None) or str(error)
    return StudyError(
        f"{place}: Expected YAML; got something else ({problem}). Check indentation, brackets and quotes."
    )
