"""An image from outside as a unit: what has to be given, what may be left out, and in which units pixels arrive."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from causalgen.datasets.table.pixels import Rendering
from causalgen.errors import DataError, MissingValueError
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel
from causalgen.studies.outside import outside_unit, read_paths
from causalgen.studies.restoring import read_mask

GRAPH = CausalGraph(
    "age -> size -> scan; age -> income; scan -> score; site -> {scan, photo}",
    [
        Variable("age", "continuous", unit="years", support=(0, 120)),
        Variable("size", "continuous"),
        Variable("income", "continuous"),
        Variable("score", "continuous"),
        Variable("site", "categorical", labels=("Oslo", "Rome", "Kyiv")),
        Variable("scan", "image", shape=(1, 8, 6), support=(-1, 1)),
        Variable("photo", "image", shape=(3, 8, 6)),
    ],
)
MECHANISMS = {
    name: {"mechanism": "conv-vae", "latent": 2, "local": 1, "width": 4, "blocks": 1} for name in ("scan", "photo")
}


@pytest.fixture(scope="module")
def scm() -> StructuralCausalModel:
    """Fitted to noise: mechanisms with scalers, untrained."""
    torch.manual_seed(0)
    n = 60
    model = StructuralCausalModel(GRAPH, MECHANISMS)
    values = {name: torch.randn(n) for name in ("size", "income", "score")}
    values |= {"age": torch.rand(n) * 100, "site": torch.randint(0, 3, (n,))}
    model.initialize(values | {"scan": torch.rand(n, 1, 8, 6) * 2 - 1, "photo": torch.rand(n, 3, 8, 6) * 255})
    model.declare_fitted()
    return model


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(8, 6) * 5).save(path)
    return path


def test_what_the_image_does_not_depend_on_may_be_left_out(scm: StructuralCausalModel, scan: Path) -> None:
    values = {"age": 40.0, "size": 1.0, "site": "Rome"}
    unit = outside_unit(scm, {"scan": scan}, values, asked={"size"})
    assert set(unit.factual) == {"age", "size", "site", "scan"} == set(unit.scm.graph.nodes)
    assert unit.notes[0].startswith("Left out, since the image does not depend on it: ")
    assert all(name in unit.notes[0] for name in ("income", "photo", "score"))
    asked = outside_unit(scm, {"scan": scan}, values, asked={"size", "income"})
    assert "income" in asked.scm.graph
    assert "income" not in asked.factual  # to be inferred


def test_pixels_arrive_in_the_support_of_their_variable(scm: StructuralCausalModel, scan: Path) -> None:
    unit = outside_unit(scm, {"scan": scan}, {"age": 40.0, "size": 1.0, "site": "Rome"}, asked=())
    assert unit.factual["scan"].flatten()[:3].tolist() == pytest.approx([-1.0, -1 + 10 / 255, -1 + 20 / 255])
    whole = unit.scm.counterfactual(unit.factual, {})
    assert torch.equal(whole["scan"], unit.factual["scan"])


def test_the_part_answers_as_the_whole_model_does(scm: StructuralCausalModel, scan: Path) -> None:
    values = {"age": 40.0, "size": 1.0, "site": "Rome", "income": 3.0}
    unit = outside_unit(scm, {"scan": scan}, values, asked={"age"})
    rest = {"score": torch.zeros(1), "photo": torch.zeros(1, 3, 8, 6)}
    whole = scm.counterfactual({**unit.factual, **rest}, {"age": 60.0}, seed=0)
    part = unit.scm.counterfactual(unit.factual, {"age": 60.0}, seed=0)
    for name in ("age", "size", "income", "scan"):
        torch.testing.assert_close(part[name], whole[name])


def test_what_cannot_be_inferred_is_listed_with_what_it_can_be(scan: Path) -> None:
    """A GAN has no likelihood, so that nothing can be inferred from its image."""
    model = StructuralCausalModel(GRAPH, {"scan": "gan", "photo": "gan"}).declare_fitted()
    with pytest.raises(MissingValueError) as refused:
        outside_unit(model, {"scan": scan}, {}, asked=())
    text = str(refused.value)
    assert "GAN has no likelihood" in text
    assert "--set age=(years, 0 to 120)" in text
    assert "--set size=(a number)" in text
    assert "--set site=Oslo|Rome|Kyiv" in text
    assert "income" not in text


def test_measurements_need_the_image_that_they_read(scm: StructuralCausalModel, tmp_path: Path) -> None:
    path, values = tmp_path / "photo.png", {"age": 40.0, "site": "Rome"}
    Image.new("RGB", (6, 8)).save(path)
    other = next(name for name in ("scan", "photo") if name != GRAPH.images[0])
    unit = outside_unit(
        scm, {other: path}, values, asked=("size",), measurements={"size": lambda images: images.mean((1, 2, 3))}
    )
    assert "size" not in unit.factual


def test_several_images_are_told_apart_by_name() -> None:
    assert read_paths(GRAPH, ["scan=a=b.png", "photo=c.png"]) == {"scan": Path("a=b.png"), "photo": Path("c.png")}
    single = CausalGraph("age -> scan", [GRAPH["age"], GRAPH["scan"]])
    assert read_paths(single, ["a=b.png"]) == {"scan": Path("a=b.png")}
    for texts, message in [
        (["a.png"], r"node=file; got 'a.png'. Write it as --image \w+=file.png"),
        (["scan="], "node=file"),
        (["scan=a.png", "scan=b.png"], "Expected one file for the image 'scan'"),
    ]:
        with pytest.raises(DataError, match=message):
            read_paths(GRAPH, texts)
    with pytest.raises(DataError, match="this one has none"):
        read_paths(CausalGraph("a -> b", [Variable("a", "continuous"), Variable("b", "continuous")]), ["x.png"])


@pytest.mark.parametrize(
    ("fit", "word"), [("crop", "cut and resized"), ("pad", "padded and resized"), ("stretch", "stretched")]
)
def test_another_size_is_made_to_fit_and_said(scm: StructuralCausalModel, tmp_path: Path, fit: str, word: str) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (40, 20), (255, 255, 255)).save(path)
    values = {"age": 40.0, "size": 1.0, "site": "Rome"}
    unit = outside_unit(scm, {"scan": path}, values, asked=(), renderings={"scan": Rendering(fit)})
    assert f"wide.png has 20x40 pixels (height x width) and was {word} to 8x6" in unit.notes[0]
    assert "has colours and was converted to grey" in unit.notes[1]
    assert (unit.factual["scan"].min() < 0) == (fit == "pad")  # black bars
    Image.new("L", (12, 16)).save(path)
    assert (
        "and was resized to 8x6"
        in outside_unit(scm, {"scan": path}, values, asked=(), renderings={"scan": Rendering(fit)}).notes[0]
    )


def test_an_image_from_outside_goes_through_the_window_of_the_table(scm: StructuralCausalModel, tmp_path: Path) -> None:
    path, values = tmp_path / "wide.png", {"age": 40.0, "size": 1.0, "site": "Rome"}
    Image.fromarray((np.arange(48).reshape(8, 6) * 80).astype(np.uint16)).save(path)
    read = {"scan": Rendering(window=(0, 3760))}
    unit = outside_unit(scm, {"scan": path}, values, asked=(), renderings=read)
    expected = np.round(np.arange(48) / 47 * 255) / 255 * 2 - 1
    assert unit.factual["scan"].flatten().numpy() == pytest.approx(expected, abs=1e-6)
    remedies = ((None, r"with 8 bits\."), ({}, r"with 8 bits, or declare `window: \[low, high\]` of 'scan' in the"))
    for renderings, remedy in remedies:
        with pytest.raises(DataError, match=f"got grey values of 16 bits or more, .*Save it {remedy}"):
            outside_unit(scm, {"scan": path}, values, asked=(), renderings=renderings)
    other = {"scan": Rendering(window=(-160, 240))}  # Hounsfield units, against numbers from the scanner
    assert "92 % are brighter" in outside_unit(scm, {"scan": path}, values, asked=(), renderings=other).notes[0]
    Image.new("L", (6, 8), 99).save(path)
    for window in ((0, 3760), (-160, 240)):
        with pytest.raises(
            DataError, match="Expected grey values from {} to {} in .*; got an image of 8 bits".format(*window)
        ):
            outside_unit(scm, {"scan": path}, values, asked=(), renderings={"scan": Rendering(window=window)})


def test_transparent_images_from_outside_show_the_ground(scm: StructuralCausalModel, tmp_path: Path) -> None:
    path, values = tmp_path / "clear.png", {"age": 40.0, "size": 1.0, "site": "Rome"}
    Image.new("LA", (6, 8), (9, 0)).save(path)
    with pytest.raises(DataError, match=r"got transparent pixels, and the colour behind them is not known. Fill them"):
        outside_unit(scm, {"scan": path}, values, asked=())
    for ground, level in (("white", 1.0), ("black", -1.0)):
        unit = outside_unit(scm, {"scan": path}, values, asked=(), renderings={"scan": Rendering(ground=ground)})
        assert unit.factual["scan"].unique().tolist() == [level]
        assert unit.notes[0] == f"Transparent pixels of clear.png show the ground, {ground}."


def test_a_mask_hides_what_is_white_and_opaque(tmp_path: Path) -> None:
    hidden = np.zeros((6, 8), bool)
    hidden[2:4, 1:5] = True
    white, grey = np.where(hidden, 255, 0).astype(np.uint8), np.where(hidden, 250, 100).astype(np.uint8)
    strokes = np.dstack([np.full((6, 8, 3), 255, np.uint8), white])  # white paint on a transparent layer that is white
    pictures = {
        "grey": Image.fromarray(white),
        "bits": Image.fromarray(white).convert("1"),
        "palette": Image.fromarray(white).convert("P"),
        "colour": Image.fromarray(grey).convert("RGB"),
        "layer": Image.fromarray(strokes),
        "wide": Image.fromarray(grey.astype(np.uint16) * 257),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        assert np.array_equal(read_mask(tmp_path / f"{name}.png"), hidden), name
