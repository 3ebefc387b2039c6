"""MorphoMNIST from made files, and, where they are at hand, from the real ones."""

import dataclasses
import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from causalgen.datasets import Dataset, Truth, load
from causalgen.datasets.morphodigits.handwriting import base_digits, trace
from causalgen.datasets.morphomnist import files, released_counterfactuals
from causalgen.datasets.morphomnist import load as module
from causalgen.datasets.morphomnist.equations import attributes, draw_noise
from causalgen.datasets.morphomnist.process import draw
from causalgen.datasets.resources import card
from causalgen.errors import DataError, SupportError, UnknownNameError
from causalgen.morphology import grey_levels, measure, measure_hue

TRAIN, ROWS = 36, 42
"""Of the made files; six sevenths, as in MNIST."""


def _write_idx(path: Path, array: NDArray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0))


def _pinned(files_: files.FileSet, folder: Path) -> files.FileSet:
    """The same files with the checksums of what is in `folder`."""
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files_.files}
    return dataclasses.replace(files_, files=found, mirrors=())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with mnist/ and morphomnist/ of a few digits, the latter drawn by the process itself."""
    folder = tmp_path_factory.mktemp("data")
    sources, labels = base_digits()
    digits, labels = np.stack([trace(image) for image in sources[:ROWS]]), labels[:ROWS]
    values = attributes(draw_noise(ROWS, np.random.default_rng(7)))
    thickness, intensity = values["thickness"].astype(np.float32), values["intensity"].astype(np.float32)
    drawn = draw(digits, thickness, intensity)
    for name, images in (("mnist", digits), ("morphomnist", drawn)):
        (folder / name).mkdir()
        for part, rows in (("train", slice(TRAIN)), ("t10k", slice(TRAIN, ROWS))):
            _write_idx(folder / name / f"{part}-images-idx3-ubyte.gz", images[rows])
            _write_idx(folder / name / f"{part}-labels-idx1-ubyte.gz", labels[rows])
            if name == "morphomnist":
                lines = [f"{k},{t},{i}" for k, (t, i) in enumerate(zip(thickness[rows], intensity[rows]))]
                text = "\n".join(["index,thickness,intensity", *lines])
                (folder / name / f"{part}-morpho.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Point the loader to the made files, unless the test wants the real ones."""
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    if "real_data" in request.fixturenames:
        return
    made = request.getfixturevalue("made")
    monkeypatch.setenv("CAUSALGEN_DATA", str(made))
    monkeypatch.setattr(module, "TRAIN", TRAIN)
    monkeypatch.setattr(module, "ROWS", ROWS)
    monkeypatch.setattr(module, "MNIST", _pinned(files.MNIST, made / "mnist"))
    monkeypatch.setattr(module, "RELEASED", _pinned(files.RELEASED, made / "morphomnist"))


@pytest.fixture
def data() -> Dataset:
    return load("morphomnist", rows=ROWS)


@pytest.fixture
def colour() -> Dataset:
    return load("morphomnist", rows=ROWS, colour=True)


def test_columns_splits_and_groups(data: Dataset) -> None:
    assert data.graph.parents("image") == ("thickness", "intensity", "digit")
    assert data.graph.parents("intensity") == ("thickness",)
    assert isinstance(data.truth, Truth)
    assert {name: len(rows) for name, rows in data.split.items()} == {"train": 32, "validation": 4, "test": 6}
    assert data.split["test"].tolist() == list(range(TRAIN, ROWS))
    assert data.group.tolist() == list(range(ROWS))
    assert data.values["image"].shape == (ROWS, 1, 28, 28)
    assert "CC BY-SA 3.0" in data.source
    assert "CC BY-SA 3.0" in card("morphomnist")


def test_fewer_rows_are_the_first_of_either_part(data: Dataset) -> None:
    few = load("morphomnist", rows=21)
    assert few.group.tolist() == [*range(18), *range(TRAIN, TRAIN + 3)]
    for name in data.graph.nodes:
        assert torch.equal(few.values[name], data.values[name][few.group])
    rows = few.split["test"][:3]
    world = few.truth.counterfactual(rows, {"thickness": 3.0})
    assert torch.equal(world["image"], data.truth.counterfactual(few.group[rows], {"thickness": 3.0})["image"])


def test_no_intervention_gives_the_rows_bitwise(data: Dataset, colour: Dataset) -> None:
    for table in (data, colour):
        rows = table.split["test"]
        for name in (None, *table.graph.nodes[:-1]):
            world = table.truth.counterfactual(rows, {} if name is None else {name: table.values[name][rows]})
            assert all(torch.equal(world[node], table.values[node][rows]) for node in table.graph.nodes)


