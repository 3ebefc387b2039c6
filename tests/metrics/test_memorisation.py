"""Memorisation: planted copies are found, by the unit that was copied; models that copy nothing raise no alarm."""

from collections.abc import Mapping
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, Uniform

from causalgen.datasets import Dataset
from causalgen.datasets.store import Store
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive, Mechanism
from causalgen.metrics import Memorisation, membership_advantage, memorisation
from causalgen.metrics.compared_units import thumbnails
from causalgen.metrics.given_away import given_away
from causalgen.scm import StructuralCausalModel

SIDE, PARTS = 12, 12
GRAPH = CausalGraph(
    '"the age" -> scan', [Variable("the age", "continuous"), Variable("scan", "image", shape=(1, SIDE, SIDE))]
)
BASIS = torch.randn(PARTS, SIDE * SIDE, generator=torch.Generator().manual_seed(1))
PERSONS, TRAIN, TEST = 240, 160, 60


def scans(persons: Tensor, age: Tensor, visit: Tensor) -> Tensor:
    """Smooth images of persons `(N, PARTS)`; visits differ slightly, and age adds light."""
    light = 120 + 12 * (persons + 0.05 * visit) @ BASIS + 3 * age[:, None]
    return light.clamp(0, 255).round().reshape(-1, 1, SIDE, SIDE)


def table(seed: int = 0, visits: int = 2, copies: Mapping[int, int] | None = None) -> Dataset:
    """Persons with visits, split by person; `copies` adds rows of a training person under fresh names."""
    draw = torch.Generator().manual_seed(seed)
    persons = torch.randn(PERSONS, PARTS, generator=draw)
    person = torch.arange(PERSONS).repeat_interleave(visits)
    age = torch.randn(len(person), generator=draw)
    images = scans(persons[person], age, torch.randn(len(person), PARTS, generator=draw))
    again = torch.tensor([visits * p for p, times in (copies or {}).items() for _ in range(times)], dtype=torch.int64)
    order = torch.cat([torch.arange(len(person)), again])
    group = torch.cat([person, PERSONS + torch.arange(len(again))])
    rows = torch.arange(len(order))
    ends = visits * TRAIN, visits * (PERSONS - TEST), visits * PERSONS
    split = {
        "train": torch.cat([rows[: ends[0]], rows[ends[2] :]]),
        "validation": rows[ends[0] : ends[1]],
        "test": rows[ends[1] : ends[2]],
    }
    return Dataset("scans", GRAPH, {"the age": age[order], "scan": images[order].to(torch.uint8)}, split, group)


class Generator(Abductive):
    """Draws new persons, except that it draws a remembered image for a share of the noise; reconstructs likewise.

    It knows the true parts of an image up to an error, and the remembered images without one.
    """

    abduction = Abduction.POINT
    remembered: Tensor = torch.zeros(0, SIDE * SIDE)
    share = 0.0

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        parts = Normal(torch.zeros(PARTS), torch.ones(PARTS)).expand((*batch_shape, PARTS))
        return {
            "parts": Independent(parts, 1),
            "which": Uniform(torch.zeros(()), torch.ones(())).expand(batch_shape),
        }

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        flat = value.float().flatten(1) - 3 * parents["the age"][:, None]
        parts = (flat - 120) / 12 @ torch.linalg.pinv(BASIS)
        error = 0.3 * torch.sin(50 * parts.flip(1))  # an error as if at random, the same for the same image
        which = torch.ones(len(value))
        if len(self.remembered) and self.share:
            near, place = torch.cdist(value.float().flatten(1), self.remembered).min(1)
            which = torch.where(near < 1, self.share * (place + 0.5) / len(self.remembered), which)
        return {"parts": parts + error, "which": which}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        drawn = scans(noise["parts"], parents["the age"], torch.zeros(1))
        if not self.share:
            return drawn
        place = (noise["which"] / self.share * len(self.remembered)).long()
        known = self.remembered[place.clamp_max(len(self.remembered) - 1)].reshape(drawn.shape)
        return torch.where((noise["which"] < self.share)[:, None, None, None], known, drawn)


