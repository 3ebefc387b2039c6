"""A law over the depth of images: what is measured, compared, written and read again keeps the steps that the data have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from causalgen.augmentation import Augmentation, AugmentedImages, AugmentedUnits
from causalgen.datasets import Dataset
from causalgen.graph import CausalGraph, Variable
from causalgen.metrics import Readers, as_stored, bits_of, evaluate
from causalgen.metrics.cohort import Cohort
from causalgen.reports.augmented_files import write_augmented
from causalgen.reports.image_files import write_grey_values
from causalgen.scm import StructuralCausalModel
from causalgen.studies.measurements import MEASUREMENTS, OF_BYTES, UNROUNDED, find_measurement
from causalgen.training import FitConfig, Stage, fit

DEPTHS = {8: (torch.uint8, 1), 16: (torch.uint16, 257)}
"""By bits: how images are stored, and the steps in a grey level."""
IMAGE = {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 4, "blocks": 1, "residual": 1.0}
ROWS = 60


@pytest.fixture(params=DEPTHS, scope="module")
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def data(bits: int) -> Dataset:
    """Dark images, whose differences are below one level of eight bits in part."""
    rng = np.random.default_rng(0)
    kind, steps = DEPTHS[bits]
    age = rng.uniform(0, 1, ROWS)
    levels = 20 + 3 * age[:, None, None, None] + rng.normal(scale=2, size=(ROWS, 1, 12, 12))
    pixels = np.round(levels.clip(0, 255) * steps).astype(f"uint{bits}")
    graph = CausalGraph(
        "{age, dose} -> scan",
        [Variable("age", "continuous"), Variable("dose", "continuous"), Variable("scan", "image", shape=(1, 12, 12))],
    )
    rows = torch.arange(ROWS)
    split = {"train": rows[:30], "validation": rows[30:40], "test": rows[40:]}
    values = {"age": torch.from_numpy(age).float(), "dose": torch.rand(ROWS), "scan": torch.from_numpy(pixels).to(kind)}
    return Dataset("dark", graph, values, split, rows)


@pytest.fixture(scope="module")
def scm(data: Dataset) -> StructuralCausalModel:
    torch.manual_seed(0)
    model = StructuralCausalModel(data.graph, {"scan": IMAGE})
    fit(model, data, FitConfig(attributes=Stage(epochs=1), images=Stage(epochs=1)))
    return model


def test_images_pass_through_load_model_and_save(
    bits: int, data: Dataset, scm: StructuralCausalModel, tmp_path: Path
) -> None:
    """With the whole residual, a model returns its image: to 1 part in 4,096 of full scale, and of 16 bits in full."""
    own = data.rows(data.split["test"])
    assert data.bits("scan") == bits == bits_of(own["scan"])
    again = scm.counterfactual(own, {"age": own["age"]}, seed=0)["scan"]
    assert (again - own["scan"]).abs().max() < 255 / 65_536
    (file,) = write_grey_values(tmp_path, ["a"], again[:1].detach(), (0, 65_535))
    with Image.open(file) as written:
        assert np.abs(np.asarray(written) - own["scan"][0, 0].double().numpy() * 257).max() < 65_535 / 4_096
    assert torch.equal(as_stored(again, bits).float(), own["scan"].float())


def test_metrics_compare_images_at_their_own_depth(bits: int, data: Dataset, scm: StructuralCausalModel) -> None:
    seen: list[torch.Tensor] = []

    def mean(images: Any) -> np.ndarray:
        seen.append(torch.as_tensor(images))
        return torch.as_tensor(images).double().flatten(1).mean(1).numpy()

    table = evaluate(scm, data, queries=["age"], readers=Readers(measure={"age": mean, "dose": mean})).to_frame()
    assert "off-target drift: dose" in set(table["metric"])
    assert seen
    steps = DEPTHS[bits][1]
    for images in seen:
        levels = images.double() * steps
        assert (levels - levels.round()).abs().max() < 1e-2
        assert bits == 8 or len(images.unique()) > 256
    cohort = Cohort({"model": scm}, data, data.split["test"], "scan")
    assert torch.equal(cohort.real.float(), cohort.factual["scan"].float())


@pytest.mark.parametrize("word", sorted(MEASUREMENTS))
def test_measurements_see_the_depth_of_the_study(word: str, bits: int) -> None:
    """The smallest step of the depth changes what is measured, a hundredth of it does not."""
    if word in OF_BYTES or word.startswith(("pendulum", "phantom", "hue", "area", "texture", "saturation")):
        pytest.skip("reads places, colours or counts")
    step = 1 / DEPTHS[bits][1]
    image = torch.arange(64.0).reshape(1, 1, 8, 8) + 20
    measure = find_measurement(word, name="x", bits=bits)
    one, hundredth = image.clone(), image.clone()
    one[0, 0, 3, 3] += step
    hundredth[0, 0, 3, 3] += step / 100
    assert measure(one) != measure(image)
    assert word == UNROUNDED or measure(hundredth) == measure(image)


def test_an_augmented_folder_is_read_as_it_was_observed(
    bits: int, data: Dataset, scm: StructuralCausalModel, tmp_path: Path
) -> None:
    units = AugmentedUnits(scm, data, Augmentation({"age": "shuffle"}, splits=("train",)))
    write_augmented(tmp_path / "augmented", units)
    images = AugmentedImages(tmp_path / "augmented", "train", target="age")
    own = data.rows(data.split["train"])["scan"]
    observed = [place for place, draw in enumerate(images.table["draw"]) if draw == 0]
    found = torch.stack([images[place][0] for place in observed])
    order = [int(row) for row in images.table["origin_row"][observed]]
    assert torch.allclose(found, data.rows(order)["scan"].float() / 255, atol=1e-6)
    assert len(found) == len(own)
