"""The phantom is drawn alike everywhere, with the areas that its attributes give, and reading it returns what was drawn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from other_machine import printed_elsewhere

from causalgen.datasets import Dataset, load, load_table
from causalgen.datasets.generator_values import labelled_table
from causalgen.datasets.phantom import anatomy, measure_head_size, measure_ventricle_volume, write_dicom
from causalgen.datasets.phantom.equations import attributes, draw_visits
from causalgen.datasets.phantom.head import SIZES, draw_shapes, draw_tissue, render
from causalgen.effects import estimate_effect
from causalgen.errors import DataError, MissingValueError, SupportError, UnknownNameError

FLOORS = {64: (0.03, 0.8), 96: (0.02, 0.5), 128: (0.01, 0.4)}
"""Largest mean error of head size, mm, and ventricle volume, ml, by size; of volumes from 8 to 90 ml."""
CONTRAST = (60, 80)
DIGEST = "f919280a4303fcb2b3f5f8810a54ae8afa1db3756cb9806691bcacd2bcd39e84"
"""Of the images of `SCRIPT`, from the first machine that drew them."""
SCRIPT = """
import hashlib, numpy as np
from causalgen.datasets.phantom.equations import attributes, draw_visits
from causalgen.datasets.phantom.head import draw_shapes, render
grid, digest = np.arange(60) / 59, hashlib.sha256()
shapes = draw_shapes(np.arange(60) // 2, np.random.default_rng(0))
columns = {"head_size": 140 + 45 * grid, "ventricle_volume": 5 + 100 * (7 * grid % 1), "scanner": np.arange(60) % 3}
for size in (64, 128):
    digest.update(render(columns, shapes, size=size).astype("<u2").tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load("phantom", root=tmp_path_factory.mktemp("cache"), rows=600)


def _drawn(count: int, size: int, seed: int = 0) -> tuple[dict, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = {
        "head_size": rng.uniform(145, 178, count),
        "ventricle_volume": rng.uniform(8, 90, count),
        "scanner": rng.integers(0, 3, count),
    }
    return columns, render(columns, draw_shapes(np.arange(count), rng), size=size) / 257


def test_every_process_draws_the_same_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that may not use the vector instructions of this machine."""
    exec(SCRIPT, {})
    assert capsys.readouterr().out == printed_elsewhere(SCRIPT) == f"{DIGEST}\n"


@pytest.mark.parametrize("size", SIZES)
def test_measurements_return_what_was_drawn(size: int) -> None:
    columns, images = _drawn(150, size)
    for measure, name, most in zip(
        (measure_head_size, measure_ventricle_volume), ("head_size", "ventricle_volume"), FLOORS[size]
    ):
        error = measure(images) - columns[name]
        assert np.abs(error).mean() < most
        for scanner in range(3):
            one = error[columns["scanner"] == scanner]
            assert abs(one.mean()) < 4 * one.std() / len(one) ** 0.5 + most


@settings(max_examples=8, deadline=None)
@given(st.floats(135, 190), st.floats(3, 110), st.sampled_from(SIZES), st.integers(0, 99))
def test_parts_cover_their_areas(head: float, volume: float, size: int, seed: int) -> None:
    """Without the noise of the pixels, the sums of brightness give the areas exactly; a scan is the mean of a finer one."""
    shapes = draw_shapes(np.zeros(1, int), np.random.default_rng(seed))
    columns = {"head_size": np.array([head]), "ventricle_volume": np.array([volume])}
    without = {"head_size": np.array([head]), "ventricle_volume": np.array([1e-9])}
    quiet = [_quiet(one, shapes, size) for one in (columns, without)]
    pixel = (anatomy.FIELD / size) ** 2
    area = (quiet[1] - quiet[0]).sum() * pixel / (anatomy.WHITE - anatomy.FLUID)
    assert anatomy.volume_of_area(area) == pytest.approx(volume, rel=0.01)
    fine = _quiet(columns, shapes, 4 * size).reshape(size, 4, size, 4).mean((1, 3))
    assert np.abs(fine - quiet[0]).mean() < 0.001


def _quiet(columns: dict, shapes: dict, size: int) -> np.ndarray:
    return draw_tissue(columns["head_size"], columns["ventricle_volume"], shapes, size)[0]


def test_a_stretched_scan_reads_the_same() -> None:
    _, images = _drawn(20, 128)
    wide = images.reshape(20, 1, 64, 2, 128).mean(3)
    for measure, near in ((measure_head_size, 0.02), (measure_ventricle_volume, 1.5)):
        assert measure(wide) == pytest.approx(measure(images), abs=near)


def test_what_is_not_there_is_not_measured() -> None:
    for level in (0.0, 90.5, 255.0):
        empty = np.full((2, 1, 64, 64), level)
        assert np.isnan([measure_head_size(empty), measure_ventricle_volume(empty)]).all()


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (2, 64, 64), (2, 1, 0, 60)])
def test_what_cannot_be_measured(shape: tuple[int, ...]) -> None:
    for measure in (measure_head_size, measure_ventricle_volume):
        with pytest.raises(DataError, match=r"grey images of shape \(N, 1, H, W\)"):
            measure(np.zeros(shape))


@settings(max_examples=3, deadline=None)
@given(st.floats(140, 185), st.floats(5, 100), st.integers(0, 99))
def test_parts_of_a_head_hold_their_volumes(head: float, volume: float, seed: int) -> None:
    """Slices at many heights sum to the volumes of a sphere of the head's size, and of the ventricles."""
    shapes = draw_shapes(np.zeros(1, int), np.random.default_rng(seed))
    fine, layers = 96, np.arange(96) * 2.5 - 118.75
    slices = [draw_tissue(np.array([head]), np.array([ml]), shapes, fine, z) for ml in (volume, 1e-9) for z in layers]
    full, empty = np.stack(slices[:fine]), np.stack(slices[fine:])
    fluid = (empty - full).sum() / (anatomy.WHITE - anatomy.FLUID) * 2.5**3 / 1000
    assert fluid == pytest.approx(volume, rel=0.02)
    inside = empty > anatomy.RIM / 2  # pixels at the border of which the head covers most; all tissue is brighter
    assert inside.sum() * 2.5**3 / 1000 == pytest.approx(np.pi / 6 * head**3 / 1000, rel=0.02)


def test_measurements_of_volumes_return_what_was_drawn() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "head_size": rng.uniform(145, 178, 24),
        "ventricle_volume": rng.uniform(8, 90, 24),
        "scanner": np.arange(24) % 3,
    }
    volumes = render(columns, draw_shapes(np.arange(24), rng), size=32, volume=True) / 257
    assert volumes.shape == (24, 1, 32, 32, 32)
    error = measure_head_size(volumes) - columns["head_size"]
    assert np.abs(error).max() < 1.0
    share = measure_ventricle_volume(volumes) / columns["ventricle_volume"] - 1
    assert abs(share.mean()) < 0.02
    assert np.abs(share).max() < 0.15
    assert np.isnan(measure_ventricle_volume(np.zeros((2, 1, 32, 32, 32)))).all()


def test_another_age_changes_the_ventricles_of_a_volume_alone(tmp_path: Path) -> None:
    data = load("phantom", root=tmp_path, rows=100, volume=True)
    assert data.graph["image"].shape == data.values["image"].shape[1:] == (1, 32, 32, 32)
    rows = data.split["test"][:8]
    own, older = data.rows(rows), data.truth.counterfactual(rows, {"age": 100.0, "scanner": data.rows(rows)["scanner"]})
    changed = (own["image"] != older["image"]).float().mean((0, 1, 2))
    assert changed[:8].max() == changed[-8:].max() == 0  # front and back of every head
    found = measure_ventricle_volume(older["image"].numpy()) - measure_ventricle_volume(own["image"].numpy())
    assert found.mean() == pytest.approx(float((older["ventricle_volume"] - own["ventricle_volume"]).mean()), rel=0.03)


# -- the data set ----------------------------------------------------------------------------------------------------


def test_persons_have_several_scans_and_one_head(data: Dataset) -> None:
    frame = data.frame().assign(person=data.group.numpy())
    scans = frame.groupby("person").size()
    assert scans.max() == 4
    assert scans.mean() == pytest.approx(2.5, abs=0.25)
    by_person = frame.groupby("person")
    assert (by_person["sex"].nunique() == 1).all()
    assert (by_person["head_size"].nunique() == 1).all()
    gaps = by_person["age"].diff().dropna()
    assert gaps.between(1.499, 2.501).all()
    assert by_person["ventricle_volume"].std().median() < frame["ventricle_volume"].std() / 3


def test_sixteen_bits_are_loaded_as_they_were_drawn(data: Dataset) -> None:
    rows = data.split["test"]
    stored, levels = data.values["image"][rows], data.rows(rows)["image"]
    assert stored.dtype == torch.uint16
    assert len(np.unique(stored.numpy())) > 10_000
    assert torch.equal((levels * 257).round().to(torch.uint16), stored)
    assert torch.equal(data.whole("test")["image"], levels)


def test_effects_equal_their_formulas(data: Dataset) -> None:
    """The sexes have their mean of the cube of the head's size; ages set the rest."""
    rng = np.random.default_rng(5)
    noise = data.truth.draw_noise(400_000, rng)
    person = np.exp(0.18 * noise["ventricle_volume"] + 0.03 * noise["visit"])
    cube = ((np.where(noise["sex"] < 0.5, 156, 166) + 4 * noise["head_size"]) / 160) ** 3
    expected = 25 * (np.exp(0.4) - 1) * (person * cube).mean()
    assert data.truth.effect("age", "ventricle_volume", CONTRAST) == pytest.approx(expected, rel=0.003)
    assert data.truth.effect("sex", "head_size", ("F", "M")) == pytest.approx(10, abs=0.02)
    assert data.truth.effect("scanner", "ventricle_volume", ("A", "C")) == 0


def test_a_scanner_changes_neither_head_nor_ventricles(data: Dataset) -> None:
    rows = data.split["test"]
    volumes = [
        measure_ventricle_volume(data.truth.counterfactual(rows, {"scanner": scanner})["image"].numpy())
        for scanner in ("A", "C")
    ]
    np.testing.assert_allclose(volumes[0], volumes[1], atol=3)
    assert abs((volumes[0] - volumes[1]).mean()) < 0.3


def test_another_age_changes_the_ventricles_alone(data: Dataset) -> None:
    rows = data.split["test"]
    own, older = data.rows(rows), data.truth.counterfactual(rows, {"age": 100.0, "scanner": data.rows(rows)["scanner"]})
    images = own["image"].numpy(), older["image"].numpy()
    np.testing.assert_allclose(measure_head_size(images[0]), measure_head_size(images[1]), atol=0.2)
    wanted = older["ventricle_volume"] - own["ventricle_volume"]
    found = measure_ventricle_volume(images[1]) - measure_ventricle_volume(images[0])
    assert found.mean() == pytest.approx(float(wanted.mean()), rel=0.01)


def test_intervals_cover_the_true_effect_in_18_of_20_tables(data: Dataset) -> None:
    """Of 600 scans of persons with several each; intervals count persons."""
    truth, covered = data.truth.effect("age", "ventricle_volume", CONTRAST), 0
    for seed in range(20):
        noise, person = draw_visits(600, np.random.default_rng([0, seed]))
        report = estimate_effect(
            data.graph,
            labelled_table(data.graph, attributes(noise)).assign(person=person),
            treatment="age",
            outcome="ventricle_volume",
            contrast=CONTRAST,
            cluster="person",
            methods=["g-computation"],
            refute=False,
        )
        found = report["g-computation"]
        covered += found.low <= truth <= found.high
    assert covered >= 18


TAGS = ("PatientAge", "PatientSex", "PatientID", "StationName")
SCANS = "sex -> {age, scan}; age -> {scanner, scan}; scanner -> scan"
VARIABLES = {
    "age": {"column": "PatientAge"},
    "sex": {"column": "PatientSex"},
    "scanner": {"column": "StationName"},
    "scan": {"column": "image", "window": (0, 65_535), "bits": 16},
}


def test_dicom_files_hold_the_scans_and_their_persons(tmp_path: Path) -> None:
    made = load("phantom", root=tmp_path, rows=120)
    write_dicom(tmp_path / "scans", made)
    read = load_table(tmp_path / "scans", SCANS, tags=TAGS, group="PatientID", variables=VARIABLES, root=tmp_path)
    rows, own, frame = list(range(120)), made.frame(), read.frame()
    assert torch.equal(read.rows(rows)["scan"], made.rows(rows)["image"])
    assert (frame["age"] == np.floor(own["age"])).all()
    assert (frame[["sex", "scanner"]] == own[["sex", "scanner"]]).all(axis=None)
    assert torch.equal(read.group, made.group)
    persons = [set(read.groups(rows).tolist()) for rows in read.split.values()]
    assert sum(map(len, persons)) == len(set.union(*persons)) == len(set(made.group.tolist()))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".dcm")
    assert b"Nobody" not in kept


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        ({"image": 0}, DataError, "got 'image'"),
        ({"agee": 3}, UnknownNameError, "Did you mean 'age'"),
        ({"age": 300.0}, SupportError, "age"),
        ({"head_size": float("nan")}, MissingValueError, "head_size"),
        ({"scanner": "D"}, DataError, "scanner"),
        ({"age": [50.0, 60.0]}, DataError, "age"),
    ],
)
def test_interventions_that_the_generator_cannot_answer(data: Dataset, do, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data.truth.counterfactual(torch.arange(3), do)


def test_an_image_alone_has_no_oracle(data: Dataset) -> None:
    with pytest.raises(DataError, match="use `counterfactual`"):
        data.truth.remorph(data.rows([1])["image"], {"ventricle_volume": torch.tensor(30.0)})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 32}, DataError, "64, 96, 128 pixels"),
        ({"size": 64, "volume": True}, DataError, "32 pixels for volumes of phantom"),
        ({"rows": 0}, DataError, "at least 100 rows of phantom"),
        ({"rows": 5}, DataError, "at least 100 rows of phantom"),
        ({"seed": -1}, DataError, "seed of 0 or more"),
        ({"variant": "hidden"}, UnknownNameError, "options of phantom among"),
    ],
)
def test_what_cannot_be_loaded(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load("phantom", **options)
