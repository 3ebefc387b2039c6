r"""Gradient defect: how far the map from noise to image is from the gradient of a function.

The counterfactuals of an image are identified where the mechanism is the gradient of a convex function of its noise, the
optimal-transport map. The Jacobian J of a gradient is symmetric. For random signs w, the squared norms of Jw and J'w are
unbiased for that of J (Hutchinson, A stochastic estimator of the trace, 1989), so that

.. math:: \text{defect} = \frac{E\,\lVert J w - J^\top w \rVert^2}{2\,E\,(\lVert J w \rVert^2 + \lVert J^\top w \rVert^2)}
          = \frac{\lVert J - J^\top \rVert^2}{4\,\lVert J \rVert^2}

is the share of the Jacobian that is antisymmetric: 0 for a gradient, 1/2 for a matrix without any symmetry, 1 for one
that rotates every direction by a right angle. It does not measure convexity, and a map with defect 0 need not fit the
data.
"""

from collections.abc import Mapping

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..mechanisms.transport import TransportMechanism
from ..nn import seeded
from ..scm import Posterior
from ..typing import Noise, Values
from .bootstrap import bootstrap
from .result import MetricResult
from .units import ALL

__all__ = ["DEFECT", "gradient_defect"]

DEFECT = "gradient defect"
"""Name of the metric."""
STEP = 1e-2
"""Length of a central difference, in standard deviations of the noise."""
UNITS = 100
"""Maximum number of units that are measured; the defect of each is one draw."""
AT_ONCE = 50


def gradient_defect(
    posteriors: Mapping[str, Posterior], groups: NDArray, *, image: str, seed: int = 0
) -> list[MetricResult]:
    """The antisymmetric share of the Jacobian of the image with respect to its noise `z`, at the units' noise and parents.

    It is measured before pixels are clipped, on the first 100 units. Empty for guided mechanisms, and for those other
    than `diffusion` and `flow-matching`, which transport noise to an image along a field.

    Args:
        posteriors: Abducted units by row, without particles.
        groups: Group of each unit, `(N,)`.
        image: Name of the image node.
        seed: Seed of the signs and of the bootstrap.
    """
    results = []
    for row, posterior in posteriors.items():
        mechanism = posterior.scm.mechanisms[image]
        if isinstance(mechanism, TransportMechanism) and not mechanism.guided:
            apart, size = _norms(mechanism, posterior.noise[image], posterior.factual, seed)
            interval = bootstrap(apart, groups[: len(apart)], denominator=size, seed=seed)
            note = "0 for the gradient of a function, 0.5 without symmetry"
            results.append(MetricResult(DEFECT, "", row, ALL, *interval, len(apart), better="lower", note=note))
    return results


def _norms(mechanism: TransportMechanism, noise: Noise, values: Values, seed: int) -> tuple[NDArray, NDArray]:
    """Return, for each unit, the squared norm of Jw - J'w, and twice the sum of those of Jw and J'w, `(N,)` each."""
    apart, size = [], []
    with seeded(seed, noise["z"].device):
        for start in range(0, min(len(noise["z"]), UNITS), AT_ONCE):
            part = slice(start, min(start + AT_ONCE, UNITS))
            parents = {name: values[name][part] for name in mechanism.parents}
            forth, back = _both_ways(mechanism, {name: each[part] for name, each in noise.items()}, parents)
            apart.append(_squared(forth - back))
            size.append(2 * (_squared(forth) + _squared(back)))
    return torch.cat(apart).cpu().numpy(), torch.cat(size).cpu().numpy()


def _both_ways(mechanism: TransportMechanism, noise: Noise, parents: Values) -> tuple[Tensor, Tensor]:
    """Jw and J'w for random signs w, `(B, C, H, W)` each."""
    z = noise["z"]
    signs = torch.randint(0, 2, z.shape, device=z.device).to(z) * 2 - 1
    with torch.no_grad():
        above, below = (mechanism.unclipped({**noise, "z": z + s * STEP * signs}, parents) for s in (1, -1))
    with torch.enable_grad():
        start = z.detach().requires_grad_()
        (back,) = torch.autograd.grad(mechanism.unclipped({**noise, "z": start}, parents), start, signs)
    return (above - below) / (2 * STEP), back


def _squared(values: Tensor) -> Tensor:
    return values.double().square().flatten(1).sum(1)
