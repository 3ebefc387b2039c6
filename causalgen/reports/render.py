"""Renders a page with one template for each format, which escapes every text that it shows."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from markupsafe import Markup, escape

from .._version import __version__
from ..errors import ReportError
from .escapes import breakable, code, escape_latex, escape_markdown, in_formula, subscripts
from .glossary import Glossary, glossary_section, terms_of
from .latex_characters import declarations
from .parts import Page

__all__ = ["Format", "fill", "render"]

Format: TypeAlias = Literal["html", "markdown", "latex"]

TEMPLATES = Path(__file__).parent / "templates"
ESCAPES: dict[Format, Callable[[str], str]] = {"html": escape, "markdown": escape_markdown, "latex": escape_latex}
PAGES: dict[Format, str] = {"html": "page.html.j2", "markdown": "page.md.j2", "latex": "page.tex.j2"}
LATEX_MARKS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}
"""Delimiters of the LaTeX templates, in which braces have another meaning."""
CHARACTERS = "%characters%"
"""Placeholder for character declarations in the LaTeX template."""


def render(page: Page, form: Format) -> str:
    """Render the page in a format, with a glossary of its terms at the end.

    Raises:
        ReportError: The page lacks a part that the template shows.
    """
    glossary = Glossary(terms_of(page), page.names)
    if (explained := glossary_section(page)) is not None:
        page = replace(page, sections=[*page.sections, explained])
    text = fill(PAGES[form], form, page=page, glossary=glossary, version=__version__)
    return text.replace(CHARACTERS, declarations(text)) if form == "latex" else text


def fill(name: str, form: Format, **content: Any) -> str:
    """Fill in a template, escaped for its format.

    Raises:
        ReportError: The content lacks a part that the template shows.
    """
    try:
        return _environment(form).get_template(name).render(**content).strip() + "\n"
    except UndefinedError as error:
        raise ReportError(
            f"Expected every part that the template '{name}' shows; got no {error}. Add the part to the content, or "
            "remove it from the template."
        ) from error


class _Missing(StrictUndefined):
    """A part that the content lacks; its message names the part and the object that should contain it."""

    @property
    def _undefined_message(self) -> str:
        found = self._undefined_obj
        holder = "" if isinstance(found, type) or repr(found) == "missing" else f" in {_kind(found)}"
        return f"'{self._undefined_name}'{holder}"


def _kind(found: object) -> str:
    return "None" if found is None else f"a {type(found).__name__}"


@cache
def _environment(form: Format) -> Environment:
    """Return templates whose text is escaped for the format, except for what is marked as markup."""

    def escaped(value: Any) -> Any:
        return value if hasattr(value, "__html__") else Markup(ESCAPES[form](str(value)))

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # macros then return markup, which is not escaped again
        finalize=escaped,
        undefined=_Missing,
        trim_blocks=True,
        lstrip_blocks=True,
        **(LATEX_MARKS if form == "latex" else {}),  # type: ignore[arg-type]
    )
    for function in (breakable, code, in_formula, subscripts):
        environment.filters[function.__name__] = function
    return environment