def test_counterfactuals_follow_the_equations_under_the_same_noise(data: Dataset) -> None:
    rows, width = torch.tensor([3, 17, 40]), torch.tensor([1.5, 3.0, 4.0])
    factual, world = data.rows(rows), data.truth.counterfactual(rows, {"thickness": width})
    score = torch.logit((factual["intensity"] - 64) / 191) + 2 * (width - factual["thickness"])
    torch.testing.assert_close(world["intensity"], 64 + 191 * torch.sigmoid(score), rtol=1e-4, atol=1e-2)
    assert torch.equal(world["thickness"], width)
    assert torch.equal(world["digit"], factual["digit"])
    bright = data.truth.counterfactual(rows, {"intensity": 200})
    assert torch.equal(bright["thickness"], factual["thickness"])
    assert np.abs(measure(bright["image"][:, 0].numpy())["intensity"] - 200).max() <= 2
    fields = ("thickness", "intensity", "digit")
    named = data.truth.attributes(rows, {"thickness": width})
    assert all(torch.equal(named[name], world[name]) for name in fields)


def test_the_oracle_repeats_the_process_on_the_factual_image(data: Dataset) -> None:
    rows = data.split["test"]
    factual, true = data.values["image"][rows], data.truth.counterfactual(rows, {"thickness": 3.5})
    redrawn = data.truth.remorph(factual, {name: true[name] for name in data.truth.remorphs})
    identity, oracle = ((image.float() - true["image"].float()).abs().mean().item() for image in (factual, redrawn))
    assert (redrawn.shape, redrawn.dtype) == (factual.shape, torch.uint8)
    assert oracle < 0.4 * identity
    dim = data.truth.remorph(factual, {"intensity": 90.0})
    assert np.abs(measure(dim[:, 0].numpy())["intensity"] - 90).max() <= 2
    with pytest.raises(UnknownNameError, match="thickness, intensity to redraw images with; got 'hue'"):
        data.truth.remorph(factual, {"hue": 90.0})


def test_colour_follows_its_equation_and_loses_nothing(data: Dataset, colour: Dataset) -> None:
    assert colour.graph.parents("hue") == ("thickness", "intensity")
    images, hue = colour.values["image"], colour.values["hue"]
    assert images.shape == (ROWS, 3, 28, 28)
    assert np.array_equal(grey_levels(images.numpy()), data.values["image"][:, 0].numpy())
    error = np.abs(measure_hue(images.numpy()) - hue.numpy())
    assert error.mean() < 0.1
    rows = torch.arange(20)
    before, world = colour.rows(rows), colour.truth.counterfactual(rows, {"intensity": 120.0})
    score = torch.logit((before["hue"] - 20) / 260) + 0.01 * (120 - before["intensity"])
    torch.testing.assert_close(world["hue"], 20 + 260 * torch.sigmoid(score), rtol=1e-3, atol=1e-2)
    painted = colour.truth.counterfactual(rows, {"hue": 60})["image"]
    assert torch.equal(painted[:, 0], painted[:, 1])
    assert not painted[:, 2].any()
    assert torch.equal(painted[:, 0], before["image"].amax(1))
    assert torch.equal(colour.truth.remorph(before["image"], {"hue": 60.0})[:, 2], painted[:, 2])
    bold = colour.truth.remorph(before["image"], {"thickness": 4.0})
    np.testing.assert_allclose(measure_hue(bold.numpy()), before["hue"].numpy(), atol=1)


def _mean(thickness: float) -> float:
    """E[intensity | do(thickness)] by quadrature over the normal noise."""
    noise, weight = np.polynomial.hermite_e.hermegauss(40)
    return float(64 + 191 * expit(2 * thickness - 5 + 0.5 * noise) @ weight / np.sqrt(2 * np.pi))


def test_effects_equal_quadrature(data: Dataset, colour: Dataset) -> None:
    truth = data.truth
    assert truth.effect("thickness", "intensity", (2, 3)) == pytest.approx(_mean(3) - _mean(2), abs=0.05)
    assert truth.effect("intensity", "thickness", (100, 200)) == 0
    assert truth.effect("digit", "intensity", (1, 7)) == 0
    e, weight = np.polynomial.hermite_e.hermegauss(30)
    g = np.linspace(0, 8, 801)
    density = stats.gamma(10, scale=1 / 5).pdf(g) * (g[1] - g[0])

    def hue(intensity: float) -> float:
        score = 0.8 * (0.5 + g[:, None] - 2.5) + 0.01 * (intensity - 158) + 0.5 * e
        return float(density @ (20 + 260 * expit(score)) @ weight / np.sqrt(2 * np.pi))

    assert colour.truth.effect("intensity", "hue", (100, 200)) == pytest.approx(hue(200) - hue(100), abs=0.1)
    for treatment, outcome in (("image", "intensity"), ("thickness", "digit")):
        with pytest.raises(DataError, match="attributes with a mean"):
            truth.effect(treatment, outcome, (1, 2))


