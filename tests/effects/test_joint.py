"""Several treatments at once: identified by one set, estimated right, refused where no set identifies them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.errors import DataError, GraphError, NotIdentifiableError, UnknownNameError
from causalgen.graph import CausalGraph, check_joint_adjustment_set, joint_adjustment_set

EDGES = "w -> {a, b, y}; a -> {b, y}; b -> y"
TABLES, LEAST_COVERED, NEAR = 20, 17, 0.1
FEW, LEAST_OF_FEW, NEAR_OF_FEW = 3, 2, 0.4


def coin(random: np.random.Generator, index: np.ndarray | pd.Series) -> np.ndarray:
    return (random.random(len(index)) < 1 / (1 + np.exp(-index))).astype(float)


def discrete(random: np.random.Generator, rows: int = 500) -> pd.DataFrame:
    """Effect of do(a=1, b=yes) against do(a=0, b=no): 1 + 0.5 + 1.5."""
    w = random.normal(size=rows)
    a = coin(random, 0.7 * w)
    b = coin(random, -0.6 * w + 0.4 * a)
    y = a + 0.5 * b + 1.5 * a * b + w + random.normal(size=rows)
    return pd.DataFrame({"w": w, "a": a.astype(int), "b": np.where(b, "yes", "no"), "y": y})


def levels(random: np.random.Generator) -> pd.DataFrame:
    """Effect of do(a=2, b=1) against do(a=0, b=1): 2 * 0.7, with a treatment that the contrast holds."""
    table = discrete(random, 900)
    table["a"] = (coin(random, 0.4 * table.w) + coin(random, 0.4 * table.w)).astype(int)
    table["b"] = (table.b == "yes").astype(int)
    return table.assign(y=0.7 * table.a + table.b + table.w + random.normal(size=len(table)))


def continuous(random: np.random.Generator, product: float = 0.7) -> pd.DataFrame:
    """Effect of do(a=1, b=1) against do(a=0, b=0): 1 + 0.5 + the product's coefficient."""
    w = random.normal(size=500)
    a = 0.6 * w + random.normal(size=500)
    b = 0.5 * w + 0.3 * a + random.normal(size=500)
    return pd.DataFrame({"w": w, "a": a, "b": b, "y": a + 0.5 * b + product * a * b + w + random.normal(size=500)})


def mixed(random: np.random.Generator) -> pd.DataFrame:
    """Effect of do(a=1, b=1) against do(a=0, b=0): 1 + 0.5 + 0.8, with a label and a number."""
    table = continuous(random)
    a = coin(random, 0.5 * table.w)
    y = a + 0.5 * table.b + 0.8 * a * table.b + table.w + random.normal(size=500)
    return table.assign(a=np.where(a, "drug", "none"), y=y)


@dataclass(frozen=True)
class Case:
    make: Callable[[np.random.Generator], pd.DataFrame]
    contrast: tuple
    effect: float
    method: str


CASES = {
    "cells": Case(discrete, ((0, "no"), (1, "yes")), 3.0, "doubly robust"),
    "cells, one changed": Case(discrete, ((1, "no"), (1, "yes")), 2.0, "linear adjustment"),
    "cells, linear": Case(discrete, ((0, "no"), (1, "yes")), 3.0, "linear adjustment"),
    "three levels, one held": Case(levels, ((0, 1), (2, 1)), 1.4, "linear adjustment"),
    "numbers, interaction": Case(continuous, ((0, 0), (1, 1)), 2.2, "g-computation"),
    "numbers, linear": Case(lambda random: continuous(random, 0.0), ((0, 0), (1, -1)), 0.5, "linear adjustment"),
    "label and number": Case(mixed, (("none", 0), ("drug", 1)), 2.3, "g-computation"),
    "label held": Case(mixed, (("drug", 0), ("drug", 1)), 1.3, "g-computation"),
}


