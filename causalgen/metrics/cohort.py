"""The evaluated test units, the models that answer for them, and what reads their images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

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

__all__ = ["Cohort", "Readers", "choose", "image_node"]


@dataclass(frozen=True)
class Readers:
    """What reads attributes from images, and compares images.

    Args:
        measure: Functions of images `(N, C, H, W)` as stored (see `Cohort.stored`) to `(N,)`, by continuous attribute; NaN
            where one cannot measure.
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
    """

    models: Mapping[str, StructuralCausalModel]
    data: Dataset
    rows: RowLabels
    image: str
    seed: int = 0

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
        """Images rounded as those of the data are stored: uint8, or float32 in 65,536 levels from 0 to 255."""
        return as_stored(images, self.bits)

    @cached_property
    def groups(self) -> NDArray:
        """Group of each unit, `(N,)`."""
        return self.data.groups(self.rows).numpy()

    @cached_property
    def posteriors(self) -> Mapping[str, Posterior]:
        """Abducted units by row."""
        return {row: model.abduct(self.factual, seed=self.seed) for row, model in self.models.items()}


def image_node(graph: CausalGraph, name: str | None = None) -> str:
    """The image that is meant: `name`, or the only one.

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


def choose(labels: RowLabels, rows: int | None, seed: int) -> RowLabels:
    """At most `rows` of the labels, drawn by the seed, in their order; None for all.

    Raises:
        DataError: The number is below 1, or not a whole number.
    """
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise DataError(f"Expected at least one row; got {rows!r}.")
    if rows is None or rows >= len(labels):
        return labels
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:rows]
    return labels[chosen.sort().values.numpy()]
