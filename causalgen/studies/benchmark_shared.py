"""Parts common to all cells of a benchmark: data, attribute mechanisms, attribute predictors, minimality's latent space."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset, Truth
from ..graph import CausalGraph
from ..metrics import Space, fit_latents, latent_space
from ..nn import seeded
from ..predictors import AttributePredictor, fit_predictor, load_predictor, save_predictor
from ..scm import StructuralCausalModel, load, save
from ..training import FitConfig, Stage, fit
from .measurements import Measurement

__all__ = [
    "TUTOR_SEED",
    "Shared",
    "attribute_predictors",
    "fitted_attributes",
    "latents",
    "remembered",
    "told",
    "with_memory",
]

TUTOR_SEED = 1000
"""Offset of the seed of predictors for fine-tuning, which must differ from those of the evaluation."""


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


def told(graph: CausalGraph, image: str, attribute: str) -> list[str]:
    """Further inputs of an attribute's predictor, besides the image: its descendants among the image's parents.

    >>> graph = CausalGraph("thickness -> intensity; {thickness, intensity} -> image")
    >>> told(graph, "image", "thickness"), told(graph, "image", "intensity")
    (['intensity'], [])
    """
    below = graph.descendants(attribute)
    return [name for name in graph.parents(image) if name in below]


def attribute_predictors(
    data: Dataset,
    folder: Path,
    *,
    image: str,
    epochs: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
    bars: Progress | None = None,
) -> dict[str, AttributePredictor]:
    """Predictors of the image's parents, read from the folder, or trained and kept there.

    Raises:
        CheckpointError: A kept predictor is damaged.
    """
    predictors = {}
    for name in data.graph.parents(image):
        if data.graph[name].is_image:
            continue
        place = folder / name
        if not (place / "predictor.json").exists():
            given = told(data.graph, image, name)
            predictor = fit_predictor(
                data, name, image=image, given=given, epochs=epochs, seed=seed, device=device, bars=bars
            )
            save_predictor(predictor, place)
        predictors[name] = load_predictor(place).to(device)
    return predictors


def latents(
    data: Dataset, folder: Path, *, image: str, epochs: int, device: str = "auto", bars: Progress | None = None
) -> Space:
    """The latent space of minimality: read from the folder, or trained and kept there."""
    if not (folder / "model.json").is_file():
        save(fit_latents(data, image=image, epochs=epochs, device=device, bars=bars), folder)
    vae = load(folder)
    return latent_space(vae if device == "auto" else vae.to(device))


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
