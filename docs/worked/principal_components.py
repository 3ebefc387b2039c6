r"""A linear image mechanism: the parents move a mean image, and principal components carry what is left of a unit.

.. math:: x = a + B\, \phi(pa) + W u, \qquad u \sim N(0, I_k)

with :math:`\phi` the features of the parents, least squares for :math:`a, B`, and :math:`W` the scaled principal components of
the residuals (Tipping and Bishop, Probabilistic principal component analysis, 1999). Nothing is trained.
"""

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from causalgen.graph import Variable
from causalgen.mechanisms import Abduction, Abductive
from causalgen.nn import Features
from causalgen.typing import Noise, Values

__all__ = ["PrincipalComponents"]


class PrincipalComponents(Abductive):
    """Mean image by linear regression, residuals by principal components; what they miss of an image is lost.

    Args:
        variable: An image variable.
        parents: Attributes of any kind.
        components: Number of principal components.
    """

    kinds = ("image",)
    abduction = Abduction.POINT

    def __init__(self, variable: Variable, parents: Mapping[str, Variable], *, components: int = 20) -> None:
        super().__init__(variable, parents)
        if images := [name for name, parent in parents.items() if parent.is_image]:
            raise ValueError(f"Expected attributes as parents of '{variable.name}'; got the images {images}.")
        pixels = variable.shape[0] * variable.shape[1] * variable.shape[2]
        self.features = Features(self.parents)
        self.register_buffer("slopes", torch.zeros(1 + self.features.width, pixels))
        self.register_buffer("loadings", torch.zeros(components, pixels))

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.features.fit(parents)
        images, design = value.flatten(1).to(self.slopes), self._design(parents, len(value))
        self.slopes.copy_(torch.linalg.pinv(design) @ images)
        residuals = images - design @ self.slopes
        count = min(len(self.loadings), *residuals.shape)
        _, scales, directions = torch.pca_lowrank(residuals, count, center=False)
        self.loadings[:count] = (directions * scales).T / len(images) ** 0.5

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zeros = torch.zeros_like(self.loadings[:, 0])
        return {"scores": dist.Normal(zeros, zeros + 1).expand((*batch_shape, len(zeros))).to_event(1)}

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        residuals = value.flatten(1).to(self.slopes) - self._design(parents, len(value)) @ self.slopes
        return {"scores": residuals @ self.loadings.T / self.loadings.square().sum(1).clamp_min(1e-12)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        flat = self._design(parents, len(noise["scores"])) @ self.slopes + noise["scores"] @ self.loadings
        return flat.unflatten(1, self.variable.shape).clamp(*(self.variable.support or (0.0, 255.0)))

    def _design(self, parents: Values, count: int) -> Tensor:
        features = self.features(parents).expand(count, -1)
        return torch.cat([features.new_ones(count, 1), features], dim=1)
