"""Parts common to all cells of a benchmark: data, attribute mechanisms, attribute predictors, minimality's latent space."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset, Truth
from ..metrics import Space
from ..nn import seeded
from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel, load, save
from ..studies.measurements import Measurement
from ..training import FitConfig, Stage, fit

__all__ = ["Shared", "fitted_attributes", "remembered", "with_memory"]


@dataclass(frozen=True)
class Shared:
    """Everything a cell needs that does not depend on its mechanism.

    Args:
        data: The data set; its truth caches its answers.
        image: Name of the image node.
        measure: Measurements by attribute, which cache their results.
        predictors: Attribute predictors of the evaluation.
        tutors: Other attribute predictors, from another seed, for fine-tuning; empty without it.
        latents: Latent space in which minimality is measured.
        device: Device of the computation.
        trust_code: Whether mechanisms that are not causalgen's may be imported.
    """

    data: Dataset
    image: str
    measure: Mapping[str, Measurement]
    predictors: Mapping[str, AttributePredictor]
    tutors: Mapping[str, AttributePredictor]
    latents: Space
    device: str
    trust_code: bool = False


def fitted_attributes(
    data: Dataset, folder: Path, *, stage: Stage, seed: int, device: str, bars: Progress | None = None
) -> StructuralCausalModel:
    """The attributes without the image, fitted from a seed: read from the folder, or trained and kept there."""
    if not (folder / "model.json").is_file():
        graph = data.graph.project([name for name in data.graph.nodes if not data.graph[name].is_image])
        with seeded(seed):
            scm = StructuralCausalModel(graph)
        splits = {split: {n: data.part(split)[n] for n in graph.nodes} for split in ("train", "validation")}
        fit(scm, splits, FitConfig(attributes=stage, device=device, seed=seed), bars=bars)
        save(scm, folder)
    return load(folder)


class _RememberedTruth:
    """A truth that caches its answers, because all cells ask the same questions."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._truth, name)

    def counterfactual(self, rows: Tensor, do: Mapping[str, object]) -> dict[str, Tensor]:
        """See `Truth`."""
        return dict(self._once("counterfactual", rows, do))

    def remorph(self, images: Tensor, do: Mapping[str, Tensor]) -> Tensor:
        """See `Truth`."""
        return self._once("remorph", images, do)

    def _once(self, method: str, first: Tensor, do: Mapping[str, Any]) -> Any:
        digest = hashlib.sha256(method.encode())
        for name, value in [("", first), *sorted(do.items())]:
            digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
        key = digest.hexdigest()
        if key not in self._known:
            self._known[key] = getattr(self._truth, method)(first, do)
        return self._known[key]


def with_memory(data: Dataset) -> Dataset:
    """The data set with a truth that caches its answers."""
    truth: Any = None if data.truth is None else _RememberedTruth(data.truth)
    return replace(data, truth=truth)


def remembered(function: Callable[[Tensor], NDArray[np.float64]]) -> Callable[[Tensor], NDArray[np.float64]]:
    """The same measurement, made once for each image."""
    known: dict[bytes, float] = {}

    def measure(images: Tensor) -> NDArray[np.float64]:
        keys = [hashlib.sha1(image.tobytes(), usedforsecurity=False).digest() for image in images.numpy()]
        new = [position for position, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip((keys[position] for position in new), function(images[new])))
        return np.array([known[key] for key in keys])

    return measure
