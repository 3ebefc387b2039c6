"""The glossary: terms with one sentence each; those on a page are marked in its text and listed at its end."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path

import yaml
from markupsafe import Markup

from .parts import Page, Part, Section, Term

__all__ = ["GLOSSARY", "Glossary", "glossary_section", "terms_of"]


def _read() -> tuple[Term, ...]:
    entries = yaml.safe_load((Path(__file__).parent / "glossary.yaml").read_text(encoding="utf-8"))
    return tuple(Term(one["term"], one["definition"], tuple(one.get("forms", ()))) for one in entries)


GLOSSARY = _read()
"""All terms, in alphabetical order."""
FORMS = {form if form.isupper() else form.lower(): term for term in GLOSSARY for form in (term.term, *term.forms)}
"""The terms by their spellings; only abbreviations keep their capitals."""


class Glossary:
    """The terms of one page, as its template uses them.

    Args:
        terms: The terms to explain.
        names: Names of the user's columns, in which no term is marked.
    """

    def __init__(self, terms: Sequence[Term], names: Sequence[str] = ()) -> None:
        self.terms, self.names, self._seen = terms, tuple(names), set[str]()

    def fresh(self) -> str:
        """Start a new section, in which every term is marked again."""
        self._seen.clear()
        return ""

    def marked(self, text: str) -> Markup:
        """Return the text as HTML, with a link and a definition at the first occurrence of each term in a section."""
        parts, end = [], 0
        for match, term in _found(text, self.names):
            if term not in self.terms or term.term in self._seen:
                continue
            self._seen.add(term.term)
            parts += [escape(text[end : match.start()]), _link(term, match[0])]
            end = match.end()
        return Markup("".join([*parts, escape(text[end:])]))


def glossary_section(page: Page) -> Section | None:
    """Return the section that explains the terms of a page; None if the page has none."""
    terms = terms_of(page)
    return Section("glossary", "Glossary", [Part(terms=terms)]) if terms else None


def terms_of(page: Page) -> list[Term]:
    """Return the terms that occur on a page."""
    found = {term for text in _texts(page) for _, term in _found(text, tuple(page.names))}
    return [term for term in GLOSSARY if term in found]


def _link(term: Term, shown: str) -> str:
    return (
        f'<a class="term" href="#{term.anchor}" aria-describedby="{term.anchor}" '
        f'data-definition="{escape(term.definition)}">{escape(shown)}</a>'
    )


def _found(text: str, names: tuple[str, ...]) -> Iterable[tuple[re.Match[str], Term]]:
    """Find the terms in a text."""
    for match in _pattern(names).finditer(text):
        if form := match["term"]:
            yield match, FORMS.get(form) or FORMS[form.lower()]


@cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Compile a pattern: the user's names first, so that they hide terms inside them, then all forms, longest first."""
    forms = sorted({form for term in GLOSSARY for form in (term.term, *term.forms)}, key=len, reverse=True)
    spelt = [_spelt(form) for form in forms]
    own = [_whole(name) for name in sorted(names, key=len, reverse=True) if name]
    hidden = f"{'|'.join(own)}|" if own else ""
    return re.compile(rf"(?<![\w-])(?:{hidden}(?P<term>{'|'.join(spelt)}))")


def _spelt(form: str) -> str:
    """Return a pattern for a whole word, case-insensitive unless it is an abbreviation."""
    return _whole(form) if form.isupper() else f"(?i:{_whole(form)})"


def _whole(text: str) -> str:
    """Return a pattern for a text that no letter precedes or follows."""
    return re.escape(text) + r"(?![\w-])" * bool(re.match(r"\w", text[-1]))


def _texts(page: Page) -> Iterable[str]:
    """Yield all text of a page in which a term may occur."""
    yield from (page.title, page.question, page.checked, *page.sentences)
    yield from (text for pair in page.doubts for text in pair)
    yield from (text for line in page.highlights for text in (line.label, line.note))
    yield from (picture.caption for picture in page.pictures)
    for section in page.sections:
        yield from (section.title, section.reading)
        for part in section.parts:
            if isinstance(part, Part):  # the template would name anything else
                yield from _part_texts(part)


def _part_texts(part: Part) -> Iterable[str]:
    yield from (part.heading, part.fold, part.alert, part.text, part.points_heading, *part.ticks)
    yield from (text for pair in part.points for text in pair)
    yield from (picture.caption for picture in part.pictures)
    for table in part.tables:
        yield from (table.caption, *table.header)
        for group in table.groups:
            yield from (group.heading, group.note, *(row.note for row in group.rows))
            yield from (row.cells[0] for row in group.rows if row.cells)
