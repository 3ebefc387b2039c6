"""What a user writes, for the type checker: every public door, and results used as what they are said to be."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from causalgen import (
    CausalGraph,
    Counterfactual,
    Dataset,
    EffectReport,
    FitConfig,
    Stage,
    StructuralCausalModel,
    Variable,
    estimate_effect,
    fit,
    from_arrays,
    identify,
    load,
    load_table,
)


def ask(data: Dataset, out: Path) -> Counterfactual:
    config = FitConfig(attributes=Stage(epochs=1), images=Stage(epochs=1), seed=0)
    scm = StructuralCausalModel(data.graph, {"thickness": "spline-flow", "image": {"mechanism": "conv-vae"}})
    history: pd.DataFrame = fit(scm, data, config, out=out).history
    print(scm.summary().loc["image", "mechanism"], len(history))
    drawn: Tensor = scm.sample(8, do={"pen": "felt-tip"}, given={"hurry": 0.5}, seed=0)["thickness"]
    posterior = scm.abduct(data.part("test"), particles=4, seed=0)
    world = posterior.counterfactual({"thickness": lambda value, parents: value + drawn.mean()}, seed=0)
    moved: Tensor = world.difference("image")
    everything: dict[str, Tensor] = world.difference()
    print(moved.abs().mean(), list(everything), world.to_frame().columns, world.supported.sum())
    world.plot(units=3).savefig(out / "grid.svg")
    print(world.save(out).csv.name)
    return scm.counterfactual(data.rows([0, 1]), {"pen": "felt-tip"}, seed=0)


def effect(table: pd.DataFrame, graph: CausalGraph, out: Path) -> EffectReport:
    print(identify(graph, treatment="pen", outcome="thickness").text)
    report = estimate_effect(graph, table, treatment="pen", outcome="thickness", contrast=("ballpoint", "felt-tip"))
    low: float | None = report.estimates[0].low
    written: dict[str, Path] = report.save(out)
    print(low, report["truth"].value, report.to_frame()["estimate"].mean(), sorted(written))
    return report


def main(out: Path) -> None:
    pen = Variable("pen", "binary", labels=("ballpoint", "felt-tip"))
    graph = CausalGraph("hurry -> {pen, thickness}; pen -> thickness", [pen, Variable("hurry"), Variable("thickness")])
    for data in (
        load("morphodigits", rows=500),
        load_table("table.csv", graph),
        load_table(pd.DataFrame(), str(graph)),
    ):
        print(ask(data, out).title, effect(data.frame("train"), graph, out).question, data.graph["pen"].labels)
    from_arrays({"hurry": torch.rand(9), "pen": ["ballpoint"] * 9}, "hurry -> pen").frame().describe()
