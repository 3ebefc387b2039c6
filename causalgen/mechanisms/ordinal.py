r"""Ordinal variables: ordered thresholds on one latent.

.. math:: x = \#\{k : c_k < f(pa) + u\}, \qquad u \sim \text{Logistic}(0, 1), \quad c_1 < \dots < c_{K-1}

the proportional-odds model (McCullagh, Regression models for ordinal data, 1980) with a flexible f. Abduction draws u
from its exact posterior, the logistic law truncated to the interval of the observed level.
"""

from collections.abc import Mapping, Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from ..graph import Variable
from ..nn import Features, mlp
from ..typing import Noise, Values
from .base import Abduction, Abductive, Density
from .identification import Identifiability, Identification

__all__ = ["Ordinal"]

FAR = 30.0
"""Beyond this, the logistic distribution function is practically 0 or 1 in double precision."""


class Ordinal(Abductive, Density):
    """Ordered thresholds on one logistic latent.

    Noise: `u`, `(B,)`.

    Args:
        variable: An ordinal variable; its labels ascend.
        parents: Parents of any kind.
        hidden: Widths of the hidden layers of f.
    """

    kinds = ("ordinal",)
    privacy_obstacle = ""
    abduction = Abduction.POSTERIOR
    draws_from = "uniform on [0, 1)"
    identification = Identification(Identifiability.BOUNDED, "ordered thresholds on one logistic noise")

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, hidden: Sequence[int] = (32, 32)
    ) -> None:
        super().__init__(variable, parents)
        self.count = len(variable.labels or ())
        self.features = Features(self.parents)
        self.shift = mlp(self.features.width, 1, hidden) if self.parents else None
        self.first = nn.Parameter(torch.zeros(1))
        self.gaps = nn.Parameter(torch.zeros(self.count - 2))

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.features.fit(parents)
        # Half a unit is added to each level, so that no threshold starts at infinity.
        frequency = torch.bincount(value.long(), minlength=self.count).to(self.first) + 0.5
        cuts = torch.logit((frequency / frequency.sum()).cumsum(0)[:-1])
        with torch.no_grad():
            self.first.copy_(cuts[:1])
            self.gaps.copy_((cuts[1:] - cuts[:-1]).expm1().clamp_min(1e-3).log())  # inverse of softplus

    def thresholds(self) -> Tensor:
        """Ascending thresholds `(K - 1,)` on the latent scale."""
        return torch.cat([self.first, self.first + F.softplus(self.gaps).cumsum(0)])

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = torch.zeros_like(self.first[0])
        return {"u": dist.Logistic(zero, zero + 1).expand(batch_shape)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        latent = noise["u"] + self._shift(parents)
        return (self.thresholds() < latent[..., None]).sum(-1)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        return self.abduct_from(self.fresh(len(value)), value, parents)

    def fresh(self, count: int) -> Tensor:
        return torch.rand(count, dtype=self.first.dtype, device=self.first.device)

    def abduct_from(self, fresh: Tensor, value: Tensor, parents: Values) -> Noise:
        low, high = self._interval(value, parents)
        mass_low, mass_high = torch.sigmoid(low), torch.sigmoid(high)
        level = mass_low + fresh * (mass_high - mass_low)
        # Rounding must not leave the interval, which is open below: the noise has to give the observed level.
        inside = torch.nextafter(low, torch.full_like(low, torch.inf))
        return {"u": torch.maximum(torch.minimum(torch.logit(level, eps=1e-12), high), inside)}

    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        return _log_mass(*self._interval(value, parents))

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        edges = self._edges() - self._shift(parents)[:, None]
        return pyro.sample(name, dist.Categorical(logits=_log_mass(edges[:, :-1], edges[:, 1:])), obs=value)

    def _shift(self, parents: Values) -> Tensor:
        return self.first.new_zeros(1) if self.shift is None else self.shift(self.features(parents))[:, 0]

    def _edges(self) -> Tensor:
        far = self.first.new_full((1,), FAR)
        cuts = self.thresholds()
        # Relative to the outer thresholds too, which training can move beyond FAR.
        return torch.cat([torch.minimum(-far, cuts[:1] - far), cuts, torch.maximum(far, cuts[-1:] + far)])

    def _interval(self, value: Tensor, parents: Values) -> tuple[Tensor, Tensor]:
        """Interval of the noise that gives the observed level."""
        edges, shift = self._edges(), self._shift(parents)
        return edges[value.long()] - shift, edges[value.long() + 1] - shift


def _log_mass(low: Tensor, high: Tensor) -> Tensor:
    """log(sigmoid(high) - sigmoid(low)) without cancellation."""
    return F.logsigmoid(high) + F.logsigmoid(-low) + torch.log(-torch.expm1(low - high))
