"""Evaluation and predictors read a few images at a time: the form of the data and the size of the blocks do not matter."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal

from causalgen.datasets import Dataset
from causalgen.graph import CausalGraph
from causalgen.metrics import AS_FITTED, PUBLISHED, Cohort, Readers, evaluate, latent_space, memorisation
from causalgen.metrics.compared_sets import Points
from causalgen.metrics.units import PerUnit, joined
from causalgen.predictors import LABELS, NUMBERS, AttributePredictor, fit_predictor
from causalgen.predictors.stored_images import channel_moments
from causalgen.scm import StructuralCausalModel

from .painted import measure_brightness, model, painted

BLOCK = 30
BRIEF = {"epochs": 2}


def stored(data: Dataset, bits: int, folder: Path | None = None) -> Dataset:
    """The same data with images of 8 or 16 bits, in memory or mapped from a file, as tables of image files have them."""
    images = data.values["image"].numpy()
    images = images if bits == 8 else images.astype(np.uint16) * 257
    if folder is not None:
        np.save(folder / "images.npy", images)
        images = np.load(folder / "images.npy", mmap_mode="c")
    return replace(data, values={**data.values, "image": torch.from_numpy(images)})


@pytest.fixture(scope="module")
def data() -> Dataset:
    return painted(240)


@pytest.fixture(scope="module")
def untrained(data: Dataset) -> StructuralCausalModel:
    torch.manual_seed(0)
    small = {"mechanism": "conv-vae", "latent": 4, "local": 2, "width": 8, "blocks": 1}
    scm = StructuralCausalModel(data.graph, {"light": "linear-gaussian", "image": small})
    scm.initialize(data.part("train"))
    return scm.declare_fitted().eval()


@pytest.fixture(scope="module")
def readers(data: Dataset) -> Readers:
    predictors = {
        name: fit_predictor(data, name, image="image", config=replace(NUMBERS, **BRIEF))
        for name in ("brightness", "shape")
    }
    classifier = fit_predictor(data, "shape", image="image", config=replace(LABELS, **BRIEF))
    torch.manual_seed(1)
    vae = StructuralCausalModel(
        CausalGraph([], [data.graph["image"]]),
        {"image": {"mechanism": "conv-vae", "latent": 4, "local": 2, "width": 8}},
    )
    vae.initialize(data.part("train"))
    space = latent_space(vae.declare_fitted().eval())
    return Readers({"brightness": measure_brightness}, {"shape": classifier}, predictors, space)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("evaluate", "memorisation"):
        monkeypatch.setattr(import_module(f"causalgen.metrics.{name}"), "units_in_memory", lambda shape: BLOCK)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("bits", [8, pytest.param(16, marks=pytest.mark.slow)])
def test_images_in_a_file_and_in_memory_have_the_same_figures(
    bits: int, data: Dataset, untrained: StructuralCausalModel, readers: Readers, tmp_path: Path
) -> None:
    rules = replace(AS_FITTED, rows=None, particles=2, cycle_rows=40)
    tables = [
        evaluate(
            untrained, one, queries=["brightness", "shape"], readers=readers, protocol=rules, untrained=untrained
        ).to_frame()
        for one in (stored(data, bits), stored(data, bits, tmp_path))
    ]
    assert len(tables[0]) > 100
    assert_frame_equal(*tables, check_exact=True)
    found = [
        memorisation(untrained, one).table.to_frame() for one in (stored(data, bits), stored(data, bits, tmp_path))
    ]
    assert_frame_equal(*found, check_exact=True)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("name", "config"), [("shape", LABELS), ("brightness", NUMBERS)])
def test_predictors_of_images_in_a_file_have_the_same_weights(
    bits: int, name: str, config: object, data: Dataset, tmp_path: Path
) -> None:
    fitted = [
        fit_predictor(one, name, image="image", config=replace(config, **BRIEF))  # type: ignore[type-var]
        for one in (stored(data, bits), stored(data, bits, tmp_path))
    ]
    for key, tensor in fitted[0].state_dict().items():
        assert torch.equal(tensor, fitted[1].state_dict()[key]), key


def test_the_size_of_a_block_changes_no_mean_over_units(
    data: Dataset, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The painter draws nothing, so that its counterfactuals are the same in any block."""
    scm, rules = model(data), replace(AS_FITTED, rows=None)
    asked = {"queries": ["brightness", "light"], "readers": replace(readers, predictors={}), "untrained": scm}
    whole = evaluate(scm, data, protocol=rules, **asked).to_frame()  # type: ignore[arg-type]
    monkeypatch.setattr(import_module("causalgen.metrics.evaluate"), "units_in_memory", lambda shape: BLOCK)
    parts = evaluate(scm, data, protocol=rules, **asked).to_frame()  # type: ignore[arg-type]
    order = ["metric", "query", "row", "stratum"]
    whole, parts = (frame.sort_values(order).reset_index(drop=True) for frame in (whole, parts))
    assert_frame_equal(whole, parts, rtol=1e-5)


