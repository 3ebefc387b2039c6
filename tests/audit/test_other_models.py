"""How far the findings of an audit hold when the noises of both worlds only correlate."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from causalgen.audit import as_classifier, audit
from causalgen.audit.page import write_audit

from .halves import BLUE, GRAPH, SIZE, SLOPE, TONE, Halves, Uncertain, brightness, model, units

SCORE = as_classifier(brightness, outcome="brightness", unit="grey levels", threshold=0.0)
STEP = 0.3


def raise_tone(value: torch.Tensor, parents: object) -> torch.Tensor:
    return value + STEP


@pytest.mark.parametrize("image", [Halves, Uncertain])
def test_the_mean_change_holds_for_every_coupling_and_the_flips_do_not(image: type[Halves]) -> None:
    """The noise of the size moves a unit's score by as much as the intervention does, and the mean by nothing."""
    report = audit(SCORE, model(image), units(200), interventions=[{"tone": raise_tone}], margin=1.0)
    found = next(entry for entry in report.surviving if entry.effect == "total")
    change = (TONE + SIZE * SLOPE) * STEP
    assert found.units == 200
    assert found.change_rho == 0
    assert found.change_low == pytest.approx(change, abs=1)
    assert found.change_high == pytest.approx(change, abs=1)
    assert 0 < found.flips_rho < 1
    assert found.flips_low < found.flips_high
    assert "keeps its verdict for every coupling; 90% of the units whose decision flips still flip" in found.sentence()
    direct = next(entry for entry in report.surviving if entry.effect == "direct")
    assert direct.change_low == pytest.approx(TONE * STEP, abs=0.3)  # the size is held, with its noise


def test_a_change_that_the_margin_almost_swallows_still_holds_on_average() -> None:
    red = {name: values[::2] for name, values in units(400).items()}
    report = audit(SCORE, model(), red, interventions=[{"ink": "blue"}], margin=BLUE - 0.5)
    assert report.headline[0].verdict == "beyond the margin"
    assert report.surviving[0].change_rho == 0


def test_what_costs_too_much_is_left_out_with_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.audit.other_models.MOST_OPERATIONS", -1)
    report = audit(SCORE, model(), units(60), interventions=[{"ink": "blue"}], margin=1.0)
    assert "not measured, since it would take about 1 minute on one core" in report.surviving[0].sentence()
    assert np.isnan(report.surviving[0].change_rho)


def test_there_is_nothing_to_hold_without_a_verdict_a_decision_or_units(tmp_path: Path) -> None:
    plain = as_classifier(brightness, outcome="brightness", unit="grey levels")
    report = audit(plain, model(), units(60), interventions=[{"ink": "blue"}], margin=2.0)
    assert report.headline[0].verdict == "cannot tell"
    assert np.isnan([report.surviving[0].change_rho, report.surviving[0].flips_rho]).all()
    assert report.surviving[0].sentence() == ""
    few = audit(SCORE, model(), units(12), interventions=[{"ink": "blue"}], margin=1.0)
    assert "at least 20 units" in few.surviving[0].sentence()
    written = write_audit(tmp_path, few, GRAPH)
    assert "at least 20 units" in written["html"].read_text()
    assert json.loads(written["json"].read_text())["surviving"][0]["units"] == 12
