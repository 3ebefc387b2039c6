"""The classifier learns, repeats itself under a seed, listens to the validation images and survives saving."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from causalgen.errors import CheckpointError, DataError
from causalgen.graph import Variable
from causalgen.predictors import Classifier, fit_classifier, load, save

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


TRAIN, VALIDATION, TEST = (pictures(n, seed) for n, seed in ((600, 0), (200, 1), (200, 2)))


@pytest.fixture(scope="module")
def fitted() -> Classifier:
    return fit_classifier(SIDE, *TRAIN, validation=VALIDATION, epochs=4)


def test_learns_from_images_of_any_size(fitted: Classifier) -> None:
    assert fitted.accuracy(*TEST) > 0.9
    colour = fit_classifier(SIDE, *pictures(300, 3, (3, 21, 16)), validation=pictures(100, 4, (3, 21, 16)), epochs=4)
    assert colour.accuracy(*pictures(100, 5, (3, 21, 16))) > 0.9


def test_deterministic_under_a_seed_and_leaves_the_random_state_alone(fitted: Classifier) -> None:
    state = torch.get_rng_state()
    again = fit_classifier(SIDE, *TRAIN, validation=VALIDATION, epochs=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again.probabilities(TEST[0]), fitted.probabilities(TEST[0]))
    other = fit_classifier(SIDE, *TRAIN, validation=VALIDATION, epochs=1, seed=1)
    assert not torch.equal(other.probabilities(TEST[0]), fitted.probabilities(TEST[0]))


def test_predicts_in_evaluation_mode(fitted: Classifier) -> None:
    fitted.train()
    first = fitted.probabilities(TEST[0])
    fitted.train()
    assert torch.allclose(fitted.probabilities(TEST[0][:7]), first[:7], atol=1e-5)
    assert first.sum(1).allclose(torch.ones(len(first)))


def test_keeps_the_epoch_that_the_validation_images_prefer(fitted: Classifier) -> None:
    images, codes = VALIDATION
    wrong = (codes + 1) % 3
    stopped = fit_classifier(SIDE, *TRAIN, validation=(images, wrong), epochs=4)

    def loss(classifier: Classifier) -> float:
        return float(F.nll_loss(classifier.probabilities(images).clamp_min(1e-12).log(), wrong))

    assert loss(stopped) < 0.7 * loss(fitted)


def test_save_and_load(fitted: Classifier, tmp_path: Path) -> None:
    again = load(save(fitted, tmp_path / "classifier"))
    assert again.variable == SIDE
    assert torch.equal(again.probabilities(TEST[0]), fitted.probabilities(TEST[0]))


def test_damaged_and_foreign_files(fitted: Classifier, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got none"):
        load(tmp_path)
    save(fitted, tmp_path)
    weights = tmp_path / "classifier.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="checksum"):
        load(tmp_path)
    (tmp_path / "classifier.json").write_text("{}")
    with pytest.raises(CheckpointError, match="another kind of file"):
        load(tmp_path)
    (tmp_path / "classifier.json").write_text("{")
    with pytest.raises(CheckpointError, match="Expected JSON"):
        load(tmp_path)


def test_bad_input(fitted: Classifier) -> None:
    images, codes = TRAIN
    with pytest.raises(DataError, match="Expected images of shape"):
        fitted.predict(images[:, :, :5])
    with pytest.raises(DataError, match="one code each"):
        fit_classifier(SIDE, images, codes[:5], validation=VALIDATION)
    with pytest.raises(DataError, match=r"0\.\.2"):
        fit_classifier(SIDE, images, codes + 1, validation=VALIDATION)
    with pytest.raises(DataError, match="at least two labels"):
        fit_classifier(SIDE, images, torch.zeros_like(codes), validation=VALIDATION)
    with pytest.raises(DataError, match="discrete variable"):
        Classifier(Variable("age", "continuous"), (1, 8, 8))
