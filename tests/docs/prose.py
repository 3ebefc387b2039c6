"""The prose linter: wording that `prose_patterns.txt` refuses, in docstrings, comments, messages and pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATTERNS = Path(__file__).with_name("prose_patterns.txt")
CODE = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
JOINT = re.compile(r'"\s*\n\s*f?"')


@dataclass(frozen=True)
class Block:
    """Prose from one place.

    Args:
        line: Its first line in the file.
        text: The prose.
    """

    line: int
    text: str


class Rules:
    """The wording to refuse.

    Args:
        text: The pattern file; a space of a pattern also matches the end of a line.
    """

    def __init__(self, text: str) -> None:
        lines = [line.rpartition(" -> ") for line in text.splitlines() if line and not line.startswith("#")]
        spaced = [(pattern.replace(" ", r"\s+"), suggestion) for pattern, _, suggestion in lines]
        self.each = [(re.compile(pattern, re.IGNORECASE), suggestion) for pattern, suggestion in spaced]
        self.any = re.compile("|".join(f"(?:{pattern})" for pattern, _ in spaced), re.IGNORECASE)

    def findings(self, source: str, name: str) -> list[str]:
        """One sentence per refused wording of a file: place, words, and what to write instead."""
        if not self.any.search(JOINT.sub("", source)):  # parsing every file would take seconds
            return []
        blocks = markdown_prose(source) if name.endswith(".md") else python_prose(source)
        return [
            f"{name}:{block.line + text[: found.start()].count(chr(10))}: '{' '.join(found.group().split())}'; "
            f"write: {suggestion}"
            for block in blocks
            for text in [CODE.sub(_blank, block.text)]
            for pattern, suggestion in self.each
            for found in pattern.finditer(text)
        ]


def python_prose(source: str) -> Iterator[Block]:
    """Comments, and all strings with a space, that is docstrings and messages."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Block(token.start[0], token.string)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield Block(node.lineno, node.value)


def markdown_prose(source: str) -> Iterator[Block]:
    """A page; its code is blanked with that in docstrings."""
    yield Block(1, source)


def _blank(code: re.Match[str]) -> str:
    return "`" + "\n" * code.group().count("\n")
