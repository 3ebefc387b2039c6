r"""Minimality: does a counterfactual change only what it must? Counterfactual latent divergence (CLD).

.. math:: \log\bigl(0.8\, e^{P(d(x, x') \le d(x, x^*))} + 0.2\, e^{P(d(x, x'') \ge d(x, x^*))}\bigr)

`x*` is the counterfactual of `x`; `x'` are test images with the counterfactual value and `x''` test images with the
factual one (for a continuous attribute: that lie in the same of nine bins). A small value means that the counterfactual
is nearer to its factual image than other images with its value are, and not nearer than other images with the factual
value. Here `d` is the Euclidean distance between posterior means of a VAE without attributes; the published code uses a
divergence between Gaussians and passes the mean in place of the log-scale, so its values are not comparable.

Returning the factual image scores log(.8 + .2 e) = .295 (Melistas et al., Benchmarking counterfactual image generation,
2024): this is the score of the identity control, not a target.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..graph import Variable
from .case import Case
from .cohort import choose
from .queries import bin_edges
from .result import MetricResult
from .spaces import Space

__all__ = ["IDENTITY_CLD", "minimality"]

NEAR, FAR = 0.8, 0.2
IDENTITY_CLD = math.log(NEAR + FAR * math.e)
REFERENCES = 2000
"""Maximum number of test units to compare with."""
LEAST = 5
"""Units with fewer reference images on either side are left out."""


def minimality(case: Case, latents: Space) -> list[MetricResult]:
    """CLD of every row.

    Args:
        case: A query with its answers.
        latents: Where distances are taken.
    """
    cohort = case.cohort
    reference_rows = choose(cohort.data.split["test"], REFERENCES, cohort.seed)
    references = cohort.data.rows(reference_rows)
    there, here = latents(references[cohort.image]), latents(cohort.real)
    others = _distances(here, there)
    itself = np.asarray(cohort.rows)[:, None] == np.asarray(reference_rows)[None]
    asked, had = ~itself, ~itself
    for name, value in case.query.do.items():
        variable, column = cohort.graph[name], references[name]
        asked = asked & _alike(variable, value.cpu(), column)
        had = had & _alike(variable, cohort.factual[name], column)
    enough = ((asked.sum(1) >= LEAST) & (had.sum(1) >= LEAST)).astype(float)
    scores = {}
    for answer in case.answers:
        moved = np.linalg.norm(latents(answer.images) - here, axis=1)[:, None]
        nearer, farther = _share(others <= moved, asked), _share(others >= moved, had)
        scores[answer.row] = np.log(NEAR * np.exp(nearer) + FAR * np.exp(farther)) * enough
    note = f"identity is {IDENTITY_CLD:.3f} by construction: no target"
    return case.units.results("minimality CLD", scores, relative_to=enough, notes=dict.fromkeys(scores, note))


def _distances(points: NDArray, others: NDArray) -> NDArray[np.float64]:
    return torch.cdist(torch.from_numpy(points), torch.from_numpy(others)).numpy()


def _alike(variable: Variable, values: Tensor, column: Tensor) -> NDArray[np.bool_]:
    """Return which references `(M,)` are similar to each unit's value `(N,)`, bool `(N, M)`."""
    if variable.is_discrete:
        return values.numpy()[:, None] == column.numpy()[None]
    edges = bin_edges(column.numpy())
    return np.digitize(values.numpy(), edges)[:, None] == np.digitize(column.numpy(), edges)[None]


def _share(event: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    return (event & among).sum(1) / np.maximum(among.sum(1), 1)
