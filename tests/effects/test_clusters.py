"""Rows that belong together: degrees of freedom, folds, bootstrap draws and what few clusters are told."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from causalgen.effects import dose_response, effects_by_group, estimate_effect
from causalgen.effects.estimators.basis import FlexibleBasis
from causalgen.effects.estimators.folds import cross_folds
from causalgen.effects.estimators.outcome_model import PENALTIES, OutcomeModel
from causalgen.errors import DataError
from causalgen.graph import CausalGraph

from .generator import linear_table

GRAPH = CausalGraph("z -> {t, y}; t -> y")
SHORT = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}


def clustered(clusters: int, seed: int, *, size: int = 10) -> pd.DataFrame:
    """Half of the clusters are treated as a whole; effect 1, and half of the noise is the cluster's."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), size)
    z = rng.normal(size=clusters * size)
    t = (rng.permutation(clusters) < clusters / 2).astype(float)[cluster]
    noise = rng.normal(size=clusters)[cluster] + rng.normal(size=len(z))
    return pd.DataFrame({"z": z, "t": t, "y": t + z + noise, "c": cluster})


def test_few_clusters_have_students_interval() -> None:
    from statsmodels.api import OLS, add_constant

    table = clustered(12, seed=0)
    report = estimate_effect(GRAPH, table, **SHORT, methods=["linear adjustment"], cluster="c")
    design = add_constant(table[["t", "z"]])
    fitted = OLS(table["y"], design).fit(cov_type="cluster", cov_kwds={"groups": table["c"]}, use_t=True)
    row = report["linear adjustment"]
    assert (row.low, row.high) == pytest.approx(fitted.conf_int().loc["t"].tolist(), rel=1e-6)
    assert any(text.startswith("Only 12 clusters") for text in report.warnings)


@pytest.mark.parametrize("method", ["linear adjustment", "weighting", "matching", "doubly robust"])
def test_few_clusters_cover(method: str) -> None:
    """25 clusters: the normal quantile would be 5 % short, and rows taken as independent far more."""
    hits = 0
    for seed in range(20):
        table = clustered(25, seed, size=4)
        hits += bool(estimate_effect(GRAPH, table, **SHORT, methods=[method], cluster="c")[method].covers(1.0))
    assert hits >= 16  # 19 expected, less 3 standard errors


def test_folds_spread_the_clusters_of_every_arm() -> None:
    clusters, arm = np.repeat(np.arange(25), 4), np.repeat(np.arange(25) < 5, 4)
    for seed in range(20):
        for fit, score in cross_folds(100, 5, seed, arm=arm, clusters=clusters):
            assert not set(clusters[fit]) & set(clusters[score])
            assert arm[score].sum() == 4


def test_folds_without_a_stratum_for_every_fold_still_keep_clusters() -> None:
    clusters, arm = np.repeat(np.arange(6), 2), np.array([0, 0, 1, 1, 2, 2, 0, 1, 1, 2, 0, 2])
    scored = [score for _, score in cross_folds(12, 5, 0, arm=arm, clusters=clusters)]
    assert sorted(np.concatenate(scored)) == list(range(12))


def weak(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Twelve features of which one matters, little next to the noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 12))
    return features, 0.3 * features[:, 0] + rng.normal(size=rows)


@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)], ids=["ridge", "logistic"])
def test_copies_of_a_row_are_penalised_as_one_and_different_rows_of_a_cluster_are_not(
    bounds: tuple[float, float] | None,
) -> None:
    features, value = weak(200)
    outcome = value if bounds is None else (value > 0).astype(float)
    alone = OutcomeModel(bounds, None).fit(features, outcome, clusters=np.arange(200))
    copied = OutcomeModel(bounds, None).fit(features.repeat(5, 0), outcome.repeat(5), clusters=np.arange(200).repeat(5))
    np.testing.assert_allclose(copied.coef_, alone.coef_, rtol=1e-3, atol=1e-4)
    assert copied.penalty_ == pytest.approx(5 * alone.penalty_)
    by_chance = OutcomeModel(bounds, None).fit(features, outcome, clusters=np.arange(200) % 40)
    assert by_chance.penalty_ == pytest.approx(alone.penalty_)


