"""The noise that rows of one group, such as images of one person, share: measured in data, and simulated.

A structural causal model draws every row independently, but rows of one group are dependent. Here each node's noise is,
independently in each row, that of the group with probability sqrt(r), and fresh otherwise. Each row keeps the
distribution of the model, so its interventional effects stay the same, and any function of the noise of two rows of one
group has correlation r.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..nn import seeded
from ..scm import StructuralCausalModel
from ..typing import Values

__all__ = ["SharedNoise", "draw_grouped"]

Array = NDArray[np.float64]
REDRAWN = 8
"""Number of draws of every node from which its mean given its parents is estimated."""


@dataclass(frozen=True, eq=False)
class SharedNoise:
    """Sizes of groups, and how much of its noise each node shares within them.

    Args:
        sizes: Rows of each observed group; those of simulated groups are drawn from them.
        shared: By node, the correlation r of its noise between two rows of one group, 0 to 1; 0 for nodes left out.
        name: The column of the groups, for messages.
    """

    sizes: NDArray[np.int64]
    shared: Mapping[str, float] = field(default_factory=dict)
    name: str = "group"

    @classmethod
    def measure(
        cls,
        scm: StructuralCausalModel,
        values: Mapping[str, Any],
        groups: Any,
        *,
        readings: Mapping[str, Callable[[Any], Any]] | None = None,
        name: str = "group",
        seed: int = 0,
    ) -> "SharedNoise":
        """Compare each node of observed rows with draws of the model given the same parents.

        r is the covariance between rows of one group, divided by the variance, of the part that the draws leave
        unexplained; exactly 1 for an attribute that never differs within a group.

        Args:
            scm: The fitted model.
            values: Observed values by node, `(n, ...)`.
            groups: Group of each row, `(n,)`.
            readings: By image node, what is read from its images; images without a reading share nothing.
            name: The column of the groups.
            seed: Seed of the draws.

        Raises:
            DataError: The number of groups differs from the number of rows.
        """
        tensors = {node: scm.tensor(node, values[node]) for node in scm.graph.nodes}
        codes, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)[1:]
        rows = len(next(iter(tensors.values())))
        if len(codes) != rows:
            raise DataError(f"Expected a group for each of {rows} rows; got {len(codes)}.")
        shared = {}
        if counts.max() > 1:
            with torch.no_grad(), seeded(seed, scm.like.device):
                for node in scm.graph.nodes:
                    read = (readings or {}).get(node)
                    if read is not None or not scm.graph[node].is_image:
                        shared[node] = _correlation(scm, node, tensors, read, codes)
        return cls(counts, shared, name)


def draw_grouped(
    scm: StructuralCausalModel, groups: NDArray[np.int64], shared: Mapping[str, float], seed: int
) -> dict[str, Tensor]:
    """One draw of every node for rows of groups 0, 1, ..., values by node `(rows, ...)`."""
    rows, members = len(groups), torch.as_tensor(groups, device=scm.like.device)
    values: dict[str, Tensor] = {}
    with torch.no_grad(), seeded(seed, scm.like.device):
        for node, mechanism in scm.mechanisms.items():
            noise = {part: law.sample() for part, law in mechanism.noise((rows,)).items()}
            if r := shared.get(node, 0.0):
                common = mechanism.noise((int(groups.max()) + 1,))
                taken = torch.rand(rows, device=members.device) < r**0.5
                for part, fresh in noise.items():
                    mask = taken.reshape(-1, *[1] * (fresh.dim() - 1))
                    noise[part] = torch.where(mask, common[part].sample()[members], fresh)
            values[node] = scm.assign(node, noise, {parent: values[parent] for parent in scm.graph.parents(node)})
    return values


def _correlation(
    scm: StructuralCausalModel, node: str, values: Values, read: Callable[[Any], Any] | None, codes: NDArray[np.int64]
) -> float:
    """The correlation of one node's noise within groups."""
    variable, mechanism = scm.graph[node], scm.mechanisms[node]
    labels = None if read is not None else variable.labels

    def columns(value: Tensor) -> Array:
        """The compared values, `(n, columns)`: a reading, a number, or indicators of labels."""
        numbers = np.asarray(value.double().cpu() if read is None else read(value), dtype=np.float64).reshape(-1, 1)
        return numbers if labels is None else (numbers == np.arange(len(labels))).astype(np.float64)

    observed, parents = columns(values[node]), {parent: values[parent] for parent in scm.graph.parents(node)}
    if (observed == observed[np.unique(codes, return_index=True)[1]][codes]).all():
        return 1.0
    again = []
    for _ in range(REDRAWN):
        noise = {part: law.sample() for part, law in mechanism.noise((len(observed),)).items()}
        again.append(columns(scm.assign(node, noise, parents)))
    left = observed - np.mean(again, axis=0)
    left = np.nan_to_num(left - np.nanmean(left, axis=0))  # an image without a reading carries no information
    sums = np.stack([np.bincount(codes, weights=column) for column in left.T], axis=1)
    counts = np.bincount(codes)
    covariance = ((sums**2).sum() - (left**2).sum()) / (counts * (counts - 1)).sum()
    variance = (left**2).sum() / len(left) * REDRAWN / (REDRAWN + 1)
    return float(np.clip(covariance / variance, 0.0, 1.0)) if variance > 0 else 0.0
