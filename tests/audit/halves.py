"""A made model in which every change of a score is known: tone -> size; {tone, size, ink} -> image.

size = 2 tone + e;  the top half of the image is 10 tone + 4 [ink = blue], the bottom half 3 size, both plus a pattern of the
unit. The pixels may be negative, so that nothing is clipped or rounded.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyro.distributions as dist
import torch
from torch import Tensor

from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive, LinearGaussian
from causalgen.predictors import AttributePredictor
from causalgen.scm import StructuralCausalModel

SHAPE = (1, 4, 4)
TONE, SLOPE, SIZE, BLUE = 10.0, 2.0, 3.0, 4.0
BIAS = 0.5
"""What the blurred image mechanism adds to every image that it makes."""
GRAPH = CausalGraph(
    "tone -> size -> image; tone -> image; ink -> image; place -> tone",
    [
        Variable("place", "continuous"),
        Variable("tone", "continuous", support=(-20, 20), unit="lx"),
        Variable("size", "continuous", unit="mm"),
        Variable("ink", "binary", labels=("red", "blue")),
        Variable("image", "image", shape=SHAPE, support=(-1000, 1000)),
    ],
)


def drawn(parents: Mapping[str, Tensor]) -> Tensor:
    top = TONE * parents["tone"] + BLUE * parents["ink"]
    halves = torch.stack([top, SIZE * parents["size"]], dim=1)
    return halves.repeat_interleave(2, dim=1)[:, None, :, None].expand(-1, *SHAPE)


class Halves(Abductive):
    """The true image mechanism; its noise is the pattern."""

    abduction = Abduction.BIJECTIVE

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, dist.Distribution]:
        return {"pattern": dist.Normal(0.0, 1.0).expand((*batch_shape, *SHAPE)).to_event(3)}

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"pattern": value - drawn(parents)}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return drawn(parents) + noise["pattern"]


class Blurred(Halves):
    """Reconstruction brightens every image by BIAS, whatever the intervention."""

    abduction = Abduction.POINT

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return super().forward(noise, parents) + BIAS


class Idle(Halves):
    """Gives out the factual image, whatever the intervention."""

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"pattern": value}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return noise["pattern"]


class Entangled(Halves):
    """The tone moves the bottom half, too, which shows the size."""

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"pattern": value - self({"pattern": torch.zeros(())}, parents)}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        bottom = torch.tensor([0.0, 0.0, 1.0, 1.0])[:, None]
        return super().forward(noise, parents) + parents["tone"][:, None, None, None] * bottom


class Uncertain(Halves):
    """Abduction draws the pattern around the true one."""

    abduction = Abduction.VARIATIONAL

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        pattern = super().abduct(value, parents)["pattern"]
        return {"pattern": pattern + torch.randn(len(value), 1, 1, 1) if draw else pattern}


class Rounding(LinearGaussian):
    """Gives its value back up to rounding only, as a flow does."""

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return super().forward(noise, parents, changed=changed) + 1e-5


def model(image: type[Halves] = Halves, size: type[LinearGaussian] = LinearGaussian) -> StructuralCausalModel:
    """The true attribute mechanisms with an image mechanism of choice, supports fitted to 500 units."""
    size = size(GRAPH["size"], {"tone": GRAPH["tone"]})
    parents = {name: GRAPH[name] for name in GRAPH.parents("image")}
    mechanisms = {
        "place": "linear-gaussian",
        "tone": "linear-gaussian",
        "size": size,
        "image": image(GRAPH["image"], parents),
    }
    scm = StructuralCausalModel(GRAPH, mechanisms)
    scm.initialize(units(500, seed=1))
    scm.declare_fitted()
    size.set(0.0, {"tone": SLOPE}, 1.0)
    return scm.eval()


def units(n: int = 60, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    place, noise, tone = torch.randn(3, n, generator=generator)
    tone = tone + place
    values = {"place": place, "tone": tone, "size": SLOPE * tone + noise, "ink": torch.arange(n) % 2}
    pattern = torch.randn(n, *SHAPE, generator=generator)
    return values | {"image": drawn(values) + pattern}


def brightness(images: Tensor) -> Tensor:
    """A score that is the sum of the two halves' means, 10 tone + 3 size + 4 [blue] + the unit's pattern."""
    return images[:, 0, :2].mean((1, 2)) + images[:, 0, 2:].mean((1, 2))


def probability(images: Tensor) -> np.ndarray:
    """Probabilities (N, 2) of a dark and a bright image."""
    bright = torch.sigmoid(brightness(images) / 20)
    return torch.stack([1 - bright, bright], dim=1).numpy()


class Known(AttributePredictor):
    """A predictor that reads an attribute of the made images as well as their pattern allows."""

    def __init__(self, name: str, read: Callable[[Tensor, Mapping[str, Tensor]], Tensor]) -> None:
        super().__init__(GRAPH[name], SHAPE)
        self.read = read

    def predict(self, images: Tensor, attributes: Mapping[str, Tensor], *, batch_statistics: bool = False) -> Tensor:
        return self.read(images, attributes)


def place() -> dict[str, AttributePredictor]:
    """A reader of an attribute that no image shows, but through the tone."""
    return readers() | {"place": Known("place", lambda images, values: top(images) / TONE)}


def top(images: Tensor) -> Tensor:
    return images[:, 0, :2].mean((1, 2))


def readers() -> dict[str, AttributePredictor]:
    """A reader of every parent of the image."""
    return {
        "tone": Known("tone", lambda images, values: (top(images) - BLUE * values["ink"]) / TONE),
        "size": Known("size", lambda images, values: images[:, 0, 2:].mean((1, 2)) / SIZE),
        "ink": Known("ink", lambda images, values: (top(images) - TONE * values["tone"] > BLUE / 2).long()),
    }
