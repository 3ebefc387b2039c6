"""Repair in a made world: the training sets are what they claim, and counterfactuals break a shortcut."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from html_page import Page
from torch import Tensor

from causalgen.audit import OwnTrainer, RepairReport, load_trainer, read_label, repair, write_repair
from causalgen.audit.judge import ACCURACY, AGAINST, CHANGE, TRUE_CHANGE, scorers_of
from causalgen.audit.repair import GIVEN, class_of_interest, default_contrast
from causalgen.audit.repair_page import repair_sentences
from causalgen.audit.training_sets import (
    ALL,
    BALANCED,
    INSIDE,
    OBSERVED,
    REBUILT,
    REWEIGHTED,
    ShortcutGroups,
    TrainingSet,
    training_sets,
)
from causalgen.augmentation import Augmentation
from causalgen.datasets import Dataset
from causalgen.errors import CausalgenError, DataError, UntrustedCodeError
from causalgen.scm import StructuralCausalModel

from . import sheets

PLAN = Augmentation({"shade": "shuffle"}, per_unit=2)
TARGET = read_label(sheets.GRAPH, "mark")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return sheets.biased()


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    return sheets.model(data)


@pytest.fixture(scope="module")
def report(scm: StructuralCausalModel, data: Dataset) -> RepairReport:
    given = scorers_of(sheets.train(*_observed(data), seed=0), TARGET, 1, data.part("test")["sheet"])
    return repair(OwnTrainer(sheets.train), scm, data, PLAN, TARGET, given=given, seeds=(0, 1), rows=150)


def _observed(data: Dataset) -> tuple[Tensor, Tensor, Tensor]:
    part = data.part("train")
    return torch.as_tensor(part["sheet"]), part["mark"], torch.ones(len(part["mark"]))


@pytest.fixture(scope="module")
def made(scm: StructuralCausalModel, data: Dataset) -> dict[str, TrainingSet]:
    found = training_sets(scm, data, PLAN, TARGET, "sheet", ShortcutGroups.of(data, TARGET, ["shade"]))
    return {one.name: one for one in found}


def test_the_training_sets_are_what_they_claim(made: dict[str, TrainingSet], data: Dataset) -> None:
    train = data.part("train")
    count = len(train["mark"])
    assert list(made) == [OBSERVED, REWEIGHTED, BALANCED, REBUILT, INSIDE, ALL]
    assert torch.equal(made[OBSERVED].train.images, torch.as_tensor(train["sheet"]))
    for name in (REBUILT, INSIDE, ALL):
        assert torch.equal(made[name].train.images[:count], made[OBSERVED].train.images)
        assert torch.equal(made[name].train.codes[:count], train["mark"])
    assert len(made[REBUILT].train) == len(made[ALL].train) == 3 * count
    assert count < len(made[INSIDE].train) < 3 * count
    # The mechanism is bijective: the null intervention gives the image again, and counterfactuals keep the mark.
    assert torch.equal(made[REBUILT].train.images[count:], made[OBSERVED].train.images.repeat(2, 1, 1, 1))
    assert torch.equal(made[ALL].train.codes.bincount(), 3 * train["mark"].bincount())


@pytest.mark.parametrize("name", [REWEIGHTED, BALANCED])
def test_weights_make_label_and_group_independent(made: dict[str, TrainingSet], data: Dataset, name: str) -> None:
    train, groups = data.part("train"), ShortcutGroups.of(data, TARGET, ["shade"])
    weights = made[name].train.weights
    assert weights is not None
    assert float(weights.mean()) == pytest.approx(1)
    table = pd.crosstab(train["mark"].numpy(), groups.places(train), weights.numpy(), aggfunc="sum", normalize=True)
    expected = np.outer(table.sum(1), table.sum(0)) if name == REWEIGHTED else np.full((2, 2), 0.25)
    assert np.allclose(table, expected, atol=1e-6)
    drawn = replace(made[name].train).resampled(0)
    assert abs(float(drawn.codes.float().mean()) - float((weights * train["mark"]).mean())) < 0.1


def test_groups_are_labels_and_halves() -> None:
    data = sheets.biased(300)
    groups = ShortcutGroups.of(data, TARGET, ["shade", "site"])
    places = groups.places(data.part("test"))
    assert groups.count == 6
    assert set(places) == set(range(6))
    assert groups.against.shape == (2, 6)


def test_all_counterfactuals_break_the_shortcut(report: RepairReport) -> None:
    before, after = report.value(OBSERVED, AGAINST), report.value(ALL, AGAINST)
    assert before < 0.6
    assert after > 0.85
    assert report.value(REBUILT, AGAINST) < 0.5
    assert report.value(ALL, ACCURACY) > report.value(OBSERVED, ACCURACY) + 0.1
    for measure in (CHANGE, TRUE_CHANGE):
        assert abs(report.value(ALL, measure)) < 0.2 < report.value(OBSERVED, measure) / 2
    assert report.value(GIVEN, AGAINST) == pytest.approx(before, abs=0.1)


def test_changes_on_the_model_are_the_true_ones_where_it_is_true(report: RepairReport) -> None:
    for result in report.results:
        assert result.values[CHANGE].value == pytest.approx(result.values[TRUE_CHANGE].value, abs=1e-6)
        low, high = result.spread[ACCURACY]
        assert low == high == pytest.approx(result.values[ACCURACY].value)  # this training has nothing random


def test_gains_are_differences_unit_by_unit(report: RepairReport) -> None:
    for result in report.results:
        for measure, gain in result.gains.items():
            expected = report.value(result.training_set, measure) - report.value(OBSERVED, measure)
            assert gain.value == pytest.approx(expected, abs=1e-9)
            assert gain.low <= gain.value <= gain.high
    assert [result.training_set for result in report.results if not result.gains] == [GIVEN, OBSERVED]
    assert any("outside of support make the difference" in sentence for sentence in repair_sentences(report))


def test_the_page_tells_the_table(report: RepairReport, tmp_path: Path) -> None:
    written = write_repair(tmp_path / "out", report, sheets.GRAPH, command="causalgen repair ...")
    page, text = written["html"].read_text(), " ".join(Page(written["html"]).text.split())
    for words in (
        OBSERVED,
        REWEIGHTED,
        BALANCED,
        REBUILT,
        INSIDE,
        ALL,
        GIVEN,
        "outside of support",
        *repair_sentences(report),
    ):
        assert words in text
    table = pd.read_csv(written["training_sets"])
    assert len(table) == len(report.results) * 4
    value = table.set_index(["training_set", "measure"]).loc[(ALL, AGAINST), "value"]
    assert value == pytest.approx(report.value(ALL, AGAINST))
    for name in ("audit-as-given", "audit-before", "audit-after"):
        assert (tmp_path / "out" / name / "audit.html").stat().st_size > 1000
        assert f"{name}/audit.html" in page
    assert "\\begin" in written["latex"].read_text()


def test_without_truth_and_trainer_one_row_remains(scm: StructuralCausalModel) -> None:
    data = sheets.biased(truth=False)
    given = scorers_of(lambda images: images.mean((1, 2, 3)) / 255, TARGET, 1, data.part("test")["sheet"])
    report = repair(None, scm, data, PLAN, TARGET, given=given, rows=60)
    assert [result.training_set for result in report.results] == [GIVEN]
    assert TRUE_CHANGE not in report.results[0].values
    assert "cannot be trained again" in repair_sentences(report)[0]


def test_targets_and_contrasts(data: Dataset) -> None:
    some = read_label(sheets.GRAPH, "site=a, c")
    assert some.variable.labels == ("no", "yes")
    assert some.codes({"site": torch.tensor([0, 1, 2])}).tolist() == [1, 0, 1]
    low, high = default_contrast(data, ["shade", "site"])
    quantiles = data.part("train")["shade"].quantile(torch.tensor([0.1, 0.9])).tolist()
    assert [low["shade"], high["shade"]] == pytest.approx(quantiles, rel=5e-3)
    assert low["site"] != high["site"]
    assert class_of_interest(TARGET, None) == 1
    assert class_of_interest(TARGET, "none") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shade", "got the continuous 'shade'"),
        ("makr", "Did you mean 'mark'"),
        ("site=d", "d"),
        ("mark=none,cross", "Expected some labels of 'mark', not all"),
    ],
)
def test_a_wrong_target_is_refused(text: str, message: str) -> None:
    with pytest.raises(CausalgenError, match=message):
        read_label(sheets.GRAPH, text)


def test_what_cannot_be_repaired(scm: StructuralCausalModel, data: Dataset) -> None:
    with pytest.raises(DataError, match="got neither"):
        repair(None, scm, data, PLAN, TARGET)
    with pytest.raises(DataError, match="Expected the class of interest among the labels of 'site', a, b, c; got none"):
        repair(OwnTrainer(sheets.train), scm, data, PLAN, read_label(sheets.GRAPH, "site"))
    with pytest.raises(DataError, match="other attributes than the target; got 'mark'"):
        repair(OwnTrainer(sheets.train), scm, data, Augmentation({"mark": "shuffle"}), TARGET)
    with pytest.raises(DataError, match="it failed with KeyError"):
        repair(OwnTrainer(lambda *_: {}["nothing"]), scm, data, PLAN, TARGET, seeds=(0,), rows=40)
    with pytest.raises(DataError, match="returns a classifier; got None"):
        repair(OwnTrainer(lambda *_: None), scm, data, PLAN, TARGET, seeds=(0,), rows=40)


def test_own_code_needs_trust(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def train(images, labels, weights, seed):\n    return lambda images: images.mean((1, 2, 3)) / 255\nNUMBER = 3\n"
    )
    with pytest.raises(UntrustedCodeError, match="a trainer"):
        load_trainer(f"{path}:train", trust_code=False)
    assert load_trainer(f"{path}:train", trust_code=True).function.__name__ == "train"
    with pytest.raises(DataError, match="got int"):
        load_trainer(f"{path}:NUMBER", trust_code=True)
