"""Real tables with a known effect; they want CAUSALGEN_DATA."""

from pathlib import Path

import numpy as np
import pytest

from causalgen.effects import EffectReport, estimate_effect

from .known import Known, ihdp, lalonde, lalonde_observational, nhefs, twins


def estimate(known: Known, methods: list[str], **arguments: object) -> EffectReport:
    return estimate_effect(known.graph, known.table, **known.question, methods=methods, refute=False, **arguments)


def test_ihdp_is_met_within_the_figure(real_data: Path) -> None:
    tables = [ihdp(real_data, replication) for replication in range(1, 11)]
    reports = [estimate(known, ["linear adjustment", "doubly robust"]) for known in tables]

    def errors(source: str) -> np.ndarray:
        pairs = zip(reports, tables, strict=True)
        return np.array([abs(report[source].value - known.effect) for report, known in pairs])

    assert errors("doubly robust").mean() <= 0.14
    assert errors("naive").mean() > 0.2
    assert errors("linear adjustment").mean() > 0.5
    covered = [report["doubly robust"].covers(known.effect) for report, known in zip(reports, tables, strict=True)]
    assert sum(covered) >= 9
    widths = [report["doubly robust"].high - report["doubly robust"].low for report in reports]
    assert np.mean(widths) < 1.1


def test_the_nsw_experiment_is_reproduced(real_data: Path) -> None:
    report = estimate(known := lalonde(real_data), ["linear adjustment", "weighting", "doubly robust"])
    assert report.rows_used == 445
    assert report["naive"].value == pytest.approx(known.effect, abs=0.01)
    for source in ("linear adjustment", "weighting", "doubly robust"):
        assert report[source].value == pytest.approx(known.effect, abs=350)
        assert report[source].covers(known.effect)


def test_survey_controls_overlap_poorly_and_the_report_says_where(real_data: Path) -> None:
    report = estimate(lalonde_observational(real_data), ["doubly robust"])
    assert report["naive"].value < -15_000
    assert "doubly robust, overlap population" in [row.source for row in report.estimates]
    assert any("Poor overlap" in text and "re7" in text for text in report.warnings)
    treated = estimate(lalonde_observational(real_data), ["doubly robust"], population="treated")["doubly robust"]
    assert treated.covers(1794.34)


def test_quitting_smoking_adds_three_and_a_half_kilograms(real_data: Path) -> None:
    methods = ["linear adjustment", "weighting", "doubly robust"]
    report = estimate(nhefs(real_data), methods)
    assert (report.rows_used, report.rows_dropped) == (1566, 63)
    assert report["naive"].value == pytest.approx(2.54, abs=0.01)
    for source in methods:
        assert 3.2 <= report[source].value <= 3.7


@pytest.mark.slow
def test_twins_stay_confounded_whatever_is_adjusted(real_data: Path) -> None:
    methods = ["linear adjustment", "weighting", "doubly robust"]
    report = estimate(known := twins(real_data), methods)
    assert known.effect == pytest.approx(-0.0252, abs=1e-4)
    assert report["weighting"].value == pytest.approx(-0.074, abs=0.005)
    for source in methods:
        assert -0.095 < report[source].value < -0.065
        assert report[source].high < known.effect