@pytest.mark.parametrize("clusters", [np.arange(90) // 3, np.arange(90) % 7, np.minimum(np.arange(90), 12)])
def test_a_penalty_is_chosen_by_refits_without_whole_clusters(clusters: np.ndarray) -> None:
    features, outcome = weak(90, seed=1)
    _, own = np.unique(clusters, return_inverse=True)
    losses = []
    for relative in PENALTIES:
        loss = 0.0
        for fold in range(20):
            out = own % 20 == fold
            if out.any():
                found = OutcomeModel(penalty=relative * 90).fit(features[~out], outcome[~out])
                loss += np.sum((found.predict(features[out]) - outcome[out]) ** 2)
        losses.append(loss)
    chosen = OutcomeModel(penalty=None).fit(features, outcome, clusters=clusters)
    assert chosen.penalty_ == pytest.approx(90 * PENALTIES[int(np.argmin(losses))])


def test_a_bootstrap_refits_the_estimator_and_not_a_coarser_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thirds of the rows are in a resample, but all its draws say how many features they can carry."""
    seen = []

    class Watched(FlexibleBasis):
        def __init__(self, columns: np.ndarray, *, units: int | None = None, **options: int) -> None:
            seen.append(units)
            super().__init__(columns, units=units, **options)

    monkeypatch.setattr("causalgen.effects.estimators.first_fit.FlexibleBasis", Watched)
    arguments = SHORT | {"methods": ["weighting"], "interval": "bootstrap", "resamples": 100}
    table = linear_table(300, seed=0).assign(t=lambda frame: (frame["t"] > 0).astype(int))
    table["z"] = np.random.default_rng(0).normal(size=300)
    estimate_effect(GRAPH, table, **arguments)
    assert set(seen) == {300}


def test_resamples_without_an_arm_are_left_out_and_told() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"z": rng.normal(size=200), "c": np.arange(200) // 4})
    table["t"] = (table["c"] < 5).astype(int)
    table["y"] = table["t"] + rng.normal(size=200)
    question = SHORT | {"methods": ["linear adjustment"], "interval": "bootstrap", "resamples": 200, "cluster": "c"}
    row = estimate_effect(GRAPH, table, **question)["linear adjustment"]
    assert "of them could not be estimated and were left out" in row.note
    assert row.low is not None
    assert row.low < row.value < row.high


def test_groups_and_curves_know_the_degrees_of_freedom() -> None:
    table = clustered(12, seed=1, size=40)
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "by": "z", "bins": 2}
    widths = [
        effects_by_group(GRAPH, table, **question, cluster="c", level=level).eval("high - low") for level in (0.95, 0.5)
    ]
    assert (widths[0] / widths[1]).to_numpy() == pytest.approx(student.ppf(0.975, 11) / student.ppf(0.75, 11))
    smooth = linear_table(480, seed=0).assign(c=table["c"])
    bands = [
        dose_response(GRAPH, smooth, treatment="t", outcome="y", cluster="c", level=level).eval("high - low")
        for level in (0.95, 0.5)
    ]
    assert (bands[0] / bands[1]).to_numpy() == pytest.approx(student.ppf(0.975, 11) / student.ppf(0.75, 11))


@pytest.mark.parametrize("level", [95, "0.9", 0])
def test_levels_are_checked_everywhere(level: object) -> None:
    table = clustered(12, seed=0)
    question = {"treatment": "t", "outcome": "y", "level": level}
    with pytest.raises(DataError, match="Expected level between 0 and 1"):
        effects_by_group(GRAPH, table, **question, contrast=(0, 1), by="z")
    with pytest.raises(DataError, match="Expected level between 0 and 1"):
        dose_response(GRAPH, linear_table(100, 0), **question)
