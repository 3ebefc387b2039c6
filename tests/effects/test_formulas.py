"""Formulas of general identification, estimated from data: exact tables, random models with hidden causes, faults."""

import numpy as np
import pandas as pd
import pytest
from graph.discrete_models import DiscreteModel
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.effects.estimators.identified_formula import IdentifiedFormula
from causalgen.effects.identification import formula_estimand
from causalgen.effects.table import WEIGHTS
from causalgen.errors import DataError, NotIdentifiableError
from causalgen.graph import CausalGraph, identify

from .generator import sigmoid

NAPKIN = "w -> z -> x -> y; w <-> x; w <-> y"
GRAPHS = {
    "napkin": NAPKIN,
    "napkin with a covariate": f"{NAPKIN}; c -> {{w, z, x, y}}",
    "front door": "x -> m -> y; x <-> y",
    "front door with a covariate": "c -> {x, m, y}; x -> m -> y; x <-> y",
    "two mediators": "x -> a -> b -> y; x -> y; x <-> b; a <-> y",
    "mediator without a bow": "c -> x -> m -> y; c <-> m; x <-> y",
    "Verma": "x -> m -> s -> y; m <-> y; x <-> s",
}


def model_of(graph: CausalGraph, seed: int, values: tuple[int, ...] = (2,)) -> DiscreteModel:
    """A random model of a graph, in which the outcome is binary."""
    model = DiscreteModel(graph, np.random.default_rng(seed), values)
    return model if model.sizes["y"] == 2 else model_of(graph, seed + 100, values)


def effect_of(model: DiscreteModel) -> float:
    means = model.effect("y", "x")[1]
    return float(means[1] - means[0])


