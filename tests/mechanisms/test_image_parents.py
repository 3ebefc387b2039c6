"""An image with an image parent sees where in the parent something is, and not only a summary of it."""

import pytest
import torch
from mechanism_cases import SMALLEST, wider
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import build
from causalgen.nn import ImageMaps
from causalgen.scm import StructuralCausalModel
from causalgen.training import FitConfig, Stage, fit

SKETCH, IMAGE = (Variable(name, "image", shape=(1, 16, 16)) for name in ("sketch", "image"))
CORNER = (slice(None), slice(None), slice(0, 4), slice(0, 4))


@pytest.mark.parametrize("mechanism", sorted(SMALLEST))
@torch.no_grad()
def test_a_change_of_the_parent_changes_the_image_in_the_same_place(mechanism: str) -> None:
    torch.manual_seed(0)
    part = build(mechanism, IMAGE, {"sketch": SKETCH}, wider(SMALLEST[mechanism], 16))
    sketch = 255 * torch.rand(16, *SKETCH.shape)
    part.initialize(sketch, {"sketch": sketch})
    part.declare_fitted().eval()
    noise = {name: p.sample() for name, p in part.noise((16,)).items()}
    other = sketch.clone()
    other[CORNER] = 255 - other[CORNER]
    change = (part(noise, {"sketch": other}) - part(noise, {"sketch": sketch})).abs()
    assert change[CORNER].mean() > 2 * change[..., 8:, 8:].mean()


def test_maps_have_the_size_of_the_image_and_hide_what_is_dropped() -> None:
    wide, colour = (
        Variable("wide", "image", shape=(1, 8, 12), support=(0, 1)),
        Variable("colour", "image", shape=(3, 16, 16)),
    )
    parents = {"age": Variable("age", "continuous"), "wide": wide, "colour": colour}
    maps = ImageMaps(parents, IMAGE.shape)
    values = {"age": torch.zeros(2), "wide": torch.ones(2, 1, 8, 12), "colour": torch.zeros(2, 3, 16, 16)}
    seen = maps(values)
    assert seen is not None
    assert maps.channels == 4
    torch.testing.assert_close(seen, torch.cat([torch.ones(2, 1, 16, 16), -torch.ones(2, 3, 16, 16)], 1))
    hidden = maps(values, keep=torch.tensor([[True, False, True], [True, True, True]]))
    assert hidden is not None
    assert hidden[0, 0].abs().max() == 0
    assert torch.equal(hidden[1], seen[1])
    assert ImageMaps({"age": parents["age"]}, IMAGE.shape)(values) is None


def spots(n: int) -> dict[str, Tensor]:
    """A bright spot somewhere on a dark ground, and its negative."""
    generator = torch.Generator().manual_seed(0)
    sketch = torch.zeros(n, *SKETCH.shape)
    for image, (row, column) in zip(sketch, torch.randint(1, 12, (n, 2), generator=generator).tolist()):
        image[0, row : row + 3, column : column + 3] = 200
    return {"sketch": sketch, "image": 220 - sketch}


def test_training_leaves_a_frozen_root_alone_and_draws_after_the_parent() -> None:
    values = spots(280)
    torch.manual_seed(0)
    root = {"mechanism": "dcgan", "latent": 2, "width": 4}
    drawn = {"mechanism": "conv-vae", **SMALLEST["conv-vae"], "width": 16}
    scm = StructuralCausalModel(CausalGraph("sketch -> image", [SKETCH, IMAGE]), {"sketch": root, "image": drawn})
    frozen = scm.mechanisms["sketch"].requires_grad_(False)
    before = [weight.clone() for weight in frozen.parameters()]
    images = Stage(epochs=16, batch_size=32, learning_rate=4e-3, ema=0.9, patience=16)
    parts = {"train": {n: v[40:] for n, v in values.items()}, "validation": {n: v[:40] for n, v in values.items()}}
    fit(scm, parts, FitConfig(images=images, device="cpu", precision="32-true"))
    assert frozen.fitted
    assert all(torch.equal(a, b) for a, b in zip(frozen.parameters(), before, strict=True))
    sketch = values["sketch"][:40]
    image = scm.sample(40, do={"sketch": sketch}, seed=0)["image"]
    spot = sketch > 100
    assert image[~spot].mean() - image[spot].mean() > 100  # 200 in the data
