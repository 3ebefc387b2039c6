"""The truth of MorphoMNIST: noises follow from the attributes, images from the handwritten digit of each row."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graph import CausalGraph
from ...morphology import grey_levels, measure_hue, set_hue
from ..generator_values import effect_by_simulation, labelled_table, own_digits, remorph_values
from ..labels import find_rows
from .equations import attributes, draw_noise, hue_of, intensity_noise, intensity_of
from .process import draw

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MorphomnistTruth"]


class MorphomnistTruth:
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

    def counterfactual(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """Every variable of `rows` as it would have been under `do`.

        A variable whose parents do not change keeps its value, the image too; so `do={}` gives the rows themselves.

        Args:
            rows: Row numbers of the data set, as for `Dataset.rows`.
            do: Values by variable: a number or label for all, or one per row. Integer tensors are codes.

        Raises:
            UnknownNameError: `do` names no variable.
            SupportError: A value is outside its support.
            MissingValueError: A value is missing.
            DataError: There is no such row; a label is unknown, or there is neither one value nor one per row; `do` sets
                the image, or another digit, whose shape by this writer the generator does not define; or the MNIST
                files, from which images are redrawn, are not found.
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
        world["image"] = torch.from_numpy(grey[:, None] if "hue" not in world else set_hue(grey, world["hue"].numpy()))
        return {name: world[name] for name in self.graph.nodes}

    def attributes(self, rows: Any, do: Mapping[str, object]) -> dict[str, Tensor]:
        """`counterfactual` without the image: fast, and without files."""
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

    def effect(self, treatment: str | tuple[str, ...], outcome: str, contrast: tuple) -> float:
        """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b); several treatments in tuples.

        By Monte Carlo on a million shared draws of the noise.

        Raises:
            DataError: The outcome has no mean, or the treatment is the image.
        """
        return effect_by_simulation(self.graph, draw_noise, attributes, treatment, outcome, contrast)

    def table(self, n: int, seed: int) -> "pd.DataFrame":
        """`n` fresh rows of the attributes, labels decoded; digits with their frequencies in the data."""
        rng = np.random.default_rng([1, seed])  # independent of the draws of `effect` and of the data set
        columns = attributes(draw_noise(n, rng)) | {"digit": rng.choice(self.values["digit"].numpy(), n)}
        return labelled_table(self.graph, columns)

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
    """The value set, else the factual one if the parents are factual, else that of the mechanism."""
    if name in wanted:
        return wanted[name]
    same = np.all([value == before[parent] for parent, value in parents.items()], axis=0)
    return np.where(same, before[name], mechanism())


def _grey(images: Tensor) -> NDArray[np.uint8]:
    return images[:, 0].numpy() if images.shape[1] == 1 else grey_levels(images.numpy())
