"""Audits of known scores on a model whose counterfactual images are known exactly."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from causalgen.audit import as_classifier, audit, audit_images, counterfactual_images
from causalgen.audit.rows import ALL, SUPPORTED, Standard, UnitScores, _adjusted
from causalgen.audit.scorer import Scores
from causalgen.audit.subgroups import split_units
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import Interval
from causalgen.predictors import AttributePredictor

from .halves import (
    BIAS,
    BLUE,
    GRAPH,
    SHAPE,
    SIZE,
    SLOPE,
    TONE,
    Blurred,
    Entangled,
    Halves,
    Idle,
    Uncertain,
    brightness,
    model,
    probability,
    readers,
    units,
)

SCORE = as_classifier(brightness, outcome="brightness", unit="grey levels", threshold=0.0)
BRIGHT = as_classifier(probability, outcome=1, labels=("dark", "bright"))
READERS = readers()
TO_TWO, TO_BLUE = {"tone": 2.0}, {"ink": "blue"}


def test_total_and_direct_changes_are_the_true_ones() -> None:
    factual = units()
    report = audit(SCORE, model(), factual, interventions=[TO_TWO], margin=1.0)
    step = (2.0 - factual["tone"]).double()
    total, direct = report.row("do(tone = 2 lx)"), report.row("do(tone = 2 lx)", "direct")
    assert total.change.value == pytest.approx(float(((TONE + SIZE * SLOPE) * step).mean()), rel=1e-4)
    assert direct.change.value == pytest.approx(float((TONE * step).mean()), rel=1e-4)
    assert total.gap.value == pytest.approx(float(((TONE + SIZE * SLOPE) * step).abs().mean()), rel=1e-4)
    assert direct.null_change.value == pytest.approx(0, abs=1e-4)
    before = brightness(factual["image"]) >= 0
    after = brightness(factual["image"]) + (TONE + SIZE * SLOPE) * step >= 0
    assert total.flips is not None
    assert total.flips.value == pytest.approx(float((before != after).double().mean()))
    assert total.null_flips == 0
    assert total.particle_spread is None


def test_the_change_is_net_of_reconstruction() -> None:
    row = audit(SCORE, model(Blurred), units(), interventions=[TO_BLUE], margin=1.0).row("do(ink = blue)")
    assert row.null_change.value == pytest.approx(2 * BIAS, abs=1e-4)
    assert row.change.value == pytest.approx(BLUE / 2, abs=1e-4)  # half of the units are blue already
    assert row.gap.value == pytest.approx(BLUE / 2, abs=1e-4)


def test_a_direct_effect_is_reported_only_where_it_differs() -> None:
    report = audit(
        SCORE, model(), units(), interventions=[TO_BLUE, {"place": 1.0}, {"tone": 1.0, "size": 0.0}], margin=1.0
    )
    assert {row.effect for row in report} == {"total"}
    assert any("no mediator is a parent of 'image'" in note for note in report.notes)
    assert any("do(place = 1) reaches 'image' only through tone, size" in note for note in report.notes)


@pytest.mark.parametrize(
    ("margin", "words"),
    [(BLUE - 0.1, "beyond the margin"), (BLUE + 0.1, "within the margin")],
)
def test_the_verdict_compares_the_change_with_the_margin(margin: float, words: str) -> None:
    """All red units move by exactly BLUE, the blue ones by nothing."""
    factual = {name: tensor[torch.arange(60) % 2 == 0] for name, tensor in units(60).items()}
    report = audit(SCORE, model(), factual, interventions=[TO_BLUE], classifiers=READERS, margin=margin)
    assert report.row("do(ink = blue)").verdict == words
    report = audit(SCORE, model(), units(), interventions=[TO_BLUE], subgroups=["ink"], margin=margin)
    assert report.row("do(ink = blue)", subgroup="ink = red").units == 30


def test_changes_that_cancel_in_the_mean_are_named() -> None:
    """do(tone = mean tone) moves half of the units up and half down."""
    factual = units(400)
    asked = [{"tone": float(factual["tone"].mean())}]
    report = audit(SCORE, model(), factual, interventions=asked, classifiers=READERS, margin=10.0)
    assert report.rows[0].verdict == "cannot tell"
    assert report.rows[0].gap.low > 10
    assert any("changes of opposite signs cancel in the mean" in text for text in report.rows[0].reasons)
    aligned = audit(SCORE, model(), factual, interventions=[TO_BLUE], classifiers=READERS, margin=10.0)
    assert aligned.rows[0].verdict == "within the margin"


def test_an_interval_across_the_margin_cannot_be_told_and_few_groups_neither() -> None:
    factual = units()
    mean = audit(SCORE, model(), factual, interventions=[TO_BLUE], margin=1.0).row("do(ink = blue)").change.value
    report = audit(SCORE, model(), factual, interventions=[TO_BLUE], margin=mean)
    assert report.row("do(ink = blue)").verdict == "cannot tell"
    few = audit(SCORE, model(), factual, interventions=[TO_BLUE], margin=0.1, groups=torch.arange(60) // 6)
    assert few.row("do(ink = blue)").groups == 10
    assert few.row("do(ink = blue)").verdict == "cannot tell"
    assert any("only 10 groups of units" in text for text in few.rows[0].reasons)


@pytest.mark.parametrize("count", [2, 3])
def test_few_groups_give_wide_intervals_and_no_verdict(count: int) -> None:
    groups = torch.arange(60) % count
    report = audit(
        BRIGHT, model(), units(60), interventions=[TO_BLUE, TO_TWO], subgroups=["ink", "tone"], groups=groups
    )
    everyone = [row for row in report.rows if row.units == 60]
    assert everyone
    for row in everyone:
        assert row.groups == count
        assert row.verdict == "cannot tell"
        assert row.adjusted_low <= row.change.low <= row.change.high <= row.adjusted_high


def test_intervals_are_adjusted_for_the_number_of_rows() -> None:
    images = counterfactual_images(model(), units(200), interventions=[TO_TWO, TO_BLUE])
    narrow = audit_images(BRIGHT, images)
    wide = audit_images(BRIGHT, images, subgroups=["ink", "tone"])
    assert len(narrow) == 2 * 3
    assert len(wide) == 2 * 3 * (1 + 2 + 3)
    assert any("adjusted for 36 rows (Bonferroni)" in note for note in wide.notes)
    one, many = narrow.row("do(ink = blue)"), wide.row("do(ink = blue)")
    assert one.change == many.change
    assert (
        many.adjusted_low < one.adjusted_low < one.change.low < one.change.high < one.adjusted_high < many.adjusted_high
    )


@pytest.mark.slow
def test_adjustment_keeps_false_alarms_of_a_whole_report_rare() -> None:
    """Ten true changes exactly at the margin: reports of 30 with an alarm, without and with adjustment."""
    rng = np.random.default_rng(1)
    everyone = np.ones(100, dtype=bool)
    response = SimpleNamespace(label="do(a)", effects={"total": SimpleNamespace(supported=~everyone)})
    same = [Scores(np.zeros(shape), np.zeros(shape, dtype=bool)) for shape in ((100,), (1, 100))]
    alarms = {1: 0, 10: 0}
    for _ in range(30):
        changes = 0.05 + 0.1 * rng.standard_normal((10, 1, 100))
        reports = [UnitScores(response, "total", *same, Scores(c, c > 0), False) for c in changes]
        for tests in alarms:
            standard = Standard(margin=0.05, level=0.95, tests=tests, seed=0)
            rows = [row for scores in reports for row in scores.rows({"everyone": everyone}, np.arange(100), standard)]
            alarms[tests] += any(row.verdict == "beyond the margin" for row in rows)
    assert alarms[10] <= 2
    assert alarms[1] >= 5


def test_no_interval_of_a_probability_leaves_what_is_possible() -> None:
    """With three groups and 30 rows of the report, an unlimited interval reaches far beyond any change."""
    three = np.repeat(np.arange(3), 4)
    everyone = np.ones(12, dtype=bool)
    response = SimpleNamespace(label="do(a)", effects={"total": SimpleNamespace(supported=everyone)})
    same = [Scores(np.zeros(shape), np.zeros(shape, dtype=bool)) for shape in ((12,), (1, 12))]
    changes = np.array([0.1, 0.4, 0.9])[three][None]
    scores = UnitScores(response, "total", *same, Scores(changes, changes > 0.5), False)
    found = {
        largest: scores.rows({"everyone": everyone}, three, Standard(0.05, 0.95, 30, 0, largest))[0]
        for largest in (1.0, np.inf)
    }
    assert (found[1.0].adjusted_low, found[1.0].adjusted_high) == (-1.0, 1.0)
    assert found[np.inf].adjusted_high > 2


def test_bounds_beyond_the_draws_are_extrapolated() -> None:
    """Of a mean of normal numbers, every percentile is known; 20,000 draws alone end at about 4 standard errors."""
    values = np.random.default_rng(0).standard_normal(1000)
    error = values.std() / np.sqrt(1000)
    for tail in (1e-2, 1e-4, 1e-6):
        found = _adjusted(values, np.arange(1000), norm.isf(tail / 2), seed=0)
        assert found.value == pytest.approx(values.mean())
        wanted = norm.isf(tail / 2) * error
        assert (found.value - found.low, found.high - found.value) == pytest.approx((wanted, wanted), rel=0.07)


def test_subgroups_are_labels_terciles_or_bins() -> None:
    factual = units()
    labels = audit(BRIGHT, model(), factual, interventions=[TO_TWO], subgroups=["ink", "tone"]).to_frame()["subgroup"]
    assert len(labels.unique()) == 1 + 2 + 3
    report = audit(BRIGHT, model(), factual, interventions=[TO_TWO], subgroups={"tone": [-1, 1], "ink": None})
    for label, inside in {
        "tone < -1 lx": factual["tone"] < -1,
        "tone -1 to 1 lx": (factual["tone"] >= -1) & (factual["tone"] < 1),
        "tone >= 1 lx": factual["tone"] >= 1,
    }.items():
        assert report.row("do(tone = 2 lx)", subgroup=label).units == int(inside.sum())
    low, high = (report.row("do(tone = 2 lx)", subgroup=label) for label in ("tone < -1 lx", "tone >= 1 lx"))
    assert low.change.value > high.change.value


def test_bins_that_round_alike_stay_apart() -> None:
    graph = CausalGraph("born -> image", [Variable("born", "continuous"), Variable("image", "image", shape=(1, 2, 2))])
    years = torch.tensor([1979.5, 1981.2, 1983.9, 1985.1, 1987.7, 1988.3])
    terciles = split_units(graph, {"born": years}, ["born"])
    assert {label: int(inside.sum()) for label, inside in terciles.items()} == {
        "everyone": 6, "born < 1983": 2, "born 1983 to 1986": 2, "born >= 1986": 2,
    }  # fmt: skip
    cut = split_units(graph, {"born": years}, {"born": [1980.25, 1984]})
    assert list(cut)[1:] == ["born < 1980.25", "born 1980.25 to 1984", "born >= 1984"]


def test_particles_are_drawn_where_abduction_is_uncertain() -> None:
    factual = units()
    linear = audit(SCORE, model(Uncertain), factual, interventions=[TO_BLUE], margin=1.0)
    curved = audit(BRIGHT, model(Uncertain), factual, interventions=[TO_TWO])
    assert linear.particles == curved.particles == 4
    spread = linear.row("do(ink = blue)").particle_spread, curved.row("do(tone = 2 lx)").particle_spread
    assert spread[0] == pytest.approx(0, abs=1e-4)  # the pattern cancels in a linear score
    assert spread[1] is not None
    assert spread[1] > 1e-3
    assert audit(SCORE, model(Uncertain), factual, interventions=[TO_BLUE], margin=1.0, particles=2).particles == 2
    exact = audit(SCORE, model(), factual, interventions=[TO_BLUE], margin=1.0, particles=3)
    assert exact.row("do(ink = blue)").particle_spread is None
    assert any("all 3 draws of a unit's noise would agree" in note for note in exact.notes)


def test_the_images_that_move_most_come_with_their_rows_and_scores() -> None:
    factual = units()
    report = audit(SCORE, model(), factual, interventions=[TO_TWO], margin=1.0, movers=3)
    most = report.movers[0]
    assert most.rows.tolist() == (factual["tone"] - 2).abs().argsort(descending=True)[:3].tolist()
    for images, scores in (
        (most.factual_images, most.factual),
        (most.null_images, most.null),
        (most.counterfactual_images, most.counterfactual),
    ):
        assert brightness(images).numpy() == pytest.approx(scores, abs=1e-4)
    assert torch.equal(most.factual_images, factual["image"][most.rows])


def test_trust_shows_effectiveness_and_support() -> None:
    factual = units()
    measure = {"size": lambda images: images[:, 0, 2:].mean((1, 2)).numpy() / SIZE}
    report = audit(BRIGHT, model(), factual, interventions=[TO_TWO], measure=measure)
    total, direct = report.trust
    whole, inside = (report.row("do(tone = 2 lx)", "direct", stratum=stratum).units for stratum in (ALL, SUPPORTED))
    assert 0 < direct.supported < total.supported  # tone and size drift apart where the size is held
    assert direct.supported == pytest.approx(inside / whole)
    pattern = factual["image"][:, 0, 2:].mean((1, 2)) / SIZE - factual["size"]
    size = total.shown[0]
    assert size.error == pytest.approx(float(pattern.abs().mean()), rel=1e-3)
    assert size.floor == pytest.approx(size.error, rel=1e-3)
    assert size.unchanged > 5 * size.error
    assert direct.shown[0].unchanged == pytest.approx(size.floor, rel=1e-3)
    far = audit(BRIGHT, model(), factual, interventions=[{"tone": 19.0}])
    assert far.trust[0].supported == 0
    assert far.row("do(tone = 19 lx)", stratum=SUPPORTED).verdict == "cannot tell"
    assert any("whether the images show it is unknown" in note for note in far.notes)


def test_a_generator_that_does_not_do_what_was_asked_is_named() -> None:
    measure = {"tone": lambda images: images[:, 0, :2].mean((1, 2)).numpy() / TONE}
    good, idle = (
        audit(SCORE, model(kind), units(), interventions=[TO_TWO], margin=1.0, measure=measure)
        for kind in (Halves, Idle)
    )
    assert not any("do not show" in text for row in good for text in row.reasons)
    assert all("the images do not show the intervention" in row.reasons[0] for row in idle)
    rebuilt = audit(SCORE, model(Blurred), units(), interventions=[TO_BLUE], margin=2 * BIAS - 0.1)
    assert any("rebuilding the images alone changes the score by +1" in text for text in rebuilt.rows[0].reasons)


def test_an_attribute_that_should_stay_and_moves_is_named() -> None:
    measure = {"size": lambda images: images[:, 0, 2:].mean((1, 2)).numpy() / SIZE}
    good, entangled = (
        audit(SCORE, model(kind), units(), interventions=[TO_TWO], margin=1.0, measure=measure)
        for kind in (Halves, Entangled)
    )
    total, direct = (entry.shown[0].drift for entry in good.trust)
    assert np.isnan(total)  # the size follows the tone
    assert direct == pytest.approx(0, abs=1e-4)
    assert not any("should stay" in text for row in good for text in row.reasons)
    moved = float((2.0 - units()["tone"]).abs().mean() / SIZE / units()["size"].std())
    assert entangled.trust[1].shown[0].drift == pytest.approx(moved, rel=0.2)  # less what the pattern already errs
    moving = {row.effect for row in entangled for text in row.reasons if "the size should stay" in text}
    assert moving == {"direct"}


def test_images_on_which_an_attribute_cannot_be_read_are_named() -> None:
    blind = {"size": lambda images: np.where(np.arange(len(images)) % 2, np.nan, 1.0)}
    report = audit(BRIGHT, model(), units(), interventions=[TO_BLUE], measure=blind)
    assert any("the size can be measured on only 50% of the images" in text for text in report.rows[0].reasons)


def test_a_classifier_of_a_discrete_attribute_reads_it_off_the_images() -> None:
    factual = units()
    reader = AttributePredictor(GRAPH["ink"], SHAPE, network="flat").eval()
    shown = audit(BRIGHT, model(), factual, interventions=[TO_BLUE], classifiers={"ink": reader}).trust[0].shown[0]
    before = reader.predict(factual["image"])
    red = factual["ink"] == 0
    after = reader.predict(factual["image"] + torch.tensor([BLUE, BLUE, 0, 0])[:, None] * red[:, None, None, None])
    assert shown.how == "predicted"
    assert shown.error == pytest.approx(float((after != 1).double().mean()))
    assert shown.unchanged == pytest.approx(float((before != 1).double().mean()))
    assert shown.floor == pytest.approx(float((before != factual["ink"]).double().mean()))
    other = AttributePredictor(Variable("ink", "binary", labels=("black", "blue")), SHAPE)
    with pytest.raises(DataError, match="Expected a classifier with the labels of 'ink'"):
        audit(BRIGHT, model(), factual, interventions=[TO_BLUE], classifiers={"ink": other})


def test_units_of_a_group_widen_the_interval_and_the_seed_fixes_everything() -> None:
    factual = {name: tensor.repeat_interleave(5, dim=0) for name, tensor in units().items()}
    alone, grouped, again = (
        audit(BRIGHT, model(), factual, interventions=[TO_TWO], groups=groups).row("do(tone = 2 lx)").change
        for groups in (None, torch.arange(300) // 5, torch.arange(300) // 5)
    )
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert grouped == again
    assert isinstance(grouped, Interval)


def test_a_callable_shifts_every_unit_from_where_it_is() -> None:
    def one_more(value, parents):
        return value + 1

    row = audit(SCORE, model(), units(), interventions=[{"tone": one_more}], margin=1.0).row("do(tone = one_more(...))")
    assert row.change.value == row.gap.value == pytest.approx(TONE + SIZE * SLOPE, abs=1e-3)


def test_the_report_is_written_as_tables_and_json(tmp_path) -> None:
    report = audit(BRIGHT, model(), units(), interventions=[{"tone": 19.0}], subgroups=["ink"])
    paths = report.write(tmp_path / "out")
    assert [path.name for path in paths] == ["audit.json", "changes.csv", "trust.csv", "movers.csv"]
    content = json.loads(paths[0].read_text())
    assert content["outcome"] == "bright"
    assert content["margin"] == 0.05
    assert content["rows"][1]["change"] is None  # no unit is within support
    changes = pd.read_csv(paths[1])
    assert len(changes) == len(report)
    assert changes["change"][0] == pytest.approx(report.rows[0].change.value)
    assert str(report).count("\n") >= len(report)
