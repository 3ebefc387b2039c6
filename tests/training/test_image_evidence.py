"""The temperature of image evidence: fitted where pixels are counted too often, and without effect where it must have none."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from causalgen.datasets import Dataset
from causalgen.errors import CheckpointError, EvidenceWarning
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Observable
from causalgen.scm import StructuralCausalModel, importance
from causalgen.scm.completion import heat_of, informed_by_images
from causalgen.scm.tempering import FittedTemperature, Heat, Tempering
from causalgen.scm.weighted_draws import Proposal, WeightedDraws
from causalgen.training import calibrate_evidence
from causalgen.typing import Noise, Values

SIDE, STEP, SHIFT, SIGMA = 4, 20.0, 30.0, 30.0
"""Pixels along a side; grey levels per unit of `the dose`, per label of `kind of ink`, and of the noise."""
INKS = ("felt-tip", "pencil", "quill", "brush")


class Flat(Observable):
    """An image of one grey level, whose likelihood treats its pixels as independent."""

    kinds = ("image",)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        return {"pixel": Normal(self._zero, self._zero + 1).expand((*batch_shape, *self.variable.shape)).to_event(3)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        return self._mean(parents) + SIGMA * noise["pixel"]

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def estimate_log_prob(self, value: Tensor, parents: Values) -> Tensor:
        return -0.5 * ((value - self._mean(parents)) / SIGMA).square().flatten(1).sum(1)  # up to a constant

    def _mean(self, parents: Values) -> Tensor:
        return (100 + STEP * parents["the dose"] + SHIFT * parents["kind of ink"])[:, None, None, None]


GRAPH = CausalGraph(
    '"the dose" -> scan; "kind of ink" -> scan',
    [
        Variable("the dose", "continuous"),
        Variable("kind of ink", "categorical", labels=INKS),
        Variable("scan", "image", shape=(1, SIDE, SIDE)),
    ],
)


def model() -> StructuralCausalModel:
    parents = {name: GRAPH[name] for name in GRAPH.parents("scan")}
    made = StructuralCausalModel(GRAPH, {"the dose": "linear-gaussian", "scan": Flat(GRAPH["scan"], parents)})
    made.mechanisms["the dose"].set(0.0, {}, 1.0)
    for parameter in made.mechanisms["kind of ink"].parameters():
        torch.nn.init.zeros_(parameter)  # labels have equal probabilities, as in `units`
    return made.declare_fitted().eval()


def units(count: int, copies: int, seed: int) -> dict[str, Tensor]:
    """Units whose pixels come in groups of so many copies."""
    random = torch.Generator().manual_seed(seed)
    dose, ink = torch.randn(count, generator=random), torch.randint(len(INKS), (count,), generator=random)
    noise = SIGMA * torch.randn(count, SIDE**2 // copies, generator=random).repeat_interleave(copies, dim=1)
    grey = (100 + STEP * dose + SHIFT * ink)[:, None] + noise
    return {"the dose": dose, "kind of ink": ink, "scan": grey.unflatten(1, (1, SIDE, SIDE)).clamp(0, 255)}


def dataset(count: int, copies: int, *, patients: int | None = None) -> Dataset:
    """Units of a training row each, and `count` validation rows."""
    values = units(count + 20, copies, seed=1)
    values["scan"] = values["scan"].round().to(torch.uint8)
    every = torch.arange(count + 20)
    split = {"train": every[:10], "validation": every[20:], "test": every[10:20]}
    group = every if patients is None else torch.where(every < 20, 1000 + every, every % patients)
    return Dataset("copies", GRAPH, values, split, group)


def coverage(scm: StructuralCausalModel, known: list[str], copies: int) -> float:
    fresh = units(400, copies, seed=2)
    found = scm.abduct({name: fresh[name] for name in known}, particles=200, seed=0).inferred()
    rows = found[found["variable"] == "the dose"]
    return float(((rows["low"] <= fresh["the dose"].numpy()) & (fresh["the dose"].numpy() <= rows["high"])).mean())


@pytest.mark.parametrize("copies", [1, 16])
def test_the_temperature_is_the_number_of_copies_and_restores_coverage(copies: int) -> None:
    scm = model()
    before = coverage(scm, ["scan", "kind of ink"], copies)
    fitted = calibrate_evidence(scm, dataset(400, copies), units=400, seed=0)
    assert fitted is scm.tempering
    assert (fitted.fitted_on, fitted.checked_on) == (200, 200)
    found = {(fit.kind, fit.known): fit.temperature for fit in fitted.fits}
    assert set(found) == {(kind, known) for kind in ("continuous", "discrete") for known in ("rest", "images")}
    for temperature in found.values():
        assert copies / 2 <= temperature <= 2 * copies, found
    assert before < 0.97 - 0.1 * math.log2(copies)
    for known in (["scan", "kind of ink"], ["scan"]):
        assert 0.92 <= coverage(scm, known, copies) <= 0.98, known


def tempering(**temperatures: float) -> Tempering:
    """Temperatures by "kind_known"."""
    none = (1.0, 1.0)
    fits = [FittedTemperature(*key.split("_"), t, t, none, none, none) for key, t in temperatures.items()]  # type: ignore[arg-type]
    return Tempering(tuple(fits), 100, 100)


HOT = tempering(continuous_rest=4.0, continuous_images=8.0, discrete_rest=2.0, discrete_images=2.0)


@pytest.fixture(scope="module")
def mixed() -> StructuralCausalModel:
    """Age and sex, which move a measure and a small picture of a VAE; not trained."""
    size = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 8, "blocks": 1}
    variables = [
        Variable("age", "continuous", unit="years", support=(0, 100)),
        Variable("sex", "binary", labels=("f", "m")),
        Variable("volume", "continuous"),
        Variable("scan", "image", shape=(1, 8, 8)),
    ]
    made = StructuralCausalModel(CausalGraph("{age, sex} -> volume -> scan; sex -> scan", variables), {"scan": size})
    torch.manual_seed(0)
    made.initialize(
        {
            "age": torch.rand(50) * 100,
            "sex": torch.arange(50) % 2,
            "volume": torch.randn(50),
            "scan": torch.zeros(50, 1, 8, 8),
        }
    )
    return made.declare_fitted().eval()


def inferred(scm: StructuralCausalModel, known: dict[str, Any], hot: Tempering | None) -> dict[str, Tensor]:
    scm.tempering = hot
    try:
        return scm.abduct(known, particles=20, seed=0).completed.by_particle()
    finally:
        scm.tempering = None


def test_complete_units_and_exact_evidence_stay_the_same_bit_for_bit(mixed: StructuralCausalModel) -> None:
    given = dict(mixed.sample(3, seed=1))
    cold = mixed.abduct(given, particles=4, seed=0)
    mixed.tempering = HOT
    hot = mixed.abduct(given, particles=4, seed=0)
    mixed.tempering = None
    for name, noise in cold.noise.items():
        assert all(torch.equal(noise[key], hot.noise[name][key]) for key in noise), name
    for missing in (["age"], ["scan"], ["age", "scan"], ["age", "volume", "scan"]):  # no image informs what is missing
        known = {name: value for name, value in given.items() if name not in missing}
        plain, tempered = inferred(mixed, known, None), inferred(mixed, known, HOT)
        assert all(torch.equal(plain[name], tempered[name]) for name in plain), missing
    for missing in (["volume"], ["sex"], ["age", "volume", "sex"]):
        known = {name: value for name, value in given.items() if name not in missing}
        plain, tempered = inferred(mixed, known, None), inferred(mixed, known, HOT)
        assert not torch.equal(plain["volume"], tempered["volume"]) or missing == ["sex"], missing


def test_the_temperature_follows_what_else_is_missing(mixed: StructuralCausalModel) -> None:
    mixed.tempering = HOT
    found = {}
    for missing in (["volume"], ["age", "volume"], ["age", "volume", "sex"], ["sex"]):
        (group,) = informed_by_images(mixed, frozenset(missing))
        found[len(missing), missing[0]] = heat_of(mixed, group)
    mixed.tempering = None
    assert found[1, "volume"] == pytest.approx((4.0, 2.0))
    assert found[2, "age"] == pytest.approx((4 * 2**0.5, 2.0))
    assert found[3, "age"] == pytest.approx((8.0, 2.0))
    assert found[1, "sex"] == pytest.approx((2.0, 2.0))
    assert informed_by_images(mixed, frozenset({"age"})) == []
    assert informed_by_images(mixed, frozenset({"volume", "scan"})) == []


def test_a_saved_model_keeps_its_temperatures(mixed: StructuralCausalModel, tmp_path: Path) -> None:
    known = {name: value for name, value in mixed.sample(3, seed=1).items() if name != "volume"}
    mixed.save(tmp_path / "cold")
    assert "tempering" not in json.loads((tmp_path / "cold" / "model.json").read_text())
    assert StructuralCausalModel.load(tmp_path / "cold").tempering is None
    mixed.tempering = HOT
    again = StructuralCausalModel.load(mixed.save(tmp_path / "hot"))
    mixed.tempering = None
    assert again.tempering == HOT
    assert torch.equal(inferred(again, known, again.tempering)["volume"], inferred(mixed, known, HOT)["volume"])


@pytest.mark.parametrize(
    "broken", [{"temperature": 0.5}, {"temperature": 3.0}, {"kind": "hot"}, {"unknown": 1}, {"held": 3}]
)
def test_a_saved_model_with_broken_temperatures_is_refused(
    mixed: StructuralCausalModel, tmp_path: Path, broken: dict[str, Any]
) -> None:
    entry = HOT.to_dict()
    entry["fits"] = [{**entry["fits"][0], **broken}, *entry["fits"][1:]]
    with pytest.raises((TypeError, ValueError, KeyError)):
        Tempering.from_dict(entry)
    mixed.save(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(description | {"tempering": entry}))
    with pytest.raises(CheckpointError):
        StructuralCausalModel.load(tmp_path)


def test_labels_have_their_marginals_and_numbers_their_conditionals() -> None:
    torch.manual_seed(0)
    shape, codes = (60, 3), torch.randint(4, (60, 3))
    codes[codes == 3] = 0  # no draw of the last label
    logs, images = torch.randn(shape).double(), 5 * torch.randn(shape).double()
    draws = WeightedDraws(torch.randn(*shape, 1).double(), codes, 4, {}, logs, images, [Proposal()])
    found = torch.softmax(draws.weights(Heat(8.0, 2.0)), dim=0)
    labels, numbers = (torch.softmax(logs + images / heat, dim=0) for heat in (2.0, 8.0))
    for unit in range(3):
        for code in range(3):
            chosen = codes[:, unit] == code
            assert float(found[chosen, unit].sum()) == pytest.approx(float(labels[chosen, unit].sum()))
            expected = numbers[chosen, unit] / numbers[chosen, unit].sum()
            torch.testing.assert_close(found[chosen, unit] / found[chosen, unit].sum(), expected)
    torch.testing.assert_close(torch.softmax(draws.weights(Heat(2.0, 2.0)), dim=0), labels)


@pytest.mark.parametrize("heat", [1.0, 6.0])
def test_draws_from_an_image_alone_have_the_exact_posterior(heat: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """dose ~ N(0, 1), ink uniform, and 16 pixels, whose mean has the variance 900 heat / 16."""
    monkeypatch.setattr(importance, "DRAWS_WITH_LATENTS", 512)
    monkeypatch.setattr(importance, "ENOUGH", 10.0)  # all rounds: their proposals of labels have to be weighted rightly
    scm, seen = model(), units(6, 1, seed=3)
    scm.tempering = tempering(continuous_images=heat, discrete_images=heat)
    draws = scm.abduct({"scan": seen["scan"]}, particles=1000, seed=0).completed.by_particle()
    variance = SIGMA**2 * heat / SIDE**2
    left = seen["scan"].flatten(1).mean(1)[:, None] - 100 - SHIFT * torch.arange(4)
    labels = torch.softmax(-0.5 * left**2 / (variance + STEP**2), dim=1)
    means = left * STEP / (variance + STEP**2)
    shares = torch.stack([(draws["kind of ink"] == code).double().mean(0) for code in range(4)], dim=1)
    torch.testing.assert_close(shares, labels.double(), atol=0.05, rtol=0.0)
    torch.testing.assert_close(draws["the dose"].mean(0), (labels * means).sum(1), atol=0.08, rtol=0.0)


def test_rows_of_a_patient_fit_or_check_and_few_rows_are_not_enough() -> None:
    scm = model()
    with pytest.warns(EvidenceWarning, match="at least 40 validation rows in several groups.*got 39 rows in 39"):
        assert calibrate_evidence(scm, dataset(39, 4)) is None
    with pytest.warns(EvidenceWarning, match="got 60 rows in 1 groups"):
        assert calibrate_evidence(scm, dataset(60, 4, patients=1)) is None
    assert scm.tempering is None
    fitted = calibrate_evidence(scm, dataset(60, 4, patients=3))
    assert sorted((fitted.fitted_on, fitted.checked_on)) == [20, 40]
    with pytest.raises(ValueError, match="at least 40 units"):
        calibrate_evidence(scm, dataset(60, 4), units=10)


def test_a_model_whose_images_have_exact_densities_needs_no_temperature() -> None:
    scm = StructuralCausalModel(GRAPH, {"the dose": "linear-gaussian", "scan": "image-flow"}).declare_fitted()
    assert calibrate_evidence(scm, dataset(50, 1)) is None


def test_new_weights_take_the_temperatures_back(mixed: StructuralCausalModel) -> None:
    scm = model()
    scm.tempering = HOT
    scm.initialize(units(50, 1, seed=0))
    assert scm.tempering is None
