"""Every method in every population it offers, against effects that are known; clusters, weights, bootstrap."""

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import dose_response, effects_by_group, estimate_effect
from causalgen.effects.estimators.methods import METHODS
from causalgen.effects.overlap import region
from causalgen.errors import CausalgenError, DataError, DataWarning
from causalgen.grammar.populations import ESTIMANDS
from causalgen.graph import CausalGraph, Variable

from .generator import even_table, linear_table, sigmoid

GRAPH = CausalGraph("z -> {t, y}; t -> y")
SHORT = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}


def uneven_table(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Effect 1 + z, treatment likelier at large z: the populations' effects differ. True effects of this sample."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    propensity = sigmoid(z)
    t = (rng.random(rows) < propensity).astype(float)
    table = pd.DataFrame({"z": z, "t": t, "y": (1 + z) * t + z + 0.5 * rng.normal(size=rows)})
    effect, tilt = 1 + z, propensity * (1 - propensity)
    truth = {
        "whole": effect.mean(),
        "treated": effect[t == 1].mean(),
        "control": effect[t == 0].mean(),
        "overlap": np.average(effect, weights=tilt),
    }
    return table, truth


@pytest.mark.parametrize("population", ["whole", "treated", "control", "overlap"])
@pytest.mark.parametrize("method", ["weighting", "matching", "doubly robust"])
def test_effects_differ_between_populations_and_each_is_found(method: str, population: str) -> None:
    if population not in METHODS[method].populations:
        pytest.skip("the method does not average over this population")
    table, truth = uneven_table(6_000, seed=1)
    report = estimate_effect(GRAPH, table, **SHORT, methods=[method], population=population)
    units = {"treated": ", units with t=1", "control": ", units with t=0"}.get(population, "")
    assert report.question.endswith("y" if population == "whole" else f"{ESTIMANDS[population]}{units}")
    row = report[method]
    assert row.population == population
    assert row.value == pytest.approx(truth[population], abs=0.08)
    assert row.covers(truth[population])
    assert truth["treated"] - truth["control"] > 0.7


@pytest.mark.parametrize("method", ["weighting", "doubly robust"])
def test_rows_unlike_any_treated_count_for_nothing_among_the_treated(method: str) -> None:
    """One row in a hundred is treated: propensities raised to 1 % would give each of the others a treated row's like."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=8_000)
    t = (rng.random(8_000) < sigmoid(-6 + 2 * z)).astype(float)
    table = pd.DataFrame({"z": z, "t": t, "y": t + 5 * z + rng.normal(size=8_000)})
    assert 50 < t.sum() < 200
    row = estimate_effect(GRAPH, table, **SHORT, methods=[method], population="treated")[method]
    assert row.covers(1.0)
    assert row.value == pytest.approx(1.0, abs=0.6)


def test_matching_shares_ties_among_all_rows_that_tie() -> None:
    """With one covariate of two values matching is exact: the difference within strata; without any, the difference."""
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 600)
    t = (rng.random(600) < 0.3 + 0.4 * z).astype(float)
    table = pd.DataFrame({"z": z, "t": t, "y": t + z + rng.normal(size=600)})
    row = estimate_effect(GRAPH, table, **SHORT, methods=["matching"])["matching"]
    means = table.groupby(["z", "t"])["y"].mean().unstack()
    assert row.value == pytest.approx(np.average(means[1] - means[0], weights=np.bincount(z)), abs=1e-3)
    bare = estimate_effect(CausalGraph("t -> y"), table, **SHORT, methods=["matching"])
    assert bare["matching"].value == pytest.approx(bare["naive"].value, abs=1e-3)
    assert bare["matching"].high == pytest.approx(bare["naive"].high, abs=0.01)
    turned = estimate_effect(GRAPH, table.iloc[::-1], **SHORT, methods=["matching"])["matching"]
    assert turned.value == pytest.approx(row.value)


def three_arms(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    share = np.exp(np.column_stack([0 * z, 0.8 * z, -0.8 * z]))
    arm = (rng.random((rows, 1)) > (share / share.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
    outcome = np.array([0.0, 1.0, 3.0])[arm] + 2 * z + 0.5 * rng.normal(size=rows)
    return pd.DataFrame({"z": z, "t": np.array(["none", "low", "high"])[arm], "y": outcome})


@pytest.mark.parametrize("kind", ["categorical", "ordinal"])
@pytest.mark.parametrize("method", ["linear adjustment", "weighting", "matching", "doubly robust"])
def test_a_treatment_of_three_labels(method: str, kind: str) -> None:
    variables = [Variable("z", "continuous"), Variable("t", kind, labels=("none", "low", "high")), Variable("y")]
    graph = CausalGraph("z -> {t, y}; t -> y", variables)
    question = SHORT | {"contrast": ("none", "high"), "methods": [method]}
    report = estimate_effect(graph, three_arms(4_000, seed=0), **question)
    assert report.contrast == ("none", "high")
    assert not report["naive"].covers(3.0)
    assert report[method].value == pytest.approx(3.0, abs=0.15)
    assert report[method].covers(3.0)


def test_generalized_linear_adjustment_is_standardisation() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=8_000)
    t = (rng.random(8_000) < sigmoid(z)).astype(int)
    y = (rng.random(8_000) < sigmoid(-0.5 + t + 1.5 * z)).astype(int)
    variables = [Variable("z", "continuous"), Variable("t", "binary"), Variable("y", "binary")]
    graph = CausalGraph("z -> {t, y}; t -> y", variables)
    question = SHORT | {"methods": ["generalized linear adjustment"]}
    for population, rows in (("whole", slice(None)), ("treated", t == 1)):
        truth = np.mean(sigmoid(0.5 + 1.5 * z[rows]) - sigmoid(-0.5 + 1.5 * z[rows]))
        table = pd.DataFrame({"z": z, "t": t, "y": y})
        row = estimate_effect(graph, table, **question, population=population)["generalized linear adjustment"]
        assert row.value == pytest.approx(truth, abs=0.03)
        assert row.covers(truth)


def test_double_machine_learning_finds_a_slope_behind_a_curved_confounder() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=4_000)
    t = z**2 + rng.normal(size=4_000)
    table = pd.DataFrame({"z": z, "t": t, "y": 2 * t + 3 * z**2 + rng.normal(size=4_000)})
    report = estimate_effect(
        GRAPH, table, **SHORT | {"contrast": (1, 3), "methods": ["linear adjustment", "double machine learning"]}
    )
    assert report["double machine learning"].covers(4.0)
    assert report["double machine learning"].value == pytest.approx(4.0, abs=0.15)
    assert not report["linear adjustment"].covers(4.0)


def test_poor_overlap_is_reported_in_both_populations_with_its_place() -> None:
    rng = np.random.default_rng(1)
    z, group = rng.normal(size=(2, 6_000))
    site = np.where(group > 1, "north", "south")
    t = (rng.random(6_000) < sigmoid(z + 3.4 * (site == "north"))).astype(float)
    table = pd.DataFrame({"z": z, "site": site, "t": t, "y": t + z + 0.5 * rng.normal(size=6_000)})
    report = estimate_effect(CausalGraph("{z, site} -> {t, y}; t -> y"), table, **SHORT)
    assert [row.population for row in report.estimates] == ["whole", "whole", "whole", "overlap"]
    overlap = report["doubly robust, overlap population"]
    assert overlap.covers(1.0)
    whole = report["doubly robust"]
    assert overlap.high - overlap.low < whole.high - whole.low
    (warning,) = report.warnings
    assert warning.startswith("Poor overlap: for ")
    assert "site is not south" in warning


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"age is known": np.arange(200) / 100}, "age is known > 1 (100% of them)"),
        ({"drug is given": ["no"] * 101 + ["it is so"] * 99}, "drug is given is not no (100% of them)"),
        ({}, ""),
    ],
)
def test_a_region_is_told_by_columns_whatever_their_names(columns: dict, text: str) -> None:
    assert region(pd.DataFrame(columns, index=range(200)), np.arange(200) > 100) == text


def test_a_dose_outside_the_table_is_a_warning_without_covariates_too() -> None:
    rng = np.random.default_rng(0)
    t = rng.normal(size=300)
    table = pd.DataFrame({"t": t, "y": t + rng.normal(size=300)})
    question = SHORT | {"contrast": (0.0, 9.0), "methods": ["linear adjustment"]}
    (warning,) = estimate_effect(CausalGraph("t -> y"), table, **question).warnings
    assert "do(t=9) lies outside the t seen among similar rows for 100% of the rows;" in warning


def clustered_table(seed: int) -> pd.DataFrame:
    """100 patients of 9 images: treatment, covariate and half of the noise are the patient's."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(100), 9)  # fewer than the 1,000 rows from which boosted trees take a part
    z, noise = rng.uniform(-1.5, 1.5, size=100), rng.normal(size=100)
    t = (rng.random(100) < sigmoid(0.5 * z)).astype(float)
    y = t + z + noise
    table = pd.DataFrame({"z": z, "t": t, "y": y}).iloc[patient].reset_index(drop=True)
    return table.assign(y=table["y"] + 0.3 * rng.normal(size=900), patient=[f"p{i}" for i in patient])


@pytest.mark.parametrize(
    "method", ["linear adjustment", pytest.param("doubly robust", marks=pytest.mark.slow), "weighting"]
)
def test_clusters_restore_coverage(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubly robust scores of one split into folds, as in large tables: several take five times as long."""
    monkeypatch.setattr("causalgen.effects.estimators.adjustment.ROWS_TO_SCORE", 1)
    hits, hits_without = 0, 0
    for seed in range(30):
        table = clustered_table(seed)
        arguments = SHORT | {"methods": [method], "level": 0.9}
        hits += bool(estimate_effect(GRAPH, table, **arguments, cluster="patient")[method].covers(1.0))
        hits_without += bool(estimate_effect(GRAPH, table, **arguments)[method].covers(1.0))
    assert hits >= 22  # 27 expected, less 3 standard errors
    assert hits_without <= 19


def test_clustered_linear_interval_is_statsmodels() -> None:
    from statsmodels.api import OLS, add_constant

    table = clustered_table(0)
    row = estimate_effect(GRAPH, table, **SHORT, methods=["linear adjustment"], cluster="patient")["linear adjustment"]
    groups = table["patient"].factorize()[0]
    design = add_constant(table[["t", "z"]])
    fitted = OLS(table["y"], design).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert row.value == pytest.approx(fitted.params["t"], rel=1e-9)
    assert (row.low, row.high) == pytest.approx(fitted.conf_int().loc["t"].tolist(), rel=1e-6)


@pytest.mark.parametrize("method", ["linear adjustment", "weighting", "doubly robust"])
def test_sampling_weights_undo_a_selection(method: str) -> None:
    """Rows with large z were sampled four times as often; weights bring the population's effect back."""
    table, truth = uneven_table(20_000, seed=2)
    rng = np.random.default_rng(0)
    kept = rng.random(len(table)) < np.where(table["z"] > 0, 1.0, 0.25)
    sampled = table[kept].assign(w=np.where(table["z"][kept] > 0, 10.0, 40.0))
    weighted = estimate_effect(GRAPH, sampled, **SHORT, methods=[method], weights="w")[method]
    plain = estimate_effect(GRAPH, sampled, **SHORT, methods=[method])[method]
    assert not plain.covers(truth["whole"])
    if method == "linear adjustment":  # one effect for all rows is wrong here: only the direction is asked
        assert abs(weighted.value - truth["whole"]) < abs(plain.value - truth["whole"])
    else:
        assert weighted.covers(truth["whole"])
    assert sampled["w"].sum() == pytest.approx(10 * len(table), rel=0.05)


@pytest.mark.parametrize(
    ("method", "table"),
    [
        pytest.param("doubly robust", even_table(1_000, seed=3), marks=pytest.mark.slow),
        ("g-computation", linear_table(500, seed=0, effect=1.0)),
    ],
)
def test_bootstrap_agrees_with_the_influence_function(
    method: str, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causalgen.effects.estimators.adjustment.ROWS_TO_SCORE", 1)
    arguments = SHORT | {"methods": [method]}
    analytic = estimate_effect(GRAPH, table, **arguments)[method]
    drawn = estimate_effect(GRAPH, table, **arguments, interval="bootstrap", resamples=100)[method]
    assert drawn.value == pytest.approx(analytic.value, abs=0.1 * (analytic.high - analytic.low))  # without trees
    assert drawn.high - drawn.low == pytest.approx(analytic.high - analytic.low, rel=0.35)
    assert "bootstrap of 100 resamples" in drawn.note
    simpler = [text for text in (analytic.note, drawn.note) if "Without boosted trees and recalibration here" in text]
    assert simpler == ([drawn.note] if method == "doubly robust" else [])


def test_bootstrap_draws_whole_clusters() -> None:
    table = clustered_table(1)
    arguments = SHORT | {"methods": ["linear adjustment"], "interval": "bootstrap", "resamples": 100}
    together = estimate_effect(GRAPH, table, **arguments, cluster="patient")["linear adjustment"]
    assert together == estimate_effect(GRAPH, table, **arguments, cluster="patient")["linear adjustment"]
    apart = estimate_effect(GRAPH, table, **arguments)["linear adjustment"]
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_dose_response_follows_the_curve() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=4_000)
    t = 0.7 * z + rng.normal(size=4_000)
    table = pd.DataFrame({"z": z, "t": t, "y": t**2 + z + rng.normal(size=4_000)})
    curve = dose_response(GRAPH, table, treatment="t", outcome="y", values=[-1, 0, 1, 2])
    assert list(curve.columns) == ["value", "mean", "low", "high", "low_all", "high_all", "support"]
    assert curve["support"].min() > 0.7
    truth = curve["value"] ** 2 + z.mean()
    assert ((curve["low_all"] <= truth) & (truth <= curve["high_all"])).all()
    assert ((curve["low_all"] < curve["low"]) & (curve["high"] < curve["high_all"])).all()
    assert (curve["high_all"] - curve["low_all"]).max() < 0.6
    effect = estimate_effect(GRAPH, table, **SHORT | {"contrast": (0, 2), "methods": ["g-computation"]})
    difference = curve.set_index("value")["mean"].loc[2.0] - curve.set_index("value")["mean"].loc[0.0]
    assert effect["g-computation"].value == pytest.approx(difference, rel=1e-9)
    with pytest.warns(DataWarning, match="extrapolates at t = 9: for more than half"):
        dose_response(GRAPH, table, treatment="t", outcome="y", values=[0, 9])
    labelled = table.assign(t=np.where(table["t"] > 0, "a", "b"))
    with pytest.raises(DataError, match="Expected a continuous treatment"):
        dose_response(GRAPH, labelled, treatment="t", outcome="y")


def test_effects_by_group_find_each_groups_effect() -> None:
    table, _ = uneven_table(8_000, seed=3)
    groups = effects_by_group(GRAPH, table, treatment="t", outcome="y", contrast=(0, 1), by="z", bins=3)
    assert list(groups["rows"]) == pytest.approx([8_000 / 3] * 3, abs=1)
    truth = (1 + table["z"]).groupby(pd.qcut(table["z"], 3), observed=True).mean().to_numpy()
    assert ((groups["low_all"] <= truth) & (truth <= groups["high_all"])).all()
    assert groups["low_all"].iloc[2] > groups["high_all"].iloc[0]
    assert groups.attrs["p_value"] < 1e-6
    cut = effects_by_group(GRAPH, table, treatment="t", outcome="y", contrast=(0, 1), by="z", bins=[0.5, -0.5])
    assert list(cut["group"]) == ["up to -0.5", "above -0.5, up to 0.5", "above 0.5"]
    assert cut["rows"].iloc[0] == (table["z"] <= -0.5).sum()
    assert (cut["rows_control"] + cut["rows_treated"] == cut["rows"]).all()


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("m", {}, "'t' acts on 'm' in the graph.*causal path"),
        ("y", {}, "other than treatment and outcome to group by; got the outcome"),
        ("zz", {}, "Did you mean 'z'"),
        ("extra", {}, "'extra' is a column of the table without a node"),
        ("rare", {}, "2 has 1 rows, 1 with t = 0, 0 with t = 1"),
        ("arm", {}, "b has 0 with t = 1"),
        ("z", {"bins": [99]}, "above 99 has 0 rows"),
        ("z", {"bins": "wide"}, "finite values at which to cut 'z'; got 'wide'"),
        ("z", {"bins": 1}, "at least 2 bins; got 1"),
        ("arm", {"bins": [0.5]}, "no cuts of 'arm', which is binary"),
        ("hub", {}, "opens it at the collider 'hub'"),
    ],
)
def test_groups_without_an_effect_are_refused(by: str, options: dict, message: str) -> None:
    table, _ = uneven_table(600, seed=3)
    table = table.assign(m=table["t"] + table["z"], hub=table["z"], extra=1)
    table["rare"] = np.where(np.arange(600) == np.flatnonzero(table["t"] == 0)[0], 2, np.arange(600) % 2)
    table["arm"] = np.where((table["t"] == 0) & (table["z"] > 0), "b", "a")
    graph = CausalGraph("{z, rare, arm} -> {t, y}; t -> m -> y; hub", confounded=[("t", "hub"), ("hub", "y")])
    with pytest.raises(CausalgenError, match=message):
        effects_by_group(graph, table, treatment="t", outcome="y", contrast=(0, 1), by=by, **options)


