"""Noise leak: abducted noise should be independent of the parents; how well does it predict them?

Leaked information does not change with the parent, so that the counterfactual image contradicts its attributes.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from ..graph import Variable
from ..scm import Posterior
from .bootstrap import Interval, bootstrap
from .controls import PERMUTATION
from .result import MetricResult
from .units import ALL

__all__ = ["flat_noise", "leak_of", "noise_leak", "predictability"]

FOLDS = 5
PENALTIES = np.logspace(-1, 4, 6)


def noise_leak(
    posteriors: Mapping[str, Posterior], groups: NDArray, *, image: str, seed: int = 0
) -> list[MetricResult]:
    """How well a linear model predicts each parent of the image from the image's abducted noise; see `predictability`.

    A linear model bounds the leak from below. The permutation control, the model's noise permuted among units, shows
    the chance level.

    Args:
        posteriors: Abducted units by row; the first is permuted for the control.
        groups: `(N,)`.
        image: Name of the image node.
        seed: Seed of permutation and bootstrap.
    """
    posterior = next(iter(posteriors.values()))
    graph = posterior.scm.graph
    parents = {graph[name]: posterior.factual[name].cpu() for name in graph.parents(image) if not graph[name].is_image}
    noises = {row: flat_noise(one, image) for row, one in posteriors.items()}
    return leak_of(noises, parents, groups, seed=seed)


def leak_of(
    noises: Mapping[str, NDArray], parents: Mapping[Variable, Tensor], groups: NDArray, *, seed: int = 0
) -> list[MetricResult]:
    """`noise_leak` of noise that is known.

    Args:
        noises: Abducted noise of the image by row, `(N, dimensions)`; the first is permuted for the control.
        parents: Values of the parents of the image.
        groups, seed: As for `noise_leak`.
    """
    order = np.random.default_rng(seed).permutation(len(groups))
    noises = {row: noise.astype(np.float64) for row, noise in noises.items()}
    noises[PERMUTATION] = next(iter(noises.values()))[order]
    return [
        predictability(variable, noise, parent, groups, row=row, seed=seed)
        for variable, parent in parents.items()
        for row, noise in noises.items()
    ]


def flat_noise(posterior: Posterior, image: str) -> NDArray:
    """The abducted noise of the image, `(N, dimensions)`."""
    return torch.cat([p.reshape(len(p), -1) for p in posterior.noise[image].values()], dim=1).cpu().numpy()


def predictability(
    variable: Variable, noise: NDArray, parent: Tensor, groups: NDArray, *, row: str, seed: int = 0
) -> MetricResult:
    """R2 of ridge regression for a continuous parent, accuracy of logistic regression for a discrete one.

    Both are cross-validated over groups, so that no handwriting, person or scan is on both sides.

    Args:
        variable: The parent's variable.
        noise: `(N, dimensions)`.
        parent: The parent's values or codes, `(N,)`.
        groups: `(N,)`.
        row: Name of the row.
        seed: Seed of the bootstrap.
    """
    target = parent.numpy() if variable.is_discrete else parent.double().numpy()
    name = f"noise leak: {variable.name} {'accuracy' if variable.is_discrete else 'R2'}"
    count = len(np.unique(groups))
    folds = list(GroupKFold(min(FOLDS, count)).split(noise, target, groups)) if count > 1 else []
    unknown = "too few groups or labels" if not folds or any(len(np.unique(target[t])) < 2 for t, _ in folds) else ""
    unknown = unknown or ("" if np.isfinite(noise).all() else "the noise of some units is not finite")
    if unknown:
        nothing = Interval(np.nan, np.nan, np.nan)
        return MetricResult(name, "", row, ALL, *nothing, len(target), better="lower", note=unknown)
    learner = LogisticRegression(max_iter=1000) if variable.is_discrete else RidgeCV(PENALTIES)
    predicted = cross_val_predict(make_pipeline(StandardScaler(), learner), noise, target, cv=folds)
    if variable.is_discrete:
        interval = bootstrap(predicted == target, groups, seed=seed)
    else:
        spread = np.square(target - target.mean())
        interval = bootstrap(spread - np.square(target - predicted), groups, denominator=spread, seed=seed)
    return MetricResult(name, "", row, ALL, *interval, len(target), better="lower")
