"""The glossary: every term that occurs on a page is explained there, and none that only occurs in a column's name."""

import re
from pathlib import Path

import pytest
from html_page import Page as Read

from causalgen.reports.glossary import GLOSSARY, Glossary, terms_of
from causalgen.reports.parts import Page, Part, Section
from causalgen.reports.render import render

TEXT = (
    "The propensities and the Propensity of ate; a doubly robust estimate under do(x=1) of the front-door & overlap_1."
)


def paged(text: str, *names: str) -> Page:
    return Page("t", "", [Section("s", "S", [Part(text=text), Part(text=text)])], names=names)


def test_terms_are_defined_once_in_order_and_in_one_sentence() -> None:
    forms = [form.lower() for term in GLOSSARY for form in (term.term, *term.forms)]
    assert len(forms) == len(set(forms))
    assert [term.term.lower() for term in GLOSSARY] == sorted(term.term.lower() for term in GLOSSARY)
    for term in GLOSSARY:
        assert re.fullmatch(r".*[^.]\.", term.definition), term.term
        assert not re.search(r"[.!?] [A-Z]", term.definition), term.term
        assert len(term.definition) < 180, term.term


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        (TEXT, (), ["do()", "doubly robust", "front door", "propensity"]),
        ("the instrument piano, the piano instrument", ("instrument piano",), ["instrument"]),
        ("instrument piano", ("instrument piano", ""), []),
        ("ATE and Holm, E-VALUE", (), ["ATE", "E-value", "Holm"]),
        ("nothing", ("covariate",), []),
        ("tmle pools by Rubin's rules; optimal transport", (), ["Rubin's rules", "targeted maximum likelihood"]),
        (TEXT, ("d", "o", "p", "f", "pro"), ["do()", "doubly robust", "front door", "propensity"]),
    ],
)  # fmt: skip
def test_only_terms_of_the_page_are_listed(text: str, names: tuple[str, ...], found: list[str]) -> None:
    page = paged(text, *names)
    assert [term.term for term in terms_of(page)] == found
    for form in ("markdown", "latex"):
        written = render(page, form)  # type: ignore[arg-type]
        assert all(term.definition[:20] in written for term in terms_of(page))
        assert ("Glossary" in written) == bool(found)


def test_a_term_links_to_its_definition_once_in_a_section(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(render(paged(TEXT), "html"), encoding="utf-8")
    read = Read(tmp_path / "a.html")
    links = [a for a in read.all("a") if a.get("class") == "term"]
    assert [a["href"] for a in links] == ["#term-propensity", "#term-doubly-robust", "#term-do", "#term-front-door"]
    places = {a["id"] for a in read.all("dd")}
    for link in links:
        assert link["href"][1:] == link["aria-describedby"]  # type: ignore[index]  # read aloud, and reached by the keyboard
        assert link["aria-describedby"] in places
        assert link["data-definition"]
    assert TEXT in read.text


def test_marked_text_is_escaped() -> None:
    marked = Glossary(GLOSSARY).marked("<b> propensity & <script>")
    assert marked.startswith("&lt;b&gt; <a class=")
    assert marked.endswith("</a> &amp; &lt;script&gt;")
