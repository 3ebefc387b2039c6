r"""Location-scale noise: the parents move a continuous variable and change how widely it scatters.

.. math:: x = m(pa) + s(pa)\, u, \qquad u \sim N(0, 1), \quad s(pa) > 0

Increasing in one scalar noise, so abduction is exact (Immer et al., On the identifiability and estimation of causal
location-scale noise models, 2023).
"""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.distributions.transforms import AffineTransform, ComposeTransform, Transform

from causalgen.graph import Variable
from causalgen.mechanisms import ScalarFlow
from causalgen.nn import Features, Standardiser, mlp
from causalgen.typing import Values

__all__ = ["LocationScale"]


class LocationScale(ScalarFlow):
    """Gaussian noise whose mean and spread are functions of the parents.

    Args:
        variable: A continuous variable; inside its support, where it has one.
        parents: Parents of any kind.
        hidden: Widths of the hidden layers.
    """

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, hidden: Sequence[int] = (32, 32)
    ) -> None:
        super().__init__(variable, parents)
        self.scaler = Standardiser(variable.support)
        self.features = Features(self.parents)
        self.network = mlp(self.features.width, 2, hidden if self.parents else ())

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.scaler.fit(value)
        self.features.fit(parents)

    def transform(self, parents: Values) -> Transform:
        mean, log_scale = self.network(self.features(parents)).unbind(-1)
        return ComposeTransform([AffineTransform(mean, log_scale.exp()), self.scaler.transform()])
