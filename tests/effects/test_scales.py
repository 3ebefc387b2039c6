"""One effect on several scales: two means, ratios, number needed to treat; and its populations by every name."""

import re

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import estimate_effect
from causalgen.effects.scales import number_needed_to_treat
from causalgen.errors import DataError
from causalgen.graph import CausalGraph

from .generator import sigmoid

GRAPH = CausalGraph("z -> {t, y}; t -> y")
METHODS = ["linear adjustment", "generalized linear adjustment", "weighting", "matching", "doubly robust"]


def risks(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = rng.random(rows) < sigmoid(0.7 * z)
    return pd.DataFrame({"z": z, "t": t.astype(int), "y": (rng.random(rows) < sigmoid(t + z - 1)).astype(int)})


def scales(table: pd.DataFrame, **options) -> dict[str, pd.DataFrame]:
    question = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}
    frame = estimate_effect(GRAPH, table, **question | options).scales
    return {source: rows.set_index("scale") for source, rows in frame.groupby("source")}


@pytest.mark.parametrize("options", [{}, {"cluster": "c", "weights": "w"}, {"interval": "bootstrap", "resamples": 100}])
def test_every_scale_follows_from_the_two_risks(options: dict) -> None:
    table = risks().assign(c=np.arange(600) // 4, w=1 + np.arange(600) % 3)
    able = (
        ["weighting"] if "interval" in options else [m for m in METHODS if "weights" not in options or m != "matching"]
    )
    for found in scales(table, methods=able, **options).values():
        a, b, difference, ratio, odds, needed = found["value"]
        assert list(found.index) == [
            *("risk under do(t=0)", "risk under do(t=1)", "risk difference"),
            *("risk ratio", "odds ratio", "number needed to treat"),
        ]
        assert [difference, ratio, odds] == pytest.approx([b - a, b / a, b / (1 - b) / (a / (1 - a))])
        assert needed == pytest.approx(1 / difference)
        assert (found["low"] < found["value"]).all()
        assert (found["high"] > found["value"]).all()
        if "interval" not in options:  # on the log scale the interval is symmetric
            for name in ("risk ratio", "odds ratio"):
                assert found["high"][name] * found["low"][name] == pytest.approx(found["value"][name] ** 2)


@pytest.mark.parametrize("methods", [["linear adjustment"], ["weighting"], ["doubly robust"], ["matching"]])
def test_the_means_bracket_the_effect_in_each_population(methods: list[str]) -> None:
    """The whole effect is the weighted effect in treated and controls, and so are its two means."""
    table = risks()
    whole, treated, control = (
        scales(table, methods=methods, population=name)[methods[0]]["value"] for name in ("ATE", "att", "control")
    )
    share = table["t"].mean()
    close = 1e-9 if methods == ["linear adjustment"] else 0.01
    for row in range(3):
        assert whole.iloc[row] == pytest.approx(share * treated.iloc[row] + (1 - share) * control.iloc[row], abs=close)
    assert treated["risk under do(t=1)"] == pytest.approx(table["y"][table["t"] == 1].mean(), abs=1e-9)


def test_a_continuous_outcome_has_means_and_a_difference() -> None:
    table = risks().assign(y=lambda frame: frame["y"] + frame["z"])
    found = scales(table, methods=["doubly robust"])["doubly robust"]
    assert list(found.index) == ["mean under do(t=0)", "mean under do(t=1)", "difference"]


@pytest.mark.parametrize("value", [0, 1])
def test_an_arm_that_never_varies_has_a_whole_risk_and_no_ratio(value: int) -> None:
    table = risks()
    table.loc[table["t"] == 0, "y"] = value
    methods = ["doubly robust", "tmle", "generalized linear adjustment"]
    for found in scales(table, methods=methods).values():
        assert found["value"]["risk under do(t=0)"] == value
        (note,) = found["note"][found["value"].isna()]
        assert (
            note == f"none, since the estimated risk under do(t=0) is {value}, and a ratio needs risks between 0 and 1."
        )


def test_no_number_of_a_report_has_an_exponent_where_its_unit_is_small() -> None:
    table = risks().assign(y=lambda frame: 1_250_000 + 20_000 * frame["z"] + 9_000 * frame["t"], dose=20_000.0)
    table["dose"] += 15_000.0 * table["t"] + np.arange(len(table))
    options = {"outcome": "y", "refute": False}
    binary = estimate_effect(GRAPH, table, treatment="t", contrast=(0, 1), **options)
    dose = estimate_effect(
        CausalGraph("z -> {dose, y}; dose -> y"), table, treatment="dose", contrast=(1e6, 2e6), **options
    )
    rare = number_needed_to_treat(0.00025, 0.0001, 0.0004)
    assert "do(dose=2000000)" in str(dose)
    assert "4,000 for one more case [2,500 to 10,000]" in str(rare)
    for text in (str(binary), str(dose)):
        assert not re.search(r"\de\+\d", text)


def test_a_risk_outside_its_range_has_no_ratio_and_says_so() -> None:
    table = risks()
    table.loc[table["t"] == 1, "y"] = 1
    table["y"] = table["y"].map({0: "alive", 1: "dead"})
    report = estimate_effect(
        GRAPH, table, treatment="t", outcome="y", contrast=(0, 1), methods=["weighting"], refute=False
    )
    (note,) = [row.note for row in report["weighting"].scales if row.value is None]
    assert "the estimated risk under do(t=1) is 1, and a ratio needs risks between 0 and 1" in note
    (text,) = [text for text in report.warnings if "never varies where t=1" in text]
    assert "rows have y = dead" in text
    assert "a risk of 1.0% of the other outcome" in text


@pytest.mark.parametrize(
    ("difference", "ends", "text"),
    [
        ((0.1, 0.05, 0.2), (5, 20), "10 for one more case [5 to 20]"),
        ((-0.1, -0.2, -0.05), (-20, -5), "10 for one fewer case [5 to 20]"),
        ((0.1, -0.05, 0.2), (5, -20), "[5 for one more, through infinity, to 20 for one fewer]"),
        ((0.1, 0.0, 0.2), (5, None), "[5 to infinity]"),
        (
            (0.0, -0.1, 0.1),
            (10, -10),
            "no number of units changes the expected count of 'case', since the difference is 0",
        ),
    ],
)
def test_number_needed_to_treat(difference: tuple, ends: tuple, text: str) -> None:
    found = number_needed_to_treat(*difference)
    assert (found.low, found.high) == pytest.approx(ends)
    assert text in str(found)


def test_an_unknown_population_is_refused_with_all_names() -> None:
    with pytest.raises(DataError, match="whole, overlap, treated, control, ATE, ATO, ATT, ATC; got 'ATTT'"):
        scales(risks(), population="ATTT")


def test_no_interval_holds_a_difference_of_risks_beyond_one() -> None:
    rng = np.random.default_rng(0)
    t = np.repeat([0, 1], 30)
    table = pd.DataFrame({"z": rng.normal(size=60), "t": t, "y": np.where(np.arange(60) % 40 == 0, 1 - t, t)})
    report = estimate_effect(GRAPH, table, treatment="t", outcome="y", contrast=(0, 1), refute=False)
    adjusted = [found for found in report.estimates if found.high is not None and abs(found.value) <= 1]
    assert max(found.high for found in adjusted) == 1.0
    assert all(found.low <= found.value <= found.high for found in adjusted)