def test_fresh_tables_are_seeded_and_follow_the_release(data: Dataset, colour: Dataset) -> None:
    table = data.truth.table(40_000, seed=5)
    assert list(table) == ["thickness", "intensity", "digit"]
    assert list(colour.truth.table(10, seed=5)) == ["thickness", "intensity", "hue", "digit"]
    assert table["thickness"].mean() == pytest.approx(2.5, abs=0.02)
    assert table["intensity"].std() == pytest.approx(48.4, abs=0.8)
    assert table["thickness"].corr(table["intensity"]) == pytest.approx(0.908, abs=0.005)
    assert table.equals(data.truth.table(40_000, seed=5))
    assert not table.equals(data.truth.table(40_000, seed=6))


def test_generated_images_are_kept_and_another_seed_is_another_table(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    first = load("morphomnist", source="generated", rows=21, seed=3, progress=lambda *done: seen.append(done))
    assert seen[-1] == (21, 21)
    other = load("morphomnist", source="generated", rows=21, seed=4)
    assert not torch.equal(other.values["thickness"], first.values["thickness"])
    measured = measure(first.values["image"][:, 0].numpy())
    assert np.abs(measured["intensity"] - first.values["intensity"].numpy()).mean() < 1
    assert np.abs(measured["thickness"] - first.values["thickness"].numpy()).mean() < 0.3
    monkeypatch.setattr(module, "draw", lambda *_, **__: pytest.fail("generated again"))
    again = load("morphomnist", source="generated", rows=21, seed=3)
    assert all(torch.equal(again.values[name], first.values[name]) for name in first.graph.nodes)


def test_rows_do_not_depend_on_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", lambda digits, *_, **__: digits)
    few, many = (load("morphomnist", source="generated", rows=rows) for rows in (21, ROWS))
    assert all(torch.equal(few.values[name], many.values[name][few.group]) for name in few.graph.nodes)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"source": "release"}, UnknownNameError, "Did you mean 'released'"),
        ({"rows": 5}, DataError, "20 to 42 rows"),
        ({"rows": ROWS, "seed": -1}, DataError, "seed of 0 or more"),
        ({"color": True}, UnknownNameError, "Did you mean 'colour'"),
    ],
)
def test_options_that_do_not_exist(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load("morphomnist", **options)


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        ({"image": 0}, DataError, "got 'image'"),
        ({"digit": torch.tensor([3, 3, 3])}, DataError, "own digits.*ask about thickness, intensity"),
        ({"thickness": 12.0}, SupportError, "thickness"),
        ({"thicknes": 3}, UnknownNameError, "Did you mean 'thickness'"),
    ],
)
def test_interventions_that_the_generator_cannot_answer(data: Dataset, do, error, message: str) -> None:
    with pytest.raises(error, match=message):
        data.truth.counterfactual(torch.arange(3), do)