class Sampler(Mechanism):
    """The same without abduction."""

    noise, forward = Generator.noise, Generator.forward
    share = 0.0


def model(data: Dataset, image: type[Mechanism] = Generator, **known: object) -> StructuralCausalModel:
    mechanism = image(GRAPH["scan"], {"the age": GRAPH["the age"]})
    for name, value in known.items():
        setattr(mechanism, name, value)
    scm = StructuralCausalModel(GRAPH, {"the age": "empirical", "scan": mechanism})
    scm.initialize(data.part("train"))
    return scm.declare_fitted().eval()


def finding(found: Memorisation) -> dict[str, str]:
    return {verdict.surface: verdict.finding for verdict in found.verdicts}


def named(found: Memorisation, surface: str) -> set[int]:
    """The first row of every unit that is given away."""
    return {unit[0] for verdict in found.verdicts if verdict.surface == surface for unit in verdict.units}


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_copies_nothing_raises_no_alarm(seed: int) -> None:
    data = table(seed)
    found = memorisation(model(data), data, seed=seed)
    assert not found.alarm, found
    assert set(finding(found).values()) <= {"not found", "over-fitted"}
    assert finding(found)["samples"] == "not found"


@pytest.mark.parametrize("seed", range(3))
def test_units_that_are_copied_are_named(seed: int) -> None:
    data = table(seed, copies={3: 49, 8: 49})
    images = data.rows([6, 16])["scan"].float().flatten(1)
    found = memorisation(model(data, remembered=images, share=0.1), data, seed=seed)
    assert finding(found)["samples"] == finding(found)["weights"] == "copies found"
    assert named(found, "samples") == named(found, "weights") == {6, 16}
    assert found.table.value(metric="copy rate", query="samples") > 0.05
    assert found.table.value(metric="copy rate", query="samples", row="held-out control") < 0.02
    assert any("share a picture" in note for note in found.table.notes)
    assert "Training rows: 6, 7, 480 and 48 more; 16, 17, 529 and 48 more." in str(found.verdicts[0])
    assert "480" not in found.verdicts[0].text  # the text without rows goes into cards


def test_a_copy_of_every_training_image_is_found() -> None:
    data = table()
    images = data.part("train")["scan"].float().flatten(1)
    found = memorisation(model(data, remembered=images, share=1.0), data)
    assert finding(found)["samples"] == "copies found"
    assert len(named(found, "samples")) > 0.9 * TRAIN
    assert found.table.value(metric="membership advantage by reconstruction") > 0.9


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_copies_of_all_training_units_alike_are_reported(share: float) -> None:
    data = table()
    images = data.part("train")["scan"].float().flatten(1)
    found = memorisation(model(data, remembered=images, share=share), data)
    assert found.table.value(metric="copy rate", query="samples") > share / 2
    assert finding(found)["samples"] in ("over-fitted", "copies found"), found


def test_counterfactuals_that_turn_into_a_training_person_are_found() -> None:
    class Attractor(Generator):
        def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
            share = 0.3 if changed else 0.0
            drawn = scans(noise["parts"], parents["the age"], torch.zeros(1))
            pulled = torch.arange(len(drawn)) < share * len(drawn)
            return torch.where(pulled[:, None, None, None], self.remembered[0].reshape(drawn.shape[1:]), drawn)

    data = table()
    found = memorisation(model(data, Attractor, remembered=data.rows([20])["scan"].float().flatten(1)), data)
    assert finding(found)["counterfactuals"] == "copies found"
    assert named(found, "counterfactuals") == {20}


