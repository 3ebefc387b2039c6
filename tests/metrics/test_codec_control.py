"""The loss of a codec is separated from that of the mechanism on its map, on images whose truth is known."""

from dataclasses import replace

import pytest
import torch

from causalgen.datasets import Dataset
from causalgen.metrics import AS_FITTED, CAUSALGEN, MetricTable, Readers, evaluate, to_bytes, with_residual
from causalgen.metrics.images import l1
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

from .painted import measure_brightness, model, painted

IMAGE = {
    "mechanism": "latent",
    "inner": {"mechanism": "image-flow", "width": 8, "couplings": 2},
    "codec": {"factor": 2, "width": 8},
}
CODEC = "codec control"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted()


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    """A codec that is trained, with an inner mechanism that hardly is."""
    torch.manual_seed(0)
    model = StructuralCausalModel(data.graph, {"light": "linear-gaussian", "image": IMAGE})
    stage = Stage(epochs=1, batch_size=32, ema=0.9)
    codecs = replace(stage, epochs=40, learning_rate=1e-2)
    fit(model, data, FitConfig(stage, stage, codecs=codecs, device="cpu", precision="32-true"))
    return model


@pytest.fixture(scope="module")
def table(scm: StructuralCausalModel, data: Dataset) -> MetricTable:
    readers = Readers({"brightness": measure_brightness})
    return evaluate(scm, data, queries=["brightness", "shape"], readers=readers, protocol=replace(AS_FITTED, rows=40))


def test_it_is_the_true_image_through_the_codec_alone(
    table: MetricTable, scm: StructuralCausalModel, data: Dataset
) -> None:
    metric = "image L1 to truth"
    coded, own, identity = (
        table.value(metric=metric, query="do(brightness)", row=row) for row in (CODEC, "model", "identity control")
    )
    assert 0 < coded < min(own, identity)
    assert table.value(metric="brightness MAE", query="do(brightness)", row=CODEC) > 0
    rows = data.split["test"]
    images = data.rows(rows)["image"].float()
    with torch.no_grad():
        alone = float(l1(to_bytes(scm.mechanisms["image"].reconstruct(images)), images.byte()).mean())
    assert alone == pytest.approx(coded, rel=0.5)  # other images, the same codec


def test_it_is_the_factual_image_where_the_truth_is_unknown(table: MetricTable) -> None:
    known, unknown = (table.value(metric="brightness MAE", query=q, row=CODEC) for q in ("do(brightness)", "do(shape)"))
    assert unknown == pytest.approx(known, rel=0.5)


def test_composition_through_the_codec_grows_with_every_pass(table: MetricTable) -> None:
    once, often = (table.value(metric=f"composition L1 ({cycle})", row=CODEC) for cycle in ("1 cycle", "10 cycles"))
    assert 0 < once < often
    # The flow inside gives its map back, so that only the codec loses anything.
    assert table.value(metric="composition L1 (1 cycle)") == pytest.approx(once, rel=0.02)


def test_the_residual_is_named_and_restores_the_factual_image(scm: StructuralCausalModel, data: Dataset) -> None:
    note = "Counterfactual images carry the share {} of the factual image's pixel residual that its codec leaves."
    whole = with_residual(scm, "image", 1.0)
    for protocol, share, lost in ((AS_FITTED, 1, 0.5), (CAUSALGEN, 0, 256.0)):
        found = evaluate(whole, data, queries=["brightness"], protocol=replace(protocol, rows=20))
        assert note.format(share) in found.notes
        assert found.value(metric="composition L1 (1 cycle)") < lost


def test_a_mechanism_without_a_codec_has_no_such_row(data: Dataset) -> None:
    found = evaluate(model(data), data, queries=["brightness"], protocol=replace(AS_FITTED, rows=20))
    assert CODEC not in {result.row for result in found}
