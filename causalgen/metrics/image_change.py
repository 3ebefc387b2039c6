"""The change that an intervention makes to a number read from the image.

With x the factual image, x' the image redrawn by the model without a change, and x* the counterfactual image, all with the
same noise, and m the number that is read,

    change = mean of m(x*) - m(x'),        floor = mean of m(x') - m(x)

over the units in which the intervention changes an attribute. Using the redrawn image instead of the factual one keeps
the effect of redrawing itself, such as smoothing, out of the change; the floor measures that effect.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..datasets import Dataset
from ..datasets.labels import RowLabels
from ..errors import SupportWarning
from ..scm import Counterfactual, StructuralCausalModel
from .bootstrap import bootstrap
from .spaces import Measure

__all__ = ["ImageChange", "image_changes"]


@dataclass(frozen=True)
class ImageChange:
    """The change of one number under one intervention.

    Args:
        query: The intervention, such as "do(age = 80 years)".
        name: The number that is read.
        factual, redrawn, counterfactual: Mean of the readings of the images of each kind.
        change, low, high: Mean change with its 95 % interval, bootstrapped over groups.
        floor, floor_low, floor_high: The same for redrawing without a change.
        units: Units over which the means are taken.
        asked: Units that were queried; those not among `units` already have the values of the intervention, or could
            not be read.
        groups: Groups of the units.
        supported: Share of the units within joint support.
        spread: Standard deviation of the readings of the factual images.
        expected: Whether the number should respond to the intervention.
    """

    query: str
    name: str
    factual: float
    redrawn: float
    counterfactual: float
    change: float
    low: float
    high: float
    floor: float
    floor_low: float
    floor_high: float
    units: int
    asked: int
    groups: int
    supported: float
    spread: float
    expected: bool = False

    @property
    def strength(self) -> float:
        """The size of the change in standard deviations of the factual images; 0 without a change."""
        if self.spread > 0:
            return abs(self.change) / self.spread
        return math.inf if self.change else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def image_changes(
    scm: StructuralCausalModel,
    data: Dataset,
    rows: RowLabels,
    do: Mapping[str, Any],
    readers: Mapping[str, tuple[str, Measure]],
    *,
    seed: int = 0,
) -> list[ImageChange]:
    """The change that an intervention makes to the images of some units, for every number that is read.

    Args:
        scm: A fitted model whose image can be abducted.
        data: The data.
        rows: Row labels of the units, `(N,)`.
        do: The intervention.
        readers: By name, the image that is read and the function that reads it.
        seed: Seed of abduction and bootstrap.

    Raises:
        AbductionError: The image cannot be abducted.
    """
    factual = data.rows(rows)
    posterior = scm.abduct(factual, seed=seed)
    with warnings.catch_warnings(action="ignore", category=SupportWarning):  # the share within support is reported
        imposed = posterior.counterfactual(do)
        redrawn = posterior.counterfactual({name: factual[name] for name in do})
    moved = _moved(imposed, redrawn, do)
    supported = imposed.supported.cpu().numpy().astype(bool)
    found = []
    for name, (image, read) in readers.items():
        numbers = [_read(read, images) for images in (factual[image], redrawn[image], imposed[image])]
        use = moved & np.isfinite(numbers).all(axis=0)
        if use.any():
            groups = data.groups(rows).numpy()[use]
            before, same, after = (column[use] for column in numbers)
            change, floor = bootstrap(after - same, groups, seed=seed), bootstrap(same - before, groups, seed=seed)
            found.append(
                ImageChange(
                    query=imposed.title,
                    name=name,
                    factual=float(before.mean()),
                    redrawn=float(same.mean()),
                    counterfactual=float(after.mean()),
                    change=change.value,
                    low=change.low,
                    high=change.high,
                    floor=floor.value,
                    floor_low=floor.low,
                    floor_high=floor.high,
                    units=int(use.sum()),
                    asked=len(use),
                    groups=len(np.unique(groups)),
                    supported=float(supported[use].mean()),
                    spread=float(before.std()),
                )
            )
    return found


def _moved(imposed: Counterfactual, redrawn: Counterfactual, do: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return the units in which the intervention changes an attribute, bool `(N,)`."""
    changed = torch.stack([imposed[name].cpu() != redrawn[name].cpu() for name in do])
    return np.asarray(changed.any(0))


def _read(read: Measure, images: Tensor) -> NDArray[np.float64]:
    return np.asarray(read(images.cpu()), dtype=np.float64)
