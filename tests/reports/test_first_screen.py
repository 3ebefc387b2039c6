"""The first screen of an effect report: the main doubts, the most serious first, with how far the estimate could move."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import EffectReport, Estimate, estimate_effect
from causalgen.effects.diagnostics import Diagnostics, examine
from causalgen.graph import CausalGraph, Estimand
from causalgen.reports import EffectFindings
from causalgen.reports.effects.doubts import counted_concerns, leading_doubts
from causalgen.reports.effects.sentences import answer_sentence, averaged_over, difference_sentences, like_estimate

HOLES = "40 rows were dropped (10%) because a used column is missing. Fill them in."
OVERLAP = "Poor overlap: for 9% of the rows."


@pytest.fixture(scope="module")
def found() -> tuple[EffectReport, Diagnostics]:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"age": random.normal(size=360)})
    table["drug"] = (random.random(360) < 1 / (1 + np.exp(-0.6 * table.age))).astype(int)
    table["pain"] = table.drug + table.age + random.normal(size=360)
    graph, asked = CausalGraph("age -> {drug, pain}; drug -> pain"), {"treatment": "drug", "outcome": "pain"}
    report = estimate_effect(graph, table, **asked, contrast=(0, 1), methods=["linear adjustment"], refute=False)
    rows = (report.estimates[0], Estimate("linear adjustment", 1.0, 0.8, 1.2, "adjusted"))
    report = replace(report, estimates=rows, rows_dropped=40)
    return report, examine(graph, table, report, simulations=2)


APART = Estimate("doubly robust", 3.0, 2.8, 3.2, "adjusted")
NEAR = Estimate("doubly robust", 1.1, 0.9, 1.3, "adjusted")
OUTSIDE = Estimate("doubly robust", 1.15, 1.05, 1.25, "adjusted")  # leaves 1.0 out, whose interval holds 1.15


@pytest.mark.parametrize(
    ("warnings", "other", "words"),
    [
        ((), NEAR, ("Hidden common causes of drug and pain", "one as strong as age")),
        ((), OUTSIDE, ("Hidden common causes", "one as strong as age", "depends on the model", "1.00 (l")),
        ((HOLES,), None, ("Hidden common causes", "age", "40 rows were dropped", "would be 0.90 instead of 1.00")),
        ((HOLES, OVERLAP), NEAR, ("Poor overlap", "from 1.00 (linear adjustment) to 1.10", "Hidden common causes", "age")),
        ((HOLES,), APART, ("disagree", "to 3.00 (doubly robust)", "Hidden common causes", "age")),
    ],
    ids=["methods that agree", "model", "dropped rows", "overlap", "methods"],
)  # fmt: skip
def test_at_most_two_doubts_with_how_far_the_estimate_could_move(found, warnings: tuple, other, words: tuple) -> None:
    report, doubt = found
    rows = (*report.estimates, other) if other else report.estimates
    report = replace(report, warnings=warnings, estimates=rows)
    doubts = leading_doubts(EffectFindings(report, replace(doubt, of_report=report.checks)))
    texts = [text for pair in doubts for text in pair]
    assert len(texts) == len(words)
    for expected, text in zip(words, texts, strict=True):
        assert expected in text
    assert "all measured covariates" not in " ".join(texts)  # there is one alone


def test_a_title_is_not_repeated_below_it(found) -> None:
    report = replace(found[0], warnings=("Column 'a, and b' has labels that may mean the same: F and female.",))
    doubts = leading_doubts(EffectFindings(report))
    assert doubts[-1] == ("Column 'a, and b' has labels that may mean the same", "F and female.")


def test_hidden_causes_are_named_once(found) -> None:
    report, doubt = found
    findings = EffectFindings(report, doubt)
    assert "hidden causes cannot be excluded" in findings.headline
    assert re.fullmatch(r"No concern was found among \d checks\.", counted_concerns(findings))
    noted = EffectFindings(replace(report, warnings=("One.", "Two.", "Three.", "Four.")))
    assert counted_concerns(noted).endswith("One; Two; Three; and 1 more, listed below.")


def test_equal_estimates_have_no_range(found) -> None:
    report = found[0]
    report = replace(report, estimates=(*report.estimates, replace(NEAR, value=1.002)), warnings=(OVERLAP,))
    doubts = leading_doubts(EffectFindings(report))
    assert [doubts[0], doubts[1][0][:6]] == [("Poor overlap", "For 9% of the rows."), "Hidden"]
    assert len(doubts) == 2
    assert difference_sentences(report) == ""


@pytest.mark.parametrize(
    ("treatment", "contrast", "treated", "control"),
    [
        ("dose", (1.0, 2.0), "dose = 2", "dose = 1"),
        ("dose", ("<= 5", "5 to 10"), "dose = 5 to 10", "dose = <= 5"),
        (("drug", "way to = go"), (("a = b", 0.0), ("a to b", 1.0)), "drug = a to b and way to = go = 1", "drug = a = b and"),
    ],
)  # fmt: skip
def test_a_group_is_named_by_its_values(found, treatment, contrast, treated: str, control: str) -> None:
    for population, words in (("treated", treated), ("control", control)):
        rows = (replace(NEAR, population=population),)
        report = replace(found[0], treatment=treatment, contrast=contrast, estimates=rows, population=population)
        assert averaged_over(report).startswith(f"the units with {words}")


def test_an_instrument_rests_on_another_assumption(found) -> None:
    report = replace(
        found[0],
        estimand=Estimand("instrument", "drug", "pain", instrument="letter"),
        estimates=(replace(NEAR, source="instrumental variables", population="compliers"),),
        population="compliers",
    )
    (title, text), (among, _) = leading_doubts(EffectFindings(report))
    assert title == "That letter acts on pain only through drug is an assumption"
    assert text.startswith("The data do not show")
    assert "instrument does not change" in among
    assert "over the compliers, whose treatment the instrument changes" in answer_sentence(report)


def test_a_number_that_differs_is_explained(found) -> None:
    report = found[0]
    line = replace(report.estimates[1], caution="a straight-line approximation")
    flexible = replace(NEAR, source="g-computation")
    report = replace(report, estimates=(report.estimates[0], line, flexible))
    text = "The estimate by linear adjustment (1.00) is only a straight-line approximation, for comparison."
    assert difference_sentences(report) == text
    assert like_estimate(report, -0.004) == "0.00"
