"""The published protocol: values from another bin, L1 over the padded image, a residual; and what both protocols share."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from causalgen.errors import DataError, UnknownNameError
from causalgen.metrics import (
    AS_FITTED,
    CAUSALGEN,
    PUBLISHED,
    MetricResult,
    MetricTable,
    draw_from_other_bin,
    evaluate,
    protocol_named,
    with_residual,
)
from causalgen.scm import StructuralCausalModel

from .painted import GRAPH, model, painted


def test_values_come_uniformly_from_another_of_nine_bins() -> None:
    data = painted(3600)
    scm, test = model(data), data.part("test")
    column = test["brightness"]
    value = draw_from_other_bin("brightness", scm, test, column, seed=0).do["brightness"]
    edges = np.linspace(column.min(), column.max(), 10)[1:-1]
    assert (np.digitize(value, edges) != np.digitize(column, edges)).all()
    assert set(value.tolist()) <= set(column.tolist())
    # A unit of the rarest bin draws from nearly all values, so its draws look like the marginal.
    rare = np.digitize(column, edges) == 0
    lots = {name: part[rare][:1].expand(5000, *part.shape[1:]) for name, part in test.items()}
    drawn = draw_from_other_bin("brightness", scm, lots, column, seed=1).do["brightness"]
    assert float(drawn.mean()) == pytest.approx(float(column[~rare].mean()), abs=1)
    shape = draw_from_other_bin("shape", scm, test, test["shape"], seed=0).do["shape"]
    assert (shape != test["shape"]).all()


def test_l1_is_taken_over_the_padded_image() -> None:
    data = painted()
    scm = model(data)
    arguments = {"queries": [], "untrained": scm}
    plain, padded = (
        evaluate(scm, data, **{**arguments, "queries": ["brightness"]}, protocol=replace(PUBLISHED, side=side))
        for side in (None, 24)
    )

    def error(table: MetricTable) -> float:
        return table.value(metric="image L1 to truth", row="identity control")

    assert error(padded) == pytest.approx(error(plain) * (12 / 24) ** 2)
    relative = [t.value(metric="image L1 to truth, relative to identity", row="oracle") for t in (plain, padded)]
    assert relative[0] == relative[1]


def test_only_distances_between_images_are_padded_and_no_image_shrinks() -> None:
    distance = MetricResult("composition L1 (1 cycle)", "", "model", "all units", 8.0, 7.0, 9.0, 9, "grey levels")
    intensity = replace(distance, metric="intensity MAE")  # an attribute may have that unit too
    assert PUBLISHED.scaled([intensity], (1, 28, 28)) == [intensity]
    assert PUBLISHED.scaled([distance], (3, 64, 48)) == [distance]
    assert PUBLISHED.scaled([distance], (1, 16, 64))[0].value == 4.0


def test_the_residual_belongs_to_the_protocol() -> None:
    torch.manual_seed(0)
    small = {"latent": 4, "local": 2, "width": 8, "blocks": 1, "residual": 0.5}
    scm = StructuralCausalModel(GRAPH, {"image": {"mechanism": "conv-vae", **small}})
    data = painted()
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    assert with_residual(scm, "image", 0.5) is scm
    bare = with_residual(scm, "image", 0.0)
    assert "pixel" not in bare.mechanisms["image"].noise()
    assert all(torch.equal(v, scm.state_dict()[k]) for k, v in bare.state_dict().items())
    residuals = []
    for protocol in (AS_FITTED, CAUSALGEN, PUBLISHED):
        table = evaluate(scm, data, queries=["brightness"], protocol=replace(protocol, rows=20), untrained=scm)
        residuals.append(next(note.split()[5] for note in table.notes if "carry the share" in note))
    assert residuals == ["0.5", "0", "0.1"]


def test_bad_input() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'published'"):
        protocol_named("publshed")
    data = painted()
    scm = model(data)
    with pytest.raises(DataError, match="one node at a time"):
        evaluate(scm, data, queries=[("light", "shape")], protocol=PUBLISHED, untrained=scm)
    with pytest.raises(UnknownNameError, match="Did you mean 'light'"):
        evaluate(scm, data, queries=["ligth"], protocol=PUBLISHED, untrained=scm)
    with pytest.raises(DataError, match="got the image"):
        evaluate(scm, data, queries=["image"], protocol=PUBLISHED, untrained=scm)
    constant = torch.full((4,), 3.0)
    with pytest.raises(DataError, match="one bin only"):
        draw_from_other_bin("light", scm, {"light": constant}, constant, seed=0)
