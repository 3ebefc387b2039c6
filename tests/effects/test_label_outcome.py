"""The probability of a label as the outcome: equal to recoding the column by hand, whatever labels look like."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import dose_response, estimate_effect, label_outcome
from causalgen.effects.diagnostics import examine
from causalgen.errors import DataError, DataWarning, UnknownNameError
from causalgen.graph import CausalGraph

ROWS = 300
RNG = np.random.default_rng(2)
AGE = RNG.normal(size=ROWS)
DRUG = (RNG.random(ROWS) < 1 / (1 + np.exp(-AGE))).astype(int)
GRADE = np.clip(np.round(1 + 0.5 * AGE + DRUG + RNG.normal(size=ROWS)), 0, 3).astype(int)
ASKED: dict[str, Any] = {"treatment": "drug", "contrast": (0, 1), "refute": False, "cluster": "ward"}


def made(labels: list[Any], name: str = "state of pain", holes: int = 0) -> pd.DataFrame:
    cells = pd.Series(np.array(labels, dtype=object)[GRADE]).infer_objects()
    cells[:holes] = None
    return pd.DataFrame(
        {"age": AGE, "drug": DRUG, name: cells, "after": GRADE + RNG.normal(size=ROWS), "ward": np.arange(ROWS) // 6}
    )


@pytest.mark.parametrize("holes", [0, 12])
@pytest.mark.parametrize(
    ("labels", "words", "grades"),
    [
        (["none", "mild", "severe", "a, b=c"], "severe", {2}),
        (["none", "mild", "severe", "a, b=c"], "a, b=c", {3}),
        (["none", "mild", "severe", "a, b=c"], "mild, severe", {1, 2}),
        ([0, 1, 2, 3], "2,3", {2, 3}),
        ([10.0, 20.0, 30.0, 40.0], "40", {3}),
    ],
)
def test_a_label_is_the_column_recoded_by_hand(labels: list[Any], words: str, grades: set[int], holes: int) -> None:
    frame = made(labels, holes=holes)
    text = 'age -> {drug, "state of pain"}; drug -> "state of pain" -> after'
    graph, table, outcome = label_outcome(text, frame, f"state of pain={words}")
    assert "after" not in graph
    found = estimate_effect(graph, table, outcome=outcome, **ASKED)
    by_hand = frame.assign(y=np.isin(GRADE, list(grades)).astype(float))
    by_hand.loc[: holes - 1, "y"] = np.nan
    wanted = estimate_effect("age -> {drug, y}; drug -> y", by_hand, outcome="y", **ASKED)
    assert [str(estimate) for estimate in found.estimates] == [str(estimate) for estimate in wanted.estimates]
    shown = [str(label) for grade, label in enumerate(labels) if grade in grades]
    assert found.outcome_unit == f"probability of {' or '.join(shown).replace('40.0', '40')}"
    assert examine(graph, table, found) is not None


def test_hidden_common_causes_and_curves_keep_their_place() -> None:
    frame = made(["none", "mild", "severe", "worst"], name="pain").assign(dose=DRUG + RNG.normal(size=ROWS))
    graph, table, outcome = label_outcome(
        CausalGraph("age -> {dose, pain}; dose -> pain; age <-> pain"), frame, "pain=worst"
    )
    assert graph.confounded == (("age", "pain"),)
    curve = dose_response(graph, table, treatment="dose", outcome=outcome, values=[0.0, 1.0])
    assert curve.to_numpy().shape[0] == 2


@pytest.mark.parametrize("missing", ["drop", "impute"])
def test_a_curve_of_a_probability_stays_between_0_and_1(missing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also far outside the data, where a symmetric interval would cross the bounds or have no width."""
    monkeypatch.setattr("causalgen.effects.missing.pooled_frame.IMPUTATIONS", 3)
    dose = DRUG + np.random.default_rng(5).normal(size=ROWS)
    frame = made(["none", "mild", "severe", "worst"], name="pain").assign(dose=dose)
    frame.loc[:9, "age"] = np.nan
    graph, table, outcome = label_outcome("age -> {dose, pain}; dose -> pain", frame, "pain=worst")
    with pytest.warns(DataWarning, match="extrapolates"):
        curve = dose_response(
            graph, table, treatment="dose", outcome=outcome, values=[-60.0, -6.0, 0.0, 1.0, 12.0], missing=missing
        )
    ends = curve[["low_all", "low", "mean", "high", "high_all"]].to_numpy()
    assert (np.diff(ends) >= 0).all()
    assert ends.min() >= 0
    assert ends.max() <= 1
    assert (curve["high"] > curve["low"]).all()


@pytest.mark.parametrize(
    ("words", "absent", "present"),
    [
        ("severe", "k.A. or mild or none", "severe"),  # an undeclared word for a missing value does not hide
        ("severe, mild", "k.A. or none", "mild or severe"),
        ("none,k.A.,mild", "severe", "k.A. or mild or none"),
    ],
)
def test_both_sides_are_named_by_their_labels(words: str, absent: str, present: str) -> None:
    frame = made(["none", "mild", "severe", "k.A."], name="pain")
    graph, table, _ = label_outcome("age -> {drug, pain}; drug -> pain", frame, f"pain={words}")
    assert graph["pain"].labels == (absent, present)
    assert set(table["pain"]) == {absent, present}
    many = pd.DataFrame({"drug": [0, 1] * 5, "digit": range(10)})
    assert label_outcome("drug -> digit", many, "digit=3")[0]["digit"].labels == ("not 3", "3")


@pytest.mark.parametrize(
    ("outcome", "error", "words"),
    [
        ("pian=mild", UnknownNameError, "pian=mild"),
        ("age=3", DataError, "Expected a column of labels before the equals sign in 'age=3'; 'age' is continuous"),
        ("pain=mld", DataError, "Did you mean 'mild'"),
        ("pain=none,mild,severe,worst", DataError, "got all of them"),
    ],
)
def test_what_is_no_label_is_refused(outcome: str, error: type[Exception], words: str) -> None:
    frame = made(["none", "mild", "severe", "worst"], name="pain")
    with pytest.raises(error, match=words):
        label_outcome("age -> {drug, pain}; drug -> pain -> after", frame, outcome)
    assert label_outcome("age -> {drug, pain}; drug -> pain", frame, "pain")[2] == "pain"


@pytest.mark.parametrize("used", [["after"], ["drug", "after"]])
def test_a_column_after_the_outcome_is_refused_by_name(used: list[str]) -> None:
    frame = made(["none", "mild", "severe", "worst"], name="pain")
    graph = "age -> {drug, pain}; drug -> pain -> after"
    with pytest.raises(DataError, match="'pain' does not act on in the graph; got 'after', which comes after"):
        label_outcome(graph, frame, "pain=mild", used=used)
    assert label_outcome(graph, frame, "pain=mild", used=["drug", "ward"])[2] == "pain"
