"""Outcomes with censoring: pseudo-observations obey their laws, every estimator takes them, and every fault is named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

from causalgen.effects import EffectReport, dose_response, effects_by_group, estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.effects.survival import hazards
from causalgen.effects.survival.pseudo import FollowUp, pseudo_observations
from causalgen.errors import DataError
from causalgen.graph import CausalGraph
from causalgen.reports import write_effect_report

HORIZON = 60
GRAPH = CausalGraph("age -> {drug, months}; sex -> {drug, months}; drug -> months")
TRUTH = 6.79  # of `trial`: difference of restricted means at 60 months, from 2,000,000 rows
QUESTION = {"treatment": "drug", "outcome": "months", "contrast": (0, 1)}
CENSORED = {"event": "died", "horizon": HORIZON}


def trial(rows: int, seed: int) -> pd.DataFrame:
    """Weibull times, a confounded binary treatment, and censoring that depends on age and treatment."""
    rng = np.random.default_rng(seed)
    age, sex = rng.normal(size=rows), rng.integers(0, 2, rows)
    drug = (rng.random(rows) < 1 / (1 + np.exp(0.3 - 0.7 * age - 0.5 * sex))).astype(int)
    event = 45 * np.exp(0.4 * drug - 0.5 * age + 0.2 * sex) * rng.exponential(size=rows) ** (1 / 1.3)
    left = np.minimum(75 * np.exp(0.3 * drug - 0.6 * age) * rng.exponential(size=rows), 100)
    return pd.DataFrame(
        {"age": age, "sex": sex, "drug": drug, "months": np.minimum(event, left), "died": (event <= left).astype(int)}
    )


def ask(table: pd.DataFrame, **words: object) -> EffectReport:
    return estimate_effect(GRAPH, table, **QUESTION | {"refute": False} | CENSORED | words)  # type: ignore[arg-type]


@pytest.mark.parametrize("ties", [False, True])
def test_without_covariates_the_mean_is_that_of_the_kaplan_meier_curve(ties: bool) -> None:
    table = trial(300, seed=0)
    time = np.ceil(table["months"] / 5).to_numpy() * 5 if ties else table["months"].to_numpy()
    found = pseudo_observations(FollowUp(time, table["died"].to_numpy() == 1, HORIZON), np.zeros((300, 0)))
    curve = SurvfuncRight(time, table["died"])
    before = curve.surv_times < HORIZON
    free = np.r_[1, curve.surv_prob[before]]
    assert found[0].mean() == pytest.approx(free @ np.diff(np.r_[0, curve.surv_times[before], HORIZON]), rel=1e-10)
    assert found[1].mean() == pytest.approx(curve.surv_prob[curve.surv_times <= HORIZON][-1], rel=1e-10)


def test_the_hazard_without_penalty_is_that_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hazards, "PENALTY", 0.0)
    table = trial(200, seed=1)
    features, grid = table[["age", "sex"]].to_numpy(float), np.unique(table["months"])
    found = hazards.fit_hazard(
        features, np.searchsorted(grid, table["months"]), table["died"].to_numpy() == 1, len(grid)
    )
    expected = PHReg(table["months"], features, status=table["died"], ties="breslow").fit().params
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-8)


def test_without_censoring_the_effect_is_that_on_the_shortened_time() -> None:
    table = trial(200, seed=2).assign(died=True)
    plain = estimate_effect(GRAPH, table.assign(months=table["months"].clip(upper=HORIZON)), **QUESTION, refute=False)
    assert [row.value for row in ask(table).estimates] == [row.value for row in plain.estimates]


def test_units_of_time_and_the_order_of_rows_do_not_matter() -> None:
    table = trial(200, seed=3)
    given = ask(table, methods=["linear adjustment"]).estimate
    days = ask(table.assign(months=table["months"] * 30), methods=["linear adjustment"], horizon=HORIZON * 30).estimate
    turned = ask(table[::-1], methods=["linear adjustment"]).estimate
    assert days.value == pytest.approx(30 * given.value, rel=1e-9)
    assert turned.value == pytest.approx(given.value, rel=1e-9)


def test_an_effect_under_censoring_that_depends_on_a_covariate() -> None:
    table = trial(2000, seed=4).rename(index=lambda row: f"patient {row % 1500}")
    table.loc[table.index[:7], "died"] = np.nan
    report = ask(table)
    assert report.estimate.covers(TRUTH)
    assert not report["naive"].covers(TRUTH)
    assert report.rows_dropped == 14  # names of rows repeat
    assert "Fill them in." in " ".join(report.warnings)  # imputation is refused
    found = report.to_dict()["survival"]
    assert [arm["rows"] for arm in found["arms"]] == table.dropna()["drug"].value_counts().sort_index().tolist()
    assert found["probability"]["low"] < 0.158 < found["probability"]["high"]
    weighted = [arm["weighted"]["mean"] for arm in found["arms"]]
    unweighted = [arm["curve"]["mean"] for arm in found["arms"]]
    assert weighted[1] - weighted[0] > unweighted[1] - unweighted[0] + 1  # the treated are older
    assert "censoring is independent of the time of the event" in str(report)


def test_other_questions_take_the_complete_outcome() -> None:
    table = trial(600, seed=5).assign(dose=lambda t: t["age"] + np.random.default_rng(0).normal(size=600))
    table["status"] = np.where(table["died"] == 1, "dead", "alive")
    groups = effects_by_group(GRAPH, table, by="sex", **QUESTION, **CENSORED)  # type: ignore[arg-type]
    assert groups["effect"].between(-20, 30).all()
    graph = CausalGraph("age -> {dose, months}; dose -> months; {months, age} -> status")
    curve = dose_response(
        graph, table, treatment="dose", outcome="months", event="status=dead", horizon=HORIZON, values=[0, 1]
    )
    assert curve["mean"].between(20, 50).all()


def test_the_report_shows_the_follow_up(tmp_path: Path) -> None:
    table = trial(300, seed=7)
    report = ask(table, methods=["linear adjustment"])
    written = write_effect_report(
        tmp_path, report, graph=GRAPH, table=table, arguments={"methods": ["linear adjustment"], "refute": False}
    )
    page = written["markdown"].read_text(encoding="utf-8")
    assert "lengthens the mean time until 'died' within 60 months by" in page
    assert "The probability of staying free of 'died' for 60 months changes by" in page
    assert "## Follow-up and censoring" in page
    assert "Rubin, M. J. van der Laan" in page
    assert (tmp_path / "figures" / "survival.png").stat().st_size > 0
    curves = pd.read_csv(tmp_path / "tables" / "survival.csv")
    assert curves.groupby(["arm", "rows"])["free"].agg(lambda free: free.is_monotonic_decreasing).all()
    assert "event='died',\n    horizon=60.0" in "".join(
        "".join(cell["source"]) for cell in json.loads(written["notebook"].read_text(encoding="utf-8"))["cells"]
    )
    assert "died" in pd.read_csv(tmp_path / "table.csv")


def test_an_instrument_takes_the_complete_outcome() -> None:
    rng = np.random.default_rng(0)
    z, u = rng.integers(0, 2, 600), rng.normal(size=600)
    t = (rng.random(600) < 1 / (1 + np.exp(1 - 2 * z - u))).astype(int)
    event, left = 40 * np.exp(0.4 * t - 0.5 * u) * rng.exponential(size=600), rng.exponential(80, 600)
    table = pd.DataFrame({"z": z, "t": t, "y": np.minimum(event, left), "seen": event <= left})
    graph = CausalGraph("z -> t -> y; t <-> y")
    words = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "event": "seen", "horizon": 40, "refute": False}
    report = estimate_effect(graph, table, instrument="z", **words)  # type: ignore[arg-type]
    assert report.survival is not None
    assert report.survival.probability is not None
    assert report.survival.probability.source == "instrumental variables"
    assert examine(graph, table, report).balance is None


def test_without_covariates_the_effect_is_the_difference_of_the_kaplan_meier_curves() -> None:
    table = trial(200, seed=8)
    report = estimate_effect(CausalGraph("drug -> months; age"), table, **QUESTION, **CENSORED, refute=False)  # type: ignore[arg-type]
    assert report.survival is not None
    control, treated = (arm.curve.mean for arm in report.survival.arms)
    assert report["naive"].value == pytest.approx(treated - control, rel=1e-10)
    nothing = estimate_effect(CausalGraph("drug; months"), table, **QUESTION, **CENSORED, refute=False)  # type: ignore[arg-type]
    assert nothing.survival is not None
    assert nothing.survival.probability is None


def _early(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(died=(table["months"] > 50).astype(int))


def _treated_alone(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(died=table["died"] * table["drug"])


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"died": "died "})


JOINT = {"treatment": ("drug", "sex"), "contrast": ((0, 0), (1, 1))}


@pytest.mark.parametrize(
    ("words", "spoil", "message"),
    [
        ({"horizon": None}, None, r"Expected a horizon with event=; got none\. Choose one, at most"),
        ({"event": None}, None, "Expected the column of the event with a horizon; got none"),
        ({"event": "dead"}, None, "Expected a column of the event; 'dead' has none"),
        ({"event": "drug"}, None, "Expected a separate column for the event; got 'drug'"),
        ({"event": "sex", **JOINT}, None, "Expected a separate column for the event; got 'sex'"),
        ({"event": "died=2"}, None, "label of the event among 0, 1 in column 'died'; got '2'"),
        ({"event": "died =2"}, _wide, "label of the event among 0, 1 in column 'died '; got '2'"),
        ({"event": "died ", "horizon": -1}, _wide, "Expected the horizon as a positive number"),
        (
            {"event": "died"},
            lambda t: t.assign(died=t["died"] + t["sex"]),
            "Expected two values in column 'died'.*got 3",
        ),
        ({"event": "died"}, lambda t: t.assign(died=t["died"].map({0: "alive", 1: "dead"})), "such as 'died=dead'"),
        ({"horizon": -1}, None, "Expected the horizon as a positive number; got -1"),
        (
            {"horizon": 1e6},
            None,
            "Expected a horizon within the follow-up; the rows with drug = 0 are followed up to 100",
        ),
        ({"horizon": 40}, _early, r"Expected events up to 40 among the rows with drug = 0; got none"),
        ({}, _treated_alone, "Expected events up to 60 among the rows with drug = 0"),
        ({"contrast": None}, _treated_alone, "Expected events up to 60 among the rows with drug = 0"),
        (JOINT, _treated_alone, "Expected events up to 60 among the rows with drug = 0, sex = 0"),
        ({}, lambda t: t.assign(months=t["months"] - 5), r"Expected times of at least 0 in column 'months'; got -"),
        ({}, lambda t: t.assign(months=np.nan), "missing values only|every row lacks one"),
        ({"missing": "impute"}, None, "Expected missing='drop' with a censored outcome"),
        ({"adjustment": ["age", "sex", "died"]}, None, "adjustment set without the event"),
    ],
)
def test_bad_follow_up(words: dict, spoil: Callable[[pd.DataFrame], pd.DataFrame] | None, message: str) -> None:
    graph = CausalGraph(f"{GRAPH}; died -> drug") if "adjustment" in words else GRAPH
    table = trial(400, seed=6) if spoil is None else spoil(trial(400, seed=6))
    with pytest.raises(DataError, match=message):
        estimate_effect(graph, table, **QUESTION | CENSORED | words)
