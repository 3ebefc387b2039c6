"""The attribute predictor on squares whose brightness and side are attributes."""

import pytest
import torch

from causalgen.datasets import Dataset
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.predictors import AttributePredictor, PredictorConfig, fit_predictor

GLOW = Variable("glow", "continuous", support=(0, 255))
SIDE = Variable("side", "ordinal", labels=("small", "large"))
IMAGE = Variable("image", "image", shape=(1, 12, 12))


@pytest.fixture(scope="module")
def data() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    glow = 60 + 180 * torch.rand(1500, generator=generator)
    side = torch.randint(0, 2, (1500,), generator=generator)
    image = 20 * torch.rand(1500, 1, 12, 12, generator=generator)
    for i, large in enumerate(side.tolist()):
        near, far = (1, 11) if large else (4, 8)
        image[i, :, near:far, near:far] = glow[i]
    rows = torch.arange(1500)
    graph = CausalGraph("{glow, side} -> image", [GLOW, SIDE, IMAGE])
    split = {"train": rows[:1100], "validation": rows[1100:1300], "test": rows[1300:]}
    return Dataset("squares", graph, {"glow": glow, "side": side, "image": image.byte()}, split, rows)


def test_it_reads_values_and_labels_off_unseen_images(data: Dataset) -> None:
    test = data.part("test")
    glow = fit_predictor(data, "glow", image="image", given=["side"], config=PredictorConfig(epochs=15)).predict(
        test["image"], test
    )
    assert float((glow - test["glow"]).abs().mean()) < 0.2 * float((test["glow"] - test["glow"].mean()).abs().mean())
    side = fit_predictor(data, "side", image="image", config=PredictorConfig(epochs=8)).predict(test["image"], test)
    assert float((side == test["side"]).float().mean()) > 0.97


def test_a_prediction_depends_on_its_neighbours_only_when_asked_to(data: Dataset) -> None:
    torch.manual_seed(0)
    predictor = AttributePredictor(GLOW, IMAGE.shape)
    predictor.initialize(data.part("train")["image"], data.part("train"))
    images = data.part("test")["image"]
    alone, together = predictor.predict(images[:4]), predictor.predict(images)[:4]
    assert torch.allclose(alone, together, atol=1e-3)
    state = {k: v.clone() for k, v in predictor.state_dict().items()}
    borrowed = predictor.predict(images, {}, batch_statistics=True)[:4]
    assert not torch.allclose(borrowed, predictor.predict(images[:4], {}, batch_statistics=True), atol=1e-3)
    assert all(torch.equal(v, state[k]) for k, v in predictor.state_dict().items())


def test_no_batch_is_too_small_for_statistics(data: Dataset) -> None:
    torch.manual_seed(0)
    predictor = AttributePredictor(GLOW, IMAGE.shape)
    predictor.initialize(data.part("train")["image"], data.part("train"))
    images = data.values["image"][:1001]  # one more than a batch holds
    together = predictor.predict(images, {}, batch_statistics=True)
    half = predictor.predict(images[:501], {}, batch_statistics=True)
    assert torch.allclose(together[:501], half, atol=1e-3)
    with pytest.raises(DataError, match="at least two images"):
        predictor.predict(images[:1], {}, batch_statistics=True)


def test_wrong_attributes_are_refused(data: Dataset) -> None:
    with pytest.raises(DataError, match="other attributes as inputs"):
        fit_predictor(data, "glow", image="image", given=["glow"])
    with pytest.raises(DataError, match="attribute to predict"):
        AttributePredictor(IMAGE, IMAGE.shape)
    with pytest.raises(DataError, match=r"shape \(N, 1, 12, 12\)"):
        AttributePredictor(GLOW, IMAGE.shape).predict(torch.zeros(2, 1, 8, 8))
