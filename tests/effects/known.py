"""Real tables whose effect is known, as (table, graph, question, known effect)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalgen.graph import CausalGraph, Variable

IHDP_COLUMNS = ["t", "y", "y_cf", "mu0", "mu1", *(f"x{i}" for i in range(1, 26))]
DEMOGRAPHICS = ["age", "education", "black", "hispanic", "married", "nodegree"]
NEVER_INPUTS = ["T", "y0", "y1", "yf", "y_cf", "Propensity"]


@dataclass(frozen=True)
class Known:
    """A table, the question and the effect that is known: a simulation's truth, an experiment, a textbook's figure."""

    name: str
    table: pd.DataFrame
    graph: CausalGraph
    question: dict[str, Any]
    effect: float


def ihdp(data: Path, replication: int) -> Known:
    """Simulated outcomes on real covariates (Hill 2011); the truth is the sample's mean of mu1 - mu0."""
    raw = np.loadtxt(data / "tabular" / "ihdp" / f"ihdp_npci_{replication}.csv", delimiter=",")
    table = pd.DataFrame(raw, columns=IHDP_COLUMNS)
    effect = float((table["mu1"] - table["mu0"]).mean())
    return _known(f"IHDP {replication}", table[["t", "y", *IHDP_COLUMNS[5:]]], "t", "y", IHDP_COLUMNS[5:], effect)


def lalonde(data: Path) -> Known:
    """The NSW experiment, Dehejia and Wahba's sample (185 treated, 260 controls); known: difference in means, 1794."""
    table = pd.read_csv(data / "tabular" / "lalonde" / "nsw_dw.csv")
    return _known("NSW-DW experiment", table, "treat", "re78", [*DEMOGRAPHICS, "re74", "re75"], 1794.34)


def lalonde_observational(data: Path, controls: str = "psid_controls.csv") -> Known:
    """The experiment's treated with survey controls; known: the experiment's effect."""
    folder = data / "tabular" / "lalonde"
    treated = pd.read_csv(folder / "nsw_dw.csv").query("treat == 1")
    table = pd.concat([treated, pd.read_csv(folder / controls)], ignore_index=True)
    return _known(
        f"NSW treated, {controls.partition('.')[0]}", table, "treat", "re78", [*DEMOGRAPHICS, "re74", "re75"], 1794.34
    )


def nhefs(data: Path) -> Known:
    """Quitting smoking and weight gain with Hernan and Robins's covariates (1566 complete rows); known: 3.4 to 3.5 kg."""
    labelled = ["sex", "race", "education", "exercise", "active"]
    numbers = ["age", "smokeintensity", "smokeyrs", "wt71"]
    table = pd.read_csv(data / "tabular" / "nhefs" / "NHEFS.csv")[["qsmk", "wt82_71", *labelled, *numbers]]
    kinds = [_categorical(table, name) for name in labelled[2:]]
    for name in numbers:
        table[f"{name} squared"] = table[name] ** 2
    covariates = [*labelled, *numbers, *(f"{name} squared" for name in numbers)]
    return _known("NHEFS", table, "qsmk", "wt82_71", covariates, 3.45, variables=kinds)


def twins(data: Path) -> Known:
    """Hidden confounding: the covariates explain the treatment only in part; known: mean of y1 - y0, never an input."""
    table = pd.read_csv(data / "tabular" / "twins" / "twins.csv.gz", index_col=0)
    covariates = [name for name in table.columns if name not in NEVER_INPUTS]
    effect = float((table["y1"] - table["y0"]).mean())
    coded = [_categorical(table, name) for name in covariates if table[name].nunique() > 2]
    died = Variable("yf", "binary")
    return _known("Twins", table, "T", "yf", covariates, effect, variables=[died, *coded])


def _categorical(table: pd.DataFrame, name: str) -> Variable:
    return Variable(name, "categorical", labels=tuple(sorted(table[name].unique())))


def _known(
    name: str,
    table: pd.DataFrame,
    treatment: str,
    outcome: str,
    covariates: Sequence[str],
    effect: float,
    variables: Sequence[Variable] = (),
) -> Known:
    edges = [(cause, effected) for cause in covariates for effected in (treatment, outcome)]
    declared = {variable.name: variable for variable in variables}
    every = [declared.get(column, Variable(column)) for column in (treatment, outcome, *covariates)]
    graph = CausalGraph([*edges, (treatment, outcome)], variables=every)
    question = {"treatment": treatment, "outcome": outcome, "contrast": (0, 1)}
    return Known(name, table[[treatment, outcome, *covariates]], graph, question, effect)
