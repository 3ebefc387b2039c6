"""Effectiveness by predictors, realism, minimality, calibration: on painted images whose true model is known."""

from dataclasses import replace

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from causalgen.datasets import Dataset
from causalgen.graph import Variable
from causalgen.mechanisms import Abduction
from causalgen.metrics import AS_FITTED, MetricTable, Readers, evaluate, frechet_distance, kernel_distance
from causalgen.metrics.calibration import _interval, _nominal
from causalgen.metrics.minimality import IDENTITY_CLD
from causalgen.predictors import PUBLISHED, AttributePredictor, fit_predictor
from causalgen.scm import StructuralCausalModel

from .painted import Copier, Painter, measure_brightness, model, paint, painted

QUERIES = ("do(light)", "do(brightness)")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted(1600)


@pytest.fixture(scope="module")
def predictors(data: Dataset) -> dict[str, AttributePredictor]:
    brightness = fit_predictor(data, "brightness", image="image", config=replace(PUBLISHED, epochs=20))
    return {
        "brightness": brightness,
        "shape": fit_predictor(data, "shape", image="image", config=replace(PUBLISHED, epochs=12)),
    }


def pixels(images: Tensor) -> np.ndarray:
    return images.flatten(1).double().numpy()


@pytest.fixture(scope="module")
def table(data: Dataset, predictors: dict[str, AttributePredictor]) -> MetricTable:
    scm = model(data)
    return evaluate(
        scm, data, queries=["light", "brightness"], readers=Readers(predictors=predictors, latents=pixels),
        protocol=replace(AS_FITTED, particles=5),
        untrained=model(data, Copier),
    )  # fmt: skip


def test_a_perfect_model_reaches_the_floor_of_the_predictor(table: MetricTable) -> None:
    assert not [note for note in table.notes if "No classifier" in note]  # the predictor of the shape says what is kept
    for query in QUERIES:
        result = table.result(metric="brightness MAE by predictor", query=query)
        assert result.floor is not None
        assert result.value < 1.6 * result.floor
        assert table.value(metric="brightness MAE by predictor", query=query, row="identity control") > 2 * result.floor
        shape = table.result(metric="shape accuracy by predictor", query=query)
        assert shape.floor is not None
        assert shape.value > shape.floor - 0.03


def test_the_floor_is_the_error_on_the_factual_images(
    data: Dataset, predictors: dict[str, AttributePredictor], table: MetricTable
) -> None:
    test = data.part("test")
    direct = (predictors["brightness"].predict(test["image"], test) - test["brightness"]).abs().mean()
    result = table.result(metric="brightness MAE by predictor", query="do(light)")
    assert result.floor == pytest.approx(float(direct), rel=1e-4)


def test_a_told_predictor_is_told_the_counterfactual_attribute(data: Dataset) -> None:
    class Parrot(AttributePredictor):
        def forward(self, images: Tensor, attributes: dict[str, Tensor]) -> Tensor:
            return attributes["brightness"]

    parrot = Parrot(Variable("light", "continuous"), (1, 12, 12), {"brightness": data.graph["brightness"]})
    scm = model(data)
    readers, few = Readers(predictors={"light": parrot}), replace(AS_FITTED, rows=50)
    table = evaluate(scm, data, queries=[{"brightness": 200}], readers=readers, protocol=few, untrained=scm)
    result = table.result(metric="light MAE by predictor", query="do(brightness = 200 lx)")
    index = data.split["test"][
        torch.randperm(len(data.split["test"]), generator=torch.Generator().manual_seed(0))[:50].sort().values
    ]
    values = data.rows(index)
    unchanged = float((values["brightness"] - values["light"]).abs().mean())
    assert result.floor == pytest.approx(unchanged)
    assert result.value == pytest.approx(float((200 - values["light"]).mean()), rel=1e-5)


