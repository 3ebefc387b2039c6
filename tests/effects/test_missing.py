"""Missing values are dropped, imputed or weighted for, and each way says what it did."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import EffectReport, dose_response, effects_by_group, estimate_effect
from causalgen.effects.missing.impute import imputation
from causalgen.effects.question import EffectQuestion
from causalgen.errors import DataError
from causalgen.graph import CausalGraph

GRAPH = CausalGraph("z -> {x, t, y}; {x, clinic} -> {t, y}; t -> y; y -> later")
QUICK = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "methods": ["linear adjustment"], "refute": False}
EFFECT = 1.0


def table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """A confounded binary treatment whose effect is 1 in every row."""
    rng = np.random.default_rng(seed)
    z, clinic = rng.normal(size=rows), rng.integers(0, 3, rows)
    x = 0.5 * z + rng.normal(size=rows)
    t = (rng.random(rows) < 1 / (1 + np.exp(-z - 0.5 * x - (clinic == 1)))).astype(int)
    y = EFFECT * t + z + x + (clinic == 1) + rng.normal(size=rows)
    named = np.array(["east", "west", "north"])[clinic]
    later = y + rng.normal(size=rows)
    return pd.DataFrame({"z": z, "x": x, "t": t, "y": y, "clinic": named, "later": later})


def holes(data: pd.DataFrame, name: str, by: str, seed: int = 1) -> pd.DataFrame:
    """The table without the values of one column where another is large."""
    chance = 1 / (1 + np.exp(1 - data[by].to_numpy()))
    return data.assign(**{name: data[name].mask(np.random.default_rng(seed).random(len(data)) < chance)})


def asked(data: pd.DataFrame, missing: str, **words: object) -> EffectReport:
    return estimate_effect(GRAPH, data, missing=missing, **QUICK | words)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def few_imputations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.effects.missing.estimates.IMPUTATIONS", 5)


@pytest.mark.parametrize("missing", ["impute", "weight"])
def test_a_selection_by_the_outcome_biases_complete_rows_alone(missing: str) -> None:
    data = table(1_000)
    gone = (data["t"] == 1) & (data["y"] > 1) & (np.random.default_rng(1).random(len(data)) < 0.7)
    data["x"] = data["x"].mask(gone)
    report = asked(data, missing)
    assert report["linear adjustment"].covers(EFFECT)
    assert not report["complete rows"].covers(EFFECT)
    assert report.missing is not None
    assert report.missing.holes["x"] == data["x"].isna().sum()
    assert "standard errors away" in report.missing.text
    assert report.missing.assumption in report.assumptions
    assert report.to_dict()["missing"]["text"] in str(report)


@pytest.mark.parametrize("missing", ["drop", "impute", "weight"])
def test_a_complete_table_has_the_same_report_in_every_way(missing: str) -> None:
    report = asked(table(), missing)
    assert report.missing is None
    assert report.to_dict() == asked(table(), "drop").to_dict()


def test_imputed_columns_keep_their_kinds_and_their_observed_cells() -> None:
    data = table().assign(clinic=lambda t: pd.Categorical(t["clinic"]), t=lambda t: t["t"].astype("Int64"))
    for seed, name in enumerate(("clinic", "t", "y", "x")):
        data = holes(data, name, "z", seed)
    question = EffectQuestion(GRAPH, data, "t", "y", (0, 1))
    first, second = (one.table for one in imputation(question, ["t", "y", "z", "x", "clinic"]).completed(0, count=2))
    assert not first.isna().any().any()
    assert set(first["clinic"]) == {"east", "west", "north"}
    assert set(first["t"]) == {0, 1}
    for name in ("clinic", "t", "y", "x"):
        seen = data[name].notna()
        assert (first.loc[seen, name] == data.loc[seen, name]).all()
        assert (first.loc[~seen, name] != second.loc[~seen, name]).any()


def test_ratios_of_a_binary_outcome_are_pooled() -> None:
    data = table().assign(y=lambda t: np.where(t["y"] > 0.5, "ill", "well"))
    report = asked(holes(data, "x", "z"), "impute", methods=["generalized linear adjustment"])
    scales = {one.name: one for one in report.estimate.scales}
    risks = [scales[f"risk under do(t={value})"].value for value in (0, 1)]
    assert risks[1] - risks[0] == pytest.approx(report.estimate.value, abs=0.01)
    ratio = scales["risk ratio"]
    assert ratio.value == pytest.approx(risks[1] / risks[0], rel=0.02)
    assert 0 < ratio.low < ratio.value < ratio.high


@pytest.mark.parametrize("binary", [False, True])
def test_imputed_values_keep_what_rows_of_a_cluster_share(binary: bool) -> None:
    rng = np.random.default_rng(0)
    site = np.repeat(np.arange(40), 50)
    z, shared = rng.normal(size=2_000), 2 * rng.normal(size=40)
    y = z + shared[site] + rng.normal(size=2_000)
    data = pd.DataFrame(
        {"z": z, "y": (y > 0).astype(int) if binary else y, "t": rng.integers(0, 2, 2_000), "site": site}
    )
    gone = rng.random(2_000) < 0.4
    question = EffectQuestion(
        CausalGraph("z -> y; t -> y"), data.assign(y=data["y"].mask(gone)), "t", "y", (0, 1), cluster="site"
    )
    completed = next(imputation(question, ["t", "y", "z"]).completed(0, 1)).table
    means = completed.loc[gone].assign(y=completed["y"].astype(float)).groupby("site")["y"].mean()
    assert np.corrcoef(means, data.loc[~gone].groupby("site")["y"].mean())[0, 1] > 0.7


def test_a_column_that_is_mostly_missing_is_warned_of() -> None:
    data = table(500)
    data["x"] = data["x"].mask(np.random.default_rng(0).random(500) < 0.93)
    report = asked(data, "impute")
    assert any("'x' is missing in 9" in text for text in report.warnings)
    assert report.missing is not None
    assert "Complete rows alone give no estimate to compare: Expected at least 50 rows" in report.missing.text


def test_groups_and_curves_are_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.effects.missing.pooled_frame.IMPUTATIONS", 3)
    data = holes(table(), "x", "z")
    words = {"outcome": "y", "missing": "impute"}
    groups = effects_by_group(GRAPH, data, by="clinic", treatment="t", contrast=(0, 1), **words)
    assert (groups["low_all"] < groups["low"]).all()
    assert 0 <= groups.attrs["p_value"] <= 1
    assert "cells were imputed 3 times" in groups.attrs["missing"]
    assert groups["rows"].sum() == len(data)
    curve = dose_response(GRAPH, data, treatment="x", values=[-1, 0, 1], **words)
    assert curve["mean"].is_monotonic_increasing
    with pytest.raises(DataError, match="Name the values at which to cut it"):
        effects_by_group(GRAPH, data, by="x", treatment="t", contrast=(0, 1), **words)


@pytest.mark.parametrize("lost", ["y", "x", "z"])
@pytest.mark.parametrize("binary", [False, True])
def test_pairs_and_values_of_whole_clusters_are_imputed(lost: str, binary: bool) -> None:
    """Each patient has one row in each arm, and one value of z: nothing varies within the rows of an arm."""
    rng, count = np.random.default_rng(4), 300
    patient, t = np.repeat(np.arange(count), 2), np.tile([0, 1], count)
    z = rng.normal(size=count)[patient]
    x = 0.5 * z + rng.normal(size=2 * count)
    data = pd.DataFrame({"z": z, "x": x, "t": t, "y": t + z + x + rng.normal(size=2 * count), "patient": patient})
    data[lost] = data[lost].mask(rng.random(2 * count) < 0.2)
    if binary and lost != "y":
        data[lost] = (data[lost] > 0).astype(float).mask(data[lost].isna())
    words = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "cluster": "patient", "refute": False}
    report = estimate_effect("{z, x} -> y; t -> y", data, missing="impute", methods=["linear adjustment"], **words)
    assert report["linear adjustment"].covers(EFFECT)


def test_the_same_seed_imputes_the_same_values() -> None:
    data = holes(table(), "x", "y")
    assert asked(data, "impute", seed=3).to_dict() == asked(data, "impute", seed=3).to_dict()


Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("spoil", "words", "message"),
    [
        (lambda t: t, {"missing": "imput"}, "missing among drop, impute, weight; got 'imput'. Did you mean 'impute'"),
        (lambda t: t.assign(x=np.nan), {"missing": "impute"}, "at least 30 values in column 'x'.*got 0"),
        (lambda t: t.assign(x=np.nan), {"missing": "drop"}, "at least 50 rows.*got 0.*missing='impute'"),
        (
            lambda t: holes(t.assign(site=t.index % 30), "site", "z"),
            {"missing": "impute", "cluster": "site"},
            "a value in every row of 'site'.*are missing",
        ),
        (
            lambda t: holes(t.assign(share=1.0), "share", "z"),
            {"missing": "weight", "weights": "share"},
            "a value in every row of 'share'.*are missing",
        ),
        (
            lambda t: holes(t, "x", "z"),
            {"missing": "weight", "methods": ["matching"]},
            "takes sampling weights; 'matching' does not.*missing='impute'",
        ),
        (
            lambda t: t.mask(np.random.default_rng(0).random(t.shape) < 0.05),
            {"missing": "weight"},
            "a column without missing values.*missing='impute'",
        ),
    ],
)
def test_bad_input_has_one_message(spoil: Spoil, words: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        asked(spoil(table()), **words)


def test_an_instrument_is_refused_with_the_way_that_works() -> None:
    data = holes(table().rename(columns={"z": "offer"}), "x", "offer")
    graph = CausalGraph("offer -> x -> y; x <-> y")
    words = {"treatment": "x", "outcome": "y", "contrast": (0, 1), "instrument": "offer", "refute": False}
    with pytest.raises(DataError, match="missing='weight' or 'drop' with an instrument"):
        estimate_effect(graph, data, missing="impute", **words)
    assert estimate_effect(graph, data, missing="weight", **words).missing is not None
