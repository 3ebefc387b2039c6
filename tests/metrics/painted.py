"""A made data set with a known generator: light -> brightness -> image <- shape.

brightness = 60 + 20 light + 10 e;  image = brightness wherever the mask of the unit's group has ink; the mask also
depends on the shape. The `Painter` below inverts it exactly, the `Copier` ignores the brightness.
"""

from collections.abc import Mapping

import numpy as np
import pyro.distributions as dist
import torch
from torch import Tensor

from causalgen.datasets import Dataset
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable
from causalgen.mechanisms import Abduction, Abductive, LinearGaussian
from causalgen.scm import StructuralCausalModel

SHAPE = (1, 12, 12)
VARIABLES = [
    Variable("light", "continuous"),
    Variable("brightness", "continuous", support=(1, 255), unit="lx"),
    Variable("shape", "categorical", labels=("left", "right", "both")),
    Variable("image", "image", shape=SHAPE),
]
GRAPH = CausalGraph("light -> brightness -> image; shape -> image", VARIABLES)


def paint(mask: Tensor, brightness: Tensor) -> Tensor:
    return (mask * brightness[:, None, None, None]).clamp(0, 255)


class PaintedTruth:
    """The generator, with the exogenous noise of every row."""

    remorphs = ("brightness",)

    def __init__(self, values: Mapping[str, Tensor], noise: Tensor, masks: Tensor) -> None:
        self.values, self.noise, self.masks = dict(values), noise, masks

    def counterfactual(self, rows: Tensor, do: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if "shape" in do:
            raise DataError("Expected attributes of the light; got the shape.")
        light = do.get("light", self.values["light"][rows])
        brightness = do.get("brightness", 60 + 20 * light + 10 * self.noise[rows])
        image = paint(self.masks[rows], brightness).round().to(torch.uint8)
        return {"light": light, "brightness": brightness, "shape": self.values["shape"][rows], "image": image}

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        return paint((images > 0).float(), do["brightness"]).round().to(torch.uint8)

    def effect(self, treatment: str, outcome: str, contrast: tuple) -> float:
        raise NotImplementedError

    def table(self, n: int, seed: int) -> None:
        raise NotImplementedError


def painted(n: int = 360, per_group: int = 6) -> Dataset:
    """`n` rows, `per_group` of each group with one mask and one shape."""
    generator = torch.Generator().manual_seed(5)
    groups = torch.arange(n) // per_group
    shape = groups % 3
    speckle = (torch.rand(int(groups.max()) + 1, *SHAPE, generator=generator) < 0.2)[groups]
    columns = torch.arange(SHAPE[2])
    left, right = columns < 4, columns >= 8
    bars = torch.stack([left, right, left | right])[shape][:, None, None, :].expand(n, *SHAPE)
    masks = (bars | speckle).float()
    light = torch.randn(n, generator=generator)
    noise = torch.randn(n, generator=generator)
    brightness = 60 + 20 * light + 10 * noise
    brightness = brightness.clamp(1, 255)
    noise = (brightness - 60 - 20 * light) / 10
    values = {"light": light, "brightness": brightness, "shape": shape}
    values["image"] = paint(masks, brightness).round().to(torch.uint8)
    third = (n // 3) // per_group * per_group
    split = dict(zip(("train", "validation", "test"), torch.arange(n).split([third, third, n - 2 * third])))
    return Dataset("painted", GRAPH, values, split, groups, PaintedTruth(values, noise, masks))  # type: ignore[arg-type]


class Painter(Abductive):
    """The true image mechanism; its noise is the mask."""

    abduction = Abduction.BIJECTIVE

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, dist.Distribution]:
        return {"mask": dist.Bernoulli(torch.tensor(0.5)).expand((*batch_shape, *SHAPE)).to_event(3)}

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"mask": (value > 0).float()}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return paint(noise["mask"], parents["brightness"])


class Copier(Painter):
    """Ignores its parents: the counterfactual image is the factual one."""

    def abduct(self, value: Tensor, parents: Mapping[str, Tensor], *, draw: bool = True) -> dict[str, Tensor]:
        return {"mask": value}

    def forward(self, noise: Mapping[str, Tensor], parents: Mapping[str, Tensor], *, changed=frozenset()) -> Tensor:
        return noise["mask"]


def model(data: Dataset, image: type[Painter] = Painter) -> StructuralCausalModel:
    """The true attribute mechanisms with an image mechanism of choice, supports fitted."""
    parents = {"brightness": GRAPH["brightness"], "shape": GRAPH["shape"]}
    brightness = LinearGaussian(GRAPH["brightness"], {"light": GRAPH["light"]})
    mechanisms = {"light": "linear-gaussian", "brightness": brightness, "image": image(GRAPH["image"], parents)}
    scm = StructuralCausalModel(GRAPH, mechanisms)
    scm.initialize(data.part("train"))
    scm.declare_fitted()
    brightness.set(60.0, {"light": 20.0}, 10.0)
    return scm.eval()


def measure_brightness(images: Tensor) -> np.ndarray:
    return images.flatten(1).max(1).values.double().numpy()
