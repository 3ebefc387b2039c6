"""The evaluated test units, the models that answer for them, and the readers of their images."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph
from ..mechanisms import Mechanism
from ..predictors import AttributePredictor
from ..scm import Posterior, StructuralCausalModel
from .controls import MODEL
from .images import as_stored
from .spaces import Measure, Space

__all__ = ["Cohort", "Readers", "choose", "even_parts", "image_node", "units_in_memory"]

AT_ONCE, FEWEST = 1000, 100
LARGE = 64 * 64
"""Number of pixels above which fewer images are in memory at once."""


@dataclass(frozen=True)
class Readers:
    """Functions and networks that read attributes from images, or compare images.

    Args:
        measure: Functions of images `(N, C, H, W)` as stored (see `Cohort.stored`) to `(N,)`, by continuous attribute;
            NaN if an image cannot be measured.
        classifiers: Classifiers of the image by discrete attribute.
        predictors: Attribute predictors; their features also measure realism and variety.
        latents: Space in which minimality is measured, see `latent_space`.
        image: The image node that is read; may be left out if there is only one.
    """

    measure: Mapping[str, Measure] = field(default_factory=dict)
    classifiers: Mapping[str, AttributePredictor] = field(default_factory=dict)
    predictors: Mapping[str, AttributePredictor] = field(default_factory=dict)
    latents: Space | None = None
    image: str | None = None

    def __post_init__(self) -> None:
        for name in ("measure", "classifiers", "predictors"):
            if getattr(self, name) is None:  # the default of earlier versions, which callers may still pass
                object.__setattr__(self, name, {})


@dataclass(frozen=True, eq=False)
class Cohort:
    """Test units, and the models that answer for them.

    Args:
        models: Models by row of the tables, "model" first.
        data: The data set.
        rows: Row labels of the units, `(N,)`.
        image: Name of the image node.
        seed: Seed of abduction and bootstrap.
        at_once: Number of units whose images are in memory at once.
        start: Place of the first unit in the whole cohort.
        whole: The cohort that this is a block of; None if it is whole.
    """

    models: Mapping[str, StructuralCausalModel]
    data: Dataset
    rows: RowLabels
    image: str
    seed: int = 0
    at_once: int = AT_ONCE
    start: int = 0
    whole: "Cohort | None" = None

    def blocks(self) -> Iterator["Cohort"]:
        """Split the units into blocks of similar size, at most `at_once` each; few units form one block."""
        parts = even_parts(len(self.rows), self.at_once)
        if len(parts) == 1:
            yield self
            return
        for part in parts:
            yield replace(self, rows=self.rows[part.start : part.stop], start=part.start, whole=self)

    def noise_seed(self, offset: int = 0) -> int:
        """Seed of a draw; every block has its own, so that its units do not share their noise with others."""
        if not self.start:
            return self.seed + offset
        return int(np.random.SeedSequence([self.seed + offset, self.start]).generate_state(1)[0])

    def range_of(self, name: str) -> tuple[float, float]:
        """Return the support of an attribute or, if it has none, its minimum and maximum in the whole cohort."""
        own = (self.whole or self).attributes[name]
        return self.graph[name].support or (float(own.min()), float(own.max()))

    @cached_property
    def attributes(self) -> Mapping[str, Tensor]:
        """Observed values of the units without their images."""
        return self.data.attributes(self.rows)

    @property
    def graph(self) -> CausalGraph:
        """The graph, for the variables' units and ranges."""
        return self.models[MODEL].graph

    @property
    def mechanism(self) -> Mechanism:
        """The mechanism of the image in the evaluated model."""
        return self.models[MODEL].mechanisms[self.image]

    @cached_property
    def factual(self) -> Mapping[str, Tensor]:
        """Observed values of the units, images on 0 to 255."""
        return self.data.rows(self.rows)

    @property
    def real(self) -> Tensor:
        """Factual images `(N, C, H, W)`, as `stored`."""
        return self.stored(self.factual[self.image])

    @property
    def bits(self) -> int:
        """Bits of each pixel of the data's images."""
        return self.data.bits(self.image)

    def stored(self, images: Tensor) -> Tensor:
        """Round images like the stored images of the data: uint8, or float32 in 65,536 levels from 0 to 255."""
        return as_stored(images, self.bits)

    @cached_property
    def groups(self) -> NDArray:
        """Group of each unit, `(N,)`."""
        return self.data.groups(self.rows).numpy()

    @cached_property
    def posteriors(self) -> Mapping[str, Posterior]:
        """Abducted units by row."""
        return {row: model.abduct(self.factual, seed=self.noise_seed()) for row, model in self.models.items()}


def image_node(graph: CausalGraph, name: str | None = None) -> str:
    """Return the name of the image: `name`, or the only image.

    Raises:
        DataError: There is no image, or there are several and none is named.
        UnknownNameError: `name` is not an image.
    """
    images = graph.images
    if name is None and len(images) == 1:
        return images[0]
    if name is None:
        remedy = "Name it (image=...)." if images else "Use a model of images."
        raise DataError(
            f"Expected a graph with one image, or the name of one; got {', '.join(images) or 'none'}. {remedy}"
        )
    if name not in images:
        raise UnknownNameError(f"Expected an image among {', '.join(images)}; got '{name}'." + nearest(name, images))
    return name


def units_in_memory(shape: Sequence[int]) -> int:
    """Number of images `(C, H, W)`, or volumes, that metrics have in memory at once: 1,000, or fewer if they are large.

    >>> units_in_memory((1, 28, 28)), units_in_memory((3, 256, 256))
    (1000, 100)
    """
    return max(FEWEST, min(AT_ONCE, AT_ONCE * LARGE // math.prod(shape[1:])))


def even_parts(count: int, most: int) -> list[range]:
    """Return the positions of `count` units in parts of similar size, at most `most` each.

    >>> even_parts(5, 3)
    [range(0, 3), range(3, 5)]
    """
    bounds = [part[0] for part in np.array_split(np.arange(count), max(1, math.ceil(count / most))) if len(part)]
    return [range(int(start), int(stop)) for start, stop in zip(bounds, [*bounds[1:], count])] or [range(0)]


def choose(labels: RowLabels, rows: int | None, seed: int) -> RowLabels:
    """Return at most `rows` of the labels, drawn by the seed, in their order; None for all.

    Raises:
        DataError: The number is below 1, or not a whole number.
    """
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise DataError(f"Expected at least one row; got {rows!r}.")
    if rows is None or rows >= len(labels):
        return labels
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:rows]
    return labels[chosen.sort().values.numpy()]
