"""Sensitivity to hidden confounding: published values, exact algebra, and planted confounders."""

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from dowhy.causal_refuters.evalue_sensitivity_analyzer import EValueSensitivityAnalyzer

from causalgen.effects.diagnostics.confounder import draw_confounder, simulate_confounder
from causalgen.effects.diagnostics.e_value import e_value, e_values, risk_ratio_of_difference
from causalgen.effects.diagnostics.robustness import ALL, Robustness, benchmark_bounds, robustness, robustness_value
from causalgen.effects.encode import encode_question
from causalgen.effects.question import EffectQuestion
from causalgen.effects.report import Estimate
from causalgen.effects.table import EncodedTable
from causalgen.errors import DataError
from causalgen.graph import CausalGraph

GRAPH = CausalGraph("{z, w, k} -> {t, y}; t -> y")
DARFUR = Robustness(
    effect=0.09731582,
    standard_error=0.02325654,
    df=783,
    level=0.95,
    r2_treatment_outcome=0.02187309,
    value=0.138776,
    value_half=0.0,
    value_level=0.07625797,
    r2_treatment_covariates=0.0,
    r2_outcome_covariates=0.0,
    benchmarks=(),
)
"""Cinelli and Hazlett (2020), table 1 and the vignette of their package sensemakr."""


def covariates(rows: int = 2_000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(2, rows))
    return pd.DataFrame({"z": z, "w": w, "k": rng.choice(["a", "b", "c"], rows)})


def sound_table(rows: int = 2_000, seed: int = 1, effect: float = 2.0) -> pd.DataFrame:
    """Weak observed confounding, a strong effect, nothing hidden."""
    table, rng = covariates(rows, seed), np.random.default_rng([seed, 1])
    t = 0.2 * table.z + 0.1 * (table.k == "b") + rng.normal(size=rows)
    return table.assign(t=t, y=effect * t + 0.3 * table.z + 0.2 * table.w + rng.normal(size=rows))


def hidden_table(rows: int = 2_000, seed: int = 1) -> pd.DataFrame:
    """No effect at all: a hidden cause as strong as the observed one makes the whole association."""
    table, rng = covariates(rows, seed), np.random.default_rng([seed, 2])
    u = rng.normal(size=rows)
    t = 0.7 * table.z + 0.6 * u + rng.normal(size=rows)
    return table.assign(t=t, y=1.0 * table.z + 0.5 * u + rng.normal(size=rows))


def encode(table: pd.DataFrame, contrast: tuple = (0.0, 1.0)) -> EncodedTable:
    return encode_question(EffectQuestion(GRAPH, table, "t", "y", contrast), ("z", "w", "k"))


# -- partial R2 ------------------------------------------------------------------------------------------------------


def test_robustness_values_of_darfur() -> None:
    assert robustness_value(DARFUR.t, DARFUR.df) == pytest.approx(DARFUR.value, abs=1e-5)
    assert robustness_value(DARFUR.t, DARFUR.df, level=0.95) == pytest.approx(DARFUR.value_level, abs=1e-5)
    assert robustness_value(0.5, 100, level=0.95) == 0
    assert robustness_value(1e4, 10, level=0.95) < 1


@pytest.mark.parametrize(
    ("times", "bounds", "estimate", "t"),
    [
        (1, (0.00916429, 0.1246409), 0.07522025, 3.4389),
        (2, (0.01832858, 0.2493241), 0.05289, 2.60),
        (3, (0.02749286, 0.3740), 0.0304, 1.63),
    ],
)
def test_benchmarks_of_darfur(times: float, bounds: tuple, estimate: float, t: float) -> None:
    """A confounder as strong as "female"; its partial R2 are solved from the published bounds for times = 1."""
    found = benchmark_bounds(0.00908107, 0.10903, times)
    assert found == pytest.approx(bounds, abs=2e-4)
    assert DARFUR.adjusted(*bounds) == pytest.approx((estimate, t), abs=0.006)


def test_a_confounder_as_strong_as_the_robustness_value_explains_the_estimate_away() -> None:
    strength = robustness_value(DARFUR.t, DARFUR.df)
    assert DARFUR.adjusted(strength, strength)[0] == pytest.approx(0, abs=1e-12)
    half = robustness_value(DARFUR.t, DARFUR.df, share=0.5)
    assert DARFUR.adjusted(half, half)[0] == pytest.approx(DARFUR.effect / 2)
    assert DARFUR.adjusted(DARFUR.r2_treatment_outcome, 1.0)[0] == pytest.approx(0, abs=1e-6)


