"""Continuous attributes read by a regressor: a model that draws them reaches the floor, one that ignores them does not."""

from dataclasses import replace

import pytest
import torch

from causalgen.datasets import Dataset
from causalgen.errors import DataError
from causalgen.metrics import MetricTable, Readers, evaluate
from causalgen.predictors import LABELS, NUMBERS, AttributePredictor, Regressor, fit_predictor

from .painted import Copier, Painter, model, painted

METRIC = "brightness MAE by regressor"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted()


@pytest.fixture(scope="module")
def regressor(data: Dataset) -> Regressor:
    return Regressor(fit_predictor(data, "brightness", image="image", config=replace(NUMBERS, epochs=60)))


def measured(data: Dataset, regressor: Regressor, image: type[Painter]) -> MetricTable:
    scm = model(data, image)
    return evaluate(scm, data, queries=["brightness"], readers=Readers({"brightness": regressor}), untrained=scm)


def test_a_model_that_draws_what_was_asked_reaches_the_floor(data: Dataset, regressor: Regressor) -> None:
    result = measured(data, regressor, Painter).result(metric=METRIC)
    assert result.floor is not None
    assert result.value == pytest.approx(result.floor, abs=0.5)
    assert result.low < result.value < result.high
    assert result.unit == "lx"


def test_a_model_that_ignores_what_was_asked_errs_as_the_identity_control(data: Dataset, regressor: Regressor) -> None:
    table = measured(data, regressor, Copier)
    copied, identity = table.result(metric=METRIC), table.result(metric=METRIC, row="identity control")
    assert copied.value == identity.value
    assert copied.floor is not None
    assert copied.low > 2 * copied.floor


@pytest.mark.parametrize("trained", [True, False])
def test_a_network_no_better_than_a_guess_is_named_where_its_numbers_stand(
    data: Dataset, regressor: Regressor, trained: bool
) -> None:
    networks = regressor, fit_predictor(data, "shape", image="image", config=replace(LABELS, epochs=6))
    if not trained:
        torch.manual_seed(0)
        blind = [AttributePredictor(data.graph[name], data.graph["image"].shape) for name in ("brightness", "shape")]
        networks = Regressor(blind[0].eval()), blind[1].eval()
    scm = model(data, Painter)
    readers = Readers({"brightness": networks[0]}, {"shape": networks[1]})
    table = evaluate(scm, data, queries=["brightness"], readers=readers, untrained=scm)
    said = [note for note in table.notes if "better than a guess" in note]
    assert len(said) == (0 if trained else 2)
    for metric in (METRIC, "shape kept"):
        assert ("is no evidence about" in table.result(metric=metric).note) is not trained


def test_it_sees_nothing_but_the_image(data: Dataset) -> None:
    images, light = data.graph["image"], data.graph["light"]
    with pytest.raises(
        DataError, match="Expected a regressor of 'brightness' that sees the image only; got one that is"
    ):
        Regressor(AttributePredictor(data.graph["brightness"], images.shape, {"light": light}))
    with pytest.raises(DataError, match=r"'shape' is categorical\. Pass its predictor as a classifier"):
        Regressor(AttributePredictor(data.graph["shape"], images.shape))


def test_the_same_images_give_the_same_numbers(data: Dataset, regressor: Regressor) -> None:
    images = data.part("test")["image"]
    assert (regressor(images) == regressor(images)).all()
    assert regressor(images.float())[3:5] == pytest.approx(regressor(images[3:5]), abs=1e-3)
    assert torch.as_tensor(regressor(images)).dtype == torch.float64