@pytest.mark.parametrize(
    ("tables", "least", "near"),
    [(FEW, LEAST_OF_FEW, NEAR_OF_FEW), pytest.param(TABLES, LEAST_COVERED, NEAR, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", CASES)
def test_the_joint_effect_is_covered(name: str, tables: int, least: int, near: float) -> None:
    case, covered, found = CASES[name], 0, []
    for seed in range(tables):
        table = case.make(np.random.default_rng(seed))
        report = estimate_effect(
            CausalGraph(EDGES),
            table,
            treatment=("a", "b"),
            outcome="y",
            contrast=case.contrast,
            methods=[case.method],
            refute=False,
        )
        assert report.estimand.adjustment == ("w",)
        covered += bool(report.estimate.covers(case.effect))
        found.append(report.estimate.value)
    assert covered >= least
    assert np.mean(found) == pytest.approx(case.effect, abs=near)


@pytest.mark.parametrize("name", ["cells, linear", "label and number"])
def test_a_joint_effect_is_refuted_examined_and_written(name: str, tmp_path: Path) -> None:
    case, graph = CASES[name], CausalGraph(EDGES)
    table = case.make(np.random.default_rng(1))
    question = {"treatment": ("a", "b"), "outcome": "y", "contrast": case.contrast}
    report = estimate_effect(graph, table, **question, methods=[case.method], simulations=10)
    assert report.question.startswith(f"Effect of do(a={case.contrast[1][0]}, b={case.contrast[1][1]}) against do(a=")
    assert {row.refuter for row in report.refutations} >= {"placebo treatment", "dummy outcome"}
    doubt = examine(graph, table, report, simulations=2)
    assert doubt.sensitivity is not None
    assert [row.covariate for row in doubt.sensitivity.benchmarks if row.times == 1] == ["w"]
    assert doubt.balance is not None
    assert [row.covariate for row in doubt.balance.rows] == ["w"]
    assert set(report.save(tmp_path, doubt=doubt, graph=graph, table=table)) >= {"html", "notebook"}
    with pytest.raises(DataError, match="one treatment; the report is about several"):
        examine(graph, table, report, negative_controls=["w"])


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ("w -> {a, b, y}; a -> y; b -> y", ("w",)),
        ("w -> {a, b, y}; a -> {b, y}; b -> y", ("w",)),
        ("a -> m -> y; b -> m", ()),
        ("a -> b -> y; l -> {b, y}", ("l",)),
        ("a -> l -> b; {a, b} -> y", ("l",)),
        ("a -> l -> b; {a, b} -> y; l <-> y", None),  # time-varying confounding: l is needed, and opens a -> l <-> y
        ("a -> l -> {b, y}; {a, b} -> y; l <-> y", None),
        ("a <-> y; b -> y; a -> y", None),
    ],
)
def test_one_set_for_all_treatments(edges: str, found: tuple[str, ...] | None) -> None:
    graph = CausalGraph(edges)
    answer = joint_adjustment_set(graph, ["a", "b"], "y")
    if found is not None:
        assert answer == found or (
            isinstance(answer, tuple) and check_joint_adjustment_set(graph, ["a", "b"], "y", answer)
        )
        return
    assert not isinstance(answer, tuple)
    assert answer.open_path
    assert "stays open" in str(answer)


def test_time_varying_confounding_is_refused_with_the_path() -> None:
    table = continuous(np.random.default_rng(0)).rename(columns={"w": "l"})
    with pytest.raises(NotIdentifiableError, match=r"a -> l <-> y stays open.*time-varying confounding"):
        estimate_effect(
            CausalGraph("a -> l -> b; {a, b} -> y; l <-> y"),
            table,
            treatment=("a", "b"),
            outcome="y",
            contrast=((0, 0), (1, 1)),
        )


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"contrast": (0, 1)}, DataError, r"contrast=\(\(a1, a2\), \(b1, b2\)\)"),
        ({"contrast": ((0, "no"), (0, "no"))}, DataError, "two different sides"),
        ({"contrast": ((0, "no"), ("0.0", " no "))}, DataError, "two different sides"),
        ({"contrast": ((0, "no"), (1, "maybe"))}, DataError, "'maybe'"),
        ({"treatment": ("a", "a")}, DataError, "different names of treatments"),
        ({"treatment": ()}, DataError, "different names of treatments; got none"),
        ({"treatment": ("a", "y")}, (DataError, GraphError), "y"),
        ({"treatment": ("a", "c")}, UnknownNameError, "got 'c'"),
        ({"instrument": "w"}, DataError, "one treatment with an instrument"),
        ({"adjustment": []}, NotIdentifiableError, "stays open"),
        ({"methods": ["double machine learning"]}, DataError, "double machine learning"),
    ],
)
def test_bad_joint_questions_end_in_one_message(changed: dict, error: type, words: str) -> None:
    question = {"treatment": ("a", "b"), "outcome": "y", "contrast": ((0, "no"), (1, "yes"))} | changed
    with pytest.raises(error, match=words):
        estimate_effect(CausalGraph(EDGES), discrete(np.random.default_rng(0), 200), **question)


def test_cells_without_rows_are_named() -> None:
    table = discrete(np.random.default_rng(0))
    table = table[(table.a == 0) | (table.b == "no") | (np.arange(len(table)) < 20)]
    with pytest.raises(DataError, match=r"each compared cell; a, b = 1, yes has \d \(4 cells"):
        estimate_effect(
            CausalGraph(EDGES), table, treatment=["a", "b"], outcome="y", contrast=[(0, "no"), (1, "yes")], refute=False
        )


def test_a_whole_number_may_be_held_as_one() -> None:
    """The first row holds the value as an integer, which the contrast has as a float."""
    table = continuous(np.random.default_rng(0)).assign(a=lambda frame: (10 * frame.a).round().astype(int))
    table.loc[0, "a"] = 1
    report = estimate_effect(
        CausalGraph(EDGES), table, treatment=("a", "b"), outcome="y", contrast=((1, 0.0), (1, 1.0)), refute=False
    )
    assert report.contrast == ((1.0, 0.0), (1.0, 1.0))


def test_a_contrast_far_from_the_rows_is_a_concern() -> None:
    table = continuous(np.random.default_rng(0))
    report = estimate_effect(
        CausalGraph(EDGES), table, treatment=("a", "b"), outcome="y", contrast=((0, 0), (3, -3)), refute=False
    )
    assert "Few rows near the contrast" in report.headline