def test_a_changed_file_is_refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "data" / "morphomnist"
    copy.mkdir(parents=True)
    for file in (made / "morphomnist").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    with (copy / "t10k-morpho.csv").open("a") as file:
        file.write("\n")
    monkeypatch.setenv("CAUSALGEN_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"t10k-morpho\.csv with sha256 [0-9a-f]{64}; got [0-9a-f]{64}\. Replace"):
        load("morphomnist", rows=ROWS)


def test_without_files_one_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUSALGEN_DATA")
    with pytest.raises(DataError) as refused:
        load("morphomnist", rows=ROWS)
    message = str(refused.value)
    for part in ("train-images-idx3-ubyte.gz", str(tmp_path / "cache" / "morphomnist"), "CAUSALGEN_DATA (not set)"):
        assert part in message
    assert message.endswith("Or make them from the MNIST files with source='generated'.")
    with pytest.raises(DataError, match=r"Set CAUSALGEN_DATA to a folder that holds mnist/"):
        load("morphomnist", source="generated", rows=ROWS)
    with pytest.raises(DataError, match="t10k_first1000_truth"):
        released_counterfactuals()


def test_attributes_need_no_handwriting(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUSALGEN_DATA")
    rows = torch.arange(3)
    assert data.truth.attributes(rows, {"thickness": 3.0})["thickness"].tolist() == [3, 3, 3]
    with pytest.raises(DataError, match="holds mnist/"):
        data.truth.counterfactual(rows, {"thickness": 3.0})


@pytest.fixture
def server(made: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=made)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_files_are_downloaded_from_the_first_mirror_that_has_them(
    server: str, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAUSALGEN_DATA")
    mirrors = (f"{server}nothing-here/", f"{server}morphomnist/")
    monkeypatch.setattr(module, "RELEASED", dataclasses.replace(module.RELEASED, mirrors=mirrors))
    fetched = load("morphomnist", rows=ROWS)
    assert torch.equal(fetched.values["image"], data.values["image"])
    assert sorted(file.name for file in (tmp_path / "cache" / "morphomnist").iterdir()) == sorted(files.RELEASED.files)
    monkeypatch.setattr(module, "RELEASED", dataclasses.replace(module.RELEASED, mirrors=()))
    assert len(load("morphomnist", rows=ROWS)) == ROWS  # from the cache folder now


def test_a_download_of_other_content_is_refused(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAUSALGEN_DATA")
    mirrors = (f"{server}morphomnist/",)
    monkeypatch.setattr(module, "RELEASED", dataclasses.replace(files.RELEASED, mirrors=mirrors))
    with pytest.raises(DataError, match=r"failed: .*hash"):
        load("morphomnist", rows=ROWS)
    assert not any((tmp_path / "cache" / "morphomnist").glob("*.gz"))


def test_files_that_are_no_idx_files_are_named(tmp_path: Path) -> None:
    for content in (b"", b"not gzipped", gzip.compress(b"\0\0\x08"), gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc")):
        (tmp_path / "file.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"idx file in .*file\.gz"):
            files.read_idx(tmp_path / "file.gz")


def test_images_without_ink_are_named() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 5:20, 12:15] = 200
    with pytest.raises(DataError, match="Image 1: Expected an image with ink"):
        draw(images, np.array([2.0, 2.0]), None)


def test_company_changes_no_image(made: Path) -> None:
    digits = files.read_idx(made / "mnist" / "train-images-idx3-ubyte.gz")[:30]
    thickness, intensity = np.linspace(1, 5, 30), np.full(30, 150.0)
    together = draw(digits, thickness, intensity)
    alone = [draw(digits[k : k + 1], thickness[k : k + 1], intensity[k : k + 1])[0] for k in range(0, 30, 7)]
    assert np.array_equal(together[::7], alone)


def _difference(drawn: NDArray, released: NDArray) -> tuple[float, float]:
    """Mean absolute difference per pixel, and the share of identical images."""
    difference = np.abs(drawn.astype(int) - released)
    return difference.mean(), (difference.max((1, 2)) == 0).mean()


def test_the_generator_makes_the_released_images_bit_for_bit(real_data: Path) -> None:
    data = load("morphomnist")
    rows = torch.cat([torch.arange(0, 60_000, 1_200), data.split["test"][:50]])
    digits = data.truth.handwriting()[data.group[rows]]  # type: ignore[union-attr]
    drawn = draw(digits, *(data.values[name][rows].numpy() for name in ("thickness", "intensity")))
    assert _difference(drawn, data.values["image"][rows, 0].numpy()) == (0, 1)


def test_the_truth_is_the_released_one(real_data: Path) -> None:
    data, released, count = load("morphomnist"), released_counterfactuals(), 40
    rows = data.split["test"][:count]
    thickness, intensity = (torch.from_numpy(released[name][:count]) for name in ("do_thickness", "do_intensity"))
    moved = data.truth.counterfactual(rows, {"thickness": thickness})
    np.testing.assert_allclose(moved["intensity"], released["intensity_after_do_thickness"][:count], atol=1e-3)
    kept = {"thickness": thickness, "intensity": data.values["intensity"][rows].double()}
    worlds = {
        "x_do_thickness": moved,
        "x_do_intensity": data.truth.counterfactual(rows, {"intensity": intensity}),
        "x_do_thickness_keep_intensity": data.truth.counterfactual(rows, kept),
    }
    for name, world in worlds.items():
        assert _difference(world["image"][:, 0].numpy(), released[name][:count]) == (0, 1)


def test_the_released_set_is_as_its_card_says(real_data: Path) -> None:
    data = load("morphomnist")
    table = data.frame("train").join(data.frame("validation"), how="outer", rsuffix="_")
    assert len(table) == 60_000
    thickness, intensity = (data.values[name][:60_000] for name in ("thickness", "intensity"))
    assert thickness.mean().item() == pytest.approx(2.503, abs=0.001)
    assert intensity.mean().item() == pytest.approx(158.02, abs=0.01)
    assert np.corrcoef(thickness, intensity)[0, 1] == pytest.approx(0.908, abs=0.001)
    measured = measure(data.part("test")["image"][:1_000, 0].numpy(), ("thickness",))["thickness"]
    error = measured - data.part("test")["thickness"][:1_000].numpy()
    assert np.abs(error).mean() == pytest.approx(0.102, abs=0.003)
    assert error.mean() == pytest.approx(-0.040, abs=0.003)
    assert torch.bincount(data.part("test")["digit"]).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
