"""A predictor of labels learns, repeats itself under a seed, listens to the validation images and survives saving."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from causalgen.errors import CheckpointError, DataError, RenamedWarning
from causalgen.graph import Variable
from causalgen.nn import save_module
from causalgen.predictors import LABELS, PUBLISHED, AttributePredictor, fit_predictor, load, save
from causalgen.predictors.storage import saved_in

SIDE = Variable("side", "categorical", labels=("left", "right", "top"))


def pictures(n: int, seed: int, shape: tuple[int, int, int] = (1, 13, 18)) -> tuple[Tensor, Tensor]:
    """Noise with a faint bar on one side."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (n, *shape), generator=generator)
    codes = torch.randint(0, 3, (n,), generator=generator)
    images[codes == 0, :, :, :4] += 50
    images[codes == 1, :, :, -4:] += 50
    images[codes == 2, :, :4, :] += 50
    return images.to(torch.uint8), codes


def fit(
    train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], *, epochs: int = 4, seed: int = 0
) -> AttributePredictor:
    parts = {"train": train, "validation": validation}
    data = {part: {"image": images, "side": codes} for part, (images, codes) in parts.items()}
    return fit_predictor(data, SIDE, image="image", config=replace(LABELS, epochs=epochs), seed=seed)


TRAIN, VALIDATION, TEST = (pictures(n, seed) for n, seed in ((600, 0), (200, 1), (200, 2)))


@pytest.fixture(scope="module")
def fitted() -> AttributePredictor:
    return fit(TRAIN, VALIDATION)


def test_learns_from_images_of_any_size(fitted: AttributePredictor) -> None:
    assert fitted.accuracy(*TEST) > 0.9
    colour = fit(pictures(300, 3, (3, 21, 16)), pictures(100, 4, (3, 21, 16)))
    assert colour.accuracy(*pictures(100, 5, (3, 21, 16))) > 0.9


def test_deterministic_under_a_seed_and_leaves_the_random_state_alone(fitted: AttributePredictor) -> None:
    state = torch.get_rng_state()
    again = fit(TRAIN, VALIDATION)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again.probabilities(TEST[0]), fitted.probabilities(TEST[0]))
    other = fit(TRAIN, VALIDATION, epochs=1, seed=1)
    assert not torch.equal(other.probabilities(TEST[0]), fitted.probabilities(TEST[0]))


def test_predicts_in_evaluation_mode(fitted: AttributePredictor) -> None:
    fitted.train()
    first = fitted.probabilities(TEST[0])
    fitted.train()
    assert torch.allclose(fitted.probabilities(TEST[0][:7]), first[:7], atol=1e-5)
    assert first.sum(1).allclose(torch.ones(len(first)))


def test_keeps_the_epoch_that_the_validation_images_prefer(fitted: AttributePredictor) -> None:
    images, codes = VALIDATION
    wrong = (codes + 1) % 3
    stopped = fit(TRAIN, (images, wrong))

    def loss(classifier: AttributePredictor) -> float:
        return float(F.nll_loss(classifier.probabilities(images).clamp_min(1e-12).log(), wrong))

    assert loss(stopped) < 0.7 * loss(fitted)


def test_save_and_load(fitted: AttributePredictor, tmp_path: Path) -> None:
    again = load(save(fitted, tmp_path / "classifier"))
    assert again.variable == SIDE
    assert torch.equal(again.probabilities(TEST[0]), fitted.probabilities(TEST[0]))


def test_damaged_and_foreign_files(fitted: AttributePredictor, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got none"):
        load(tmp_path)
    save(fitted, tmp_path)
    weights = tmp_path / "predictor.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="checksum"):
        load(tmp_path)
    (tmp_path / "predictor.json").write_text("{}")
    with pytest.raises(CheckpointError, match="another kind of file"):
        load(tmp_path)
    (tmp_path / "predictor.json").write_text("{")
    with pytest.raises(CheckpointError, match="Expected JSON"):
        load(tmp_path)


def test_bad_input(fitted: AttributePredictor) -> None:
    images, codes = TRAIN
    with pytest.raises(DataError, match="Expected images of shape"):
        fitted.predict(images[:, :, :5])
    with pytest.raises(DataError, match="one value of 'side' each"):
        fit((images, codes[:5]), VALIDATION)
    with pytest.raises(DataError, match=r"0\.\.2"):
        fit((images, codes + 1), VALIDATION)
    with pytest.raises(DataError, match="at least two labels"):
        fit((images, torch.zeros_like(codes)), VALIDATION)
    with pytest.raises(DataError, match="discrete attribute for probabilities; 'age' is continuous"):
        AttributePredictor(Variable("age", "continuous"), (1, 8, 8)).probabilities(images)
    with pytest.raises(DataError, match="Expected a variable for 'side'"):
        fit_predictor({"train": {}, "validation": {}}, "side", image="image")


class Earlier(nn.Module):
    """A classifier as version 0.9 saved it: one sequence of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1, 1), 60.0))
        self.register_buffer("deviation", torch.full((1, 1, 1, 1), 30.0))
        layers = [nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
        layers += [nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
        layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 7 * 9, 64), nn.ReLU(), nn.Linear(64, 3)]
        self.network = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images.float() - self.mean) / self.deviation)


def test_a_classifier_of_an_earlier_version_still_loads(tmp_path: Path) -> None:
    earlier = Earlier().eval()
    save_module(earlier, tmp_path, "classifier", {"variable": SIDE.to_dict(), "shape": [1, 13, 18]})
    with torch.no_grad():
        expected = earlier(TEST[0]).softmax(1)
    assert load(tmp_path).probabilities(TEST[0]).allclose(expected, atol=1e-6)


def test_options_that_became_settings_still_work() -> None:
    data = {part: {"image": TRAIN[0][:64], "side": TRAIN[1][:64]} for part in ("train", "validation")}
    with pytest.warns(RenamedWarning, match=r"now fit_predictor\(config=PredictorConfig\(epochs"):
        old = fit_predictor(data, SIDE, image="image", epochs=1)
    new = fit_predictor(data, SIDE, image="image", config=replace(PUBLISHED, epochs=1))
    assert torch.equal(old.probabilities(TEST[0]), new.probabilities(TEST[0]))


def test_a_new_predictor_in_the_folder_of_an_earlier_classifier_is_the_one_that_loads(
    fitted: AttributePredictor, tmp_path: Path
) -> None:
    """As in a run that an earlier version began and this one finished."""
    (tmp_path / "classifier.json").write_text("{}")
    save(fitted, tmp_path)
    assert torch.equal(load(tmp_path).probabilities(TEST[0]), fitted.probabilities(TEST[0]))
    assert saved_in(tmp_path) == [tmp_path]


def test_holes_and_missing_splits_are_named() -> None:
    ages = {"image": TRAIN[0], "age": torch.full((600,), torch.nan)}
    age = Variable("age", "continuous")
    with pytest.raises(DataError, match="finite values of 'age' in the train rows; 600 are not"):
        fit_predictor({"train": ages, "validation": ages}, age, image="image")
    with pytest.raises(DataError, match="splits 'train' and 'validation'; got train"):
        fit_predictor({"train": {**ages, "age": torch.rand(600)}}, age, image="image")
    with pytest.raises(ValueError, match="at least 1 epoch"):
        replace(LABELS, epochs=0)
