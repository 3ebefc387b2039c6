"""Spaces in which images are compared: features of the project's own networks, trained on the training split."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from ..datasets import Dataset
from ..errors import DataError
from ..graph import CausalGraph
from ..nn import seeded
from ..predictors import AttributePredictor
from ..scm import StructuralCausalModel, load, save
from ..training import FitConfig, Stage, fit

__all__ = ["Measure", "Space", "feature_space", "fit_latents", "kept_latents", "latent_space"]

Measure: TypeAlias = Callable[[Tensor], NDArray]
"""Function of images `(N, C, H, W)` from 0 to 255 to one measured number each, `(N,)`, NaN where it cannot measure."""
Space: TypeAlias = Callable[[Tensor], NDArray[np.float64]]
"""Function of images `(N, C, H, W)` from 0 to 255 to points `(N, D)`."""
BATCH = 1000
REFERENCES = 5000
"""Number of training images from which the scale of each feature is estimated."""


def feature_space(predictors: Mapping[str, AttributePredictor], data: Dataset, *, image: str) -> Space:
    """Last features of attribute predictors, concatenated, each with unit standard deviation over the training images.

    Distances in it are not comparable to those in the features of an Inception network.

    Raises:
        DataError: No predictor.
    """
    if not predictors:
        raise DataError("Expected at least one attribute predictor to take features from; got none.")
    rows = data.split["train"][:REFERENCES]
    pieces = (data.rows(rows[start : start + BATCH])[image] for start in range(0, len(rows), BATCH))
    scale = np.maximum(np.concatenate([_features(predictors, piece) for piece in pieces]).std(axis=0), 1e-6)
    return lambda images: _features(predictors, images) / scale


@torch.no_grad()
def _features(predictors: Mapping[str, AttributePredictor], images: Tensor) -> NDArray[np.float64]:
    columns = []
    for predictor in predictors.values():
        predictor.eval()
        device = next(predictor.parameters()).device
        parts = [predictor.embed(part.to(device)).cpu() for part in images.split(BATCH)]
        columns.append(torch.cat(parts).double().numpy())
    return np.concatenate(columns, axis=1)


def fit_latents(
    data: Dataset,
    *,
    image: str,
    latent: int = 16,
    width: int = 32,
    epochs: int = 10,
    seed: int = 0,
    device: str = "auto",
    bars: Progress | None = None,
) -> StructuralCausalModel:
    """Train a VAE of the images alone, without attributes; minimality is measured in its latent space.

    Args:
        data: The data set; training and validation splits are used.
        image: Name of the image node.
        latent: Dimensions.
        width: Channels at the coarse resolution.
        epochs: Passes over the training split.
        seed: Seed of weights, batches and noise.
        device: Where to train, as lightning-fabric names it.
        bars: Rich progress bars.
    """
    graph = CausalGraph([], [data.graph[image]])
    options = {"mechanism": "hierarchical-vae", "latent": latent, "maps": [], "width": width}
    with seeded(seed):
        scm = StructuralCausalModel(graph, {image: options})
    stage = Stage(epochs=epochs, batch_size=128, learning_rate=2e-3, ema=0.99, patience=epochs)
    splits = {split: {image: data.part(split)[image]} for split in ("train", "validation")}
    fit(scm, splits, FitConfig(images=stage, device=device, seed=seed), bars=bars)
    return scm


def latent_space(vae: StructuralCausalModel) -> Space:
    """Posterior means of the VAE of `fit_latents`."""
    (image,) = vae.graph.nodes

    def encode(images: Tensor) -> NDArray[np.float64]:
        noise = vae.abduct({image: images}).noise[image]
        return torch.cat([part.flatten(1) for part in noise.values()], dim=1).cpu().double().numpy()

    return encode


def kept_latents(
    data: Dataset, folder: Path, *, image: str, epochs: int, device: str = "auto", bars: Progress | None = None
) -> Space:
    """Return the latent space of minimality: read from the folder, or trained and saved there."""
    if not (folder / "model.json").is_file():
        save(fit_latents(data, image=image, epochs=epochs, device=device, bars=bars), folder)
    vae = load(folder)
    return latent_space(vae if device == "auto" else vae.to(device))
