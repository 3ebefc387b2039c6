"""The data set is the one its equations describe, and its truth is the truth."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import expit

from causalgen.datasets import Dataset, Truth, load
from causalgen.errors import DataError, MissingValueError, SupportError, UnknownNameError
from causalgen.morphology import measure

ROWS = 600


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return load("morphodigits", root=root, rows=ROWS)


def test_columns_fit_the_graph(data: Dataset) -> None:
    assert data.graph.parents("image") == ("thickness", "intensity", "digit")
    assert data.graph.parents("intensity") == ("hurry", "pen", "thickness")
    train = data.part("train")
    assert train["image"].shape == (420, 1, 28, 28)
    assert train["image"].dtype == torch.uint8
    assert train["pen"].dtype == train["digit"].dtype == torch.int64
    assert train["hurry"].dtype == train["thickness"].dtype == torch.float32
    assert isinstance(data.truth, Truth)


def test_no_handwriting_is_in_two_splits(data: Dataset) -> None:
    groups = [set(data.group[rows].tolist()) for rows in data.split.values()]
    assert [len(rows) for rows in data.split.values()] == [420, 60, 120]
    assert len(set.union(*groups)) == sum(map(len, groups))
    assert set(data.part("test")["digit"].tolist()) == set(range(10))


def test_the_table_shows_labels_and_row_numbers(data: Dataset) -> None:
    table = data.frame("test")
    assert list(table.columns) == ["hurry", "pen", "thickness", "intensity", "digit"]
    assert set(table["pen"]) == {"ballpoint", "felt-tip"}
    assert table.index.tolist() == data.split["test"].tolist()
    assert len(data.frame()) == len(data) == ROWS


def test_images_measure_as_assigned_and_stay_inside_the_canvas(data: Dataset) -> None:
    images = data.values["image"][:, 0].numpy()
    measured = measure(images)
    assert np.abs(measured["thickness"] - data.values["thickness"].numpy()).mean() < 0.03
    assert np.abs(measured["intensity"] - data.values["intensity"].numpy()).mean() < 0.6
    border = np.concatenate([images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()])
    assert border.max() == 0


def test_no_intervention_gives_the_rows_bitwise(data: Dataset) -> None:
    rows = data.split["test"][:50]
    for do in ({}, {"digit": data.values["digit"][rows]}):
        world = data.truth.counterfactual(rows, do)
        assert all(torch.equal(world[name], data.values[name][rows]) for name in data.graph.nodes)


def test_counterfactuals_follow_the_equations_under_the_same_noise(data: Dataset) -> None:
    rows = torch.tensor([3, 17, 250, 599])
    factual = data.rows(rows)
    world = data.truth.counterfactual(rows, {"pen": "felt-tip"})
    change = 1.3 * (1 - factual["pen"])
    assert torch.equal(world["hurry"], factual["hurry"])
    assert torch.equal(world["digit"], factual["digit"])
    torch.testing.assert_close(world["thickness"], factual["thickness"] + change)
    score = torch.logit((factual["intensity"] - 64) / 191) + 0.6 * change + 0.7 * (1 - factual["pen"])
    torch.testing.assert_close(world["intensity"], 64 + 191 * torch.sigmoid(score), rtol=1e-4, atol=1e-3)


def test_later_interventions_cut_earlier_ones(data: Dataset) -> None:
    rows, width = torch.arange(20), torch.linspace(2, 4, 20)
    both = data.truth.counterfactual(rows, {"hurry": 0.9, "pen": torch.ones(20, dtype=torch.int64), "thickness": width})
    assert torch.equal(both["thickness"], width)
    assert both["pen"].tolist() == [1] * 20
    bright = data.truth.counterfactual(rows, {"intensity": 200})
    assert (bright["intensity"] == 200).all()
    assert torch.equal(bright["thickness"], data.values["thickness"][rows])
    measured = measure(bright["image"][:, 0].numpy())
    assert np.abs(measured["intensity"] - 200).max() <= 1


def test_hurry_moves_the_pen_by_its_own_draw(data: Dataset) -> None:
    rows = torch.arange(250)
    slow, fast = (data.truth.counterfactual(rows, {"hurry": h})["pen"] for h in (0.05, 0.95))
    assert (slow >= fast).all()
    assert slow.float().mean() == pytest.approx(expit(1.8), abs=0.08)


def test_the_oracle_redraws_the_factual_image(data: Dataset) -> None:
    rows = data.split["test"]
    factual = data.values["image"][rows]
    true = data.truth.counterfactual(rows, {"thickness": 3.0})
    redrawn = data.truth.remorph(factual, {name: true[name] for name in data.truth.remorphs})
    unchanged = data.truth.remorph(factual, {name: data.values[name][rows] for name in data.truth.remorphs})
    identity, oracle, null = (
        (image.float() - goal.float()).abs().mean()
        for image, goal in ((factual, true["image"]), (redrawn, true["image"]), (unchanged, factual))
    )
    assert (redrawn.shape, redrawn.dtype) == (factual.shape, torch.uint8)
    assert oracle < 0.3 * identity
    assert null < 0.05 * identity


def test_the_oracle_says_what_it_cannot_set(data: Dataset) -> None:
    image = data.values["image"][:3]
    bold = data.truth.remorph(image, {"thickness": 4.0})
    assert torch.equal(bold, data.truth.remorph(image, {"thickness": torch.full((3,), 4.0)}))
    with pytest.raises(UnknownNameError, match="Did you mean 'thickness'"):
        data.truth.remorph(image, {"thicknes": 4.0})
    with pytest.raises(DataError, match="one thickness or 3"):
        data.truth.remorph(image, {"thickness": torch.ones(2)})


def _mean_intensity(pen: int, thickness: float | None = None) -> float:
    """E[intensity | do(pen)] or E[intensity | do(pen, thickness)] by quadrature over hurry, gamma and normal noise."""
    hurry, g = np.polynomial.legendre.leggauss(40), np.polynomial.legendre.leggauss(80)
    e, weight_e = np.polynomial.hermite_e.hermegauss(20)
    h = (hurry[0] + 1) / 2
    weight_h = hurry[1] / 2 * stats.beta(2, 2).pdf(h)
    x = (g[0] + 1) / 2 * 6
    weight_x = g[1] / 2 * 6 * stats.gamma(4, scale=1 / 5).pdf(x)
    h, x, e = np.meshgrid(h, x, e, indexing="ij")
    t = 1.5 + 1.3 * pen - 0.5 * h + x if thickness is None else thickness
    value = 64 + 191 * expit(-0.2 + 0.6 * (t - 2.5) + 0.7 * pen - 2 * (h - 0.5) + 0.4 * e)
    return float(np.einsum("ijk,i,j,k", value, weight_h, weight_x, weight_e / np.sqrt(2 * np.pi)))


def test_effects_equal_quadrature(data: Dataset) -> None:
    by_pen = _mean_intensity(1) - _mean_intensity(0)
    assert data.truth.effect("pen", "intensity", ("ballpoint", "felt-tip")) == pytest.approx(by_pen, abs=0.1)
    assert by_pen == pytest.approx(60.8, abs=0.1)

    def under(thickness: float) -> float:  # pen keeps its distribution given hurry
        def at(h: float) -> float:
            felt_tip = expit(2 - 4 * h)
            score = -0.2 + 0.6 * (thickness - 2.5) - 2 * (h - 0.5)
            noise = np.linspace(-5, 5, 201)
            density = stats.norm.pdf(noise) * (noise[1] - noise[0])
            means = [float(density @ expit(score + 0.7 * pen + 0.4 * noise)) for pen in (0, 1)]
            return stats.beta(2, 2).pdf(h) * ((1 - felt_tip) * means[0] + felt_tip * means[1])

        return 64 + 191 * integrate.quad(at, 0, 1)[0]

    by_thickness = under(3) - under(2)
    assert data.truth.effect("thickness", "intensity", (2, 3)) == pytest.approx(by_thickness, abs=0.1)
    assert by_thickness == pytest.approx(24.9, abs=0.1)


def test_effects_on_causes_are_zero(data: Dataset) -> None:
    assert data.truth.effect("intensity", "thickness", (100, 200)) == 0
    assert data.truth.effect("digit", "intensity", (1, 7)) == 0
    assert data.truth.effect("pen", "thickness", ("ballpoint", "felt-tip")) == pytest.approx(1.3)


def test_fresh_tables_are_confounded_and_seeded(data: Dataset) -> None:
    table = data.truth.table(40_000, seed=5)
    means = table.groupby("pen")["intensity"].mean()
    assert means["felt-tip"] - means["ballpoint"] == pytest.approx(76.6, abs=1.0)
    assert table.equals(data.truth.table(40_000, seed=5))
    assert not table.equals(data.truth.table(40_000, seed=6))


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        ({"image": 0}, DataError, "got 'image'"),
        ({"digit": 3}, DataError, "rows' own digits"),
        ({"thicknes": 3}, UnknownNameError, "Did you mean 'thickness'"),
        ({"thickness": 12.0}, SupportError, "thickness"),
        ({"hurry": float("nan")}, MissingValueError, "hurry"),
        ({"pen": "fountain"}, DataError, "pen"),
        ({"thickness": [2.0, 3.0]}, DataError, "thickness"),
    ],
)
def test_interventions_that_the_generator_cannot_answer(data: Dataset, do, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data.truth.counterfactual(torch.arange(3), do)


def test_effects_need_a_mean(data: Dataset) -> None:
    with pytest.raises(DataError, match="'pen' on 'image'"):
        data.truth.effect("pen", "image", ("ballpoint", "felt-tip"))


def test_a_second_load_reads_the_cache(data: Dataset, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.datasets.morphodigits.generate._generate", lambda *_: pytest.fail("generated again"))
    again = load("morphodigits", root=root, rows=ROWS)
    assert all(torch.equal(again.values[name], data.values[name]) for name in data.graph.nodes)


def test_a_damaged_cache_is_made_anew_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = load("morphodigits", root=tmp_path, rows=100)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    for damaged in (bytes(content), b"", b"not an archive"):
        file.write_bytes(damaged)
        with caplog.at_level(logging.WARNING):
            second = load("morphodigits", root=tmp_path, rows=100)
        assert "damaged" in caplog.text
        assert torch.equal(first.values["image"], second.values["image"])
        assert list(tmp_path.iterdir()) == [file]
        caplog.clear()


def test_a_cache_that_cannot_be_written_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        data = load("morphodigits", root=tmp_path / "file", rows=100, seed=7)
    assert "CAUSALGEN_CACHE" in caplog.text
    assert len(data) == 100


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "here"))
    load("morphodigits", rows=100)
    assert len(list((tmp_path / "here").iterdir())) == 1


def test_another_seed_is_another_table(data: Dataset, root: Path) -> None:
    other = load("morphodigits", root=root, rows=100, seed=3)
    assert not torch.equal(other.values["thickness"], data.values["thickness"][:100])


def test_a_planted_bias_selects_training_rows_and_no_test_row(data: Dataset, root: Path) -> None:
    biased = load("morphodigits", root=root, rows=ROWS, planted_bias=8.0)
    assert torch.equal(biased.split["test"], data.split["test"])
    for name in ("train", "validation"):
        assert set(biased.split[name].tolist()) < set(data.split[name].tolist())
    for other, sign in ((biased, 1), (load("morphodigits", root=root, rows=ROWS, planted_bias=-8.0), -1)):
        part = other.part("train")
        large = (part["digit"] >= 5).float()
        assert sign * float(torch.corrcoef(torch.stack([part["thickness"], large]))[0, 1]) > 0.7
        assert 0.35 < len(large) / len(data.split["train"]) < 0.65
        assert 0.3 < float(large.mean()) < 0.7
    rows = biased.split["train"][:3]
    assert torch.equal(biased.truth.counterfactual(rows, {})["image"], biased.rows(rows)["image"])


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("morphodigit", {}, UnknownNameError),
        ("morphodigits", {"rows": 5}, DataError),
        ("morphodigits", {"planted_bias": float("nan")}, DataError),
    ],
)
def test_what_cannot_be_loaded(name: str, options: dict, error: type[Exception]) -> None:
    with pytest.raises(error, match="morphodigits"):
        load(name, **options)
