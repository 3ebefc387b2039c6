"""Table 1 against pandas, on a table that nobody tidied."""

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import TableOne, examine, table_one
from causalgen.graph import CausalGraph, Variable

from .generator import sigmoid

AGE = "age, years"
GRAPH = CausalGraph(
    [(cause, effect) for cause in (AGE, "site", "cost", "sex") for effect in ("arm", "dose", "y")]
    + [("arm", "y"), ("dose", "y")],
    variables=[Variable(AGE, "continuous", unit="years"), *map(Variable, ("site", "cost", "sex", "arm", "dose", "y"))],
)
QUESTION = {"treatment": "arm", "outcome": "y", "contrast": ("usual", "drug"), "variables": {"site": "categorical"}}


def messy(seed: int = 1, rows: int = 500) -> pd.DataFrame:
    """A repeated string index, integer codes, holes in covariates and treatment, a skewed cost."""
    rng = np.random.default_rng(seed)
    age = rng.normal(55, 10, rows)
    arm = np.where(rng.random(rows) < sigmoid((age - 55) / 12), "drug", "usual").astype(object)
    table = pd.DataFrame(
        {
            AGE: age,
            "site": rng.integers(1, 4, rows),
            "cost": rng.lognormal(3, 1.2, rows),
            "sex": rng.choice(["f", "m"], rows).astype(object),
            "arm": arm,
            "dose": rng.gamma(2, 2, rows),
            "y": (arm == "drug") + age / 10 + rng.normal(size=rows),
            "w": rng.uniform(0.5, 2, rows),
        },
        index=[f"p{number}" for number in rng.integers(0, 300, rows)],
    )
    for place, name in enumerate((AGE, "sex", "arm")):
        table.iloc[rng.choice(rows, 20 + place, replace=False), table.columns.get_loc(name)] = None
    return table.astype({AGE: float})


def asked(table: pd.DataFrame, **options) -> TableOne:
    question = QUESTION | {"methods": ["linear adjustment"], "refute": False} | options
    adjustment = [name for name in (AGE, "site", "cost", "sex") if name != question["treatment"]]
    return table_one(GRAPH, table, estimate_effect(GRAPH, table, adjustment=adjustment, **question))


@pytest.mark.parametrize("weights", [None, "w"])
def test_table_one_equals_pandas(weights: str | None) -> None:
    table = messy()
    found = asked(table, weights=weights)
    arms = [table[table["arm"] == value] for value in ("usual", "drug")]
    assert [arm.rows for arm in found.arms] == [len(arm) for arm in arms]
    assert found.incomplete == table["arm"].isna().sum()
    rows = {(row.covariate, row.label): row for row in found.rows}
    assert list(rows) == [
        *((AGE, ""), ("site", "1"), ("site", "2"), ("site", "3"), ("cost", ""), ("sex", "f"), ("sex", "m"))
    ]
    assert (rows[AGE, ""].name, rows["cost", ""].statistic) == (f"{AGE} [years], mean (SD)", "median [quartiles]")
    for name, labels in ((AGE, [""]), ("cost", [""]), ("site", [1, 2, 3]), ("sex", ["f", "m"])):
        for label in labels:
            row, means, variances = rows[name, str(label)], [], []
            assert row.missing == tuple(arm[name].isna().sum() for arm in arms)
            for arm, one in zip(arms, row.before, strict=True):
                known = arm[arm[name].notna()]
                values = known[name] if label == "" else (known[name] == label).astype(float)
                weight = np.ones(len(known)) if weights is None else known["w"]
                assert one.mean == pytest.approx(np.average(values, weights=weight))
                assert one.rows == (len(known) if label == "" else values.sum())
                if label == "" and weights is None:
                    assert one.sd == pytest.approx(values.std())
                    assert one.quartiles == pytest.approx(values.quantile([0.25, 0.5, 0.75]).tolist())
                means.append(one.mean)
                variances.append(one.sd**2 if one.sd is not None else one.mean * (1 - one.mean))
            assert row.difference == pytest.approx((means[1] - means[0]) / np.sqrt(sum(variances) / 2))
    assert abs(rows[AGE, ""].difference_after) < 0.1 < abs(rows[AGE, ""].difference)
    assert all(arm.effective < arm.rows for arm in found.arms)


def test_table_one_agrees_with_the_love_plot_where_nothing_is_missing() -> None:
    table = messy().dropna()
    question = QUESTION | {"methods": ["weighting"], "population": "ATT", "refute": False}
    report = estimate_effect(GRAPH, table, **question)
    doubt = examine(GRAPH, table, report, simulations=2)
    plotted = {row.covariate: row for row in doubt.balance.rows}
    for row in doubt.table_one.rows:
        other = plotted.get(f"site={row.label}" if row.covariate == "site" else row.covariate)
        if other is not None and row.label != "f":
            assert row.difference == pytest.approx(other.before, abs=5e-3)  # by n - 1 here, by n there
            assert row.difference_after == pytest.approx(other.after, abs=5e-3)
    assert [arm.effective for arm in doubt.table_one.arms] == pytest.approx([a.effective for a in doubt.balance.arms])
    assert doubt.to_dict()["table_one"]["rows"][0]["covariate"] in {AGE, "site", "cost", "sex"}


def test_other_groups_several_labels_and_thirds_of_a_dose() -> None:
    table = messy()
    several = asked(table, treatment="site", contrast=(1, 3))
    assert [(arm.name, arm.compared) for arm in several.arms] == [("1", True), ("3", True), ("2", False)]
    assert len(several.rows[0].before) == 3
    assert len(several.rows[0].after) == 2
    thirds = asked(table, treatment="dose", contrast=(1.0, 4.0))
    assert [arm.name.split()[0] for arm in thirds.arms] == ["up", "above", "above"]
    assert sum(arm.rows for arm in thirds.arms) == len(table)
    assert "highest and the lowest third" in str(thirds)
    assert not thirds.weighted