def rows_of(model: DiscreteModel, names: tuple[str, ...]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every combination of values, with its probability."""
    joint = model.joint(names)
    return pd.DataFrame(np.argwhere(joint >= 0), columns=list(names)), joint.ravel()


@pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)
def test_on_the_true_distribution_the_plug_in_is_the_effect(edges: str) -> None:
    """Weights are the exact probabilities; measured: largest difference 5e-16."""
    graph = CausalGraph(edges)
    estimand = identify(graph, treatment="x", outcome="y")
    model = model_of(graph, seed=1, values=(2, 3))
    cells, probability = rows_of(model, graph.nodes)
    table = pd.concat([cells.assign(**{WEIGHTS: probability})] * 5, ignore_index=True).astype(float)
    labels = {name: {float(code): code for code in range(model.sizes[name])} for name in graph.nodes}
    estimator = IdentifiedFormula(formula_estimand(estimand), estimand=estimand, labels=labels, bounds=(0.0, 1.0))
    assert estimator.fit(table).estimate_effect(table).value == pytest.approx(effect_of(model), abs=1e-8)


@pytest.mark.parametrize("name", ["napkin with a covariate", "front door with a covariate", "two mediators"])
def test_estimates_converge_in_random_models(name: str) -> None:
    """10,000 rows of a model with hidden causes: each estimate is within 4.5 standard errors, and within 0.1."""
    graph = CausalGraph(GRAPHS[name])
    model = model_of(graph, seed=3)
    cells, probability = rows_of(model, graph.nodes)
    rng = np.random.default_rng(0)
    table = cells.iloc[rng.choice(len(cells), size=10_000, p=probability)].reset_index(drop=True)
    report = estimate_effect(graph, table, treatment="x", outcome="y", contrast=(0, 1), resamples=100, refute=False)
    for row in report.estimates[1:]:
        assert row.low is not None
        assert row.high is not None
        error = (row.high - row.low) / 3.92
        assert abs(row.value - effect_of(model)) < min(4.5 * error, 0.1), row


def napkin_table(rows: int, seed: int) -> pd.DataFrame:
    """Napkin with hidden u (w, x) and v (w, y), and a continuous covariate that acts on all; the effect is 1."""
    rng = np.random.default_rng(seed)
    u, v, age = rng.normal(size=(3, rows))
    w = rng.random(rows) < sigmoid(u + v + 0.5 * age)
    z = rng.random(rows) < sigmoid(0.8 * w - 0.4 + 0.3 * age)
    x = rng.random(rows) < sigmoid(1.2 * z - 0.6 + 0.8 * u + 0.3 * age)
    y = x + v + age + rng.normal(size=rows)
    return pd.DataFrame({"w": w, "z": z, "x": x, "y": y, "age": age}).astype(float)


WITH_AGE = CausalGraph(f"{NAPKIN}; age -> {{w, z, x, y}}")
ASK = {"treatment": "x", "outcome": "y", "contrast": (0, 1), "resamples": 100}


def test_a_continuous_covariate_is_averaged_over_the_rows_and_refuters_agree() -> None:
    table = napkin_table(1_000, seed=0)
    report = estimate_effect(WITH_AGE, table, **ASK, simulations=10)
    row = report["identified formula"]
    assert row.covers(1.0)
    assert row.value == pytest.approx(1.0, abs=0.25)
    assert {one.verdict for one in report.refutations} == {"not rejected"}
    assert report.estimand.formula in str(report)
    assert "Implied independencies" in str(examine(WITH_AGE, table, report))
    again = estimate_effect(
        WITH_AGE,
        table.assign(person=np.repeat(np.arange(250), 4), weight=1.0),
        **ASK,
        cluster="person",
        weights="weight",
        refute=False,
    )
    assert again["identified formula"].value == pytest.approx(row.value, abs=0.01)


def test_the_one_step_estimate_takes_continuous_mediators_that_no_formula_can_sum_over() -> None:
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 2_000))
    x = (rng.random(2_000) < sigmoid(u)).astype(int)
    a = x + 0.7 * v + rng.normal(size=2_000)
    b = 0.7 * a + 0.7 * u + rng.normal(size=2_000)
    table = pd.DataFrame({"x": x, "a": a, "b": b, "y": b + 0.5 * x + v + rng.normal(size=2_000)})
    graph = CausalGraph(GRAPHS["two mediators"])
    report = estimate_effect(graph, table, **ASK, refute=False)
    assert [row.source for row in report.estimates] == ["naive", "one-step formula"]
    assert report.estimate.covers(1.2)
    assert report.estimate.value == pytest.approx(1.2, abs=0.25)
    assert not report["naive"].covers(1.2)


def test_the_one_step_estimate_knows_weights_and_clusters() -> None:
    """A row of weight 2 counts as two rows do; copies of rows in one cluster add no information."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=1_000)
    x = (rng.random(1_000) < sigmoid(u)).astype(float)
    m = (rng.random(1_000) < sigmoid(2 * x - 1)).astype(float)
    table = pd.DataFrame({"x": x, "m": m, "y": m + u})
    graph = CausalGraph(GRAPHS["front door"])
    once = estimate_effect(graph, table, **ASK, methods=["one-step front-door"], refute=False).estimate
    copied = pd.concat([table.assign(unit=np.arange(1_000))] * 2, ignore_index=True)
    twice = estimate_effect(
        graph, copied, **ASK, methods=["one-step front-door"], cluster="unit", refute=False
    ).estimate
    assert twice.value == pytest.approx(once.value, abs=0.03)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.05)
    assert once.covers(2 * sigmoid(1.0) - 1)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"x": "continuous"}, {}, r"P\(x \| z, w\) needs the density of 'x', which is continuous. Recode"),
        ({}, {"methods": ["one-step formula"]}, "a child of the treatment shares a hidden cause with it"),
        ({}, {"methods": ["doubly robust"]}, "identified by a general formula; got 'doubly robust'"),
        ({}, {"population": "treated"}, "population='whole' for an effect identified by a general formula"),
        ({"empty": True}, {}, r"none has x = 1 and z = 0, and the factor P\(y \| x, z, w\) needs it. Merge"),
        ({"few": True}, {}, "at least 50"),
    ],
)
def test_faults_are_named(change: dict, options: dict, message: str) -> None:
    table = napkin_table(400, seed=0).drop(columns="age")
    if change.get("x"):
        table["x"] += np.random.default_rng(0).normal(size=len(table))
    if change.get("empty"):
        table["x"] = table["x"].where(table["z"] == 1, 0.0)
    if change.get("few"):
        table = table.head(40)
    with pytest.raises(DataError, match=message):
        estimate_effect(CausalGraph(NAPKIN), table, **ASK, refute=False, **options)


def test_what_no_formula_identifies_is_still_refused() -> None:
    with pytest.raises(NotIdentifiableError, match="hedge"):
        estimate_effect(CausalGraph("w -> z -> x -> y; x <-> y; w <-> y"), napkin_table(100, 0), **ASK)


def test_the_command_writes_formula_and_derivation(tmp_path) -> None:
    table = napkin_table(400, seed=0).drop(columns="age")
    table.to_csv(tmp_path / "napkin.csv", index=False)
    command = ["effects", str(tmp_path / "napkin.csv"), "--graph", NAPKIN, "--treatment", "x", "--outcome", "y"]
    command += ["--contrast", "0", "1", "--simulations", "0", "--out", str(tmp_path / "page")]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    assert "identified formula" in told.output
    page = (tmp_path / "page" / "effect.md").read_text(encoding="utf-8")
    assert "rule 2, exchange of action and observation" in page
    assert "Shpitser" in page
