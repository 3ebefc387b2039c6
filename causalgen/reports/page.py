"""One self-contained HTML page: no script, nothing loaded from outside, all texts escaped."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .._version import __version__
from .content import Highlight
from .parts import Section

__all__ = ["html_page"]

TEMPLATES = Path(__file__).parent / "templates"


def html_page(name: str, question: str, answers: Sequence[Highlight], sections: Sequence[Section]) -> str:
    """The page: title and question, the answers, then the sections."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = _subscripts
    template = environment.get_template("report.html.j2")
    return template.render(name=name, question=question, answers=answers, sections=sections, version=__version__)


def _subscripts(formula: str) -> Markup:
    """A plain formula with "_{...}" as subscripts; all other characters are escaped."""
    parts = re.split(r"_\{([^{}]*)\}", formula)
    return Markup("").join(
        Markup("<sub>{}</sub>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )
