r"""Missing values of linear-Gaussian mechanisms, in closed form.

Each factor of a missing node or of a known child is :math:`(c + A h)/s \sim N(0, 1)` in the missing values h, so that
their posterior is Gaussian with precision :math:`\sum A^\top A/s^2` and mean :math:`-\Lambda^{-1} \sum A^\top c/s^2`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..mechanisms import LinearGaussian

if TYPE_CHECKING:
    from .completion import HiddenGroup
    from .model import StructuralCausalModel

__all__ = ["draw_gaussian", "gaussian_posterior", "is_linear_gaussian"]


def is_linear_gaussian(scm: "StructuralCausalModel", group: "HiddenGroup") -> bool:
    """Whether every factor of a group is linear-Gaussian; a bounded support would truncate the Gaussian."""
    nodes = [*group.hidden, *group.witnesses]
    return all(isinstance(scm.mechanisms[name], LinearGaussian) for name in nodes) and all(
        scm.graph[name].kind == "continuous" and scm.graph[name].support is None for name in group.hidden
    )


def draw_gaussian(
    scm: "StructuralCausalModel", group: "HiddenGroup", known: Mapping[str, Tensor], particles: int
) -> dict[str, Tensor]:
    """Draws `(k * b,)` of the missing nodes, particle-major."""
    mean, factor = gaussian_posterior(scm, group, known)
    noise = torch.randn(len(factor), particles * len(mean), dtype=mean.dtype)
    spread = torch.linalg.solve_triangular(factor.T, noise, upper=True).T.unflatten(0, (particles, len(mean)))
    draws = (mean + spread).flatten(0, 1).to(scm.like)
    return {name: draws[:, place] for place, name in enumerate(group.hidden)}


def gaussian_posterior(
    scm: "StructuralCausalModel", group: "HiddenGroup", known: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean `(b, d)` of the missing nodes and lower Cholesky factor `(d, d)` of their precision, in double precision."""
    place = {name: position for position, name in enumerate(group.hidden)}
    units = len(next(iter(known.values())))
    precision = torch.zeros(len(place), len(place), dtype=torch.float64)
    pull = torch.zeros(units, len(place), dtype=torch.float64)
    for name in (*group.hidden, *group.witnesses):
        mechanism = scm.mechanisms[name]
        assert isinstance(mechanism, LinearGaussian)
        row = torch.zeros(len(place), dtype=torch.float64)
        rest = torch.full((units,), -float(mechanism.intercept), dtype=torch.float64)
        for variable, weight in ((name, 1.0), *zip(mechanism.parents, (-mechanism.weight).tolist())):
            if variable in place:
                row[place[variable]] += weight
            else:
                rest += weight * known[variable].double().cpu()
        precision += torch.outer(row, row) / float(mechanism.scale) ** 2
        pull -= row * rest[:, None] / float(mechanism.scale) ** 2
    factor = torch.linalg.cholesky(precision)
    return torch.cholesky_solve(pull.T, factor).T, factor
