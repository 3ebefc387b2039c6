r"""Linear-Gaussian mechanism, fitted in closed form: the oracle against which the library is tested.

.. math:: x = a + b^\top pa + s u, \qquad u \sim N(0, 1)
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions.transforms import AffineTransform, Transform

from ..errors import DataError
from ..graph import Variable
from ..typing import Values
from .identification import Identifiability, Identification
from .scalar_flow import ScalarFlow

__all__ = ["LinearGaussian"]


class LinearGaussian(ScalarFlow):
    """Least-squares regression on continuous or binary parents with Gaussian residuals; nothing is left to train.

    Args:
        variable: A continuous variable.
        parents: Continuous or binary parents (a binary code counts as 0 or 1).
    """

    parent_kinds = ("continuous", "binary")
    privacy_obstacle = "it is fitted in closed form to the rows"
    must_be_positive = ("scale",)
    identification = Identification(
        Identifiability.ASSUMED,
        "a linear function of the parents plus one Gaussian noise, and no hidden confounding",
    )
    intercept: Tensor
    weight: Tensor
    scale: Tensor

    def __init__(self, variable: Variable, parents: Mapping[str, Variable]) -> None:
        super().__init__(variable, parents)
        wrong = [p.name for p in self.parents.values() if p.kind not in self.parent_kinds]
        if wrong:
            raise ValueError(
                f"Expected continuous or binary parents for the linear-Gaussian mechanism of '{variable.name}'; "
                f"got {wrong}. Use 'additive-noise' instead."
            )
        self.register_buffer("intercept", torch.zeros(()))
        self.register_buffer("weight", torch.zeros(len(self.parents)))
        self.register_buffer("scale", torch.ones(()))

    def set(self, intercept: float, weights: Mapping[str, float], scale: float) -> "LinearGaussian":
        """Set the coefficients by hand, in natural units, and return the mechanism."""
        self.intercept.fill_(intercept)
        self.scale.fill_(scale)
        for i, name in enumerate(self.parents):
            self.weight[i] = weights[name]
        return self.declare_fitted()

    def initialize(self, value: Tensor, parents: Values) -> None:
        # In double precision on the CPU: this driver copes with collinear parents, and accelerators lack it.
        design = (
            torch.stack([torch.ones_like(value), *(parents[p].to(value) for p in self.parents)], dim=1).double().cpu()
        )
        solution = torch.linalg.lstsq(design, value.double().cpu()[:, None], driver="gelsd").solution[:, 0]
        residual = value.double().cpu() - design @ solution
        if float(residual.std()) <= 1e-6 * float(value.double().std()):
            raise DataError(f"Expected '{self.variable.name}' to vary given its parents; got a perfect linear fit.")
        self.intercept.copy_(solution[0])
        self.weight.copy_(solution[1:])
        self.scale.copy_(residual.square().mean().sqrt())

    def transform(self, parents: Values) -> Transform:
        mean = self.intercept
        for i, name in enumerate(self.parents):
            mean = mean + self.weight[i] * parents[name].to(self.weight)
        return AffineTransform(mean, self.scale)
