"""Small content for reports: a graph with a hostile name, counterfactuals, metrics, an effect."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from causalgen.effects import EffectReport, Estimate, Refutation
from causalgen.graph import CausalGraph, Estimand, Variable
from causalgen.metrics import MetricResult, MetricTable
from causalgen.reports import (
    Citation,
    DataSummary,
    EffectFindings,
    Gallery,
    Highlight,
    MechanismSummary,
    ReportContent,
    ResponseCurve,
    write_report,
)
from causalgen.scm import Counterfactual, FittedTemperature, Tempering

HOSTILE = "<script>alert(1)</script> $x_"


@pytest.fixture(scope="session")
def graph() -> CausalGraph:
    variables = [
        Variable("age", "continuous", unit="years"),
        Variable(HOSTILE, "binary", labels=("<b>no</b>", "yes & so on")),
        Variable("image", "image", shape=(1, 6, 8)),
    ]
    return CausalGraph([("age", HOSTILE), ("age", "image"), (HOSTILE, "image")], variables)


@pytest.fixture(scope="session")
def counterfactual(graph: CausalGraph) -> Counterfactual:
    factual = {
        "age": torch.tensor([30.0, 40.0, 50.0]),
        HOSTILE: torch.tensor([0, 1, 0]),
        "image": torch.full((3, 1, 6, 8), 100.0),
    }
    values = factual | {HOSTILE: torch.tensor([1, 1, 1]), "image": torch.full((3, 1, 6, 8), 140.0)}
    return Counterfactual(graph, factual, values, {HOSTILE: "yes & so on"}, torch.tensor([True, False, True]))


@pytest.fixture(scope="session")
def effect() -> EffectReport:
    report = EffectReport(
        treatment=HOSTILE,
        outcome="age",
        contrast=("<b>no</b>", "yes & so on"),
        outcome_unit="years",
        estimand=Estimand("backdoor", HOSTILE, "age", ("other",)),
        estimates=(
            Estimate("naive", 5.0, 4.5, 5.5, "naive", "An association."),
            Estimate("doubly robust", 3.0, 2.5, 3.5, "adjusted", "Augmented weighting."),
        ),
        refutations=(
            Refutation(
                "placebo treatment",
                "doubly robust",
                0.0,
                0.1,
                0.6,
                "not rejected",
                0.2,
                None,
                "no verdict",
                "Checks x.",
                "Y.",
            ),
        ),
        rows_used=1234,
        rows_dropped=7,
        level=0.95,
        seed=0,
        warnings=("7 rows were dropped.",),
    )
    return report.compare(Estimate("fitted model under do", 3.2, 3.1, 3.3), truth=3.1)


def metric(name: str, query: str, row: str, value: float) -> MetricResult:
    return MetricResult(
        name,
        query,
        row,
        "within support",
        value,
        value - 0.1,
        value + 0.1,
        90,
        "px",
        "lower",
        0.12 if row == "model" else None,
    )


@pytest.fixture(scope="session")
def metrics() -> MetricTable:
    rows = [
        metric(name, query, row, value)
        for query, name in (("do(age)", "image L1 to truth"), ("do(age)", "SSIM to truth"), ("", "composition L1"))
        for row, value in (("model", 1.0), ("identity control", 2.5), ("oracle", 0.4))
    ]
    return MetricTable(tuple(rows), ("A note on the metrics.",))


@pytest.fixture(scope="session")
def bare(graph: CausalGraph) -> ReportContent:
    return ReportContent("study", "What if?", graph)


@pytest.fixture(scope="session")
def full(
    bare: ReportContent, graph: CausalGraph, counterfactual: Counterfactual, effect: EffectReport, metrics: MetricTable
) -> ReportContent:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, 60), HOSTILE: rng.choice(["<b>no</b>", "yes & so on"], 60)})
    history = pd.DataFrame(
        [("image", epoch, split, "loss", 5.0 / (epoch + 1)) for epoch in range(8) for split in ("train", "validation")],
        columns=["node", "epoch", "split", "objective", "value"],
    )
    return replace(
        bare,
        question=f"What if {HOSTILE}?",
        highlights=(Highlight("Asked", "42", "of 50"),),
        data=DataSummary(
            "people", {"train": 40, "test": 20}, frame, 30, "one person", {"image": rng.uniform(0, 255, (4, 1, 6, 8))}
        ),
        mechanisms=(
            MechanismSummary("age", "spline-flow", "bijective", {"bins": 8}, 100, 3, works=("spline-flow",)),
            MechanismSummary("image", "conv-vae", "variational"),
        ),
        history=history,
        galleries=(Gallery(counterfactual, truth=dict(counterfactual)), Gallery(counterfactual, units=[2])),
        curves=(
            ResponseCurve(
                "age", "age on the image", [20, 30], [21.0, 29.0], [20.5, 28], [21.5, 30], [20, 30], [1.0, 0.2]
            ),
            ResponseCurve(HOSTILE, "age", ["<b>no</b>", "yes"], [1.0, 2.0]),
        ),
        metrics=metrics,
        evidence=Tempering(
            (
                FittedTemperature("continuous", "rest", 4.0, 4.0, (0.4, 0.3), (0.8, 0.95), (0.1, 0.2)),
                FittedTemperature("discrete", "rest", 1.0, 2.0, (0.3, 0.4), (0.9, 0.9), (0.98, 0.91)),
            ),
            104,
            96,
        ),
        effects=(EffectFindings(effect),),
        warnings=("3 units are outside.",),
        limits=("Only digits.",),
        timings={"training": 12.0, "report": 3.0},
        versions={"torch": "2.13"},
        seeds={"study": 7},
        command="causalgen run study.yaml --seed 7",
        citations=(Citation("A. Author. A data set.", "https://example.org/data"),),
    )


@pytest.fixture(scope="session")
def run(full: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the report of the full content."""
    return write_report(tmp_path_factory.mktemp("run"), full).parent
