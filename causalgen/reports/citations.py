"""Works to cite for the methods that a study used; `citations.bib` holds them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CITATIONS", "Citation", "cite"]

ENTRY = re.compile(r"^@\w+\{([^,]+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)


@dataclass(frozen=True)
class Citation:
    """A work: its reference, its address, and what it is cited for."""

    text: str
    url: str = ""
    use: str = ""


def _reference(work: dict[str, str]) -> str:
    """Format a BibTeX entry: authors, title, where it appeared, year."""
    edition = f"{work['edition']} edition, " if "edition" in work else ""
    place = edition + next((work[name] for name in ("journal", "booktitle", "publisher") if name in work), "")
    volume = f" {work['volume']}" if "volume" in work else ""
    issue = f"({work['number']})" if "number" in work else ""
    published = f"{place}{volume}{issue}, " if place else ""
    return f"{work['author'].replace(' and ', ', ')}. {work['title']}. {published}{work['year']}."


def _read() -> dict[str, Citation]:
    text = (Path(__file__).parent / "citations.bib").read_text(encoding="utf-8")
    works = {key.replace("_", " "): dict(FIELD.findall(fields)) for key, fields in ENTRY.findall(text)}
    return {key: Citation(_reference(work), work.get("url", ""), work["note"]) for key, work in works.items()}


CITATIONS = _read()
"""Works by key. A key occurs in `Mechanism.works`, or is an estimate's source or a topic."""


def cite(keys: Iterable[str]) -> list[Citation]:
    """Return the works for these keys, in the order of `CITATIONS`; keys without a work are skipped.

    >>> [work.use for work in cite(["dowhy", "causality", "empirical"])][1]
    'identification, estimation, refutation'
    """
    wanted = set(keys)
    return [work for key, work in CITATIONS.items() if key in wanted]
