"""Parts common to all cells of a benchmark: data, attribute mechanisms, attribute predictors, minimality's latent space."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset, Truth
from ..metrics import Readers
from ..metrics.spaces import kept_latents
from ..nn import seeded
from ..predictors import PUBLISHED, AttributePredictor, attribute_predictors
from ..predictors.attributes import TUTOR_SEED
from ..scm import StructuralCausalModel, load, save
from ..training import FitConfig, fit
from .plan import BenchmarkPlan

__all__ = ["Shared", "fitted_attributes", "remembered", "share", "with_memory"]


@dataclass(frozen=True)
class Shared:
    """Everything a cell needs that does not depend on its mechanism.

    Args:
        plan: The call.
        folder: The benchmark's folder.
        data: The data set; its truth caches its answers.
        readers: Readers of the images in the evaluation; measurements cache their results.
        tutors: Other attribute predictors, from another seed, for fine-tuning; empty without it.
        bars: Rich progress bars.
    """

    plan: BenchmarkPlan
    folder: Path
    data: Dataset
    readers: Readers
    tutors: Mapping[str, AttributePredictor]
    bars: Progress | None = None

    @property
    def image(self) -> str:
        """Name of the image node."""
        return self.data.graph.images[0]

    def attributes(self, seed: int) -> StructuralCausalModel:
        """The fitted attribute mechanisms of a seed."""
        stage = replace(FitConfig().attributes, **self.plan.form.attributes.model_dump(exclude_none=True))
        config = FitConfig(attributes=stage, device=self.plan.device, seed=seed)
        return fitted_attributes(self.data, self.folder / "shared" / f"attributes-seed{seed}", config, self.bars)


def share(plan: BenchmarkPlan, folder: Path, bars: Progress) -> Shared:
    """Load the data, and read or train the parts that all cells share."""
    data, place = with_memory(plan.load_data(bars)), folder / "shared"
    image, epochs = data.graph.images[0], plan.form.latent_epochs
    config = replace(PUBLISHED, epochs=plan.form.predictor_epochs, device=plan.device)
    predict = partial(attribute_predictors, data, image=image, config=config, bars=bars)
    readers = Readers(
        measure={name: remembered(function) for name, function in plan.measurements().items()},
        predictors=predict(place / "predictors"),
        latents=kept_latents(data, place / "latents", image=image, epochs=epochs, device=plan.device, bars=bars),
        image=image,
    )
    tutors = predict(place / "tutors", seed=TUTOR_SEED) if plan.tuned else {}
    for tutor in tutors.values():
        tutor.requires_grad_(False)
    return Shared(plan, folder, data, readers, tutors, bars)


def fitted_attributes(
    data: Dataset, folder: Path, config: FitConfig, bars: Progress | None = None
) -> StructuralCausalModel:
    """Return the fitted attribute mechanisms, without the image: read from the folder, or trained and saved there."""
    if not (folder / "model.json").is_file():
        graph = data.graph.project(data.graph.attributes)
        with seeded(config.seed):
            scm = StructuralCausalModel(graph)
        splits = {split: {n: data.part(split)[n] for n in graph.nodes} for split in ("train", "validation")}
        fit(scm, splits, config, bars=bars)
        save(scm, folder)
    return load(folder)


class _RememberedTruth:
    """A truth that caches its answers, because all cells use the same queries."""

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
    """Return the same measurement, computed once for each image."""
    known: dict[bytes, float] = {}

    def measure(images: Tensor) -> NDArray[np.float64]:
        keys = [hashlib.sha1(image.tobytes(), usedforsecurity=False).digest() for image in images.numpy()]
        new = [position for position, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip((keys[position] for position in new), function(images[new])))
        return np.array([known[key] for key in keys])

    return measure