def test_the_regression_is_that_of_statsmodels() -> None:
    table = sound_table()
    found = robustness(encode(table, (1.0, 3.0)))
    design = pd.get_dummies(table[["t", "z", "w", "k"]], drop_first=True).astype(float)
    full = sm.OLS(table.y, sm.add_constant(design)).fit()
    assert (found.effect, found.standard_error) == pytest.approx((2 * full.params["t"], 2 * full.bse["t"]), rel=1e-9)
    assert found.df == full.df_resid
    t = full.tvalues["t"]
    assert found.r2_treatment_outcome == pytest.approx(t**2 / (t**2 + full.df_resid), rel=1e-9)
    without = sm.OLS(table.y, sm.add_constant(design.drop(columns=["k_b", "k_c"]))).fit()
    of_k = next(row for row in found.benchmarks if row.covariate == "k" and row.times == 1)
    treatment = sm.OLS(table.t, sm.add_constant(design.drop(columns="t"))).fit()
    shorter = sm.OLS(table.t, sm.add_constant(design[["z", "w"]])).fit()
    shares = 1 - treatment.ssr / shorter.ssr, 1 - full.ssr / without.ssr
    assert (of_k.r2_treatment, of_k.r2_outcome) == pytest.approx(benchmark_bounds(*shares, 1), rel=1e-6)


def test_adjusting_for_the_simulated_confounder_gives_the_closed_form() -> None:
    table = encode(sound_table(20_000))
    closed = robustness(table)
    u = draw_confounder(table, 0.2, 0.3, np.random.default_rng(3))
    design = pd.get_dummies(table.data.drop(columns="y"), drop_first=True).astype(float).assign(u=u)
    assert sm.OLS(table.data.y, sm.add_constant(design)).fit().params["t"] == pytest.approx(
        closed.adjusted(0.2, 0.3)[0], rel=0.02
    )


def test_collinear_and_constant_covariates_change_nothing() -> None:
    table = sound_table()
    plain = robustness(encode_question(EffectQuestion(GRAPH, table, "t", "y", (0.0, 1.0)), ("z", "w")))
    doubled = CausalGraph("{z, w, again, fixed} -> {t, y}; t -> y")
    table = table.assign(again=2 * table.z + 1, fixed=1.0)
    found = robustness(
        encode_question(EffectQuestion(doubled, table, "t", "y", (0.0, 1.0)), ("z", "w", "again", "fixed"))
    )
    assert (found.effect, found.standard_error, found.df) == pytest.approx(
        (plain.effect, plain.standard_error, plain.df), rel=1e-8
    )
    assert "fixed" not in {row.covariate for row in found.benchmarks}


def test_contour_and_frames_say_what_they_mean() -> None:
    found = robustness(encode(hidden_table()))
    grid = found.contour(points=11)
    assert grid.shape == (121, 4)
    row = grid.iloc[37]
    assert found.adjusted(row.r2_treatment, row.r2_outcome) == (row.estimate, row.t)
    assert grid.r2_treatment.max() > found.value
    frame = found.to_frame()
    assert set(frame.covariate) == {"z", "w", "k", ALL}
    assert frame.reading.str.contains("cannot show").all()


def test_reading_doubts_where_doubt_is_due_and_only_there() -> None:
    sound, hidden = robustness(encode(sound_table())), robustness(encode(hidden_table()))
    assert not sound.doubtful
    assert hidden.doubtful
    assert hidden.strongest is not None
    assert hidden.strongest.covariate == "z"
    assert "its sign is lost" in hidden.reading
    assert "cannot show" in hidden.reading


@pytest.mark.parametrize(("name", "words"), [("t", "does not determine"), ("y", "do not determine")])
def test_exact_relations_are_refused(name: str, words: str) -> None:
    table = sound_table()
    table[name] = table.z + table.w + (table.t if name == "y" else 0)
    with pytest.raises(DataError, match=words):
        robustness(encode(table))


# -- simulated confounder --------------------------------------------------------------------------------------------


def test_simulated_confounder_takes_the_sign_that_a_hidden_cause_made_and_not_that_of_a_strong_effect() -> None:
    for table, expected in ((hidden_table(), "sign lost"), (sound_table(), "sign kept")):
        encoded = encode(table)
        robust = robustness(encoded)
        found = simulate_confounder(encoded, ["linear adjustment", "g-computation"], robust, simulations=2)
        for source, near in (("linear adjustment", 0.03), ("g-computation", 0.08)):  # a curve varies more than a line
            assert found.verdict(source) == expected
            assert re.search("A hidden cause as strong as [zwk] would move it to ", found.reading(source))
            assert "rejected" not in found.reading(source)
            if expected == "sign lost":
                assert found.tipping(source) == pytest.approx(robust.value, abs=near)
                assert found.tipping(source, 0.5) == pytest.approx(robust.value_half, abs=near)
        assert found.to_frame().reading.str.contains("cannot show").all()
    assert found.tipping("linear adjustment") is None
    assert "more than 40 % of the unexplained variance" in found.reading("linear adjustment")


