"""The page of an audit: every number with its words, escaped, complete in every format."""

import re
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page

from causalgen.audit import AuditReport, as_classifier, audit
from causalgen.audit.page import write_audit
from causalgen.audit.words import TICKS
from causalgen.graph import CausalGraph, Variable
from causalgen.reports import plot_changes
from causalgen.reports.style import number

from .halves import GRAPH, SIZE, model, probability, units

HOSTILE = "<i>bright</i> & 50 %"
SECTIONS = ["changes", "subgroups", "movers", "trust", "assumptions", "provenance", "methods", "glossary"]


@pytest.fixture(scope="module")
def report() -> AuditReport:
    classifier = as_classifier(probability, outcome=1, labels=("dark", HOSTILE))
    measure = {"size": lambda images: images[:, 0, 2:].mean((1, 2)).numpy() / SIZE}
    asked = [{"tone": 2.0}, {"ink": "blue"}, {"tone": 19.0}]
    return audit(classifier, model(), units(), interventions=asked, subgroups=["ink"], measure=measure)


@pytest.fixture(scope="module")
def written(report: AuditReport, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    about = {"classifier": "<b>model</b>.onnx", "overlap": "a column of this name"}
    graph = CausalGraph(
        [*GRAPH.edges, ("overlap", "place")], [*GRAPH.variables.values(), Variable("overlap", "binary")]
    )
    return write_audit(tmp_path_factory.mktemp("audit"), report, graph, about=about, command="causalgen audit run_1")


@pytest.fixture(scope="module")
def page(written: dict[str, Path]) -> Page:
    return Page(written["html"])


def test_the_page_has_every_part_in_its_order(page: Page, report: AuditReport) -> None:
    assert page.open == []
    assert [a["id"] for a in page.all("section") if "id" in a] == SECTIONS
    assert "term-overlap" not in {a.get("id") for a in page.all("dd")}  # the name of a column
    assert len(page.all("input")) == len(TICKS) + len(report.assumptions) + 1
    assert len(page.all("img")) == 1 + len(report.movers) + 1  # changes, movers, graph
    words = " ".join(page.text.split())
    for text in (HOSTILE, "<b>model</b>.onnx", "causalgen audit run_1", "Kusner", "adjusted for 30 rows (Bonferroni)",
                 "do(tone = 2 lx), direct: size held at each unit's own value"):  # fmt: skip
        assert text in words
    for text in report.assumptions:
        assert text in words
    assert f"{sum(row.subgroup != 'everyone' for row in report.beyond)} of 20 changes are beyond the margin" in words


def test_every_row_stands_on_the_page_and_beyond_stands_first(page: Page, report: AuditReport) -> None:
    words = " ".join(page.text.split())
    for row in report:
        if row.units:
            assert number(row.gap.value) in words
    first = words[: words.index("What changes")]
    verdicts = re.findall(r"(beyond the margin|within the margin)(?= margin 0.05)|(cannot tell)", first)
    assert ["".join(verdict) for verdict in verdicts] == [row.verdict for row in report.headline]
    assert len(verdicts) == 5
    order = [row.verdict != "beyond the margin" for row in report.headline]
    assert order == sorted(order)
    assert set(order) == {False, True}
    for row in report.headline:
        for reason in row.reasons:
            assert reason in first


def test_latex_and_markdown_are_whole(written: dict[str, Path]) -> None:
    latex = written["latex"].read_text(encoding="utf-8")
    opened, closed = (sorted(re.findall(rf"\\{word}\{{(\w+\*?)\}}", latex)) for word in ("begin", "end"))
    assert opened == closed
    assert r"\& 50 \%" in latex
    assert not set(re.sub(r"[\x00-\xff]", "", latex))
    text = written["markdown"].read_text(encoding="utf-8")
    for lines in map(str.splitlines, re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    for path in re.findall(r"!\[.*?\]\((\S+)\)", text):
        assert (written["markdown"].parent / path).is_file()


def test_a_plot_of_changes_shows_the_margin_and_leaves_out_what_is_unknown() -> None:
    rows = pd.DataFrame(
        {
            "label": ["do(a)", "do(b)"],
            "change": [0.2, float("nan")],
            "adjusted_low": [0.1, float("nan")],
            "adjusted_high": [0.3, float("nan")],
            "verdict": ["beyond the margin", "undecided"],
        }
    )
    axes = plot_changes(rows, margin=0.05, score="$").axes[0]
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-0.05, 0.05))
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
    assert [list(line.get_xdata()) for line in bars] == [[0.1, 0.3]]
