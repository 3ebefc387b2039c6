"""The parts of a page, independent of its format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .citations import Citation
from .folder import Picture, Table

__all__ = ["Formula", "Highlight", "Page", "Part", "Section", "Term"]


class Formula(NamedTuple):
    """A formula as plain text and in LaTeX, and its justification."""

    plain: str
    latex: str
    reason: str = ""


@dataclass(frozen=True)
class Highlight:
    """One line at the top of the first screen.

    Args:
        label: The question, such as "Effect of ...".
        value: The number as text, with interval and unit.
        note: What to compare it with: truth, control, floor.
        link: Text and address of further results; None for none.
    """

    label: str
    value: str
    note: str = ""
    link: tuple[str, str] | None = None


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Args:
        term: Its usual form.
        definition: What it means, in one sentence.
        forms: Further forms in which pages use it.
    """

    term: str
    definition: str
    forms: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place on a page."""
        return "term-" + re.sub(r"\W+", "-", self.term.lower()).strip("-")


@dataclass
class Part:
    """A part of a section: text, formulas, lists, pictures and tables, in this order.

    Args:
        heading: Its heading, of the given `level`.
        level: 3 below a section's title, 4 below that.
        fold: Summary under which the part is folded, if the format allows; empty for an open part.
        alert: Label that marks the part as a warning; empty for an ordinary part.
        text: A paragraph.
        formulas: Formulas, one below the other.
        points_heading: Introduction of the points.
        points: Pairs of title and text; the text may be empty.
        ticks: Statements that a reader may tick off.
        pictures: Figures; several `small` ones share a row.
        beside: Pictures go before or after the text on a wide page, above or below it on a narrow one.
        columns: Whether long tables may flow in columns.
        tables: Tables.
        links: Pairs of text and address, relative to the page.
        works: Works to cite.
        terms: Terms with their definitions.
        code: A command or program.
    """

    heading: str = ""
    text: str = ""
    level: Literal[3, 4] = 3
    fold: str = ""
    alert: str = ""
    formulas: Sequence[Formula] = ()
    points_heading: str = ""
    points: list[tuple[str, str]] = field(default_factory=list)
    ticks: Sequence[str] = ()
    pictures: list[Picture] = field(default_factory=list)
    small: bool = True
    beside: Literal["", "before", "after"] = ""
    columns: bool = False
    tables: list[Table] = field(default_factory=list)
    links: Sequence[tuple[str, str]] = ()
    works: list[Citation] = field(default_factory=list)
    terms: Sequence[Term] = ()
    code: str = ""


@dataclass
class Section:
    """A section of the page; `key` is its anchor."""

    key: str
    title: str
    parts: list[Part]
    reading: str = ""


@dataclass
class Page:
    """A report, independent of its format; `causalgen.reports.render.render` writes it.

    Args:
        title: Its title.
        question: The question that it answers.
        sections: Its sections, in their order.
        highlights: Lines at the top of the answer.
        sentences: The answer.
        pictures: Figures that show the answer.
        doubts: The most important doubts about the answer, pairs of title and text.
        checked: How many checks raise a concern, and which.
        names: The user's columns; no term of the glossary is looked for in them.
    """

    title: str
    question: str
    sections: Sequence[Section]
    highlights: Sequence[Highlight] = ()
    sentences: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    doubts: Sequence[tuple[str, str]] = ()
    checked: str = ""
    names: Sequence[str] = ()
