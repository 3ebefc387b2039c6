"""A page about a saved model shows its images on the range that they have: the same pictures in any unit of grey."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from causalgen.app import Explorer, write_static_page
from causalgen.app.explorer import WorldSetting
from causalgen.graph import CausalGraph, Variable
from causalgen.reports.images import as_picture
from causalgen.scm import StructuralCausalModel
from causalgen.service.pictures import as_png, from_text
from causalgen.studies.saved_model import read_asked

MODES = {
    "bytes": (0.0, 255.0),
    "16 bits": (0.0, 65535.0),
    "shares": (0.0, 1.0),
    "signed": (-1.0, 1.0),
    "Hounsfield window": (-1000.0, 400.0),
}


def _saved(folder: Path, support: tuple[float, float], channels: int) -> Explorer:
    """An explorer of an untrained model whose observed images are the same pictures on any support."""
    graph = CausalGraph(
        "dose -> scan",
        [Variable("dose", "continuous"), Variable("scan", "image", shape=(channels, 8, 6), support=support)],
    )
    torch.manual_seed(0)
    scm = StructuralCausalModel(
        graph, {"scan": {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 8, "blocks": 1}}
    )
    dose, grey, (low, high) = torch.rand(40), torch.rand(40, channels, 8, 6), support
    scm.initialize({"dose": dose, "scan": low + (high - low) * (grey + dose[:, None, None, None]) / 2})
    scm.declare_fitted().eval().save(folder)
    return Explorer(read_asked(folder))


def _pixels(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))), dtype=int)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_pictures_use_the_whole_range(tmp_path: Path, mode: str, channels: int) -> None:
    explorer = _saved(tmp_path / "model", MODES[mode], channels)
    scan, (low, high) = explorer.graph["scan"], MODES[mode]
    for key in explorer.units.page("drawn", 0, 3):
        factual = explorer.units.unit(key).factual["scan"][0]
        assert low <= factual.min() < factual.max() <= high
        assert len(factual.unique()) > 24  # nothing was rounded to a few levels
        answer = explorer.answer(WorldSetting(unit=key))["images"][0]
        assert answer["factual"] == answer["counterfactual"]
        np.testing.assert_array_equal(_pixels(answer["factual"]), np.rint(as_picture(factual, scan) * 255))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_comes_back_as_it_went_in(tmp_path: Path, mode: str, channels: int) -> None:
    """Through the page and through the service: what is added is shown as the same picture."""
    explorer = _saved(tmp_path / "model", MODES[mode], channels)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3)[: 2 + (channels == 3)], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    key = explorer.add({"scan": tmp_path / "own.png"}, {"dose": "0.5"})["key"]
    answer = explorer.answer(WorldSetting(unit=key))["images"][0]
    np.testing.assert_array_equal(_pixels(answer["factual"]), pixels)
    sent = base64.b64encode((tmp_path / "own.png").read_bytes()).decode()
    scan = explorer.graph["scan"]
    np.testing.assert_array_equal(_pixels(f",{as_png(from_text(sent, scan, None)[0], scan)}"), pixels)


def test_the_page_to_send_has_the_same_pictures(tmp_path: Path) -> None:
    explorer = _saved(tmp_path / "model", MODES["signed"], 1)
    text = write_static_page(explorer, tmp_path / "page", ["0", "3"]).read_text()
    baked = json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])
    shown = baked["pictures"][baked["factual"]["row-3"]["images"][0]["factual"]]
    assert shown == explorer.answer(WorldSetting(unit="row-3"))["images"][0]["factual"]
    assert baked["model"]["images"][0]["limit"] == 1.0  # half the range of the pixels
