"""`causalgen effects` on a plain table: numbers, doubts, a report; bad input in one message."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import Command

GRAPH = "age -> {drug, health, hair}; drug -> health"
ASKED = ["--graph", GRAPH, "--treatment", "drug", "--outcome", "health", "--contrast", "no", "yes"]
QUICK = ["--methods", "linear adjustment", "--simulations", "0"]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    age = random.normal(size=300)
    drug = random.random(300) < 1 / (1 + np.exp(-age))
    frame = pd.DataFrame({"age": age, "drug": np.where(drug, "yes", "no"), "dose": age + random.normal(size=300)})
    frame["health"] = 1.0 * drug + age + random.normal(size=300)
    frame["hair"] = age + random.normal(size=300)
    path = tmp_path_factory.mktemp("table") / "trial.csv"
    frame.to_csv(path, index=False)
    return path


def test_numbers_doubts_and_a_report(causalgen: Command, trial: Path, tmp_path: Path) -> None:
    done = causalgen("effects", trial, *ASKED, *QUICK, "--negative-controls", "hair", "--out", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    for text in ("linear adjustment: ", "back-door adjustment for age", "Negative control 'hair'", "oubt"):
        assert text in done.stdout
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "effect.html", "effect.ipynb", "effect.md", "effect.tex", "figures", "table.csv", "tables",
    ]  # fmt: skip


def test_columns_are_found_by_their_short_names(causalgen: Command, trial: Path, tmp_path: Path) -> None:
    titles = {"age": "Age at visit (years)", "drug": "Drug", "health": "Health (points)"}
    pd.read_csv(trial).rename(columns=titles).to_csv(tmp_path / "t.csv", index=False)
    done = causalgen("effects", tmp_path / "t.csv", *ASKED, *QUICK, "--no-doubt")
    assert done.exit_code == 0, done.stderr
    assert "'health' from 'Health (points)'" in done.stderr
    assert done.stdout == causalgen("effects", trial, *ASKED, *QUICK, "--no-doubt").stdout


def test_formats_and_doubt_are_options(causalgen: Command, trial: Path, tmp_path: Path) -> None:
    done = causalgen("effects", trial, *ASKED, *QUICK, "--no-doubt", "--out", tmp_path, "--formats", "markdown, csv")
    assert done.exit_code == 0, done.stderr
    assert "Hidden confounding" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["effect.md", "figures", "tables"]


def test_a_treatment_of_two_labels_needs_no_contrast(causalgen: Command, trial: Path) -> None:
    plain = causalgen("effects", trial, *ASKED[:-3], *QUICK, "--no-doubt")
    assert plain.exit_code == 0, plain.stderr
    assert plain.stdout == causalgen("effects", trial, *ASKED, *QUICK, "--no-doubt").stdout
    dose = ["--graph", "age -> {dose, health}; dose -> health", "--treatment", "dose", "--outcome", "health"]
    refused = causalgen("effects", trial, *dose, *QUICK)
    assert refused.exit_code == 2
    assert "Expected contrast=(a, b)" in " ".join(refused.stderr.split())


def test_the_outcome_may_be_a_label(causalgen: Command, trial: Path) -> None:
    asked = ["--graph", "age -> drug", "--treatment", "age", "--contrast", "0", "1", *QUICK, "--no-doubt", "--json"]
    done = [causalgen("effects", trial, *asked, "--outcome", outcome) for outcome in ("drug", "drug=yes")]
    first, second = (json.loads(each.stdout)["effect"] for each in done)
    assert first["estimates"] == second["estimates"]
    assert first["outcome_unit"] == second["outcome_unit"] == "probability of yes"


def test_numbers_of_a_contrast_are_numbers(causalgen: Command, trial: Path) -> None:
    graph = ["--graph", "age -> {dose, health}; dose -> health", "--treatment", "dose", "--outcome", "health"]
    done = causalgen("effects", trial, *graph, "--contrast", "-1", "0.5", *QUICK, "--no-doubt")
    assert done.exit_code == 0, done.stderr
    assert "Effect of do(dose=0.5) against do(dose=-1) on health" in done.stdout


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--treatment": ["drugs"]}, "Did you mean 'drug'?"),
        ({"--graph": ["drug -> health -> drug"]}, "Expected an acyclic graph"),
        ({"--graph": ["age -> {drug, health, wealth}; wealth -> health; drug -> health"]}, "wealth"),
        ({"--contrast": ["no", "maybe"]}, "maybe"),
        ({"--contrast": ["no", "no"]}, "Expected two different values"),
        ({"--methods": ["linear adjustmnt"]}, "Did you mean 'linear adjustment'?"),
        ({"--formats": ["htlm"], "--out": ["OUT"]}, "Did you mean 'html'?"),
        ({"--formats": ["html"]}, "Name one with --out"),
        ({"--negative-controls": ["age"], "--no-doubt": []}, "which skips them"),
        (
            {"--negative-controls": ["age"]},
            "Expected a negative control other than treatment, outcome and adjustment set",
        ),
        ({"--event": ["drugs"], "--horizon": ["1"]}, "Expected a column of the event; 'drugs' has none"),
        ({"--event": ["drug"]}, "Expected a separate column for the event; got 'drug'"),
        ({"--simulations": ["3"]}, "Expected at least 10 simulations"),
        ({"--level": ["95"]}, "Expected level between 0 and 1"),
        ({"--population": ["everyone"]}, "Expected population among"),
        ({"--cluster": ["clinic"]}, "clinic"),
        ({"--weights": ["dose"]}, "Expected positive sampling weights"),
        ({"--by": ["hight"]}, "Expected a node among"),
        ({"--by": ["dose"]}, "'dose' is a column of the table without a node"),
        ({"--by": ["age:old"]}, "Expected numbers with --by, such as --by age:40,60; got 'old'"),
        ({"--by": ["age:9"]}, "above 9 has 0 rows"),
        ({"--doses": ["auto"]}, "Expected a continuous treatment; 'drug' is binary"),
        ({"--doses": ["many"]}, "Expected numbers with --doses"),
        ({"--predicted": ["health=hair"]}, "Expected --fitted-on with --predicted"),
        ({"--predicted": ["health=hair"], "--fitted-on": ["drug"]}, "the proxy 'hair' as a child of an image"),
        (
            {"--predicted": ["health=dose"], "--fitted-on": ["dose"]},
            "Expected yes and no (or 1 and 0) in column 'dose'",
        ),
        ({"--measured": ["dose"]}, "Expected column=proxy with --measured"),
        ({"--labelled-at-random": []}, "Expected --measured or --predicted"),
    ],
)
def test_bad_input_is_one_message(
    causalgen: Command, trial: Path, tmp_path: Path, changed: dict[str, list[str]], message: str
) -> None:
    given = {"--graph": [GRAPH], "--treatment": ["drug"], "--outcome": ["health"], "--contrast": ["no", "yes"]}
    given |= {"--methods": ["linear adjustment"], "--simulations": ["0"], **changed}
    words = [
        str(tmp_path / "out") if word == "OUT" else word for key, values in given.items() for word in (key, *values)
    ]
    done = causalgen("effects", trial, *words)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mistake", [["--simulations", "5"], ["--methods", "linear"], ["--level", "95"]])
def test_settings_are_checked_before_further_questions(
    causalgen: Command, trial: Path, monkeypatch: pytest.MonkeyPatch, mistake: list[str]
) -> None:
    monkeypatch.setattr("causalgen.effects.further.FurtherQuestions.answer", lambda *_, **__: pytest.fail("too early"))
    done = causalgen("effects", trial, *ASKED, "--by", "age:0", *mistake)
    assert done.exit_code == 2
    assert "Expected" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "cannot be read: No such file"),
        ("table.xlsx", "a,b", "Expected a .csv or .parquet file"),
        ("table.parquet", "a,b", "Expected a Parquet table"),
        ("empty.csv", "", "got an empty file"),
    ],
)
def test_what_is_no_table_is_refused(
    causalgen: Command, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = causalgen("effects", tmp_path / name, *ASKED)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize("asked", [["--treatment", "drug", "--treatment", "dose"], ["--treatment", "drug,dose"]])
def test_several_treatments_are_one_question(causalgen: Command, trial: Path, asked: list[str]) -> None:
    graph = ["--graph", "age -> {drug, dose, health}; {drug, dose} -> health", *asked, "--outcome", "health"]
    done = causalgen("effects", trial, *graph, "--contrast", "no, 0", "yes, 1", "--simulations", "0", "--no-doubt")
    assert done.exit_code == 0, done.stderr
    assert "Effect of do(drug=yes, dose=1) against do(drug=no, dose=0) on health" in done.stdout
    assert "back-door adjustment for age" in done.stdout
    for contrast, got in (["--contrast", "no", "yes"], "got 'no', 'yes'"), ([], "--contrast '0,0' '1,1'; got none"):
        done = causalgen("effects", trial, *graph, *contrast, *QUICK)
        assert done.exit_code == 2
        assert "one value for each of drug, dose" in done.stderr
        assert got in done.stderr


@pytest.mark.parametrize(
    "twice", [["--outcome", "age"], ["--contrast", "no", "yes"], ["--seed", "1"], ["--doubt"], ["--graph", GRAPH]]
)
def test_an_option_given_twice_is_refused(causalgen: Command, trial: Path, twice: list[str]) -> None:
    done = causalgen("effects", trial, *ASKED, "--seed", "0", "--no-doubt", *twice)
    assert done.exit_code == 2
    assert "once; got it 2 times" in " ".join(done.stderr.replace("│", " ").split())


def test_further_questions_reach_the_terminal_the_report_and_json(
    causalgen: Command, trial: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(trial).assign(read=lambda table: 1 + 0.8 * table["health"], order=range(300))
    frame["read"] += 0.1 * np.random.default_rng(1).normal(size=300)
    frame["health"] = frame["health"].where(frame["order"] < 200)
    frame.to_csv(tmp_path / "t.csv", index=False)
    further = ["--by", "age:0", "--measured", "health=read", "--out", tmp_path / "report"]
    done = causalgen("effects", tmp_path / "t.csv", *ASKED, *QUICK, "--no-doubt", *further)
    assert done.exit_code == 0, done.stderr
    for text in (
        "Effects by age, over all rows of each group; all groups have the same effect: p = ",
        "above 0",
        "calibrated measurement: ",
    ):
        assert text in done.stdout
    for name in ("effect.md", "effect.tex", "effect.html"):
        page = (tmp_path / "report" / name).read_text()
        assert "Effects by group" in page
        assert "Measured and predicted columns" in page
    assert "effects_by_group(" in (tmp_path / "report" / "effect.ipynb").read_text()
    assert {"by-age.csv", "proxies.csv"} <= {path.name for path in (tmp_path / "report" / "tables").iterdir()}
    graph = ["--graph", "age -> {dose, health}; dose -> health", "--treatment", "dose", "--outcome", "health"]
    contrast = ["--contrast", "-1", "0.5", "--doses", "-1,0,1", "--json"]
    done = causalgen("effects", trial, *graph, *contrast, *QUICK, "--no-doubt")
    found = json.loads(done.stdout)
    assert [row["value"] for row in found["further"]["doses"]["rows"]] == [-1, 0, 1]
    assert found["effect"]["treatment"] == "dose"


def test_an_effect_is_carried_over_to_a_target(causalgen: Command, trial: Path, tmp_path: Path) -> None:
    pd.DataFrame({"Age (years)": np.linspace(0, 2, 60)}).to_csv(tmp_path / "there.csv", index=False)
    asked = ["--graph", f"{GRAPH}; [site] -> age", *ASKED[2:], *QUICK, "--no-doubt", "--target", tmp_path / "there.csv"]
    done = causalgen("effects", trial, *asked, "--out", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    assert "carries over to the other population through age" in done.stdout
    assert "## The effect in the target" in (tmp_path / "report" / "effect.md").read_text(encoding="utf-8")
    assert list(pd.read_csv(tmp_path / "report" / "target.csv")) == ["age"]
    code = "".join(
        "".join(cell["source"]) for cell in json.loads((tmp_path / "report" / "effect.ipynb").read_text())["cells"]
    )
    assert "transport_effect(\n    graph,\n    table,\n    target," in code
    record = json.loads(causalgen("effects", trial, *asked, "--json").stdout)["further"]["target"]
    assert (record["formula"]["carriers"], record["target_rows"]) == (["age"], 60)
