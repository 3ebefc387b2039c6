"""What stands behind a column: proxies taken as assigned miss the effect, corrected ones cover it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import EffectReport
from causalgen.effects.columns import Column, estimate_with_proxies, with_proxies
from causalgen.errors import DataError, GraphError, NotIdentifiableError, UnknownNameError
from causalgen.graph import CausalGraph, Variable

EFFECT = 1.0
QUESTION: dict[str, Any] = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
PREDICTED: dict[str, Any] = {"labelled_at_random": True, "fitted_on": ()}
LINEAR: dict[str, Any] = {"method": "linear adjustment", "resamples": 60}


def graph(*, binary: bool = True, edges: str = "") -> CausalGraph:
    """z -> {t, y}; t -> y; all of them show on an image."""
    treatment = Variable("t", "binary", labels=(0, 1)) if binary else Variable("t", "continuous")
    image = Variable("image", "image", shape=(1, 4, 4))
    proxies = [Variable(name, "continuous") for name in ("y_hat", "z2") if name in edges]
    variables = [Variable("z", "continuous"), treatment, Variable("y", "continuous"), image, *proxies]
    return CausalGraph("z -> {t, y}; t -> y; {z, t, y} -> image" + edges, variables)


def table(seed: int, *, binary: bool = True, rows: int = 2_000, labelled: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """y = t + z + noise with biased predictions (hat) and noisy measurements (read), and which rows are labelled."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = (rng.random(rows) < 1 / (1 + np.exp(-0.8 * z))).astype(int) if binary else 0.7 * z + rng.normal(size=rows)
    y = EFFECT * t + z + rng.normal(size=rows)
    noise = rng.normal(size=(6, rows))
    wrong = rng.random(rows) < np.where(y > 1, 0.05, 0.3)
    data = {
        "z": z,
        "t": t,
        "y": y,
        "y_hat": 0.6 * y + 0.5 * t + 0.3 * z + 0.3 * noise[0],
        "y_read": 2 + 0.8 * y + 0.5 * noise[1],
        "z_hat": 0.5 * z + 0.3 * y + 0.3 * noise[2],
        "z_read": z + 0.7 * noise[3],
        "t_hat": np.where(wrong, 1 - t, t) if binary else 0.5 * t + 0.3 * y + 0.3 * noise[4],
        "t_read": t + 0.7 * noise[5],
    }
    known = np.zeros(rows, dtype=bool)
    known[rng.permutation(rows)[:labelled]] = True
    return pd.DataFrame(data), known


def predicted(*names: str) -> list[Column]:
    return [Column(name, "predicted", proxy=f"{name}_hat", **PREDICTED) for name in names]


def measured(*names: str) -> list[Column]:
    return [Column(name, "measured", proxy=f"{name}_read") for name in names]


def estimated(seed: int, columns: list[Column], *, binary: bool = True, **options: Any) -> EffectReport:
    data, known = table(seed, binary=binary)
    data = data.assign(**{column.name: data[column.name].where(known) for column in columns})
    return estimate_with_proxies(graph(binary=binary), data, columns=columns, **QUESTION | LINEAR | options)


