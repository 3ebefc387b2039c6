"""The page: self-contained, escaped, complete, and without sections for what it lacks."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from html_page import Page

from causalgen.datasets import Dataset
from causalgen.effects import EffectReport, Estimate
from causalgen.effects.concerns import Subject, remark
from causalgen.errors import RunFolderError
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import MetricResult, MetricTable
from causalgen.reports import (
    CITATIONS,
    DataSummary,
    MechanismSummary,
    ReportContent,
    citations,
    write_report,
)
from causalgen.reports.effects.sentences import answer_sentence, comparison_sentence
from causalgen.reports.first_screen import run_answer
from causalgen.reports.folder import ReportFolder
from causalgen.scm import StructuralCausalModel

from .conftest import HOSTILE

SECTIONS = [
    "counterfactuals",
    "curves",
    "effects",
    "metrics",
    "evidence",
    "graph",
    "data",
    "training",
    "assumptions",
    "run",
    "methods",
    "glossary",
]


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page(run / "report.html")


def test_every_section_is_there_and_tags_are_balanced(page: Page) -> None:
    assert [a["id"] for a in page.all("section") if "id" in a] == SECTIONS
    links = [a["href"] for a in page.all("a") if a.get("class") != "term"]
    assert links[: len(SECTIONS)] == [f"#{key}" for key in SECTIONS]
    assert page.open == []


def test_absent_parts_have_no_section(bare: ReportContent, tmp_path: Path) -> None:
    page = Page(write_report(tmp_path, bare))
    assert [a["id"] for a in page.all("section") if "id" in a] == ["graph", "assumptions", "methods", "glossary"]
    assert [a for a in page.all("section") if a.get("class") == "answer"] == []
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["graph.png", "report.html"]


def test_the_page_allows_no_scripts_and_no_connections(page: Page) -> None:
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    allowed = dict(rule.split(maxsplit=1) for rule in (policy or "").split("; "))
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data:"
    assert not {"script-src", "connect-src", "frame-src"} & set(allowed)


def test_page_is_self_contained_and_scriptless(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "video", "base"}
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.all("img"))
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if tag != "a":
                assert "//" not in (value or "").split(";base64,")[0]


def test_style_loads_nothing(run: Path) -> None:
    style = re.search(r"<style>(.*?)</style>", (run / "report.html").read_text(), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_user_text_is_escaped(page: Page, run: Path) -> None:
    source = (run / "report.html").read_text()
    assert "<script" not in source
    assert "<b>" not in source
    assert "<script>alert(1)</script>" in page.text  # as text


def test_accessible(page: Page) -> None:
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1


def test_figures_and_tables_lie_beside_the_page(page: Page, run: Path) -> None:
    figures = {path.name for path in (run / "figures").glob("*.png")}
    assert len(figures) == len({image["src"] for image in page.all("img")})
    assert {"graph.png", "data-age.png", "training-image.png", "samples-image.png"} <= figures
    tables = {path.name for path in (run / "tables").glob("*.csv")}
    assert {"metrics.csv", "attributes.csv", "training.csv", "response-curves.csv", "timings.csv"} <= tables
    assert len(pd.read_csv(run / "tables/metrics.csv")) == 9
    assert not list(run.rglob("*.part"))


def test_effect_section_says_what_it_rests_on(page: Page) -> None:
    for text in (
        "1,234 rows used, 7 dropped",
        "Positivity",
        "Consistency",
        "not rejected",
        "Checks x.",
        "Its hypothesis",
    ):
        assert text in page.text
    assert "valid" not in page.text.lower().replace("validation", "")


def test_what_is_not_identified_is_said(page: Page) -> None:
    assert "monotone scalar noise and no hidden confounding" in page.text
    assert "only where the mechanism is the gradient of a convex function of its noise" in page.text
    assert "bound discrete counterfactuals and do not identify them" in page.text


def test_methods_used_are_cited_and_others_are_not(page: Page, bare: ReportContent, tmp_path: Path) -> None:
    links = [a["href"] for a in page.all("a")]
    assert "https://arxiv.org/abs/1906.04032" in links  # spline flow
    assert "https://example.org/data" in links
    assert not any("arxiv" in (a["href"] or "") for a in Page(write_report(tmp_path / "bare", bare)).all("a"))


def test_every_entry_of_the_bibliography_is_read_whole() -> None:
    entries = Path(citations.__file__).with_suffix(".bib").read_text(encoding="utf-8").count("\n@")
    assert len(CITATIONS) == entries
    for key, work in CITATIONS.items():
        assert re.fullmatch(r"[A-Z]\..+\. .+\b(19|20)\d\d\.", work.text), key
        assert work.use, key
    assert CITATIONS["ssim"].text.endswith("structural similarity. IEEE Transactions on Image Processing 13(4), 2004.")


def test_the_answer_is_three_sentences_with_numbers(full: ReportContent, page: Page) -> None:
    effects, quality, limits = run_answer(full)
    assert effects == (
        f"Setting {HOSTILE} to yes & so on instead of <b>no</b> raises the mean of age by 3.0 years "
        "(95% interval 2.5 to 3.5) on average over all units (average effect, ATE; 1,234 rows)."
    )
    assert quality == (
        "The counterfactual images differ from the true ones by 1.00 px per pixel on average, under do(age), within joint "
        "support (the image left unchanged: 2.50; the true process: 0.4 px)."
    )
    assert limits == "1 of the 3 checks of the effects raises a concern."
    words = " ".join(page.text.split())
    for text in ("Asked 42 of 50", effects, quality, limits):
        assert text in words


@pytest.mark.parametrize("subject", ["comparison", "images"])
def test_the_first_screen_counts_the_concerns_that_the_sections_count(full: ReportContent, subject: Subject) -> None:
    """A remark about what an estimate is compared with is no concern about the estimate, on no screen."""
    (first, *others) = full.effects
    noted = replace(first, report=replace(first.report, remarks=(remark("Many images are extrapolated.", subject),)))
    assert run_answer(replace(full, effects=[noted, *others]))[-1] == run_answer(full)[-1]


def test_the_answer_names_the_greatest_drift_of_what_should_stay(full: ReportContent) -> None:
    metric, shown = "off-target drift: age", {"low": 0.0, "high": 1.0, "units": 9, "unit": "years"}
    rows = [
        MetricResult(metric, query, row, "all units", value, **shown)
        for query, values in {"do(pen)": (0.5, 0.4, 0.1), "do(ink)": (0.7, 0.6, 0.2)}.items()
        for row, value in zip(("model", "null intervention", "truth"), values, strict=True)
    ]
    label = replace(rows[0], metric="off-target drift: digit", value=0.021, unit="share of images")
    drift = run_answer(replace(full, metrics=MetricTable((*rows, label)), effects=()))[1]
    assert drift == (
        "Attributes that should stay move on the image: age by 0.7 years under do(ink) (null intervention: 0.6 years; truth: "
        "0.2 years); digit on 2.1% of the images under do(pen)."
    )


def test_without_a_truth_the_answer_says_so(full: ReportContent, effect: EffectReport) -> None:
    kept = [row for row in full.metrics if row.metric == "SSIM to truth" and row.row != "oracle"]
    everywhere = [replace(row, stratum="all units", units=120) for row in kept]
    quality, limits = run_answer(replace(full, metrics=MetricTable((*everywhere, *kept)), effects=()))
    assert quality == (
        "No true counterfactual image is known. Under do(age), the SSIM to truth is 1.00 [0.90, 1.10] px, within joint "
        "support (the image left unchanged: 2.50 px); floor of the measurement 0.12."
    )
    assert limits == "Images beyond the joint support of training are extrapolated: 30 of 120 under do(age)."
    assert run_answer(replace(full, metrics=None, effects=())) == [
        "The quality of the counterfactual images was not measured."
    ]
    assert run_answer(replace(full, metrics=None, effects=(), galleries=())) == []
    whole = MetricTable((replace(kept[0], stratum="all units"), replace(kept[0], query="do(x)")))
    assert "1.00 [0.90, 1.10] px; floor" in run_answer(replace(full, metrics=whole, effects=()))[0]
    controls = MetricTable(tuple(row for row in kept if row.row != "model"))
    assert "no row of the model" in run_answer(replace(full, metrics=controls, effects=()))[0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Estimate("weighting", -3.0, -3.5, -2.5, "adjusted", population="overlap"), "lowers the mean of age by 3.0 years (95%"),
        (Estimate("weighting", 0.2, -0.5, 0.9, "adjusted"), "by 0.2 years (95% interval −0.5 to 0.9) on"),
        (Estimate("weighting", 0.2, None, None, "adjusted"), "by 0.2 years (no finite interval) on"),
    ],
    ids=["lowers", "undecided", "no interval"],
)  # fmt: skip
def test_an_effect_in_one_sentence(effect: EffectReport, row: Estimate, words: str) -> None:
    report = replace(effect, estimates=(row,), population=row.population)
    assert words in answer_sentence(report)
    assert "The true effect is 3.10" in comparison_sentence(report)


def test_writing_again_replaces(bare: ReportContent, tmp_path: Path) -> None:
    write_report(tmp_path, bare)
    path = write_report(tmp_path, replace(bare, name="second"))
    assert "<h1>second</h1>" in path.read_text()


def test_unwritable_folder(bare: ReportContent, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="writable folder"):
        write_report(tmp_path / "file", bare)


def test_summaries_of_a_data_set_and_a_model(bare: ReportContent, tmp_path: Path) -> None:
    graph = CausalGraph(
        "size -> image; sex",
        [Variable("size", "continuous"), Variable("sex", "binary"), Variable("image", "image", shape=(1, 8, 8))],
    )
    rows = 30
    values = {
        "size": torch.linspace(0, 1, rows),
        "sex": torch.arange(rows) % 2,
        "image": torch.randint(0, 256, (rows, 1, 8, 8), dtype=torch.uint8),
    }
    split = {"train": torch.arange(20), "validation": torch.arange(20, 25), "test": torch.arange(25, 30)}
    data = DataSummary.of(Dataset("tiny", graph, values, split, torch.arange(rows) // 2), samples=4)
    assert data.rows == {"train": 20, "validation": 5, "test": 5}
    assert data.groups == 15
    assert data.images["image"].shape == (4, 1, 8, 8)
    assert max(int(caption.split()[1]) for caption in data.captions) < 20
    mechanisms = MechanismSummary.of(StructuralCausalModel(graph), {"image": 9})
    assert [(row.node, row.mechanism) for row in mechanisms][-1] == ("image", "conv-vae")
    assert mechanisms[-1].best_epoch == 9
    page = Page(write_report(tmp_path, replace(bare, graph=graph, data=data, mechanisms=mechanisms)))
    assert "15 groups" in page.text
    assert np.isclose(
        sum(row.parameters for row in mechanisms), sum(p.numel() for p in StructuralCausalModel(graph).parameters())
    )


def test_names_that_look_alike_to_a_file_system_keep_files_of_their_own(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path, figures=False)
    frame = pd.DataFrame({"x": [1]})
    long = "a very long name of a measurement that goes on and on and on, left "
    names = ["age", "AGE", "年齢", "性別", "a b", "a_b", f"{long}ear", f"{long}eye"]
    files = [folder.table(frame, name) for name in names]
    assert len(set(map(str.lower, files))) == len(names)
    assert folder.table(frame, "age") == files[0] == "tables/age.csv"
