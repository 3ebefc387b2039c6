"""Weighted draws of missing values, and the proposals that they were drawn from (see `importance`)."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from .tempering import Heat

__all__ = ["Proposal", "WeightedDraws"]

LEAST_EFFECTIVE = 8
"""Effective sample size, in addition to one per dimension, that the moments of a proposal require."""
HALVINGS = 30
WIDER = 1.5
"""Factor on the covariance of the proposals, so that their tails are not too light."""
EVEN = 0.2
"""Share of a proposal of labels that is spread evenly over all of them."""


@dataclass(frozen=True)
class Proposal:
    """Where the draws of one round came from, for b units.

    Args:
        noise: Distribution of the noise z of the continuous nodes; None for the prior.
        labels: Log probabilities of the combinations of labels, `(b, C)`; None if each had an equal share.
    """

    noise: MultivariateNormal | None = None
    labels: Tensor | None = None

    def of(self, units: Tensor) -> "Proposal":
        """That of some units, given by flags `(b,)`."""
        noise = self.noise and MultivariateNormal(self.noise.loc[units], scale_tril=self.noise.scale_tril[units])
        return Proposal(noise, None if self.labels is None else self.labels[units])


@dataclass(frozen=True)
class WeightedDraws:
    """The draws of all rounds for b units; the first dimension of every tensor is the draw.

    Args:
        scales: Noise z of the continuous nodes, `(S, b, d)`.
        codes: Position of the draw's labels among their combinations, `(S, b)`.
        combinations: Number of these combinations, C.
        values: Values of the missing nodes, `(S, b, ...)`.
        logs: log of the product of the exact factors, `(S, b)`.
        images: log-likelihood of the images whose evidence is tempered, `(S, b)`; 0 without such an image.
        proposals: Proposal of each round.
        possible: By known node, whether it is possible under any draw, `(b,)`.
    """

    scales: Tensor
    codes: Tensor
    combinations: int
    values: dict[str, Tensor]
    logs: Tensor
    images: Tensor
    proposals: list[Proposal]
    possible: dict[str, Tensor] = field(default_factory=dict)

    def weights(self, heat: Heat) -> Tensor:
        """Log weights `(S, b)` at these temperatures.

        Where they differ, labels have their marginal distribution at their own temperature, and the other values their
        distribution given the labels.
        """
        base = self._exact
        logs = base + self.images / heat.continuous
        if self.combinations == 1 or heat.discrete == heat.continuous:
            return logs
        moved = self.by_labels(base + self.images / heat.discrete) - self.by_labels(logs)
        return logs + moved.nan_to_num(nan=0.0).gather(0, self.codes)  # nan: no draw of these labels is possible

    def by_labels(self, logs: Tensor) -> Tensor:
        """log of the summed weights of each combination of labels, `(C, b)`."""
        none = logs.new_full((self.combinations, logs.shape[1]), -torch.inf)
        most = none.scatter_reduce(0, self.codes, logs, "amax")
        level = most.nan_to_num(neginf=0.0)
        total = torch.zeros_like(none).scatter_add(0, self.codes, (logs - level.gather(0, self.codes)).exp())
        return total.log() + level

    def of(self, units: Tensor) -> "WeightedDraws":
        """The draws of some units, given by flags `(b,)`."""
        return WeightedDraws(
            self.scales[:, units],
            self.codes[:, units],
            self.combinations,
            {name: tensor[:, units] for name, tensor in self.values.items()},
            self.logs[:, units],
            self.images[:, units],
            [proposal.of(units) for proposal in self.proposals],
            {name: flag[units] for name, flag in self.possible.items()},
        )

    def add(self, other: "WeightedDraws") -> "WeightedDraws":
        """The draws of both."""
        return WeightedDraws(
            torch.cat([self.scales, other.scales]),
            torch.cat([self.codes, other.codes]),
            self.combinations,
            {name: torch.cat([tensor, other.values[name]]) for name, tensor in self.values.items()},
            torch.cat([self.logs, other.logs]),
            torch.cat([self.images, other.images]),
            [*self.proposals, *other.proposals],
            {name: flag | other.possible[name] for name, flag in self.possible.items()},
        )

    def proposal(self, heat: Heat, *, labels: bool) -> Proposal:
        """A Gaussian with the weighted moments of the draws, widened, and the labels by their weights if wanted."""
        weight = _flattened(self.weights(heat), self.scales.shape[-1] + LEAST_EFFECTIVE)
        mean = (weight[..., None] * self.scales).sum(dim=0)
        apart = self.scales - mean
        covariance = torch.einsum("tb,tbi,tbj->bij", weight, apart, apart)
        noise = MultivariateNormal(mean, WIDER * covariance + 1e-8 * torch.eye(self.scales.shape[-1]).to(self.scales))
        if not labels or self.combinations == 1:
            return Proposal(noise)
        share = (1 - EVEN) * self.by_labels(weight.log()).exp() + EVEN / self.combinations
        return Proposal(noise, share.T.log())

    @cached_property
    def _exact(self) -> Tensor:
        """Log weights without the tempered images, `(S, b)`: exact factors, and prior over the mixture of proposals."""
        if len(self.proposals) == 1:
            return self.logs
        prior = _log_standard(self.scales)
        rounds = [prior if q.noise is None else q.noise.log_prob(self.scales) for q in self.proposals]
        if any(q.labels is not None for q in self.proposals):
            even = -math.log(self.combinations)
            shares = [even if q.labels is None else q.labels.T.gather(0, self.codes) for q in self.proposals]
            rounds = [log + share for log, share in zip(rounds, shares)]
        return self.logs + prior - torch.stack(rounds).logsumexp(dim=0)


def _flattened(logs: Tensor, least: int) -> Tensor:
    """Weights `(S, b)` raised to the largest power of at most 1 that gives an effective sample size of `least`.

    Moments of a few dominating draws have no spread, and the next round could not leave them.
    """
    logs = torch.where(logs.isfinite(), logs, logs.new_tensor(-1e9))
    low, high = torch.zeros_like(logs[0]), torch.ones_like(logs[0])
    for power in (high, *[None] * HALVINGS):
        middle = (low + high) / 2 if power is None else power
        enough = 1 / torch.softmax(middle * logs, dim=0).square().sum(dim=0) >= least
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return torch.softmax(low * logs, dim=0)


def _log_standard(scales: Tensor) -> Tensor:
    return -0.5 * (scales.square() + math.log(2 * math.pi)).sum(dim=-1)
