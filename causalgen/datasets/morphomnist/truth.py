"""The truth of MorphoMNIST: noises follow from the attributes, images from the handwritten digit of each row."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ...morphology import grey_levels, measure_hue, set_hue
from ..generator_truth import GeneratorTruth
from ..generator_values import own_digits, remorph_values
from ..labels import find_rows
from .equations import attributes, draw_noise, hue_of, intensity_noise, intensity_of
from .process import draw

__all__ = ["MorphomnistTruth"]


class MorphomnistTruth(GeneratorTruth):
    """Rows, represented by their factual values, the noise of their hue and their MNIST digit.

    Args:
        graph: The graph; with hue or without.
        values: Whole factual columns, images included.
        base: `(N,)`, the position of each row's digit in MNIST, 60,000 and above for its test set.
        handwriting: Returns all digits of MNIST `(70000, 28, 28)` uint8; called when an image has to be redrawn.
        hue_noise: `(N,)`, the noise of hue; None without colour.
    """

    def __init__(
        self,
        graph: CausalGraph,
        values: Mapping[str, Tensor],
        base: NDArray,
        handwriting: Callable[[], NDArray],
        hue_noise: NDArray | None = None,
    ):
        self.graph, self.values, self.base = graph, dict(values), base
        self.handwriting, self.hue_noise = handwriting, hue_noise
        self.remorphs = ("thickness", "intensity") if hue_noise is None else ("thickness", "intensity", "hue")

    def __repr__(self) -> str:
        return f"MorphomnistTruth({len(self.base):,} rows, {', '.join(self.graph.nodes)})"

    def draw(self, rows: Any, do: Mapping[str, object]) -> Tensor:
        """The images of `counterfactual`; an image whose parents do not change is the row's own.

        Raises:
            DataError: As `counterfactual`; or the MNIST files, from which images are redrawn, are not found.
        """
        index = find_rows(rows, range(len(self.base)), "morphomnist")
        world = self.attributes(index, do)
        factual = self.values["image"][index]
        grey = _grey(factual)
        changed = np.zeros(len(index), bool)
        for name in ("thickness", "intensity"):
            changed |= (world[name] != self.values[name][index]).numpy()
        if changed.any():
            wanted = (world[name].numpy()[changed] for name in ("thickness", "intensity"))
            grey = grey.copy()
            grey[changed] = draw(self.handwriting()[self.base[index.numpy()[changed]]], *wanted)
        return torch.from_numpy(grey[:, None] if "hue" not in world else set_hue(grey, world["hue"].numpy()))

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image: fast, and without files.

        A variable whose parents do not change keeps its value.
        """
        index = find_rows(rows, range(len(self.base)), "morphomnist")
        factual = {name: column[index] for name, column in self.values.items() if name != "image"}
        wanted = own_digits(self.graph, do, factual["digit"].numpy())
        before = {name: factual[name].numpy().astype(float) for name in self.remorphs}
        thickness = wanted.get("thickness", before["thickness"])
        noise = intensity_noise(before["thickness"], before["intensity"])
        intensity = _follow(
            "intensity", wanted, before, {"thickness": thickness}, lambda: intensity_of(thickness, noise)
        )
        world = {"thickness": thickness, "intensity": intensity}
        if self.hue_noise is not None:
            v = self.hue_noise[index.numpy()]
            world["hue"] = _follow("hue", wanted, before, world, lambda: hue_of(thickness, intensity, v))
        return factual | {name: torch.tensor(column, dtype=torch.float32) for name, column in world.items()}

    def draw_noise(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """Exogenous noise of `n` independent units."""
        return draw_noise(n, rng)

    def assign(self, noise: dict[str, NDArray], do: Mapping[str, Any]) -> dict[str, NDArray]:
        """The attributes except the digit."""
        return attributes(noise, do)

    def fresh(self, n: int, rng: np.random.Generator) -> dict[str, NDArray]:
        """New units, with digits as frequent as in the data."""
        return super().fresh(n, rng) | {"digit": rng.choice(self.values["digit"].numpy(), n)}

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """Redraw images `(B, C, 28, 28)` by the process of the data, with the attributes in `do`, one value or `(B,)`.

        Raises:
            UnknownNameError: `do` names another attribute.
            DataError: There is neither one value nor one per image, or an image holds no ink.
        """
        values = remorph_values(do, self.remorphs, len(images))
        grey = draw(_grey(images), values.get("thickness"), values.get("intensity"))
        if self.hue_noise is None:
            return torch.from_numpy(grey)[:, None]
        return torch.from_numpy(set_hue(grey, values.get("hue", measure_hue(images.numpy()))))


def _follow(
    name: str,
    wanted: Mapping[str, NDArray],
    before: Mapping[str, NDArray],
    parents: Mapping[str, NDArray],
    mechanism: Callable[[], NDArray],
) -> NDArray:
    """The set value, else the factual one if the parents are factual, else that of the mechanism."""
    if name in wanted:
        return wanted[name]
    same = np.all([value == before[parent] for parent, value in parents.items()], axis=0)
    return np.where(same, before[name], mechanism())


def _grey(images: Tensor) -> NDArray[np.uint8]:
    return images[:, 0].numpy() if images.shape[1] == 1 else grey_levels(images.numpy())
