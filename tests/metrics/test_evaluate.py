"""The whole table on a made data set: a perfect model, one that ignores the intervention, and an untrained one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from causalgen.datasets import Dataset
from causalgen.errors import DataError, DivergenceError, RenamedWarning, UnknownNameError
from causalgen.metrics import AS_FITTED, MetricTable, Readers, evaluate, to_bytes, untrained_control
from causalgen.predictors import LABELS, AttributePredictor, fit_predictor
from causalgen.scm import StructuralCausalModel

from .painted import Copier, measure_brightness, model, painted

FEW = replace(AS_FITTED, rows=40)

ROWS = ("model", "untrained control", "identity control", "oracle")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted()


@pytest.fixture(scope="module")
def classifier(data: Dataset) -> AttributePredictor:
    return fit_predictor(data, "shape", image="image", config=replace(LABELS, epochs=6))


@pytest.fixture(scope="module")
def untrained(data: Dataset) -> StructuralCausalModel:
    torch.manual_seed(0)
    small = {"mechanism": "conv-vae", "latent": 4, "local": 2, "width": 8, "blocks": 1}
    scm = StructuralCausalModel(data.graph, {"light": "linear-gaussian", "image": small})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    return scm.eval()


@pytest.fixture(scope="module")
def table(data: Dataset, classifier: AttributePredictor, untrained: StructuralCausalModel) -> MetricTable:
    return evaluate(
        model(data),
        data,
        queries=["light", "brightness", "shape"],
        readers=Readers({"brightness": measure_brightness}, {"shape": classifier}),
        untrained=untrained,
        protocol=replace(AS_FITTED, rows=90),
    )


def test_the_perfect_model_and_the_oracle_are_perfect(table: MetricTable) -> None:
    for query in ("do(light)", "do(brightness)"):
        for row in ("model", "oracle"):
            for metric in ("image L1 to truth", "image L1 to truth, relative to identity", "reversibility L1"):
                assert table.value(metric=metric, query=query, row=row) == pytest.approx(0, abs=1e-3)
            assert table.value(metric="image SSIM to truth", query=query, row=row) == pytest.approx(1, abs=1e-4)
            result = table.result(metric="brightness MAE", query=query, row=row)
            assert result.floor is not None
            assert result.value == pytest.approx(result.floor, abs=0.02)
            assert result.floor == pytest.approx(0.25, abs=0.08)  # rounding to bytes
    assert table.value(metric="brightness error to truth", query="do(light)") == pytest.approx(0, abs=1e-3)
    assert table.value(metric="composition L1 (10 cycles)") == pytest.approx(0, abs=1e-6)
    assert table.result(metric="composition L1 (1 cycle)").note == "by construction"


def test_the_identity_control_equals_the_direct_computation(data: Dataset, table: MetricTable) -> None:
    result = table.result(metric="image L1 to truth", query="do(brightness)", row="identity control")
    scm = model(data)
    again = evaluate(scm, data, queries=["brightness"], untrained=scm, protocol=replace(AS_FITTED, rows=90))
    assert again.value(metric="image L1 to truth", row="identity control") == result.value
    test = data.split["test"]
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:90]
    rows = test[order.sort().values]
    from causalgen.metrics import draw_query

    query = draw_query("brightness", scm, data.rows(rows), data.group[rows].numpy(), seed=0)
    assert data.truth is not None
    true = data.truth.counterfactual(rows, query.do)["image"].double()
    direct = (data.values["image"][rows].double() - true).abs().mean()
    assert result.value == pytest.approx(float(direct), rel=1e-6)
    assert result.low < result.value < result.high
    assert table.value(
        metric="image L1 to truth, relative to identity", query="do(brightness)", row="identity control"
    ) == pytest.approx(1)


def test_the_model_that_ignores_the_intervention_is_the_identity(data: Dataset) -> None:
    scm = model(data, Copier)
    table = evaluate(
        scm, data, queries=["brightness"], readers=Readers({"brightness": measure_brightness}), untrained=scm
    )
    for metric in ("image L1 to truth", "image SSIM to truth", "brightness MAE"):
        identity = table.value(metric=metric, row="identity control")
        assert table.value(metric=metric) == pytest.approx(identity)
    assert table.value(metric="brightness MAE") > 10


def test_controls_are_worse_and_every_row_is_there(table: MetricTable) -> None:
    for metric in ("image L1 to truth", "brightness MAE", "reversibility L1", "shape kept"):
        assert set(table.select(metric=metric, query="do(brightness)").to_frame()["row"]) >= set(ROWS)
    for query in ("do(light)", "do(brightness)"):  # under do(light) the factual image is held to the moved brightness
        for row in ("untrained control", "identity control"):
            assert table.value(metric="brightness MAE", query=query, row=row) > 5
    assert table.value(metric="composition L1 (1 cycle)", row="untrained control") > 5


def test_discrete_attributes_are_kept_or_shown(table: MetricTable) -> None:
    accuracy = table.result(metric="shape classifier accuracy", row="floor")
    kept = table.result(metric="shape kept", query="do(brightness)")
    assert accuracy.value > 0.9
    assert kept.floor == accuracy.value
    assert kept.value == pytest.approx(accuracy.value, abs=0.05)
    assert table.value(metric="shape kept", query="do(brightness)", row="untrained control") < 0.6
    # The painter cannot turn one shape into another, and the table says so.
    assert table.value(metric="shape shown", query="do(shape)") < 0.6


def test_what_should_stay_drifts_where_the_model_redraws_it(
    data: Dataset, classifier: AttributePredictor, table: MetricTable, untrained: StructuralCausalModel
) -> None:
    perfect = table.select(metric="off-target drift: shape", query="do(light)")
    assert {result.row for result in perfect} == {"model", "null intervention", "truth"}
    assert table.value(metric="off-target drift: shape", query="do(light)") == pytest.approx(
        table.value(metric="off-target drift: shape", query="do(light)", row="truth"), abs=0.03
    )
    assert table.value(metric="off-target drift: shape", query="do(light)", row="null intervention") == 0
    assert "off-target drift: brightness" not in {r.metric for r in table if r.query in ("do(light)", "do(brightness)")}
    readers = Readers({"brightness": measure_brightness}, {"shape": classifier})
    poor = evaluate(untrained, data, queries=["shape", "light"], readers=readers, protocol=FEW)
    moved = poor.select(metric="off-target drift: brightness", query="do(shape)")
    assert {result.row for result in moved} == {"model", "null intervention"}  # the generator has no truth here
    assert min(result.value for result in moved) > 10
    assert poor.value(metric="off-target drift: shape", query="do(light)") > 0.2


def test_a_query_that_the_generator_cannot_answer_is_noted(table: MetricTable) -> None:
    assert [note for note in table.notes if "do(shape)" in note and "does not determine" in note]
    frame = table.select(query="do(shape)").to_frame()
    assert "image L1 to truth" not in set(frame["metric"])
    assert "oracle" not in set(frame["row"])


def test_strata_hold_the_same_units_for_all_rows(table: MetricTable) -> None:
    frame = table.select(query="do(light)").to_frame()
    assert (frame[frame.stratum == "all units"].units == 90).all()
    inside = frame[frame.stratum == "within support"].units
    assert inside.nunique() == 1
    assert 0 < inside.iloc[0] <= 90


def test_deterministic_under_a_seed(data: Dataset, untrained: StructuralCausalModel) -> None:
    first, second, other = (
        evaluate(untrained, data, queries=["brightness"], protocol=FEW, seed=seed).to_frame() for seed in (1, 1, 2)
    )
    assert first.equals(second)
    assert not first.equals(other)


def test_without_truth_measurement_and_classifier(data: Dataset, untrained: StructuralCausalModel) -> None:
    table = evaluate(untrained, replace(data, truth=None), queries=["brightness"], protocol=FEW)
    frame = table.to_frame()
    assert not frame.metric.str.contains("truth|MAE|kept").any()
    assert "oracle" not in set(frame["row"])
    assert {"reversibility L1", "composition L1 (10 cycles)", "noise leak: brightness R2"} <= set(frame.metric)
    assert len(table.notes) == 4
    assert "carry the share 0 of" in table.notes[-1]


def test_without_truth_the_floor_is_the_factual_image(data: Dataset) -> None:
    table = evaluate(
        model(data), replace(data, truth=None), queries=["light"], readers=Readers({"brightness": measure_brightness})
    )
    test = data.part("test")
    direct = np.abs(measure_brightness(test["image"]) - test["brightness"].numpy()).mean()
    assert table.value(metric="brightness MAE", row="floor") == pytest.approx(direct)


def test_an_image_that_cannot_be_measured_counts_as_the_worst(data: Dataset) -> None:
    def blind(images: torch.Tensor) -> np.ndarray:
        return np.full(len(images), np.nan)

    scm = model(data)
    table = evaluate(scm, data, queries=[{"brightness": 55}], readers=Readers({"brightness": blind}), untrained=scm)
    assert table.value(metric="brightness MAE") == pytest.approx(255 - 55)


def test_the_untrained_control_knows_the_scales_but_not_the_weights(
    data: Dataset, untrained: StructuralCausalModel
) -> None:
    fresh = untrained_control(untrained, data, seed=1)
    again = untrained_control(untrained, data, seed=1)
    states = [scm.state_dict() for scm in (untrained, fresh, again)]
    assert all(torch.equal(states[1][key], states[2][key]) for key in states[1])
    assert any(not torch.equal(states[0][key], states[1][key]) for key in states[0] if "decoder" in key)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0] if key.endswith(("loc", "threshold")))


def test_bad_input(data: Dataset) -> None:
    scm = model(data)
    with pytest.raises(UnknownNameError, match="Did you mean 'brightness'"):
        evaluate(scm, data, queries=[], readers=Readers({"brightnes": measure_brightness}))
    with pytest.raises(UnknownNameError, match="Expected an image among image"):
        evaluate(scm, data, queries=[], readers=Readers(image="shape"))
    with pytest.warns(RenamedWarning, match="readers=Readers"), pytest.raises(UnknownNameError, match="an image among"):
        evaluate(scm, data, queries=[], image="shape")  # options that are fields now still work
    with pytest.warns(RenamedWarning, match="classifiers"):  # and so does their old default
        assert evaluate(scm, data, queries=[], measure=None, classifiers=None, predictors=None, untrained=scm).notes
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        evaluate(scm, data, queries=[], nonsense=1)
    with pytest.raises(DataError, match="at least one row"):
        evaluate(scm, data, queries=[], protocol=replace(AS_FITTED, rows=0))
    with pytest.raises(DataError, match="one number per image"):
        evaluate(
            scm, data, queries=["light"], readers=Readers({"brightness": lambda images: np.zeros(3)}), untrained=scm
        )
    with pytest.raises(DivergenceError, match="got NaN"):  # and does not pass for black
        to_bytes(torch.full((2, 1, 3, 3), float("nan")))


def test_a_table_finds_its_results(table: MetricTable) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'reversibility L1'"):
        table.value(metric="reversibility l1")
    with pytest.raises(UnknownNameError, match="Expected one result"):
        table.value(metric="reversibility L1")
    assert len(table.to_frame()) == len(table)