def test_more_held_out_images_than_fit_are_drawn_and_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances to every unit are held for some images only; copies are found all the same, and the weights use all units."""
    data = table(0, copies={3: 49, 8: 49})
    scm = model(data, remembered=data.rows([6, 16])["scan"].float().flatten(1), share=0.1)
    whole = memorisation(scm, data)
    monkeypatch.setattr(import_module("causalgen.metrics.memorisation"), "MOST_SHOWN", 60)
    few = memorisation(scm, data)
    held = len(data.split["test"])
    assert f"judged by 60 of the {held} held-out images, drawn by the seed; the weights by all." in few.table.notes[-1]
    assert named(few, "samples") == named(few, "weights") == {6, 16}
    sizes = {
        result.query: result.units for result in few.table if result.metric == "copy rate" and result.row == "model"
    }
    assert sizes == {"samples": 60, "counterfactuals": 60}
    weights = [[result for result in found.table if result.query == "weights"] for found in (whole, few)]
    assert weights[0] == weights[1]


def test_visits_of_a_training_person_are_not_held_out() -> None:
    data = table(visits=4)
    mixed = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    held = {"train": mixed[:640], "validation": mixed[640:700], "test": mixed[700:]}
    by_visit = Dataset("by visit", GRAPH, data.rows(range(len(data))), held, data.group)
    found = memorisation(model(by_visit), by_visit)
    assert set(finding(found).values()) == {"not measured"}
    assert "held-out images belong to groups that are in the training split too" in found.table.notes[0]
    assert "at least 30" in found.verdicts[0].text


def test_held_out_copies_of_training_images_are_left_out() -> None:
    data = table(copies={3: 49})
    train, test = data.split["train"], data.split["test"]
    leaking = {"train": train[:-20], "validation": data.split["validation"], "test": torch.cat([test, train[-20:]])}
    leak = Dataset("leak", GRAPH, data.rows(range(len(data))), leaking, data.group)
    found = memorisation(model(leak), leak)
    assert any(note.startswith("20 held-out images are copies of training images") for note in found.table.notes)
    assert not found.alarm


def test_blank_images_hide_no_copies() -> None:
    class Blanks(Generator):
        def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
            drawn = super().forward(noise, parents)
            return torch.where((noise["which"] > 0.95)[:, None, None, None], torch.zeros(()), drawn)

    data = table(copies={3: 49, 8: 49})
    values = dict(data.rows(range(len(data))))
    values["scan"][[40, 41, 42, 43, 400, 401, 402, 403]] = 0  # persons 20 and 21 of training, 200 and 201 of test
    some = Dataset("blank", GRAPH, values, data.split, data.group)
    images = some.rows([6, 16])["scan"].float().flatten(1)
    found = memorisation(model(some, Blanks, remembered=images, share=0.1), some)
    assert named(found, "samples") == named(found, "weights") == {6, 16}
    assert found.table.value(metric="copy rate", query="samples") > 0.05
    assert found.table.notes[0].startswith("8 blank images were left out")


def test_training_rows_that_are_not_compared_are_counted() -> None:
    data, none = table(), torch.arange(0)
    stored = {name: torch.cat([column, column[:20]]) for name, column in data.values.items()}
    stored["the age"][len(data) :] = torch.nan
    apart = {"train": len(data) + torch.arange(20), "validation": none, "test": none}
    holes = Dataset("holes", GRAPH, Store(stored, torch.arange(len(data))), data.split, data.group, incomplete=apart)
    found = memorisation(model(holes), holes)
    assert "20 training rows with missing attributes were not compared" in found.table.notes[0]


def test_near_copies_under_another_name_count_as_one_unit() -> None:
    data = table(copies={3: 49})
    values = dict(data.rows(range(len(data))))
    noise = torch.randint(0, 2, values["scan"].shape, generator=torch.Generator().manual_seed(0))
    values["scan"] = (values["scan"] // 2 * 2 + noise).to(torch.uint8)  # as if compressed anew
    again = Dataset("again", GRAPH, values, data.split, data.group)
    found = memorisation(model(again), again)
    assert any(note.startswith("49 training groups share a picture") for note in found.table.notes)


def test_a_split_that_is_not_at_random_proves_nothing() -> None:
    data = table()
    values = dict(data.rows(range(len(data))))
    test = data.split["test"]
    values["scan"][test] = (255 - values["scan"][test].int() // 2).to(torch.uint8)  # another scanner
    found = memorisation(model(data), Dataset("sites", GRAPH, values, data.split, data.group))
    assert finding(found)["weights"] == "not measured"
    assert "Split at random, by group" in found.verdicts[0].text


def test_too_few_units_are_reported_with_what_to_do() -> None:
    data = table()
    few = Dataset(
        "few", GRAPH, data.rows(range(len(data))), {**data.split, "test": data.split["test"][:40]}, data.group
    )
    found = memorisation(model(few), few)
    assert set(finding(found).values()) == {"not measured"}
    assert "got 160 and 20. Take more rows, or give the test split more groups" in found.verdicts[1].text
    assert not len(found.table)


def test_a_mechanism_without_abduction_is_judged_by_its_samples() -> None:
    data = table()
    found = memorisation(model(data, Sampler), data)
    assert finding(found) == {"weights": "not measured", "samples": "not found", "counterfactuals": "not measured"}
    assert "no likelihood" in found.verdicts[0].text


def test_an_exact_reconstruction_is_no_score() -> None:
    class Exact(Generator):
        def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
            return {"image": value.float()}

        def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
            return noise["image"] if "image" in noise else super().forward(noise, parents)

    data = table()
    verdict = memorisation(model(data, Exact), data).verdicts[0]
    assert verdict.finding == "not measured"
    assert "every image is reconstructed exactly" in verdict.text


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(30, 400), st.integers(30, 400))
def test_a_score_without_memory_has_no_advantage(seed: int, members: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    found = membership_advantage(rng.normal(size=members), rng.normal(size=others), seed=seed)
    assert abs(found.interval.value) < 2.5 * found.chance
    assert found.interval.low <= found.interval.value <= found.interval.high


def test_an_advantage_is_established_as_rarely_by_chance_as_promised() -> None:
    rng = np.random.default_rng(0)
    drawn = [membership_advantage(rng.normal(size=100), rng.normal(size=60), seed=i) for i in range(150)]
    assert sum(found.established for found in drawn) <= 5
    assert abs(np.mean([found.interval.value for found in drawn])) < 0.02
    known = membership_advantage(rng.normal(1.0, 1.0, 2000), rng.normal(size=2000)).interval
    assert known.low < 0.383 < known.high  # two normal distributions one deviation apart


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
def test_what_is_flagged_does_not_depend_on_the_scale(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    training, held = rng.normal(size=300), rng.normal(size=80)
    training[:3] -= 12
    flagged = given_away(training, held)
    assert flagged[:3].all()
    assert (flagged == given_away(scale * training + shift, scale * held + shift)).all()


def test_all_units_are_flagged_where_all_are_memorised() -> None:
    rng = np.random.default_rng(0)
    assert given_away(rng.normal(-20, 1, 300), rng.normal(size=80)).all()
    assert not given_away(
        rng.normal(-0.5, 1, 300), rng.normal(size=80)
    ).any()  # fits a little better than on held-out units


def test_no_test_keeps_the_graph_of_a_gradient() -> None:
    """It would hold the activations of every network in memory, for all units at once."""
    data = table(visits=1)
    small = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 8, "blocks": 1}
    scm = StructuralCausalModel(data.graph, {"the age": "linear-gaussian", "scan": small})
    scm.initialize(data.part("train"))
    kept: list[bool] = []
    scm.declare_fitted().mechanisms["scan"].register_forward_hook(
        lambda module, given, image: kept.append(image.requires_grad)
    )
    memorisation(scm.eval(), data, image="scan")
    assert kept
    assert not any(kept)


def test_thumbnails_keep_small_images_and_shrink_large_ones() -> None:
    image = torch.arange(2 * 3 * 10 * 7).reshape(2, 3, 10, 7).float()
    assert torch.equal(thumbnails(image), image.flatten(1))
    assert thumbnails(torch.ones(1, 1, 100, 40)).shape == (1, 32 * 13)
    assert thumbnails(torch.ones(2, 1, 64, 32, 8)).shape == (2, 32 * 16 * 4)
