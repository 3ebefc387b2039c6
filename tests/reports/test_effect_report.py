"""An effect report in every format: complete, escaped, readable again, and never a p-value without its hypothesis."""

import ast
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from html_page import Page

from causalgen.effects import Agreement, EffectReport, Estimate, estimate_effect
from causalgen.effects.agreement_result import AgreementPair
from causalgen.effects.diagnostics import Diagnostics, examine
from causalgen.errors import DataError, ReportError, UnknownNameError
from causalgen.graph import CausalGraph, identify
from causalgen.reports import plot_balance, plot_overlap, plot_sensitivity, write_effect_report
from causalgen.reports.escapes import escape_latex, escape_markdown
from causalgen.reports.parts import Formula, Part, Section
from causalgen.reports.parts import Page as Contents
from causalgen.reports.render import Format, fill, render

GRAPH = CausalGraph([("a_ge|x", "drug"), ("a_ge|x", "health"), ("a_ge|x", "hair"), ("drug", "health")])
SECTIONS = ["effect", "assumptions", "refutations", "confounding", "overlap", "controls", "independencies"]
SECTIONS += ["agreement", "rates", "provenance", "methods", "glossary"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    age = random.normal(size=400)
    drug = random.random(400) < 1 / (1 + np.exp(-age))
    health = 1.0 * drug + 2 * age + random.normal(size=400)
    hair = age + random.normal(size=400)
    labels = np.where(drug, "yes & no", "no")
    return pd.DataFrame({"a_ge|x": age, "drug": labels, "health": health, "hair": hair, "unused": 1})


@pytest.fixture(scope="module")
def report(table: pd.DataFrame) -> EffectReport:
    arguments = {"treatment": "drug", "outcome": "health", "contrast": ("no", "yes & no")}
    return estimate_effect(GRAPH, table, **arguments, methods=["linear adjustment"], simulations=10)


@pytest.fixture(scope="module")
def doubt(report: EffectReport, table: pd.DataFrame) -> Diagnostics:
    return examine(GRAPH, table, report, negative_controls=["hair"], simulations=2)


@pytest.fixture(scope="module")
def agreed() -> Agreement:
    sources = ("estimate from data", "fitted model under do")
    return Agreement(
        treatment="drug",
        outcome="health",
        contrast=("no", "yes & no"),
        outcome_unit="",
        margin=0.2,
        margin_reason="as asked",
        sources=tuple(Estimate(source, 1.0, 0.9, 1.1) for source in sources),
        pairs=(AgreementPair(*sources, 0.01, -0.1, 0.12, "agree within the margin"),),
        draws=pd.DataFrame(np.ones((10, 2)), columns=sources),
        level=0.95,
        iterations=8,
    )


@pytest.fixture(scope="module")
def written(
    report: EffectReport,
    doubt: Diagnostics,
    agreed: Agreement,
    table: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    warned = replace(report, warnings=("A <b>warning</b>.",))
    arguments = {"methods": ["linear adjustment"], "simulations": 10}
    folder = tmp_path_factory.mktemp("effect")
    return warned.save(folder, doubt=doubt, agreement=agreed, graph=GRAPH, table=table, arguments=arguments)


@pytest.fixture(scope="module")
def page(written: dict[str, Path]) -> Page:
    return Page(written["html"])


def test_the_page_has_every_part_in_its_order(page: Page, doubt: Diagnostics) -> None:
    assert [a["id"] for a in page.all("section") if "id" in a] == SECTIONS
    assert page.open == []
    assert len(page.all("input")) == 3  # assumptions to tick
    assert all(box["type"] == "checkbox" for box in page.all("input"))
    assert len(page.all("details")) == len(page.all("summary")) >= 6
    words = " ".join(page.text.split())
    for text in (*doubt.summary[1:2], "law of total probability", "as a formula", "400 rows used", "Cinelli", "dowhy"):
        assert text.removeprefix("Hidden confounding: ") in words


def test_warnings_and_reasons_for_doubt_come_before_the_numbers(page: Page, doubt: Diagnostics) -> None:
    words = (
        f"{len(doubt.reasons)} concern among",
        " checks raises a concern",
        "A <b>warning</b>",
        "is identified by back-door",
    )
    order = [page.text.rindex(text) for text in words]
    assert order == sorted(order)
    assert doubt.fragile in page.text  # age confounds so strongly that a hidden cause like it would halve the estimate


def test_no_p_value_without_its_hypothesis(page: Page, written: dict[str, Path]) -> None:
    assert "Its hypothesis: the expected value is a draw" in page.text  # refutations
    assert "the effect is 0, since by the graph drug does not act on hair" in page.text  # negative controls
    assert "is independent of" in page.text  # implied independencies
    found = 0
    for path in sorted((written["csv"].parent).glob("*.csv")):
        frame = pd.read_csv(path)
        if any("p_value" in column for column in frame):
            found += 1
            assert frame["hypothesis"].str.len().min() > 10, path.name
    assert found == 3


@pytest.mark.parametrize("name", ["html", "markdown", "latex", "notebook"])
def test_nothing_is_called_valid(written: dict[str, Path], name: str) -> None:
    assert not re.search(r"\bvalid", written[name].read_text(encoding="utf-8"), re.IGNORECASE)


def test_tables_hold_the_frames(
    written: dict[str, Path], report: EffectReport, doubt: Diagnostics, agreed: Agreement
) -> None:
    assert doubt.sensitivity is not None
    assert doubt.confounder is not None
    assert doubt.balance is not None
    frames = {
        "effect": report.to_frame(),
        "scales": report.scales,
        "refutations": report.refutation_frame(),
        "sensitivity": doubt.sensitivity.to_frame(),
        "contour": doubt.sensitivity.contour(),
        "confounder": doubt.confounder.to_frame(),
        "e-values": doubt.e_value_frame(),
        "balance": doubt.balance.to_frame(),
        "table-one": doubt.table_one.to_frame(),
        "overlap": doubt.balance.histogram_frame(),
        "negative-controls": doubt.control_frame(),
        "independencies": doubt.independencies.to_frame(),
        "agreement": agreed.to_frame(),
    }
    folder = written["csv"].parent
    assert {path.stem for path in folder.glob("*.csv")} == set(frames)
    for name, frame in frames.items():
        read = pd.read_csv(folder / f"{name}.csv", float_precision="round_trip")
        assert list(read.columns) == list(frame.columns)
        for column in frame.select_dtypes("number"):
            np.testing.assert_array_equal(read[column], frame[column], err_msg=f"{name}, {column}")


def test_markdown_tables_are_whole(written: dict[str, Path], doubt: Diagnostics) -> None:
    text = written["markdown"].read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    assert len(tables) >= 10
    for lines in map(str.splitlines, tables):
        cells = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
        assert len(set(cells)) == 1
        assert set(lines[1]) <= set("| -:")
    assert text.count("- [ ] ") == 3
    assert text.count("```math") == text.count("```") / 2
    assert text.count("<details>") == text.count("</details>") > 0
    for path in re.findall(r"!\[.*?\]\((\S+)\)", text):
        assert (written["markdown"].parent / path).is_file()
    assert escape_markdown(doubt.fragile) in text


def test_latex_is_balanced_and_escaped(written: dict[str, Path]) -> None:
    text = written["latex"].read_text(encoding="utf-8")
    opened, closed = (re.findall(rf"\\{word}\{{(\w+\*?)\}}", text) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    assert opened[0] == closed[-1] == "document"
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    body = text.split(r"\begin{document}")[1]
    assert not re.search(r"(?<!\\)[%#]", body)
    tables = re.findall(r"\\begin\{longtable\}.*?\\end\{longtable\}", text, re.DOTALL)
    assert len(tables) >= 8
    for rows in tables:
        columns = rows.count(r"\arraybackslash")
        for line in rows.splitlines():
            if line.endswith(r"\\") and "multicolumn" not in line and "caption" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == columns - 1, line
        assert rows.count(r"\toprule") == rows.count(r"\bottomrule") == 1
    assert text.count(r"\item[$\square$]") == 3
    assert not set(re.sub(r"[\x00-\xff]", "", text))  # what pdflatex cannot set is written as a command


def compiled(tex: Path) -> str:
    """The log of a compilation, by the first program that is installed."""
    quiet = ["-interaction=nonstopmode", "-halt-on-error"]
    programs = {"pdflatex": quiet, "latexmk": ["-pdf", *quiet], "tectonic": ["--only-cached"]}
    found = next((name for name in programs if shutil.which(name)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(programs)} is installed (Debian: texlive-latex-recommended, lmodern)")
    run = [found, *programs[found], tex.name]
    done = subprocess.run(run, cwd=tex.parent, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line[:1] == "!")
    return done.stdout


@pytest.mark.filterwarnings("ignore:Glyph")  # the figures' font has no Chinese letters
def test_latex_compiles(written: dict[str, Path], report: EffectReport, tmp_path: Path) -> None:
    compiled(written["latex"])
    names = {"treatment": "β-Blocker_{50 %} & <b>", "outcome": r"CO₂ #1 \ 中文 ~ ^ $x$ ø ħ ⟂"}
    odd = replace(report, **names, contrast=("−1 ≤ x", "½"), outcome_unit="µg/m³ [±]")
    log = compiled(odd.save(tmp_path, formats=["latex"])["latex"])
    assert not re.findall(r"Overfull \\hbox \(\d{3}", log)  # nothing leaves the page
    assert (tmp_path / "effect.pdf").stat().st_size > 10_000


def test_names_in_formulas_are_spelt_and_long_formulas_may_break() -> None:
    names = ["a^b", "c\\d", "e ≥ 3", *(f"covariate number {place}" for place in range(8))]
    graph = CausalGraph([*((name, end) for name in names for end in ("x", "y")), ("x", "y")])
    estimand = identify(graph, treatment="x", outcome="y")
    part = Part(formulas=[Formula(estimand.formula, estimand.latex)])
    text = render(Contents("t", "t?", [Section("s", "S", [part])]), "latex")
    for written in (r"\mathrm{a\wedge b}", r"\mathrm{c\backslash d}", r"\mathrm{e\ \geq \ 3}", r", \allowbreak "):
        assert written in text
    assert r"\begin{flushleft}" in text
    assert r"\[" not in text


def test_characters_of_latex_and_markdown() -> None:
    assert escape_latex(r"50 % of $x_1 & {y} #2 ~^\ <a>") == (
        r"50 \% of \$x\_1 \& \{y\} \#2 \textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"\textless{}a\textgreater{}"
    )
    assert escape_markdown("| a\n*b*") == r"\| a \*b\*"
    assert escape_markdown("#1 &lt; 2") == r"\#1 \&lt; 2"
    assert escape_latex("* [a]") == "{*} {[}a]"


def test_a_report_of_little_is_written_all_the_same(report: EffectReport, table: pd.DataFrame, tmp_path: Path) -> None:
    """No interval, no number, numbers of numpy, many rows."""
    odd = (
        Estimate("doubly robust", float("nan"), None, None, "adjusted"),
        Estimate("matching", 1e-9, None, None, "adjusted"),
    )
    many = tuple(Estimate(f"source {place}", 1e-9 * place, 0.0, 2e-9 * place) for place in range(1, 25))
    contrast = (np.float64(0), np.float64(1))
    written = replace(report, estimates=odd, comparisons=many, contrast=contrast).save(
        tmp_path, graph=GRAPH, table=table
    )
    page = Page(written["html"])
    assert page.open == []
    assert {"2.4e−08", "4.8e−08"} <= set(page.text.split())
    only = replace(report, estimates=odd[:1], comparisons=())
    assert Page(only.save(tmp_path / "none", formats=["html"])["html"]).open == []
    assert "np." not in written["notebook"].read_text()


def test_notebook_is_a_notebook_whose_code_compiles(written: dict[str, Path], table: pd.DataFrame) -> None:
    content = nbformat.read(written["notebook"], as_version=4)
    nbformat.validate(content)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            ast.parse(cell["source"])
            assert cell["outputs"] == []
    beside = pd.read_csv(written["notebook"].parent / "table.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(beside, table.drop(columns="unused"))


def test_notebook_makes_the_numbers_again(
    written: dict[str, Path], report: EffectReport, doubt: Diagnostics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written["notebook"].parent)
    content = nbformat.read(written["notebook"], as_version=4)
    space: dict = {"display": lambda value: None}
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"].replace("from IPython.display import display", ""), space)  # IPython is Jupyter's
    pd.testing.assert_frame_equal(space["report"].to_frame(), report.to_frame())
    pd.testing.assert_frame_equal(space["report"].refutation_frame(), report.refutation_frame())
    assert space["doubt"].summary == doubt.summary


@pytest.mark.parametrize("form", ["html", "markdown", "latex"])
def test_a_missing_part_is_named_with_its_template(form: Format) -> None:
    sections: list = [Section("s", "S", [None])]  # type: ignore[list-item]
    with pytest.raises(ReportError, match=r"the template 'page\.\w+\.j2' shows; got no 'heading' in None"):
        render(Contents("t", "t?", sections), form)
    with pytest.raises(ReportError, match=r"template 'notebook.md.j2' shows; got no 'page'"):
        fill("notebook.md.j2", "markdown")


def test_formats_are_chosen(report: EffectReport, table: pd.DataFrame, tmp_path: Path) -> None:
    assert set(report.save(tmp_path / "all")) == {"html", "markdown", "latex", "csv"}  # no table, no notebook
    assert list(report.save(tmp_path / "csv", formats=["csv"])) == ["csv"]
    assert sorted(path.name for path in (tmp_path / "csv").iterdir()) == ["tables"]
    report.save(tmp_path / "page", formats=["html"])
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["effect.html", "figures"]
    with pytest.raises(DataError, match="Expected graph and table for a notebook"):
        report.save(tmp_path / "none", formats=["notebook"])
    with pytest.raises(UnknownNameError, match="Did you mean 'html'"):
        report.save(tmp_path / "none", formats=["htm"])


def test_an_effect_that_the_graph_denies_has_a_report(table: pd.DataFrame, tmp_path: Path) -> None:
    arguments = {"treatment": "hair", "outcome": "health", "contrast": (0, 1)}
    none = estimate_effect(GRAPH, table, **arguments)
    page = Page(none.save(tmp_path, doubt=examine(GRAPH, table, none), graph=GRAPH)["html"])
    keys = [a["id"] for a in page.all("section") if "id" in a]
    assert keys == ["effect", "assumptions", "independencies", "rates", "provenance", "methods", "glossary"]
    assert "by assumption: the graph has no directed path" in page.text


def test_an_effect_without_doubt_says_less(report: EffectReport, tmp_path: Path) -> None:
    page = Page(write_effect_report(tmp_path, report, formats=["html"])["html"])
    keys = [a["id"] for a in page.all("section") if "id" in a]
    assert keys == ["effect", "assumptions", "refutations", "provenance", "methods", "glossary"]
    assert page.text.count(report.headline.rstrip(".")[1:]) == 1  # in the answer


def test_estimands_of_other_kinds_are_written(report: EffectReport, tmp_path: Path) -> None:
    graph = CausalGraph("x -> m -> y; x <-> y")
    front_door = replace(report, estimand=identify(graph, treatment="x", outcome="y"), refutations=())
    written = front_door.save(tmp_path, graph=graph)
    assert "Full mediation" in written["html"].read_text()
    assert r"\sum" in written["latex"].read_text()


def test_plots_mark_what_they_speak_of(doubt: Diagnostics) -> None:
    assert doubt.sensitivity is not None
    assert doubt.balance is not None
    drawn = plot_sensitivity(doubt.sensitivity, unit="$")
    assert "a_ge|x" in [text.get_text() for text in drawn.axes[0].texts]
    words = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert [words[0][:22], *words[2:]] == ["no hidden confounder: ", "estimate is 0", "95% interval reaches 0"]
    love = plot_balance(doubt.balance).axes[0]
    assert [label.get_text() for label in love.get_yticklabels()] == ["a_ge|x"]
    long = replace(doubt.balance, rows=tuple(replace(row, covariate="haemoglobin " * 9) for row in doubt.balance.rows))
    assert [len(label.get_text()) for label in plot_balance(long).axes[0].get_yticklabels()] == [44]
    before, after = (abs(line.get_xdata()[0]) for line in love.lines if line.get_marker() == "o")
    assert after < 0.1 < before
    loose = tuple(replace(row, covariate=f"c{place}", after=0.5) for place in range(25) for row in doubt.balance.rows)
    names = plot_balance(replace(doubt.balance, rows=loose)).axes[0].get_yticklabels()
    assert [name.get_weight() for name in names] == ["bold"] * 25  # all there, and out of balance
    up, down = (plot_overlap(doubt.balance).axes[0].containers[i] for i in (1, 0))
    assert sum(bar.get_height() for bar in up) == pytest.approx(1)
    assert sum(bar.get_height() for bar in down) == pytest.approx(-1)
