"""Images that are unusually near to training units: distances, copy rate, and the units that are revealed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from .bootstrap import Interval, bootstrap
from .controls import FLOOR, IDENTITY, MODEL, UNSEEN
from .given_away import given_away
from .nearness import Nearness, closeness
from .result import MetricResult
from .units import ALL

__all__ = ["COPY_RATE", "DISTANCE", "GIVEN_AWAY", "Copying", "copying", "counted"]

DISTANCE, COPY_RATE = "distance to the nearest training image", "copy rate"
GIVEN_AWAY = "training units given away"
CALIBRATION = 0.01
"""Share of images that count as copies by chance alone."""


@dataclass(frozen=True, eq=False)
class Copying:
    """How much generated images reveal about the training units.

    Args:
        results: Distance, copy rate and revealed units, with controls.
        rate: The copy rate of the model.
        chance: The highest copy rate of a control.
        established: Whether the copy rate is higher than chance allows for a control.
        flagged: The training units that are revealed, bool `(units,)`.
    """

    results: tuple[MetricResult, ...]
    rate: Interval
    chance: float
    established: bool
    flagged: NDArray[np.bool_]


def copying(images: Nearness, real: Nearness, *, query: str, seed: int = 0) -> Copying:
    """Compare generated images, and held-out ones as their control, with the training units.

    An image counts as a copy if its relative distance to the nearest training unit is below a threshold that one in a hundred
    held-out images reaches, and one in a hundred of the generated images with held-out units in place of training units.
    A unit is revealed if images are nearer to it than chance explains, and nearer than held-out images are, since some
    units are near to many images.

    Args:
        images: The generated images.
        real: The held-out images.
        query: Label of the images in tables.
        seed: Seed of the bootstrap.
    """
    threshold = min(np.quantile(real.ratio, CALIBRATION), np.quantile(images.unseen, CALIBRATION))
    control = FLOOR if images.own is None else IDENTITY
    apart, real_units = (np.arange(len(n.ratio)) if n.own is None else n.own for n in (images, real))
    # Images near to one training unit are not independent.
    rates = {
        MODEL: bootstrap(images.ratio < threshold, images.nearest, seed=seed),
        control: bootstrap(real.ratio < threshold, real_units, seed=seed),
        UNSEEN: bootstrap(images.unseen < threshold, apart, seed=seed),
    }
    distances = {
        MODEL: bootstrap(images.distance, images.nearest, seed=seed),
        control: bootstrap(real.distance, real_units, seed=seed),
    }
    close = closeness(images.to_training, images.own)
    held = closeness(images.to_held_out, images.own)
    flagged = given_away(close, held)
    pull = (close - closeness(real.to_training, real.own), held - closeness(real.to_held_out, real.own))
    flagged &= given_away(*pull)
    sizes = {MODEL: len(images.ratio), control: len(real.ratio), UNSEEN: len(images.ratio)}
    chance = max(rates[control].value, rates[UNSEEN].value)
    results = [
        MetricResult(
            DISTANCE, query, row, ALL, *value, sizes[row], "grey levels RMS", "higher", distances[control].value
        )
        for row, value in distances.items()
    ]
    results += [
        MetricResult(COPY_RATE, query, row, ALL, *value, sizes[row], "", "lower", chance)
        for row, value in rates.items()
    ]
    # Few held-out images reach the threshold, so that bootstrap intervals would be too narrow; exact intervals are not.
    units = {control: len(np.unique(real_units)), UNSEEN: len(np.unique(apart))}
    highest = max(
        binomtest(round(rates[row].value * count), count).proportion_ci(0.95).high for row, count in units.items()
    )
    return Copying((*results, counted(flagged, query)), rates[MODEL], chance, bool(rates[MODEL].low > highest), flagged)


def counted(flagged: NDArray[np.bool_], query: str) -> MetricResult:
    """Return the number of training units that are revealed."""
    note = "a model that copies none usually has 0"
    count = float(flagged.sum())
    return MetricResult(GIVEN_AWAY, query, MODEL, ALL, count, np.nan, np.nan, len(flagged), "units", "lower", 0.0, note)
