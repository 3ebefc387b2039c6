"""Effects that adjustment cannot reach: by an instrument, and by a front door."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.effects import estimate_effect
from causalgen.errors import DataError, NotIdentifiableError
from causalgen.graph import CausalGraph

from .generator import sigmoid

GRAPH = CausalGraph("z -> t; w -> {z, y}; t -> y; t <-> y")
QUESTION = {"treatment": "t", "outcome": "y", "contrast": (0, 2), "instrument": "z"}


def instrument_table(rows: int, seed: int, strength: float = 0.6) -> pd.DataFrame:
    """Linear, effect 1.5 a unit; w confounds instrument and outcome, u (not in the table) treatment and outcome."""
    rng = np.random.default_rng(seed)
    w, u, e, f, g = rng.normal(size=(5, rows))
    z = w + e
    t = strength * z + u + f
    return pd.DataFrame({"w": w, "z": z, "t": t, "y": 1.5 * t + w + 2 * u + g})


def test_instrument_finds_what_adjustment_cannot() -> None:
    report = estimate_effect(GRAPH, instrument_table(4_000, seed=0), **QUESTION, simulations=10)
    row = report["instrumental variables"]
    assert report.estimand.adjustment == ("w",)
    assert row.population == "compliers"
    assert row.covers(3.0)
    assert not report["naive"].covers(3.0)
    assert report.warnings == ()
    verdicts = {row.refuter: row.verdict for row in report.refutations}
    assert verdicts["placebo treatment"] == verdicts["random common cause"] == "not rejected"


def test_wald_ratio_and_its_standard_error_by_hand() -> None:
    rng = np.random.default_rng(1)
    z, u = rng.integers(0, 2, 3_000), rng.normal(size=3_000)
    t = (0.8 * z + u + rng.normal(size=3_000) > 0.4).astype(int)
    table = pd.DataFrame({"z": z, "t": t, "y": 2 * t + u + rng.normal(size=3_000)})
    graph = CausalGraph("z -> t -> y; t <-> y")
    row = estimate_effect(graph, table, **QUESTION | {"contrast": (0, 1)}, refute=False)["instrumental variables"]
    arms = table.groupby("z").mean()
    assert row.value == pytest.approx(np.diff(arms["y"])[0] / np.diff(arms["t"])[0], rel=1e-9)
    assert row.covers(2.0)


def test_anderson_rubin_covers_where_the_instrument_is_weak() -> None:
    covered = unbounded = 0
    for seed in range(60):
        report = estimate_effect(GRAPH, instrument_table(200, seed, strength=0.1), **QUESTION, refute=False)
        row = report["instrumental variables"]
        unbounded += row.low is None
        covered += row.low is None or bool(row.covers(3.0))
        assert any("Weak instrument" in text for text in report.warnings) or row.low is not None
    assert covered >= 53  # 57 expected, less 2.4 standard errors
    assert unbounded > 10


def test_weak_instrument_is_warned_of_with_its_f() -> None:
    report = estimate_effect(GRAPH, instrument_table(200, seed=0, strength=0.05), **QUESTION, refute=False)
    assert any(text.startswith("Weak instrument: the first stage of 'z' has F = ") for text in report.warnings)


def test_methods_for_adjustment_are_refused_beside_an_instrument() -> None:
    with pytest.raises(DataError, match="identified by an instrument; got 'doubly robust'"):
        estimate_effect(GRAPH, instrument_table(200, 0), **QUESTION, methods=["doubly robust"])


def test_populations_and_kinds_that_an_instrument_cannot_serve_are_refused() -> None:
    table = instrument_table(200, seed=0)
    with pytest.raises(DataError, match="population='whole' for an effect identified by an instrument; got 'treated'"):
        estimate_effect(GRAPH, table, **QUESTION, population="treated")
    labels = np.resize(["a", "b", "c"], 200)
    with pytest.raises(DataError, match=r"'z' has 3 labels\. Recode it"):
        estimate_effect(GRAPH, table.assign(z=labels), **QUESTION)
    with pytest.raises(DataError, match=r"'t' is categorical\. Recode it"):
        estimate_effect(GRAPH, table.assign(t=labels), **QUESTION | {"contrast": ("a", "b")})


def test_instruments_that_do_not_vary_are_refused() -> None:
    table = instrument_table(200, seed=0)
    with pytest.raises(DataError, match="Expected 'z' to vary, since"):
        estimate_effect(GRAPH, table.assign(z=1.0), **QUESTION)
    with pytest.raises(DataError, match="instrument 'z' to vary among rows with equal w; they determine it"):
        estimate_effect(GRAPH, table.assign(z=2 * table["w"]), **QUESTION, refute=False)


def test_a_dummy_outcome_does_not_listen_to_the_instrument() -> None:
    """An outcome of the instrument would have an effect, and a right estimate would be rejected."""
    report = estimate_effect(GRAPH, instrument_table(1_000, seed=0), **QUESTION, simulations=10)
    (row,) = [row for row in report.refutations if row.refuter == "dummy outcome"]
    assert row.verdict == "not rejected"
    assert row.naive_verdict == "rejected"
    assert row.found == pytest.approx(0.0, abs=0.2)


def front_door_table(rows: int, seed: int, *, binary: bool) -> pd.DataFrame:
    """t -> m -> y with hidden u; one unit of t moves m by 1 and y by 2."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=rows)
    t = (rng.random(rows) < sigmoid(1.5 * u)).astype(float) if binary else u + rng.normal(size=rows)
    m = t + rng.normal(size=rows)
    return pd.DataFrame({"t": t, "m": m, "y": 2 * m + 2 * u + rng.normal(size=rows)})