def test_realism_has_its_floor_and_sees_a_foreign_distribution(table: MetricTable) -> None:
    for metric in ("Frechet distance", "kernel distance"):
        oracle = table.result(metric=metric, query="do(light)", row="oracle")
        assert oracle.floor == table.value(metric=metric, query="do(light)", row="floor")
        assert "not comparable to Inception FID" in oracle.note
    generator = np.random.default_rng(0)
    one, two = generator.normal(size=(2, 400, 4))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(one, two + 3) == pytest.approx(36, rel=0.1)
    assert abs(kernel_distance(one, two)) < 0.05 < kernel_distance(one, two + 1)


def test_minimality_of_the_identity_is_no_target(table: MetricTable) -> None:
    identity = table.result(metric="minimality CLD", query="do(brightness)", row="identity control")
    assert identity.value == pytest.approx(IDENTITY_CLD, abs=1e-3)
    assert "no target" in identity.note
    assert table.value(metric="minimality CLD", query="do(brightness)") < 1


def test_calibration_needs_random_abduction(data: Dataset, table: MetricTable) -> None:
    assert [note for note in table.notes if "no abduction uncertainty (bijective abduction)" in note]
    shares = {}
    for name, mechanism in (("right", Trembler), ("sure", Sure)):
        scm = model(data, mechanism)
        made = evaluate(
            scm, replace(data, truth=Trembling(data.truth)), queries=["brightness"], untrained=scm,
            readers=Readers({"brightness": measure_brightness}), protocol=replace(AS_FITTED, rows=100, particles=60),
        )  # fmt: skip
        result = made.result(metric="brightness interval coverage")
        assert result.floor == 0.9
        shares[name] = result.value
    assert shares["right"] == pytest.approx(0.9, abs=0.08)
    assert shares["sure"] < 0.5


@pytest.mark.parametrize("particles", [5, 10, 20, 60])
def test_a_calibrated_model_covers_as_often_as_its_floor_says(particles: int) -> None:
    rng = np.random.default_rng(0)
    low, high = _interval(rng.normal(size=(particles, 20_000)))
    truth = rng.normal(size=20_000)
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(_nominal(particles), abs=0.01)


def test_an_image_without_abduction_is_asked_for_samples(
    data: Dataset, predictors: dict[str, AttributePredictor]
) -> None:
    scm = StructuralCausalModel(data.graph, {"image": {"mechanism": "dcgan", "latent": 4, "width": 8}})
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    made = evaluate(scm.eval(), data, queries=["light"], readers=Readers(predictors=predictors), untrained=scm)
    assert [note for note in made.notes if "DCGAN has no abduction: samples only" in note]
    assert {result.query for result in made} == {"samples"}
    assert {"Frechet distance", "diversity within conditions", "shape accuracy by predictor"} <= {
        result.metric for result in made
    }


class Trembler(Painter):
    """Paints 6 lx brighter or darker at random, and says that it does."""

    abduction = Abduction.VARIATIONAL
    spread = 6.0

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, dist.Distribution]:
        tremble = dist.Normal(torch.tensor(0.0), torch.tensor(self.spread)).expand(batch_shape)
        return {**super().noise(batch_shape), "tremble": tremble}

    def abduct(self, value: Tensor, parents: dict[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        found = super().abduct(value, parents)
        return {**found, "tremble": self.spread * torch.randn(len(value)) * draw}

    def forward(self, noise: dict[str, Tensor], parents: dict[str, Tensor], *, changed=frozenset()) -> Tensor:
        return paint(noise["mask"], parents["brightness"] + noise["tremble"])


class Sure(Trembler):
    spread = 1.0


class Trembling:
    """A truth that trembles as the right model does."""

    def __init__(self, truth: object) -> None:
        self.truth = truth
        self.remorphs = truth.remorphs  # type: ignore[attr-defined]

    def counterfactual(self, rows: Tensor, do: dict[str, Tensor]) -> dict[str, Tensor]:
        world = self.truth.counterfactual(rows, do)  # type: ignore[attr-defined]
        tremble = 6.0 * torch.randn(len(rows), generator=torch.Generator().manual_seed(7))
        image = paint(world["image"] > 0, world["brightness"] + tremble).round().byte()
        return {**world, "image": image}

    def __getattr__(self, name: str) -> object:
        return getattr(self.truth, name)
