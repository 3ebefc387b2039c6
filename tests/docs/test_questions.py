"""Ten questions that newcomers ask are each answered within two clicks of the front page."""

import os
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CLICKS = 2
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
QUESTIONS = {
    "Can I use my own images, of any size and format?": "PNG, JPEG, TIFF",
    "What if values are missing?": "`missing: drop`",
    "How do I choose the graph, and what if a cause was not measured?": "`a <-> b`",
    "Can my data answer my question at all?": "causalgen graph",
    "Which mechanism should I use?": "`conv-vae` (default)",
    "How do I know that a counterfactual is right?": "effectiveness",
    "I have a table and no images. Can I estimate an effect?": "causalgen effects table.csv",
    "What does the interval cover?": "sampling error only",
    "How many images do I need, and how long does it take?": "four to seven minutes",
    "How does it differ from DoWhy, causal-gen and counterfactual-benchmark?": "## From causal-gen",
}
"""What the answer contains, by question."""


def _anchor(heading: str) -> str:
    """The address that MyST and GitHub give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(page: str, anchor: str | None) -> str:
    """A page, or the section at an anchor up to the next heading of its level; empty if there is none."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if not anchor:
        return text
    for heading in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE):
        if _anchor(heading[2]) == anchor:
            rest = text[heading.end() :]
            end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.MULTILINE)
            return rest[: end.start()] if end else rest
    return ""


def _reached() -> dict[tuple[str, str | None], int]:
    """Pages and sections that links lead to, with the clicks from the front page."""
    found, waiting = {("index.md", None): 0}, [("index.md", None)]
    while waiting:
        place = waiting.pop(0)
        if found[place] == CLICKS:
            continue
        page = place[0]
        for target, anchor in LINK.findall((DOCS / page).read_text(encoding="utf-8")):
            name = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            new = (name, anchor or None)
            if new not in found and name.endswith(".md") and (DOCS / name).exists():
                found[new] = found[place] + 1
                waiting.append(new)
    return found


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_newcomers_question_is_answered_within_two_clicks(question: str) -> None:
    link = re.search(
        rf"\[{re.escape(question)}\]\(([^)#]+)(?:#([^)]+))?\)", (DOCS / "index.md").read_text(encoding="utf-8")
    )
    assert link
    assert (link[1], link[2]) in _reached()
    assert QUESTIONS[question] in _section(link[1], link[2])


def test_all_sections_that_links_name_exist() -> None:
    labels = {label for page in DOCS.glob("**/*.md") for label in re.findall(r"^\((\S+)\)=$", page.read_text(), re.M)}
    lost = [
        (page, anchor) for page, anchor in _reached() if anchor and anchor not in labels and not _section(page, anchor)
    ]
    generated = {"words-for-mechanisms", "estimators"}
    assert [place for place in lost if place[1] not in generated] == []