@pytest.mark.usefixtures("small_blocks")
def test_no_more_images_than_a_block_are_read_at_once(
    data: Dataset, untrained: StructuralCausalModel, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, rows = [], Dataset.rows

    def watched(self: Dataset, labels: torch.Tensor) -> object:
        read.append(len(labels))
        return rows(self, labels)

    monkeypatch.setattr(Dataset, "rows", watched)
    monkeypatch.delattr(Dataset, "part")
    seen = replace(readers, classifiers={}, predictors={}, latents=None)
    rules = replace(AS_FITTED, rows=None)
    evaluate(untrained, data, queries=["brightness"], readers=seen, protocol=rules, untrained=untrained)
    assert sum(read) >= len(data.split["test"])
    assert max(read) <= BLOCK


def test_what_is_compared_at_once_has_a_limit_and_a_note(
    data: Dataset, untrained: StructuralCausalModel, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that stay in memory do not grow with the units, however many each unit has."""
    sets = import_module("causalgen.metrics.compared_sets")
    monkeypatch.setattr(sets, "FEWEST", 10)
    monkeypatch.setattr(sets, "NUMBERS", 30 * 128)  # two predictors with 64 features each
    kept: list[int] = []
    add = sets.Points._add
    monkeypatch.setattr(sets.Points, "_add", lambda self, *rest: (add(self, *rest), kept.append(_held(self)))[0])
    units, seen = len(data.split["test"]), Readers(predictors=readers.predictors)
    found = evaluate(untrained, data, queries=["brightness"], readers=seen, untrained=untrained)
    assert units > max(kept) == 30
    assert f"Realism and variety compare the features of 30 of the {units} units, drawn by the seed." in found.notes
    assert any(note.startswith("The noise leak is that of ") for note in found.notes)
    (floor,) = {entry.units for entry in found if entry.metric == "Frechet distance" and entry.row == "floor"}
    assert floor < 20  # half of them, in whole groups


def _held(points: Points) -> int:
    """The greatest number of images whose features are held for a row."""
    return max(sum(map(len, parts)) for parts in points.found.values())


def test_blocks_do_not_share_their_noise(data: Dataset) -> None:
    cohort = Cohort({}, data, data.split["test"], "image", seed=3, at_once=BLOCK)
    seeds = [block.noise_seed(offset) for block in cohort.blocks() for offset in range(11)]
    assert len(set(seeds)) == len(seeds) > 30
    assert [row for block in cohort.blocks() for row in block.rows.tolist()] == cohort.rows.tolist()
    assert cohort.noise_seed(2) == 5


def test_published_scores_keep_their_batches(
    data: Dataset, untrained: StructuralCausalModel, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, predict = set(), AttributePredictor.predict

    def watched(self: AttributePredictor, images: torch.Tensor, *rest: object, **options: object) -> torch.Tensor:
        sizes.add(len(images)) if options.get("batch_statistics") else None
        return predict(self, images, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(AttributePredictor, "predict", watched)
    monkeypatch.setattr(import_module("causalgen.metrics.evaluate"), "units_in_memory", lambda shape: BLOCK)
    seen = Readers(predictors=readers.predictors)
    evaluate(untrained, data, queries=["brightness"], readers=seen, protocol=PUBLISHED, untrained=untrained)
    assert sizes == {len(data.split["test"])}


def test_only_what_every_block_has_is_joined() -> None:
    one, two = np.array([1.0]), np.array([2.0, 3.0])
    blocks = [
        [PerUnit("a", {"model": one, "oracle": one}, floor=one), PerUnit("b", {"model": one})],
        [PerUnit("a", {"model": two}, floor=two)],
    ]
    (found,) = joined(blocks)
    assert found.metric == "a"
    assert {row: numbers.tolist() for row, numbers in found.numbers.items()} == {"model": [1, 2, 3]}
    assert np.asarray(found.floor).tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 4, 6, 5)])
def test_moments_of_channels(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, (40, *shape), dtype=torch.uint8)
    within = (0, *range(2, images.dim()))
    mean, deviation = channel_moments(images)
    assert torch.allclose(mean, images.double().mean(within))
    assert torch.allclose(deviation, images.double().std(within))
