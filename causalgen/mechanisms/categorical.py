r"""Categorical and binary variables by the Gumbel-max trick.

.. math:: x = \arg\max_k \bigl(\ell_k(pa) + g_k\bigr), \qquad g_k \sim \text{Gumbel}(0, 1)

Abduction draws the Gumbels from their exact posterior given the observed category (Oberst and Sontag, Counterfactual
off-policy evaluation with Gumbel-max SCMs, 2019). Counterfactuals of a categorical variable are not identified from
data: Gumbel-max is one choice among many that agree on all interventional distributions.
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

__all__ = ["Categorical"]


class Categorical(Abductive, Density):
    """Gumbel-max mechanism of a binary or categorical variable.

    Noise: `gumbel`, `(B, K)` with one entry for each of the K labels.

    Args:
        variable: A binary or categorical variable.
        parents: Parents of any kind.
        hidden: Widths of the hidden layers of the logits' network; without parents the logits are free.
    """

    kinds = ("binary", "categorical")
    privacy_obstacle = ""
    abduction = Abduction.POSTERIOR
    draws_from = "standard Gumbel"
    identification = Identification(
        Identifiability.BOUNDED, "the Gumbel-max coupling of the labels under different parents"
    )

    def __init__(
        self, variable: Variable, parents: Mapping[str, Variable], *, hidden: Sequence[int] = (32, 32)
    ) -> None:
        super().__init__(variable, parents)
        self.count = len(variable.labels or ())
        self.features = Features(self.parents)
        self.network = mlp(self.features.width, self.count, hidden if self.parents else ())

    def initialize(self, value: Tensor, parents: Values) -> None:
        self.features.fit(parents)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        # Half a unit is added to each label, so that no label starts at probability 0.
        frequency = torch.bincount(value.long(), minlength=self.count).to(last.bias) + 0.5
        with torch.no_grad():  # start at the frequencies
            last.bias.copy_((frequency / frequency.sum()).log())
            last.weight.mul_(0.1)  # parents start with little influence

    def logits(self, parents: Values) -> Tensor:
        """Log probabilities `(B, K)`, or `(1, K)` without parents."""
        return F.log_softmax(self.network(self.features(parents)), dim=-1)

    def noise(self, batch_shape: tuple[int, ...] = ()) -> dict[str, Distribution]:
        zero = self._zero
        return {"gumbel": dist.Gumbel(zero, zero + 1).expand((*batch_shape, self.count)).to_event(1)}

    def forward(self, noise: Noise, parents: Values, *, changed: frozenset[str] = frozenset()) -> Tensor:
        return (self.logits(parents) + noise["gumbel"]).argmax(dim=-1)

    def abduct(self, value: Tensor, parents: Values, *, draw: bool = True) -> Noise:
        """Exact posterior draw: the winner's perturbed logit is a free Gumbel, the others are truncated below it."""
        return self.abduct_from(self.fresh(len(value)), value, parents)

    def fresh(self, count: int) -> Tensor:
        return self.noise((count,))["gumbel"].sample()

    def abduct_from(self, fresh: Tensor, value: Tensor, parents: Values) -> Noise:
        logits = self.logits(parents).expand(value.shape[0], self.count)
        winner = F.one_hot(value.long(), self.count).bool()
        top = (fresh * winner).sum(-1, keepdim=True)  # the logits sum to one, so the maximum is Gumbel(0)
        truncated = -torch.logaddexp(-top.expand_as(logits), -(logits + fresh))  # Gumbels below `top`
        # If a rival's probability is tiny, the two exponentials round to the winner's own value; keep the winner
        # strictly first.
        truncated = torch.minimum(truncated, torch.nextafter(top, torch.full_like(top, -torch.inf)))
        return {"gumbel": torch.where(winner, top, truncated) - logits}

    def log_prob(self, value: Tensor, parents: Values) -> Tensor:
        logits = self.logits(parents).expand(len(value), self.count)
        return logits.gather(-1, value.long()[:, None])[:, 0]

    def observe(self, name: str, parents: Values, value: Tensor | None = None) -> Tensor:
        return pyro.sample(name, dist.Categorical(logits=self.logits(parents)), obs=value)
