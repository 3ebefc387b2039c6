"""The structural equations of MorphoMNIST, on arrays.

thickness = 0.5 + g,  g ~ Gamma(shape 10, rate 5)
intensity = 64 + 191 sigmoid(2 thickness - 5 + 0.5 e),  e ~ N(0, 1)
hue       = 20 + 260 sigmoid(0.8 (thickness - 2.5) + 0.01 (intensity - 158) + 0.5 v),  v ~ N(0, 1); colour variant only

All noises are scalar and enter monotonically, so they are recovered from the values.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

__all__ = ["attributes", "draw_noise", "hue_of", "intensity_noise", "intensity_of"]

Column = NDArray[np.float64]


def draw_noise(n: int, rng: np.random.Generator) -> dict[str, Column]:
    """`n` independent draws of every exogenous noise."""
    return {"g": rng.gamma(10, 1 / 5, n), "e": rng.normal(size=n), "v": rng.normal(size=n)}


def intensity_of(thickness: ArrayLike, e: ArrayLike) -> Column:
    """Intensity from thickness (px) and its noise."""
    return 64 + 191 * expit(2 * np.asarray(thickness, float) - 5 + 0.5 * np.asarray(e, float))


def intensity_noise(thickness: ArrayLike, intensity: ArrayLike) -> Column:
    """The noise e that gives `intensity` (between 64 and 255) at this thickness (px)."""
    return (logit((np.asarray(intensity, float) - 64) / 191) - 2 * np.asarray(thickness, float) + 5) / 0.5


def hue_of(thickness: ArrayLike, intensity: ArrayLike, v: ArrayLike) -> Column:
    """Hue in degrees from thickness (px), intensity and its noise."""
    score = 0.8 * (np.asarray(thickness, float) - 2.5) + 0.01 * (np.asarray(intensity, float) - 158)
    return 20 + 260 * expit(score + 0.5 * np.asarray(v, float))


def attributes(noise: Mapping[str, Column], do: Mapping[str, float] | None = None) -> dict[str, Column]:
    """thickness, intensity and hue under `do`, from noises `(N,)`."""
    do = do or {}
    blank = np.zeros(len(noise["g"]))
    thickness = blank + do.get("thickness", 0.5 + noise["g"])
    intensity = blank + do.get("intensity", intensity_of(thickness, noise["e"]))
    hue = blank + do.get("hue", hue_of(thickness, intensity, noise["v"]))
    return {"thickness": thickness, "intensity": intensity, "hue": hue}
