"""Law: the first line about an effect agrees with the rows below it, at every door."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.effects import EffectReport, estimate_effect
from causalgen.effects.concerns import remark
from causalgen.effects.diagnostics import Diagnostics, examine
from causalgen.effects.report import Estimate, Refutation
from causalgen.graph import CausalGraph
from causalgen.reports.escapes import escape_latex, escape_markdown

ROWS = 500
QUICK = {"methods": ["linear adjustment"], "refute": False}
EDGES = "z -> {t, y, c}; w -> y; t -> y"


@dataclass(frozen=True)
class Case:
    """A table with what is planted in it, and words that the headline must use; none for a clean table."""

    make: Callable[[np.random.Generator], pd.DataFrame]
    words: tuple[str, ...] = ()
    edges: str = EDGES
    question: dict[str, Any] = field(default_factory=dict)
    controls: tuple[str, ...] = ()


def drawn(
    random: np.random.Generator, *, pull: float = 0.6, hidden: float = 0.0, bend: float = 0.0, drive: float = 0.0
) -> pd.DataFrame:
    z, w, h = random.normal(size=(3, ROWS))
    t = (random.random(ROWS) < 1 / (1 + np.exp(-pull * z - hidden * h - drive * w))).astype(float)
    y = t + 0.5 * z + w + hidden * h + bend * z**2 * (1 + t) + random.normal(size=ROWS)
    return pd.DataFrame({"z": z, "w": w, "t": t, "y": y, "c": 0.5 * z + hidden * h + random.normal(size=ROWS)})


def mediated(random: np.random.Generator) -> pd.DataFrame:
    """m is a mediator, and `other` another cause of it."""
    table, other = drawn(random), random.normal(size=ROWS)
    m = 0.8 * table.t + other + 0.7 * random.normal(size=ROWS)
    return table.assign(other=other, m=m, y=table.y + m)


def waved(random: np.random.Generator) -> pd.DataFrame:
    """z confounds as a wave, of which a straight line sees nothing."""
    z = random.uniform(-3, 3, size=ROWS)
    t = (random.random(ROWS) < 1 / (1 + np.exp(-np.cos(np.pi * z)))).astype(float)
    return pd.DataFrame({"z": z, "t": t, "y": t + 1.5 * np.cos(np.pi * z) + random.normal(size=ROWS)})


def with_holes(random: np.random.Generator) -> pd.DataFrame:
    table = drawn(random)
    table.loc[random.choice(ROWS, 40, replace=False), "z"] = np.nan
    return table


def instrumented(random: np.random.Generator, strength: float) -> pd.DataFrame:
    i, h = random.normal(size=(2, ROWS))
    t = strength * i + h + random.normal(size=ROWS)
    return pd.DataFrame({"i": i, "t": t, "y": t + h + random.normal(size=ROWS)})


def continuous(random: np.random.Generator, bend: float) -> pd.DataFrame:
    table = drawn(random)
    table["t"] = 0.5 * table.z + random.normal(size=ROWS)
    return table.assign(y=table.t + bend * table.t**2 + 0.3 * table.z + random.normal(size=ROWS))


CASES = {
    "clean": Case(drawn, controls=("c",), question={"methods": ["linear adjustment"]}),
    "clean, randomised": Case(lambda random: drawn(random, pull=0.0)[["t", "y"]], edges="t -> y"),
    "clean, continuous": Case(
        lambda random: continuous(random, 0.0), edges="z -> {t, y}; t -> y", question=QUICK | {"contrast": (-0.5, 0.5)}
    ),
    "clean, strong instrument": Case(
        lambda random: instrumented(random, 1.0),
        edges="i -> t; t -> y; t <-> y",
        question={"instrument": "i", "refute": False},
    ),
    "hidden cause": Case(
        lambda random: drawn(random, hidden=1.0),
        ("'c' as negative control rejects linear adjustment",),
        controls=("c",),
    ),
    "wrong form": Case(
        lambda random: continuous(random, 1.0),
        ("linear adjustment and g-computation disagree",),
        question={"contrast": (0.0, 1.5), "refute": False},
    ),
    "far contrast": Case(
        lambda random: continuous(random, 0.0),
        ("1 concern among", "Poor overlap"),
        edges="z -> {t, y}; t -> y",
        question=QUICK | {"contrast": (-3.0, 3.0)},
    ),
    "poor overlap": Case(lambda random: drawn(random, pull=1.7), ("Poor overlap",)),
    "holes": Case(with_holes, ("40 rows were dropped",)),
    "few clusters": Case(
        lambda random: drawn(random).assign(g=random.integers(0, 12, ROWS)),
        ("12 clusters",),
        question=QUICK | {"cluster": "g"},
    ),
    "missing edge": Case(
        lambda random: drawn(random, drive=1.0),
        ("1 concern among", "the data reject that"),
        edges="z -> {t, y, c}; w -> t; t -> y",
    ),
    "wrong arrow": Case(
        mediated, ("1 concern among", "t acts on m"), edges="z -> {t, y}; other -> m; m -> {t, y}; t -> y"
    ),
    "wave, straight line": Case(
        waved, ("1 concern among", "flexible models move linear adjustment"), edges="z -> {t, y}; t -> y"
    ),
    "clean, dependent covariates": Case(lambda random: drawn(random).assign(w=lambda table: table.w + table.z)),
    "weak instrument": Case(
        lambda random: instrumented(random, 0.03),
        ("Weak instrument",),
        edges="i -> t; t -> y; t <-> y",
        question={"instrument": "i", "refute": False},
    ),
    "no path": Case(drawn, ("no directed path",), edges="z -> {t, y, c}; w -> y", question={"refute": False}),
}


def test_a_missing_edge_says_what_it_would_change() -> None:
    """w causes t and, against the graph, y: without w in the adjustment set the estimate is off."""
    _, _, report, doubt = asked("missing edge")
    (row,) = [row for row in doubt.independencies.rejected if row.bears]
    assert set(row.breaking) == {"w -> y", "y <-> w"}
    value = float(
        re.search(rf"adjusting for .*w.*, the estimate is (\S+) instead of {report.estimate.value:.4g}", row.reading)[1]
    )  # type: ignore[index]
    assert abs(value - 1) < abs(report.estimate.value - 1)


def test_remarks_stand_by_the_comparison_and_are_not_counted(tmp_path: Path) -> None:
    _, _, report, _ = asked("clean, randomised")
    noted = replace(report, remarks=(remark("4 of 9 images are extrapolated: beware.", "comparison"),))
    assert noted.headline == report.headline
    assert noted.concerns == report.concerns
    assert "  about the comparison: 4 of 9 images are extrapolated: beware." in str(noted)
    assert "4 of 9 images" in noted._repr_html_()
    page = noted.save(tmp_path, formats=("markdown",))["markdown"].read_text(encoding="utf-8")
    assert page.index(noted.headline[:20]) < page.index("4 of 9 images are extrapolated: beware.")


DRAWN = ("clean", "hidden cause", "holes", "missing edge")
"""Cases whose report is written in every format; pictures take most of the time."""


def asked(name: str) -> tuple[CausalGraph, pd.DataFrame, EffectReport, Diagnostics]:
    case = CASES[name]
    graph, table = CausalGraph(case.edges), case.make(np.random.default_rng(3))
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1)} | (case.question or QUICK)
    report = estimate_effect(graph, table, **({"simulations": 10} | question))
    return graph, table, report, examine(graph, table, report, negative_controls=case.controls, simulations=2)


PLANTED = (("rejected", "not rejected"), ("rejected", "rejected"), ("not rejected", "rejected"))


def refuted(source: str, *verdicts: tuple[str, str]) -> tuple[Refutation, ...]:
    return tuple(
        Refutation(f"refuter {place}", source, 0.0, 0.1, 0.01, own, 0.1, 0.01, naive, "Checks.", "Nothing.")  # type: ignore[arg-type]
        for place, (own, naive) in enumerate(verdicts)
    )


@pytest.mark.parametrize("name", CASES)
def test_the_first_line_agrees_with_the_rows_below_it(name: str, tmp_path: Path) -> None:
    graph, table, report, doubt = asked(name)
    if name == "hidden cause":
        report = replace(report, refutations=refuted("linear adjustment", *PLANTED))
        doubt = replace(doubt, of_report=report.checks)
    line, case = doubt.summary[0], CASES[name]
    if not case.words:
        assert re.fullmatch(
            r"No concern was found among \d+ checks?; hidden causes cannot be excluded(: one .*)?\.", line
        )
        assert doubt.reasons == ()
    for words in case.words:
        assert words in line
    assert line.lower().count("poor overlap") <= 1
    count = int(re.match(r"(\d+) concern", line)[1]) if doubt.reasons else 0  # type: ignore[index]
    assert count == len(doubt.reasons)

    formats = None if name in DRAWN else ("markdown", "csv")
    written = report.save(tmp_path, doubt=doubt, graph=graph, table=table, formats=formats)
    frames = {path.stem: pd.read_csv(path) for path in written["csv"].parent.glob("*.csv")}
    rejected = {
        "' rejects ": frames.get("refutations"),
        " as negative control rejects ": frames.get("negative-controls"),
        "the data reject that ": frames.get("independencies"),
    }
    for words, frame in rejected.items():
        rows = 0 if frame is None else int(((frame.verdict == "rejected") & frame.get("bears", True)).sum())
        assert line.count(words) == rows, words
    for text in report.warnings:
        assert text in "\n".join(doubt.reasons)

    start = "; ".join(line.split("; ")[: 3 if doubt.reasons else 1])  # the first screen counts further concerns
    pages = {one: path.read_text(encoding="utf-8") for one, path in written.items() if one != "csv"}
    assert report.describe(doubt).splitlines()[2].strip() == line
    assert escape_markdown(start) in pages["markdown"]
    if name in DRAWN:
        assert start.rstrip(".")[1:] in re.sub(r"&#39;|&#x27;", "'", pages["html"])
        assert escape_latex(start) in pages["latex"]
        assert escape_markdown(start) in "".join(json.loads(pages["notebook"])["cells"][0]["source"])
    for page in (*pages.values(), report.describe(doubt)):
        assert ("No concern was found" in page) == (not doubt.reasons)
    for page in (str(report), repr(report), report._repr_html_()):
        assert ("No concern was found" in page) == (bool(report.checks) and not report.concerns)
    assert all(text in doubt.reasons for text in report.concerns)


def test_the_command_prints_the_same_first_line(tmp_path: Path) -> None:
    for name in ("hidden cause", "holes", "missing edge"):
        case = CASES[name]
        table = case.make(np.random.default_rng(3))
        table.to_csv(tmp_path / "table.csv", index=False)
        command = ["effects", str(tmp_path / "table.csv"), "--graph", case.edges, "--treatment", "t", "--outcome", "y"]
        command += ["--contrast", "0", "1", "--simulations", "0", "--methods", "linear adjustment"]
        command += ["--negative-controls", ",".join(case.controls)] if case.controls else []
        printed = CliRunner().invoke(app, command).stdout.splitlines()
        assert "No concern" not in "".join(printed)
        assert all(words in printed[2] for words in case.words)
        assert sum("concern" in text for text in printed) == 1


@pytest.mark.parametrize(
    ("verdicts", "rejected", "informative"),
    [
        ((), 0, 0),
        ((("not rejected", "not rejected"),), 0, 0),
        ((("not rejected", "rejected"),), 0, 1),
        (PLANTED, 2, 3),
        ((("no verdict", "rejected"), ("rejected", "no verdict")), 1, 1),
    ],
)
def test_refuters_count_where_they_can_tell(verdicts: tuple, rejected: int, informative: int) -> None:
    base = estimate_effect(
        CausalGraph("t -> y"),
        drawn(np.random.default_rng(0))[["t", "y"]],
        treatment="t",
        outcome="y",
        contrast=(0, 1),
        methods=["weighting"],
        refute=False,
    )
    report = replace(base, refutations=refuted("weighting", *verdicts))
    assert report.headline.count("rejects") == len(report.concerns) == rejected
    assert len(report.checks) == informative
    if not informative:
        assert report.headline.startswith("No informative check was made")


def test_concerns_are_ranked_by_what_they_can_change() -> None:
    """A hidden cause with a control, a refuter that rejects, methods that disagree, and dropped rows; found last to first."""
    _, _, report, doubt = asked("hidden cause")
    apart = Estimate("g-computation", 9.0, 8.9, 9.1, "adjusted")
    report = replace(
        report,
        warnings=("40 rows were dropped.", "Poor overlap: for 9 % of the rows."),
        refutations=refuted("linear adjustment", *PLANTED[:1]),
        estimates=(*report.estimates, apart),
    )
    doubt = replace(doubt, of_report=report.checks)
    words = ["negative control", "the data reject", "Poor overlap", "disagree", "'refuter 0' rejects", "40 rows were"]
    places = [doubt.summary[0].index(word) for word in words]
    assert places == sorted(places)
    assert doubt.checks[0].kind == "negative control"
    assert doubt.reasons[0].startswith("Negative control")
    assert doubt.reasons[-1] == "40 rows were dropped."


@pytest.mark.parametrize(
    ("others", "truth", "words"),
    [
        ([("linear adjustment", 1.4, 1.3, 1.5)], None, "linear adjustment and doubly robust disagree"),
        ([("linear adjustment", 1.4, 0.9, 1.9)], None, "No concern was found among 1 check;"),
        ([("linear adjustment", 1.05, 1.0, 1.1)], None, "No concern was found among 1 check;"),
        (
            [("linear adjustment", 1.05, 1.04, 1.06)],
            None,
            "of doubly robust is 10 times as wide as that of linear adjustment",
        ),
        ([], 1.5, "the interval of doubly robust misses the truth"),
        ([], 1.05, "No concern was found among 1 check;"),
    ],
)
def test_methods_and_truth_are_compared(others: list, truth: float | None, words: str) -> None:
    base = estimate_effect(
        CausalGraph("t -> y"),
        drawn(np.random.default_rng(0))[["t", "y"]],
        treatment="t",
        outcome="y",
        contrast=(0, 1),
        refute=False,
    )
    rows = [Estimate(*row, kind="adjusted") for row in [*others, ("doubly robust", 1.0, 0.9, 1.1)]]
    report = replace(base, estimates=(Estimate("naive", 2.0, 1.9, 2.1, "naive"), *rows)).compare(truth=truth)
    assert words in report.headline
    assert report.estimate.source == "doubly robust"
    assert report.others[-1 if truth is None else -2].kind == "naive"
    assert report.recommended.startswith("Recommended of" if others else "Estimated by")
    assert report.to_frame()["source"][0] == "doubly robust"


def test_how_a_column_was_read_is_no_concern() -> None:
    table = drawn(np.random.default_rng(0)).assign(z=lambda frame: [f"{int(50 + 9 * z):03d}Y" for z in frame["z"]])
    report = estimate_effect(EDGES, table, treatment="t", outcome="y", contrast=(0, 1), **QUICK)
    assert re.search("note: Ages of 'z' such as .* are read as years", str(report))
    assert "No concern" in report.describe()
