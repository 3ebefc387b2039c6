"""Reference pages that are written from the code when the site is built, so that they cannot be stale.

A page holds a comment `% generated: NAME ARGUMENT`; it is replaced by the Markdown of that generator, and the page is read
again in every build.
"""

import re
from collections.abc import Callable

from command_line import command_line
from glossary_page import glossary
from rooms import room, top_level
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from study_file import measurement_words, mechanism_words, method_words, study_file

__all__ = ["GENERATORS", "fill", "setup"]

GENERATORS: dict[str, Callable[..., str]] = {
    "command-line": command_line,
    "glossary": glossary,
    "measurement-words": measurement_words,
    "mechanism-words": mechanism_words,
    "method-words": method_words,
    "room": room,
    "study-file": study_file,
    "top-level": top_level,
}
MARK = re.compile(r"^% generated: (\S+) ?(.*)$", re.MULTILINE)


def fill(text: str) -> str:
    """The page with every mark replaced by what it names."""
    return MARK.sub(lambda match: GENERATORS[match[1]](*match[2].split()), text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx fill pages as it reads them."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # before napoleon
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True}


def _keep_colons(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon in an attribute's docstring for its type, but not after an empty line."""
    if what in ("attribute", "property"):
        lines.insert(0, "")


def _outdated(app: Sphinx, env: BuildEnvironment, added: object, changed: object, removed: object) -> list[str]:
    return [page for page in env.found_docs if MARK.search(env.doc2path(page).read_text(encoding="utf-8"))]


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = fill(source[0])