def test_simulated_confounder_does_not_repeat_a_table_drawn_under_its_seed() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(2, 500))
    table = pd.DataFrame({"z": z, "w": rng.normal(size=500), "k": "a", "t": t, "y": t + rng.normal(size=500)})
    encoded = encode_question(EffectQuestion(GRAPH, table, "t", "y", (0.0, 1.0)), ("z", "w"))
    found = simulate_confounder(encoded, ["linear adjustment"], robustness(encoded), simulations=2, seed=0)
    assert max(row.spread for row in found.rows) < 0.2
    again = simulate_confounder(encoded, ["linear adjustment"], robustness(encoded), simulations=2, seed=0)
    assert again == found


def test_too_few_simulations() -> None:
    encoded = encode(sound_table(200))
    with pytest.raises(DataError, match="at least 2 simulations of the hidden confounder; got 1"):
        simulate_confounder(encoded, ["linear adjustment"], robustness(encoded), simulations=1)


# -- E-value ---------------------------------------------------------------------------------------------------------


def test_e_values_of_the_paper() -> None:
    """Breastfeeding and respiratory death: risk ratio 3.9 [1.8, 8.7] (VanderWeele and Ding 2017)."""
    assert round(e_value(3.9), 2) == 7.26
    assert round(e_value(1.8), 1) == 3.0
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value(0.0) == np.inf


def test_e_value_of_a_difference_agrees_with_dowhy() -> None:
    deviation, value, error = 4.0, 2.0, 0.5
    theirs = EValueSensitivityAnalyzer.__new__(EValueSensitivityAnalyzer)._evalue_MD(
        value / deviation, error / deviation
    )
    assert e_value(risk_ratio_of_difference(value, deviation)) == pytest.approx(theirs["evalue_estimate"])
    low = value - 1.959964 * error
    assert e_value(risk_ratio_of_difference(low, deviation)) == pytest.approx(theirs["evalue_lower_ci"], rel=1e-3)


def test_e_values_of_estimates() -> None:
    table = sound_table()
    rows = [
        Estimate("up", 2.0, 1.5, 2.5),
        Estimate("down", -2.0, -2.5, -1.5),
        Estimate("none", 0.1, -1, 1),
        Estimate("?", 1),
    ]
    up, down, none, bare = e_values(encode(table), rows)
    ratio = np.exp(0.91 * 1.5 / table.y.std())
    assert up.risk_ratio_limit == pytest.approx(ratio)
    assert (up.value, up.limit) == pytest.approx((down.value, down.limit))
    assert none.limit == 1
    assert "already includes no effect" in none.reading
    assert bare.limit is None
    assert all("cannot show" in row.reading for row in (up, down, none, bare))


def test_e_value_of_a_binary_outcome_stands_on_the_adjusted_risk() -> None:
    rng = np.random.default_rng(0)
    table = covariates(20_000)
    t = rng.random(20_000) < 0.3 + 0.4 * (table.z > 0)
    table = table.assign(t=t.astype(float), y=(rng.random(20_000) < 0.1 + 0.1 * t + 0.2 * (table.z > 0)).astype(float))
    (row,) = e_values(encode(table, (0, 1)), [Estimate("effect", 0.1, 0.08, 0.12)])
    assert row.risk_ratio == pytest.approx(1.5, abs=0.04)  # 0.3 against 0.2
    assert row.value == pytest.approx(e_value(1.5), abs=0.1)


@pytest.mark.parametrize("strength", [0.0, 1.0, 100.0])
def test_e_values_compare_with_the_covariate_as_it_was_seen(strength: float) -> None:
    """Two halves z of the rows, which alone move y: the ratio is that of the halves' means, and bounded where z is all."""
    rng = np.random.default_rng(0)
    z = np.repeat([-1.0, 1.0], 2_000)
    table = pd.DataFrame({"z": z, "t": rng.normal(size=4_000), "y": strength * z + rng.normal(size=4_000)})
    encoded = encode_question(EffectQuestion(CausalGraph("z -> {t, y}; t -> y"), table, "t", "y", (0, 1)), ("z",))
    (row,) = e_values(encoded, [Estimate("effect", 0.1)], strongest=robustness(encoded).strongest)
    said = re.search(r"the treatment by about ([\d.]+) and that of the outcome by about ([\d.]+)\. ", row.like)
    assert said is not None
    halves = np.exp(0.91 * 2 * strength / table.y.std())
    assert [float(x) for x in said.groups()] == pytest.approx([1.0, halves], abs=0.07)