def test_groups_need_a_discrete_treatment() -> None:
    with pytest.raises(DataError, match="'t' is continuous"):
        effects_by_group(GRAPH, linear_table(500, 0), treatment="t", outcome="y", contrast=(0, 1), by="z")


@pytest.mark.parametrize(
    "method", ["weighting", "matching", "generalized linear adjustment", "double machine learning"]
)
def test_dowhys_refuters_refit_every_estimator(method: str) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    binary = method != "double machine learning"
    t = (rng.random(600) < sigmoid(z)).astype(float) if binary else z + rng.normal(size=600)
    table = pd.DataFrame({"z": z, "t": t, "y": sigmoid(t + z + 0.5 * rng.normal(size=600))})
    variables = [Variable("z"), Variable("t"), Variable("y", "continuous", support=(0, 1))]
    graph = CausalGraph("z -> {t, y}; t -> y", variables)
    report = estimate_effect(graph, table, **SHORT | {"methods": [method], "refute": True, "simulations": 10})
    rows = {row.refuter: row for row in report.refutations}
    assert {"placebo treatment", "random common cause", "data subset"} <= set(rows)
    assert rows["placebo treatment"].found == pytest.approx(0, abs=0.02)
    for refuter in ("random common cause", "data subset"):
        assert rows[refuter].p_value is not None
        assert rows[refuter].found != report[method].value
        assert rows[refuter].found == pytest.approx(report[method].value, abs=0.02)