CASES = {
    "predicted outcome": (predicted("y"), True, "prediction-powered"),
    "predicted binary treatment": (predicted("t"), True, "predict-then-debias"),
    "predicted continuous treatment": (predicted("t"), False, "predict-then-debias"),
    "predicted confounder": (predicted("z"), True, "predict-then-debias"),
    "predicted confounder and outcome": (predicted("z", "y"), True, "predict-then-debias"),
    "measured outcome": (measured("y"), True, "calibrated measurement"),
    "measured treatment": (measured("t"), False, "regression calibration"),
    "measured confounder": (measured("z"), True, "regression calibration"),
    "all measured": (measured("z", "t", "y"), False, "regression calibration"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_plug_in_misses_and_the_correction_covers(case: str) -> None:
    """Over 12 tables; the slow test below holds the coverage over 200."""
    columns, binary, source = CASES[case]
    _need_ppi(source)
    reports = [estimated(seed, columns, binary=binary) for seed in range(12)]
    rows = [(report.estimates[0].covers(EFFECT), report[source].covers(EFFECT)) for report in reports]
    plug_in, corrected = np.sum(rows, axis=0)
    assert corrected >= 10  # P(fewer | coverage .95) = .02
    assert plug_in <= 4
    values = [report[source].value for report in reports]
    assert np.mean(values) == pytest.approx(EFFECT, abs=4 * np.std(values, ddof=1) / np.sqrt(12))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_coverage(case: str) -> None:
    """95 % intervals over 200 tables, about 10 s a case on one core."""
    columns, binary, source = CASES[case]
    _need_ppi(source)
    covered = [estimated(seed, columns, binary=binary)[source].covers(EFFECT) for seed in range(200)]
    assert 0.915 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("method", ["doubly robust", "linear adjustment"])
def test_predictions_narrow_the_interval_of_the_labelled_rows(method: str) -> None:
    pytest.importorskip("ppi_py")
    widths = np.array(
        [
            [report[source].high - report[source].low for source in ("labelled rows only", "prediction-powered")]  # type: ignore[operator]
            for report in (estimated(seed, predicted("y"), method=method) for seed in range(5))
        ]
    )
    assert (widths[:, 1] < widths[:, 0]).all()
    assert widths[:, 1].mean() < 0.9 * widths[:, 0].mean()


def test_worthless_predictions_get_no_weight() -> None:
    data, known = table(0)
    data["y"] = data["y"].where(known)
    data["y_hat"] = np.random.default_rng(1).normal(size=len(data))
    data["patient"] = np.arange(len(data)) // 2
    report = estimate_with_proxies(
        graph(), data, columns=predicted("y"), cluster="patient", **QUESTION | {"method": "linear adjustment"}
    )
    labelled, corrected = report["labelled rows only"], report["predict-then-debias"]
    assert corrected.value == pytest.approx(labelled.value, abs=0.05)
    assert corrected.high - corrected.low <= 1.001 * (labelled.high - labelled.low)  # type: ignore[operator]


def test_the_report_names_its_clusters_and_methods_must_suit_the_outcome() -> None:
    data, known = table(0)
    data = data.assign(y=data["y"].where(known), patient=np.arange(len(data)) // 4)
    options: dict[str, Any] = QUESTION | {"columns": predicted("y"), "cluster": "patient"}
    report = estimate_with_proxies(graph(), data, **options, method="linear adjustment")
    assert report.cluster == "patient"
    with pytest.raises(DataError, match="declares a finite support, for 'generalized linear adjustment'"):
        estimate_with_proxies(graph(), data, **options, method="generalized linear adjustment")


def test_clusters_widen_and_leave_the_library_without_clusters_out() -> None:
    data, known = table(0, rows=1_000)
    data["y"] = data["y"].where(known)
    data = pd.concat([data] * 4, ignore_index=True).assign(patient=list(range(1_000)) * 4)
    options: dict[str, Any] = QUESTION | {"columns": predicted("y"), "method": "linear adjustment"}
    clustered = estimate_with_proxies(graph(), data, cluster="patient", **options)["predict-then-debias"]
    single = estimate_with_proxies(graph(), data.head(1_000).assign(row=range(1_000)), cluster="row", **options)
    alone = single["predict-then-debias"]
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low, rel=0.05)  # type: ignore[operator]


def test_probabilities_of_a_binary_outcome_are_predictions() -> None:
    pytest.importorskip("ppi_py")
    data, known = table(0)
    sick = data["y"] > 0.5
    labels = np.where(sick, "sick", "well")
    data["y_hat"] = np.clip(0.7 * sick + 0.2, 0, 1)
    data["y"] = pd.Series(labels).where(known)
    variables = [
        *(v for v in graph().variables.values() if v.name != "y"),
        Variable("y", "binary", labels=("well", "sick")),
    ]
    report = estimate_with_proxies(
        CausalGraph(graph().edges, variables), data, columns=predicted("y"), **QUESTION, method="linear adjustment"
    )
    assert report.outcome_unit == "probability of sick"
    full = np.linalg.lstsq(np.column_stack([np.ones(2_000), data["t"], data["z"]]), sick.to_numpy(float), rcond=None)[0]
    assert report["prediction-powered"].covers(full[1])
    assert report.estimates[0].value == pytest.approx(0.7 * full[1])


def test_the_report_says_what_stands_behind_the_columns() -> None:
    report = estimated(0, measured("y"))
    assert "y: measured as 'y_read'" in report.warnings[0]
    assert "assigned values are known for some rows" in report.warnings[0]
    assert Column("z").reading == "z: assigned in the table."
    assert [row.kind for row in report.estimates] == ["naive", "adjusted"]


def test_a_measurement_that_sees_the_treatment_is_reported() -> None:
    data, known = table(0)
    data["y_read"] += 0.4 * data["t"]
    data["y"] = data["y"].where(known)
    report = estimate_with_proxies(graph(), data, columns=measured("y"), **QUESTION, method="linear adjustment")
    assert any("depends on t at the same assigned value, by 0.4" in text for text in report.warnings)
    assert not any("depends on" in text for text in estimated(0, measured("y")).warnings)


def test_rows_on_which_the_predictor_was_fitted_are_left_out() -> None:
    pytest.importorskip("ppi_py")
    data, known = table(0)
    data["y"] = data["y"].where(known)
    fitted = data.index[~known][:100]
    columns = [Column("y", "predicted", proxy="y_hat", labelled_at_random=True, fitted_on=fitted)]
    assert estimate_with_proxies(graph(), data, columns=columns, **QUESTION | LINEAR).rows_dropped == 100


def test_kinds_are_declared_as_for_every_estimate() -> None:
    data, known = table(0)
    nodes = [*map(Variable, "zty"), Variable("image", "image", shape=(1, 4, 4))]
    bare = CausalGraph("z -> {t, y}; t -> y; {z, t, y} -> image", nodes)
    data["y"] = data["y"].where(known)
    ask = QUESTION | LINEAR | {"columns": predicted("y")}
    with pytest.raises(DataError, match="'y' is categorical"):
        estimate_with_proxies(bare, data, **ask, variables={"y": "categorical"})
    report = estimate_with_proxies(bare, data, **ask)
    assert report.columns == "Columns: t binary (0, 1), y continuous, z continuous."
    assert report.estimates[-1].covers(EFFECT)


def test_proxies_become_children_of_the_image() -> None:
    drawn = with_proxies(graph(), predicted("y"), image="image")
    assert drawn.parents("y_hat") == ("image",)
    assert with_proxies(drawn, predicted("y"), image="image") == drawn
    data, known = table(0)
    data["y"] = data["y"].where(known)
    report = estimate_with_proxies(drawn, data, columns=predicted("y"), cluster="z", **QUESTION | LINEAR)
    assert report.estimand.adjustment == ("z",)
    with pytest.raises(UnknownNameError, match="Did you mean 'image'"):
        with_proxies(graph(), predicted("y"), image="imge")


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ppi_py", None)
    with pytest.raises(ImportError, match=r"pip install 'causalgen\[ppi\]'"):
        estimated(0, predicted("y"))


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"source": "mesured"}, "among assigned, measured, predicted; got 'mesured'. Did you mean 'measured'"),
        ({"source": "measured"}, "proxy, next to the assigned values; got None"),
        ({"source": "measured", "proxy": "y"}, "next to the assigned values; got 'y'"),
        ({"source": "predicted", "proxy": "y_hat"}, "Expected fitted_on for the predicted column 'y'"),
        ({"source": "measured", "proxy": "y_read", "fitted_on": ()}, "Expected no fitted_on for the measured"),
        ({"proxy": "y_hat"}, "Expected no proxy for the assigned column 'y'"),
    ],
)
def test_bad_declarations(declaration: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Column("y", **declaration)


Spoil = Callable[[pd.DataFrame], pd.DataFrame]
Y_HAT = predicted("y")


@pytest.mark.parametrize(
    ("columns", "options", "spoil", "error", "message"),
    [
        (
            [Column("y", "predicted", proxy="t", **PREDICTED)],
            {},
            None,
            DataError,
            r"'t' is a proxy of 'y', a child of the image: do\(t\).*Ask for do\(y\)",
        ),
        ([*Y_HAT, *Y_HAT], {}, None, DataError, "every column declared once; got y, y"),
        (Y_HAT, {}, lambda d: d.drop(columns="y_hat"), DataError, "column 'y_hat', the proxy of 'y'.*Did you mean"),
        ([Column("w", "measured", proxy="y_read")], {}, None, UnknownNameError, "w"),
        ([Column("z")], {}, None, DataError, "measured or predicted column among t, y, z; got none"),
        (
            [Column("y", "predicted", proxy="y_hat", fitted_on=())],
            {},
            None,
            DataError,
            "labelled rows of y declared a random sample",
        ),
        (predicted("t") + measured("y"), {}, None, DataError, "labelled rows of y declared.*predicted t rests on"),
        (
            [Column("y", "predicted", proxy="y_hat", labelled_at_random=True, fitted_on=range(2_000))],
            {},
            None,
            DataError,
            "was fitted on 300 of 300",
        ),
        (Y_HAT, {}, lambda d: d.assign(y=np.where(d.index < 20, d["y_hat"], np.nan)), DataError, "got 20. Label more"),
        (Y_HAT, {}, lambda d: d.assign(y=d["y_hat"]), DataError, "every row is labelled. Ask estimate_effect"),
        (predicted("t"), {}, lambda d: d.assign(t_hat=0.4), DataError, "labels of 't' in its proxy 't_hat'; got 0.4"),
        ([Column("t", "measured", proxy="t_hat")], {}, None, DataError, "t is discrete.*not an additive error"),
        (
            measured("y"),
            {},
            lambda d: d.assign(y_read=np.random.default_rng(99).normal(size=len(d))),
            DataError,
            "measurement to follow the assigned outcome",
        ),
        (Y_HAT, {"level": 95}, None, DataError, "level between 0 and 1"),
        (Y_HAT, {"resamples": 2}, None, DataError, "at least 50 resamples; got 2"),
        (Y_HAT, {"method": "double robust"}, None, UnknownNameError, "Did you mean 'doubly robust'"),
        (Y_HAT, {"cluster": "patient"}, None, DataError, "'patient' has none"),
        (Y_HAT, {"outcome": "t", "treatment": "y"}, None, NotIdentifiableError, "no directed path"),
        (Y_HAT, {"weights": "z"}, None, DataError, "no sampling weights with proxies"),
        (Y_HAT, {}, lambda d: d.assign(y_hat=d["y"].fillna(0)), DataError, "'y_hat' equals 'y' in all 300 labelled"),
        ([Column("z", "measured", proxy="y")], {}, None, DataError, "as its proxy; got the outcome 'y'"),
    ],
)
def test_bad_input(columns: list[Column], options: dict, spoil: Spoil | None, error: type, message: str) -> None:
    data, known = table(0)
    data = data.assign(**{column.name: data[column.name].where(known) for column in columns if column.name in data})
    with pytest.raises(error, match=message):
        estimate_with_proxies(graph(), spoil(data) if spoil else data, columns=columns, **QUESTION | LINEAR | options)


@pytest.mark.parametrize("edges", ["; z -> y_hat", "; image -> y_hat -> z2"])
def test_a_proxy_elsewhere_in_the_graph_is_refused(edges: str) -> None:
    data, _ = table(0)
    with pytest.raises(GraphError, match="proxy 'y_hat' as a child of an image"):
        estimate_with_proxies(graph(edges=edges), data.assign(z2=0), columns=Y_HAT, **QUESTION)


def _need_ppi(source: str) -> None:
    if source == "prediction-powered":
        pytest.importorskip("ppi_py")
