"""Membership advantage: how much better than chance can a score of the model distinguish training from held-out units?

advantage = true positive rate - false positive rate of the rule "a score above the threshold means training"; 0 by chance and 1
at most (Yeom, Giacomelli, Fredrikson and Jha, Privacy risk in machine learning, 2018). The threshold is chosen on one half of
the units and applied to the other half, so that a model without memory has 0 on average.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from .bootstrap import Interval

__all__ = ["Advantage", "membership_advantage"]

SPLITS = 20
LEVEL = 0.01


class Advantage(NamedTuple):
    """A membership advantage.

    Attributes:
        interval: The estimate with its 95 % interval over units.
        chance: Value below which 99 of 100 models without memory stay, at these numbers of units.
    """

    interval: Interval
    chance: float

    @property
    def established(self) -> bool:
        """Whether chance alone does not explain it."""
        return self.interval.value > self.chance


def membership_advantage(training: NDArray, held: NDArray, *, seed: int = 0) -> Advantage:
    """Advantage of a score that should be greater for training units.

    Args:
        training: One score for each training unit, `(N,)`.
        held: One score for each held-out unit, `(M,)`; both at least 4.
        seed: Seed of the halves.

    >>> rng = np.random.default_rng(0)
    >>> round(membership_advantage(rng.normal(9, 1, 100), rng.normal(0, 1, 100)).interval.value, 1)
    1.0
    """
    rng = np.random.default_rng(seed)
    rates = np.mean([_rates(training, held, rng) for _ in range(SPLITS)], axis=0)
    value = float(rates[0] - rates[1])
    sizes = np.array([len(training), len(held)])
    shrunk = (rates * sizes + 1) / (sizes + 2)  # an estimated rate of 0 or 1 is not free of error
    error = float(np.sqrt((shrunk * (1 - shrunk) / (sizes + 2)).sum()))
    chance = float(norm.ppf(1 - LEVEL) * np.sqrt((0.25 / sizes).sum()))
    return Advantage(Interval(value, max(-1.0, value - 1.96 * error), min(1.0, value + 1.96 * error)), chance)


def _rates(training: NDArray, held: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """True and false positive rate, each half judged by the threshold of the other one."""
    members, others = (np.array_split(rng.permutation(scores), 2) for scores in (training, held))
    judged = []
    for chosen, applied in ((0, 1), (1, 0)):
        threshold = _threshold(members[chosen], others[chosen])
        judged.append([(members[applied] > threshold).mean(), (others[applied] > threshold).mean()])
    return np.mean(judged, axis=0)


def _threshold(members: NDArray, others: NDArray) -> float:
    """The threshold with the greatest difference of the two rates."""
    candidates = np.sort(np.concatenate([members, others]))
    above = [
        1 - np.searchsorted(np.sort(scores), candidates, side="right") / len(scores) for scores in (members, others)
    ]
    return float(candidates[np.argmax(above[0] - above[1])])