@pytest.mark.parametrize("binary", [True, False])
def test_front_door_finds_what_adjustment_cannot(binary: bool) -> None:
    graph = CausalGraph("t -> m -> y; t <-> y")
    table = front_door_table(1_000, seed=0, binary=binary)
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "resamples": 100}
    report = estimate_effect(graph, table, **question, simulations=10)
    assert report.estimand.mediators == ("m",)
    assert report["front-door"].covers(2.0)
    assert report["front-door"].value == pytest.approx(2.0, abs=0.35)
    assert not report["naive"].covers(2.0)
    verdicts = {row.refuter: row.verdict for row in report.refutations}
    assert set(verdicts.values()) == {"not rejected"}
    assert len(verdicts) == 4


def test_a_front_door_needs_mediators_that_vary_and_resamples_enough() -> None:
    graph, table = CausalGraph("t -> m -> y; t <-> y"), front_door_table(200, seed=0, binary=True)
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}
    with pytest.raises(DataError, match="Expected 'm' to vary"):
        estimate_effect(graph, table.assign(m=1.0), **question)
    with pytest.raises(DataError, match=r"at least 100 resamples for a bootstrap at level 0\.95; got 3"):
        estimate_effect(graph, table, **question, resamples=3)


def test_the_message_of_what_is_not_identified_names_an_instrument(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    i, hidden = rng.integers(0, 8, 800), rng.normal(size=800)
    t = i + hidden + rng.normal(size=800)
    table, graph = pd.DataFrame({"i": i, "t": t, "y": 2 * t + hidden}), CausalGraph("i -> t -> y; t <-> y")
    ask = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}
    with pytest.raises(NotIdentifiableError, match=r"use an instrument of the graph: 'i' as instrument=") as refused:
        estimate_effect(graph, table, **ask)
    assert refused.value.hedge is not None
    with pytest.raises(DataError, match=r"declare it continuous.*--kind i=continuous"):
        estimate_effect(graph, table, **ask, instrument="i")
    table.to_csv(tmp_path / "t.csv", index=False)
    command = ["effects", str(tmp_path / "t.csv"), "--graph", str(graph), "--treatment", "t", "--outcome", "y"]
    command += ["--contrast", "0", "1", "--simulations", "0", "--no-doubt"]
    told = CliRunner().invoke(app, [*command, "--instrument", "i", "--kind", "i=continuous"]).output
    assert float(told.partition("instrumental variables: ")[2].split()[0]) == pytest.approx(2, abs=0.1)
    assert (
        "Expected a set that is valid to adjust for" in CliRunner().invoke(app, [*command, "--adjustment", ""]).output
    )


def test_a_front_door_answers_for_a_treatment_of_three_labels() -> None:
    rng = np.random.default_rng(0)
    u = rng.normal(size=1_000)
    dose = rng.binomial(2, sigmoid(u))
    m = np.array([0.0, 2.0, 1.0])[dose] + rng.normal(size=1_000)
    table = pd.DataFrame({"t": np.array(["none", "high", "low"])[dose], "m": m, "y": 2 * m + 2 * u})
    report = estimate_effect(
        CausalGraph("t -> m -> y; t <-> y"), table, treatment="t", outcome="y", contrast=("none", "high"), refute=False
    )
    assert report["front-door"].covers(4.0)
    assert report["front-door"].value == pytest.approx(4.0, abs=0.5)
