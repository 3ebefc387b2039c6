"""Effects carried over to another table: known values, warnings, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import TransportedEffect, estimate_effect, transport_effect
from causalgen.errors import CausalgenError, NotIdentifiableError
from causalgen.graph import CausalGraph

AGE, SEX = "age at scan", "sex"
EDGES = f'{{"{AGE}", sex, severity}} -> {{t, y}}; t -> y; "{AGE}" -> severity'
GRAPH = CausalGraph(f'{EDGES}; [site] -> {{"{AGE}", sex}}')
ASKED: dict[str, Any] = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}


def _site(rows: int, seed: int, *, older: float = 0.0, kind: str = "binary") -> pd.DataFrame:
    """A site; the effect is 1 + .7 age + .5 in men, and age and sex differ between sites."""
    rng = np.random.default_rng(seed)
    age, male = rng.normal(older, 1, rows), rng.random(rows) < 0.4 + 0.3 * (older > 0)
    severity = 0.5 * age + rng.normal(size=rows)
    t = 0.5 * severity + rng.normal(size=rows)
    t = t if kind == "continuous" else (t > 0).astype(int)
    y = t * (1 + 0.7 * age + 0.5 * male) + severity + rng.normal(size=rows)
    frame = pd.DataFrame({AGE: age, SEX: np.where(male, "m", "f"), "severity": severity, "t": t, "y": y})
    frame["clinic"], frame["w"] = np.arange(rows) // 4, rng.uniform(0.5, 1.5, rows)
    return frame.set_axis([f"patient {i}" for i in range(rows)])


HERE, THERE = _site(600, 0), _site(300, 1, older=0.8)[[AGE, SEX, "clinic", "w"]]
TRUTH = 1 + 0.7 * 0.8 + 0.5 * 0.7


def _carried(graph: CausalGraph = GRAPH, **options: Any) -> TransportedEffect:
    given = {"table": HERE, "target": THERE} | ASKED | options
    return transport_effect(graph, **given)


@pytest.mark.parametrize("options", [{}, {"cluster": "clinic"}, {"weights": "w"}], ids=str)
def test_the_effect_in_the_target_is_found_and_differs_from_that_in_the_table(options: dict) -> None:
    found = _carried(**options)
    assert (found.formula.carriers, found.formula.others) == ((AGE, SEX), ("severity",))
    assert found.target.covers(TRUTH)
    assert not found.source.covers(TRUTH)
    assert found.source.covers(1.2)
    assert found.effective is not None
    assert 100 < found.effective < 500
    assert found.to_frame()["estimate"].tolist() == [found.source.value, found.target.value]
    assert found.to_dict()["formula"]["carriers"] == [AGE, SEX]


def test_a_continuous_treatment_needs_all_covariates_in_the_target() -> None:
    here, there = _site(600, 2, kind="continuous"), _site(300, 3, older=0.8)
    found = _carried(table=here, target=there[[AGE, SEX, "severity"]])
    assert found.target.covers(TRUTH)
    assert not found.source.covers(TRUTH)
    with pytest.raises(CausalgenError, match="Expected a column 'severity' in the target, since the continuous"):
        _carried(table=here)


def test_where_the_effect_is_the_same_the_target_needs_no_column() -> None:
    found = _carried(CausalGraph(f"{EDGES}; [site] -> t"), target=pd.DataFrame(index=range(20)))
    assert found.formula.is_direct
    assert found.target.value == found.source.value
    assert "is the same in the table and in the other population" in str(found)


def test_holes_and_rows_outside_the_table_are_counted() -> None:
    there = THERE.copy()
    there.loc[there.index[:30], SEX] = None
    there.loc[there.index[30:60], AGE] = 9.0
    warnings = " ".join(_carried(target=there).warnings)
    assert "30 of 300 rows of the target were dropped (10%)" in warnings
    assert f"33 of 270 rows of the target (12%) lie outside its range in {AGE} (33; " in warnings
    assert "Poor overlap of the tables" in " ".join(_carried(target=THERE.assign(**{AGE: 9.0})).warnings)


def test_a_target_without_weights_and_clusters_is_warned_of() -> None:
    warnings = " ".join(_carried(weights="w", cluster="clinic", target=THERE[[AGE, SEX]]).warnings)
    assert "no column 'w' of sampling weights, so all of its rows have equal weight" in warnings
    assert "no column 'clinic' of clusters, so its rows count as independent" in warnings
    assert not _carried(weights="w", target=THERE[:20]).warnings  # ten rows suffice in the target


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ("", {}, "Expected a graph with selection nodes"),
        ("[site] -> y", {}, r"got the path \[site\] -> y"),
        ("[site] -> sex", {"target": THERE[[AGE]]}, r"\[site\] -> sex -> y.*Record \{sex\} in the target"),
        ("[site] -> sex", {"adjustment": [AGE, "severity"]}, r"Use \{sex\}, measured in both populations"),
        ("[site] -> sex", {"target": THERE.head(0)}, "at least 10 rows with sex in the target; got 0 of 0"),
        ("[site] -> sex", {"target": THERE.assign(sex=None)}, "at least 10 rows with sex in the target; got 0 of 300"),
        ("[site] -> sex", {"target": THERE.assign(sex="x")}, "In the target: Expected one of f, m .* no counterpart"),
        (
            "[site] -> sex",
            {"target": THERE.assign(sex=3.5)},
            "In the target: Expected one of f, m.*is binary in the table",
        ),
        (
            f'[site] -> "{AGE}"',
            {"target": THERE.assign(**{AGE: "old"})},
            "In the target: Expected a number.*is continuous",
        ),
        ("[site] -> sex", {"target": THERE.to_dict()}, "Expected the target as a pandas DataFrame; got dict"),
        ("[site] -> sex", {"target": pd.concat([THERE, THERE[[SEX]]], axis=1)}, "distinct column names in the target"),
        (
            "[site] -> sex",
            {"target": pd.concat([THERE, THERE[["w"]]], axis=1), "weights": "w"},
            "distinct column names in the target; got 'w'",
        ),
        ("[site] -> sex", {"target": THERE.assign(w=-1), "weights": "w"}, "In the target: Expected positive sampling"),
        (
            "[site] -> sex",
            {"target": THERE.assign(clinic=1), "cluster": "clinic"},
            "In the target: .*at least 10 clusters",
        ),
        ("[site] -> sex", {"target": THERE.rename(columns={SEX: "Sex "})}, r"Record \{sex\} .* Did you mean 'Sex '\?"),
        ("[site] -> sex", {"missing": "impute"}, "Expected missing='drop' or missing='weight'"),
        (
            "[site] -> sex",
            {"treatment": ["t", "sex"], "contrast": ((0, "f"), (1, "m"))},
            "Expected one treatment to transport",
        ),
        ("y -> [clinic]", {}, r"the path \[clinic\] <- y"),
    ],
)
def test_what_cannot_be_carried_over_is_refused_with_its_reason(edges: str, options: dict, message: str) -> None:
    with pytest.raises(CausalgenError, match=message):
        _carried(CausalGraph(f"{EDGES}; {edges}"), **options)


def test_selected_rows_are_named_and_refused_where_no_covariate_helps() -> None:
    graph = CausalGraph("{severity, t} -> y; {severity, t} -> [trial]")
    report = estimate_effect(graph, HERE, **ASKED, refute=False)
    assert report.estimand.adjustment == ("severity",)
    assert any("Selected rows" in text and "t -> [trial] <- severity -> y" in text for text in report.warnings)
    for edges, options, message in (
        ("t -> y -> [trial]", {}, "Outcome-dependent selection"),
        (str(graph), {"adjustment": []}, "Expected a set given which the selection"),
        (str(graph), {"instrument": "severity"}, "got the instrument 'severity'"),
        (str(graph), {"treatment": ["t", "severity"], "contrast": ((0, 0), (1, 1))}, "Expected one treatment"),
    ):
        with pytest.raises(NotIdentifiableError, match=message):
            estimate_effect(CausalGraph(edges), HERE, **(ASKED | options), refute=False)
