"""How an effect is estimated and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, nearest
from ..grammar.populations import POPULATIONS, population_of

__all__ = ["INTERVALS", "EstimationSettings", "check_level"]

LEAST_SIMULATIONS = 10
LEAST_RESAMPLES = 100
LEAST_IN_TAILS = 4  # number of resamples outside a bootstrap interval, both sides together
INTERVALS = ("analytic", "bootstrap")


@dataclass(frozen=True)
class EstimationSettings:
    """How an effect is estimated and checked; arguments of `estimate_effect`, checked once.

    Raises:
        DataError: An argument is out of range or unknown.
    """

    methods: Sequence[str] | None = None
    population: str = "whole"
    interval: str = "analytic"
    resamples: int = 400
    simulations: int = 30
    level: float = 0.95
    seed: int = 0

    @property
    def least_resamples(self) -> int:
        """Minimum number of resamples of a bootstrap at this level."""
        return max(LEAST_RESAMPLES, math.ceil(round(LEAST_IN_TAILS / (1 - self.level), 6)))

    def __post_init__(self) -> None:
        check_level(self.level)
        object.__setattr__(self, "population", population_of(self.population))
        for name in ("simulations", "resamples", "seed"):
            number = getattr(self, name)
            if not isinstance(number, int | np.integer) or number < 0:
                raise DataError(f"Expected {name} as a whole number of at least 0; got {number!r}.")
        if self.seed >= 2**32:
            raise DataError(f"Expected a seed below 2**32; got {self.seed}.")
        if self.simulations and self.simulations < LEAST_SIMULATIONS:
            raise DataError(f"Expected at least {LEAST_SIMULATIONS} simulations for a refuter; got {self.simulations}.")
        known = (*POPULATIONS.values(), *POPULATIONS)
        for name, words, word in (("population", known, self.population), ("interval", INTERVALS, self.interval)):
            if word not in words:
                raise DataError(f"Expected {name} among {', '.join(words)}; got {word!r}." + nearest(str(word), words))


def check_level(level: float) -> None:
    """Refuse an invalid level of an interval.

    Raises:
        DataError: Not a number between 0 and 1.
    """
    if not isinstance(level, int | float | np.number) or not 0 < level < 1:
        raise DataError(f"Expected level between 0 and 1, such as 0.95; got {level!r}.")
